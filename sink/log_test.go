package sink_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/sink"
)

// watchGroup reads the group's offsets again and again until the returned function is called. What the group says is read before what
// the table says, and the table only goes forward, so an offset above the table's is one that was ahead of it.
func (w *world) watchGroup(table string) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	adm := kadm.NewClient(w.client)
	var looks atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			said, err := adm.FetchOffsets(ctx, "g")
			if err != nil {
				continue
			}
			v, err := w.table(table).Memory.Load(context.Background())
			if err != nil {
				continue
			}
			st, err := commit.Resolve(v, "x")
			if err != nil {
				w.t.Errorf("resolve: %v", err)
				return
			}
			said.Each(func(o kadm.OffsetResponse) {
				for p, m := range st.Ledger.Marks {
					if p.Topic == o.Topic && p.Num == o.Partition && o.At > m.Next {
						w.t.Errorf("the group says %d of %s, the table stands at %d", o.At, p, m.Next)
					}
				}
				if o.At > 0 {
					looks.Add(1)
				}
			})
		}
	})
	return func() {
		w.until("the group's offsets are seen", func() bool { return looks.Load() > 0 })
		cancel()
		wg.Wait()
	}
}

// The group's offsets are for those who look at lag; at no time are they ahead of the table, whatever the catalog answers and
// however often a process ends.
func TestSink_GroupOffsetsAreNeverAheadOfTheTable(t *testing.T) {
	w := newWorld(t, 3, "orders")
	stop := w.watchGroup("shop.orders")
	for round := range int64(3) {
		n := 0
		w.table("shop.orders").Faults(func(step committest.Step) committest.Fault {
			if step != committest.OnAppend { // those who watch load the table, too: faults of loads would come as their clocks happen to tick
				return committest.None
			}
			n++
			return []committest.Fault{committest.None, committest.Refuse, committest.LoseReply}[n%3]
		})
		r := w.start(nil, w.entry("orders", "shop.orders"))
		for i := range int64(10) {
			w.produce("orders", 3, 10)
			if i%3 == 2 {
				w.until("some of it is in", func() bool { return sum(w.state("shop.orders")) > round*100+i*5 })
			}
		}
		w.table("shop.orders").Faults(nil)
		w.until("all of it is in", func() bool { return sum(w.state("shop.orders")) == (round+1)*100 })
		w.until("the group says so", func() bool {
			said, err := kadm.NewClient(w.client).FetchOffsets(t.Context(), "g")
			n := int64(0)
			said.Each(func(o kadm.OffsetResponse) { n += o.At })
			return err == nil && n == (round+1)*100
		})
		w.end(r)
	}
	stop()
	w.exact("shop.orders", 300)
}

