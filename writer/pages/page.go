package pages

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// flush ends the page.
func (e *Encoder) flush() error {
	if e.encoding == parquet.Encodings.ByteStreamSplit && !e.dictionary && !e.chosen {
		e.chosen = true
		if err := e.choose(); err != nil {
			return err
		}
	}
	e.body = e.body[:0]
	if e.leaf.MaxRep > 0 {
		e.body = appendLevels(e.body, e.rep.end())
	}
	if e.leaf.MaxDef > 0 {
		e.body = appendLevels(e.body, e.def.end())
	}
	encoding := e.encoding
	switch {
	case e.dictionary && len(e.codes) == 0, // a page without a value needs no dictionary, which may have no entry
		e.form.class == booleans:
		encoding = parquet.Encodings.Plain
		e.body = appendBits(e.body, e.bits)
	case e.dictionary:
		encoding = parquet.Encodings.RLEDict
		e.body = appendCodes(e.body, e.codes, e.dict.n, e.settings.Codec == compress.Codecs.Zstd)
	case encoding == parquet.Encodings.DeltaBinaryPacked:
		e.body = appendDeltas(e.body, e.nums, e.form.size)
	case encoding == parquet.Encodings.ByteStreamSplit:
		e.body = appendSplit(e.body, e.nums, e.form.size)
	case e.form.class == numbers:
		e.body = appendPlain(e.body, e.nums, e.form.size)
	default:
		if encoding == parquet.Encodings.DeltaLengthByteArray {
			e.body = appendDeltas(e.body, e.lens, 4)
		}
		e.body = append(e.body, e.data...)
	}
	if err := e.page(dataPage, e.body, e.count, encoding); err != nil {
		return err
	}
	e.entries += int64(e.count)
	e.pages[encoding]++
	e.turn()
	return nil
}

func appendLevels(b, levels []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(levels))), levels...)
}

// page compresses a page and writes it, or, if it is one of codes, keeps it until the dictionary is complete.
func (e *Encoder) page(kind int64, body []byte, count int, encoding parquet.Encoding) error {
	data := body
	if e.settings.Codec != compress.Codecs.Uncompressed {
		var err error
		if e.packed, err = e.settings.press(e.packed, body); err != nil {
			return fmt.Errorf("compress a page: %w", err)
		}
		data = e.packed
	}
	if len(body) > math.MaxInt32 || len(data) > math.MaxInt32 {
		return fmt.Errorf("a page of %d bytes, which no reader can hold", len(body))
	}
	e.header = appendHeader(e.header[:0], kind, len(body), len(data), crc32.ChecksumIEEE(data), count, encoding)
	e.plain += int64(len(e.header) + len(body))
	if kind == dataPage && e.dictionary {
		e.finished = append(append(e.finished, e.header...), data...)
		return nil
	}
	return e.out.write(e.header, data)
}

// release writes the dictionary and the pages that waited for it.
func (e *Encoder) release() error {
	pages := e.finished
	e.finished = e.finished[:0]
	if e.dict.n > 0 {
		e.dictAt = e.out.at
		dictionary := e.dict.plain
		if e.form.class == numbers {
			e.body = appendPlain(e.body[:0], e.dict.numbers, e.form.size)
			dictionary = e.body
		}
		if err := e.page(dictionaryPage, dictionary, e.dict.n, parquet.Encodings.Plain); err != nil {
			return err
		}
	}
	e.dataAt = e.out.at
	return e.out.write(pages)
}

// end ends the chunk and tells the footer of it.
func (e *Encoder) end(meta *metadata.ColumnChunkMetaDataBuilder) error {
	if e.count > 0 {
		if err := e.flush(); err != nil {
			return err
		}
	}
	if e.dictionary {
		e.boundDictionary()
		if err := e.release(); err != nil {
			return err
		}
	}
	return e.describe(meta)
}

// choose decides at the first page of floats whether they are split, by what a part of them comes to both ways.
func (e *Encoder) choose() error {
	part := e.nums[:min(len(e.nums), chooseFrom)]
	var sizes [2]int
	for i, appendWay := range []func([]byte, []int64, int) []byte{appendSplit, appendPlain} {
		e.body = appendWay(e.body[:0], part, e.form.size)
		var err error
		if e.packed, err = e.settings.press(e.packed, e.body); err != nil {
			return fmt.Errorf("compress a page: %w", err)
		}
		sizes[i] = len(e.packed)
	}
	if sizes[1] < sizes[0] {
		e.encoding = parquet.Encodings.Plain
	}
	return nil
}

const chooseFrom = 16 << 10
