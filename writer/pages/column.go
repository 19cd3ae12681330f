package pages

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/sinker-io/sinker/writer/shred"
)

// convert keeps the memory for values that Parquet holds in other types than columns do.
type convert struct {
	i32   []int32
	i64   []int64
	arena []byte
	fixed []parquet.FixedLenByteArray
}

// write appends a batch to a column chunk.
func (w *Writer) write(col file.ColumnChunkWriter, leaf *shred.Leaf, b *shred.Batch) (err error) {
	switch col := col.(type) {
	case *file.BooleanColumnChunkWriter:
		_, err = col.WriteBatch(b.Bools, b.Def, b.Rep)
	case *file.Int32ColumnChunkWriter:
		values := b.I32
		if leaf.Kind == shred.Decimal {
			w.buf.i32 = w.buf.i32[:0]
			for _, v := range b.Bytes {
				w.buf.i32 = append(w.buf.i32, int32(binary.LittleEndian.Uint32(v)))
			}
			values = w.buf.i32
		}
		_, err = col.WriteBatch(values, b.Def, b.Rep)
	case *file.Int64ColumnChunkWriter:
		values := b.I64
		if leaf.Kind == shred.Decimal {
			w.buf.i64 = w.buf.i64[:0]
			for _, v := range b.Bytes {
				w.buf.i64 = append(w.buf.i64, int64(binary.LittleEndian.Uint64(v)))
			}
			values = w.buf.i64
		}
		_, err = col.WriteBatch(values, b.Def, b.Rep)
	case *file.Float32ColumnChunkWriter:
		_, err = col.WriteBatch(b.F32, b.Def, b.Rep)
	case *file.Float64ColumnChunkWriter:
		_, err = col.WriteBatch(b.F64, b.Def, b.Rep)
	case *file.FixedLenByteArrayColumnChunkWriter:
		_, err = col.WriteBatch(w.fixedValues(leaf, b, col.Descr().TypeLength()), b.Def, b.Rep)
	case *file.ByteArrayColumnChunkWriter:
		err = w.writeText(col, leaf, b)
	default:
		err = fmt.Errorf("no writer for %T", col)
	}
	return err
}

// fixedValues gives values of one length: as they are, or, for decimals, the last bytes of the number, big endian.
func (w *Writer) fixedValues(leaf *shred.Leaf, b *shred.Batch, width int) []parquet.FixedLenByteArray {
	w.buf.fixed = w.buf.fixed[:0]
	if leaf.Kind == shred.Fixed {
		for _, v := range b.Bytes {
			w.buf.fixed = append(w.buf.fixed, v)
		}
		return w.buf.fixed
	}
	if need := width * len(b.Bytes); cap(w.buf.arena) < need {
		w.buf.arena = make([]byte, need)
	}
	arena := w.buf.arena[:width*len(b.Bytes)]
	for _, v := range b.Bytes {
		out := arena[:width:width]
		arena = arena[width:]
		for i := range out {
			out[i] = v[width-1-i]
		}
		w.buf.fixed = append(w.buf.fixed, out)
	}
	return w.buf.fixed
}

// writeText hands values over in portions of about a page, because the library looks at the size of a page only
// between portions. A row is never cut.
func (w *Writer) writeText(col *file.ByteArrayColumnChunkWriter, leaf *shred.Leaf, b *shred.Batch) error {
	values := unsafe.Slice((*parquet.ByteArray)(unsafe.Pointer(unsafe.SliceData(b.Bytes))), len(b.Bytes)) // same memory, other name
	limit := int(w.layout.settings.PageBytes)
	from, first, size, value := 0, 0, 0, 0 // entry and value where the portion begins; its bytes; next value
	for e := range b.N {
		if size >= limit && (b.Rep == nil || b.Rep[e] == 0) {
			if _, err := col.WriteBatch(values[first:value], part(b.Def, from, e), part(b.Rep, from, e)); err != nil {
				return err
			}
			from, first, size = e, value, 0
		}
		if b.Def == nil || b.Def[e] == leaf.MaxDef {
			size += len(values[value])
			value++
		}
	}
	_, err := col.WriteBatch(values[first:value], part(b.Def, from, b.N), part(b.Rep, from, b.N))
	return err
}

func part(levels []int16, from, to int) []int16 {
	if levels == nil {
		return nil
	}
	return levels[from:to]
}
