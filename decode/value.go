package decode

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// value reads the value at p as one entry of c, and returns where it ends.
func (d *jsonDecoder) value(n *node, c *Column, p int) int {
	b := d.data
	if p >= len(b) {
		return d.broken(p, "a value")
	}
	first := b[p]
	if first == 'n' {
		if p = d.literal(p, "null"); p < 0 {
			return -1
		}
		if n.required {
			return d.fail(n, CodeNullRequired, "null in a required field")
		}
		c.appendNull()
		return p
	}
	switch n.op {
	case opString:
		return d.stringValue(n, c, p)
	case opStruct:
		if first != '{' {
			return d.wrongType(n, p, "an object")
		}
		if p = d.object(n, c.Children, c.Len, p+1); p >= 0 {
			c.grew()
		}
		return p
	case opList:
		return d.list(n, c, p)
	case opMap:
		return d.mapping(n, c, p)
	case opBool:
		return d.boolean(n, c, p)
	}
	if first == '"' {
		s, next := d.text(n, p)
		if next < 0 || !d.fromText(n, c, s) {
			return -1
		}
		return next
	}
	if first != '-' && first-'0' >= 10 {
		return d.wrongType(n, p, accepts[n.op])
	}
	switch n.op {
	case opInt, opLong:
		if v, end, ok := plainInt(b, p); ok && (n.op == opLong || v == int64(int32(v))) {
			c.appendInt(n.op, v)
			return end
		}
	case opDouble:
		if v, end, ok := plainFloat(b, p); ok {
			c.F64 = append(c.F64, v)
			c.grew()
			return end
		}
	case opUUID, opFixed, opBinary:
		return d.wrongType(n, p, accepts[n.op])
	}
	x, end, ok := scanNumber(b, p)
	if !ok {
		return d.broken(end, "a digit of a number, or its end,")
	}
	if !d.fromNumber(n, c, &x, b) {
		return -1
	}
	return end
}

// accepts is what a column takes, for messages.
var accepts = [...]string{
	opBool: "true or false", opInt: "an integer", opLong: "an integer", opFloat: "a number", opDouble: "a number", opDecimal: "a number",
	opDate: "a date", opTime: "a time", opTimestamp: "a timestamp", opTimestampNs: "a timestamp",
	opUUID: "a UUID", opFixed: "base64", opBinary: "base64", opString: "text",
}

// wrongType refuses the value at p, if it is one at all.
func (d *jsonDecoder) wrongType(n *node, p int, want string) int {
	end := d.skip(p)
	if end < 0 {
		return -1
	}
	return d.fail(n, CodeWrongType, "byte %d: %s of %s where %s must be", p, article(d.data[p]), length(end-p), want)
}

func (c *Column) appendInt(o op, v int64) {
	if o == opInt {
		c.I32 = append(c.I32, int32(v))
	} else {
		c.I64 = append(c.I64, v)
	}
	c.grew()
}

func (d *jsonDecoder) boolean(n *node, c *Column, p int) int {
	var v byte
	var end int
	switch d.data[p] {
	case 't':
		v, end = 1, d.literal(p, "true")
	case 'f':
		end = d.literal(p, "false")
	default:
		return d.wrongType(n, p, accepts[opBool])
	}
	if end >= 0 {
		c.Bytes = append(c.Bytes, v)
		c.grew()
	}
	return end
}

// stringValue takes a string, or the text of any other value, byte for byte.
func (d *jsonDecoder) stringValue(n *node, c *Column, p int) int {
	b := d.data
	if b[p] != '"' {
		end := d.skip(p)
		if end >= 0 {
			c.appendBytes(b[p:end])
		}
		return end
	}
	start := p + 1
	end, escaped, high, ok := scanString(b, start)
	if !ok {
		return d.brokenString(end)
	}
	s := b[start:end]
	if high && !utf8.Valid(s) {
		return d.fail(n, CodeBadUTF8, "byte %d: a string of %s is not UTF-8", start, length(len(s)))
	}
	if !escaped {
		c.appendBytes(s)
		return end + 1
	}
	var code string
	var bad int
	if c.Bytes, code, bad = unescape(c.Bytes, s); code != "" {
		return d.badEscape(n, code, start+bad)
	}
	c.Offsets = append(c.Offsets, int32(len(c.Bytes)))
	c.grew()
	return end + 1
}

// spend counts what an element takes beyond its own text: a list of {} must not fill the memory with nulls.
func (d *jsonDecoder) spend(n *node, e *node) bool {
	if d.spread += e.spread; d.spread > d.limit {
		d.fail(n, CodeTooLarge, "the elements would take more than %d bytes in columns", d.limit)
		return false
	}
	return true
}

func (d *jsonDecoder) list(n *node, c *Column, p int) int {
	b := d.data
	if b[p] != '[' {
		return d.wrongType(n, p, "an array")
	}
	if !d.enter() {
		return -1
	}
	child, e := c.Children[0], n.fields[0]
	p = space(b, p+1)
	for empty := p < len(b) && b[p] == ']'; !empty; {
		if !d.spend(n, e) {
			return -1
		}
		if p = d.value(e, child, space(b, p)); p < 0 {
			return -1
		}
		p = space(b, p)
		if p < len(b) && b[p] == ',' {
			p++
			continue
		}
		if p < len(b) && b[p] == ']' {
			break
		}
		return d.broken(p, "a comma or ]")
	}
	d.depth--
	c.Offsets = append(c.Offsets, int32(child.Len))
	c.grew()
	return p + 1
}

func (d *jsonDecoder) mapping(n *node, c *Column, p int) int {
	b := d.data
	if b[p] != '{' {
		return d.wrongType(n, p, "an object")
	}
	if !d.enter() {
		return -1
	}
	d.keys.object++
	id := d.keys.object
	keys, values := c.Children[0], c.Children[1]
	kn, vn := n.fields[0], n.fields[1]
	p = space(b, p+1)
	for empty := p < len(b) && b[p] == '}'; !empty; {
		if !d.spend(n, kn) || !d.spend(n, vn) {
			return -1
		}
		key, from, next := d.key(space(b, p))
		if next < 0 || !d.mapKey(kn, keys, id, key, from) {
			return -1
		}
		if p = d.value(vn, values, space(b, next)); p < 0 {
			return -1
		}
		p = space(b, p)
		if p < len(b) && b[p] == ',' {
			p++
			continue
		}
		if p < len(b) && b[p] == '}' {
			break
		}
		return d.broken(p, "a comma or }")
	}
	d.depth--
	c.Offsets = append(c.Offsets, int32(keys.Len))
	c.grew()
	return p + 1
}

// mapKey reads a key of a map, which must be unlike the others of its map as a value: "1" and "1.0" are one integer.
func (d *jsonDecoder) mapKey(n *node, c *Column, id uint32, key []byte, from uint32) bool {
	if n.op == opString {
		c.appendBytes(key)
		return d.once(id, key, from)
	}
	if !d.keyFromText(n, c, key) {
		return false
	}
	at := len(d.arena)
	d.arena = c.encode(d.arena, c.Len-1)
	return d.once(id, d.arena[at:], uint32(at)|inArena)
}

// encode appends the bytes that tell entry i from others.
func (c *Column) encode(dst []byte, i int) []byte {
	switch c.kind {
	case kindI32:
		return binary.LittleEndian.AppendUint32(dst, uint32(c.I32[i]))
	case kindI64:
		return binary.LittleEndian.AppendUint64(dst, uint64(c.I64[i]))
	case kindF32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(c.F32[i]))
	case kindF64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(c.F64[i]))
	}
	return append(dst, c.Value(i)...)
}
