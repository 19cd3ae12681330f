package writer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/apache/iceberg-go"
	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/offsets"
)

// drawing gives JSON values of a type, from the borders of the type as well.
func drawing(typ iceberg.Type) *rapid.Generator[string] {
	text := func(s string) string { b, _ := jsonText(s); return b }
	long := rapid.Custom(func(t *rapid.T) string {
		head := rapid.SampledFrom([]string{"", "a", "zzzzzzzzzzzzzzzz", "\U0010FFFF", "\uD7FF", "é😀"}).Draw(t, "head")
		body := rapid.SampledFrom([]string{"", "a", "z", "\U0010FFFF", "\uD7FF", "\uE000", "😀"}).Draw(t, "body")
		return head + strings.Repeat(body, rapid.SampledFrom([]int{0, 1, 14, 15, 16, 17, 40, 2500, 10_000}).Draw(t, "n")) + rapid.StringN(0, 5, -1).Draw(t, "tail")
	})
	base64 := func(n int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			size := n
			if n < 0 {
				size = rapid.SampledFrom([]int{0, 1, 15, 16, 17, 100, 10_000}).Draw(t, "size")
			}
			b := bytes.Repeat([]byte{rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xfe, 0xff}).Draw(t, "fill")}, size)
			copy(b, rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "head"))
			return quote64(b)
		})
	}
	switch typ := typ.(type) {
	case iceberg.BooleanType:
		return rapid.SampledFrom([]string{"true", "false"})
	case iceberg.Int32Type:
		return rapid.Map(rapid.Int32(), func(v int32) string { return fmt.Sprint(v) })
	case iceberg.Int64Type:
		return rapid.Map(rapid.Int64(), func(v int64) string { return fmt.Sprint(v) })
	case iceberg.Float32Type, iceberg.Float64Type:
		return rapid.OneOf(rapid.SampledFrom([]string{"-0.0", "0.0", `"NaN"`, `"Infinity"`, `"-Infinity"`, "1e-45", "-1e-40", "3.4e38"}),
			rapid.Map(rapid.Float32(), func(v float32) string {
				if v != v || math.IsInf(float64(v), 0) {
					return "0"
				}
				return fmt.Sprint(v)
			}))
	case iceberg.DecimalType:
		most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(typ.Precision())), nil)
		return rapid.Custom(func(t *rapid.T) string {
			v := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 17).Draw(t, "digits"))
			v.Mod(v, most)
			if rapid.Bool().Draw(t, "negative") {
				v.Neg(v)
			}
			return fmt.Sprintf("%de-%d", v, typ.Scale())
		})
	case iceberg.DateType:
		return rapid.Map(rapid.IntRange(1, 9999), func(y int) string { return fmt.Sprintf(`"%04d-02-28"`, y) })
	case iceberg.TimeType:
		return rapid.Map(rapid.IntRange(0, 86399), func(s int) string { return fmt.Sprintf(`"%02d:%02d:%02d"`, s/3600, s/60%60, s%60) })
	case iceberg.TimestampType:
		return rapid.Map(rapid.IntRange(1, 9999), func(y int) string { return fmt.Sprintf(`"%04d-02-28T23:59:59.999999"`, y) })
	case iceberg.TimestampTzType:
		return rapid.Map(rapid.IntRange(1, 9999), func(y int) string { return fmt.Sprintf(`"%04d-02-28T23:59:59.999999Z"`, y) })
	case iceberg.UUIDType:
		return rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) string {
			return fmt.Sprintf(`"%x-%x-%x-%x-%x"`, b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		})
	case iceberg.FixedType:
		return base64(typ.Len())
	case iceberg.BinaryType:
		return base64(-1)
	}
	return rapid.Map(long, text)
}

// For every type, over several row groups and files: lower <= every value <= upper, or no bound, and the counts are right.
func TestMetrics_BoundsHoldForEveryValue(t *testing.T) {
	types := []iceberg.Type{iceberg.FixedTypeOf(20)}
	for _, f := range everyType().Fields() {
		types = append(types, f.Type)
	}
	modes := []string{"truncate(16)", "truncate(1)", "full", "counts", "none"}
	for _, typ := range types {
		t.Run(typ.String(), func(t *testing.T) {
			gen := drawing(typ)
			sc := schemaOf(col(1, "v", typ), col(2, "s", &iceberg.StructType{FieldList: []iceberg.NestedField{col(3, "v", typ)}}),
				col(4, "l", &iceberg.ListType{ElementID: 5, Element: typ}))
			rapid.Check(t, func(rt *rapid.T) {
				mode := rapid.SampledFrom(modes).Draw(rt, "mode")
				w := newWorld(t, sc, none, iceberg.Properties{"write.metadata.metrics.default": mode})
				b := w.batch()
				seen := map[int]*truth{1: {}, 3: {}}
				next := int64(100)
				for range rapid.IntRange(1, 3).Draw(rt, "groups") {
					var values []string
					for range rapid.IntRange(1, 4).Draw(rt, "rows") {
						v := rapid.OneOf(gen, rapid.Just("null")).Draw(rt, "v")
						x := rapid.OneOf(gen, rapid.Just("null")).Draw(rt, "x")
						inner := fmt.Sprintf(`{"v":%s}`, x)
						if x == "null" && rapid.Bool().Draw(rt, "whole") {
							inner = "null"
						}
						values = append(values, fmt.Sprintf(`{"v":%s,"s":%s,"l":[%s]}`, v, inner, v))
					}
					r := run(next, values...)
					if err := b.Append(t.Context(), r); err != nil {
						rt.Fatalf("%v: %q", err, values)
					}
					next = r.Range.To
					seen[1].see(b.pool.rows.Columns[0], typ)
					seen[3].see(b.pool.rows.Columns[1].Children[0], typ)
					if err := b.drain(b.ctx, false); err != nil {
						rt.Fatal(err)
					}
				}
				m := w.seal(b)
				f := m.Files[0]
				if n := len(f.LowerBoundValues()[5]) + len(f.UpperBoundValues()[5]); n != 0 || f.ColumnSizes()[5] == 0 {
					rt.Fatalf("bounds of list elements: %d bytes, column size %d", n, f.ColumnSizes()[5])
				}
				for id, tr := range seen {
					tr.check(rt, f, id, typ, mode)
				}
			})
		})
	}
}

