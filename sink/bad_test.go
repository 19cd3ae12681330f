package sink_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/sink"
)

func TestSink_BadRecordStopsItsPartitionOnly(t *testing.T) {
	w := newWorld(t, 2, "orders")
	stops := make(chan sink.StopInfo, 10)
	r := w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	w.produce("orders", 2, 20)
	w.send("orders", 0, []byte(`{"id":"no"}`))
	w.send("orders", 0, []byte(`{"id":1}`))
	s := <-stops
	if s.Stop.Reason != commit.BadRecord || s.Stop.Offset != 10 || s.Stop.Partition.Num != 0 {
		t.Errorf("%+v", s.Stop)
	}
	w.send("orders", 1, []byte(`{"id":99}`))
	w.until("what can be is committed", func() bool { return sum(w.state("shop.orders")) == 21 })
	w.exact("shop.orders", 21)
	w.until("not ready", func() bool { return !r.Status().Ready() })
}

// With every partition stopped there is nothing to hold: not a byte of the budget is taken for as long as that lasts.
func TestSink_HoldsNothingWhileAllIsStopped(t *testing.T) {
	w := newWorld(t, 2, "orders")
	stops := make(chan sink.StopInfo, 10)
	r := w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	for p := range int32(2) {
		w.send("orders", p, []byte(`{"id":"no"}`)) // the first record of all: the batch that it came to has nothing else
	}
	for range 2 {
		if s := (<-stops).Stop; s.Reason != commit.BadRecord {
			t.Fatal(s)
		}
	}
	w.until("the whole budget is free", func() bool { return r.Status().BudgetUsed == 0 })
}

// What a stopped partition holds back grows old, however fresh the others are.
func TestSink_LagOfAStoppedPartitionGrows(t *testing.T) {
	w := newWorld(t, 2, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.send("orders", 0, []byte(`{"id":"no"}`))
	n := int64(0)
	w.until("it is old, while the other partition is in the table", func() bool {
		w.send("orders", 1, []byte(`{"id":1}`))
		n++
		w.until("the other goes on", func() bool { return sum(w.state("shop.orders")) == n })
		return r.Status().Tables[0].LagSeconds > 2
	})
}

func TestSink_SkippedAndTombstonesAreCounted(t *testing.T) {
	w := newWorld(t, 1, "orders")
	var mu sync.Mutex
	codes := map[string]int{}
	e := w.entry("orders", "shop.orders")
	e.SkipBad = true
	w.start(func(c *sink.Config) {
		c.Events.Skipped = func(i sink.SkippedInfo) { mu.Lock(); codes[i.Code]++; mu.Unlock() }
	}, e)
	w.send("orders", 0, []byte(`not json`))
	w.send("orders", 0, nil)
	w.send("orders", 0, []byte(`{"id":1}`))
	w.until("all accounted for", func() bool { return sum(w.state("shop.orders")) == 3 })
	w.exact("shop.orders", 1)
	for _, m := range w.state("shop.orders").Ledger.Marks {
		if m.Skipped != 2 {
			t.Errorf("%+v", m)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if codes["tombstone"] != 1 || len(codes) != 2 {
		t.Errorf("%v", codes)
	}
}

func TestSink_TooManyBadRecordsStop(t *testing.T) {
	w := newWorld(t, 1, "orders")
	stops := make(chan sink.StopInfo, 10)
	e := w.entry("orders", "shop.orders")
	e.SkipBad, e.MaxBadShare = true, 0.001 // more than 10 of 10,000
	w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, e)
	for i := range 12 {
		w.send("orders", 0, []byte(fmt.Sprintf(`{"id":%d}`, i)))
		w.send("orders", 0, []byte(`no`))
	}
	s := <-stops
	if s.Stop.Reason != commit.TooManyBad || s.Stop.Offset != 21 {
		t.Errorf("%+v", s.Stop)
	}
	w.until("all before it is committed", func() bool { return sum(w.state("shop.orders")) == 21 })
	w.exact("shop.orders", 11)
}
