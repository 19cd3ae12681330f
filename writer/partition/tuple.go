package partition

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
)

// boxed is v as iceberg-go holds a partition value of type t.
func boxed(t iceberg.Type, v value) any {
	if v.null {
		return nil
	}
	switch t := t.(type) {
	case iceberg.BooleanType:
		return v.n != 0
	case iceberg.Int32Type:
		return int32(v.n)
	case iceberg.DateType:
		return iceberg.Date(v.n)
	case iceberg.Int64Type:
		return v.n
	case iceberg.TimeType:
		return iceberg.Time(v.n)
	case iceberg.TimestampType, iceberg.TimestampTzType:
		return iceberg.Timestamp(v.n)
	case iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return iceberg.TimestampNano(v.n)
	case iceberg.Float32Type:
		return math.Float32frombits(uint32(v.n))
	case iceberg.Float64Type:
		return math.Float64frombits(uint64(v.n))
	case iceberg.DecimalType:
		num := decimal128.New(int64(binary.LittleEndian.Uint64(v.b[8:])), binary.LittleEndian.Uint64(v.b))
		return iceberg.Decimal{Val: num, Scale: t.Scale()}
	case iceberg.UUIDType:
		return uuid.UUID(v.b)
	case iceberg.StringType:
		return string(v.b)
	}
	return bytes.Clone(v.b)
}

// logical is the Avro logical type of a partition value in a manifest, empty if it has none.
func logical(t iceberg.Type) string {
	switch t.(type) {
	case iceberg.DateType:
		return "date"
	case iceberg.TimeType:
		return "time-micros"
	case iceberg.TimestampType, iceberg.TimestampTzType:
		return "timestamp-micros"
	case iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return "timestamp-nanos"
	case iceberg.DecimalType:
		return "decimal"
	case iceberg.UUIDType:
		return "uuid"
	}
	return ""
}

// shower writes partition values for people, as the Java library does.
func shower(t iceberg.Transform, result iceberg.Type) func(v value) string {
	switch t.(type) {
	case iceberg.YearTransform:
		return func(v value) string { return fmt.Sprintf("%04d", 1970+v.n) }
	case iceberg.MonthTransform:
		return func(v value) string {
			y := floorDiv(v.n, 12)
			return fmt.Sprintf("%04d-%02d", 1970+y, v.n-12*y+1)
		}
	case iceberg.HourTransform:
		return func(v value) string {
			day := floorDiv(v.n, 24)
			return fmt.Sprintf("%s-%02d", showDay(day), v.n-24*day)
		}
	}
	switch result := result.(type) {
	case iceberg.BooleanType:
		return func(v value) string { return strconv.FormatBool(v.n != 0) }
	case iceberg.DateType:
		return func(v value) string { return showDay(v.n) }
	case iceberg.TimeType:
		return func(v value) string { return time.UnixMicro(v.n).UTC().Format("15:04:05.999999") }
	case iceberg.TimestampType:
		return func(v value) string { return time.UnixMicro(v.n).UTC().Format("2006-01-02T15:04:05.999999") }
	case iceberg.TimestampTzType:
		return func(v value) string { return time.UnixMicro(v.n).UTC().Format("2006-01-02T15:04:05.999999-07:00") }
	case iceberg.TimestampNsType:
		return func(v value) string { return time.Unix(0, v.n).UTC().Format("2006-01-02T15:04:05.999999999") }
	case iceberg.TimestampTzNsType:
		return func(v value) string { return time.Unix(0, v.n).UTC().Format("2006-01-02T15:04:05.999999999-07:00") }
	case iceberg.Float32Type:
		return func(v value) string {
			return strconv.FormatFloat(float64(math.Float32frombits(uint32(v.n))), 'g', -1, 32)
		}
	case iceberg.Float64Type:
		return func(v value) string { return strconv.FormatFloat(math.Float64frombits(uint64(v.n)), 'g', -1, 64) }
	case iceberg.DecimalType:
		return func(v value) string { return showDecimal(unscaled(v.b), result.Scale()) }
	case iceberg.UUIDType:
		return func(v value) string { return uuid.UUID(v.b).String() }
	case iceberg.StringType:
		return func(v value) string { return string(v.b) }
	case iceberg.BinaryType, iceberg.FixedType:
		return func(v value) string { return base64.StdEncoding.EncodeToString(v.b) }
	}
	return showInt
}

func showInt(v value) string { return strconv.FormatInt(v.n, 10) }

func showDay(days int64) string { return time.Unix(days*86400, 0).UTC().Format("2006-01-02") }

func showDecimal(v *big.Int, scale int) string {
	if scale == 0 {
		return v.String()
	}
	digits := new(big.Int).Abs(v).String()
	if pad := scale + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	sign := ""
	if v.Sign() < 0 {
		sign = "-"
	}
	point := len(digits) - scale
	return sign + digits[:point] + "." + digits[point:]
}

// pathLimit is the most bytes that the partition part of a location may have. Object keys end at 1,024 bytes; this
// leaves half of them to the table's location and the file's name.
const pathLimit = 480

// segmentLimit is the share of one of n fields, "=" and "/" not counted.
func segmentLimit(n int) int { return max(min(160, pathLimit/n-2), 2) }

// Escape writes s with letters, digits, "-", "_" and "." only, everything else as percent and two hex digits, and cuts
// it, at a character of the output, after limit bytes. No output is "." or "..", and none has a "/" in it.
func Escape(s string, limit int) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, min(len(s), limit))
	for i := 0; i < len(s); i++ {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' ||
			c == '.' && len(out) > 0
		switch {
		case plain && len(out)+1 <= limit:
			out = append(out, c)
		case !plain && len(out)+3 <= limit:
			out = append(out, '%', hex[c>>4], hex[c&15])
		default:
			return string(out)
		}
	}
	return string(out)
}
