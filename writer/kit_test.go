package writer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/storage"
)

// shelf is a store in memory that fails when it is told to.
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
	open    int // uploads that were neither committed nor aborted
	calls   int
	failAt  int   // the call that fails, counted from 1; 0: none
	short   int64 // how much of each object is lost in silence
	stuck   bool  // Put and Commit wait for their context
}

var errStore = errors.New("the store is out of order")

func newShelf() *shelf { return &shelf{objects: map[string][]byte{}} }

func (s *shelf) call(ctx context.Context) error {
	s.mu.Lock()
	s.calls++
	fail := s.calls == s.failAt
	s.mu.Unlock()
	if fail {
		return errStore
	}
	return ctx.Err()
}

func (s *shelf) keep(location string, data []byte) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.objects[location]; taken {
		return 0, storage.ErrExists
	}
	data = bytes.Clone(data[:max(0, int64(len(data))-s.short)])
	s.objects[location] = data
	return int64(len(data)), nil
}

func (s *shelf) wait(ctx context.Context) error {
	if s.stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (s *shelf) Create(ctx context.Context, location string) (storage.Upload, error) {
	if err := s.call(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	return &load{s: s, location: location}, nil
}

func (s *shelf) Put(ctx context.Context, location string, data []byte) error {
	if err := errors.Join(s.call(ctx), s.wait(ctx)); err != nil {
		return err
	}
	_, err := s.keep(location, data)
	return err
}

func (s *shelf) Stat(ctx context.Context, location string) (storage.Info, error) {
	if err := s.call(ctx); err != nil {
		return storage.Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.objects[location]
	if !ok {
		return storage.Info{}, storage.ErrNotFound
	}
	return storage.Info{Size: int64(len(data))}, nil
}

func (s *shelf) Open(context.Context, string) (storage.File, error) { return nil, errStore }

func (s *shelf) ReadAll(_ context.Context, location string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.objects[location]
	if !ok {
		return nil, storage.ErrNotFound
	}
	return data, nil
}

func (s *shelf) Remove(_ context.Context, location string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, location)
	return nil
}

// load is an upload to a shelf.
type load struct {
	s        *shelf
	location string
	data     bytes.Buffer
	ended    bool
}

func (l *load) Write(p []byte) (int, error) {
	if err := l.s.call(context.Background()); err != nil {
		return 0, err
	}
	return l.data.Write(p)
}

func (l *load) Commit(ctx context.Context) (int64, error) {
	if err := errors.Join(l.s.call(ctx), l.s.wait(ctx)); err != nil {
		return 0, err
	}
	l.end()
	return l.s.keep(l.location, l.data.Bytes())
}

func (l *load) Abort() { l.end() }

func (l *load) end() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if !l.ended {
		l.ended = true
		l.s.open--
	}
}

func (l *load) Held() int64 { return 1 << 10 }

var orders = offsets.Partition{Topic: "orders", Num: 3}

// world is a table, its store and the budget, with a decoder of JSON.
type world struct {
	t      testing.TB
	table  Table
	cfg    Config
	store  *shelf
	budget *budget.Budget
}

func newWorld(t testing.TB, sc *iceberg.Schema, spec iceberg.PartitionSpec, props iceberg.Properties) *world {
	t.Helper()
	d, err := decode.New("json", sc, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: newShelf(), budget: budget.New(256<<20, nil)}
	w.table = Table{
		Name: "shop.orders", UUID: uuid.New(), Location: "file:///warehouse/shop/orders", Schema: sc, Spec: spec,
		FormatVersion: 2, Properties: props, Store: w.store,
	}
	w.cfg = Config{Sink: "orders", Decoder: d, Budget: w.budget}
	return w
}

func (w *world) batch() *Batch {
	return NewBatch(w.table, w.cfg, 7, offsets.Position{orders: 100})
}

// run makes records with consecutive offsets. A value of "-" leaves its offset without a record, "null!" is a tombstone.
func run(from int64, values ...string) Run {
	r := Run{Partition: orders, Range: offsets.Range{From: from, To: from + int64(len(values))}, LeaderEpoch: 4}
	for i, v := range values {
		rec := &kgo.Record{Topic: orders.Topic, Partition: orders.Num, Offset: from + int64(i), LeaderEpoch: 4,
			Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)), Value: []byte(v)}
		switch v {
		case "-":
			continue
		case "null!":
			rec.Value = nil
		}
		r.Records = append(r.Records, rec)
	}
	return r
}

