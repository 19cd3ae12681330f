package decode

import "unicode/utf8"

// skip checks a value that goes nowhere, or goes on as text, as strictly as any other, and returns where it ends.
func (d *jsonDecoder) skip(p int) int {
	b := d.data
	if p >= len(b) {
		return d.broken(p, "a value")
	}
	switch c := b[p]; {
	case c == '"':
		return d.skipString(p)
	case c == '{':
		return d.skipObject(p + 1)
	case c == '[':
		return d.skipArray(p + 1)
	case c == 't':
		return d.literal(p, "true")
	case c == 'f':
		return d.literal(p, "false")
	case c == 'n':
		return d.literal(p, "null")
	case c == '-' || c-'0' < 10:
		_, end, ok := scanNumber(b, p)
		if !ok {
			return d.broken(end, "a digit of a number, or its end,")
		}
		return end
	}
	return d.broken(p, "a value")
}

func (d *jsonDecoder) literal(p int, word string) int {
	if len(d.data)-p < len(word) || string(d.data[p:p+len(word)]) != word {
		return d.broken(p, word)
	}
	return p + len(word)
}

func (d *jsonDecoder) skipString(p int) int {
	_, end := d.text(nil, p)
	return end
}

// text reads the string at p. s is good until the next value is read.
func (d *jsonDecoder) text(n *node, p int) (s []byte, next int) {
	b := d.data
	start := p + 1
	end, escaped, high, ok := scanString(b, start)
	if !ok {
		return nil, d.brokenString(end)
	}
	s = b[start:end]
	if high && !utf8.Valid(s) {
		return nil, d.fail(n, CodeBadUTF8, "byte %d: a string of %s is not UTF-8", start, length(len(s)))
	}
	if escaped {
		var code string
		var bad int
		if d.scratch, code, bad = unescape(d.scratch[:0], s); code != "" {
			return nil, d.badEscape(n, code, start+bad)
		}
		s = d.scratch
	}
	return s, end + 1
}

func (d *jsonDecoder) skipObject(p int) int {
	if !d.enter() {
		return -1
	}
	b := d.data
	d.keys.object++
	id := d.keys.object
	p = space(b, p)
	if p < len(b) && b[p] == '}' {
		d.depth--
		return p + 1
	}
	for {
		key, from, next := d.key(p)
		if next < 0 || !d.once(id, key, from) {
			return -1
		}
		if p = d.skip(space(b, next)); p < 0 {
			return -1
		}
		p = space(b, p)
		if p < len(b) && b[p] == ',' {
			p = space(b, p+1)
			continue
		}
		if p < len(b) && b[p] == '}' {
			d.depth--
			return p + 1
		}
		return d.broken(p, "a comma or }")
	}
}

func (d *jsonDecoder) skipArray(p int) int {
	if !d.enter() {
		return -1
	}
	b := d.data
	p = space(b, p)
	if p < len(b) && b[p] == ']' {
		d.depth--
		return p + 1
	}
	for {
		if p = d.skip(space(b, p)); p < 0 {
			return -1
		}
		p = space(b, p)
		if p < len(b) && b[p] == ',' {
			p++
			continue
		}
		if p < len(b) && b[p] == ']' {
			d.depth--
			return p + 1
		}
		return d.broken(p, "a comma or ]")
	}
}
