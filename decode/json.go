package decode

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// jsonDecoder reads records whose value is one JSON object. It walks the bytes once, by a plan of the schema:
// for each field it knows which one usually comes next, so that most keys cost one comparison. A key of its own kind
// is one that was not met before in its object: then its column has no entry for this row yet.
type jsonDecoder struct {
	root     *node // its fields are the payload's columns
	column   []int // where each of them is among the table's columns
	kafka    kafkaColumns
	maxDepth int
	maxBytes int
	tally    *Tally

	bound *Rows     // the rows that cols belong to
	cols  []*Column // the columns of root.fields

	data    []byte // of the record at hand
	depth   int
	spread  int // bytes that the elements of lists and maps took beyond their text
	limit   int // of spread
	fault   *RecordError
	keys    keySet
	arena   []byte // keys that were unescaped
	scratch []byte // the value at hand, unescaped
	floored int64
	unknown []*atomic.Int64 // to be counted when the record has become a row
	keyAt   func(from, size uint32) []byte
}

func newJSON(sc *iceberg.Schema, opts Options, fault func(string, ...any)) *jsonDecoder {
	d := &jsonDecoder{maxDepth: opts.MaxDepth, maxBytes: opts.MaxRecordBytes, tally: opts.Tally, keys: newKeySet()}
	var taken map[int]bool
	d.kafka, taken = planKafka(sc, opts.KafkaColumns, fault)
	var fields []iceberg.NestedField
	for i, f := range sc.Fields() {
		if !taken[i] {
			fields = append(fields, f)
			d.column = append(d.column, i)
		}
	}
	pl := &planner{options: opts.Columns, used: make(map[string]bool), fault: fault}
	d.root = &node{op: opStruct}
	pl.compileStruct(d.root, fields)
	pl.unusedOptions()
	d.cols = make([]*Column, len(fields))
	d.keyAt = func(from, size uint32) []byte {
		if from&inArena != 0 {
			return d.arena[from&^inArena:][:size]
		}
		return d.data[from:][:size]
	}
	return d
}

// Append implements Decoder.
func (d *jsonDecoder) Append(rows *Rows, rec *kgo.Record) error {
	if rec.Value == nil {
		return ErrTombstone
	}
	if len(rec.Value) > d.maxBytes {
		return tooLarge(len(rec.Value), d.maxBytes)
	}
	size := weight(rec)
	if rows.volume+size > maxVolume {
		return ErrFull
	}
	if err := d.kafka.check(rows.Columns, rec); err != nil {
		return err
	}
	if d.bound != rows {
		for i, at := range d.column {
			d.cols[i] = rows.Columns[at]
		}
		d.bound = rows
	}
	err := d.record(rec.Value, rows.N)
	d.data = nil
	if err != nil {
		rows.Truncate(rows.N)
		return err
	}
	d.kafka.append(rows.Columns, rec)
	rows.N++
	rows.volume += size
	d.count()
	return nil
}

func tooLarge(have, most int) *RecordError {
	return &RecordError{Code: CodeTooLarge, Reason: fmt.Sprintf("the payload has %d bytes, the limit is %d", have, most)}
}

func (d *jsonDecoder) count() {
	for _, n := range d.unknown {
		n.Add(1)
	}
	if d.floored > 0 {
		d.tally.floored.Add(d.floored)
	}
}

// record decodes one payload as row at.
func (d *jsonDecoder) record(b []byte, at int) error {
	d.data, d.depth, d.spread, d.floored, d.fault = b, 0, 0, 0, nil
	d.limit = max(maxSpread, 8*len(b))
	d.unknown = d.unknown[:0]
	d.keys.next()
	if d.arena = d.arena[:0]; cap(d.arena) > 1<<20 {
		d.arena = nil
	}
	if cap(d.scratch) > 1<<20 {
		d.scratch = nil
	}
	p := 0
	if len(b) >= 3 && b[0] == 0xef && b[1] == 0xbb && b[2] == 0xbf {
		p = 3
	}
	p = space(b, p)
	if p >= len(b) || b[p] != '{' {
		return d.notObject(p)
	}
	if p = d.object(d.root, d.cols, at, p+1); p < 0 {
		return d.fault
	}
	if p = space(b, p); p < len(b) {
		d.fail(nil, CodeNotJSON, "byte %d: %s after the object; a record holds one JSON object and nothing more", p, describe(b, p))
		return d.fault
	}
	return nil
}

// notObject says what a payload is that does not begin as an object.
func (d *jsonDecoder) notObject(p int) error {
	b := d.data
	switch {
	case p >= len(b):
		d.fail(nil, CodeNotObject, "the payload is empty; a record must hold one JSON object")
	case b[0] == 0 && len(b) >= 5:
		d.fail(nil, CodeFramed, "the payload is framed for Confluent's schema registry (magic byte 0, schema id %d); format json reads plain JSON",
			binary.BigEndian.Uint32(b[1:5]))
	default:
		end := d.skip(p)
		if end < 0 {
			return d.fault
		}
		if end = space(b, end); end < len(b) {
			d.fail(nil, CodeNotJSON, "byte %d: %s after the value; a record holds one JSON object and nothing more", end, describe(b, end))
			return d.fault
		}
		d.fail(nil, CodeNotObject, "the payload is %s; a record must hold one JSON object", article(b[p]))
	}
	return d.fault
}

