package committest

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// The stories that need nobody but processes of sinker.

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

// whole reads while others write: each load is of one moment. What moves in one request is never seen apart.
func whole(t *testing.T, s Subject) {
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	over := make(chan struct{})
	var reading sync.WaitGroup
	var loads atomic.Int64
	reader := s.Open("x")
	reading.Go(func() {
		at := int64(0)
		for {
			v, err := reader.Load(t.Context())
			if err != nil {
				t.Errorf("load: %v", err)
				return
			}
			loads.Add(1)
			head := v.Snapshots[v.Head]
			switch m, tag := v.Mirrors["x"], v.Tags["x"]; {
			case head.Ledger == nil:
				t.Errorf("the head is shown without its state: %+v", head)
				return
			case s.Declared.Properties && (m.Snapshot != v.Head || !m.Ledger.Equal(*head.Ledger)):
				t.Errorf("head %d, and a mirror of %d: %+v", v.Head, m.Snapshot, m.Ledger)
			case s.Declared.Tags && tag != v.Head:
				t.Errorf("head %d, tag on %d", v.Head, tag)
			case head.Ledger.Marks[part(0)].Next < at:
				t.Errorf("offset %d was shown, then %d", at, head.Ledger.Marks[part(0)].Next)
			}
			at = head.Ledger.Marks[part(0)].Next
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for i := int64(0); (i < 12 || loads.Load() < 5) && !t.Failed(); i++ {
		land(t, c, Batch(e, part(0), i, i+1))
	}
	close(over)
	reading.Wait()
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

// eight different batches of the same offsets on the same base.
func eight(t *testing.T, s Subject) {
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	st, v := look(t, c)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		tb := s.Open("x")
		all.Go(func() { _, errs[i] = tb.Append(t.Context(), v, change(st, v, Batch(e, part(0), 0, 10))) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		}
	}
	after, v2 := look(t, c)
	head := v2.Snapshots[v2.Head]
	if won > 1 || after.Ledger.Marks[part(0)].Next != 10 || len(head.Batches) != 1 || s.Declared.History && head.Parent != v.Head {
		t.Errorf("%d won; %+v; head %+v", won, after, head)
	}
	if s.Declared.History && len(commit.Lineage(v2)) != 1 {
		t.Errorf("%d batches are in the table", len(commit.Lineage(v2)))
	}
}

// clicks is read by a second sink.
var clicks = offsets.Partition{Topic: "clicks", TopicID: offsets.TopicID{9}}

// alone tells the story of a second sink where there can be none: without properties nobody can tell whose rows a table holds.
func alone(t *testing.T, s Subject) bool {
	if s.Declared.Properties {
		return false
	}
	anchor(t, committer(s, "x"), part(0))
	_, err := committer(s, "y").Commit(t.Context(), Batch(1, clicks, 0, 1))
	if stop, ok := err.(*commit.Stop); !ok || stop.Reason != commit.ReplacedTable {
		t.Errorf("a second sink on a table of which nobody can tell who filled it: %v", err)
	}
	return true
}

func twoSinks(t *testing.T, s Subject) {
	if alone(t, s) {
		return
	}
	x, y, q := committer(s, "x"), committer(s, "y"), clicks
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
		all.Go(func() {
			for i := range int64(6) {
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
		if st.Ledger.Marks[part(p)].Next != 60 {
			t.Errorf("partition %d ends at %d", p, st.Ledger.Marks[part(p)].Next)
		}
	}
	if n := len(commit.Lineage(v)); s.Declared.History && n != 12 {
		t.Errorf("%d batches in the lineage, want 12", n)
	}
}
