package committest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Subject is one table that the suite may use up.
type Subject struct {
	// Open gives a handle on the table as a sink id sees it; each call is another process.
	Open func(sink string) commit.Table
	// Foreign, if not nil, does to the table what others do.
	Foreign Foreigner
}

// Foreigner changes a table without knowing of sinker.
type Foreigner interface {
	Append() error           // a snapshot on the head
	Rollback(id int64) error // the branch points to an ancestor
	Expire(id int64) error   // removes a snapshot that is not the head
}

// Run holds a kind of table against the contract. fresh makes a table that nobody has written to.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"a virgin table is anchored, filled, and read by the next process": anchored,
		"a competitor between load and request wins":                       competitor,
		"the same request twice applies once":                              twice,
		"of eight requests on one base one applies":                        eight,
		"two sinks keep each other's state":                                twoSinks,
		"a large ledger comes back exactly":                                large,
		"two committers with the same batches":                             race,
		"foreign snapshots, rollback, expiry":                              foreign,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

var topic = offsets.TopicID{7, 7}

func part(n int32) offsets.Partition {
	return offsets.Partition{Topic: "orders", TopicID: topic, Num: n}
}

func committer(s Subject, sink string) *commit.Committer {
	return &commit.Committer{Table: s.Open(sink), Name: "the table", Sink: sink, Hash: "h", Rollback: commit.Replay}
}

func anchor(t *testing.T, c *commit.Committer, ps ...offsets.Partition) commit.State {
	t.Helper()
	st, _, err := c.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		set := map[offsets.Partition]offsets.Mark{}
		for _, p := range ps {
			if _, has := st.Ledger.Marks[p]; !has {
				set[p] = offsets.Mark{Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
			}
		}
		if len(set) == 0 {
			return nil, nil
		}
		return &commit.Edit{Cluster: "cluster", Set: set}, nil
	})
	if err != nil {
		t.Fatalf("anchor: %v", err)
	}
	return st
}

// Batch accounts for offsets that held no records, so that it needs no files.
func Batch(epoch uint64, p offsets.Partition, from, to int64) *manifest.Manifest {
	return &manifest.Manifest{ID: uuid.New(), Epoch: epoch, Spans: map[offsets.Partition]manifest.Span{
		p: {Range: offsets.Range{From: from, To: to}, LeaderEpoch: 5, Counts: manifest.Counts{Holes: to - from}}}}
}

func land(t *testing.T, c *commit.Committer, b *manifest.Manifest) commit.Receipt {
	t.Helper()
	r, err := c.Commit(t.Context(), b)
	if err != nil || len(r.Landed) != 1 {
		t.Fatalf("landed %d, stale %d (%s): %v", len(r.Landed), len(r.Stale), r.Why, err)
	}
	return r
}

func change(st commit.State, v commit.View, b *manifest.Manifest) commit.Change {
	f := commit.Fold(st, commit.Lineage(v), []*manifest.Manifest{b})
	return commit.Change{Sink: st.Sink, Epoch: st.Epoch, Hash: "h", Batches: f.Taken, Ledger: f.Next, Others: commit.CarryOthers(v, st.Sink)}
}

func look(t *testing.T, c *commit.Committer) (commit.State, commit.View) {
	t.Helper()
	st, v, err := c.Look(t.Context())
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	return st, v
}

func anchored(t *testing.T, s Subject) {
	c := committer(s, "x")
	st, _ := look(t, c)
	if !st.Empty {
		t.Fatalf("a table that nobody wrote to: %+v", st)
	}
	e := anchor(t, c, part(0)).Epoch
	land(t, c, Batch(e, part(0), 0, 10))
	land(t, c, Batch(e, part(0), 10, 15))
	next, v := look(t, committer(s, "x"))
	if m := next.Ledger.Marks[part(0)]; m.Next != 15 || m.LeaderEpoch != 5 || m.Holes != 15 || next.Epoch != e || next.Hash != "h" || next.Ledger.Cluster != "cluster" {
		t.Errorf("the next process reads %+v", next)
	}
	if next.Dirty || next.Buried || next.Carrier != v.Head {
		t.Errorf("%+v, head %d", next, v.Head)
	}
}

func competitor(t *testing.T, s Subject) {
	a, b := committer(s, "x"), committer(s, "x")
	e := anchor(t, a, part(0)).Epoch
	st, v := look(t, a)
	land(t, b, Batch(e, part(0), 0, 10))
	_, err := a.Table.Append(t.Context(), v, change(st, v, Batch(e, part(0), 0, 10)))
	if commit.ClassOf(err) != commit.Conflict || err == nil {
		t.Errorf("a request on a base that is gone: %v (%s)", err, commit.ClassOf(err))
	}
	if st, _ := look(t, a); st.Ledger.Marks[part(0)].Next != 10 {
		t.Errorf("%+v", st)
	}
}

func twice(t *testing.T, s Subject) {
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	st, v := look(t, c)
	ch := change(st, v, Batch(e, part(0), 0, 10))
	if _, err := c.Table.Append(t.Context(), v, ch); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Table.Append(t.Context(), v, ch); commit.ClassOf(err) != commit.Conflict || err == nil {
		t.Errorf("the second copy: %v (%s)", err, commit.ClassOf(err))
	}
}

