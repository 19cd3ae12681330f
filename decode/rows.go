package decode

import (
	"errors"
	"math/bits"

	"github.com/apache/iceberg-go"
)

// ErrFull says that rows cannot take one more record: the 32-bit offsets of a column could run over. Nothing was
// appended and the record is not at fault; take the rows away, Reset, and append it again.
var ErrFull = errors.New("rows are full: 2 GiB of records since the last reset")

// maxVolume is the most bytes of records that one Rows takes. Every byte of a record ends in any one column at most
// once, so that no offset of a column can be larger.
const maxVolume = 1<<31 - 1

// Rows are decoded records as columns. A Rows belongs to one goroutine; Reset keeps its memory. Made by NewRows.
type Rows struct {
	Schema  *iceberg.Schema
	Columns []*Column // one per top-level field of Schema, in its order
	N       int       // rows; every top-level column has exactly N entries

	volume int64 // bytes of the records appended since Reset; bounds every Offsets
}

// Column is the values of one field of a schema. Which slice holds them follows from Field.Type:
//
//	boolean                         Bytes, one byte per entry, 0 or 1
//	int, date                       I32 (date: days since 1970-01-01)
//	long, time, timestamp[tz]       I64 (time: µs since midnight; timestamps: µs since 1970-01-01T00:00:00)
//	timestamp[tz]_ns                I64 (ns)
//	float / double                  F32 / F64
//	decimal(p,s)                    Bytes, 16 bytes per entry: the unscaled value, two's complement, little endian
//	uuid, fixed[n]                  Bytes, 16 or n bytes per entry
//	string, binary                  Bytes and Offsets (entry i is Bytes[Offsets[i]:Offsets[i+1]])
//	struct                          Children, one per field, each with the entries of the parent
//	list                            Offsets into Children[0]
//	map                             Offsets into Children[0] (keys) and Children[1] (values)
//
// A null entry takes its place in every fixed-width slice (with zeros), in Offsets (empty) and in the
// children of a struct (null, or zeros where the child is required).
type Column struct {
	Field    iceberg.NestedField // Field.ID is the Iceberg field id
	Len      int                 // entries
	Valid    []byte              // bitmap, least significant bit first, 1 = value; nil while no entry is null
	Nulls    int
	Bytes    []byte
	Offsets  []int32 // Len+1 entries for string, binary, list, map; starts with 0
	I32      []int32
	I64      []int64
	F32      []float32
	F64      []float64
	Children []*Column

	kind  kind
	width int    // bytes per entry of a fixed-width column in Bytes
	spare []byte // the memory of Valid while it is nil
}

// NewRows makes empty columns for schema. It panics on a type that schema.Writable refuses.
func NewRows(schema *iceberg.Schema) *Rows {
	r := &Rows{Schema: schema}
	for _, f := range schema.Fields() {
		r.Columns = append(r.Columns, newColumn(f))
	}
	return r
}

func newColumn(f iceberg.NestedField) *Column {
	k, width := kindOf(f.Type)
	c := &Column{Field: f, kind: k, width: width}
	switch k {
	case kindNone:
		panic("decode: column " + f.Name + ": type " + f.Type.String() + " has no columns")
	case kindStruct, kindList, kindMap:
		for _, child := range f.Type.(iceberg.NestedType).Fields() {
			c.Children = append(c.Children, newColumn(child))
		}
	}
	if k.hasOffsets() {
		c.Offsets = append(c.Offsets, 0)
	}
	return c
}

// Reset removes all rows and keeps the memory.
func (r *Rows) Reset() { r.Truncate(0); r.volume = 0 }

// Truncate keeps the first n rows. n must not be larger than N.
func (r *Rows) Truncate(n int) {
	for _, c := range r.Columns {
		c.truncate(n)
	}
	r.N = n
}

// Memory is how many bytes the columns hold, used or not.
func (r *Rows) Memory() int64 {
	var n int64
	for _, c := range r.Columns {
		n += c.Memory()
	}
	return n
}

// Take appends the rows idx (in any order) to dst, which must have been made from the same schema and must not be
// r itself. A row that is taken more than once counts once more against the 2 GiB of dst; Take panics beyond them.
func (r *Rows) Take(dst *Rows, idx []int32) {
	if len(dst.Columns) != len(r.Columns) {
		panic("decode: Take between rows of different schemas")
	}
	for i, c := range r.Columns {
		dst.Columns[i].take(c, idx)
	}
	dst.N += len(idx)
	if r.N > 0 {
		// Exact enough for a bound: what the whole source took, in the share of the rows that moved, rounded up.
		dst.volume = min(maxVolume, dst.volume+(r.volume*int64(len(idx))+int64(r.N)-1)/int64(r.N))
		for _, c := range dst.Columns {
			dst.volume = max(dst.volume, c.extent())
		}
	}
}

// IsNull tells whether entry i is null.
func (c *Column) IsNull(i int) bool { return c.Valid != nil && c.Valid[i>>3]&(1<<(i&7)) == 0 }

