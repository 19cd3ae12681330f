package metrics

import (
	"bytes"
	"unicode/utf8"

	"github.com/apache/iceberg-go"
)

// CutLower is v, or a shorter value that is not above it.
func CutLower(t iceberg.Type, v []byte, mode Mode) []byte {
	switch t.(type) {
	case iceberg.DecimalType:
		return fewest(v)
	case iceberg.UUIDType:
		return bytes.Clone(v)
	}
	if mode.Kind == Full {
		return notNil(bytes.Clone(v))
	}
	head, _ := prefix(t, v, mode.Length)
	return notNil(bytes.Clone(head))
}

// CutUpper is v, or a shorter value that is above it and all that begin like it; false if there is none.
func CutUpper(t iceberg.Type, v []byte, mode Mode) ([]byte, bool) {
	switch t.(type) {
	case iceberg.DecimalType:
		return fewest(v), true
	case iceberg.UUIDType:
		return bytes.Clone(v), true
	}
	if mode.Kind == Full {
		return notNil(bytes.Clone(v)), true
	}
	head, whole := prefix(t, v, mode.Length)
	head = notNil(bytes.Clone(head))
	switch {
	case whole:
		return head, true
	case isText(t):
		return raiseText(head)
	}
	return raiseBytes(head)
}

// prefix is the first n code points of text, or the first n bytes of anything else, and whether that is all of v.
func prefix(t iceberg.Type, v []byte, n int) (head []byte, whole bool) {
	if len(v) <= n {
		return v, true
	}
	if !isText(t) {
		return v[:n], false
	}
	at := 0
	for ; n > 0 && at < len(v); n-- {
		_, size := utf8.DecodeRune(v[at:])
		at += size
	}
	return v[:at], at == len(v)
}

// raiseText makes the last code point that can be raised one larger, and drops those behind it.
func raiseText(b []byte) ([]byte, bool) {
	for len(b) > 0 {
		r, size := utf8.DecodeLastRune(b)
		if r == utf8.RuneError && size <= 1 {
			return nil, false // not UTF-8: no bound rather than a wrong one
		}
		b = b[:len(b)-size]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xD7FF: // surrogates are no characters
			r = 0xE000
		default:
			r++
		}
		return utf8.AppendRune(b, r), true
	}
	return nil, false
}

// raiseBytes does the same with bytes.
func raiseBytes(b []byte) ([]byte, bool) {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0xff {
			b[i]++
			return b[:i+1], true
		}
	}
	return nil, false
}

// fewest is a decimal as the fewest bytes, big endian, that keep its value and sign.
func fewest(le []byte) []byte {
	b := make([]byte, len(le))
	for i := range b {
		b[i] = le[len(le)-1-i]
	}
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
