// Package metrics counts and bounds the columns of one data file, so that readers can skip it, and rightly so: for
// every value of a column lower <= value <= upper, or there is no bound.
//
// Everything comes from the values of column chunks as they are written, never from a footer: footers leave out what is
// long, and hold nothing about NaN.
package metrics

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/writer/shred"
)

// Chunk is what a column chunk holds. Lo and Hi and their like are its least and its greatest value that is not NaN, by the
// type of its leaf: F for floats, B for text, values of one length and decimals, the others for whole numbers and booleans.
type Chunk struct {
	Entries, Values, NaNs int64
	Bounded               bool // there are bounds
	Lo, Hi                int64
	FLo, FHi              float64
	BLo, BHi              []byte // decimals: 16 bytes, little endian
}

// Collector sees all chunks of one file. It belongs to one goroutine.
type Collector struct {
	leaves  []shred.Leaf
	modes   []Mode
	columns []Chunk
}

// New starts a file. modes come from Modes, one per leaf.
func New(leaves []shred.Leaf, modes []Mode) *Collector {
	return &Collector{leaves: leaves, modes: modes, columns: make([]Chunk, len(leaves))}
}

// Memory is about how many bytes the collector holds.
func (c *Collector) Memory() int64 {
	n := int64(len(c.columns)) * 128
	for i := range c.columns {
		n += int64(cap(c.columns[i].BLo) + cap(c.columns[i].BHi))
	}
	return n
}

// Observe takes a chunk of leaf i in. It keeps nothing of it.
func (c *Collector) Observe(i int, chunk *Chunk) {
	mode, leaf := c.modes[i], &c.leaves[i]
	if leaf.MaxRep > 0 || mode.Kind == None {
		return
	}
	col := &c.columns[i]
	col.Entries += chunk.Entries
	col.Values += chunk.Values
	col.NaNs += chunk.NaNs
	if mode.Kind == Counts || !chunk.Bounded {
		return
	}
	first := !col.Bounded
	col.Bounded = true
	switch leaf.Kind {
	case shred.F32, shred.F64:
		if first || chunk.FLo < col.FLo {
			col.FLo = chunk.FLo
		}
		if first || chunk.FHi > col.FHi {
			col.FHi = chunk.FHi
		}
	case shred.Bytes, shred.Fixed, shred.Decimal:
		compare, keep := bytes.Compare, math.MaxInt
		if leaf.Kind == shred.Decimal {
			compare = compareDecimals
		} else {
			keep = mode.keep(leaf.Field.Type)
		}
		lo, hi := chunk.BLo[:min(len(chunk.BLo), keep)], chunk.BHi[:min(len(chunk.BHi), keep)]
		if first || compare(lo, col.BLo) < 0 {
			col.BLo = append(col.BLo[:0], lo...)
		}
		if first || compare(hi, col.BHi) > 0 {
			col.BHi = append(col.BHi[:0], hi...)
		}
	default:
		if first || chunk.Lo < col.Lo {
			col.Lo = chunk.Lo
		}
		if first || chunk.Hi > col.Hi {
			col.Hi = chunk.Hi
		}
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
		m.Values[id], m.Nulls[id] = col.Entries, col.Entries-col.Values
		if leaf.Kind == shred.F32 || leaf.Kind == shred.F64 {
			m.NaNs[id] = col.NaNs
		}
		if !col.Bounded || mode.Kind == Counts {
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
func (c *Chunk) lower(leaf *shred.Leaf, mode Mode) []byte {
	switch leaf.Kind {
	case shred.F32, shred.F64:
		if c.FLo == 0 { // readers disagree whether -0.0 is below 0.0: bound both
			return float(leaf, math.Copysign(0, -1))
		}
		return float(leaf, c.FLo)
	case shred.Bytes, shred.Fixed, shred.Decimal:
		return CutLower(leaf.Field.Type, c.BLo, mode)
	}
	return integer(leaf.Kind, c.Lo)
}

// upper is the same; false if no value that short is above all values.
func (c *Chunk) upper(leaf *shred.Leaf, mode Mode) ([]byte, bool) {
	switch leaf.Kind {
	case shred.F32, shred.F64:
		if c.FHi == 0 {
			return float(leaf, 0), true
		}
		return float(leaf, c.FHi), true
	case shred.Bytes, shred.Fixed, shred.Decimal:
		return CutUpper(leaf.Field.Type, c.BHi, mode)
	}
	return integer(leaf.Kind, c.Hi), true
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
