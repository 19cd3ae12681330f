package judge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/writer/pagestest"
)

// Whatever the schema and whatever the values, arrow-go, pyarrow, DuckDB and parquet-java find in our files the rows that were written.
func TestFiles_RandomTablesAreTheSameToAllReaders(t *testing.T) {
	sameToAll(t, 10_000, pages(t), pagestest.Options{NoNanoseconds: true}, FileReaders, Files)
}

// So do ClickHouse, and Iceberg's reader for Spark, whatever the schema that they can hold.
func TestFiles_RandomTablesAreTheSameToClickHouseAndSpark(t *testing.T) {
	both := func(ctx context.Context, folder string, files int) ([]string, error) {
		faults, err := ClickHouseFiles(ctx, folder, files)
		more, errSpark := spark.Files(ctx, folder, files)
		return append(faults, more...), errors.Join(err, errSpark)
	}
	sameToAll(t, 50_000, max(20, pages(t)/50), pagestest.Options{NoNanoseconds: true, Narrow: true}, []string{"clickhouse", "spark"}, both)
}

// pages is how many random files are made; SINKER_PAGES says otherwise.
func pages(t *testing.T) int {
	text := os.Getenv("SINKER_PAGES")
	if text == "" {
		return 150
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SINKER_PAGES=%s: want a whole number above 0", text)
	}
	return n
}

