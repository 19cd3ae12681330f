// Package partition computes the partitions of decoded rows, exactly as the Iceberg specification's transforms
// say: null stays null, times are UTC, everything before 1970 is floored.
//
// A Scheme is compiled once per schema and spec. Two rows share a file if and only if Key gives the same bytes for
// both; the path of a partition is decoration for people and is never used to tell partitions apart.
package partition

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
)

// Scheme is a partition spec bound to the columns of a schema. It is immutable and safe for concurrent use.
type Scheme struct {
	fields []field
}

// field is one field of the spec: where its source is, and what becomes of it.
type field struct {
	id     int
	name   string // of the partition field, as in the spec
	column string // dotted name of the source column, for errors
	path   []int  // indexes of columns, from the top level down
	result iceberg.Type
	apply  func(c *decode.Column, i int) value
	show   func(v value) string // for paths, not escaped
}

// value is what a transform gives: a number or bytes, by the result type.
type value struct {
	null bool
	n    int64  // boolean, int, long, date, time, timestamps, and the bits of floats
	b    []byte // string, binary, fixed, uuid; decimals as 16 bytes, little endian
}

// Compile binds spec to the columns of schema. It refuses what the specification forbids to write: transforms that
// are not known, and sources that are missing, inside lists or maps, or of a type that the transform does not take.
func Compile(schema *iceberg.Schema, spec iceberg.PartitionSpec) (*Scheme, error) {
	s := &Scheme{}
	for i := range spec.NumFields() {
		pf := spec.Field(i)
		f, err := compile(schema, pf)
		if err != nil {
			return nil, fmt.Errorf("partition field %s, %s: %w", pf.Name, pf.Transform, err)
		}
		s.fields = append(s.fields, f)
	}
	return s, nil
}

func compile(schema *iceberg.Schema, pf iceberg.PartitionField) (field, error) {
	f := field{id: pf.FieldID, name: pf.Name}
	if _, void := pf.Transform.(iceberg.VoidTransform); void {
		// The source of a void field may be gone; its type matters for the manifest only.
		f.result = iceberg.PrimitiveTypes.Int32
		if src, ok := schema.FindFieldByID(pf.SourceID()); ok {
			f.result = src.Type
		}
		f.apply = func(*decode.Column, int) value { return value{null: true} }
		f.show = showInt
		return f, nil
	}
	if len(pf.SourceIDs) > 1 {
		return f, fmt.Errorf("transforms of several columns are not supported")
	}
	path, src, ok := find(schema.AsStruct().FieldList, pf.SourceID())
	if !ok {
		return f, fmt.Errorf("its source, field id %d, is no column of schema %d outside lists and maps", pf.SourceID(), schema.ID)
	}
	f.path = path
	f.column, _ = schema.FindColumnName(pf.SourceID())
	var err error
	f.apply, f.result, err = transform(pf.Transform, src.Type)
	if err != nil {
		return f, fmt.Errorf("column %s: %w", f.column, err)
	}
	f.show = shower(pf.Transform, f.result)
	return f, nil
}

// find looks for a field id among fields and, through structs, below them.
func find(fields []iceberg.NestedField, id int) ([]int, iceberg.NestedField, bool) {
	for i, f := range fields {
		if f.ID == id {
			return []int{i}, f, true
		}
		if st, ok := f.Type.(*iceberg.StructType); ok {
			if below, found, ok := find(st.FieldList, id); ok {
				return append([]int{i}, below...), found, true
			}
		}
	}
	return nil, iceberg.NestedField{}, false
}

// Unpartitioned tells whether all rows are in one partition.
func (s *Scheme) Unpartitioned() bool { return len(s.fields) == 0 }

// Key appends to dst what identifies the partition of row i of rows: the typed values of the tuple.
func (s *Scheme) Key(dst []byte, rows *decode.Rows, i int) []byte {
	for k := range s.fields {
		f := &s.fields[k]
		v := f.at(rows, i)
		switch {
		case v.null:
			dst = append(dst, 0)
		case v.b != nil:
			dst = append(dst, 1)
			dst = binary.AppendUvarint(dst, uint64(len(v.b)))
			dst = append(dst, v.b...)
		default:
			dst = append(dst, 2)
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v.n))
		}
	}
	return dst
}

// Tuple is the value of one partition.
type Tuple struct {
	Values  map[int]any    // by partition field id, in the types that iceberg-go writes to manifests; null is nil
	Logical map[int]string // the Avro logical types that its data file builder wants beside them
	Path    string         // "day=2024-01-01/region=EU", escaped and bounded; empty if unpartitioned
}

// Tuple gives the partition of row i of rows.
func (s *Scheme) Tuple(rows *decode.Rows, i int) Tuple {
	t := Tuple{Values: make(map[int]any, len(s.fields)), Logical: map[int]string{}}
	for k := range s.fields {
		f := &s.fields[k]
		v := f.at(rows, i)
		t.Values[f.id] = boxed(f.result, v)
		if l := logical(f.result); l != "" {
			t.Logical[f.id] = l
		}
		text := "null"
		if !v.null {
			text = f.show(v)
		}
		if k > 0 {
			t.Path += "/"
		}
		limit := segmentLimit(len(s.fields))
		t.Path += Escape(f.name, limit/2) + "=" + Escape(text, limit/2)
	}
	return t
}

// at is the transformed value of row i. A null struct makes the fields below it null.
func (f *field) at(rows *decode.Rows, i int) value {
	if f.path == nil {
		return value{null: true}
	}
	c := rows.Columns[f.path[0]]
	for _, k := range f.path[1:] {
		if c.IsNull(i) {
			return value{null: true}
		}
		c = c.Children[k]
	}
	if c.IsNull(i) {
		return value{null: true}
	}
	return f.apply(c, i)
}
