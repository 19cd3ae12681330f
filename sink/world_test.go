package sink_test

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/writer"
)

// A real client on a fake broker, real Parquet files in a folder, and a table in memory.
type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	brokers []string
	client  *kgo.Client
	mu      sync.Mutex
	tables  map[string]*table
	dir     string
	made    map[string]int
	letters map[string]*letterTable
}

type table struct {
	*committest.Memory
	dir        string
	refuse     func() error // of Describe
	properties iceberg.Properties
}

var schema = iceberg.NewSchema(0,
	iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64, Required: true},
	iceberg.NestedField{ID: 2, Name: "note", Type: iceberg.PrimitiveTypes.String})

func (t *table) Describe(v commit.View) (writer.Table, error) {
	if t.refuse != nil {
		if err := t.refuse(); err != nil {
			return writer.Table{}, err
		}
	}
	return writer.Table{Name: "shop.orders", UUID: v.TableUUID, Location: "file://" + t.dir, Schema: schema, Spec: *iceberg.UnpartitionedSpec,
		FormatVersion: 2, Properties: t.properties, Store: storage.NewFiles()}, nil
}

func newWorld(t *testing.T, partitions int32, topics ...string) *world {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := &world{t: t, cluster: c, brokers: c.ListenAddrs(), tables: map[string]*table{}, dir: t.TempDir(), made: map[string]int{}}
	w.connect()
	return w
}

func (w *world) connect() {
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(cl.Close)
	w.client = cl
}

// produce adds n records to a topic, spread over its partitions.
func (w *world) produce(topic string, partitions, n int) {
	w.t.Helper()
	for range n {
		i := w.made[topic]
		w.made[topic]++
		w.send(topic, int32(i%partitions), []byte(fmt.Sprintf(`{"id":%d,"note":"n%d"}`, i, i%7)))
	}
}

func (w *world) send(topic string, p int32, value []byte) {
	w.t.Helper()
	if err := w.client.ProduceSync(w.t.Context(), &kgo.Record{Topic: topic, Partition: p, Value: value}).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) table(name string) *table {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tables[name] == nil {
		w.tables[name] = &table{Memory: committest.NewMemory(nil), dir: w.dir + "/" + name}
	}
	return w.tables[name]
}

func (w *world) entry(topics, name string) sink.Entry {
	return sink.Entry{Patterns: []*regexp.Regexp{regexp.MustCompile(topics)}, Table: name, Start: source.Earliest, Hash: "h",
		Open:    func(_ context.Context, name string) (sink.Table, error) { return w.table(name), nil },
		Decoder: func(s *iceberg.Schema) (decode.Decoder, error) { return decode.New("json", s, decode.Options{}) }}
}

// running is one process.
type running struct {
	*sink.Sink
	stop   context.CancelFunc
	ended  chan error
	budget *budget.Budget
	src    *source.Group
	once   sync.Once
}

func (w *world) start(edit func(*sink.Config), entries ...sink.Entry) *running {
	w.t.Helper()
	r := &running{ended: make(chan error, 1)}
	var made atomic.Pointer[sink.Sink]
	r.budget = budget.New(64<<20, func() {
		if s := made.Load(); s != nil {
			s.Short()
		}
	})
	var patterns []*regexp.Regexp
	for _, e := range entries {
		patterns = append(patterns, e.Patterns...)
	}
	src, err := source.Open(w.t.Context(), source.Config{Brokers: w.brokers, Group: "g", Patterns: patterns, Refresh: 200 * time.Millisecond, Budget: r.budget.Part(24 << 20)})
	if err != nil {
		w.t.Fatal(err)
	}
	r.src = src
	cfg := sink.Config{Sink: "x", Group: "g", Source: src, Entries: entries, Budget: r.budget, Every: 50 * time.Millisecond, Shutdown: 20 * time.Second}
	if edit != nil {
		edit(&cfg)
	}
	r.Sink = sink.New(cfg)
	made.Store(r.Sink)
	ctx, stop := context.WithCancel(w.t.Context())
	r.stop = stop
	go func() { r.ended <- r.Run(ctx) }()
	w.t.Cleanup(func() { w.end(r) })
	return r
}

// end stops a process in order, and checks that it leaves nothing behind.
func (w *world) end(r *running) {
	r.once.Do(func() {
		r.stop()
		if err := <-r.ended; err != nil {
			w.t.Errorf("run: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := r.src.Close(ctx); err != nil {
			w.t.Log(err)
		}
		if n := r.budget.Used(); n != 0 {
			w.t.Errorf("%d bytes of the budget were not given back", n)
		}
	})
}

// until waits for a condition that must come true.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(4 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *world) state(name string) commit.State {
	v, err := w.table(name).Load(w.t.Context())
	if err != nil {
		return commit.State{}
	}
	st, _ := commit.Resolve(v, "x")
	return st
}

func sum(st commit.State) (n int64) {
	for _, m := range st.Ledger.Marks {
		n += m.Next - m.Origin
	}
	return n
}

// exact fails unless the table holds each offset below its position once, and rows offsets in all.
func (w *world) exact(name string, rows int64) {
	w.t.Helper()
	st := w.state(name)
	seen, total := map[offsets.Partition]map[int64]bool{}, int64(0)
	for _, r := range w.table(name).Rows() {
		if seen[r.Partition] == nil {
			seen[r.Partition] = map[int64]bool{}
		}
		for o := r.Range.From; o < r.Range.To; o++ {
			if seen[r.Partition][o] {
				w.t.Fatalf("%s offset %d is there twice", r.Partition, o)
			}
			seen[r.Partition][o] = true
		}
		total += r.Rows
	}
	for p, m := range st.Ledger.Marks {
		if got := int64(len(seen[p])); got != m.Next-m.Origin {
			w.t.Errorf("%s: %d offsets in the table, position says %d", p, got, m.Next-m.Origin)
		}
	}
	if total != rows {
		w.t.Errorf("%d rows, want %d", total, rows)
	}
}
