package committest

import (
	"testing"

	"github.com/sinker-io/sinker/commit"
)

// Stories of others. Where a catalog shows no history, each foreign commit looks like a replaced table, and the story ends there.

// hidden tells such a story: one foreign commit, and the table stops.
func hidden(t *testing.T, s Subject) bool {
	if s.Declared.History {
		return false
	}
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	land(t, c, Batch(e, part(0), 0, 10))
	must(t, "append", s.Foreign.Append())
	wantStop(t, c, Batch(e, part(0), 10, 20), commit.ReplacedTable)
	return true
}

func carried(t *testing.T, s Subject) {
	if alone(t, s) {
		return
	}
	x, y, q := committer(s, "x"), committer(s, "y"), clicks
	ex, ey := anchor(t, x, part(0)).Epoch, anchor(t, y, q).Epoch
	mine := land(t, x, Batch(ex, part(0), 0, 10)).Snapshot
	yours := land(t, y, Batch(ey, q, 0, 1)).Snapshot
	if s.Declared.History {
		must(t, "expire", s.Foreign.Expire(mine))
	}
	st, _ := look(t, committer(s, "x"))
	if st.Holder != yours || st.Carrier != mine || st.Epoch != ex || st.Ledger.Marks[part(0)].Next != 10 || st.Dirty {
		t.Errorf("x's state is told by y's snapshot %d, from its own %d: %+v", yours, mine, st)
	}
	land(t, x, Batch(ex, part(0), 10, 20))
}

func foreign(t *testing.T, s Subject) {
	if hidden(t, s) {
		return
	}
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	first := land(t, c, Batch(e, part(0), 0, 10)).Snapshot
	must(t, "append", s.Foreign.Append())
	second := land(t, c, Batch(e, part(0), 10, 20)).Snapshot
	must(t, "append", s.Foreign.Append())
	if st, _ := look(t, c); st.Ledger.Marks[part(0)].Next != 20 || !st.Buried || st.Dirty {
		t.Errorf("under a foreign snapshot: %+v", st)
	}
	must(t, "rollback", s.Foreign.Point(first))
	if st, _ := look(t, c); st.Ledger.Marks[part(0)].Next != 10 || st.Dirty != s.tellsOfRollbacks() {
		t.Errorf("after the rollback: %+v", st)
	}
	if s.tellsOfRollbacks() {
		r, err := c.Commit(t.Context(), Batch(e, part(0), 10, 20))
		if err != nil || len(r.Stale) != 1 || r.State.Epoch == e {
			t.Fatalf("a batch of before the rollback: %+v %v", r, err)
		}
		e = r.State.Epoch
	}
	third := land(t, c, Batch(e, part(0), 10, 30)).Snapshot
	must(t, "append", s.Foreign.Append())
	must(t, "expire", s.Foreign.Expire(third))
	must(t, "expire", s.Foreign.Expire(second))
	if st, _ := look(t, c); st.Ledger.Marks[part(0)].Next != 30 || st.Dirty {
		t.Errorf("after expiry of our newest snapshot: %+v", st)
	}
	land(t, c, Batch(e, part(0), 30, 40))
}

func setCurrent(t *testing.T, s Subject) {
	if hidden(t, s) {
		return
	}
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	first := land(t, c, Batch(e, part(0), 0, 10)).Snapshot
	left := land(t, c, Batch(e, part(0), 10, 25)).Snapshot
	must(t, "rollback", s.Foreign.Point(first))
	st, _, err := c.State(t.Context()) // anchors again
	must(t, "state", err)
	land(t, c, Batch(st.Epoch, part(0), 10, 20))
	must(t, "set current", s.Foreign.Point(left))
	r, err := c.Commit(t.Context(), Batch(st.Epoch, part(0), 20, 30))
	if err != nil || len(r.Stale) != 1 || r.State.Ledger.Marks[part(0)].Next != 25 {
		t.Fatalf("the line that was left is the truth again: %+v %v", r, err)
	}
	if s.tellsOfRollbacks() && (r.State.Epoch == e || r.State.Epoch == st.Epoch) {
		t.Error("an epoch came back")
	}
	land(t, c, Batch(r.State.Epoch, part(0), 25, 30))
}

func cherryPick(t *testing.T, s Subject) {
	if hidden(t, s) {
		return
	}
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	first := land(t, c, Batch(e, part(0), 0, 10)).Snapshot
	second := land(t, c, Batch(e, part(0), 10, 20)).Snapshot
	must(t, "rollback", s.Foreign.Point(first))
	must(t, "cherry-pick", s.Foreign.CherryPick(second))
	wantStop(t, c, Batch(e, part(0), 10, 20), commit.CherryPick)
	wantStop(t, committer(s, "x"), Batch(e, part(0), 10, 20), commit.CherryPick)
}

