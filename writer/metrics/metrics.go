// Package metrics counts and bounds the columns of one data file, so that readers can skip it, and rightly so: for
// every value of a column lower <= value <= upper, or there is no bound.
//
// Everything is computed from the columns that are written, never from a footer: footers leave out what is long, and
// hold nothing about NaN.
package metrics

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/writer/shred"
)

// Collector sees all batches of one file. It belongs to one goroutine.
type Collector struct {
	leaves  []shred.Leaf
	modes   []Mode
	columns []column
}

// column is what is known of one leaf.
type column struct {
	rows, nulls, nans int64
	seen              bool // lo and hi are set
	lo, hi            int64
	flo, fhi          float64
	blo, bhi          []byte
}

// New starts a file. modes come from Modes, one per leaf.
func New(leaves []shred.Leaf, modes []Mode) *Collector {
	return &Collector{leaves: leaves, modes: modes, columns: make([]column, len(leaves))}
}

// Memory is about how many bytes the collector holds.
func (c *Collector) Memory() int64 {
	n := int64(len(c.columns)) * 128
	for i := range c.columns {
		n += int64(cap(c.columns[i].blo) + cap(c.columns[i].bhi))
	}
	return n
}

// Observe takes a batch of leaf i in.
func (c *Collector) Observe(i int, b *shred.Batch) {
	mode, leaf := c.modes[i], &c.leaves[i]
	if leaf.MaxRep > 0 || mode.Kind == None {
		return
	}
	col := &c.columns[i]
	col.rows += int64(b.N)
	col.nulls += int64(b.N - b.Values())
	switch leaf.Kind {
	case shred.F32:
		for _, v := range b.F32 {
			col.float(float64(v))
		}
		return
	case shred.F64:
		for _, v := range b.F64 {
			col.float(v)
		}
		return
	}
	if mode.Kind == Counts || b.Values() == 0 {
		return
	}
	switch leaf.Kind {
	case shred.Bool:
		for _, v := range b.Bools {
			n := int64(0)
			if v {
				n = 1
			}
			col.integers(n, n)
		}
	case shred.I32:
		lo, hi := extremes(b.I32)
		col.integers(int64(lo), int64(hi))
	case shred.I64:
		col.integers(extremes(b.I64))
	case shred.Decimal:
		for _, v := range b.Bytes {
			col.bytes(v, compareDecimals)
		}
	default:
		keep := mode.keep(leaf.Field.Type)
		for _, v := range b.Bytes {
			col.bytes(v[:min(len(v), keep)], bytes.Compare)
		}
	}
}

func extremes[T int32 | int64](values []T) (lo, hi T) {
	lo, hi = values[0], values[0]
	for _, v := range values[1:] {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

func (c *column) integers(lo, hi int64) {
	if !c.seen {
		c.seen, c.lo, c.hi = true, lo, hi
		return
	}
	c.lo, c.hi = min(c.lo, lo), max(c.hi, hi)
}

func (c *column) float(v float64) {
	switch {
	case v != v:
		c.nans++
	case !c.seen:
		c.seen, c.flo, c.fhi = true, v, v
	default:
		if v < c.flo {
			c.flo = v
		}
		if v > c.fhi {
			c.fhi = v
		}
	}
}

func (c *column) bytes(v []byte, compare func(a, b []byte) int) {
	switch {
	case !c.seen:
		c.seen, c.blo, c.bhi = true, append(c.blo[:0], v...), append(c.bhi[:0], v...)
	case compare(v, c.blo) < 0:
		c.blo = append(c.blo[:0], v...)
	case compare(v, c.bhi) > 0:
		c.bhi = append(c.bhi[:0], v...)
	}
}

// compareDecimals compares 16 bytes of two's complement, little endian.
func compareDecimals(a, b []byte) int {
	ah, bh := int64(binary.LittleEndian.Uint64(a[8:])), int64(binary.LittleEndian.Uint64(b[8:]))
	al, bl := binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b)
	switch {
	case ah != bh && ah < bh, ah == bh && al < bl:
		return -1
	case ah == bh && al == bl:
		return 0
	}
	return 1
}

// Metrics are the maps of a data file, by field id.
type Metrics struct {
	Values, Nulls, NaNs map[int]int64
	Lower, Upper        map[int][]byte
}

// Metrics is what was seen so far.
func (c *Collector) Metrics() Metrics {
	m := Metrics{
		Values: map[int]int64{}, Nulls: map[int]int64{}, NaNs: map[int]int64{},
		Lower: map[int][]byte{}, Upper: map[int][]byte{},
	}
	for i := range c.columns {
		leaf, mode, col := &c.leaves[i], c.modes[i], &c.columns[i]
		if leaf.MaxRep > 0 || mode.Kind == None {
			continue
		}
		id := leaf.Field.ID
		m.Values[id], m.Nulls[id] = col.rows, col.nulls
		if leaf.Kind == shred.F32 || leaf.Kind == shred.F64 {
			m.NaNs[id] = col.nans
		}
		if !col.seen || mode.Kind == Counts {
			continue
		}
		m.Lower[id] = col.lower(leaf, mode)
		if upper, ok := col.upper(leaf, mode); ok {
			m.Upper[id] = upper
		}
	}
	return m
}

// lower is the bound in the single-value serialisation of the specification.
func (c *column) lower(leaf *shred.Leaf, mode Mode) []byte {
	switch leaf.Kind {
	case shred.F32, shred.F64:
		if c.flo == 0 { // readers disagree whether -0.0 is below 0.0: bound both
			return float(leaf, math.Copysign(0, -1))
		}
		return float(leaf, c.flo)
	case shred.Bytes, shred.Fixed, shred.Decimal:
		return CutLower(leaf.Field.Type, c.blo, mode)
	}
	return integer(leaf.Kind, c.lo)
}

// upper is the same; false if no value that short is above all values.
func (c *column) upper(leaf *shred.Leaf, mode Mode) ([]byte, bool) {
	switch leaf.Kind {
	case shred.F32, shred.F64:
		if c.fhi == 0 {
			return float(leaf, 0), true
		}
		return float(leaf, c.fhi), true
	case shred.Bytes, shred.Fixed, shred.Decimal:
		return CutUpper(leaf.Field.Type, c.bhi, mode)
	}
	return integer(leaf.Kind, c.hi), true
}

func integer(kind shred.Kind, v int64) []byte {
	switch kind {
	case shred.Bool:
		return []byte{byte(v)}
	case shred.I32:
		return binary.LittleEndian.AppendUint32(nil, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(v))
}

func float(leaf *shred.Leaf, v float64) []byte {
	if leaf.Kind == shred.F32 {
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
	}
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
}

// isText tells whether values of t are UTF-8.
func isText(t iceberg.Type) bool { _, ok := t.(iceberg.StringType); return ok }
