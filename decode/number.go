package decode

import (
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// number is the places of the parts of a JSON number.
type number struct {
	neg             bool
	from, to        int   // the whole of it
	whole, wholeEnd int   // digits before the point
	frac, fracEnd   int   // digits after it
	exp             int64 // clipped to ±2^40, which is beyond any number of digits that a record has
}

const maxExponent = 1 << 40

// scanNumber reads the grammar of a number at b[p]. end is where it ends; if ok is false, where it is broken.
func scanNumber(b []byte, p int) (x number, end int, ok bool) {
	x.from = p
	if p < len(b) && b[p] == '-' {
		x.neg = true
		p++
	}
	x.whole = p
	for p < len(b) && b[p]-'0' < 10 {
		p++
	}
	if x.wholeEnd = p; p == x.whole {
		return x, p, false
	}
	if b[x.whole] == '0' && p > x.whole+1 {
		return x, x.whole + 1, false
	}
	x.frac, x.fracEnd = p, p
	if p < len(b) && b[p] == '.' {
		p++
		x.frac = p
		for p < len(b) && b[p]-'0' < 10 {
			p++
		}
		if x.fracEnd = p; p == x.frac {
			return x, p, false
		}
	}
	if p < len(b) && b[p]|0x20 == 'e' {
		if p, ok = x.scanExponent(b, p+1); !ok {
			return x, p, false
		}
	}
	x.to = p
	return x, p, true
}

func (x *number) scanExponent(b []byte, p int) (end int, ok bool) {
	neg := false
	if p < len(b) && (b[p] == '-' || b[p] == '+') {
		neg = b[p] == '-'
		p++
	}
	from := p
	for ; p < len(b) && b[p]-'0' < 10; p++ {
		x.exp = min(x.exp*10+int64(b[p]-'0'), maxExponent)
	}
	if neg {
		x.exp = -x.exp
	}
	return p, p > from
}

// digit is digit i of the whole and the fraction together.
func (x *number) digit(b []byte, i int) byte {
	if n := x.wholeEnd - x.whole; i < n {
		return b[x.whole+i]
	} else {
		return b[x.frac+i-n]
	}
}

// scaled is the magnitude of the number times 10^shift, without its fraction. exact is false if there is one;
// fits is false if the magnitude has more than limit digits, limit being at most 38.
func (x *number) scaled(b []byte, shift, limit int) (hi, lo uint64, exact, fits bool) {
	first, last := 0, x.wholeEnd-x.whole+x.fracEnd-x.frac
	for first < last && x.digit(b, first) == '0' {
		first++
	}
	if first == last {
		return 0, 0, true, true
	}
	dropped := 0
	for x.digit(b, last-1) == '0' {
		last--
		dropped++
	}
	// value × 10^shift = digits [first, last) × 10^power
	power := x.exp - int64(x.fracEnd-x.frac) + int64(dropped) + int64(shift)
	length := int64(last-first) + power // digits before the point
	if length > int64(limit) {
		return 0, 0, true, false
	}
	exact = power >= 0
	for i := int64(0); i < length; i++ {
		carry, low := bits.Mul64(lo, 10)
		hi = hi*10 + carry
		lo = low
		if at := int64(first) + i; at < int64(last) {
			var c uint64
			lo, c = bits.Add64(lo, uint64(x.digit(b, int(at))-'0'), 0)
			hi += c
		}
	}
	return hi, lo, exact, true
}

// int64Scaled is the number times 10^shift, rounded toward the past; exact is false if it had to be rounded.
func (x *number) int64Scaled(b []byte, shift int) (v int64, exact, fits bool) {
	hi, lo, exact, fits := x.scaled(b, shift, 19)
	if !fits || hi != 0 {
		return 0, true, false
	}
	if !x.neg {
		return int64(lo), exact, lo <= math.MaxInt64
	}
	if !exact {
		lo++
	}
	return -int64(lo), exact, lo <= 1<<63
}

// plainInt reads an integer of at most 18 digits that is followed by something that ends a number. It is the fast
// way for what scanNumber reads in general; ok is false where the general way must decide.
func plainInt(b []byte, p int) (v int64, end int, ok bool) {
	neg := false
	if p < len(b) && b[p] == '-' {
		neg = true
		p++
	}
	from := p
	for p < len(b) && b[p]-'0' < 10 {
		if p-from == 18 {
			return 0, p, false
		}
		v = v*10 + int64(b[p]-'0')
		p++
	}
	if p == from || p > from+1 && b[from] == '0' {
		return 0, p, false
	}
	if p < len(b) && (b[p] == '.' || b[p]|0x20 == 'e') {
		return 0, p, false
	}
	if neg {
		v = -v
	}
	return v, p, true
}

var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// plainFloat reads a number of at most 15 digits without an exponent: both the digits and the power of ten are exact as
// float64, so that their quotient is rounded once, as it must be. ok is false where the general way must decide.
func plainFloat(b []byte, p int) (v float64, end int, ok bool) {
	neg := false
	if p < len(b) && b[p] == '-' {
		neg = true
		p++
	}
	from, m := p, uint64(0)
	for p < len(b) && b[p]-'0' < 10 && p-from < 16 {
		m = m*10 + uint64(b[p]-'0')
		p++
	}
	digits, places := p-from, 0
	if digits == 0 || digits > 1 && b[from] == '0' {
		return 0, p, false
	}
	if p < len(b) && b[p] == '.' {
		p++
		point := p
		for p < len(b) && b[p]-'0' < 10 && digits+p-point < 16 {
			m = m*10 + uint64(b[p]-'0')
			p++
		}
		places = p - point
		if places == 0 {
			return 0, p, false
		}
	}
	if digits+places > 15 || p < len(b) && (b[p]-'0' < 10 || b[p] == '.' || b[p]|0x20 == 'e') {
		return 0, p, false
	}
	v = float64(m) / powersOfTen[places]
	if neg {
		v = -v
	}
	return v, p, true
}

// float is the number rounded to the nearest of the given bits (32 or 64); fits is false beyond the largest one.
func (x *number) float(b []byte, size int) (v float64, fits bool) {
	v, err := strconv.ParseFloat(view(b[x.from:x.to]), size)
	return v, err == nil
}

// view is b as a string, for a call that keeps neither.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
