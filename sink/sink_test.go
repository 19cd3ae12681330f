package sink_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
)

func TestSink_CarriesEverythingAndGoesOnAfterARestart(t *testing.T) {
	w := newWorld(t, 3, "orders")
	w.produce("orders", 3, 500)
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.until("500 committed", func() bool { return sum(w.state("shop.orders")) == 500 })
	w.produce("orders", 3, 100)
	w.end(r)
	r = w.start(nil, w.entry("orders", "shop.orders"))
	w.until("600 committed", func() bool { return sum(w.state("shop.orders")) == 600 })
	w.exact("shop.orders", 600)
	w.until("ready and running", func() bool { // the first process may have committed all, then this one is idle for a moment
		st := r.Status()
		return st.Ready() && len(st.Tables) == 1 && st.Tables[0].State == sink.Running && len(st.Tables[0].Partitions) == 3
	})
}

func TestSink_TwoProcessesThatComeAndGo(t *testing.T) {
	w := newWorld(t, 4, "orders")
	a := w.start(nil, w.entry("orders", "shop.orders"))
	for range 4 {
		w.produce("orders", 4, 100)
		b := w.start(nil, w.entry("orders", "shop.orders"))
		w.produce("orders", 4, 100)
		w.until("b has partitions", func() bool { return len(b.Status().Tables[0].Partitions) > 0 })
		w.produce("orders", 4, 100)
		w.end(b)
	}
	w.until("all committed", func() bool { return sum(w.state("shop.orders")) == 1200 })
	w.exact("shop.orders", 1200)
	w.end(a)
}

func TestSink_FaultsOfTheCatalogLoseAndDoubleNothing(t *testing.T) {
	w := newWorld(t, 2, "orders")
	n := 0
	w.table("shop.orders").Faults(func(s committest.Step) committest.Fault {
		switch n++; {
		case n%7 == 3:
			return committest.Refuse
		case n%7 == 5:
			return committest.LoseReply
		}
		return committest.None
	})
	w.start(nil, w.entry("orders", "shop.orders"))
	for range 20 {
		w.produce("orders", 2, 50)
	}
	w.until("all committed", func() bool { return sum(w.state("shop.orders")) == 1000 })
	w.table("shop.orders").Faults(nil)
	w.exact("shop.orders", 1000)
}

func TestSink_RollbackIsReadAgain(t *testing.T) {
	w := newWorld(t, 2, "orders")
	fenced := make(chan sink.FencedInfo, 100)
	w.start(func(c *sink.Config) {
		c.Events.Fenced = func(i sink.FencedInfo) { fenced <- i }
	}, w.entry("orders", "shop.orders"))
	w.produce("orders", 2, 200)
	w.until("200 committed", func() bool { return sum(w.state("shop.orders")) == 200 })
	anchor := w.table("shop.orders").Rows()
	v, _ := w.table("shop.orders").Load(t.Context())
	first := v.Head
	for v.Snapshots[first].Parent != 0 {
		first = v.Snapshots[first].Parent
	}
	w.table("shop.orders").Rollback(first)
	w.produce("orders", 2, 2)
	w.until("all committed again", func() bool { return sum(w.state("shop.orders")) == 202 && !w.state("shop.orders").Dirty })
	w.exact("shop.orders", 202)
	if len(anchor) == 0 {
		t.Error("nothing had been committed before the rollback")
	}
}

func TestSink_OneTableDoesNotHoldTheOtherBack(t *testing.T) {
	w := newWorld(t, 1, "bad", "good")
	w.table("shop.bad").Faults(func(committest.Step) committest.Fault { return committest.Refuse })
	r := w.start(nil, w.entry("^bad$", "shop.bad"), w.entry("^good$", "shop.good"))
	w.produce("bad", 1, 100)
	for i := range 5 {
		w.produce("good", 1, 100)
		w.until("good goes on", func() bool { return sum(w.state("shop.good")) == int64(100*(i+1)) })
	}
	w.until("the bad one shows", func() bool {
		for _, tab := range r.Status().Tables {
			if tab.Table == "shop.bad" {
				return tab.State == sink.Waiting && tab.LastError != ""
			}
		}
		return false
	})
	w.table("shop.bad").Faults(nil)
	w.until("and heals", func() bool { return sum(w.state("shop.bad")) == 100 })
}

