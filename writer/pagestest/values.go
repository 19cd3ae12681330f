package pagestest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
)

// fill gives a column n entries and tells what they are. Entries that are not alive have no place to be seen: something above
// them is null. nil: all are alive.
func (g *gen) fill(c *decode.Column, n int, alive []bool) []any {
	nulls := pick(g, 0, 0, 0.01, 0.5, 0.99, 1)
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = (alive == nil || alive[i]) && (c.Field.Required || g.rng.Float64() >= nulls)
	}
	c.Len = n
	if !c.Field.Required && slices.Contains(valid, false) {
		c.Valid = make([]byte, (n+7)/8)
		for i, v := range valid {
			if v {
				c.Valid[i>>3] |= 1 << (i & 7)
			} else {
				c.Nulls++
			}
		}
	}
	out := make([]any, n)
	switch t := c.Field.Type.(type) {
	case *iceberg.StructType:
		children := make([][]any, len(c.Children))
		for k, child := range c.Children {
			children[k] = g.fill(child, n, valid)
		}
		for i := range out {
			if valid[i] {
				row := make([]any, len(children))
				for k := range children {
					row[k] = children[k][i]
				}
				out[i] = row
			}
		}
	case *iceberg.ListType:
		offsets := g.offsets(valid)
		c.Offsets = offsets
		elements := g.fill(c.Children[0], int(offsets[n]), nil)
		for i := range out {
			if valid[i] {
				out[i] = append([]any{}, elements[offsets[i]:offsets[i+1]]...)
			}
		}
	case *iceberg.MapType:
		offsets := g.offsets(valid)
		c.Offsets = offsets
		keys := g.keys(c.Children[0], int(offsets[n]))
		values := g.fill(c.Children[1], int(offsets[n]), nil)
		for i := range out {
			if valid[i] {
				pairs := []any{}
				for e := offsets[i]; e < offsets[i+1]; e++ {
					pairs = append(pairs, []any{keys[e], values[e]})
				}
				out[i] = pairs
			}
		}
	default:
		g.primitives(c, t, valid, out)
	}
	return out
}

func (g *gen) offsets(valid []bool) []int32 {
	out := make([]int32, 1, len(valid)+1)
	most := pick(g, 1, 3, 20)
	for _, v := range valid {
		size := 0
		if v {
			size = min(g.rng.IntN(most+1), max(g.budget, 0))
			g.budget -= size
		}
		out = append(out, out[len(out)-1]+int32(size))
	}
	return out
}

// keys are all different.
func (g *gen) keys(c *decode.Column, n int) []any {
	c.Len = n
	out := make([]any, n)
	for i := range out {
		switch c.Field.Type.(type) {
		case iceberg.Int32Type:
			c.I32 = append(c.I32, int32(i*7-n))
			out[i] = fmt.Sprint(i*7 - n)
		case iceberg.Int64Type:
			c.I64 = append(c.I64, int64(i)<<33)
			out[i] = fmt.Sprint(int64(i) << 33)
		default:
			out[i] = fmt.Sprint("key ", i)
			c.Bytes = append(c.Bytes, fmt.Sprint("key ", i)...)
			c.Offsets = append(c.Offsets, int32(len(c.Bytes)))
		}
	}
	return out
}

// primitives draws from as many different values as the column shall have.
func (g *gen) primitives(c *decode.Column, t iceberg.Type, valid []bool, out []any) {
	pool := pick(g, 1, 2, 20, 300, 1<<30)
	drawn := map[int]value{}
	dull := g.rng.IntN(2) == 0 // few extremes
	for i := range out {
		if !valid[i] {
			appendValue(c, t, value{number: 0, bytes: make([]byte, lengthOf(t))})
			continue
		}
		k := g.rng.IntN(pool)
		v, ok := drawn[k]
		if !ok {
			v = g.draw(t, dull, i)
			drawn[k] = v
		}
		appendValue(c, t, v)
		out[i] = v.spelled
	}
}

// value is a value as columns hold it, and as it is spelled.
type value struct {
	number  int64 // floats by their bits
	bytes   []byte
	spelled any
}

func lengthOf(t iceberg.Type) int {
	switch t := t.(type) {
	case iceberg.UUIDType, iceberg.DecimalType:
		return 16
	case iceberg.FixedType:
		return t.Len()
	case iceberg.BooleanType:
		return 1
	}
	return 0
}

