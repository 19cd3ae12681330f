package pages

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/parquet"
)

// Page headers are written by hand, in Thrift's compact protocol: a field is a byte of (distance from the field before)<<4 |
// type, then its value, whole numbers zigzag; a struct ends with a zero.
const (
	int32Field  = 5
	structField = 12
)

// Types of pages in the Parquet format.
const (
	dataPage       = 0
	dictionaryPage = 2
)

func appendUvarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func appendZigzag(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

// appendHeader appends the header of a page of values in an encoding. crc is of the bytes that follow it.
func appendHeader(b []byte, kind int64, uncompressed, compressed int, crc uint32, values int, e parquet.Encoding) []byte {
	next := func(v int64) { b = appendZigzag(append(b, 1<<4|int32Field), v) }
	next(kind)
	next(int64(uncompressed))
	next(int64(compressed))
	next(int64(int32(crc)))
	if kind == dictionaryPage {
		b = append(b, 3<<4|structField) // field 7
	} else {
		b = append(b, 1<<4|structField) // field 5
	}
	next(int64(values))
	next(int64(e))
	if kind == dataPage {
		next(int64(parquet.Encodings.RLE)) // of definition levels
		next(int64(parquet.Encodings.RLE)) // of repetition levels
	}
	return append(b, 0, 0)
}