func TestSink_NewTopicsAndPartitionsAreReadFromTheirStart(t *testing.T) {
	w := newWorld(t, 1, "orders-a")
	e := w.entry("^orders-", "shop.orders")
	e.Start = source.Latest
	w.produce("orders-a", 1, 5) // before the anchor: not ours
	w.start(nil, e)
	w.until("anchored", func() bool { return !w.state("shop.orders").Empty && w.state("shop.orders").Epoch != 0 })
	adm := kadm.NewClient(w.client)
	if _, err := adm.CreatePartitions(t.Context(), 1, "orders-a"); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "orders-b"); err != nil {
		t.Fatal(err)
	}
	w.connect() // a client that knows them
	w.send("orders-a", 1, []byte(`{"id":1}`))
	w.send("orders-b", 0, []byte(`{"id":2}`))
	w.until("both are in", func() bool { return sum(w.state("shop.orders")) == 2 })
	w.exact("shop.orders", 2)
}

func TestSink_TopicOfTwoEntriesStops(t *testing.T) {
	w := newWorld(t, 1, "orders")
	stops := make(chan sink.StopInfo, 10)
	w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } },
		w.entry("orders", "shop.a"), w.entry("ord", "shop.b"))
	if s := <-stops; s.Stop.Reason != commit.Route {
		t.Errorf("%+v", s.Stop)
	}
}

