package pagestest

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// Rows are what arrow-go finds in a file, spelled like the truth.
func Rows(f *file.Reader) ([]string, error) {
	fr, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1 << 20}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	table, err := fr.ReadTable(context.Background())
	if err != nil {
		return nil, err
	}
	defer table.Release()
	tr := array.NewTableReader(table, 0)
	defer tr.Release()
	var out []string
	for tr.Next() {
		batch := tr.RecordBatch()
		for i := range int(batch.NumRows()) {
			row := make([]any, batch.NumCols())
			for k := range row {
				row[k] = spell(batch.Column(k), i)
			}
			out = append(out, Spell(row))
		}
	}
	return out, tr.Err()
}

// spell gives entry i of a column as the truth is spelled.
func spell(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int32:
		return fmt.Sprint(a.Value(i))
	case *array.Int64:
		return fmt.Sprint(a.Value(i))
	case *array.Date32:
		return fmt.Sprint(int32(a.Value(i)))
	case *array.Time64:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Timestamp:
		return fmt.Sprint(int64(a.Value(i)))
	case *array.Float32:
		if v := a.Value(i); v == v {
			return fmt.Sprintf("%08x", math.Float32bits(v))
		}
		return "nan"
	case *array.Float64:
		if v := a.Value(i); v == v {
			return fmt.Sprintf("%016x", math.Float64bits(v))
		}
		return "nan"
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return hex.EncodeToString(a.Value(i))
	case *array.FixedSizeBinary:
		return hex.EncodeToString(a.Value(i))
	case *array.Decimal128:
		return a.Value(i).BigInt().String()
	case array.ExtensionArray:
		return spell(a.Storage(), i)
	case *array.Struct:
		row := make([]any, a.NumField())
		for k := range row {
			row[k] = spell(a.Field(k), i)
		}
		return row
	case *array.Map:
		from, to := a.ValueOffsets(i)
		pairs := []any{}
		for e := from; e < to; e++ {
			pairs = append(pairs, []any{spell(a.Keys(), int(e)), spell(a.Items(), int(e))})
		}
		return pairs
	case *array.List:
		from, to := a.ValueOffsets(i)
		values := []any{}
		for e := from; e < to; e++ {
			values = append(values, spell(a.ListValues(), int(e)))
		}
		return values
	}
	panic(fmt.Sprintf("no spelling for %T", a))
}
