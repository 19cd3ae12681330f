package data

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// How a string is written: all are the same string to a reader of JSON.
type writing int

const (
	plainText writing = iota // UTF-8 as it is
	asciiText                // everything beyond ASCII as \u, in two halves where need be
	oddText                  // as encoders of other languages do: \/ and \u for what needs none
)

func appendString(b []byte, s string, how writing) []byte {
	b = append(b, '"')
	for i, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ':
			b = fmt.Appendf(b, "\\u%04x", c)
		case how == oddText && c == '/':
			b = append(b, '\\', '/')
		case how == oddText && c < 0x80 && i%5 == 4:
			b = fmt.Appendf(b, "\\u%04X", c)
		case how == asciiText && c > 0xffff:
			high, low := utf16.EncodeRune(c)
			b = fmt.Appendf(b, "\\u%04x\\u%04x", high, low)
		case how == asciiText && c >= 0x80:
			b = fmt.Appendf(b, "\\u%04x", c)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}

// appendFixed writes units of 10^-scale with all their digits.
func appendFixed(b []byte, units int64, scale int) []byte {
	if units < 0 {
		b, units = append(b, '-'), -units
	}
	s := padded(units, scale+1)
	b = append(b, s[:len(s)-scale]...)
	return append(append(b, '.'), s[len(s)-scale:]...)
}

// style is the space between the tokens of a record.
type style struct {
	comma, colon, open, close string
}

var styles = []style{{",", ":", "", ""}, {", ", ": ", "", ""}, {",\n  ", ": ", "\n  ", "\n"}, {" ,\t", " : ", " ", " "}}

// object writes the members that say anything, in a chance order.
func (g *gen) object(shuffle bool, members ...func() bool) {
	r := g.rng.next()
	if shuffle {
		mix := splitmix{r}
		for i := len(members) - 1; i > 0; i-- {
			j := mix.n(int64(i + 1))
			members[i], members[j] = members[j], members[i]
		}
	}
	g.value = append(append(g.value, '{'), g.style.open...)
	some := false
	for _, member := range members {
		before := len(g.value)
		if some {
			g.value = append(g.value, g.style.comma...)
		}
		if member() {
			some = true
		} else {
			g.value = g.value[:before]
		}
	}
	g.value = append(append(g.value, g.style.close...), '}')
}

func (g *gen) name(s string) {
	g.value = append(appendString(g.value, s, plainText), g.style.colon...)
}

func (g *gen) list(n int64, element func(k int64)) {
	g.value = append(append(g.value, '['), g.style.open...)
	for k := range n {
		if k > 0 {
			g.value = append(g.value, g.style.comma...)
		}
		element(k)
	}
	g.value = append(append(g.value, g.style.close...), ']')
}

func (g *gen) null()          { g.value = append(g.value, "null"...) }
func (g *gen) text(s string)  { g.value = appendString(g.value, s, writing(g.rng.n(3))) }
func (g *gen) int(v int64)    { g.value = strconv.AppendInt(g.value, v, 10) }
func (g *gen) raw(s string)   { g.value = append(g.value, s...) }
func (g *gen) boolean(v bool) { g.value = strconv.AppendBool(g.value, v) }
func (g *gen) quotedInt(v int64) {
	g.value = append(strconv.AppendInt(append(g.value, '"'), v, 10), '"')
}
