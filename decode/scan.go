package decode

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Eight bytes at a time: lanes of a word, their low and high bits.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// stops has the high bit of each lane of x that ends the plain part of a JSON string: a quote, a backslash or a
// control character. Only the lowest one is exact; borrows may set others above it.
func stops(x uint64) uint64 {
	quote := x ^ lowBits*'"'
	slash := x ^ lowBits*'\\'
	return ((quote-lowBits)&^quote | (slash-lowBits)&^slash | (x-lowBits*0x20)&^x) & highBits
}

// scanString looks for the end of the string whose first byte after the quote is b[p]. end is where its closing
// quote is, or, if ok is false, where it is broken: at len(b), or at a control character.
// escaped tells of a backslash, high of a byte beyond ASCII; neither is checked here.
func scanString(b []byte, p int) (end int, escaped, high, ok bool) {
	var seen uint64
	for {
		for p+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[p:])
			m := stops(x)
			if m == 0 {
				seen |= x
				p += 8
				continue
			}
			n := bits.TrailingZeros64(m) >> 3
			seen |= x & (1<<(8*n) - 1)
			p += n
			break
		}
		for ; p < len(b); p++ {
			c := b[p]
			if c == '"' || c == '\\' || c < 0x20 {
				break
			}
			seen |= uint64(c)
		}
		if p >= len(b) {
			return len(b), escaped, seen&highBits != 0, false
		}
		switch b[p] {
		case '"':
			return p, escaped, seen&highBits != 0, true
		case '\\':
			escaped = true
			if p += 2; p > len(b) {
				return len(b), escaped, seen&highBits != 0, false
			}
			// A byte beyond ASCII after a backslash is a bad escape, found when the escapes are read.
		default:
			return p, escaped, seen&highBits != 0, false
		}
	}
}

// space skips white space.
func space(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\r' || b[p] == '\t') {
		p++
	}
	return p
}

// unescape appends the text of the inside of a JSON string to dst. code is empty or says what is wrong at byte
// bad of s. Whether s is UTF-8 is not checked.
func unescape(dst, s []byte) (out []byte, code string, bad int) {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			j := i + 1
			for j < len(s) && s[j] != '\\' {
				j++
			}
			dst = append(dst, s[i:j]...)
			i = j
			continue
		}
		if i+1 >= len(s) {
			return dst, CodeNotJSON, i
		}
		switch s[i+1] {
		case '"', '\\', '/':
			dst = append(dst, s[i+1])
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(s, i+2)
			if !ok {
				return dst, CodeNotJSON, i
			}
			if r >= 0xd800 && r < 0xe000 {
				low, ok := rune(0), false
				if r < 0xdc00 && i+7 < len(s) && s[i+6] == '\\' && s[i+7] == 'u' {
					low, ok = hex4(s, i+8)
				}
				if !ok || low < 0xdc00 || low > 0xdfff {
					return dst, CodeLoneSurrogate, i
				}
				r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
			i += 4
		default:
			return dst, CodeNotJSON, i
		}
		i += 2
	}
	return dst, "", 0
}

// hex4 reads four hexadecimal digits at p.
func hex4(s []byte, p int) (rune, bool) {
	if p+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range s[p : p+4] {
		v := hexValue[c]
		if v > 15 {
			return 0, false
		}
		r = r<<4 | rune(v)
	}
	return r, true
}

// hexValue is the value of a hexadecimal digit, 255 for any other byte.
var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := byte(0); i < 10; i++ {
		t['0'+i] = i
	}
	for i := byte(0); i < 6; i++ {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()