// sameToAll makes files from seeds, and has each of them read by arrow-go and by others. In every batch there is one more file, whose
// truth is not its own.
func sameToAll(t *testing.T, seed uint64, files int, o pagestest.Options, readers []string, read func(context.Context, string, int) ([]string, error)) {
	const batch = 250
	rows := 0
	for first := 0; first < files && !t.Failed(); first += batch { // a file that failed follows from its seed
		folder, n := t.TempDir(), min(batch, files-first)
		for i := range n {
			c := pagestest.New(seed+uint64(first+i), o)
			if err := c.Keep(folder, i); err != nil {
				t.Fatalf("seed %d: %v", seed+uint64(first+i), err)
			}
			rows += len(c.Truth)
			if err := arrowGo(filepath.Join(folder, strconv.Itoa(i)+".parquet"), c.Truth); err != nil {
				t.Errorf("seed %d, arrow-go: %v", seed+uint64(first+i), err)
			}
		}
		lie(t, folder, n)
		faults, err := read(t.Context(), folder, n+1)
		if err != nil {
			t.Fatal(err)
		}
		noticed := map[string]bool{}
		for _, fault := range faults {
			if about, ok := strings.CutPrefix(fault, fmt.Sprintf("file %d, ", n)); ok {
				reader, _, _ := strings.Cut(about, ": ")
				noticed[reader] = true
				continue
			}
			t.Errorf("file 0 has the seed %d; %s", seed+uint64(first), fault)
		}
		for _, reader := range readers {
			if !noticed[reader] {
				t.Errorf("%s did not notice a wrong row", reader)
			}
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d files, %d rows: read equal by arrow-go, %s", first+n, rows, strings.Join(readers, ", "))
	}
}

// lie adds a file n whose truth is not its own: readers who do not notice would notice nothing.
func lie(t *testing.T, folder string, n int) {
	t.Helper()
	for _, name := range []string{".parquet", ".kinds", ".schema", ".rows"} {
		data, err := os.ReadFile(filepath.Join(folder, "0"+name))
		if err != nil {
			t.Fatal(err)
		}
		if name == ".rows" {
			at := strings.LastIndexAny(string(data[:len(data)-3]), "0123456789abcdef")
			data[at] ^= 1
		}
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(n)+name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// arrowGo compares what arrow-go finds in a file with the truth.
func arrowGo(path string, truth []string) error {
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := pagestest.Rows(f)
	if err != nil {
		return err
	}
	if len(rows) != len(truth) {
		return fmt.Errorf("%d rows, there are %d", len(rows), len(truth))
	}
	for i := range rows {
		if rows[i] != truth[i] {
			return fmt.Errorf("row %d is %.1500s, want %.1500s", i, rows[i], truth[i])
		}
	}
	return nil
}

// Iceberg's reader for Spark, which is its own and vectorised, finds in a file of every encoding what DuckDB finds.
func TestFiles_SparkReadsEveryEncoding(t *testing.T) {
	const rows = 30_000
	events := data.Events(1)
	place := &iceberg.StructType{FieldList: []iceberg.NestedField{{ID: 13, Name: "lat", Type: iceberg.Float64Type{}}, {ID: 14, Name: "lon", Type: iceberg.Float64Type{}}}}
	types := map[string]iceberg.Type{"long": iceberg.Int64Type{}, "timestamptz": iceberg.TimestampTzType{}, "string": iceberg.StringType{},
		"double": iceberg.Float64Type{}, "boolean": iceberg.BooleanType{}}
	var fields []iceberg.NestedField
	var columns []string
	for i, d := range events.Declared {
		f := iceberg.NestedField{ID: i + 1, Name: d.Name, Type: types[d.Type], Required: d.Required}
		if f.Type == nil {
			f.Type = place
		}
		sql := map[string]string{"long": "BIGINT", "timestamptz": "TIMESTAMP", "string": "STRING", "double": "DOUBLE", "boolean": "BOOLEAN"}[d.Type]
		fields, columns = append(fields, f), append(columns, d.Name+" "+sql)
	}
	schema := iceberg.NewSchema(1, fields...)
	columns = append(columns[:len(columns)-1], "lat DOUBLE", "lon DOUBLE")
	flat := iceberg.NewSchema(1, append(fields[:len(fields)-1:len(fields)-1], iceberg.NestedField{ID: 12, Name: "lat", Type: iceberg.Float64Type{}},
		iceberg.NestedField{ID: 13, Name: "lon", Type: iceberg.Float64Type{}})...)
	decoder, err := decode.New("json", schema, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	decoded := decode.NewRows(schema)
	for i := range int64(rows) {
		_, value := events.Row(i)
		if err := decoder.Append(decoded, &kgo.Record{Offset: i, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	// The reader is vectorised only where no column is nested.
	last := decoded.Columns[len(decoded.Columns)-1]
	decoded = &decode.Rows{Schema: flat, Columns: append(decoded.Columns[:len(decoded.Columns)-1], last.Children...), N: decoded.N}
	path := filepath.Join(t.TempDir(), "events.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := pagestest.File(f, flat, iceberg.Properties{}, decoded); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	pf, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer pf.Close()
	used := ""
	for c := range pf.MetaData().Schema.NumColumns() {
		chunk, err := pf.MetaData().RowGroup(0).ColumnChunk(c)
		if err != nil {
			t.Fatal(err)
		}
		used += fmt.Sprintln(chunk.Encodings())
	}
	for _, encoding := range []string{"RLE_DICTIONARY", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "BYTE_STREAM_SPLIT"} {
		if !strings.Contains(used, encoding) {
			t.Errorf("no column is in %s:\n%s", encoding, used)
		}
	}
	w, err := set.World(t.Context(), real.SQLiteFile)
	if err != nil {
		t.Fatal(err)
	}
	table := Through(w, "files.events")
	if _, err := spark.SQL(t.Context(), table, "CREATE NAMESPACE IF NOT EXISTS ice.files",
		"CREATE TABLE ice.files.events ("+strings.Join(columns, ", ")+") USING iceberg",
		"CALL ice.system.add_files(table => 'files.events', source_table => '`parquet`.`"+path+"`')"); err != nil {
		t.Fatal(err)
	}
	var q Question
	for _, c := range events.Measured {
		q.Columns = append(q.Columns, Column{strings.TrimPrefix(c.Name, "geo."), c.Kind})
	}
	want, err := DuckDB.Ask(t.Context(), Source(path), q)
	if err != nil {
		t.Fatal(err)
	}
	got, err := spark.Ask(t.Context(), table, q)
	if err != nil {
		t.Fatal(err)
	}
	if want.Rows != rows {
		t.Errorf("%d rows", want.Rows)
	}
	for _, d := range Differ("duckdb", want, "spark", got) {
		t.Error(d)
	}
}