// article names the kind of a JSON value by its first byte.
func article(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// fail notes the fault of the record and returns −1, the place that means it. n is the column at fault, nil for
// the record as a whole.
func (d *jsonDecoder) fail(n *node, code, format string, args ...any) int {
	d.fault = &RecordError{Code: code, Reason: fmt.Sprintf(format, args...)}
	if n != nil {
		d.fault.Column = n.path
	}
	return -1
}

// broken notes that the payload is not JSON at p.
func (d *jsonDecoder) broken(p int, want string) int {
	return d.fail(nil, CodeNotJSON, "not JSON at byte %d: %s where %s must be", p, describe(d.data, p), want)
}

// enter goes one level deeper.
func (d *jsonDecoder) enter() bool {
	if d.depth++; d.depth > d.maxDepth {
		d.fail(nil, CodeTooDeep, "nested deeper than %d", d.maxDepth)
		return false
	}
	return true
}

// object reads the members of an object, whose brace is behind p, into cols, as their entry at.
func (d *jsonDecoder) object(n *node, cols []*Column, at, p int) int {
	if !d.enter() {
		return -1
	}
	b := d.data
	d.keys.object++
	id := d.keys.object
	missing := len(cols)
	expect := &n.first
	p = space(b, p)
	for empty := p < len(b) && b[p] == '}'; !empty; p = space(b, p+1) {
		field := -1
		if i := int(*expect); i < len(n.fields) {
			if key := n.fields[i].key; len(b)-p >= len(key) && string(b[p:p+len(key)]) == key {
				field = i
				p += len(key)
			}
		}
		if field < 0 {
			if field, p = d.member(n, id, p); p < 0 {
				return -1
			}
		}
		p = space(b, p)
		if field < 0 {
			p = d.skip(p)
		} else {
			f, c := n.fields[field], cols[field]
			if c.Len != at {
				return d.fail(f, CodeDuplicateKey, "the key comes twice in one object")
			}
			missing--
			*expect = int32(field)
			expect = &f.next
			p = d.value(f, c, p)
		}
		if p < 0 {
			return -1
		}
		p = space(b, p)
		if p < len(b) && b[p] == ',' {
			continue
		}
		if p < len(b) && b[p] == '}' {
			break
		}
		return d.broken(p, "a comma or }")
	}
	d.depth--
	if missing > 0 && !d.absent(n, cols, at) {
		return -1
	}
	return p + 1
}

// absent gives null to the columns whose field did not come.
func (d *jsonDecoder) absent(n *node, cols []*Column, at int) bool {
	for i, c := range cols {
		if c.Len != at {
			continue
		}
		if n.fields[i].required {
			d.fail(n.fields[i], CodeMissingRequired, "the field is required and missing")
			return false
		}
		c.appendNull()
	}
	return true
}

// member reads a key and its colon. field is −1 for a key without a column.
func (d *jsonDecoder) member(n *node, object uint32, p int) (field, next int) {
	key, from, p := d.key(p)
	if p < 0 {
		return -1, -1
	}
	if i, ok := n.index[string(key)]; ok {
		return int(i), p
	}
	if !d.once(object, key, from) {
		return -1, -1
	}
	d.noteUnknown(n, key)
	return -1, p
}

// maxCached is how many names without a column a decoder remembers at one place; beyond them it need not ask the tally.
const maxCached = 1000

func (d *jsonDecoder) noteUnknown(n *node, key []byte) {
	c, ok := n.unknown[string(key)]
	switch {
	case ok:
	case len(key) > maxNameLength || len(n.unknown) >= maxCached:
		c = &d.tally.others
	default:
		if n.unknown == nil {
			n.unknown = make(map[string]*atomic.Int64)
		}
		c = d.tally.counter(n.path, key)
		n.unknown[string(key)] = c
	}
	d.unknown = append(d.unknown, c)
}

// once notes a key that has no column to tell whether it came before.
func (d *jsonDecoder) once(object uint32, key []byte, from uint32) bool {
	if d.keys.used >= MaxKeys {
		d.fail(nil, CodeTooLarge, "more than %d keys in maps and fields without a column", MaxKeys)
		return false
	}
	if !d.keys.add(object, key, from, d.keyAt) {
		d.fail(nil, CodeDuplicateKey, "a key of %s comes twice in one object", length(len(key)))
		return false
	}
	return true
}

// key reads a key and the colon behind it. from is its place for keyAt.
func (d *jsonDecoder) key(p int) (key []byte, from uint32, next int) {
	b := d.data
	if p >= len(b) || b[p] != '"' {
		return nil, 0, d.broken(p, "a key in quotes")
	}
	start := p + 1
	end, escaped, high, ok := scanString(b, start)
	if !ok {
		return nil, 0, d.brokenString(end)
	}
	key, from = b[start:end], uint32(start)
	if high && !utf8.Valid(key) {
		return nil, 0, d.fail(nil, CodeBadUTF8, "byte %d: a key of %s is not UTF-8", start, length(len(key)))
	}
	if escaped {
		at := len(d.arena)
		var code string
		var bad int
		if d.arena, code, bad = unescape(d.arena, key); code != "" {
			return nil, 0, d.badEscape(nil, code, start+bad)
		}
		key, from = d.arena[at:], uint32(at)|inArena
	}
	p = space(b, end+1)
	if p >= len(b) || b[p] != ':' {
		return nil, 0, d.broken(p, "a colon")
	}
	return key, from, p + 1
}

func (d *jsonDecoder) brokenString(p int) int {
	if p >= len(d.data) {
		return d.broken(p, "the quote that closes a string")
	}
	return d.fail(nil, CodeNotJSON, "byte %d: control character 0x%02x in a string; it must be escaped", p, d.data[p])
}

func (d *jsonDecoder) badEscape(n *node, code string, p int) int {
	if code == CodeLoneSurrogate {
		return d.fail(n, code, "byte %d: an escaped surrogate without its other half", p)
	}
	return d.fail(nil, code, "byte %d: no escape of JSON", p)
}