// A transaction that nobody ends holds up what comes after it in its partition, and nothing else: that shows as records above the last
// stable offset, not as lag. When it ends, the rest is there, and what was aborted is not.
func TestSink_HangingTransactionShowsAndIsWaitedFor(t *testing.T) {
	w := newWorld(t, 2, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.produce("orders", 2, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	txn, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("hangs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(txn.Close)
	if err := txn.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := txn.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: fmt.Appendf(nil, `{"id":%d}`, 100+i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	w.produce("orders", 2, 10) // 5 behind the transaction, 5 beside it
	w.until("what is beside it is in, and the transaction shows", func() bool {
		st := r.Status().Tables[0]
		open := int64(0)
		for _, p := range st.Partitions {
			open += max(0, p.HighWater-p.LastStable)
		}
		return sum(w.state("shop.orders")) == 15 && open == 8 && st.LagRecords == 0 && r.Status().Ready()
	})
	if err := txn.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	w.until("the rest is in", func() bool {
		rows := int64(0)
		for _, row := range w.table("shop.orders").Rows() {
			rows += row.Rows
		}
		return rows == 20
	})
	w.exact("shop.orders", 20)
}

// What cannot be read of a log stops its partition, exactly there; the other partitions go on.
func TestSink_UnreadableBatchStopsItsPartitionOnly(t *testing.T) {
	w := newWorld(t, 2, "orders")
	stops := make(chan sink.StopInfo, 10)
	r := w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	w.produce("orders", 2, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "orders", Partitions: []int32{0}, Err: kerr.UnsupportedCompressionType, Count: -1})
	w.produce("orders", 2, 10)
	select {
	case s := <-stops:
		if s.Stop.Partition == nil || s.Stop.Partition.Num != 0 || s.Stop.Offset != 5 || s.Stop.Do == "" || s.Stop.Err == nil {
			t.Errorf("%+v", s.Stop)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("no stop")
	}
	w.until("the other goes on", func() bool { return sum(w.state("shop.orders")) == 15 })
	w.until("not ready", func() bool { return !r.Status().Ready() })
	w.exact("shop.orders", 15)
}

// The same topic names on another cluster are other records: nothing is read, nothing is passed over.
func TestSink_AnotherClusterStops(t *testing.T) {
	w := newWorld(t, 1, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.produce("orders", 1, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	w.end(r)
	before := w.table("shop.orders").Head()
	other, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ClusterID("another"), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	w.cluster, w.brokers = other, other.ListenAddrs()
	w.connect()
	w.produce("orders", 1, 20)
	stops := make(chan sink.StopInfo, 10)
	r = w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	if s := <-stops; s.Stop.Reason != commit.OtherCluster || s.Stop.Do == "" {
		t.Errorf("%+v", s.Stop)
	}
	w.end(r)
	if now := w.table("shop.orders").Head(); now != before {
		t.Errorf("snapshot %d became %d", before, now)
	}
	w.exact("shop.orders", 10)
}

// A leader that was elected uncleanly has lost records that the table has: that stops, or, by policy, what the log has now is read from
// where it parted from the table, which keeps what the log lost.
func TestSink_TruncatedLogStopsOrIsReadFromWhereItParted(t *testing.T) {
	w := newWorld(t, 1, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.produce("orders", 1, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	w.end(r)
	w.cluster.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		for _, t := range req.(*kmsg.OffsetForLeaderEpochRequest).Topics {
			rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				rp.Partition, rp.EndOffset, rp.LeaderEpoch = p.Partition, 7, p.LeaderEpoch
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	stops := make(chan sink.StopInfo, 10)
	r = w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	if s := <-stops; s.Stop.Reason != commit.LogTruncated || s.Stop.Offset != 10 || s.Stop.Partition == nil {
		t.Errorf("%+v", s.Stop)
	}
	w.end(r)
	r = w.start(func(c *sink.Config) { c.Policy.Rewind = true }, w.entry("orders", "shop.orders"))
	w.until("7, 8 and 9 are read again", func() bool {
		rows := int64(0)
		for _, row := range w.table("shop.orders").Rows() {
			rows += row.Rows
		}
		return rows == 13 && sum(w.state("shop.orders")) == 10
	})
	w.end(r)
}

// A topic that was deleted and made again is, by policy, read from its first record; what the old one left in the table stays.
func TestSink_TopicCreatedAgainIsAnotherTopic(t *testing.T) {
	w := newWorld(t, 1, "orders")
	w.produce("orders", 1, 10)
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	w.end(r)
	adm := kadm.NewClient(w.client)
	if _, err := adm.DeleteTopic(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	w.connect()
	w.produce("orders", 1, 4) // below what the old one had
	stops := make(chan sink.StopInfo, 10)
	r = w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	if s := <-stops; s.Stop.Reason != commit.TopicRecreated || s.Stop.Do == "" {
		t.Errorf("%+v", s.Stop)
	}
	w.end(r)
	w.exact("shop.orders", 10)
	r = w.start(func(c *sink.Config) { c.Policy.FollowRecreate = true }, w.entry("orders", "shop.orders"))
	w.until("14 in", func() bool { return sum(w.state("shop.orders")) == 14 })
	w.exact("shop.orders", 14)
	w.end(r)
}
