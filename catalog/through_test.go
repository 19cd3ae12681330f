package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/schema"
	"github.com/sinker-io/sinker/writer"
)

// made creates a table as the configuration would.
func (w *world) made(name string, version int, partitionBy []string, columns ...schema.Column) *Table {
	w.t.Helper()
	sc, spec, errs := schema.Build(columns, nil, partitionBy, version)
	if len(errs) > 0 {
		w.t.Fatal(errs)
	}
	if _, err := w.cat.Create(w.t.Context(), name, sc, &spec, version, nil); err != nil {
		w.t.Fatal(err)
	}
	return w.table(name, "", "s1")
}

// begin opens a batch of JSON records on the table as it is now.
func begin(t testing.TB, tb *Table, from int64) *writer.Batch {
	t.Helper()
	wt, err := tb.Describe(load(t, tb))
	if err != nil {
		t.Fatal(err)
	}
	d, err := decode.New("json", wt.Schema, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return writer.NewBatch(wt, writer.Config{Sink: tb.Sink(), Decoder: d}, 1, offsets.Position{part(0): from})
}

// add appends values with the offsets that come next.
func add(t testing.TB, b *writer.Batch, from int64, values ...string) {
	t.Helper()
	r := writer.Run{Partition: part(0), Range: offsets.Range{From: from, To: from + int64(len(values))}, LeaderEpoch: 3}
	for i, v := range values {
		r.Records = append(r.Records, &kgo.Record{Topic: "orders", Offset: from + int64(i), LeaderEpoch: 3, Timestamp: time.UnixMilli(1_700_000_000_000), Value: []byte(v)})
	}
	if err := b.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// land seals a batch and appends it to the table as it is now.
func land(t testing.TB, tb *Table, b *writer.Batch) *manifest.Manifest {
	t.Helper()
	m, err := b.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tb.Append(t.Context(), load(t, tb), change(tb.Sink(), 1, m.Spans[part(0)].To, m)); err != nil {
		t.Fatal(err)
	}
	return m
}

// rows reads a table with iceberg-go, each row as JSON, in the order of their text.
func (w *world) rows(name string, opts ...icetable.ScanOption) []string {
	w.t.Helper()
	at, err := w.foreign(name).Scan(opts...).ToArrowTable(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.texts(at)
}

// fileRows reads the files that the table names, by exactly their names: iceberg-go takes the escapes in file:// locations out.
func (w *world) fileRows(name string) []string {
	w.t.Helper()
	var out []string
	data, _ := w.named(name)
	for path := range data {
		text, err := w.store.ReadAll(w.t.Context(), path)
		if err != nil {
			w.t.Fatal(err)
		}
		pf, err := file.NewParquetReader(bytes.NewReader(text))
		if err != nil {
			w.t.Fatal(err)
		}
		fr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
		if err != nil {
			w.t.Fatal(err)
		}
		at, err := fr.ReadTable(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, w.texts(at)...)
	}
	slices.Sort(out)
	return out
}

func (w *world) texts(at arrow.Table) []string {
	w.t.Helper()
	defer at.Release()
	tr := array.NewTableReader(at, 0)
	defer tr.Release()
	var out []string
	for tr.Next() {
		var text bytes.Buffer
		if err := array.RecordToJSON(tr.RecordBatch(), &text); err != nil {
			w.t.Fatal(err)
		}
		dec := json.NewDecoder(&text)
		for {
			var row json.RawMessage
			if err := dec.Decode(&row); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				w.t.Fatal(err)
			}
			out = append(out, string(row))
		}
	}
	slices.Sort(out)
	return out
}

func wantRows(t testing.TB, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("rows:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// named are all files that the table's snapshots name, by their path, with how often; and its manifests and lists.
func (w *world) named(name string) (data, other map[string]int) {
	w.t.Helper()
	tb := w.foreign(name)
	fsys, err := tb.FS(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	data, other = map[string]int{}, map[string]int{}
	seen := map[string]bool{}
	for _, s := range tb.Metadata().Snapshots() {
		other[s.ManifestList]++
		ms, err := s.Manifests(fsys)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, m := range ms {
			other[m.FilePath()]++
			if seen[m.FilePath()] {
				continue
			}
			seen[m.FilePath()] = true
			for e, err := range m.Entries(fsys, false) {
				if err != nil {
					w.t.Fatal(err)
				}
				data[e.DataFile().FilePath()]++
			}
		}
	}
	return data, other
}

// stored are the files below the warehouse with that ending, as locations.
func (w *world) stored(ending string) []string {
	w.t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(w.dir, "wh"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ending) {
			out = append(out, "file://"+path)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// Names that other systems trip over are columns, partition fields and parts of paths like any other.
func TestThrough_OddNamesAreReadBack(t *testing.T) {
	for _, by := range [][]string{nil, {"order-date", "größe"}, {"with space", "1st"}, {"truncate(2, 😎)"}} {
		w := newWorld(t)
		tb := w.made("shop.odd", 2, by,
			schema.Column{Name: "order-date", Type: "date"}, schema.Column{Name: "größe", Type: "int"}, schema.Column{Name: "1st", Type: "long"},
			schema.Column{Name: "with space", Type: "string"}, schema.Column{Name: "a.b", Type: "double"}, schema.Column{Name: "😎", Type: "string"})
		b := begin(t, tb, 0)
		add(t, b, 0, `{"order-date":"2024-02-29","größe":7,"1st":1,"with space":"x y","a.b":0.5,"😎":"cool"}`, `{"1st":2}`)
		land(t, tb, b)
		wantRows(t, w.fileRows("shop.odd"),
			`{"1st":1,"a.b":0.5,"größe":7,"order-date":"2024-02-29","with space":"x y","😎":"cool"}`,
			`{"1st":2,"a.b":null,"größe":null,"order-date":null,"with space":null,"😎":null}`)
	}
}

// Whatever a partition's value is, its file lies below the table and is found again.
func TestThrough_AnyPartitionValueIsAFile(t *testing.T) {
	w := newWorld(t)
	tb := w.made("shop.odd", 2, []string{"p"}, schema.Column{Name: "id", Type: "long"}, schema.Column{Name: "p", Type: "string"})
	values := []string{"", "/", "..", ".", "../../../../../../etc", "%", "%2F", "=", "p=1", "\x00", "\n", "\x1b[31m", "\x7f", "null", "__HIVE_DEFAULT_PARTITION__", " ", "é",
		"e\u0301", "A", "a", strings.Repeat("x", 4096), strings.Repeat("/", 4096), strings.Repeat("x", 4095) + "y", `\`, "?#&:*\"<>|"}
	b := begin(t, tb, 0)
	var want []string
	for i, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		add(t, b, int64(i), fmt.Sprintf(`{"id":%d,"p":%s}`, i, text))
		want = append(want, fmt.Sprintf(`{"id":%d,"p":%s}`, i, text))
	}
	m := land(t, tb, b)
	if len(m.Files) != len(values) {
		t.Errorf("%d files for %d values", len(m.Files), len(values))
	}
	wantRows(t, w.fileRows("shop.odd"), want...)
	if found := w.stored(".parquet"); len(found) != len(values) {
		t.Errorf("%d files in the warehouse, want %d: some lie elsewhere", len(found), len(values))
	}
	if _, err := os.Stat(filepath.Join(w.dir, "etc")); err == nil {
		t.Error("a value led out of the warehouse")
	}
}

// Attempts that fail leave manifests and lists that nobody names, a few each, but no row is lost, no file named twice, and no
// data file is left over.
func TestThrough_FailedAttemptsLeaveNoDataBehind(t *testing.T) {
	w := newWorld(t)
	tb := w.made("shop.orders", 2, nil, schema.Column{Name: "id", Type: "long"})
	bad := &moody{backend: w.cat.back}
	w.cat.back = bad
	c := &commit.Committer{Table: tb, Name: "shop.orders", Sink: "s1", Hash: "h", Rollback: commit.Replay, Sleep: quick}
	anchor := func(_ commit.View, st commit.State) (*commit.Edit, error) {
		if _, ok := st.Ledger.Marks[part(0)]; ok {
			return nil, nil
		}
		return &commit.Edit{Cluster: "kc", Set: map[offsets.Partition]offsets.Mark{part(0): {Upper: offsets.Unbounded, LeaderEpoch: -1}}, NewEpoch: true}, nil
	}
	st, _, err := c.Amend(t.Context(), anchor)
	if err != nil {
		t.Fatal(err)
	}
	const batches = 12
	var want []string
	for i := range int64(batches) {
		b := begin(t, tb, i)
		add(t, b, i, fmt.Sprintf(`{"id":%d}`, i))
		m, err := b.Seal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.Epoch = st.Epoch
		bad.next = []mood{refuses, loses, refuses}[:i%4]
		r, err := c.Commit(t.Context(), m)
		if err != nil || len(r.Landed) != 1 {
			t.Fatalf("batch %d: %+v, %v", i, r, err)
		}
		want = append(want, fmt.Sprintf(`{"id":%d}`, i))
	}
	w.cat.back = bad.backend
	wantRows(t, w.rows("shop.orders"), want...)
	data, other := w.named("shop.orders")
	for _, path := range w.stored(".parquet") {
		if data[path] != 1 {
			t.Errorf("%s is named %d times", path, data[path])
		}
	}
	if len(data) != batches {
		t.Errorf("%d data files are named, want %d", len(data), batches)
	}
	orphans, size := 0, int64(0)
	for _, path := range w.stored(".avro") {
		if other[path] == 0 {
			orphans++
			info, err := os.Stat(strings.TrimPrefix(path, "file://"))
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
	}
	if orphans == 0 || orphans > 2*bad.failed || size > int64(bad.failed)*32<<10 {
		t.Errorf("%d attempts left %d files with %d bytes that nobody names", bad.failed, orphans, size)
	}
}
