package catalog

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

const (
	packAbove    = 2 << 10 // bytes of JSON from which a state string is compressed
	maxState     = 8 << 20 // bytes of JSON of one state string
	maxPartition = 1 << 20 // partition numbers below this; a topic of Kafka has far fewer
)

var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxState))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})

// pack spells a JSON text as a state string: itself, or base64(zstd(itself)) when it is long. The two are told apart by
// the first byte, which is never { or [ in base64.
func pack(text []byte) string {
	if len(text) <= packAbove {
		return string(text)
	}
	return base64.StdEncoding.EncodeToString(zstdEncoder().EncodeAll(text, nil))
}

// unpack reads what pack wrote.
func unpack(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("is empty")
	}
	if s[0] == '{' || s[0] == '[' {
		if len(s) > maxState {
			return nil, fmt.Errorf("is longer than %d bytes", maxState)
		}
		return []byte(s), nil
	}
	packed, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("is neither JSON nor base64")
	}
	text, err := zstdDecoder().DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot be decompressed: %w", err)
	}
	if len(text) > maxState {
		return nil, fmt.Errorf("is longer than %d bytes", maxState)
	}
	return text, nil
}

// reader reads JSON strictly: every key once, no key unknown, no number that is not an int64 in full, nothing after
// the end. The first fault sticks in err, and every later call does nothing.
type reader struct {
	dec *json.Decoder
	err error
}

func newReader(text []byte) *reader {
	r := &reader{dec: json.NewDecoder(bytes.NewReader(text))}
	r.dec.UseNumber()
	if !utf8.Valid(text) {
		r.err = errors.New("is not UTF-8")
	}
	return r
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) token() json.Token {
	if r.err != nil {
		return nil
	}
	t, err := r.dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		r.err = err
		return nil
	}
	return t
}

func (r *reader) more() bool { return r.err == nil && r.dec.More() }

func (r *reader) delim(want json.Delim) {
	if got := r.token(); r.err == nil && got != want {
		r.fail("%v where %v should be", got, want)
	}
}

// object calls field for each key, which must read the value.
func (r *reader) object(field func(key string)) {
	r.delim('{')
	seen := map[string]bool{}
	for r.more() {
		key, _ := r.token().(string)
		if r.err != nil {
			return
		}
		if seen[key] {
			r.fail("key %q twice", key)
			return
		}
		seen[key] = true
		field(key)
	}
	r.delim('}')
}

// list calls item for each element, which must read it.
func (r *reader) list(item func()) {
	r.delim('[')
	for r.more() {
		item()
	}
	r.delim(']')
}

func (r *reader) text() string {
	t := r.token()
	if r.err != nil {
		return ""
	}
	s, ok := t.(string)
	if !ok {
		r.fail("%v where a string should be", t)
	}
	return s
}

func (r *reader) number() json.Number {
	t := r.token()
	if r.err != nil {
		return ""
	}
	n, ok := t.(json.Number)
	if !ok {
		r.fail("%v where a number should be", t)
	}
	return n
}

func (r *reader) int64() int64 {
	n := r.number()
	if r.err != nil {
		return 0
	}
	v, err := strconv.ParseInt(string(n), 10, 64)
	if err != nil {
		r.fail("%s is not a 64-bit whole number", n)
	}
	return v
}

func (r *reader) uint64() uint64 {
	n := r.number()
	if r.err != nil {
		return 0
	}
	v, err := strconv.ParseUint(string(n), 10, 64)
	if err != nil {
		r.fail("%s is not an unsigned 64-bit whole number", n)
	}
	return v
}

func (r *reader) ints() []int64 {
	out := []int64{}
	r.list(func() {
		if len(out) == maxPartition {
			r.fail("more than %d partitions", maxPartition)
			return
		}
		out = append(out, r.int64())
	})
	return out
}

// end checks that nothing follows, and returns the first fault.
func (r *reader) end() error {
	if r.err == nil {
		if _, err := r.dec.Token(); err != io.EOF {
			r.fail("something follows the end")
		}
	}
	return r.err
}

// writer builds JSON whose keys are in the order of the calls.
type jsonWriter struct{ bytes.Buffer }

func (w *jsonWriter) str(s string) {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always marshals
	}
	w.Write(b)
}

func (w *jsonWriter) key(first bool, k string) {
	if !first {
		w.WriteByte(',')
	}
	w.str(k)
	w.WriteByte(':')
}

func (w *jsonWriter) ints(vs []int64) {
	w.WriteByte('[')
	for i, v := range vs {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteString(strconv.FormatInt(v, 10))
	}
	w.WriteByte(']')
}
