package deep

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/catalog"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/testenv/sim/deep/wire"
	"github.com/sinker-io/sinker/testenv/sim/fate"
)

const (
	sinkID   = "x"
	shutdown = 8 * time.Second
	session  = 10 * time.Second

	rebalance = 12 * time.Second
)

var schema = iceberg.NewSchema(0,
	iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64, Required: true},
	iceberg.NestedField{ID: 2, Name: "note", Type: iceberg.PrimitiveTypes.String})

// properties of the tables. The library's zstd encoders share channels between whoever comes, and one that was made in a bubble is
// of no use outside it.
var properties = map[string]string{"write.parquet.compression-codec": "snappy"}

// worker is one process of sinker, wired as its command wires it, on a machine of its own.
type worker struct {
	w      *world
	name   string
	host   *wire.Host
	random *rand.Rand
	budget *budget.Budget
	stop   context.CancelFunc
	ended  chan struct{}
	dead   atomic.Bool
	frozen atomic.Bool
	now    atomic.Pointer[sink.Sink]
}

// start begins a process. The mutex is held.
func (w *world) start(name string) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	k := &worker{w: w, name: name, host: w.net.Host(name), random: fate.Stream(w.c.Seed, "worker/"+name), stop: cancel, ended: make(chan struct{})}
	k.host.Meets = k.onBrokers
	k.budget = budget.New(32<<20, func() {
		if s := k.now.Load(); s != nil {
			s.Short()
		}
	})
	w.workers[name] = k
	w.tell(name, "starts")
	go func() {
		defer close(k.ended)
		k.run(ctx)
	}()
	return k
}

// end stops the process in order and waits for it.
func (k *worker) end() {
	k.stop()
	<-k.ended
}

// onBrokers decides what becomes of the bytes of one write on a connection to a broker.
func (k *worker) onBrokers(to string, answer bool, size int) wire.Verdict {
	if !strings.HasPrefix(to, brokerHost) || k.dead.Load() {
		return wire.Verdict{}
	}
	edge := "ask"
	if answer {
		edge = "answer"
	}
	x, met := k.w.meet(k.name+"/"+to[len(brokerHost)+1:], edge)
	if !met {
		return wire.Verdict{}
	}
	k.w.tell(k.name, "%d bytes (%s) meet %s (%d)", size, edge, x.Kind, x.Amount)
	switch x.Kind {
	case BrokerCut:
		return wire.Verdict{Cut: true, Part: int(x.Amount) % (size + 1)}
	case BrokerSlow:
		return wire.Verdict{Delay: time.Duration(x.Amount) * 100 * time.Millisecond}
	case Crash:
		k.w.crash(k.name)
	case Zombie:
		k.w.freeze(k.name, time.Duration(x.Amount)*100*time.Millisecond)
	}
	return wire.Verdict{}
}

func (k *worker) transport() *http.Transport {
	return &http.Transport{DialContext: k.host.DialContext, IdleConnTimeout: 50 * time.Second, MaxIdleConnsPerHost: 8}
}

// run is the process from its first line to its last.
func (k *worker) run(ctx context.Context) {
	toStore, toCatalog := k.transport(), k.transport()
	defer toStore.CloseIdleConnections()
	defer toCatalog.CloseIdleConnections()
	files, err := storage.Open(storage.Config{S3: storage.S3Config{Endpoint: "http://" + storeAddress, Region: "us-east-1", PathStyle: true,
		AccessKey: "sinker", SecretKey: "sinker-sim", Client: &http.Client{Transport: toStore}}})
	if err != nil {
		panic(err) // of the configuration, which is fixed
	}
	defer files.Close()
	cfg := catalog.Config{Type: "rest", URI: "http://" + catalogAddress, Store: files, Transport: toCatalog}
	if k.w.database != nil {
		cfg.Type, cfg.URI, cfg.Warehouse = "sql", "sqlite:"+k.w.database.path, warehouse
		cfg.Connector = k.w.database.around(k.w, k)
	}
	var cat *catalog.Catalog
	for {
		if cat, err = catalog.Open(ctx, cfg); err == nil {
			break
		}
		if ctx.Err() != nil || !k.pause(ctx, "open catalog", err) {
			return
		}
	}
	defer cat.Close()
	for {
		err := k.once(ctx, cat)
		if ctx.Err() != nil || !k.pause(ctx, "run", err) {
			k.w.tell(k.name, "ends: %v", err)
			return
		}
	}
}

// pause waits for the next attempt of something.
func (k *worker) pause(ctx context.Context, step string, err error) bool {
	k.w.tell(k.name, "%s: %v", step, err)
	k.w.sleep(ctx, time.Second+time.Duration(k.random.Int64N(int64(2*time.Second))))
	return ctx.Err() == nil
}

// once is one source and one sink.
func (k *worker) once(ctx context.Context, cat *catalog.Catalog) error {
	policies := k.w.policies()
	var names []string
	var entries []sink.Entry
	for _, t := range topics {
		names = append(names, t)
		entries = append(entries, sink.Entry{
			Topics: []string{t}, Table: tableOf(t), Start: source.Earliest, Hash: "sim", SkipBad: policies.SkipBad,
			Open:    func(ctx context.Context, name string) (sink.Table, error) { return openTable(ctx, cat, name) },
			Decoder: func(s *iceberg.Schema) (decode.Decoder, error) { return decode.New("json", s, decode.Options{}) },
		})
	}
	from, err := source.Open(ctx, source.Config{
		Brokers: brokers, Group: group, ClientID: k.name, Topics: names, Refresh: 3 * time.Second, SessionTimeout: session, RebalanceTimeout: rebalance,
		Budget: k.budget.Part(16 << 20), Opts: []kgo.Opt{kgo.Dialer(k.host.DialContext)},
	})
	if err != nil {
		return err
	}
	policy := sink.Policy{Rollback: commit.Replay, SkipGap: policies.SkipGap, FollowRecreate: policies.Follow}
	if policies.StopBack {
		policy.Rollback = commit.StopOnRollback
	}
	s := sink.New(sink.Config{Sink: sinkID, Group: group, Source: from, Entries: entries, Budget: k.budget, Every: time.Duration(k.w.c.Every) * time.Millisecond,
		Shutdown: shutdown, Policy: policy, Events: k.w.listen(k.name)})
	k.now.Store(s)
	err = s.Run(ctx)
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, from.Close(leave))
}

// openTable finds the table, or makes it.
func openTable(ctx context.Context, cat *catalog.Catalog, name string) (sink.Table, error) {
	t, err := cat.Table(name, "", sinkID)
	if err != nil {
		return nil, err
	}
	there, err := cat.Exists(ctx, name)
	if err != nil {
		return nil, err
	}
	if !there {
		if _, err := cat.Create(ctx, name, schema, nil, 2, properties); err != nil {
			return nil, err
		}
	}
	return t, nil
}
