package partition

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/decode"
)

// one makes rows of a single column with a single entry.
func one(typ iceberg.Type, v any) *decode.Rows {
	rows := decode.NewRows(iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "c", Type: typ}))
	put(rows.Columns[0], v)
	rows.N = 1
	return rows
}

func put(c *decode.Column, v any) {
	c.Len++
	switch v := v.(type) {
	case nil:
		c.Valid, c.Nulls = []byte{0}, 1
		c.I32, c.I64, c.F32, c.F64 = make([]int32, 1), make([]int64, 1), make([]float32, 1), make([]float64, 1)
		c.Bytes, c.Offsets = make([]byte, 16), append(c.Offsets, 0)
	case int32:
		c.I32 = append(c.I32, v)
	case int64:
		c.I64 = append(c.I64, v)
	case float32:
		c.F32 = append(c.F32, v)
	case float64:
		c.F64 = append(c.F64, v)
	case bool:
		c.Bytes = append(c.Bytes, map[bool]byte{true: 1}[v])
	case []byte:
		c.Bytes = append(c.Bytes, v...)
		if c.Offsets != nil {
			c.Offsets = append(c.Offsets, int32(len(c.Bytes)))
		}
	case *big.Int:
		c.Bytes = append(c.Bytes, le16(v)...)
	}
}

func le16(v *big.Int) []byte {
	d := decimal128.FromBigInt(v)
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, d.LowBits()), uint64(d.HighBits()))
}

// of applies a transform to one value.
func of(t interface{ Fatal(...any) }, tr iceberg.Transform, typ iceberg.Type, v any) any {
	rows := one(typ, v)
	s, err := Compile(rows.Schema, iceberg.NewPartitionSpecID(1, iceberg.PartitionField{SourceIDs: []int{1}, FieldID: 1000, Name: "p", Transform: tr}))
	if err != nil {
		t.Fatal(err)
	}
	return s.Tuple(rows, 0).Values[1000]
}

func at(text string) int64 {
	v, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return v.UnixMicro()
}

func TestHash_AppendixB(t *testing.T) {
	text := func(s string) []byte { return []byte(s) }
	u := uuid.MustParse("f79c3e09-677c-4bbd-a479-3f349cb785e7")
	for _, tc := range []struct {
		typ  iceberg.Type
		v    any
		want int32
	}{
		{iceberg.Int32Type{}, int32(34), 2017239379},
		{iceberg.Int64Type{}, int64(34), 2017239379},
		{iceberg.DecimalTypeOf(9, 2), big.NewInt(1420), -500754589},
		{iceberg.DateType{}, int32(17486), -653330422},
		{iceberg.TimeType{}, int64(81068000000), -662762989},
		{iceberg.TimestampType{}, at("2017-11-16T22:31:08Z"), -2047944441},
		{iceberg.TimestampType{}, at("2017-11-16T22:31:08.000001Z"), -1207196810},
		{iceberg.TimestampTzType{}, at("2017-11-16T14:31:08-08:00"), -2047944441},
		{iceberg.TimestampNsType{}, at("2017-11-16T22:31:08Z") * 1000, -2047944441},
		{iceberg.TimestampNsType{}, at("2017-11-16T22:31:08.000001Z")*1000 + 1, -1207196810},
		{iceberg.TimestampTzNsType{}, at("2017-11-16T14:31:08.000001-08:00")*1000 + 999, -1207196810},
		{iceberg.StringType{}, text("iceberg"), 1210000089},
		{iceberg.UUIDType{}, u[:], 1488055340},
		{iceberg.FixedTypeOf(4), []byte{0, 1, 2, 3}, -188683207},
		{iceberg.BinaryType{}, []byte{0, 1, 2, 3}, -188683207},
	} {
		const n = math.MaxInt32
		want := int32((int64(uint32(tc.want)) & math.MaxInt32) % n)
		if got := of(t, iceberg.BucketTransform{NumBuckets: n}, tc.typ, tc.v); got != want {
			t.Errorf("%s %v: bucket %v, want %v", tc.typ, tc.v, got, want)
		}
	}
}

