package pages

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/parquet/metadata"

	"github.com/sinker-io/sinker/writer/metrics"
	"github.com/sinker-io/sinker/writer/shred"
)

// bounds is the least and the greatest value of a column chunk. NaN is neither.
type bounds struct {
	seen     bool
	nans     int64 // counted by the encoder, of all values and not only those of dictionaries
	lo, hi   int64 // whole numbers; booleans are 0 and 1
	flo, fhi float64
	blo, bhi []byte // their own memory
}

// Bounds of text that are longer than longestBound are cut to cutBound code points or bytes; values of one length, which
// readers want whole, have none beyond longestFixed.
const (
	longestBound = 256
	cutBound     = 64
	longestFixed = 4096
)

func (m *bounds) start() { *m = bounds{blo: m.blo[:0], bhi: m.bhi[:0]} }

func (m *bounds) memory() int64 { return int64(cap(m.blo) + cap(m.bhi)) }

// numbers takes numbers in as the encoder has them: floats by their bits.
func (m *bounds) numbers(kind shred.Kind, values []int64) {
	switch {
	case len(values) == 0:
	case kind == shred.F32:
		for _, v := range values {
			m.float(float64(math.Float32frombits(uint32(v))))
		}
	case kind == shred.F64:
		for _, v := range values {
			m.float(math.Float64frombits(uint64(v)))
		}
	default:
		lo, hi := values[0], values[0]
		if m.seen {
			lo, hi = min(lo, m.lo), max(hi, m.hi)
		}
		for _, v := range values {
			lo, hi = min(lo, v), max(hi, v)
		}
		m.seen, m.lo, m.hi = true, lo, hi
	}
}

func (m *bounds) float(v float64) {
	switch {
	case v != v:
	case !m.seen:
		m.seen, m.flo, m.fhi = true, v, v
	case v < m.flo:
		m.flo = v
	case v > m.fhi:
		m.fhi = v
	}
}

func (m *bounds) bools(values []bool) {
	for _, v := range values {
		n := int64(0)
		if v {
			n = 1
		}
		if !m.seen {
			m.seen, m.lo, m.hi = true, n, n
		}
		m.lo, m.hi = min(m.lo, n), max(m.hi, n)
	}
}

// bytes takes in a value of text, or of one length. signed is the order of decimals, big endian.
func (m *bounds) bytes(v []byte, signed bool) {
	switch {
	case !m.seen:
		m.seen, m.blo, m.bhi = true, append(m.blo[:0], v...), append(m.bhi[:0], v...)
	case less(v, m.blo, signed):
		m.blo = append(m.blo[:0], v...)
	case less(m.bhi, v, signed):
		m.bhi = append(m.bhi[:0], v...)
	}
}

func less(a, b []byte, signed bool) bool {
	if signed && a[0] != b[0] {
		return int8(a[0]) < int8(b[0])
	}
	if len(a) >= 8 && len(b) >= 8 {
		if x, y := binary.BigEndian.Uint64(a), binary.BigEndian.Uint64(b); x != y {
			return x < y
		}
	}
	return bytes.Compare(a, b) < 0
}

// chunk is what manifests want to know.
func (m *bounds) chunk(leaf *shred.Leaf, f form, entries, values int64) metrics.Chunk {
	c := metrics.Chunk{Entries: entries, Values: values, NaNs: m.nans, Bounded: m.seen, Lo: m.lo, Hi: m.hi, FLo: m.flo, FHi: m.fhi, BLo: m.blo, BHi: m.bhi}
	if !m.seen || leaf.Kind != shred.Decimal {
		return c
	}
	if f.class == numbers {
		c.BLo, c.BHi = bigEndian(m.lo), bigEndian(m.hi)
	}
	c.BLo, c.BHi = littleEndian16(c.BLo), littleEndian16(c.BHi)
	return c
}

func bigEndian(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

// littleEndian16 turns a number around and gives it 16 bytes.
func littleEndian16(big []byte) []byte {
	out := make([]byte, 16)
	for i := range out {
		if i < len(big) {
			out[i] = big[len(big)-1-i]
		} else {
			out[i] = byte(int8(big[0]) >> 7)
		}
	}
	return out
}

// statistics are the bounds as a footer has them, and whether they are values that are there.
func (m *bounds) statistics(leaf *shred.Leaf, f form) (s metadata.EncodedStatistics, exactMin, exactMax bool) {
	number := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:f.size] }
	switch {
	case !m.seen:
	case f.class == booleans:
		s.SetMin([]byte{byte(m.lo)}).SetMax([]byte{byte(m.hi)})
	case f.class == text:
		return m.text(leaf)
	case f.class == fixed && f.size <= longestFixed:
		s.SetMin(bytes.Clone(m.blo)).SetMax(bytes.Clone(m.bhi))
	case f.class == fixed:
	case leaf.Kind == shred.F32:
		lo, hi := zeros(m.flo, m.fhi)
		s.SetMin(number(uint64(math.Float32bits(float32(lo))))).SetMax(number(uint64(math.Float32bits(float32(hi)))))
	case leaf.Kind == shred.F64:
		lo, hi := zeros(m.flo, m.fhi)
		s.SetMin(number(math.Float64bits(lo))).SetMax(number(math.Float64bits(hi)))
	default:
		s.SetMin(number(uint64(m.lo))).SetMax(number(uint64(m.hi)))
	}
	return s, s.HasMin, s.HasMax
}

// zeros makes a bound of 0 one of both zeros: readers disagree whether -0.0 is below 0.0.
func zeros(lo, hi float64) (float64, float64) {
	if lo == 0 {
		lo = math.Copysign(0, -1)
	}
	if hi == 0 {
		hi = math.Copysign(0, 1)
	}
	return lo, hi
}

func (m *bounds) text(leaf *shred.Leaf) (s metadata.EncodedStatistics, exactMin, exactMax bool) {
	cut := metrics.Mode{Kind: metrics.Truncate, Length: cutBound}
	if exactMin = len(m.blo) <= longestBound; exactMin {
		s.SetMin(append([]byte{}, m.blo...))
	} else {
		s.SetMin(metrics.CutLower(leaf.Field.Type, m.blo, cut))
	}
	if exactMax = len(m.bhi) <= longestBound; exactMax {
		s.SetMax(append([]byte{}, m.bhi...))
	} else if upper, ok := metrics.CutUpper(leaf.Field.Type, m.bhi, cut); ok {
		s.SetMax(upper)
	} else { // nothing that short is above all values; and readers take one bound without the other for both
		return metadata.EncodedStatistics{}, false, false
	}
	return s, exactMin, exactMax
}