func replaced(t *testing.T, s Subject) {
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	land(t, c, Batch(e, part(0), 0, 10))
	must(t, "replace", s.Foreign.Replace())
	wantStop(t, c, Batch(e, part(0), 10, 20), commit.ReplacedTable)
	wantStop(t, committer(s, "x"), Batch(e, part(0), 10, 20), commit.ReplacedTable)
}

func recreated(t *testing.T, s Subject) {
	c := committer(s, "x")
	// First between load and request, while neither table has a snapshot: only their uuids tell them apart.
	st, v := look(t, c)
	must(t, "drop and create", s.Foreign.Recreate())
	if _, err := s.Open("x").Append(t.Context(), v, (&commit.Edit{Cluster: "cluster"}).Change(v, st, "h", 1)); err == nil {
		t.Error("a request for the table of before was applied to the new one")
	}
	c = committer(s, "x")
	if st, _ := look(t, c); !st.Empty {
		t.Fatalf("the new table: %+v", st)
	}
	e := anchor(t, c, part(0)).Epoch
	land(t, c, Batch(e, part(0), 0, 10))
	must(t, "drop and create", s.Foreign.Recreate())
	wantStop(t, c, Batch(e, part(0), 10, 20), commit.Recreated)
	if st, _ := look(t, committer(s, "x")); !st.Empty {
		t.Errorf("the new table: %+v", st)
	}
}

func spoiled(t *testing.T, s Subject) {
	if !s.Declared.Properties {
		t.Log("it keeps no mirror")
		return
	}
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	land(t, c, Batch(e, part(0), 0, 10))
	must(t, "spoil", s.Foreign.Spoil("x"))
	st, _ := look(t, c)
	if st.Ledger.Marks[part(0)].Next != 10 || !st.Dirty {
		t.Errorf("the lineage tells, and the mirror says nothing: %+v", st)
	}
	st, _, err := c.State(t.Context())
	if err != nil || st.Dirty || st.Epoch == e {
		t.Errorf("anchored again: %+v %v", st, err)
	}
	land(t, c, Batch(st.Epoch, part(0), 10, 20))
}

// pastOnly takes everything but the metadata log: the tag, the mirror, our snapshots and a foreign one above them.
func pastOnly(t *testing.T, s Subject) {
	if !s.Declared.History {
		t.Log("it shows no history")
		return
	}
	began := false
	c := over(between{s.Open("x"), func(p point) {
		if p == inHistory && !began { // somebody appends while we read about the past
			began = true
			must(t, "append", s.Foreign.Append())
		}
	}}, "x")
	first := anchor(t, c, part(0))
	ours := land(t, c, Batch(first.Epoch, part(0), 0, 10)).Snapshot
	must(t, "append", s.Foreign.Append())
	_, v := look(t, c)
	above := v.Head
	must(t, "append", s.Foreign.Append())
	must(t, "forget", s.Foreign.Forget("x"))
	must(t, "expire", s.Foreign.Expire(first.Carrier, ours, above))
	if !s.Log {
		wantStop(t, c, Batch(first.Epoch, part(0), 10, 20), commit.LineageLost)
		return
	}
	st, _ := look(t, committer(s, "x"))
	if st.Via != commit.FromHistory || st.Ledger.Marks[part(0)].Next != 10 || st.Carrier != ours {
		t.Errorf("from older metadata: %+v", st)
	}
	st, _, err := c.State(t.Context())
	if err != nil || st.Ledger.Marks[part(0)].Next != 10 || !began {
		t.Fatalf("anchored again, somebody in between (%v): %+v %v", began, st, err)
	}
	land(t, c, Batch(st.Epoch, part(0), 10, 20))
	if st, _ := look(t, committer(s, "x")); st.Via != commit.FromLineage || st.Ledger.Marks[part(0)].Next != 20 {
		t.Errorf("%+v", st)
	}
}

// belongings are not ours to touch.
func belongings(t *testing.T, s Subject) {
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	first := land(t, c, Batch(e, part(0), 0, 10)).Snapshot
	if s.Declared.Tags {
		must(t, "tag", s.Foreign.Tag("sinker_z", first)) // as another sink's tag, so that a view shows it
	}
	if s.Declared.Properties {
		must(t, "set", s.Foreign.Set([2]string{"commit.retry.min-wait-ms", "321"}))
	}
	land(t, c, Batch(e, part(0), 10, 20))
	_, v := look(t, committer(s, "x"))
	if s.Declared.Tags && v.Tags["z"] != first {
		t.Errorf("somebody's tag is on %d, it was on %d", v.Tags["z"], first)
	}
	if s.Declared.Properties && v.RetryMin.Milliseconds() != 321 {
		t.Errorf("somebody's property became %s", v.RetryMin)
	}
}