// Value is the bytes of entry i of a column of boolean, decimal, uuid, fixed, string or binary. They belong to the column.
func (c *Column) Value(i int) []byte {
	if c.Offsets != nil {
		return c.Bytes[c.Offsets[i]:c.Offsets[i+1]]
	}
	return c.Bytes[i*c.width : (i+1)*c.width]
}

// Range is where entry i of a list or map begins and ends in its children.
func (c *Column) Range(i int) (from, to int) { return int(c.Offsets[i]), int(c.Offsets[i+1]) }

// Memory is how many bytes the column and its children hold, used or not.
func (c *Column) Memory() int64 {
	n := int64(cap(c.Bytes)) + 4*int64(cap(c.Offsets)+cap(c.I32)+cap(c.F32)) + 8*int64(cap(c.I64)+cap(c.F64))
	n += int64(max(cap(c.Valid), cap(c.spare)))
	for _, child := range c.Children {
		n += child.Memory()
	}
	return n
}

// extent is the largest offset of the column and its children.
func (c *Column) extent() int64 {
	var n int64
	if c.Offsets != nil {
		n = int64(c.Offsets[c.Len])
	}
	for _, child := range c.Children {
		n = max(n, child.extent())
	}
	return n
}

// truncate keeps the first n entries. Whatever a half-done append left behind them goes as well.
func (c *Column) truncate(n int) {
	if c.Valid != nil {
		c.dropValidity(n)
	}
	switch {
	case c.kind.hasOffsets():
		c.Offsets = c.Offsets[:n+1]
		end := int(c.Offsets[n])
		if c.kind == kindBytes {
			c.Bytes = c.Bytes[:end]
		}
		for _, child := range c.Children {
			child.truncate(end)
		}
	case c.kind == kindStruct:
		for _, child := range c.Children {
			child.truncate(n)
		}
	case c.kind == kindI32:
		c.I32 = c.I32[:n]
	case c.kind == kindI64:
		c.I64 = c.I64[:n]
	case c.kind == kindF32:
		c.F32 = c.F32[:n]
	case c.kind == kindF64:
		c.F64 = c.F64[:n]
	default:
		c.Bytes = c.Bytes[:n*c.width]
	}
	c.Len = n
}

func (c *Column) dropValidity(n int) {
	for i := n; i < c.Len; i++ {
		if c.IsNull(i) {
			c.Nulls--
		}
	}
	if c.Nulls == 0 {
		c.spare, c.Valid = c.Valid[:0], nil
		return
	}
	c.Valid = c.Valid[:(n+7)/8]
	if n&7 != 0 {
		c.Valid[n>>3] &= 1<<(n&7) - 1
	}
}

// grew counts one more entry that is not null, after its value was appended.
func (c *Column) grew() {
	if c.Valid != nil {
		c.mark(true)
	}
	c.Len++
}

// mark writes the bit of the entry at Len.
func (c *Column) mark(valid bool) {
	if c.Len&7 == 0 {
		c.Valid = append(c.Valid, 0)
	}
	if valid {
		c.Valid[c.Len>>3] |= 1 << (c.Len & 7)
	}
}

// makeValid gives the column a bitmap, with all entries so far valid.
func (c *Column) makeValid() {
	c.Valid, c.spare = c.spare[:0], nil
	if c.Valid == nil {
		c.Valid = make([]byte, 0, 64)
	}
	for i := 0; i < c.Len>>3; i++ {
		c.Valid = append(c.Valid, 0xff)
	}
	if c.Len&7 != 0 {
		c.Valid = append(c.Valid, 1<<(c.Len&7)-1)
	}
}

// appendNull appends a null entry: its own, whether or not the field is required.
func (c *Column) appendNull() {
	if c.Valid == nil {
		c.makeValid()
	}
	c.mark(false)
	c.Nulls++
	c.appendZero()
}

// appendZero appends what stands in the place of a null, and counts the entry.
func (c *Column) appendZero() {
	switch c.kind {
	case kindI32:
		c.I32 = append(c.I32, 0)
	case kindI64:
		c.I64 = append(c.I64, 0)
	case kindF32:
		c.F32 = append(c.F32, 0)
	case kindF64:
		c.F64 = append(c.F64, 0)
	case kindBytes, kindList, kindMap:
		c.Offsets = append(c.Offsets, c.Offsets[c.Len])
	case kindStruct:
		for _, child := range c.Children {
			if child.Field.Required {
				if child.Valid != nil {
					child.mark(true)
				}
				child.appendZero()
			} else {
				child.appendNull()
			}
		}
	default:
		for i := 0; i < c.width; i++ {
			c.Bytes = append(c.Bytes, 0)
		}
	}
	c.Len++
}

// validRange tells how many of the entries [from, to) are null.
func (c *Column) nullsIn(from, to int) int {
	if c.Valid == nil {
		return 0
	}
	n := 0
	for i := from; i < to; {
		if i&7 == 0 && i+8 <= to {
			n += 8 - bits.OnesCount8(c.Valid[i>>3])
			i += 8
			continue
		}
		if c.IsNull(i) {
			n++
		}
		i++
	}
	return n
}
