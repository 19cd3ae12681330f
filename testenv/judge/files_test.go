package judge

import (
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

// Whatever the schema and whatever the values, pyarrow and DuckDB find in our files the rows that were written.
func TestFiles_RandomTablesAreTheSameToAllReaders(t *testing.T) {
	cases := 100
	if n, err := strconv.Atoi(os.Getenv("SINKER_PAGES")); err == nil {
		cases = n
	}
	folder := t.TempDir()
	for n := range cases {
		c := pagestest.New(uint64(10_000+n), pagestest.Options{NoNanoseconds: true})
		f, err := os.Create(filepath.Join(folder, strconv.Itoa(n)+".parquet"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(f); err != nil {
			t.Fatalf("file %d: %v", n, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{".rows": strings.Join(c.Truth, "\n") + "\n", ".kinds": pagestest.Spell(c.Kinds())} {
			if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(n)+name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The last file has a truth that is not its own: readers who do not notice would notice nothing.
	liar := filepath.Join(folder, strconv.Itoa(cases))
	other := filepath.Join(folder, "0")
	for _, name := range []string{".parquet", ".kinds", ".rows"} {
		data, err := os.ReadFile(other + name)
		if err != nil {
			t.Fatal(err)
		}
		if name == ".rows" {
			at := strings.LastIndexAny(string(data[:len(data)-3]), "0123456789abcdef")
			data[at] ^= 1
		}
		if err := os.WriteFile(liar+name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	faults, err := Files(t.Context(), folder, cases+1)
	if err != nil {
		t.Fatal(err)
	}
	noticed := 0
	for _, fault := range faults {
		if strings.HasPrefix(fault, "file "+strconv.Itoa(cases)+",") {
			noticed++
			continue
		}
		t.Error(fault)
	}
	if noticed != 2 {
		t.Errorf("%d of 2 readers noticed a wrong row", noticed)
	}
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
