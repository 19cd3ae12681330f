package schema

import (
	"fmt"

	"github.com/apache/iceberg-go"
)

// Fit says how a table that exists is not the one that was declared; nothing if it is, or if it is what altering the declared one may
// have made of it: more optional columns, another order, wider types, required columns made optional.
func Fit(table, declared *iceberg.Schema) []error {
	var errs []error
	fitFields(table.Fields(), declared.Fields(), "", func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format, args...))
	})
	return errs
}

func fitFields(have, want []iceberg.NestedField, prefix string, fault func(string, ...any)) {
	byName := make(map[string]iceberg.NestedField, len(have))
	var names []string
	for _, f := range have {
		byName[f.Name] = f
		names = append(names, f.Name)
	}
	declared := make(map[string]bool, len(want))
	for _, w := range want {
		declared[w.Name] = true
		h, ok := byName[w.Name]
		if !ok {
			fault("column %s%s: declared as %s, and the table does not have it; the table has %s", prefix, w.Name, Describe(w.Type), list(names))
			continue
		}
		fitField(h, w, prefix+w.Name, fault)
	}
	for _, h := range have {
		if !declared[h.Name] && h.Required {
			fault("column %s%s: required in the table, and not declared", prefix, h.Name)
		}
	}
}

func fitField(have, want iceberg.NestedField, path string, fault func(string, ...any)) {
	if have.Required && !want.Required {
		fault("column %s: required in the table, declared optional", path)
	}
	switch w := want.Type.(type) {
	case *iceberg.StructType:
		if h, ok := have.Type.(*iceberg.StructType); ok {
			fitFields(h.FieldList, w.FieldList, path+".", fault)
			return
		}
	case *iceberg.ListType:
		if h, ok := have.Type.(*iceberg.ListType); ok {
			fitField(h.ElementField(), w.ElementField(), path+".element", fault)
			return
		}
	case *iceberg.MapType:
		if h, ok := have.Type.(*iceberg.MapType); ok {
			fitField(h.KeyField(), w.KeyField(), path+".key", fault)
			fitField(h.ValueField(), w.ValueField(), path+".value", fault)
			return
		}
	}
	if !wider(have.Type, want.Type) {
		fault("column %s: %s in the table, declared as %s", path, Describe(have.Type), Describe(want.Type))
	}
}

// wider tells whether type have is want, or what Iceberg lets want be widened to.
func wider(have, want iceberg.Type) bool {
	switch w := want.(type) {
	case iceberg.Int32Type:
		if _, ok := have.(iceberg.Int64Type); ok {
			return true
		}
	case iceberg.Float32Type:
		if _, ok := have.(iceberg.Float64Type); ok {
			return true
		}
	case iceberg.DecimalType:
		if h, ok := have.(iceberg.DecimalType); ok {
			return h.Scale() == w.Scale() && h.Precision() >= w.Precision()
		}
	}
	return have.Equals(want)
}

// list names at most a few.
func list(names []string) string {
	const most = 8
	s := ""
	for i, n := range names {
		if i == most {
			return s + fmt.Sprintf(" and %d more", len(names)-most)
		}
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}