func TestTransform_BeforeTheEpochIsFloored(t *testing.T) {
	for _, tc := range []struct {
		at                     string
		year, month, day, hour int32
	}{
		{"1970-01-01T00:00:00Z", 0, 0, 0, 0},
		{"1969-12-31T23:59:59.999999Z", -1, -1, -1, -1},
		{"1969-01-01T00:00:00Z", -1, -12, -365, -8760},
		{"1600-02-29T01:00:00Z", -370, -4439, -135081, -3241943},
		{"0001-01-01T00:00:00Z", -1969, -23628, -719162, -17259888},
		{"9999-12-31T23:59:59.999999Z", 8029, 96359, 2932896, 70389527},
		{"2024-02-29T12:00:00Z", 54, 649, 19782, 474780},
	} {
		for tr, want := range map[iceberg.Transform]any{
			iceberg.YearTransform{}: tc.year, iceberg.MonthTransform{}: tc.month, iceberg.DayTransform{}: iceberg.Date(tc.day), iceberg.HourTransform{}: tc.hour,
		} {
			for _, typ := range []iceberg.Type{iceberg.TimestampType{}, iceberg.TimestampTzType{}} {
				if got := of(t, tr, typ, at(tc.at)); got != want {
					t.Errorf("%s(%s) of %s: %v, want %v", tr, tc.at, typ, got, want)
				}
			}
			if _, hour := tr.(iceberg.HourTransform); !hour {
				if got := of(t, tr, iceberg.DateType{}, tc.day); got != want {
					t.Errorf("%s(%s) of date: %v, want %v", tr, tc.at, got, want)
				}
			}
		}
	}
	// Nanoseconds reach back to 1677 only.
	if got := of(t, iceberg.DayTransform{}, iceberg.TimestampNsType{}, int64(-1)); got != iceberg.Date(-1) {
		t.Errorf("day of the nanosecond before the epoch: %v", got)
	}
}

// Every day from the year -5000 to 14,999, against the standard library.
func TestCivil_EveryDay(t *testing.T) {
	day := time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := day.Unix() / 86400; day.Year() < 15000; n++ {
		if y, m := civil(n); y != int64(day.Year()) || m != int64(day.Month()) {
			t.Fatalf("day %d: %d-%d, want %s", n, y, m, day.Format(time.DateOnly))
		}
		day = day.AddDate(0, 0, 1)
	}
}

func TestTruncate_AsSpecified(t *testing.T) {
	for _, tc := range []struct {
		typ  iceberg.Type
		v    any
		w    int
		want any
	}{
		{iceberg.Int32Type{}, int32(-1), 10, int32(-10)},
		{iceberg.Int32Type{}, int32(1), 10, int32(0)},
		{iceberg.Int64Type{}, int64(-1), 10, int64(-10)},
		{iceberg.Int64Type{}, int64(math.MinInt64), 10, int64(9223372036854775806)},
		{iceberg.Int32Type{}, int32(math.MinInt32), 10, int32(2147483646)},
		{iceberg.StringType{}, []byte("a😀bcd"), 3, "a😀b"},
		{iceberg.StringType{}, []byte("iceberg"), 3, "ice"},
		{iceberg.StringType{}, []byte(""), 3, ""},
		{iceberg.StringType{}, []byte("😀😀"), 2, "😀😀"},
	} {
		if got := of(t, iceberg.TruncateTransform{Width: tc.w}, tc.typ, tc.v); got != tc.want {
			t.Errorf("truncate[%d] of %v: %v, want %v", tc.w, tc.v, got, tc.want)
		}
	}
	if got := of(t, iceberg.TruncateTransform{Width: 50}, iceberg.DecimalTypeOf(9, 2), big.NewInt(1065)); fmt.Sprint(got) != "10.50" {
		t.Errorf("truncate[50] of 10.65: %v", got)
	}
	if got := of(t, iceberg.TruncateTransform{Width: 10}, iceberg.DecimalTypeOf(38, 2), big.NewInt(-1)); fmt.Sprint(got) != "-0.10" {
		t.Errorf("truncate[10] of -0.01: %v", got)
	}
	if got := of(t, iceberg.TruncateTransform{Width: 2}, iceberg.BinaryType{}, []byte{0xff, 0xfe, 0xfd}); fmt.Sprint(got) != "[255 254]" {
		t.Errorf("truncate[2] of bytes: %v", got)
	}
}

