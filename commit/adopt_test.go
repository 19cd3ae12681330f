package commit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// adopted is what the table proves of x.
func (w *world) adopted() (offsets.Ledger, error) {
	w.t.Helper()
	_, why := w.resolve("x")
	v, err := w.mem.Load(w.t.Context())
	if err == nil {
		v, err = w.mem.History(w.t.Context(), v)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return commit.Adopted(v, "x", why)
}

// Picked batches that follow on what the branch has are proven, in one step or several, through foreign picks of foreign picks.
func TestAdopted_PicksThatFollowOn(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	a := w.add(w.x, e, 0, 10)
	b := w.add(w.x, e, 10, 14)
	c := w.add(w.x, e, 14, 20)
	w.mem.Rollback(a.Snapshot)
	w.mem.Foreign("append", 0)
	twice := w.mem.Foreign("append", b.Snapshot)
	w.mem.Rollback(a.Snapshot)
	w.mem.Foreign("append", twice)
	for _, want := range []int64{14, 20} {
		l, err := w.adopted()
		if err != nil || l.Marks[p0].Next != want || l.Cluster != "c" {
			t.Fatalf("proven up to %d (%v), want %d", l.Marks[p0].Next, err, want)
		}
		w.mem.Foreign("append", 0)
		w.mem.Foreign("append", c.Snapshot)
	}
}

// What was picked may be there twice, or leave a hole, or tell nothing: then nothing is proven, and the reason is told.
func TestAdopted_NothingThatIsNotProven(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(w *world, a, b, c int64)
		want string
	}{
		"again on the branch that has it": {func(w *world, _, b, _ int64) { w.mem.Foreign("append", b) }, "twice"},
		"the one between is missing":      {func(w *world, a, _, c int64) { w.mem.Rollback(a); w.mem.Foreign("append", c) }, "what is between is not in the table"},
		"one of two that were picked": {func(w *world, a, b, _ int64) {
			w.mem.Rollback(a)
			w.mem.Foreign("append", b)
			w.mem.Foreign("append", b)
		}, "twice"},
		"its source is gone": {func(w *world, a, b, _ int64) { w.mem.Rollback(a); w.mem.Foreign("append", b); w.mem.Expire(false, b) }, "is gone"},
		"where it begins is not known": {func(w *world, a, _, c int64) {
			w.mem.Rollback(a)
			w.mem.Foreign("append", c)
			w.mem.Expire(false, w.parent(c))
		}, "is not known"},
		"its offsets cannot be read": {func(w *world, a, b, _ int64) { w.mem.Rollback(a); w.mem.Foreign("append", b); w.spoil(b) }, "cannot be read"},
		"the state, and no mirror of it": {func(w *world, _, _, c int64) {
			w.spoil(c)
			w.mem.Edit(func(v *commit.View) { v.Mirrors["x"] = commit.Mirror{} })
		}, "no sound mirror names"},
		"the state, and an earlier mirror": {func(w *world, _, b, c int64) {
			w.spoil(c)
			w.mem.Edit(func(v *commit.View) { m := v.Mirrors["x"]; m.Snapshot = b; v.Mirrors["x"] = m })
		}, "no sound mirror names"},
		"the table was replaced": {func(w *world, _, _, _ int64) { w.mem.Replace() }, "was replaced"},
	} {
		w := newWorld(t)
		e := w.anchor(w.x, p0).Epoch
		var ids []int64
		for i := range int64(3) {
			ids = append(ids, w.add(w.x, e, 10*i, 10*i+10).Snapshot)
		}
		c.do(w, ids[0], ids[1], ids[2])
		l, err := w.adopted()
		var s *commit.Stop
		if !errors.As(err, &s) || !strings.Contains(s.Found, c.want) || l.Marks != nil {
			t.Errorf("%s: %v, %v, want a STOP that says %q", name, l.Marks, err, c.want)
		}
	}
}

// A picked anchor brought no rows; a state that cannot be read is told by the mirror that names it; what was counted stays counted.
func TestAdopted_AnchorsMirrorsAndCounts(t *testing.T) {
	w := newWorld(t)
	st := w.anchor(w.x, p0)
	a := w.add(w.x, st.Epoch, 0, 10)
	w.mem.Foreign("append", st.Carrier)
	if l, err := w.adopted(); err != nil || l.Marks[p0].Next != 10 {
		t.Errorf("a picked anchor: %v, %v", l.Marks, err)
	}
	w.mem.Rollback(a.Snapshot)
	w.spoil(a.Snapshot)
	if l, err := w.adopted(); err != nil || l.Marks[p0].Next != 10 {
		t.Errorf("the mirror names the very snapshot: %v, %v", l.Marks, err)
	}

	v := lineage()
	counted := func(next, skipped int64) *offsets.Ledger {
		l := ledgerAt(next)
		m := l.Marks[p0]
		m.Skipped, m.Holes, m.Dead = skipped, 2*skipped, 3*skipped
		l.Marks[p0] = m
		return l
	}
	ours := func(id, parent, next, skipped int64) commit.Snapshot {
		return commit.Snapshot{ID: id, Parent: parent, Sink: "x", Version: 1, Epoch: 1, Ledger: counted(next, skipped), Batches: []uuid.UUID{uuid.New()}}
	}
	v.Snapshots = map[int64]commit.Snapshot{1: ours(1, 0, 5, 1), 2: ours(2, 1, 9, 3), 4: {ID: 4, Parent: 1, Source: 2}}
	v.Head, v.HistoryComplete = 4, true
	_, why := commit.Resolve(v, "x")
	if l, err := commit.Adopted(v, "x", why); err != nil || !l.Equal(*counted(9, 3)) {
		t.Errorf("counts of what was picked: %+v, %v", l, err)
	}
}

// Parents in a circle, of snapshots that were all picked, end.
func TestAdopted_PicksInACircle(t *testing.T) {
	v := lineage()
	v.Snapshots[4] = commit.Snapshot{ID: 4, Parent: 5, Source: 2}
	v.Snapshots[5] = commit.Snapshot{ID: 5, Parent: 4, Source: 1}
	_, why := commit.Resolve(v, "x")
	wantStop(t, why, commit.CherryPick)
	_, err := commit.Adopted(v, "x", why)
	wantStop(t, err, commit.CherryPick)
}

// A state that is clear, or asks for older metadata, is no Stop: nothing is adopted.
func TestAdopted_AnswersStopsOnly(t *testing.T) {
	if l, err := commit.Adopted(lineage(), "x", commit.ErrNeedHistory); !errors.Is(err, commit.ErrNeedHistory) || l.Marks != nil {
		t.Errorf("%v, %v", l, err)
	}
}

func (w *world) spoil(id int64) {
	w.mem.Edit(func(v *commit.View) {
		s := v.Snapshots[id]
		s.Ledger, s.Broken = nil, "nonsense"
		v.Snapshots[id] = s
	})
}

func (w *world) parent(id int64) int64 {
	v, err := w.mem.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return v.Snapshots[id].Parent
}
