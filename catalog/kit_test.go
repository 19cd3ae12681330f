package catalog

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/iceberg-go"
	sqlcat "github.com/apache/iceberg-go/catalog/sql"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/storage"
)

// world is a catalog in a folder of its own: SQLite and local files.
type world struct {
	t     testing.TB
	dir   string
	cfg   Config
	cat   *Catalog
	store storage.Store
}

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, dir: dir, store: storage.NewFiles()}
	w.cfg = Config{Type: "sql", URI: "sqlite:" + filepath.Join(dir, "catalog.db"), Warehouse: "file://" + dir + "/wh", Store: w.store}
	w.cat = w.open()
	return w
}

func (w *world) open() *Catalog {
	w.t.Helper()
	c, err := Open(w.t.Context(), w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

var ordersSchema = iceberg.NewSchema(0,
	iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64, Required: true},
	iceberg.NestedField{ID: 2, Name: "region", Type: iceberg.PrimitiveTypes.String},
)

func (w *world) create(name string, spec *iceberg.PartitionSpec, version int, props map[string]string) {
	w.t.Helper()
	created, err := w.cat.Create(w.t.Context(), name, ordersSchema, spec, version, props)
	if err != nil || !created {
		w.t.Fatalf("create %s: created %v, %v", name, created, err)
	}
}

func (w *world) table(name, branch, sink string) *Table {
	w.t.Helper()
	tb, err := w.cat.Table(name, branch, sink)
	if err != nil {
		w.t.Fatal(err)
	}
	return tb
}

func load(t testing.TB, tb commit.Table) commit.View {
	t.Helper()
	v, err := tb.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var topic = offsets.TopicID{7, 7, 7}

func part(n int32) offsets.Partition {
	return offsets.Partition{TopicID: topic, Topic: "orders", Num: n}
}

// stage writes one data file per region with the ids [from, to) and seals it as a batch of partition 0.
func stage(t testing.TB, tb *Table, v commit.View, epoch uint64, from, to int64, regions ...string) *manifest.Manifest {
	t.Helper()
	wt, err := tb.Describe(v)
	if err != nil {
		t.Fatal(err)
	}
	if len(regions) == 0 {
		regions = []string{"eu"}
	}
	m := &manifest.Manifest{ID: uuid.New(), Epoch: epoch, TableUUID: wt.UUID, SchemaID: wt.Schema.ID, SpecID: wt.Spec.ID(), Born: time.Now(), Spans: map[offsets.Partition]manifest.Span{}}
	for i, region := range regions {
		a := from + (to-from)*int64(i)/int64(len(regions))
		b := from + (to-from)*int64(i+1)/int64(len(regions))
		f := writeFile(t, wt.Store, wt.Schema, wt.Spec, wt.FormatVersion, fmt.Sprintf("%s/data/%s-%d.parquet", wt.Location, m.ID, i), a, b, region)
		m.Files = append(m.Files, f)
		m.Bytes += f.FileSizeBytes()
	}
	m.Spans[part(0)] = manifest.Span{Range: offsets.Range{From: from, To: to}, LeaderEpoch: 3, Counts: manifest.Counts{Rows: to - from}}
	if err := m.Audit(); err != nil {
		t.Fatal(err)
	}
	return m
}

func records(schema *iceberg.Schema, from, to int64, region string) (arrow.RecordBatch, *arrow.Schema, error) {
	sc, err := icetable.SchemaToArrowSchema(schema, nil, true, false)
	if err != nil {
		return nil, nil, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	defer b.Release()
	for id := from; id < to; id++ {
		b.Field(0).(*array.Int64Builder).Append(id)
		b.Field(1).(*array.StringBuilder).Append(region)
	}
	return b.NewRecordBatch(), sc, nil
}

func writeFile(t testing.TB, store storage.Store, schema *iceberg.Schema, spec iceberg.PartitionSpec, version int, path string, from, to int64, region string) iceberg.DataFile {
	t.Helper()
	rec, sc, err := records(schema, from, to, region)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	var buf bytes.Buffer
	pw, err := pqarrow.NewFileWriter(sc, &buf, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := pw.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), path, buf.Bytes()); err != nil {
		t.Fatal(err)
	}
	meta, err := pw.FileMetadata()
	if err != nil {
		t.Fatal(err)
	}
	values := map[int]any{}
	for _, f := range spec.Fields() {
		values[f.FieldID] = region
	}
	df, err := icetable.DataFileFromMetadata(icetable.DataFileArgs{
		Schema: schema, Spec: spec, Format: iceberg.ParquetFile, Metadata: meta, FilePath: path, FileSize: int64(buf.Len()),
		Content: iceberg.EntryContentData, PartitionValues: values, FormatVersion: version,
	})
	if err != nil {
		t.Fatal(err)
	}
	return df
}

// change moves partition 0 to the end of the batches, which chain from where the ledger stands.
func change(sink string, epoch uint64, next int64, batches ...*manifest.Manifest) commit.Change {
	return commit.Change{Sink: sink, Epoch: epoch, Hash: "h1", Batches: batches, Ledger: offsets.Ledger{Cluster: "kc", Marks: map[offsets.Partition]offsets.Mark{
		part(0): {Next: next, LeaderEpoch: 3, Upper: offsets.Unbounded},
	}}}
}

// put stages and appends the ids [from, to) on the table's head as it is now.
func put(t testing.TB, tb *Table, epoch uint64, from, to int64, regions ...string) int64 {
	t.Helper()
	v := load(t, tb)
	id, err := tb.Append(t.Context(), v, change(tb.Sink(), epoch, to, stage(t, tb, v, epoch, from, to, regions...)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// foreign opens the table with iceberg-go's own catalog, which knows nothing of sinker.
func (w *world) foreign(name string) *icetable.Table {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "catalog.db")+"?_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	cat, err := sqlcat.NewCatalog("ice", db, sqlcat.SQLite, iceberg.Properties{"warehouse": w.cfg.Warehouse})
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := parseIdent(name)
	if err != nil {
		w.t.Fatal(err)
	}
	tb, err := cat.LoadTable(context.WithoutCancel(w.t.Context()), append(id.namespace, id.name))
	if err != nil {
		w.t.Fatal(err)
	}
	return tb
}

// ids reads the table with iceberg-go and counts each id.
func (w *world) ids(name, branch string) map[int64]int {
	w.t.Helper()
	tb := w.foreign(name)
	var opts []icetable.ScanOption
	if branch != "" {
		opts = append(opts, icetable.WithSnapshotID(tb.Metadata().SnapshotByName(branch).SnapshotID))
	}
	at, err := tb.Scan(opts...).ToArrowTable(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer at.Release()
	out := map[int64]int{}
	for _, chunk := range at.Column(0).Data().Chunks() {
		for _, id := range chunk.(*array.Int64).Int64Values() {
			out[id]++
		}
	}
	return out
}

// wantIDs demands each of the ids [0, n) once and nothing else.
func wantIDs(t testing.TB, got map[int64]int, n int64) {
	t.Helper()
	if int64(len(got)) != n {
		t.Errorf("%d distinct ids, want %d", len(got), n)
	}
	for id := range n {
		if got[id] != 1 {
			t.Errorf("id %d is in the table %d times", id, got[id])
		}
	}
}

// foreignAppend appends ids by a foreign writer.
func (w *world) foreignAppend(name string, from, to int64) int64 {
	w.t.Helper()
	tb := w.foreign(name)
	rec, sc, err := records(tb.Schema(), from, to, "foreign")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rec.Release()
	at := array.NewTableFromRecords(sc, []arrow.RecordBatch{rec})
	defer at.Release()
	out, err := tb.AppendTable(w.t.Context(), at, to-from, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return out.CurrentSnapshot().SnapshotID
}

func wantClass(t testing.TB, err error, want commit.Class) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of class %s", want)
	}
	if got := classOf(err); got != want {
		t.Fatalf("class %s, want %s: %v", got, want, err)
	}
}