// Whatever the value, our transforms agree with the library's, which read the same specification apart from us.
func TestTransforms_AgreeWithTheLibrary(t *testing.T) {
	transforms := []iceberg.Transform{iceberg.IdentityTransform{}, iceberg.BucketTransform{NumBuckets: 16}, iceberg.TruncateTransform{Width: 7},
		iceberg.YearTransform{}, iceberg.MonthTransform{}, iceberg.DayTransform{}, iceberg.HourTransform{}}
	rapid.Check(t, func(t *rapid.T) {
		i32, i64 := rapid.Int32().Draw(t, "i32"), rapid.Int64().Draw(t, "i64")
		bytes, text := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"), rapid.String().Draw(t, "text")
		unscaled := new(big.Int).Mul(big.NewInt(i64), big.NewInt(int64(i32)))
		micros := i64 % (math.MaxInt64 / 2)
		values := []struct {
			typ  iceberg.Type
			ours any
			lit  iceberg.Literal
		}{
			{iceberg.Int32Type{}, i32, iceberg.Int32Literal(i32)},
			{iceberg.Int64Type{}, i64, iceberg.Int64Literal(i64)},
			{iceberg.DateType{}, i32 % 10_000_000, iceberg.DateLiteral(i32 % 10_000_000)},
			{iceberg.TimestampType{}, micros, iceberg.TimestampLiteral(micros)},
			{iceberg.TimestampNsType{}, i64, iceberg.TimestampNsLiteral(i64)},
			{iceberg.StringType{}, []byte(text), iceberg.StringLiteral(text)},
			{iceberg.BinaryType{}, bytes, iceberg.BinaryLiteral(bytes)},
			{iceberg.FixedTypeOf(16), bytes, iceberg.FixedLiteral(bytes)},
			{iceberg.UUIDType{}, bytes, iceberg.UUIDLiteral(uuid.UUID(bytes))},
			{iceberg.DecimalTypeOf(38, 4), unscaled, iceberg.DecimalLiteral{Val: decimal128.FromBigInt(unscaled), Scale: 4}},
		}
		for _, v := range values {
			for _, tr := range transforms {
				if !tr.CanTransform(v.typ) {
					continue
				}
				got := of(t, tr, v.typ, v.ours)
				want := tr.Apply(iceberg.Optional[iceberg.Literal]{Val: v.lit, Valid: true}).Val.Any()
				if d, ok := got.(iceberg.Date); ok {
					got = int32(d)
				}
				if d, ok := want.(iceberg.Date); ok {
					want = int32(d)
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("%s of %s %v: %v, the library says %v", tr, v.typ, v.ours, got, want)
				}
				if null := of(t, tr, v.typ, nil); null != nil {
					t.Fatalf("%s of a null %s: %v", tr, v.typ, null)
				}
			}
		}
	})
}

func TestTransform_TheZoneOfTheProcessDoesNotMatter(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	for _, zone := range []string{"Asia/Kolkata", "America/St_Johns"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		time.Local = loc
		rows := one(iceberg.TimestampTzType{}, at("2024-03-01T00:10:00Z"))
		var paths []string
		for _, tr := range []iceberg.Transform{iceberg.DayTransform{}, iceberg.HourTransform{}, iceberg.MonthTransform{}, iceberg.IdentityTransform{}} {
			s, err := Compile(rows.Schema, iceberg.NewPartitionSpecID(1, iceberg.PartitionField{SourceIDs: []int{1}, FieldID: 1000, Name: "p", Transform: tr}))
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, s.Tuple(rows, 0).Path)
		}
		if got := strings.Join(paths, " "); got != "p=2024-03-01 p=2024-03-01-00 p=2024-03 p=2024-03-01T00%3A10%3A00%2B00%3A00" {
			t.Errorf("%s: %s", zone, got)
		}
	}
}

func TestKey_TellsTuplesApart(t *testing.T) {
	keys := map[string]string{}
	sc := iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "a", Type: iceberg.StringType{}}, iceberg.NestedField{ID: 2, Name: "b", Type: iceberg.StringType{}})
	s, err := Compile(sc, iceberg.NewPartitionSpecID(1,
		iceberg.PartitionField{SourceIDs: []int{1}, FieldID: 1000, Name: "a", Transform: iceberg.IdentityTransform{}},
		iceberg.PartitionField{SourceIDs: []int{2}, FieldID: 1001, Name: "b", Transform: iceberg.IdentityTransform{}}))
	if err != nil {
		t.Fatal(err)
	}
	all := []any{nil, "", "null", "\x00", "\x01", "a", "a\x01", "\x01\x01a", "ab", "/"}
	for _, a := range all {
		for _, b := range all {
			rows := decode.NewRows(sc)
			for i, v := range []any{a, b} {
				if text, ok := v.(string); ok {
					v = []byte(text)
				}
				put(rows.Columns[i], v)
			}
			rows.N = 1
			name := fmt.Sprintf("%#v %#v", a, b)
			key := string(s.Key(nil, rows, 0))
			if other, taken := keys[key]; taken {
				t.Errorf("%s and %s have the same key", name, other)
			}
			keys[key] = name
		}
	}
}

