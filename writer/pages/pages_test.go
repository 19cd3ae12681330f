package pages_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/sinker-io/sinker/writer/pagestest"
)

// Whatever the schema and whatever the values, a reader that is not ours finds the rows that were written, and footers
// that tell the truth about them.
func TestPages_RandomTablesComeBack(t *testing.T) {
	cases := uint64(150)
	if n, err := strconv.ParseUint(os.Getenv("SINKER_PAGES"), 10, 64); err == nil {
		cases = n
	}
	for seed := range cases {
		c := pagestest.New(seed, pagestest.Options{})
		var out bytes.Buffer
		if err := c.Write(&out); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		pf, err := file.NewParquetReader(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if pf.NumRowGroups() != c.Groups() || pf.NumRows() != int64(len(c.Truth)) {
			t.Fatalf("seed %d: %d rows in %d groups", seed, pf.NumRows(), pf.NumRowGroups())
		}
		for i, row := range rowsOf(t, pf, seed) {
			if row != c.Truth[i] {
				t.Fatalf("seed %d, %v, %s: row %d is\n%.2000s\nwant\n%.2000s", seed, c.Props, c.Schema, i, row, c.Truth[i])
			}
		}
		if err := honest(pf); err != nil {
			t.Fatalf("seed %d, %v: %v", seed, c.Props, err)
		}
	}
}

func rowsOf(t *testing.T, pf *file.Reader, seed uint64) (out []string) {
	t.Helper()
	fr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 1 << 20}, memory.DefaultAllocator)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	table, err := fr.ReadTable(context.Background())
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	defer table.Release()
	tr := array.NewTableReader(table, 0)
	defer tr.Release()
	for tr.Next() {
		batch := tr.RecordBatch()
		for i := range int(batch.NumRows()) {
			row := make([]any, batch.NumCols())
			for k := range row {
				row[k] = spell(batch.Column(k), i)
			}
			out = append(out, pagestest.Spell(row))
		}
	}
	return out
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
