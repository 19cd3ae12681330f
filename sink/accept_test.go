package sink_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

// damage makes the offsets of a range unreadable for good: whoever asks for one of them gets an error instead.
func (w *world) damage(topic string, p int32, r offsets.Range) {
	w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Partitions: []int32{p}, Err: kerr.UnsupportedCompressionType, Count: -1,
		When: func(req kmsg.Request) bool {
			for _, t := range req.(*kmsg.FetchRequest).Topics {
				for _, q := range t.Partitions {
					if q.Partition == p && q.FetchOffset >= r.From && q.FetchOffset < r.To {
						return true
					}
				}
			}
			return false
		}})
}

// A right that was taken away is not a damaged log: it has a name of its own, and once it is back, all goes on where it stood.
func TestSink_TopicThatMayNotBeReadIsDenied(t *testing.T) {
	w := newWorld(t, 2, "orders")
	stops := make(chan sink.StopInfo, 100)
	r := w.start(func(c *sink.Config) {
		c.Recheck = 20 * time.Millisecond
		c.Events.Stopped = func(i sink.StopInfo) { stops <- i }
	}, w.entry("orders", "shop.orders"))
	w.produce("orders", 2, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	taken := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "orders", Err: kerr.TopicAuthorizationFailed, Count: -1})
	if s := (<-stops).Stop; s.Reason != commit.NotAllowed || s.Partition == nil || s.Offset != 5 || !strings.Contains(s.Do, "grant READ") || !errors.Is(s.Err, kerr.TopicAuthorizationFailed) {
		t.Errorf("%v", s)
	}
	w.produce("orders", 2, 10)
	taken.Remove()
	w.until("the rest is in", func() bool { return sum(w.state("shop.orders")) == 20 && r.Status().Ready() })
	w.exact("shop.orders", 20)
}

// skip is what `sinker offsets accept --skip` commits, from another process while the sink runs.
func (w *world) skip(table string, p int32, r offsets.Range) {
	w.t.Helper()
	operator := &commit.Committer{Table: w.table(table), Name: table, Sink: "x", Hash: "h"}
	_, err := operator.Accept(w.t.Context(), 0, func(_ commit.View, st commit.State, err error) (*commit.Edit, error) {
		for id, m := range st.Ledger.Marks {
			if err == nil && id.Num == p && m.Next == r.From {
				m.Next, m.LeaderEpoch, m.Skipped = r.To, offsets.NoEpoch, m.Skipped+r.Len()
				return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{id: m}, NewEpoch: true, Gaps: []commit.Gap{{Partition: id, Range: r, Why: "skipped"}},
					Audit: &commit.Audit{Who: "op", Action: "skip", Reason: "the disk is broken"}}, nil
			}
		}
		return nil, errors.Join(err, errors.New("the table does not stand there"))
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A batch that no replica can read stops its partition, there and for as long as it takes; the other goes on. When an operator has passed
// over it, the running sink finds that out by itself and goes on behind it: nothing else is missing, and nothing is there twice.
func TestSink_OperatorPassesOverAnUnreadableBatch(t *testing.T) {
	w := newWorld(t, 2, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.produce("orders", 2, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	w.end(r)
	w.produce("orders", 2, 20)
	broken := offsets.Range{From: 5, To: 8}
	w.damage("orders", 0, broken)
	stops, resumed := make(chan sink.StopInfo, 100), make(chan offsets.Partition, 100)
	r = w.start(func(c *sink.Config) {
		c.Recheck = 20 * time.Millisecond
		c.Events.Stopped = func(i sink.StopInfo) { stops <- i }
		c.Events.Resumed = func(_ string, p *offsets.Partition) {
			if p != nil {
				resumed <- *p
			}
		}
	}, w.entry("orders", "shop.orders"))
	if s := (<-stops).Stop; s.Reason != commit.CorruptLog || s.Partition == nil || s.Partition.Num != 0 || s.Offset != 5 {
		t.Fatalf("%+v", s)
	}
	w.until("the other goes on", func() bool { return sum(w.state("shop.orders")) == 20 })
	w.skip("shop.orders", 0, broken)
	w.until("it goes on behind", func() bool { return sum(w.state("shop.orders")) == 30 && r.Status().Ready() })
	if p := <-resumed; p.Num != 0 {
		t.Errorf("partition %s is said to go on", p)
	}
	w.produce("orders", 2, 2)
	w.until("and on", func() bool { return sum(w.state("shop.orders")) == 32 })
	if n := len(stops); n != 0 {
		t.Errorf("told %d times more of a stop that was told", n)
	}

	seen := map[int32]map[int64]int{0: {}, 1: {}}
	for _, row := range w.table("shop.orders").Rows() {
		for o := row.Range.From; o < row.Range.To; o++ {
			seen[row.Partition.Num][o]++
		}
	}
	for p, of := range seen {
		for o := range int64(16) {
			want := 1
			if p == 0 && o >= broken.From && o < broken.To {
				want = 0
			}
			if of[o] != want {
				t.Errorf("partition %d offset %d is there %d times, want %d", p, o, of[o], want)
			}
		}
	}
	for id, m := range w.state("shop.orders").Ledger.Marks {
		if id.Num == 0 && m.Skipped != broken.Len() {
			t.Errorf("%s: %d skipped, want %d", id, m.Skipped, broken.Len())
		}
	}
}
