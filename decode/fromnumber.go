package decode

import (
	"encoding/binary"
	"math"
)

// fromNumber takes a number whose text is in b.
func (d *jsonDecoder) fromNumber(n *node, c *Column, x *number, b []byte) bool {
	switch n.op {
	case opInt, opLong:
		v, exact, fits := x.int64Scaled(b, 0)
		if !fits || n.op == opInt && v != int64(int32(v)) {
			return d.outOfRange(n, x, b)
		}
		if !exact {
			return d.inexact(n, x, b)
		}
		c.appendInt(n.op, v)
		return true
	case opFloat:
		v, fits := x.float(b, 32)
		if !fits {
			return d.outOfRange(n, x, b)
		}
		c.appendFloat(n.op, v)
		return true
	case opDouble:
		v, fits := x.float(b, 64)
		if !fits {
			return d.outOfRange(n, x, b)
		}
		c.appendFloat(n.op, v)
		return true
	case opDecimal:
		return d.decimal(n, c, x, b)
	case opDate:
		return d.dateNumber(n, c, x, b)
	case opTime:
		return d.timeNumber(n, c, x, b)
	default:
		return d.timestampNumber(n, c, x, b)
	}
}

func (d *jsonDecoder) outOfRange(n *node, x *number, b []byte) bool {
	d.fail(n, CodeOutOfRange, "a number of %s is beyond what %s holds", length(x.to-x.from), n.what)
	return false
}

func (d *jsonDecoder) inexact(n *node, x *number, b []byte) bool {
	d.fail(n, CodeInexact, "a number of %s has a fraction that %s has no place for", length(x.to-x.from), n.what)
	return false
}

// unclear refuses a number whose unit may be another than the column's.
func (d *jsonDecoder) unclear(n *node, x *number, b []byte) bool {
	d.fail(n, CodeUnclearUnit, "a number of %s, taken as %s, is not within 1980–2199; give the column its unit (s, ms, us, ns, days)", length(x.to-x.from), unitName(n.unit))
	return false
}

func unitName(unit int) string {
	for name, u := range units {
		if u == unit {
			return name
		}
	}
	return "?"
}

func (d *jsonDecoder) decimal(n *node, c *Column, x *number, b []byte) bool {
	hi, lo, exact, fits := x.scaled(b, n.scale, n.precision)
	if !fits {
		return d.outOfRange(n, x, b)
	}
	if !exact {
		return d.inexact(n, x, b)
	}
	if x.neg {
		lo = -lo
		hi = ^hi
		if lo == 0 {
			hi++
		}
	}
	c.Bytes = binary.LittleEndian.AppendUint64(c.Bytes, lo)
	c.Bytes = binary.LittleEndian.AppendUint64(c.Bytes, hi)
	c.grew()
	return true
}

// instant is the number as seconds since 1970 and nanoseconds above them, rounded toward the past; exact is false if
// it had to be. There is no part of a day.
func (d *jsonDecoder) instant(n *node, x *number, b []byte) (second, nano int64, exact, ok bool) {
	exact = true
	if n.unit == unitDays {
		v, exact, fits := x.int64Scaled(b, 0)
		if fits && !exact {
			return 0, 0, false, d.inexact(n, x, b)
		}
		if !fits || v < minSecond/daySecond || v > maxSecond/daySecond {
			return 0, 0, false, d.beyond(n, x, b)
		}
		second = v * daySecond
	} else {
		v, _, fits := x.int64Scaled(b, -n.unit)
		if !fits || v < minSecond || v > maxSecond {
			return 0, 0, false, d.beyond(n, x, b)
		}
		// What is above the whole second: the number in ns has at most 12+9 digits then.
		var hi, lo uint64
		hi, lo, exact, _ = x.scaled(b, 9-n.unit, 38)
		second = v
		nano = int64(mod1e9(hi, lo))
		if x.neg {
			if !exact {
				nano++ // toward the past
			}
			nano = (1e9 - nano) % 1e9
		}
	}
	if !n.declared && (second < firstSecond || second > lastSecond) {
		return 0, 0, false, d.unclear(n, x, b)
	}
	return second, nano, exact, true
}

// mod1e9 is the remainder of hi·2^64+lo.
func mod1e9(hi, lo uint64) uint64 {
	const m = 1_000_000_000
	const wrap = (math.MaxUint64%m + 1) % m // 2^64 mod m
	return (hi%m*wrap + lo%m) % m
}

// beyond refuses a number that no unit makes sense of, or the column's does not.
func (d *jsonDecoder) beyond(n *node, x *number, b []byte) bool {
	if !n.declared {
		return d.unclear(n, x, b)
	}
	return d.outOfRange(n, x, b)
}

func (d *jsonDecoder) dateNumber(n *node, c *Column, x *number, b []byte) bool {
	second, _, _, ok := d.instant(n, x, b)
	if !ok {
		return false
	}
	c.I32 = append(c.I32, int32(floorDiv(second, daySecond)))
	c.grew()
	return true
}

func (d *jsonDecoder) timestampNumber(n *node, c *Column, x *number, b []byte) bool {
	second, nano, exact, ok := d.instant(n, x, b)
	if !ok || !d.appendInstant(n, c, second, nano, b[x.from:x.to]) {
		return false
	}
	if !exact && (n.op == opTimestampNs || nano%1000 == 0) { // else it is counted already
		d.floored++
	}
	return true
}

func (d *jsonDecoder) timeNumber(n *node, c *Column, x *number, b []byte) bool {
	v, exact, fits := x.int64Scaled(b, 6-n.unit)
	if !fits || v < 0 || v >= daySecond*1e6 {
		return d.outOfRange(n, x, b)
	}
	if !exact {
		d.floored++
	}
	c.I64 = append(c.I64, v)
	c.grew()
	return true
}