func eight(t *testing.T, s Subject) {
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	st, v := look(t, c)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() { _, errs[i] = c.Table.Append(t.Context(), v, change(st, v, Batch(e, part(0), 0, 10))) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	after, v2 := look(t, c)
	if won > 1 || after.Ledger.Marks[part(0)].Next != 10 || v2.Snapshots[v2.Head].Parent != v.Head {
		t.Errorf("%d won; %+v", won, after)
	}
}

func twoSinks(t *testing.T, s Subject) {
	x, y := committer(s, "x"), committer(s, "y")
	q := offsets.Partition{Topic: "clicks", TopicID: offsets.TopicID{9}}
	ex, ey := anchor(t, x, part(0)).Epoch, anchor(t, y, q).Epoch
	for i := range int64(3) {
		land(t, x, Batch(ex, part(0), i, i+1))
		land(t, y, Batch(ey, q, i, i+1))
	}
	for c, p := range map[*commit.Committer]offsets.Partition{x: part(0), y: q} {
		if st, _ := look(t, c); st.Ledger.Marks[p].Next != 3 || st.Dirty {
			t.Errorf("%s: %+v", c.Sink, st)
		}
	}
	_, v := look(t, x)
	if o, carried := v.Snapshots[v.Head].Others["x"]; !carried || o.Ledger.Marks[part(0)].Next != 3 {
		t.Errorf("y's snapshot must carry x's state: %+v", v.Snapshots[v.Head].Others)
	}
}

func large(t *testing.T, s Subject) {
	c := committer(s, "x")
	want := map[offsets.Partition]offsets.Mark{}
	for i := range int32(1200) {
		n := int64(i)*7919 + 1<<53 + 1
		want[part(i)] = offsets.Mark{Next: n, Origin: n, Upper: offsets.Unbounded, LeaderEpoch: i % 9}
	}
	want[part(3)] = offsets.Mark{Next: 1 << 62, Origin: 5, Upper: 1<<62 + 1, LeaderEpoch: offsets.NoEpoch, Dead: 1, Skipped: 2, Holes: 3}
	_, _, err := c.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		if !st.Empty {
			return nil, nil
		}
		return &commit.Edit{Cluster: "cluster", Set: want}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	st, _ := look(t, committer(s, "x"))
	if !st.Ledger.Equal(offsets.Ledger{Cluster: "cluster", Marks: want}) {
		t.Errorf("%d marks came back; partition 3: %+v", len(st.Ledger.Marks), st.Ledger.Marks[part(3)])
	}
}

func race(t *testing.T, s Subject) {
	e := anchor(t, committer(s, "x"), part(0), part(1)).Epoch
	var all sync.WaitGroup
	for w := range 3 {
		c := committer(s, "x")
		c.Sleep = func(ctx context.Context, d time.Duration) error { time.Sleep(d / 20); return ctx.Err() }
		all.Go(func() {
			for i := range int64(10) {
				for p := range int32(2) {
					r, err := c.Commit(t.Context(), Batch(e, part(p), i*10, i*10+10))
					if err != nil || len(r.Landed)+len(r.Stale) != 1 {
						t.Errorf("worker %d: %+v %v", w, r, err)
					}
				}
			}
		})
	}
	all.Wait()
	st, v := look(t, committer(s, "x"))
	for p := range int32(2) {
		if st.Ledger.Marks[part(p)].Next != 100 {
			t.Errorf("partition %d ends at %d", p, st.Ledger.Marks[part(p)].Next)
		}
	}
	if n := len(commit.Lineage(v)); n != 20 {
		t.Errorf("%d batches in the lineage, want 20", n)
	}
}

func foreign(t *testing.T, s Subject) {
	if s.Foreign == nil {
		t.Log("no foreigner can be had for this table")
		return
	}
	must := func(step string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", step, err))
		}
	}
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	first := land(t, c, Batch(e, part(0), 0, 10)).Snapshot
	must("append", s.Foreign.Append())
	second := land(t, c, Batch(e, part(0), 10, 20)).Snapshot
	must("append", s.Foreign.Append())
	if st, _ := look(t, c); st.Ledger.Marks[part(0)].Next != 20 || !st.Buried || st.Dirty {
		t.Errorf("under a foreign snapshot: %+v", st)
	}
	must("rollback", s.Foreign.Rollback(first))
	if st, _ := look(t, c); st.Ledger.Marks[part(0)].Next != 10 || !st.Dirty {
		t.Errorf("after the rollback: %+v", st)
	}
	r, err := c.Commit(t.Context(), Batch(e, part(0), 10, 20))
	if err != nil || len(r.Stale) != 1 || r.State.Epoch == e {
		t.Fatalf("a batch of before the rollback: %+v %v", r, err)
	}
	third := land(t, c, Batch(r.State.Epoch, part(0), 10, 30)).Snapshot
	must("append", s.Foreign.Append())
	must("expire", s.Foreign.Expire(third))
	must("expire", s.Foreign.Expire(second))
	if st, _ := look(t, c); st.Ledger.Marks[part(0)].Next != 30 || st.Dirty {
		t.Errorf("after expiry of our newest snapshot: %+v", st)
	}
	land(t, c, Batch(r.State.Epoch, part(0), 30, 40))
}
