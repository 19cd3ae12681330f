package decode

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/iceberg-go"
)

// Text writes row i for people and for tests: JSON with the columns in their order. Dates, times and timestamps are ISO 8601
// strings, decimals and UUIDs strings, binary and fixed a string of hexadecimal digits, maps a list of pairs.
func (r *Rows) Text(i int) string {
	var b strings.Builder
	b.WriteByte('{')
	for k, c := range r.Columns {
		if k > 0 {
			b.WriteString(", ")
		}
		writeJSONString(&b, c.Field.Name)
		b.WriteString(": ")
		c.writeText(&b, i)
	}
	b.WriteByte('}')
	return b.String()
}

// Text writes entry i as Rows.Text does.
func (c *Column) Text(i int) string {
	var b strings.Builder
	c.writeText(&b, i)
	return b.String()
}

func (c *Column) writeText(b *strings.Builder, i int) {
	if c.IsNull(i) {
		b.WriteString("null")
		return
	}
	switch t := c.Field.Type.(type) {
	case iceberg.BooleanType:
		b.WriteString(strconv.FormatBool(c.Bytes[i] != 0))
	case iceberg.Int32Type:
		b.WriteString(strconv.Itoa(int(c.I32[i])))
	case iceberg.Int64Type:
		b.WriteString(strconv.FormatInt(c.I64[i], 10))
	case iceberg.Float32Type:
		writeFloat(b, float64(c.F32[i]), 32)
	case iceberg.Float64Type:
		writeFloat(b, c.F64[i], 64)
	case iceberg.DecimalType:
		writeJSONString(b, decimalText(c.Value(i), t.Scale()))
	case iceberg.StringType:
		writeJSONString(b, string(c.Value(i)))
	case iceberg.UUIDType:
		h := hex.EncodeToString(c.Value(i))
		writeJSONString(b, h[:8]+"-"+h[8:12]+"-"+h[12:16]+"-"+h[16:20]+"-"+h[20:])
	case iceberg.BinaryType, iceberg.FixedType:
		writeJSONString(b, hex.EncodeToString(c.Value(i)))
	case *iceberg.StructType:
		b.WriteByte('{')
		for k, child := range c.Children {
			if k > 0 {
				b.WriteString(", ")
			}
			writeJSONString(b, child.Field.Name)
			b.WriteString(": ")
			child.writeText(b, i)
		}
		b.WriteByte('}')
	case *iceberg.ListType:
		from, to := c.Range(i)
		b.WriteByte('[')
		for j := from; j < to; j++ {
			if j > from {
				b.WriteString(", ")
			}
			c.Children[0].writeText(b, j)
		}
		b.WriteByte(']')
	case *iceberg.MapType:
		from, to := c.Range(i)
		b.WriteByte('[')
		for j := from; j < to; j++ {
			if j > from {
				b.WriteString(", ")
			}
			b.WriteByte('[')
			c.Children[0].writeText(b, j)
			b.WriteString(", ")
			c.Children[1].writeText(b, j)
			b.WriteByte(']')
		}
		b.WriteByte(']')
	default:
		writeJSONString(b, c.temporalText(i))
	}
}

func (c *Column) temporalText(i int) string {
	const micro, nano = "2006-01-02T15:04:05.000000", "2006-01-02T15:04:05.000000000"
	switch c.Field.Type.(type) {
	case iceberg.DateType:
		return time.Unix(int64(c.I32[i])*daySecond, 0).UTC().Format("2006-01-02")
	case iceberg.TimeType:
		return time.UnixMicro(c.I64[i]).UTC().Format("15:04:05.000000")
	case iceberg.TimestampType:
		return time.UnixMicro(c.I64[i]).UTC().Format(micro)
	case iceberg.TimestampTzType:
		return time.UnixMicro(c.I64[i]).UTC().Format(micro) + "Z"
	case iceberg.TimestampNsType:
		return time.Unix(0, c.I64[i]).UTC().Format(nano)
	}
	return time.Unix(0, c.I64[i]).UTC().Format(nano) + "Z"
}

func writeFloat(b *strings.Builder, v float64, size int) {
	s := strconv.FormatFloat(v, 'g', -1, size)
	switch s {
	case "NaN", "-Inf":
		s = strconv.Quote(strings.Replace(s, "Inf", "Infinity", 1))
	case "+Inf":
		s = `"Infinity"`
	}
	b.WriteString(s)
}

// decimalText writes an unscaled value of 16 bytes, little endian.
func decimalText(le []byte, scale int) string {
	be := make([]byte, 16)
	for i, c := range le {
		be[15-i] = c
	}
	v := new(big.Int).SetBytes(be)
	if be[0]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	sign := ""
	if v.Sign() < 0 {
		sign = "-"
		v.Neg(v)
	}
	s := v.String()
	if scale == 0 {
		return sign + s
	}
	if len(s) <= scale {
		s = strings.Repeat("0", scale-len(s)+1) + s
	}
	return sign + s[:len(s)-scale] + "." + s[len(s)-scale:]
}

// writeJSONString quotes s with no escapes but those that JSON asks for.
func writeJSONString(b *strings.Builder, s string) {
	const digits = "0123456789abcdef"
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			b.WriteString(`\u00`)
			b.WriteByte(digits[r>>4])
			b.WriteByte(digits[r&15])
		default:
			b.Write(utf8.AppendRune(nil, r))
		}
	}
	b.WriteByte('"')
}
