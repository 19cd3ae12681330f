package writer

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/apache/iceberg-go"
	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/decode"
)

func jsonText(s string) (string, error) { b, err := json.Marshal(s); return string(b), err }

func quote64(b []byte) string { return `"` + base64.StdEncoding.EncodeToString(b) + `"` }

// truth is what a column held, value by value, and how the specification compares and serialises its type.
type truth struct {
	values            []any // *big.Int, float64 or []byte
	rows, nulls, nans int64
}

// see adds all entries of a column.
func (tr *truth) see(c *decode.Column, typ iceberg.Type) {
	for i := range c.Len {
		tr.rows++
		if c.IsNull(i) {
			tr.nulls++
			continue
		}
		var v any
		switch typ.(type) {
		case iceberg.Float32Type:
			v = float64(c.F32[i])
		case iceberg.Float64Type:
			v = c.F64[i]
		case iceberg.Int32Type, iceberg.DateType:
			v = big.NewInt(int64(c.I32[i]))
		case iceberg.BooleanType:
			v = big.NewInt(int64(c.Bytes[i]))
		case iceberg.StringType, iceberg.BinaryType, iceberg.UUIDType, iceberg.FixedType:
			v = bytes.Clone(c.Value(i))
		case iceberg.DecimalType:
			v = fromLittle(c.Value(i))
		default:
			v = big.NewInt(c.I64[i])
		}
		if f, ok := v.(float64); ok && f != f {
			tr.nans++
			continue
		}
		tr.values = append(tr.values, v)
	}
}

// fromLittle reads two's complement, little endian, of any length.
func fromLittle(le []byte) *big.Int {
	be := bytes.Clone(le)
	slices.Reverse(be)
	v := new(big.Int).SetBytes(be)
	if len(be) > 0 && be[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(be))))
	}
	return v
}

// parse reads a bound.
func parse(typ iceberg.Type, b []byte) any {
	switch typ.(type) {
	case iceberg.Float32Type:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case iceberg.Float64Type:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case iceberg.StringType, iceberg.BinaryType, iceberg.UUIDType, iceberg.FixedType:
		return b
	case iceberg.DecimalType:
		le := bytes.Clone(b)
		slices.Reverse(le)
		return fromLittle(le)
	case iceberg.BooleanType:
		return big.NewInt(int64(b[0]))
	}
	return fromLittle(b)
}

// compare is the order of the specification, with -0.0 below 0.0.
func compare(a, b any) int {
	switch a := a.(type) {
	case *big.Int:
		return a.Cmp(b.(*big.Int))
	case float64:
		b := b.(float64)
		switch {
		case a < b, a == b && math.Signbit(a) && !math.Signbit(b):
			return -1
		case a == b && math.Signbit(a) == math.Signbit(b):
			return 0
		}
		return 1
	}
	return bytes.Compare(a.([]byte), b.([]byte))
}

func (tr *truth) check(t *rapid.T, f iceberg.DataFile, id int, typ iceberg.Type, mode string) {
	lower, hasLower := f.LowerBoundValues()[id]
	upper, hasUpper := f.UpperBoundValues()[id]
	if _, counted := f.ValueCounts()[id]; counted != (mode != "none") {
		t.Fatalf("column %d: counted %v in mode %s", id, counted, mode)
	}
	if mode != "none" && (f.ValueCounts()[id] != tr.rows || f.NullValueCounts()[id] != tr.nulls || f.NaNValueCounts()[id] != tr.nans) {
		t.Fatalf("column %d: %d values, %d nulls, %d NaN; want %+v", id, f.ValueCounts()[id], f.NullValueCounts()[id], f.NaNValueCounts()[id], tr)
	}
	bounded := len(tr.values) > 0 && mode != "none" && mode != "counts"
	if hasLower != bounded || hasUpper && !bounded {
		t.Fatalf("column %d: bounds %v %v in mode %s with %d values", id, hasLower, hasUpper, mode, len(tr.values))
	}
	exact := mode == "full" || strings.HasPrefix(typ.Type(), "decimal")
	for _, v := range tr.values {
		if bounded && compare(parse(typ, lower), v) > 0 {
			t.Fatalf("column %d: lower bound %x is above %v", id, lower, v)
		}
		if hasUpper && compare(parse(typ, upper), v) < 0 {
			t.Fatalf("column %d: upper bound %x is below %v", id, upper, v)
		}
	}
	if exact && bounded && !hasUpper {
		t.Fatalf("column %d: no upper bound", id)
	}
	if _, err := iceberg.LiteralFromBytes(typ, lower); bounded && err != nil {
		t.Fatalf("column %d: lower bound %x: %v", id, lower, err)
	}
}
