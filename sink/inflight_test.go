package sink_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
)

func stands(t *testing.T, tab *table) int64 {
	t.Helper()
	st, _, err := (&commit.Committer{Table: tab, Name: "shop.orders", Sink: "x", Rollback: commit.Replay}).Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Ledger.Marks[p0].Next
}

// A partition is let go only when what was read of it is in the table, or is known never to get there: the next owner would read it
// again for nothing.
func TestSink_RevocationWaitsForTheCommitUnderWay(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, tab *table, _ *sink.Sink, _ *atomic.Int32) {
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		tab.Faults(func(s committest.Step) committest.Fault {
			if s == committest.OnAppend {
				time.Sleep(10 * time.Second) // a slow catalog
			}
			return committest.None
		})
		src.events <- records(0, 3, `{"id":1}`)
		synctest.Wait() // until they are in the open batch
		var gone atomic.Bool
		src.tell(source.NewRevoked(source.Revoked{Partitions: []offsets.Partition{p0}, Deadline: time.Now().Add(time.Minute)}, func() { gone.Store(true) }))
		if gone.Load() {
			t.Error("let go while the commit is under way")
		}
		time.Sleep(20 * time.Second)
		tab.Faults(nil)
		if at := stands(t, tab); at != 3 || !gone.Load() {
			t.Errorf("the table stands at %d, let go: %v", at, gone.Load())
		}
	})
}

// Somebody anchors the table again while a batch is open here. Its offsets fit still, but it is of a time before: it dies, and its
// records are read again.
func TestSink_OpenBatchOfAnEpochBeforeDies(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, tab *table, _ *sink.Sink, stops *atomic.Int32) {
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		began := src.started()
		src.events <- records(0, 3, `{"id":1}`)
		synctest.Wait()
		accept(t, tab, map[offsets.Partition]offsets.Mark{p0: {Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}})
		time.Sleep(20 * time.Second)
		if at := stands(t, tab); at != 0 || src.started() == began || stops.Load() != 0 {
			t.Fatalf("the table stands at %d, the partition was begun %d times, was %d, %d stops", at, src.started(), began, stops.Load())
		}
		src.tell(records(0, 3, `{"id":1}`))
		if at := stands(t, tab); at != 3 {
			t.Errorf("read again, and the table stands at %d", at)
		}
	})
}

// While a catalog keeps a commit waiting, and no further records come, the table holds no memory for batches that nobody sees coming.
func TestSink_SparesGoWhereNothingFollows(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, tab *table, s *sink.Sink, _ *atomic.Int32) {
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		var asked atomic.Bool
		tab.Faults(func(step committest.Step) committest.Fault {
			if step == committest.OnAppend {
				asked.Store(true)
				time.Sleep(time.Minute)
			}
			return committest.None
		})
		src.events <- records(0, 20_000, `{"id":1}`) // enough that its buffers are kept for the next
		time.Sleep(10 * time.Second)
		if used := s.Status().BudgetUsed; !asked.Load() || used != 0 {
			t.Errorf("the commit is under way: %v; %d bytes are held", asked.Load(), used)
		}
		time.Sleep(2 * time.Minute)
		if at := stands(t, tab); at != 20_000 {
			t.Errorf("the table stands at %d", at)
		}
	})
}
