package partition

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
)

type function = func(c *decode.Column, i int) value

// transform gives the function and the result type of t on columns of type src.
func transform(t iceberg.Transform, src iceberg.Type) (function, iceberg.Type, error) {
	if _, ok := t.(iceberg.UnknownTransform); ok {
		return nil, nil, fmt.Errorf("transform %s is not known: the specification forbids writing to such tables", t)
	}
	if !t.CanTransform(src) {
		return nil, nil, fmt.Errorf("transform %s does not take type %s", t, src)
	}
	var fn function
	switch t := t.(type) {
	case iceberg.IdentityTransform:
		fn = identity(src)
	case iceberg.BucketTransform:
		if t.NumBuckets > 0 && t.NumBuckets <= math.MaxInt32 {
			fn = bucket(src, int32(t.NumBuckets))
		}
	case iceberg.TruncateTransform:
		if t.Width > 0 && t.Width <= math.MaxInt32 {
			fn = truncate(src, int32(t.Width))
		}
	case iceberg.YearTransform:
		fn = temporal(src, func(days int64) int64 { y, _ := civil(days); return y - 1970 })
	case iceberg.MonthTransform:
		fn = temporal(src, func(days int64) int64 { y, m := civil(days); return (y-1970)*12 + m - 1 })
	case iceberg.DayTransform:
		fn = temporal(src, func(days int64) int64 { return days })
	case iceberg.HourTransform:
		fn = hour(src)
	}
	if fn == nil {
		return nil, nil, fmt.Errorf("transform %s does not take type %s", t, src)
	}
	return fn, t.ResultType(src), nil
}

func identity(src iceberg.Type) function {
	switch src.(type) {
	case iceberg.BooleanType:
		return func(c *decode.Column, i int) value { return value{n: int64(c.Bytes[i])} }
	case iceberg.Int32Type, iceberg.DateType, iceberg.Int64Type, iceberg.TimeType, iceberg.TimestampType,
		iceberg.TimestampTzType, iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		get := integer(src)
		return func(c *decode.Column, i int) value { return value{n: get(c, i)} }
	case iceberg.Float32Type:
		// All NaNs are one partition; the two zeros are two, as in Java's comparison of floats.
		return func(c *decode.Column, i int) value {
			f := c.F32[i]
			if f != f {
				f = float32(math.NaN())
			}
			return value{n: int64(math.Float32bits(f))}
		}
	case iceberg.Float64Type:
		return func(c *decode.Column, i int) value {
			f := c.F64[i]
			if f != f {
				f = math.NaN()
			}
			return value{n: int64(math.Float64bits(f))}
		}
	case iceberg.DecimalType, iceberg.UUIDType, iceberg.FixedType, iceberg.StringType, iceberg.BinaryType:
		return func(c *decode.Column, i int) value { return value{b: notNil(c.Value(i))} }
	}
	return nil
}

// integer reads an entry of a column of whole numbers, dates or times; nil for other types.
func integer(src iceberg.Type) func(c *decode.Column, i int) int64 {
	switch src.(type) {
	case iceberg.Int32Type, iceberg.DateType:
		return func(c *decode.Column, i int) int64 { return int64(c.I32[i]) }
	case iceberg.Int64Type, iceberg.TimeType, iceberg.TimestampType, iceberg.TimestampTzType,
		iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return func(c *decode.Column, i int) int64 { return c.I64[i] }
	}
	return nil
}

const (
	microsPerHour = 3600 * 1e6
	microsPerDay  = 24 * microsPerHour
)

// unit is how many units of a timestamp type make a microsecond; 0 if src is none.
func unit(src iceberg.Type) int64 {
	switch src.(type) {
	case iceberg.TimestampType, iceberg.TimestampTzType:
		return 1
	case iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return 1000
	}
	return 0
}

// temporal applies of to the days since 1970-01-01 of dates and timestamps.
func temporal(src iceberg.Type, of func(days int64) int64) function {
	if _, ok := src.(iceberg.DateType); ok {
		return func(c *decode.Column, i int) value { return value{n: of(int64(c.I32[i]))} }
	}
	if u := unit(src); u > 0 {
		return func(c *decode.Column, i int) value { return value{n: of(floorDiv(c.I64[i], u*microsPerDay))} }
	}
	return nil
}

func hour(src iceberg.Type) function {
	if u := unit(src); u > 0 {
		return func(c *decode.Column, i int) value { return value{n: floorDiv(c.I64[i], u*microsPerHour)} }
	}
	return nil
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civil is the year and the month (1-12) of a day since 1970-01-01, in the proleptic Gregorian calendar.
// Years are counted from March, so that the leap day is the last of its year, and in eras of 400 years.
func civil(days int64) (year, month int64) {
	const era = 146097 // days in 400 years
	days += 719468     // since 0000-03-01
	n := floorDiv(days, era)
	day := days - n*era
	y := (day - day/1460 + day/36524 - day/(era-1)) / 365
	inYear := day - (365*y + y/4 - y/100)
	m := (5*inYear + 2) / 153 // 0 = March
	year = n*400 + y
	if m >= 10 {
		return year + 1, m - 9
	}
	return year, m + 3
}

func truncate(src iceberg.Type, width int32) function {
	w := int64(width)
	switch src.(type) {
	case iceberg.Int32Type:
		// In 32 bits, so that it wraps as Java's does.
		return func(c *decode.Column, i int) value {
			v := c.I32[i]
			return value{n: int64(v - ((v%width)+width)%width)}
		}
	case iceberg.Int64Type:
		return func(c *decode.Column, i int) value {
			v := c.I64[i]
			return value{n: v - ((v%w)+w)%w}
		}
	case iceberg.DecimalType:
		return func(c *decode.Column, i int) value { return value{b: truncateDecimal(c.Value(i), w)} }
	case iceberg.StringType:
		return func(c *decode.Column, i int) value { return value{b: notNil(codePoints(c.Value(i), int(width)))} }
	case iceberg.BinaryType:
		return func(c *decode.Column, i int) value {
			b := c.Value(i)
			return value{b: notNil(b[:min(len(b), int(width))])}
		}
	}
	return nil
}

// codePoints is the first n code points of b.
func codePoints(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	at := 0
	for ; n > 0 && at < len(b); n-- {
		_, size := utf8.DecodeRune(b[at:])
		at += size
	}
	return b[:at]
}

// notNil keeps empty bytes apart from no bytes.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
