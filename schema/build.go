package schema

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/iceberg-go"
)

// reserved are the names of Iceberg's metadata columns: a column of the name hides them from readers.
var reserved = map[string]bool{
	"_file": true, "_pos": true, "_deleted": true, "_spec_id": true, "_partition": true, "_row_id": true, "_last_updated_sequence_number": true,
	"_change_type": true, "_change_ordinal": true, "_commit_snapshot_id": true,
}

// MaxColumns is how many columns, nested ones included, a declared table may have.
const MaxColumns = 10_000

// Build makes the schema and the partition spec of a table to be created: the columns as declared, then the kafka
// columns in the order of KafkaColumnNames. Field ids count from 1, partition fields from 1000. On any error the schema is nil; the errors
// are all that was found.
func Build(columns []Column, kafkaColumns []string, partitionBy []string, formatVersion int) (*iceberg.Schema, iceberg.PartitionSpec, []error) {
	b := &builder{version: formatVersion}
	if formatVersion != 2 && formatVersion != 3 {
		b.errorf("format version %d: sinker creates tables of version 2 or 3", formatVersion)
	}
	if len(columns)+len(kafkaColumns) == 0 {
		b.errorf("columns: a table needs at least one")
	}
	var fields []iceberg.NestedField
	for i, c := range columns {
		if f, ok := b.column(i, c); ok {
			fields = append(fields, f)
		}
	}
	fields = append(fields, b.kafka(kafkaColumns)...)
	b.names(fields, "")
	b.dots(fields)
	b.assignAll(fields)
	if b.ids > MaxColumns {
		b.errorf("columns: %d with nested ones, the limit is %d", b.ids, MaxColumns)
	}
	if len(b.errs) > 0 {
		// The columns are known well enough to look at the partition fields too, so that all faults show at once.
		b.partitionFaults(fields, partitionBy)
		return nil, iceberg.PartitionSpec{}, b.errs
	}
	sc := iceberg.NewSchema(0, fields...)
	spec := b.partition(sc, partitionBy)
	if len(b.errs) > 0 {
		return nil, iceberg.PartitionSpec{}, b.errs
	}
	return sc, spec, nil
}

type builder struct {
	version int
	ids     int
	errs    []error
}

func (b *builder) errorf(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(format, args...))
}

func (b *builder) column(i int, c Column) (iceberg.NestedField, bool) {
	if c.Name == "" {
		b.errorf("column %d: has no name", i+1)
		return iceberg.NestedField{}, false
	}
	t, err := ParseType(c.Type)
	if err != nil {
		b.errorf("column %s: %w", c.Name, err)
		// A stand-in, so that faults of its name and of partition fields on it are found as well.
		return iceberg.NestedField{Name: c.Name, Type: iceberg.UnknownType{}}, true
	}
	if b.version == 2 && holdsNanos(t) {
		b.errorf("column %s: type %s: nanoseconds need format version 3", c.Name, c.Type)
	}
	return iceberg.NestedField{Name: c.Name, Type: t, Required: c.Required, Doc: c.Doc}, true
}

func holdsNanos(t iceberg.Type) bool {
	switch t := t.(type) {
	case iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return true
	case iceberg.NestedType:
		for _, f := range t.Fields() {
			if holdsNanos(f.Type) {
				return true
			}
		}
	}
	return false
}

// kafka gives the definitions of our columns, in one order whatever order they were named in.
func (b *builder) kafka(names []string) []iceberg.NestedField {
	asked := make(map[string]int)
	for _, name := range names {
		if _, ok := KafkaColumn(name); !ok {
			b.errorf("kafka column %q: %s", name, UnknownKafkaColumn(name))
			continue
		}
		if asked[name]++; asked[name] == 2 {
			b.errorf("kafka column %s: named twice", name)
		}
	}
	var fields []iceberg.NestedField
	for _, name := range KafkaColumnNames {
		if asked[name] > 0 {
			f, _ := KafkaColumn(name)
			fields = append(fields, f)
		}
	}
	return fields
}

// names checks the names of one level, and of the levels below.
func (b *builder) names(fields []iceberg.NestedField, prefix string) {
	folded := make(map[string]string)
	for _, f := range fields {
		path := prefix + f.Name
		if why := badName(f.Name); why != "" {
			b.errorf("column %s: %s", path, why)
		}
		if prefix == "" && reserved[f.Name] {
			b.errorf("column %s: the name is reserved for a metadata column of Iceberg", path)
		}
		fold := strings.ToLower(f.Name)
		switch earlier, ok := folded[fold]; {
		case ok && earlier == f.Name:
			b.errorf("column %s: declared twice%s", path, ourName(f.Name, prefix))
		case ok:
			b.errorf("column %s: differs from %s in case only, which Hive, Spark and Glue cannot read", path, prefix+earlier)
		default:
			folded[fold] = f.Name
		}
		b.namesBelow(f.Type, path)
	}
}

