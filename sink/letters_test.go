package sink_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

const graveyard = "shop.orders__dead_letters"

// mixed sends n records to partition 0, every k-th of them hostile, and tells which those are.
func (w *world) mixed(topic string, n, k int, hostile map[int64]bool) {
	w.t.Helper()
	for range n {
		i := w.made[topic]
		w.made[topic]++
		value := fmt.Sprintf(`{"id":%d}`, i)
		if i%k == 0 {
			value = []string{"no json", `{"note":"no id"}`, `{"id":"x"}`}[i/k%3]
			hostile[int64(i)] = true
		}
		w.send(topic, 0, []byte(value))
	}
}

func (w *world) arrives(name string, end int64) {
	w.t.Helper()
	w.until(fmt.Sprintf("%s stands at %d", name, end), func() bool { return sum(w.state(name)) == end })
}

func TestLetters_ABadRecordIsKeptAsItWas(t *testing.T) {
	w := newWorld(t, 1, "orders")
	r := w.start(nil, w.keeping("orders", "shop.orders", graveyard))
	rec := &kgo.Record{Topic: "orders", Key: []byte{0xff, 0}, Value: []byte("no json\x00"), Headers: []kgo.RecordHeader{{Key: "a\xff", Value: []byte("b")}, {Key: "", Value: nil}}}
	w.send("orders", 0, []byte(`{"id":1}`))
	if err := w.client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.send("orders", 0, nil) // a tombstone is skipped, not dead
	w.send("orders", 0, []byte(`{"id":2}`))
	w.arrives("shop.orders", 4)
	w.exact("shop.orders", 2)
	dead := w.dead(graveyard)
	if len(dead) != 1 {
		t.Fatalf("%d dead letters: %+v", len(dead), dead)
	}
	l := dead[0]
	if l.Partition.Topic != "orders" || l.Partition.TopicID == (offsets.TopicID{}) || l.Offset != 1 || l.LeaderEpoch < 0 || l.Timestamp.UnixMilli() != rec.Timestamp.UnixMilli() {
		t.Errorf("place: %+v", l)
	}
	if string(l.Key) != "\xff\x00" || string(l.Value) != "no json\x00" || len(l.Headers) != 2 || string(l.Headers[0].Key) != "a\xff" || string(l.Headers[0].Value) != "b" ||
		len(l.Headers[1].Key) != 0 || len(l.Headers[1].Value) != 0 {
		t.Errorf("record: %q %q %q", l.Key, l.Value, l.Headers)
	}
	if l.Code != "not_json" || l.Reason == "" || l.Sink != "x" || l.Table != "shop.orders" || l.Noted.IsZero() {
		t.Errorf("reason: %+v", l)
	}
	for p, m := range w.state("shop.orders").Ledger.Marks {
		if m.Dead != 1 || m.Skipped != 1 {
			t.Errorf("%s: %+v", p, m)
		}
	}
	st := r.Status().Tables[0]
	if st.Letters != graveyard || st.Dead["not_json"].Offset != 1 || st.Dead["not_json"].Count < 1 || st.Dead["not_json"].Reason == "" {
		t.Errorf("status: %q %+v", st.Letters, st.Dead)
	}
}

// Without a dead letter there is nothing to be said to their table.
func TestLetters_TheirTableIsLeftAloneWhileThereAreNone(t *testing.T) {
	w := newWorld(t, 1, "orders")
	w.start(nil, w.keeping("orders", "shop.orders", graveyard))
	w.produce("orders", 1, 10)
	w.arrives("shop.orders", 10)
	head := w.letterTable(graveyard).Head()
	w.produce("orders", 1, 10)
	w.arrives("shop.orders", 20)
	if now := w.letterTable(graveyard).Head(); now != head || head == 0 {
		t.Errorf("its head was %d and is %d", head, now)
	}
}

