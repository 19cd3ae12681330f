package pages

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"

	"github.com/sinker-io/sinker/writer/shred"
)

// Encoder turns the values of one column chunk after the other into pages. It keeps its memory between chunks, and belongs
// to one goroutine. The zero value is ready.
type Encoder struct {
	settings *Settings
	leaf     *shred.Leaf
	form     form
	out      *output
	filter   *filter // nil without a bloom filter

	// The chunk.
	rows       int64            // that it will have
	dictionary bool             // pages hold codes
	checkAt    int64            // values after which the dictionary is looked at
	chosen     bool             // whether floats are split was decided by what they are
	encoding   parquet.Encoding // of pages that hold none
	dict       dict
	bounds     bounds
	entries    int64 // entries and values of finished pages
	values     int64
	plain      int64 // bytes of finished pages before compression, with headers
	first      int64 // where the chunk begins
	dictAt     int64 // where its dictionary is; 0: it has none
	dataAt     int64 // where its first page of values is
	pages      map[parquet.Encoding]int32
	finished   []byte // pages that wait for the dictionary, which comes before them

	// The page.
	def, rep levels
	count    int // entries
	nums     []int64
	bits     []bool
	lens     []int64 // of text whose lengths are deltas
	data     []byte  // text; values of one length
	codes    []uint32

	// Between them.
	batch  []int64  // numbers of a batch
	wide   [][]byte // decimals of a batch, big endian
	arena  []byte   // what wide points to
	body   []byte
	packed []byte
	header []byte
}

// mostEntriesOfPage is where a page ends, however small its entries are.
const mostEntriesOfPage = 128 << 10

// Memory is how many bytes the encoder holds.
func (e *Encoder) Memory() int64 {
	n := e.dict.memory() + e.bounds.memory() + e.filter.memory()
	n += 8 * int64(cap(e.nums)+cap(e.lens)+cap(e.batch))
	n += 4*int64(cap(e.codes)) + 24*int64(cap(e.wide)) + int64(cap(e.bits))
	return n + int64(cap(e.finished)+cap(e.data)+cap(e.arena)+cap(e.body)+cap(e.packed)+cap(e.def.out)+cap(e.rep.out))
}

// begin begins a chunk. Encodings other than codes and plain values are for chunks where every row has a value: readers
// have been seen to fail on pages of deltas without one.
func (e *Encoder) begin(s *Settings, out *output, leaf *shred.Leaf, f form, rows int, dictionary, dense bool, bloom *filter) {
	e.settings, e.out, e.leaf, e.form, e.filter = s, out, leaf, f, bloom
	e.rows, e.dictionary, e.encoding, e.checkAt, e.chosen = int64(rows), dictionary, parquet.Encodings.Plain, firstCheck, false
	if dense {
		e.encoding = s.compact(leaf, f)
	}
	e.dict.start()
	e.bounds.start()
	e.entries, e.values, e.plain = 0, 0, 0
	e.first, e.dictAt, e.dataAt = out.at, 0, out.at
	e.pages = map[parquet.Encoding]int32{}
	e.finished = e.finished[:0]
	e.turn()
}

// compact is the encoding that makes the values of a leaf smaller before compression.
func (s *Settings) compact(leaf *shred.Leaf, f form) parquet.Encoding {
	switch {
	case !s.Compact:
	case leaf.Kind == shred.F32 || leaf.Kind == shred.F64:
		if s.Codec != compress.Codecs.Uncompressed {
			return parquet.Encodings.ByteStreamSplit
		}
	case f.class == numbers:
		return parquet.Encodings.DeltaBinaryPacked
	case f.class == text:
		return parquet.Encodings.DeltaLengthByteArray
	}
	return parquet.Encodings.Plain
}

// turn begins a page.
func (e *Encoder) turn() {
	e.def.start(e.leaf.MaxDef)
	e.rep.start(e.leaf.MaxRep)
	e.count = 0
	e.nums, e.bits, e.lens, e.data, e.codes = e.nums[:0], e.bits[:0], e.lens[:0], e.data[:0], e.codes[:0]
}

// add takes a batch in, in portions that end with a row and are about a page at most.
func (e *Encoder) add(b *shred.Batch) error {
	if b.Rep == nil {
		whole := 0 // bytes of text
		for _, v := range b.Bytes {
			whole += len(v)
		}
		if e.form.class != text || whole < int(e.settings.PageBytes) {
			return e.portion(b, 0, b.N, 0, b.Values())
		}
	}
	from, first, size, value := 0, 0, 0, 0 // entry and value where the portion begins; its bytes; the next value
	limit := int(e.settings.PageBytes)
	for k := range b.N {
		if (size >= limit || k-from >= mostEntriesOfPage) && (b.Rep == nil || b.Rep[k] == 0) {
			if err := e.portion(b, from, k, first, value); err != nil {
				return err
			}
			from, first, size = k, value, 0
		}
		if b.Def == nil || b.Def[k] == e.leaf.MaxDef {
			if e.form.class == text {
				size += len(b.Bytes[value])
			} else {
				size += e.form.size
			}
			value++
		}
	}
	return e.portion(b, from, b.N, first, value)
}

