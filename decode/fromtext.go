package decode

import (
	"encoding/base64"
	"math"
	"slices"
)

// keyFromText reads a key, in which numbers and booleans can only be quoted.
func (d *jsonDecoder) keyFromText(n *node, c *Column, s []byte) bool {
	switch n.op {
	case opBool:
		if string(s) != "true" && string(s) != "false" {
			return d.badValue(n, s)
		}
		var v byte
		if s[0] == 't' {
			v = 1
		}
		c.Bytes = append(c.Bytes, v)
		c.grew()
		return true
	case opFloat, opDouble:
		if x, end, ok := scanNumber(s, 0); ok && end == len(s) {
			return d.fromNumber(n, c, &x, s)
		}
	}
	return d.fromText(n, c, s)
}

func (d *jsonDecoder) badValue(n *node, s []byte) bool {
	d.fail(n, CodeBadValue, "a text of %s does not read as %s (%s)", length(len(s)), n.what, spelling[n.op])
	return false
}

// spelling is how strings of a type are written, for messages.
var spelling = [...]string{
	opBool: "true or false", opInt: "an integer", opLong: "an integer", opDecimal: "a number", opFloat: `a number, or "NaN", "Infinity", "-Infinity"`,
	opDouble: `a number, or "NaN", "Infinity", "-Infinity"`, opDate: "2006-01-02", opTime: "15:04:05.999999", opTimestamp: "2006-01-02T15:04:05.999999, with Z or +07:00 where it has a zone",
	opTimestampNs: "2006-01-02T15:04:05.999999999, with Z or +07:00 where it has a zone", opUUID: "36 characters, 8-4-4-4-12 hexadecimal digits",
	opFixed: "base64, standard alphabet, with padding", opBinary: "base64, standard alphabet, with padding", opMap: "",
}

// fromText reads the content of a string.
func (d *jsonDecoder) fromText(n *node, c *Column, s []byte) bool {
	switch n.op {
	case opInt, opLong, opDecimal:
		x, end, ok := scanNumber(s, 0)
		if !ok || end != len(s) {
			return d.badValue(n, s)
		}
		return d.fromNumber(n, c, &x, s)
	case opFloat, opDouble:
		return d.floatText(n, c, s)
	case opDate:
		days, ok := parseDate(s)
		if !ok {
			return d.badValue(n, s)
		}
		c.I32 = append(c.I32, int32(days))
	case opTime:
		second, nano, rest, ok := parseClock(s)
		if !ok || len(rest) > 0 {
			return d.badValue(n, s)
		}
		d.floor(nano)
		c.I64 = append(c.I64, second*1e6+nano/1000)
	case opTimestamp, opTimestampNs:
		return d.timestampText(n, c, s)
	case opUUID:
		if !c.appendUUID(s) {
			return d.badValue(n, s)
		}
	case opFixed, opBinary:
		return d.base64Text(n, c, s)
	}
	c.grew()
	return true
}

func (d *jsonDecoder) floor(nano int64) {
	if nano%1000 != 0 {
		d.floored++
	}
}

func (d *jsonDecoder) floatText(n *node, c *Column, s []byte) bool {
	var v float64
	switch string(s) {
	case "NaN":
		v = math.NaN()
	case "Infinity":
		v = math.Inf(1)
	case "-Infinity":
		v = math.Inf(-1)
	default:
		return d.badValue(n, s)
	}
	c.appendFloat(n.op, v)
	return true
}

func (c *Column) appendFloat(o op, v float64) {
	if o == opFloat {
		c.F32 = append(c.F32, float32(v))
	} else {
		c.F64 = append(c.F64, v)
	}
	c.grew()
}

func (d *jsonDecoder) timestampText(n *node, c *Column, s []byte) bool {
	k, ok := parseTimestamp(s)
	if !ok {
		return d.badValue(n, s)
	}
	if n.zoned && !k.zoned && !n.assume {
		d.fail(n, CodeZone, "a time without a zone, and the column is of instants; add Z or an offset to the value, or zone: UTC to the column's options")
		return false
	}
	if !n.zoned && k.ahead != 0 {
		d.fail(n, CodeZone, "a time with an offset, and the column has no zone; only Z and +00:00 fit it")
		return false
	}
	return d.appendInstant(n, c, k.unix(), k.nano, s)
}

// appendInstant appends a second since 1970 and the nanoseconds above it.
func (d *jsonDecoder) appendInstant(n *node, c *Column, second, nano int64, s []byte) bool {
	fits := second >= minSecond && second <= maxSecond
	var v int64
	if n.op == opTimestampNs {
		v, fits = nanos(second, nano)
	} else {
		v = second*1e6 + nano/1000
	}
	if !fits {
		d.fail(n, CodeOutOfRange, "a value of %s is beyond what %s holds", length(len(s)), n.what)
		return false
	}
	if n.op == opTimestamp {
		d.floor(nano)
	}
	c.I64 = append(c.I64, v)
	c.grew()
	return true
}

// uuidPairs are the places of the 16 pairs of digits in a UUID.
var uuidPairs = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

func (c *Column) appendUUID(s []byte) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	for _, i := range uuidPairs {
		h, l := hexValue[s[i]], hexValue[s[i+1]]
		if h > 15 || l > 15 {
			return false
		}
		c.Bytes = append(c.Bytes, h<<4|l)
	}
	return true
}

func (d *jsonDecoder) base64Text(n *node, c *Column, s []byte) bool {
	at := len(c.Bytes)
	c.Bytes = slices.Grow(c.Bytes, base64.StdEncoding.DecodedLen(len(s)))
	size, err := strictBase64.Decode(c.Bytes[at:cap(c.Bytes)], s)
	if err != nil || slices.Contains(s, '\n') || slices.Contains(s, '\r') { // which Decode skips
		return d.badValue(n, s)
	}
	if n.op == opFixed && size != n.width {
		d.fail(n, CodeBadValue, "base64 of %s, and %s takes exactly %d", length(size), n.what, n.width)
		return false
	}
	c.Bytes = c.Bytes[:at+size]
	if n.op == opBinary {
		c.Offsets = append(c.Offsets, int32(len(c.Bytes)))
	}
	c.grew()
	return true
}

var strictBase64 = base64.StdEncoding.Strict()