func (w *world) append(b *Batch, r Run) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // ends a wait for memory that never comes
	defer cancel()
	if err := b.Append(ctx, r); err != nil {
		w.t.Fatal(err)
	}
}

// seal seals and checks what holds for every sealed batch.
func (w *world) seal(b *Batch) *manifest.Manifest {
	w.t.Helper()
	m, err := b.Seal(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := m.Audit(); err != nil {
		w.t.Error(err)
	}
	if len(m.Files) != len(w.store.objects) {
		w.t.Errorf("the manifest names %d files, the store has %d objects", len(m.Files), len(w.store.objects))
	}
	var total int64
	for _, f := range m.Files {
		if size := int64(len(w.store.objects[f.FilePath()])); size != f.FileSizeBytes() || size == 0 {
			w.t.Errorf("%s: the manifest says %d bytes, the store has %d", f.FilePath(), f.FileSizeBytes(), size)
		}
		total += f.FileSizeBytes()
	}
	if total != m.Bytes {
		w.t.Errorf("the manifest says %d bytes in all, its files have %d", m.Bytes, total)
	}
	w.nothingLeft(b)
	return m
}

// nothingLeft checks that an ended batch holds nothing.
func (w *world) nothingLeft(b *Batch) {
	w.t.Helper()
	if n := w.budget.Used(); n != 0 {
		w.t.Errorf("%d bytes of the budget are still taken", n)
	}
	if n := b.Held(); n != 0 {
		w.t.Errorf("the batch still holds %d bytes", n)
	}
	if w.store.open != 0 {
		w.t.Errorf("%d uploads are still open", w.store.open)
	}
}

// rows reads a file with a reader that is not ours, each row as JSON.
func (w *world) rows(location string) []string {
	w.t.Helper()
	data, err := w.store.ReadAll(context.Background(), location)
	if err != nil {
		w.t.Fatal(err)
	}
	pf, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		w.t.Fatalf("%s: %v", location, err)
	}
	fr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: 1 << 16}, memory.DefaultAllocator)
	if err != nil {
		w.t.Fatalf("%s: %v", location, err)
	}
	table, err := fr.ReadTable(context.Background())
	if err != nil {
		w.t.Fatalf("%s: %v", location, err)
	}
	defer table.Release()
	var out []string
	tr := array.NewTableReader(table, 0)
	defer tr.Release()
	for tr.Next() {
		var text bytes.Buffer
		if err := array.RecordToJSON(tr.RecordBatch(), &text); err != nil {
			w.t.Fatal(err)
		}
		dec := json.NewDecoder(&text)
		for {
			var row json.RawMessage
			if err := dec.Decode(&row); err == io.EOF {
				break
			} else if err != nil {
				w.t.Fatal(err)
			}
			out = append(out, string(row))
		}
	}
	return out
}

// all reads all files of a manifest.
func (w *world) all(m *manifest.Manifest) []string {
	w.t.Helper()
	var out []string
	for _, f := range m.Files {
		rows := w.rows(f.FilePath())
		if int64(len(rows)) != f.Count() {
			w.t.Errorf("%s: the manifest says %d rows, the file has %d", f.FilePath(), f.Count(), len(rows))
		}
		out = append(out, rows...)
	}
	return out
}

func schemaOf(fields ...iceberg.NestedField) *iceberg.Schema { return iceberg.NewSchema(3, fields...) }

func col(id int, name string, typ iceberg.Type) iceberg.NestedField {
	return iceberg.NestedField{ID: id, Name: name, Type: typ}
}

func required(f iceberg.NestedField) iceberg.NestedField { f.Required = true; return f }

var none = *iceberg.UnpartitionedSpec

func simple() *iceberg.Schema {
	return schemaOf(required(col(1, "id", iceberg.Int64Type{})), col(2, "name", iceberg.StringType{}))
}

// numbered makes n small orders.
func numbered(from, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(`{"id":%d,"name":"n%d"}`, from+i, (from+i)%7)
	}
	return out
}

func lines(s ...string) string { return strings.Join(s, "\n") }