func TestSink_GapAndTruncationPolicies(t *testing.T) {
	w := newWorld(t, 1, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.produce("orders", 1, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	w.end(r)
	w.produce("orders", 1, 10)
	var del kadm.Offsets
	del.Add(kadm.Offset{Topic: "orders", Partition: 0, At: 15})
	if _, err := kadm.NewClient(w.client).DeleteRecords(t.Context(), del); err != nil {
		t.Fatal(err)
	}
	stops := make(chan sink.StopInfo, 10)
	r = w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	if s := <-stops; s.Stop.Reason != commit.GapInLog || s.Stop.Offset != 10 {
		t.Errorf("%+v", s.Stop)
	}
	w.end(r)
	w.start(func(c *sink.Config) { c.Policy.SkipGap = true }, w.entry("orders", "shop.orders"))
	w.until("the rest is in", func() bool { return sum(w.state("shop.orders")) == 20 })
	for _, m := range w.state("shop.orders").Ledger.Marks {
		if m.Holes != 5 {
			t.Errorf("the gap must be counted: %+v", m)
		}
	}
}

func TestSink_TableCreatedAgainStops(t *testing.T) {
	w := newWorld(t, 1, "orders")
	stops := make(chan sink.StopInfo, 10)
	r := w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	w.produce("orders", 1, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	w.table("shop.orders").Recreate()
	w.produce("orders", 1, 1)
	if s := <-stops; s.Stop.Reason != commit.Recreated {
		t.Errorf("while running: %+v", s.Stop)
	}
	w.until("the group knows the old table", func() bool {
		texts, err := r.src.GroupMetadata(t.Context())
		return err == nil && len(texts) == 1
	})
	w.end(r)
	w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, w.entry("orders", "shop.orders"))
	if s := <-stops; s.Stop.Reason != commit.Recreated {
		t.Errorf("after a restart: %+v", s.Stop)
	}
}

func TestSink_IncompatibleTableStopsAndGoesOnWhenMended(t *testing.T) {
	w := newWorld(t, 1, "orders")
	var mu sync.Mutex
	broken := true
	w.table("shop.orders").refuse = func() error {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			return errors.New("write.format.default is orc")
		}
		return nil
	}
	stops := make(chan sink.StopInfo, 10)
	r := w.start(func(c *sink.Config) {
		c.Recheck = 50 * time.Millisecond
		c.Events.Stopped = func(i sink.StopInfo) { stops <- i }
	}, w.entry("orders", "shop.orders"))
	w.produce("orders", 1, 10)
	if s := <-stops; s.Stop.Reason != commit.Incompatible {
		t.Errorf("%+v", s.Stop)
	}
	w.until("it shows", func() bool { return r.Status().Tables[0].State == sink.Stopped && r.Status().Tables[0].Stop != nil })
	mu.Lock()
	broken = false
	mu.Unlock()
	w.until("it goes on by itself", func() bool { return sum(w.state("shop.orders")) == 10 && r.Status().Ready() })
	w.exact("shop.orders", 10)
}

func TestSink_ZombieBatchOfAnOlderEpochDies(t *testing.T) {
	w := newWorld(t, 1, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.produce("orders", 1, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	// Somebody else anchors the table again while we hold an open batch.
	other := &commit.Committer{Table: w.table("shop.orders"), Name: "shop.orders", Sink: "x", Rollback: commit.Replay}
	for range 5 {
		w.produce("orders", 1, 10)
		if _, err := other.Accept(t.Context(), 0, func(commit.View, commit.State, error) (*commit.Edit, error) {
			return &commit.Edit{NewEpoch: true, Audit: &commit.Audit{Action: "test"}}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.until("all in", func() bool { return sum(w.state("shop.orders")) == 60 })
	w.exact("shop.orders", 60)
	w.end(r)
}

func TestSink_OutageShowsAndHealsByItself(t *testing.T) {
	for _, class := range []commit.Class{commit.Unknown, commit.Denied, commit.Missing, commit.Busy} {
		t.Run(class.String(), func(t *testing.T) {
			w := newWorld(t, 1, "orders")
			r := w.start(nil, w.entry("orders", "shop.orders"))
			w.produce("orders", 1, 10)
			w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
			w.table("shop.orders").Break(&commit.Error{Class: class, Err: errors.New("the catalog says no")})
			w.produce("orders", 1, 10)
			w.until("not ready, with the cause and a lag", func() bool {
				st := r.Status()
				tab := st.Tables[0]
				return !st.Ready() && tab.State == sink.Waiting && tab.LastError != "" && tab.LagRecords == 10 && tab.LagSeconds > 0
			})
			w.table("shop.orders").Break(nil)
			w.until("20 in", func() bool { return sum(w.state("shop.orders")) == 20 })
			w.until("ready", func() bool { return r.Status().Ready() })
			w.exact("shop.orders", 20)
		})
	}
}

func TestSink_AnotherSinkIDIsRefused(t *testing.T) {
	w := newWorld(t, 1, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.produce("orders", 1, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	w.end(r)
	stops := make(chan sink.StopInfo, 10)
	r = w.start(func(c *sink.Config) {
		c.Sink = "renamed"
		c.Events.Stopped = func(i sink.StopInfo) { stops <- i }
	}, w.entry("orders", "shop.orders"))
	if s := <-stops; s.Stop.Reason != commit.NewSink || s.Stop.Do == "" {
		t.Errorf("%+v", s.Stop)
	}
	w.end(r)
	w.exact("shop.orders", 10)
}

func TestSink_GroupForgottenByTheBrokerChangesNothing(t *testing.T) {
	w := newWorld(t, 2, "orders")
	r := w.start(nil, w.entry("orders", "shop.orders"))
	w.produce("orders", 2, 50)
	w.until("50 in", func() bool { return sum(w.state("shop.orders")) == 50 })
	w.end(r)
	adm := kadm.NewClient(w.client)
	w.until("the group is gone", func() bool {
		_, err := adm.DeleteGroup(t.Context(), "g")
		return err == nil
	})
	w.produce("orders", 2, 50)
	w.start(nil, w.entry("orders", "shop.orders"))
	w.until("100 in", func() bool { return sum(w.state("shop.orders")) == 100 })
	w.exact("shop.orders", 100)
}

func TestSink_OneBusyOfManyIdlePartitionsIsFresh(t *testing.T) {
	w := newWorld(t, 100, "orders")
	w.start(nil, w.entry("orders", "shop.orders"))
	for i := range int64(5) {
		w.send("orders", 42, []byte(`{"id":1}`))
		w.until("it is in, whatever the idle ones do", func() bool { return sum(w.state("shop.orders")) == i+1 })
	}
}

// A stop does not wait for a catalog that is down when there is nothing to commit.
func TestSink_StopsAtOnceWhileItsStartFails(t *testing.T) {
	w := newWorld(t, 1, "orders")
	w.table("shop.orders").Break(&commit.Error{Class: commit.Busy, Err: errors.New("the catalog is down")})
	r := w.start(func(c *sink.Config) { c.Shutdown = time.Hour }, w.entry("orders", "shop.orders"))
	w.until("it tries", func() bool { return r.Status().Tables[0].State == sink.Waiting })
	w.end(r)
}
