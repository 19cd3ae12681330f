package pages_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// honest compares the statistics of every chunk with its values, as another library reads them.
func honest(pf *file.Reader) error {
	filters := pf.GetBloomFilterReader()
	for g := range pf.NumRowGroups() {
		blooms, err := filters.RowGroup(g)
		if err != nil {
			return err
		}
		for c := range pf.MetaData().Schema.NumColumns() {
			meta, err := pf.MetaData().RowGroup(g).ColumnChunk(c)
			if err != nil {
				return err
			}
			col, err := pf.RowGroup(g).Column(c)
			if err != nil {
				return err
			}
			values, nulls, err := valuesOf(col)
			if err != nil {
				return fmt.Errorf("row group %d, %s: %w", g, meta.PathInSchema(), err)
			}
			bloom, err := blooms.GetColumnBloomFilter(c)
			if err != nil {
				return err
			}
			raw := pf.MetaData().RowGroups[g].Columns[c].MetaData.Statistics
			exact := [2]bool{raw.IsMinValueExact != nil && *raw.IsMinValueExact, raw.IsMaxValueExact != nil && *raw.IsMaxValueExact}
			if err := honestChunk(meta, exact, col.Descriptor(), values, nulls, bloom); err != nil {
				return fmt.Errorf("row group %d, %s, %v, %d values: %w", g, meta.PathInSchema(), meta.Encodings(), len(values), err)
			}
		}
	}
	return nil
}

// valuesOf reads a chunk: its values as plain encoding has them, without the lengths.
func valuesOf(col file.ColumnChunkReader) (values [][]byte, nulls int64, err error) {
	const n = 1 << 12
	def, rep := make([]int16, n), make([]int16, n)
	for col.HasNext() {
		var levels int64
		var got int
		switch col := col.(type) {
		case *file.BooleanColumnChunkReader:
			buf := make([]bool, n)
			levels, got, err = col.ReadBatch(n, buf, def, rep)
			for _, v := range buf[:got] {
				b := byte(0)
				if v {
					b = 1
				}
				values = append(values, []byte{b})
			}
		case *file.Int32ColumnChunkReader:
			buf := make([]int32, n)
			levels, got, err = col.ReadBatch(n, buf, def, rep)
			for _, v := range buf[:got] {
				values = append(values, binary.LittleEndian.AppendUint32(nil, uint32(v)))
			}
		case *file.Int64ColumnChunkReader:
			buf := make([]int64, n)
			levels, got, err = col.ReadBatch(n, buf, def, rep)
			for _, v := range buf[:got] {
				values = append(values, binary.LittleEndian.AppendUint64(nil, uint64(v)))
			}
		case *file.Float32ColumnChunkReader:
			buf := make([]float32, n)
			levels, got, err = col.ReadBatch(n, buf, def, rep)
			for _, v := range buf[:got] {
				values = append(values, binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
			}
		case *file.Float64ColumnChunkReader:
			buf := make([]float64, n)
			levels, got, err = col.ReadBatch(n, buf, def, rep)
			for _, v := range buf[:got] {
				values = append(values, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
			}
		case *file.ByteArrayColumnChunkReader:
			buf := make([]parquet.ByteArray, n)
			levels, got, err = col.ReadBatch(n, buf, def, rep)
			for _, v := range buf[:got] {
				values = append(values, bytes.Clone(v))
			}
		case *file.FixedLenByteArrayColumnChunkReader:
			buf := make([]parquet.FixedLenByteArray, n)
			levels, got, err = col.ReadBatch(n, buf, def, rep)
			for _, v := range buf[:got] {
				values = append(values, bytes.Clone(v))
			}
		default:
			err = fmt.Errorf("no reader for %T", col)
		}
		if err != nil {
			return nil, 0, err
		}
		nulls += levels - int64(got)
	}
	return values, nulls, col.Err()
}

func honestChunk(meta *metadata.ColumnChunkMetaData, exact [2]bool, d *schema.Column, values [][]byte, nulls int64, bloom metadata.BloomFilter) error {
	stats, err := meta.Statistics()
	switch {
	case err != nil:
		return err
	case stats == nil || !stats.HasNullCount() || stats.NullCount() != nulls:
		return fmt.Errorf("the nulls are %d: %v", nulls, stats)
	case meta.NumValues() != int64(len(values))+nulls:
		return fmt.Errorf("%d values and %d nulls are %d entries", len(values), nulls, meta.NumValues())
	}
	if meta.HasDictionaryPage() && meta.DictionaryPageOffset() >= meta.DataPageOffset() {
		return fmt.Errorf("the dictionary is at %d, the values at %d", meta.DictionaryPageOffset(), meta.DataPageOffset())
	}
	bounded := false
	for _, v := range values {
		bounded = bounded || !isNaN(d, v)
	}
	cut := d.PhysicalType() == parquet.Types.ByteArray && longest(values) > 256 // then there may be no value as short that is above
	if stats.HasMinMax() != bounded && !(cut && bounded) {
		return fmt.Errorf("there are bounds: %v, there should be: %v", stats.HasMinMax(), bounded)
	}
	if bloom != nil {
		for _, v := range values {
			if !bloom.CheckHash(bloom.Hasher().Sum64(v)) {
				return errors.New("the bloom filter denies a value")
			}
		}
	}
	if !stats.HasMinMax() {
		return nil
	}
	lo, hi := stats.EncodeMin(), stats.EncodeMax()
	var least, most bool
	for _, v := range values {
		if isNaN(d, v) {
			continue
		}
		if compare(d, lo, v) > 0 || compare(d, hi, v) < 0 {
			return fmt.Errorf("%x is not within %x and %x", v, lo, hi)
		}
		least, most = least || compare(d, lo, v) == 0 || isZero(d, lo, v), most || compare(d, hi, v) == 0 || isZero(d, hi, v)
	}
	if least != exact[0] || most != exact[1] || (!least || !most) && !cut {
		return fmt.Errorf("bounds %x and %x, exact %v: are values %v %v", lo, hi, exact, least, most)
	}
	return nil
}

func longest(values [][]byte) (n int) {
	for _, v := range values {
		n = max(n, len(v))
	}
	return n
}

func number(v []byte) float64 {
	if len(v) == 4 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v))
}

