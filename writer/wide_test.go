package writer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/storage"
)

// A table of two thousand columns whose records have five, now these and now those, costs what the records have: the batch stays within
// a budget of 256 MiB, in one file, and a file's size is about that of its values.
func TestWide_TwoThousandColumnsFiveSet(t *testing.T) {
	columns, rows := 2000, 20_000
	if raceDetector {
		rows = 2_000
	}
	fields := make([]iceberg.NestedField, 0, columns)
	types := []iceberg.Type{iceberg.Int64Type{}, iceberg.StringType{}, iceberg.Float64Type{}, iceberg.TimestampTzType{}, iceberg.DecimalTypeOf(18, 2)}
	values := []string{"%d", `"v%d"`, "%d.5", `"2024-01-01T00:00:00.%06dZ"`, "%d.25"}
	for i := range columns {
		fields = append(fields, col(i+1, fmt.Sprintf("c%d", i), types[i%len(types)]))
	}
	w := newWorld(t, schemaOf(fields...), none, iceberg.Properties{"write.metadata.metrics.default": "counts"}) // of all columns, not of the first hundred
	b := w.batch()
	at := int64(100)
	for id := 0; id < rows; {
		var lines []string
		for ; len(lines) < 1000; id++ {
			first := id * 5 % 100 // twenty kinds of records
			if id%1000 == 0 {
				first = id / 50 % columns // and rare ones
			}
			first -= first % 5
			var s strings.Builder
			for k := range 5 {
				fmt.Fprintf(&s, `%c"c%d":`+values[k], ",{"[digit(k == 0)], first+k, id)
			}
			lines = append(lines, s.String()+"}")
		}
		w.append(b, run(at, lines...))
		at += int64(len(lines))
	}
	m := w.seal(b)
	if peak := w.budget.Peak(); peak > 256<<20 {
		t.Errorf("%d MiB of the budget at once", peak>>20)
	}
	if len(m.Files) != 1 || m.Rows() != int64(rows) {
		t.Fatalf("%d files, %d rows", len(m.Files), m.Rows())
	}
	f := m.Files[0]
	set := int64(0)
	for id, n := range f.ValueCounts() {
		if n != int64(rows) {
			t.Errorf("column %d has %d values with its nulls, want %d", id, n, rows)
		}
		set += n - f.NullValueCounts()[id]
	}
	if set != int64(5*rows) {
		t.Errorf("%d values are set, want %d", set, 5*rows)
	}
	if most := int64(rows*5*12 + columns*600); f.FileSizeBytes() > most {
		t.Errorf("the file has %d bytes, more than %d", f.FileSizeBytes(), most)
	}
	t.Logf("peak %d MiB, file %d KiB", w.budget.Peak()>>20, f.FileSizeBytes()>>10)
}

// Names do not come from clocks or counters of the process: of two processes that begin the same batch at the same moment each has its
// own files, and a store refuses a name that is taken.
func TestLocation_TwoProcessesNeverShareAName(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	seen := map[string]bool{}
	for range 50 {
		b := w.batch() // the same table, sink and offsets
		w.append(b, run(100, `{"id":1}`))
		m, err := b.Seal(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m.Files {
			if seen[f.FilePath()] {
				t.Errorf("%s was written twice", f.FilePath())
			}
			seen[f.FilePath()] = true
			if err := w.store.Put(t.Context(), f.FilePath(), []byte("another")); !errors.Is(err, storage.ErrExists) {
				t.Errorf("a name that is taken: %v", err)
			}
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d files", len(seen))
	}
}