func ourName(name, prefix string) string {
	if prefix == "" && strings.HasPrefix(name, KafkaPrefix) {
		return "; kafka_columns makes a column of that name"
	}
	return ""
}

func (b *builder) namesBelow(t iceberg.Type, path string) {
	switch t := t.(type) {
	case *iceberg.StructType:
		b.names(t.FieldList, path+".")
	case *iceberg.ListType:
		b.namesBelow(t.Element, path+".element")
	case *iceberg.MapType:
		b.namesBelow(t.ValueType, path+".value")
	}
}

func badName(name string) string {
	if name == "" {
		return "the name is empty"
	}
	if len(name) > 255 {
		return fmt.Sprintf("the name has %d bytes, the limit is 255", len(name))
	}
	if !utf8.ValidString(name) {
		return "the name is not UTF-8"
	}
	if strings.TrimSpace(name) != name {
		return "the name begins or ends in white space"
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fmt.Sprintf("the name holds the control character %U", r)
		}
	}
	return ""
}

// dots refuses a name with dots that is also the path of a nested column: readers find columns by such paths.
func (b *builder) dots(fields []iceberg.NestedField) {
	seen := make(map[string]bool)
	var walk func(fields []iceberg.NestedField, prefix string)
	walk = func(fields []iceberg.NestedField, prefix string) {
		level := make(map[string]bool)
		for _, f := range fields {
			path := prefix + f.Name
			if seen[path] && !level[path] {
				b.errorf("column %s: the name, its dots included, is also the path of another column", path)
			}
			seen[path], level[path] = true, true
			if t, ok := f.Type.(iceberg.NestedType); ok {
				walk(t.Fields(), path+".")
			}
		}
	}
	walk(fields, "")
}

// assignAll gives field ids, level by level, as Iceberg's own libraries do.
func (b *builder) assignAll(fields []iceberg.NestedField) {
	for i := range fields {
		b.ids++
		fields[i].ID = b.ids
	}
	for i := range fields {
		fields[i].Type = b.assign(fields[i].Type)
	}
}

func (b *builder) assign(t iceberg.Type) iceberg.Type {
	switch t := t.(type) {
	case *iceberg.StructType:
		b.assignAll(t.FieldList)
	case *iceberg.ListType:
		b.ids++
		t.ElementID = b.ids
		t.Element = b.assign(t.Element)
	case *iceberg.MapType:
		t.KeyID, t.ValueID = b.ids+1, b.ids+2
		b.ids += 2
		t.KeyType, t.ValueType = b.assign(t.KeyType), b.assign(t.ValueType)
	}
	return t
}

// Writable says why rows of this schema cannot be written; nil if they can. Sinker writes every type of format version 2 and
// the nanosecond timestamps of version 3. A column of another type is refused even where it is optional: leaving it out would lose what
// records hold for it.
func Writable(sc *iceberg.Schema) error {
	var errs []error
	var walk func(f iceberg.NestedField, path string)
	walk = func(f iceberg.NestedField, path string) {
		switch t := f.Type.(type) {
		case iceberg.UnknownType, iceberg.VariantType, iceberg.GeometryType, iceberg.GeographyType:
			errs = append(errs, fmt.Errorf("column %s: sinker does not write type %s yet", path, f.Type))
		case iceberg.NestedType:
			for _, child := range t.Fields() {
				walk(child, path+"."+child.Name)
			}
			if s, ok := t.(*iceberg.StructType); ok && len(s.FieldList) == 0 {
				errs = append(errs, fmt.Errorf("column %s: a struct without fields has no place in Parquet", path))
			}
			if m, ok := t.(*iceberg.MapType); ok {
				if _, nested := m.KeyType.(iceberg.NestedType); nested {
					errs = append(errs, fmt.Errorf("column %s: sinker does not fill maps whose key is %s", path, Describe(m.KeyType)))
				}
			}
		}
		if f.WriteDefault != nil {
			errs = append(errs, fmt.Errorf("column %s: has a write default, which sinker does not apply yet", path))
		}
	}
	for _, f := range sc.Fields() {
		walk(f, f.Name)
	}
	if len(sc.Fields()) == 0 {
		errs = append(errs, errors.New("the table has no columns"))
	}
	return errors.Join(errs...)
}