// portion takes in the entries [from, to) of a batch, which have the values [first, end).
func (e *Encoder) portion(b *shred.Batch, from, to, first, end int) error {
	if err := e.cut(to - from); err != nil {
		return err
	}
	if e.leaf.MaxDef > 0 {
		if end-first == to-from {
			e.def.run(uint8(e.leaf.MaxDef), to-from)
		} else {
			for _, v := range b.Def[from:to] {
				e.def.put(uint8(v))
			}
		}
	}
	if e.leaf.MaxRep > 0 {
		for _, v := range b.Rep[from:to] {
			e.rep.put(uint8(v))
		}
	}
	e.count += to - from
	e.values += int64(end - first)
	switch e.form.class {
	case booleans:
		values := b.Bools[first:end]
		e.bits = append(e.bits, values...)
		e.bounds.bools(values)
		e.filter.bools(values)
	case numbers:
		e.numbers(e.widen(b, first, end))
	case text:
		e.texts(b.Bytes[first:end])
	case fixed:
		e.fixed(e.reverse(b.Bytes[first:end]))
	}
	return nil
}

// cut ends the page if it is full, or would be with more entries, and the dictionary if it is too large.
func (e *Encoder) cut(more int) error {
	size := len(e.data) + 4*len(e.codes)
	if e.form.class == numbers {
		size += e.form.size * len(e.nums)
	}
	if e.count > 0 && (size >= int(e.settings.PageBytes) || e.count+more > mostEntriesOfPage) {
		if err := e.flush(); err != nil {
			return err
		}
	}
	if !e.dictionary || !e.tooLarge() {
		return nil
	}
	if e.count > 0 {
		if err := e.flush(); err != nil {
			return err
		}
	}
	e.dictionary = false
	e.encoding = parquet.Encodings.Plain // as all writers go on after a dictionary
	e.boundDictionary()
	return e.release()
}

// firstCheck is how many values a dictionary is given to show that they repeat. It is looked at again when there are four
// times as many.
const firstCheck = 16 << 10

func (e *Encoder) tooLarge() bool {
	number := 0
	if e.form.class == numbers {
		number = e.form.size
	}
	if e.dict.size(number) > int(e.settings.DictBytes) || e.dict.n > mostEntries {
		return true
	}
	if e.values < e.checkAt {
		return false
	}
	e.checkAt *= 4
	return estimate(int(e.values), e.dict.n) > float64(max(e.rows, e.values))/2
}

// widen gives the numbers of a batch in 8 bytes each: whole numbers with their sign, floats by their bits.
func (e *Encoder) widen(b *shred.Batch, first, end int) []int64 {
	if e.leaf.Kind == shred.I64 {
		return b.I64[first:end]
	}
	e.batch = e.batch[:0]
	switch e.leaf.Kind {
	case shred.I32:
		for _, v := range b.I32[first:end] {
			e.batch = append(e.batch, int64(v))
		}
	case shred.F32:
		for _, v := range b.F32[first:end] {
			if v != v {
				e.bounds.nans++
			}
			e.batch = append(e.batch, int64(math.Float32bits(v)))
		}
	case shred.F64:
		for _, v := range b.F64[first:end] {
			if v != v {
				e.bounds.nans++
			}
			e.batch = append(e.batch, int64(math.Float64bits(v)))
		}
	default: // decimals that fit
		for _, v := range b.Bytes[first:end] {
			e.batch = append(e.batch, int64(binary.LittleEndian.Uint64(v)))
		}
	}
	return e.batch
}

// reverse gives values of one length as Parquet has them: decimals by their last bytes, big endian.
func (e *Encoder) reverse(values [][]byte) [][]byte {
	if !e.form.signed {
		return values
	}
	width := e.form.size
	if cap(e.arena) < width*len(values) {
		e.arena = make([]byte, width*len(values))
	}
	arena := e.arena[:width*len(values)]
	e.wide = e.wide[:0]
	for i, v := range values {
		out := arena[i*width : (i+1)*width]
		for k := range out {
			out[k] = v[width-1-k]
		}
		e.wide = append(e.wide, out)
	}
	return e.wide
}

func (e *Encoder) numbers(values []int64) {
	if e.dictionary {
		e.codes = e.dict.addNumbers(e.codes, values)
		return
	}
	e.nums = append(e.nums, values...)
	e.bounds.numbers(e.leaf.Kind, values)
	e.filter.numbers(values, e.form.size)
}

func (e *Encoder) texts(values [][]byte) {
	switch {
	case e.dictionary:
		e.codes = e.dict.addText(e.codes, values, 0)
		return
	case e.encoding == parquet.Encodings.DeltaLengthByteArray:
		for _, v := range values {
			e.lens = append(e.lens, int64(len(v)))
			e.data = append(e.data, v...)
		}
	default:
		for _, v := range values {
			e.data = append(binary.LittleEndian.AppendUint32(e.data, uint32(len(v))), v...)
		}
	}
	e.seeBytes(values)
}

func (e *Encoder) fixed(values [][]byte) {
	if e.dictionary {
		e.codes = e.dict.addText(e.codes, values, e.form.size)
		return
	}
	for _, v := range values {
		e.data = append(e.data, v...)
	}
	e.seeBytes(values)
}

func (e *Encoder) seeBytes(values [][]byte) {
	for _, v := range values {
		e.bounds.bytes(v, e.form.signed)
	}
	if e.filter != nil {
		for _, v := range values {
			e.filter.bytes(v)
		}
	}
}

// boundDictionary takes the dictionary's entries into the bounds and the filter: they are the values of its pages.
func (e *Encoder) boundDictionary() {
	e.bounds.numbers(e.leaf.Kind, e.dict.numbers)
	e.filter.numbers(e.dict.numbers, e.form.size)
	if e.form.class == numbers {
		return
	}
	width := 0
	if e.form.class == fixed {
		width = e.form.size
	}
	for code := range e.dict.n {
		v := e.dict.value(code, width)
		e.bounds.bytes(v, e.form.signed)
		e.filter.bytes(v)
	}
}
