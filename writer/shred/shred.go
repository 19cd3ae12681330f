// Package shred turns decoded columns into the streams that Parquet stores: for each leaf of the schema the values
// that are there, with the definition and repetition levels that say where.
//
// Definition levels count the optional and repeated fields on the path that are present, repetition levels say at
// which list or map an entry goes on; both as the Parquet format defines them.
package shred

import (
	"fmt"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
)

// Kind is which slice of a Batch holds the values of a leaf.
type Kind uint8

const (
	Bool    Kind = iota // Bools
	I32                 // int, date
	I64                 // long, time, timestamps
	F32                 //
	F64                 //
	Bytes               // string, binary: of any length
	Fixed               // uuid, fixed: of one length, Leaf.Width
	Decimal             // 16 bytes, little endian, whatever the precision
)

// Leaf is a primitive field of a schema.
type Leaf struct {
	Field    iceberg.NestedField
	Name     string   // dotted, as in Iceberg's metrics properties: "a.list.element" is "a.element"
	Path     []string // names in the Parquet file, with the groups that lists and maps have there
	Kind     Kind
	Width    int // bytes of a value of kind Fixed
	MaxDef   int16
	MaxRep   int16 // above 0 inside a list or map
	Optional bool  // the leaf itself, not its ancestors

	top  int   // index of the top-level column
	down []int // from there: indexes of children
}

// Selection is the rows From, From+1, … To-1, or, if Index is set, the rows Index[From:To] in that order.
type Selection struct {
	From, To int
	Index    []int32
}

// Len is the number of rows.
func (s Selection) Len() int { return s.To - s.From }

// Cut splits off the first n rows.
func (s Selection) Cut(n int) (head, tail Selection) {
	head, tail = s, s
	head.To = s.From + n
	tail.From = head.To
	return head, tail
}

// Row is the k-th row of the selection.
func (s Selection) Row(k int) int {
	if s.Index != nil {
		return int(s.Index[s.From+k])
	}
	return s.From + k
}

// Leaves lists the primitive fields of schema in the order in which a Parquet file has them.
func Leaves(schema *iceberg.Schema) ([]Leaf, error) {
	var out []Leaf
	for i, f := range schema.Fields() {
		var err error
		if out, err = appendLeaves(out, Leaf{top: i}, f, f.Name, f.Name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// appendLeaves adds the leaves of field f, whose ancestors have given at its path and levels.
func appendLeaves(out []Leaf, at Leaf, f iceberg.NestedField, name string, names ...string) ([]Leaf, error) {
	at.Path = append(append([]string(nil), at.Path...), names...)
	if at.Name != "" {
		name = at.Name + "." + name
	}
	at.Name = name
	if !f.Required {
		at.MaxDef++
	}
	child := func(k int, f iceberg.NestedField, names ...string) (err error) {
		below := at
		below.down = append(append([]int(nil), at.down...), k)
		out, err = appendLeaves(out, below, f, f.Name, names...)
		return err
	}
	switch t := f.Type.(type) {
	case *iceberg.StructType:
		for k, c := range t.FieldList {
			if err := child(k, c, c.Name); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *iceberg.ListType:
		at.MaxDef, at.MaxRep = at.MaxDef+1, at.MaxRep+1
		err := child(0, t.ElementField(), "list", "element")
		return out, err
	case *iceberg.MapType:
		at.MaxDef, at.MaxRep = at.MaxDef+1, at.MaxRep+1
		if err := child(0, t.KeyField(), "key_value", "key"); err != nil {
			return nil, err
		}
		err := child(1, t.ValueField(), "key_value", "value")
		return out, err
	}
	var ok bool
	at.Field, at.Optional = f, !f.Required
	if at.Kind, at.Width, ok = kindOf(f.Type); !ok {
		return nil, fmt.Errorf("column %s: type %s cannot be written", name, f.Type)
	}
	return append(out, at), nil
}

func kindOf(t iceberg.Type) (k Kind, width int, ok bool) {
	switch t := t.(type) {
	case iceberg.BooleanType:
		return Bool, 0, true
	case iceberg.Int32Type, iceberg.DateType:
		return I32, 0, true
	case iceberg.Int64Type, iceberg.TimeType, iceberg.TimestampType, iceberg.TimestampTzType,
		iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return I64, 0, true
	case iceberg.Float32Type:
		return F32, 0, true
	case iceberg.Float64Type:
		return F64, 0, true
	case iceberg.StringType, iceberg.BinaryType:
		return Bytes, 0, true
	case iceberg.UUIDType:
		return Fixed, 16, true
	case iceberg.FixedType:
		return Fixed, t.Len(), true
	case iceberg.DecimalType:
		return Decimal, 16, true
	}
	return 0, 0, false
}

// Raw is how many bytes the values of rows need, by their lengths and not by the room that was made for them.
func Raw(rows *decode.Rows) int64 {
	var n int64
	for _, c := range rows.Columns {
		n += raw(c)
	}
	return n
}

func raw(c *decode.Column) int64 {
	n := int64(len(c.Valid)+len(c.Bytes)) + 4*int64(len(c.Offsets)+len(c.I32)+len(c.F32)) + 8*int64(len(c.I64)+len(c.F64))
	for _, child := range c.Children {
		n += raw(child)
	}
	return n
}