func appendValue(c *decode.Column, t iceberg.Type, v value) {
	switch t.(type) {
	case iceberg.Int32Type, iceberg.DateType:
		c.I32 = append(c.I32, int32(v.number))
	case iceberg.Float32Type:
		c.F32 = append(c.F32, math.Float32frombits(uint32(v.number)))
	case iceberg.Float64Type:
		c.F64 = append(c.F64, math.Float64frombits(uint64(v.number)))
	case iceberg.BooleanType, iceberg.UUIDType, iceberg.FixedType, iceberg.DecimalType:
		c.Bytes = append(c.Bytes, v.bytes...)
	case iceberg.StringType, iceberg.BinaryType:
		c.Bytes = append(c.Bytes, v.bytes...)
		c.Offsets = append(c.Offsets, int32(len(c.Bytes)))
	default:
		c.I64 = append(c.I64, v.number)
	}
}

// draw draws the i-th value.
func (g *gen) draw(t iceberg.Type, dull bool, i int) value {
	whole := func(most int64) value {
		n := g.rng.Int64N(most) - most/2
		if dull {
			n = int64(i)*3 + g.rng.Int64N(5)
		} else if g.rng.IntN(8) == 0 {
			n = pick(g, 0, 1, -1, most-1, -most)
		}
		return value{number: n, spelled: fmt.Sprint(n)}
	}
	switch t := t.(type) {
	case iceberg.BooleanType:
		b := g.rng.IntN(2)
		return value{bytes: []byte{byte(b)}, spelled: b == 1}
	case iceberg.Int32Type:
		return whole(1 << 31)
	case iceberg.DateType:
		if g.options.Narrow {
			first, last := int64(-719_162), int64(2_932_896)
			n := pick(g, first, last, first+g.rng.Int64N(last-first))
			return value{number: n, spelled: fmt.Sprint(n)}
		}
		return whole(1 << 20)
	case iceberg.TimeType:
		n := g.rng.Int64N(86_400_000_000)
		return value{number: n, spelled: fmt.Sprint(n)}
	case iceberg.Float32Type:
		f := float32(g.float(dull))
		return value{number: int64(math.Float32bits(f)), spelled: spellFloat(float64(f), fmt.Sprintf("%08x", math.Float32bits(f)))}
	case iceberg.Float64Type:
		f := g.float(dull)
		return value{number: int64(math.Float64bits(f)), spelled: spellFloat(f, fmt.Sprintf("%016x", math.Float64bits(f)))}
	case iceberg.StringType:
		s := string(bytes.ToValidUTF8([]byte(g.text(dull, i)), []byte("?")))
		return value{bytes: []byte(s), spelled: s}
	case iceberg.BinaryType:
		b := []byte(g.text(dull, i))
		return value{bytes: b, spelled: hex.EncodeToString(b)}
	case iceberg.UUIDType, iceberg.FixedType:
		b := make([]byte, lengthOf(t))
		for k := range b {
			b[k] = pick(g, 0, 0xff, byte(g.rng.Uint32()))
		}
		return value{bytes: b, spelled: hex.EncodeToString(b)}
	case iceberg.DecimalType:
		return g.decimal(t)
	}
	return whole(1 << 61)
}

func spellFloat(f float64, bits string) string {
	if f != f {
		return "nan"
	}
	return bits
}

func (g *gen) float(dull bool) float64 {
	if dull {
		return float64(g.rng.IntN(1000)) / 100
	}
	return pick(g, math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), g.rng.NormFloat64(), g.rng.NormFloat64()*1e30, 1e-45, -1e-300)
}

func (g *gen) text(dull bool, i int) string {
	if dull {
		return fmt.Sprintf("value %07d", i)
	}
	head := pick(g, "", "", "a", "zz", "\U0010FFFF", "\uD7FF", "é😀", "\xff\xff")
	body := pick(g, "", "a", "\U0010FFFF", "\xff", "ü")
	tail := fmt.Sprintf("%x", g.rng.Uint32())
	size := pick(g, 0, 1, 15, 16, 17, 63, 64, 65, 300)
	if g.rng.IntN(500) == 0 {
		size = 9000
	}
	return head + strings.Repeat(body, size) + tail[:g.rng.IntN(len(tail)+1)]
}

func (g *gen) decimal(t iceberg.DecimalType) value {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Precision())), nil)
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:], g.rng.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], g.rng.Uint64())
	n := new(big.Int).SetBytes(raw[:])
	n.Mod(n, most)
	switch g.rng.IntN(6) {
	case 0:
		n.Sub(most, big.NewInt(1))
	case 1:
		n.SetInt64(0)
	case 2:
		n.Rsh(n, uint(g.rng.IntN(120)))
	}
	if g.rng.IntN(2) == 0 {
		n.Neg(n)
	}
	v := value{spelled: n.String()}
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	v.bytes = n.FillBytes(raw[:])
	slices.Reverse(v.bytes)
	return v
}