func TestCompile_RefusesWhatCannotBeWritten(t *testing.T) {
	sc := iceberg.NewSchema(0,
		iceberg.NestedField{ID: 1, Name: "s", Type: iceberg.StringType{}},
		iceberg.NestedField{ID: 2, Name: "l", Type: &iceberg.ListType{ElementID: 3, Element: iceberg.Int32Type{}}},
		iceberg.NestedField{ID: 4, Name: "st", Type: &iceberg.StructType{FieldList: []iceberg.NestedField{{ID: 5, Name: "day", Type: iceberg.DateType{}}}}})
	unknown, err := iceberg.ParseTransform("zorder")
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]iceberg.PartitionField{
		"unknown":    {SourceIDs: []int{1}, Transform: unknown},
		"wrong type": {SourceIDs: []int{1}, Transform: iceberg.DayTransform{}},
		"no source":  {SourceIDs: []int{9}, Transform: iceberg.IdentityTransform{}},
		"in a list":  {SourceIDs: []int{3}, Transform: iceberg.IdentityTransform{}},
		"a list":     {SourceIDs: []int{2}, Transform: iceberg.IdentityTransform{}},
		"two":        {SourceIDs: []int{1, 5}, Transform: iceberg.BucketTransform{NumBuckets: 4}},
		"no buckets": {SourceIDs: []int{1}, Transform: iceberg.BucketTransform{}},
		"no width":   {SourceIDs: []int{1}, Transform: iceberg.TruncateTransform{}},
	} {
		f.FieldID, f.Name = 1000, "p"
		if _, err := Compile(sc, iceberg.NewPartitionSpecID(1, f)); err == nil {
			t.Errorf("%s: compiled", name)
		}
	}
	s, err := Compile(sc, iceberg.NewPartitionSpecID(1, iceberg.PartitionField{SourceIDs: []int{5}, FieldID: 1000, Name: "p", Transform: iceberg.DayTransform{}}))
	if err != nil {
		t.Fatal(err)
	}
	rows := decode.NewRows(sc)
	st := rows.Columns[2]
	st.Len, st.Valid, st.Nulls = 1, []byte{0}, 1
	st.Children[0].I32, st.Children[0].Len = []int32{0}, 1
	if v := s.Tuple(rows, 0).Values[1000]; v != nil {
		t.Errorf("a field of a null struct: %v", v)
	}
}

func TestEscape_IsBoundedAndPlain(t *testing.T) {
	for in, want := range map[string]string{
		"eu-west_1.a": "eu-west_1.a", "..": "%2E.", ".": "%2E", "a/b": "a%2Fb", "50%": "50%25", "a=b": "a%3Db", "\x00\n": "%00%0A", "": "", "ü": "%C3%BC", "a b+c": "a%20b%2Bc",
	} {
		if got := Escape(in, 80); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 100).Draw(t, "limit")
		out := Escape(rapid.String().Draw(t, "s"), limit)
		if len(out) > limit || strings.ContainsAny(out, "/\\?#= ") || out == "." || out == ".." {
			t.Fatalf("%q, limit %d", out, limit)
		}
		if i := strings.LastIndexByte(out, '%'); i >= 0 && i > len(out)-3 {
			t.Fatalf("%q ends in half an escape", out)
		}
	})
	sc := one(iceberg.StringType{}, []byte(strings.Repeat("/", 4096)))
	fields := make([]iceberg.PartitionField, 20)
	for i := range fields {
		fields[i] = iceberg.PartitionField{SourceIDs: []int{1}, FieldID: 1000 + i, Name: fmt.Sprintf("a_long_name_of_a_field_%d", i), Transform: iceberg.TruncateTransform{Width: 1000 + i}}
	}
	s, err := Compile(sc.Schema, iceberg.NewPartitionSpecID(1, fields...))
	if err != nil {
		t.Fatal(err)
	}
	if path := s.Tuple(sc, 0).Path; len(path) > pathLimit || slices.Contains(strings.Split(path, "/"), "") {
		t.Errorf("%d bytes: %s", len(path), path)
	}
}
