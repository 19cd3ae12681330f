package writer

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/iceberg-go"
)

// Iceberg's reader for Spark fails on a page of deltas without a value. So a column chunk with nulls has no deltas, also where
// a column that has always had values meets its first null in the middle of a batch.
func TestSparse_NoDeltasWhereThereAreNulls(t *testing.T) {
	sc := schemaOf(required(col(1, "id", iceberg.Int64Type{})), col(2, "name", iceberg.StringType{}), col(3, "n", iceberg.Int64Type{}),
		col(4, "tags", &iceberg.ListType{ElementID: 5, Element: iceberg.StringType{}}),
		col(6, "in", &iceberg.StructType{FieldList: []iceberg.NestedField{col(7, "note", iceberg.StringType{})}}))
	w := newWorld(t, sc, none, nil)
	b := w.batch()
	rng := rand.New(rand.NewPCG(3, 4))
	next := int64(100)
	add := func(format string) {
		values := make([]string, 500)
		for i := range values {
			text := fmt.Sprintf("%x", rng.Uint64())
			values[i] = strings.NewReplacer("$id", fmt.Sprint(rng.Int64()), "$s", text).Replace(format)
		}
		r := run(next, values...)
		w.append(b, r)
		next = r.Range.To
		if err := b.drain(context.Background(), false); err != nil { // a row group of its own
			t.Fatal(err)
		}
	}
	add(`{"id":$id,"name":"$s","n":$id,"tags":["$s"],"in":{"note":"$s"}}`)
	add(`{"id":$id,"name":"$s","n":$id,"tags":["$s"],"in":{"note":"$s"}}`)
	add(`{"id":$id,"name":null,"n":$id,"tags":[],"in":{"note":"$s"}}`)
	add(`{"id":$id,"name":null,"n":null,"tags":null,"in":null}`)
	add(`{"id":$id,"name":"$s","n":$id,"tags":["$s"],"in":{"note":"$s"}}`)
	m := w.seal(b)
	if got := int64(len(w.all(m))); got != 2500 {
		t.Errorf("%d rows", got)
	}
	deltas := map[string]int{}
	for _, f := range m.Files {
		pf, err := file.NewParquetReader(bytes.NewReader(w.store.objects[f.FilePath()]))
		if err != nil {
			t.Fatal(err)
		}
		for g := range pf.NumRowGroups() {
			for c := range pf.MetaData().Schema.NumColumns() {
				chunk, err := pf.MetaData().RowGroup(g).ColumnChunk(c)
				if err != nil {
					t.Fatal(err)
				}
				delta := strings.Contains(fmt.Sprint(chunk.Encodings()), "DELTA")
				stats, err := chunk.Statistics()
				if err != nil || stats == nil {
					t.Fatalf("no statistics: %v", err)
				}
				if delta && stats.NullCount() > 0 {
					t.Errorf("%s: row group %d: %s has %d nulls and encodings %v", f.FilePath(), g, chunk.PathInSchema(), stats.NullCount(), chunk.Encodings())
				}
				if delta {
					deltas[chunk.PathInSchema().String()]++
				}
			}
		}
	}
	if deltas["id"] != 5 || deltas["name"] != 3 || deltas["n"] != 4 || deltas["in.note"] != 4 || deltas["tags.list.element"] != 0 {
		t.Errorf("chunks with deltas: %v", deltas)
	}
	if len(m.Files) != 1 {
		t.Errorf("%d files: a null ends none", len(m.Files))
	}
}