func TestMetrics_TruncatedTextBounds(t *testing.T) {
	for _, tc := range []struct {
		value, lower, upper string
		none                bool
	}{
		{value: "abc", lower: "abc", upper: "abc"},
		{value: "0123456789abcdef", lower: "0123456789abcdef", upper: "0123456789abcdef"},
		{value: "0123456789abcdefX", lower: "0123456789abcdef", upper: "0123456789abcdeg"},
		{value: "012345678901234\U0010FFFFx", lower: "012345678901234\U0010FFFF", upper: "012345678901235"},
		{value: "012345678901234\uD7FFx", lower: "012345678901234\uD7FF", upper: "012345678901234\uE000"},
		{value: strings.Repeat("\U0010FFFF", 17), lower: strings.Repeat("\U0010FFFF", 16), none: true},
		{value: strings.Repeat("😀", 5000), lower: strings.Repeat("😀", 16), upper: strings.Repeat("😀", 15) + "😁"},
	} {
		w := newWorld(t, simple(), none, nil)
		b := w.batch()
		text, _ := jsonText(tc.value)
		w.append(b, run(100, fmt.Sprintf(`{"id":1,"name":%s}`, text)))
		f := w.seal(b).Files[0]
		upper, has := f.UpperBoundValues()[2]
		if string(f.LowerBoundValues()[2]) != tc.lower || string(upper) != tc.upper || has == tc.none {
			t.Errorf("%.20q: %q .. %q", tc.value, f.LowerBoundValues()[2], upper)
		}
	}
}

func TestMetrics_Floats(t *testing.T) {
	sc := schemaOf(col(1, "d", iceberg.Float64Type{}), col(2, "nan", iceberg.Float32Type{}), col(3, "zero", iceberg.Float64Type{}))
	w := newWorld(t, sc, none, nil)
	b := w.batch()
	w.append(b, run(100, `{"d":"NaN","nan":"NaN","zero":-0.0}`, `{"d":1.5,"nan":null,"zero":0.0}`, `{"d":-2,"nan":"NaN","zero":-0.0}`))
	f := w.seal(b).Files[0]
	bits := func(v float64) string { return string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))) }
	if string(f.LowerBoundValues()[1]) != bits(-2) || string(f.UpperBoundValues()[1]) != bits(1.5) || f.NaNValueCounts()[1] != 1 {
		t.Errorf("d: %x .. %x, %d NaN", f.LowerBoundValues()[1], f.UpperBoundValues()[1], f.NaNValueCounts()[1])
	}
	if _, has := f.LowerBoundValues()[2]; has || f.NaNValueCounts()[2] != 2 || f.NullValueCounts()[2] != 1 || f.ValueCounts()[2] != 3 {
		t.Errorf("nan: bounds %v, %d NaN, %d nulls", has, f.NaNValueCounts()[2], f.NullValueCounts()[2])
	}
	if string(f.LowerBoundValues()[3]) != bits(math.Copysign(0, -1)) || string(f.UpperBoundValues()[3]) != bits(0) {
		t.Errorf("zero: %x .. %x", f.LowerBoundValues()[3], f.UpperBoundValues()[3])
	}
}

// Without a default of the table's own, only the first columns have metrics; single columns may differ.
func TestMetrics_ModesByColumn(t *testing.T) {
	var fields []iceberg.NestedField
	var row []string
	for i := range 105 {
		fields = append(fields, col(i+1, fmt.Sprintf("c%d", i), iceberg.Int32Type{}))
		row = append(row, fmt.Sprintf(`"c%d":%d`, i, i))
	}
	w := newWorld(t, schemaOf(fields...), none, iceberg.Properties{
		"write.metadata.metrics.column.c104": "full", "write.metadata.metrics.column.c0": "none", "write.metadata.metrics.column.c1": "counts"})
	b := w.batch()
	w.append(b, run(100, "{"+strings.Join(row, ",")+"}"))
	f := w.seal(b).Files[0]
	for id, want := range map[int]string{1: "00", 2: "10", 3: "11", 100: "11", 101: "00", 105: "11"} {
		_, counted := f.ValueCounts()[id]
		_, bounded := f.LowerBoundValues()[id]
		if got := fmt.Sprintf("%d%d", digit(counted), digit(bounded)); got != want {
			t.Errorf("column %d: counts and bounds %s, want %s", id, got, want)
		}
	}
	for _, bad := range []string{"truncate(0)", "truncate(x)", "all", ""} {
		table := w.table
		table.Properties = iceberg.Properties{"write.metadata.metrics.default": bad}
		if err := Check(table); err == nil {
			t.Errorf("mode %q was accepted", bad)
		}
		late := NewBatch(table, w.cfg, 1, offsets.Position{orders: 0})
		if _, err := late.Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "write.metadata.metrics.default") {
			t.Errorf("mode %q: Seal says %v", bad, err)
		}
	}
}

func digit(b bool) int {
	if b {
		return 1
	}
	return 0
}
