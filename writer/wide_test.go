package writer

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/manifest"
)

// A table with two thousand columns, of which records have five: memory follows what is there, not what could be.
func TestWide_MemoryFollowsTheColumnsThatAreSet(t *testing.T) {
	const columns = 2000
	rows := 50_000
	if raceDetector {
		rows = 5_000
	}
	fields := make([]iceberg.NestedField, columns)
	for i := range fields {
		fields[i] = col(i+1, fmt.Sprint("c", i), []iceberg.Type{iceberg.Int64Type{}, iceberg.StringType{}, iceberg.Float64Type{}, iceberg.TimestampTzType{}, iceberg.Int32Type{}}[i%5])
	}
	w := newWorld(t, schemaOf(fields...), none, nil)
	b := w.batch()
	value := func(i int) string {
		return fmt.Sprintf(`{"c0":%d,"c1":"n%d","c1002":%d.5,"c1003":"2024-01-01T00:00:00Z","c1999":%d}`, i, i%7, i, i%1000)
	}
	most := int64(0)
	for at := 0; at < rows; at += 1000 {
		values := make([]string, 1000)
		for i := range values {
			values[i] = value(at + i)
		}
		w.append(b, run(100+int64(at), values...))
		most = max(most, b.Held())
	}
	m := w.seal(b)
	if peak := w.budget.Peak(); peak > 256<<20 || most > 256<<20 {
		t.Errorf("%d MiB of the budget at once, %d MiB held", peak>>20, most>>20)
	}
	if m.Rows() != int64(rows) || len(m.Files) != 1 {
		t.Errorf("%d rows in %d files", m.Rows(), len(m.Files))
	}
	f := m.Files[0]
	if n := f.NullValueCounts()[3]; n != int64(rows) {
		t.Errorf("an unset column has %d nulls, want %d", n, rows)
	}
	if len(f.LowerBoundValues()) > 5 {
		t.Errorf("%d columns have bounds", len(f.LowerBoundValues()))
	}
	w.setOnly(m, map[string]int64{"c0": 0, "c1": 0, "c1002": 0, "c1003": 0, "c1999": 0}, int64(rows))
	t.Logf("peak %d MiB, %d bytes of file, %+v", w.budget.Peak()>>20, m.Bytes, b.Stats())
}

// setOnly checks with a foreign reader that these columns have that many values and all others none.
func (w *world) setOnly(m *manifest.Manifest, set map[string]int64, rows int64) {
	w.t.Helper()
	for _, f := range m.Files {
		pf := w.parquet(f.FilePath())
		for g := range pf.NumRowGroups() {
			group := pf.MetaData().RowGroup(g)
			for c := range group.NumColumns() {
				chunk, err := group.ColumnChunk(c)
				if err != nil {
					w.t.Fatal(err)
				}
				stats, err := chunk.Statistics()
				if err != nil || stats == nil {
					w.t.Fatalf("%s has no statistics: %v", chunk.PathInSchema(), err)
				}
				name := chunk.PathInSchema().String()
				_, want := set[name]
				if nulls := stats.NullCount(); want != (nulls == 0) || !want && nulls != group.NumRows() {
					w.t.Errorf("%s: %d nulls in %d rows", name, nulls, group.NumRows())
				}
				if want {
					set[name] += group.NumRows()
				}
			}
		}
	}
	for name, n := range set {
		if n != rows {
			w.t.Errorf("%s has %d values, want %d", name, n, rows)
		}
	}
}

func (w *world) parquet(location string) *file.Reader {
	w.t.Helper()
	data, err := w.store.ReadAll(w.t.Context(), location)
	if err != nil {
		w.t.Fatal(err)
	}
	pf, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		w.t.Fatal(err)
	}
	return pf
}

// Batches that begin at the same moment, in two processes or in one, never write to the same name.
func TestNames_OfTwoProcessesAreApart(t *testing.T) {
	for _, props := range []iceberg.Properties{nil, {"write.object-storage.enabled": "true"}} {
		a := newWorld(t, simple(), identityOn(simple(), 2), props)
		b := newWorld(t, simple(), identityOn(simple(), 2), props)
		b.table.UUID, b.store = a.table.UUID, newShelf()
		b.table.Store = b.store
		seen := map[string]bool{}
		for range 20 {
			one, two := a.batch(), b.batch()
			a.append(one, run(100, numbered(0, 20)...))
			b.append(two, run(100, numbered(0, 20)...))
			for _, batch := range []*Batch{one, two} {
				m, err := batch.Seal(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range m.Files {
					if seen[f.FilePath()] {
						t.Fatalf("%s was written twice", f.FilePath())
					}
					seen[f.FilePath()] = true
					if !strings.Contains(f.FilePath(), m.ID.String()) {
						t.Errorf("%s does not name its batch %s", f.FilePath(), m.ID)
					}
				}
			}
		}
		if len(seen) != 2*20*7 {
			t.Errorf("%d names", len(seen))
		}
	}
}