// A process that dies between the two commits leaves dead letters that the table does not account for. Who comes after it finds them,
// whatever else it would think of the records.
func TestLetters_ADeathBetweenTheTwoCommitsDoublesNothing(t *testing.T) {
	w := newWorld(t, 1, "orders")
	hostile := map[int64]bool{}
	r := w.start(mortal, w.keeping("orders", "shop.orders", graveyard))
	w.mixed("orders", 20, 7, hostile)
	w.arrives("shop.orders", 20)
	// The table is down, its dead letters are not: batches come as far as them.
	w.table("shop.orders").Faults(func(s committest.Step) committest.Fault {
		if s == committest.OnAppend {
			return committest.Refuse
		}
		return committest.None
	})
	w.mixed("orders", 20, 7, hostile)
	w.until("the dead letters are ahead", func() bool { return len(w.dead(graveyard)) > 3 })
	w.kill(r)
	w.table("shop.orders").Faults(nil)
	w.start(nil, w.keeping("orders", "shop.orders", graveyard))
	w.mixed("orders", 10, 7, hostile)
	w.arrives("shop.orders", 50)
	w.whole("orders", "shop.orders", graveyard, hostile, 50)
}

// The rows that a rollback has taken out are read again, and the dead letters among them are the ones that are there.
func TestLetters_ARollbackOfTheTableDoublesNone(t *testing.T) {
	w := newWorld(t, 1, "orders")
	hostile := map[int64]bool{}
	w.start(nil, w.keeping("orders", "shop.orders", graveyard))
	w.mixed("orders", 10, 4, hostile)
	w.arrives("shop.orders", 10)
	back := w.table("shop.orders").Head()
	w.mixed("orders", 30, 4, hostile)
	w.arrives("shop.orders", 40)
	w.table("shop.orders").Rollback(back)
	w.mixed("orders", 10, 4, hostile)
	w.arrives("shop.orders", 50)
	w.whole("orders", "shop.orders", graveyard, hostile, 50)
}

// Dead letters that were rolled back cannot be told from records that never were any: the table waits, and goes on when they are back.
func TestLetters_ARollbackOfThemStopsTheTable(t *testing.T) {
	w := newWorld(t, 1, "orders")
	hostile := map[int64]bool{}
	stops := make(chan sink.StopInfo, 10)
	edit := func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i }; c.Recheck = 1e7 }
	w.start(edit, w.keeping("orders", "shop.orders", graveyard))
	w.mixed("orders", 10, 4, hostile)
	w.arrives("shop.orders", 10)
	d := w.letterTable(graveyard)
	back := d.Head()
	w.mixed("orders", 10, 4, hostile)
	w.arrives("shop.orders", 20)
	front := d.Head()
	d.Rollback(back)
	w.mixed("orders", 10, 4, hostile)
	var s sink.StopInfo
	w.until("it stops, or goes on", func() bool {
		select {
		case s = <-stops:
			return true
		default:
			return sum(w.state("shop.orders")) > 21 // a batch without dead letters may have come before the first that has some
		}
	})
	if s.Stop == nil || s.Stop.Reason != commit.DeadLettersRolledBack || s.Stop.Table != graveyard {
		t.Fatalf("the table has gone on to %d: %+v", sum(w.state("shop.orders")), s.Stop)
	}
	d.Rollback(front)
	w.arrives("shop.orders", 30)
	w.whole("orders", "shop.orders", graveyard, hostile, 30)
}

func TestLetters_TwoTablesShareThem(t *testing.T) {
	w := newWorld(t, 1, "orders", "users")
	anchored := 0
	w.start(nil, w.keeping("orders", "shop.orders", "shop.dead"), w.keeping("users", "shop.users", "shop.dead"))
	a, b := map[int64]bool{}, map[int64]bool{}
	for range 5 {
		w.mixed("orders", 10, 3, a)
		w.mixed("users", 10, 4, b)
	}
	w.arrives("shop.orders", 50)
	w.arrives("shop.users", 50)
	w.whole("orders", "shop.orders", "shop.dead", a, 50)
	w.whole("users", "shop.users", "shop.dead", b, 50)
	v, _ := w.letterTable("shop.dead").Load(t.Context())
	for _, s := range v.Snapshots {
		if len(s.Batches) == 0 {
			anchored++
		}
	}
	if anchored > 2 { // who is first, and who came to the empty table at the same moment
		t.Errorf("the shared table was anchored %d times: its tables do it in turns", anchored)
	}
}

