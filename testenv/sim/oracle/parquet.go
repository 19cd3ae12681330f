package oracle

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet/file"
)

// ReadIDs reads a column of 64-bit whole numbers from a Parquet file. A null is an error.
func ReadIDs(data []byte, column string) ([]int64, error) {
	r, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read parquet: %w", err)
	}
	defer func() { _ = r.Close() }() // bytes in memory
	at := r.MetaData().Schema.ColumnIndexByName(column)
	if at < 0 {
		return nil, fmt.Errorf("read parquet: there is no column %s", column)
	}
	ids := make([]int64, 0, r.NumRows())
	for g := range r.NumRowGroups() {
		rows := r.RowGroup(g).NumRows()
		chunk, err := r.RowGroup(g).Column(at)
		if err != nil {
			return nil, fmt.Errorf("read parquet: %w", err)
		}
		numbers, ok := chunk.(*file.Int64ColumnChunkReader)
		if !ok {
			return nil, fmt.Errorf("read parquet: column %s is no 64-bit whole number", column)
		}
		values, levels := make([]int64, rows), make([]int16, rows)
		for got := int64(0); got < rows; {
			n, valid, err := numbers.ReadBatch(rows-got, values, levels, nil)
			if err != nil {
				return nil, fmt.Errorf("read parquet: %w", err)
			}
			if n == 0 || int64(valid) != n {
				return nil, fmt.Errorf("read parquet: row group %d of column %s: %d of %d rows, %d values", g, column, got+n, rows, valid)
			}
			ids = append(ids, values[:valid]...)
			got += n
		}
	}
	return ids, nil
}