func isFloat(d *schema.Column) bool {
	return d.PhysicalType() == parquet.Types.Float || d.PhysicalType() == parquet.Types.Double
}

func isNaN(d *schema.Column, v []byte) bool { return isFloat(d) && math.IsNaN(number(v)) }

func isZero(d *schema.Column, a, b []byte) bool {
	return isFloat(d) && number(a) == 0 && number(b) == 0
}

// compare is the order of the format, with -0.0 below 0.0.
func compare(d *schema.Column, a, b []byte) int {
	switch d.PhysicalType() {
	case parquet.Types.Int32:
		return cmp.Compare(int32(binary.LittleEndian.Uint32(a)), int32(binary.LittleEndian.Uint32(b)))
	case parquet.Types.Int64:
		return cmp.Compare(int64(binary.LittleEndian.Uint64(a)), int64(binary.LittleEndian.Uint64(b)))
	case parquet.Types.Float, parquet.Types.Double:
		x, y := number(a), number(b)
		if x == 0 && y == 0 {
			return cmp.Compare(math.Copysign(1, x), math.Copysign(1, y))
		}
		return cmp.Compare(x, y)
	}
	if d.SortOrder() == schema.SortSIGNED && d.PhysicalType() == parquet.Types.FixedLenByteArray {
		a, b = bytes.Clone(a), bytes.Clone(b)
		a[0], b[0] = a[0]^0x80, b[0]^0x80
	}
	return bytes.Compare(a, b)
}
