package writer

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/manifest"
)

// nested is every type, alone and below every other.
func nested() *iceberg.Schema {
	fields := everyType().Fields()
	for i := range fields {
		fields[i].Required = fields[i].Name == "l"
	}
	point := &iceberg.StructType{FieldList: []iceberg.NestedField{required(col(31, "x", iceberg.Int32Type{})), col(32, "y", iceberg.DecimalTypeOf(20, 3))}}
	tags := &iceberg.ListType{ElementID: 42, Element: iceberg.StringType{}}
	deep := &iceberg.ListType{ElementID: 51, Element: &iceberg.StructType{FieldList: []iceberg.NestedField{
		col(52, "m", &iceberg.MapType{KeyID: 53, KeyType: iceberg.StringType{}, ValueID: 54, ValueType: &iceberg.ListType{ElementID: 55, Element: iceberg.Int32Type{}}}),
	}}}
	must := &iceberg.ListType{ElementID: 61, Element: iceberg.Int64Type{}, ElementRequired: true}
	return iceberg.NewSchema(5, append(fields,
		col(30, "point", point), col(41, "tags", tags), col(50, "deep", deep), required(col(60, "must", must)),
		col(70, "a.b", iceberg.Int32Type{}), col(71, "a", &iceberg.StructType{FieldList: []iceberg.NestedField{col(72, "b", iceberg.StringType{})}}),
		col(80, "größe 😎", iceberg.StringType{}))...)
}

var nestedRows = []string{
	strings.TrimSuffix(full, "}") + `,"point":{"x":1,"y":-2.5},"tags":["a",null,""],"deep":[{"m":{"k":[1,null,2],"e":[],"n":null}},null,{"m":null},{"m":{}},{}],"must":[1,2],"a.b":7,"a":{"b":"z"},"größe 😎":"ü"}`,
	`{"l":-9223372036854775808,"must":[]}`,
	`{"l":9223372036854775807,"point":null,"tags":[],"deep":[],"must":[0],"a":{}}`,
	`{"l":0,"point":{"x":0},"tags":[null],"deep":[null],"must":[9],"a":null,"f":"NaN","d":"-Infinity","d38":99999999999999999999999999.9999999999,"s":"","bin":""}`,
}

// What went in as JSON comes out of an independent reader, whatever is null or empty at whatever level; and the
// footer has the types and field ids that the specification asks for.
func TestTypes_RoundTrip(t *testing.T) {
	for _, encodings := range []string{"compact", "plain"} {
		w := newWorld(t, nested(), none, iceberg.Properties{"sinker.parquet.encodings": encodings})
		b := w.batch()
		for k := range 3 { // in several row groups, one of them large enough for dictionaries
			n := 1
			if k == 1 {
				n = 200
			}
			for range n {
				from := b.start[orders]
				if s := b.spans[orders]; s != nil {
					from = s.To
				}
				w.append(b, run(from, nestedRows...))
			}
			if err := b.drain(b.ctx, false); err != nil {
				t.Fatal(err)
			}
		}
		m := w.seal(b)
		if len(m.Files) != 1 {
			t.Fatalf("%d files", len(m.Files))
		}
		got := w.all(m)
		golden(t, "rows.txt", lines(got[:len(nestedRows)]...))
		for i, row := range got {
			if row != got[i%len(nestedRows)] {
				t.Fatalf("row %d: %s\nwant %s", i, row, got[i%len(nestedRows)])
			}
		}
		golden(t, "schema.txt", parquetSchema(t, w, m))
	}
}

func parquetSchema(t *testing.T, w *world, m *manifest.Manifest) string {
	t.Helper()
	pf, err := file.NewParquetReader(bytes.NewReader(w.store.objects[m.Files[0].FilePath()]))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(m.Files[0].SplitOffsets()); got != pf.NumRowGroups() || got != 3 || m.Files[0].SplitOffsets()[0] != 4 {
		t.Errorf("split offsets %v of %d row groups", m.Files[0].SplitOffsets(), pf.NumRowGroups())
	}
	var out bytes.Buffer
	schema.PrintSchema(pf.MetaData().Schema.Root(), &out, 2)
	return out.String()
}