func TestLetters_AFloodStopsThePartition(t *testing.T) {
	w := newWorld(t, 1, "orders")
	stops := make(chan sink.StopInfo, 10)
	e := w.keeping("orders", "shop.orders", graveyard)
	e.MaxBadShare = 0.001 // more than 10 of 10,000
	w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, e)
	hostile := map[int64]bool{}
	w.mixed("orders", 24, 2, hostile)
	var s sink.StopInfo
	w.until("there is a STOP", func() bool {
		select {
		case s = <-stops:
			return true
		default:
			return false
		}
	})
	if s.Stop.Reason != commit.TooManyBad || s.Stop.Offset != 20 {
		t.Errorf("%+v", s.Stop)
	}
	w.arrives("shop.orders", 20)
	delete(hostile, 20)
	delete(hostile, 22)
	w.whole("orders", "shop.orders", graveyard, hostile, 20)
}

// Whatever requests are lost, refused or applied without an answer, to either table, and however often the process dies: each record has one
// fate.
func TestLetters_EachRecordHasOneFateWhateverIsLost(t *testing.T) {
	w := newWorld(t, 1, "orders")
	chance := rand.New(rand.NewPCG(4, 11)) //nolint:gosec // which fault comes when is to be the same each time
	var faults []committest.Fault
	for range 4000 {
		faults = append(faults, []committest.Fault{committest.None, committest.None, committest.None, committest.Refuse, committest.LoseReply}[chance.IntN(5)])
	}
	stormy := func(m *committest.Memory, n int) {
		m.Faults(func(s committest.Step) committest.Fault {
			n = (n + 1) % len(faults)
			if s == committest.OnLoad && faults[n] == committest.LoseReply {
				return committest.None
			}
			return faults[n]
		})
	}
	hostile := map[int64]bool{}
	for n := range 6 {
		stormy(w.table("shop.orders").Memory, 10+n)
		stormy(w.letterTable(graveyard).Memory, 500+n)
		r := w.start(mortal, w.keeping("orders", "shop.orders", graveyard))
		before := sum(w.state("shop.orders"))
		w.mixed("orders", 30, 6, hostile)
		w.until("it has come on", func() bool { return sum(w.state("shop.orders")) > before+int64(chance.IntN(25)) })
		w.kill(r)
	}
	w.table("shop.orders").Faults(nil)
	w.letterTable(graveyard).Faults(nil)
	w.start(nil, w.keeping("orders", "shop.orders", graveyard))
	w.arrives("shop.orders", 180)
	w.whole("orders", "shop.orders", graveyard, hostile, 180)
}

// kill ends a process without its last commit.
func (w *world) kill(r *running) {
	w.t.Helper()
	r.once.Do(func() {
		r.stop()
		<-r.ended // what it says depends on what it held
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.src.Close(ctx); err != nil {
			w.t.Log(err)
		}
	})
}

func mortal(c *sink.Config) { c.Every, c.Shutdown = 5e6, 1 }

// A partition that is stopped is looked at again together with all others, and goes on once it was answered.
func TestLetters_AnAnsweredStopIsOver(t *testing.T) {
	w := newWorld(t, 2, "orders")
	e := w.keeping("orders", "shop.orders", graveyard)
	e.MaxBadShare = 0.0001 // more than one of 10,000
	r := w.start(func(c *sink.Config) { c.Recheck = 5e7 }, e)
	for _, v := range []string{"no", `{"id":1}`, "no", `{"id":2}`} {
		w.send("orders", 0, []byte(v))
	}
	w.send("orders", 1, []byte(`{"id":3}`))
	w.arrives("shop.orders", 3)
	c := &commit.Committer{Table: w.table("shop.orders"), Name: "shop.orders", Sink: "x", Hash: "h", Rollback: commit.Replay}
	done := false
	if _, _, err := c.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		edit := &commit.Edit{Set: map[offsets.Partition]offsets.Mark{}, NewEpoch: true}
		for p, m := range st.Ledger.Marks {
			if p.Num == 0 && m.Next == 2 && !done {
				m.Next, m.Skipped = 3, m.Skipped+1
				edit.Set[p], done = m, true
				return edit, nil
			}
		}
		return nil, nil
	}); err != nil || !done {
		t.Fatal(err, done)
	}
	w.send("orders", 1, []byte(`{"id":4}`))
	w.arrives("shop.orders", 6)
	w.until("ready again", func() bool { return r.Status().Ready() })
	if n := len(w.dead(graveyard)); n != 1 {
		t.Errorf("%d dead letters", n)
	}
}