// golden compares with a file under testdata; SINKER_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("SINKER_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

// Rows in any order of their selection, through partitions, are the rows that went in.
func TestTypes_RoundTripThroughPartitions(t *testing.T) {
	spec := iceberg.NewPartitionSpecID(1, iceberg.PartitionField{SourceIDs: []int{31}, FieldID: 1000, Name: "x", Transform: iceberg.IdentityTransform{}})
	w := newWorld(t, nested(), spec, nil)
	b := w.batch()
	w.append(b, run(100, append(nestedRows, nestedRows...)...))
	m := w.seal(b)
	if len(m.Files) != 3 { // x: 1, null, 0
		t.Errorf("%d files", len(m.Files))
	}
	plain := newWorld(t, nested(), none, nil)
	pb := plain.batch()
	plain.append(pb, run(100, append(nestedRows, nestedRows...)...))
	want := map[string]int{}
	for _, row := range plain.all(plain.seal(pb)) {
		want[row]++
	}
	for _, row := range w.all(m) {
		want[row]--
	}
	for row, n := range want {
		if n != 0 {
			t.Errorf("%+d times: %s", n, row)
		}
	}
}

// A dictionary must not take the two zeros for one, nor lose a NaN.
func TestTypes_ZerosKeepTheirSign(t *testing.T) {
	w := newWorld(t, schemaOf(col(1, "d", iceberg.Float64Type{}), col(2, "f", iceberg.Float32Type{})), none, nil)
	b := w.batch()
	values := []string{`{"d":0.0,"f":-0.0}`, `{"d":-0.0,"f":0.0}`, `{"d":"NaN","f":"NaN"}`}
	var all []string
	for range 500 {
		all = append(all, values...)
	}
	w.append(b, run(100, all...))
	m := w.seal(b)
	pf, err := file.NewParquetReader(bytes.NewReader(w.store.objects[m.Files[0].FilePath()]))
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := pf.RowGroup(0).Column(0)
	if err != nil {
		t.Fatal(err)
	}
	got, defs := make([]float64, len(all)), make([]int16, len(all))
	if n, _, err := chunk.(*file.Float64ColumnChunkReader).ReadBatch(int64(len(all)), got, defs, nil); err != nil || int(n) != len(all) {
		t.Fatalf("%d values: %v", n, err)
	}
	for i, v := range got {
		if ok := [3]bool{v == 0 && !math.Signbit(v), v == 0 && math.Signbit(v), v != v}[i%3]; !ok {
			t.Fatalf("row %d: %v", i, v)
		}
	}
}

// Long values end up in pages that readers can hold, one value each if need be.
func TestTypes_PagesOfLongValuesAreBounded(t *testing.T) {
	for _, props := range []iceberg.Properties{nil, {"sinker.parquet.encodings": "plain"}} {
		w := newWorld(t, simple(), none, props)
		b := w.batch()
		const n, size = 100, 1 << 20
		for i := range n {
			w.append(b, run(100+int64(i), `{"id":1,"name":"`+strings.Repeat(string(rune('a'+i%26)), size+i)+`"}`))
		}
		m := w.seal(b)
		if s := b.Stats(); s.Groups < 2 {
			t.Errorf("%d MiB of text in one row group", n*size>>20)
		}
		values := 0
		for _, f := range m.Files {
			pf, err := file.NewParquetReader(bytes.NewReader(w.store.objects[f.FilePath()]))
			if err != nil {
				t.Fatal(err)
			}
			for g := range pf.NumRowGroups() {
				pages, err := pf.RowGroup(g).GetColumnPageReader(1)
				if err != nil {
					t.Fatal(err)
				}
				for pages.Next() {
					page := pages.Page()
					values += int(page.NumValues())
					if len(page.Data()) > 3*size {
						t.Errorf("a page of %d bytes", len(page.Data()))
					}
				}
				if err := pages.Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if values != n {
			t.Errorf("%d values in pages, want %d", values, n)
		}
	}
}
