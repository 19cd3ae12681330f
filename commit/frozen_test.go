package commit_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
)

// frozen stops its process between the answer to a commit and the look at it; what happens meanwhile is up to the test.
type frozen struct {
	*committest.Memory
	meanwhile func()
}

func (f *frozen) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	id, err := f.Memory.Append(ctx, base, c)
	if then := f.meanwhile; err == nil && then != nil {
		f.meanwhile = nil
		then()
	}
	return id, err
}

// A process that was frozen right after the catalog had said yes comes back hours later. Another instance has committed since, so that tag and
// mirror are its own, and the past was cut: of the commit nothing is left but its rows. That is no lie; where the
// table stands is what it says.
func TestCommit_AcknowledgedLongAgoAndCutFromThePast(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	other := w.sink("x")
	w.x.Table = &frozen{w.mem, func() {
		w.now = w.now.Add(2 * time.Hour)
		acknowledged := w.mem.Head()
		for o := int64(10); o < 40; o += 10 {
			w.add(other, e, o, o+10)
		}
		w.mem.Expire(false, acknowledged)
	}}
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	if err != nil || len(r.Landed)+len(r.Stale) != 1 || r.State.Ledger.Marks[p0].Next != 40 {
		t.Fatalf("landed %d, stale %d (%s), the table is seen at %d, %v", len(r.Landed), len(r.Stale), r.Why, r.State.Ledger.Marks[p0].Next, err)
	}
	w.exact()
	w.add(w.x, e, 40, 50)
	w.exact()
}

// While it is fresh, a commit that nobody can see is a lie, whoever committed after it.
func TestCommit_AcknowledgedJustNowAndNowhereIsALie(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	lied := false
	w.mem.Faults(func(s committest.Step) committest.Fault {
		if s == committest.OnAppend && !lied {
			lied = true
			return committest.Lie
		}
		return committest.None
	})
	w.x.Table = &frozen{w.mem, func() {
		w.now = w.now.Add(commit.StaleLoads)
		other := w.sink("x")
		w.add(other, e, 0, 10)
		w.add(other, e, 10, 20)
	}}
	_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	wantStop(t, err, commit.CatalogLies)
}

// The past may be cut within seconds, too. Above the cut, a snapshot of ours that is nowhere proves nothing.
func TestCommit_AcknowledgedJustNowAndCutFromThePast(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	other := w.sink("x")
	w.x.Table = &frozen{w.mem, func() {
		acknowledged := w.mem.Head()
		w.add(other, e, 10, 20)
		w.mem.Expire(false, acknowledged)
	}}
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	if err != nil || len(r.Landed)+len(r.Stale) != 1 || r.State.Ledger.Marks[p0].Next != 20 {
		t.Fatalf("landed %d, stale %d (%s), the table is seen at %d, %v", len(r.Landed), len(r.Stale), r.Why, r.State.Ledger.Marks[p0].Next, err)
	}
	w.exact()
}

// Hours later the table may be one that was restored from metadata of before ours, and whose numbers others have used since. That is no lie.
func TestCommit_AcknowledgedLongAgoAndRestored(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	before, _ := w.mem.Load(t.Context())
	w.x.Table = &frozen{w.mem, func() {
		w.now = w.now.Add(2 * time.Hour)
		w.mem.Edit(func(v *commit.View) { *v = before })
		other := w.sink("x")
		w.add(other, e, 0, 10)
		w.add(other, e, 10, 20)
	}}
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	if err != nil || len(r.Stale) != 1 || r.State.Ledger.Marks[p0].Next != 20 {
		t.Fatalf("landed %d, stale %d (%s), the table is seen at %d, %v", len(r.Landed), len(r.Stale), r.Why, r.State.Ledger.Marks[p0].Next, err)
	}
	w.exact()
}

// A request that was applied where it must not have been is found out hours later, too, as long as older metadata tell of it: whose commit
// was lost by it does not come back by waiting.
func TestCommit_AcknowledgedLongAgoOnAnotherParent(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Lag(1)
	w.mem.Foreign("append", 0)
	w.mem.Faults(on(committest.OnAppend, committest.Blind))
	w.x.Table = &frozen{w.mem, func() {
		w.mem.Faults(nil)
		w.now = w.now.Add(2 * time.Hour)
		acknowledged := w.mem.Head()
		w.add(w.sink("x"), e, 10, 20)
		w.mem.Expire(true, acknowledged)
	}}
	_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	wantStop(t, err, commit.CatalogLies)
}

// A table that was replaced since, and whose past was cut, proves no lie: the branch does not come from where ours was to be.
func TestCommit_AcknowledgedReplacedAndCutFromThePast(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.x.Table = &frozen{w.mem, func() {
		acknowledged := w.mem.Head()
		w.mem.Replace()
		if _, err := w.sink("x").Accept(t.Context(), 0, func(commit.View, commit.State, error) (*commit.Edit, error) {
			return &commit.Edit{Cluster: "c", NewEpoch: true, Set: map[offsets.Partition]offsets.Mark{p0: {Upper: offsets.Unbounded}}}, nil
		}); err != nil {
			t.Error(err)
		}
		w.mem.Expire(false, acknowledged)
	}}
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	if err != nil || len(r.Stale) != 1 {
		t.Fatalf("landed %d, stale %d (%s), %v", len(r.Landed), len(r.Stale), r.Why, err)
	}
}

// One load that is stale proves nothing, however long the process slept before it.
func TestCommit_AcknowledgedLongAgoAndOneStaleLoad(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Lag(2) // the first is what the request is built on
	loads := 0
	w.mem.Faults(func(s committest.Step) committest.Fault {
		if s == committest.OnLoad {
			if loads++; loads == 2 {
				w.now = w.now.Add(2 * time.Hour)
			}
		}
		return committest.None
	})
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	if err != nil || len(r.Landed) != 1 {
		t.Fatalf("landed %d, stale %d (%s), %v", len(r.Landed), len(r.Stale), r.Why, err)
	}
}

// A commit that was rolled back and expired within seconds, while another instance has anchored the branch anew, left a sequence number that
// nobody has: that tells it from one that never was.
func TestCommit_AcknowledgedJustNowRolledBackAndExpired(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	anchored := w.mem.Head()
	w.x.Table = &frozen{w.mem, func() {
		acknowledged := w.mem.Head()
		w.mem.Rollback(anchored)
		if st, _, err := w.sink("x").State(t.Context()); err != nil || st.Epoch == e {
			t.Errorf("the other instance finds %+v, %v", st, err)
		}
		w.mem.Expire(false, acknowledged)
	}}
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	if err != nil || len(r.Stale) != 1 {
		t.Fatalf("landed %d, stale %d (%s), %v", len(r.Landed), len(r.Stale), r.Why, err)
	}
	w.exact()
}

// An operator's answer that landed is told as that, although somebody has committed on top before it was looked for.
func TestAccept_LandedUnderACommitOfOthers(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	op := w.sink("x")
	var ordered, on int64
	op.Table = &frozen{w.mem, func() {
		ordered = w.mem.Head()
		st, _, err := w.x.State(t.Context())
		if err != nil {
			t.Error(err)
		}
		w.add(w.x, st.Epoch, 7, 10)
		on = w.mem.Head()
	}}
	id, err := op.Accept(t.Context(), w.mem.Head(), func(_ commit.View, st commit.State, _ error) (*commit.Edit, error) {
		m := st.Ledger.Marks[p0]
		m.Next, m.Skipped = 7, 7
		return &commit.Edit{NewEpoch: true, Set: map[offsets.Partition]offsets.Mark{p0: m}}, nil
	})
	if err != nil || id != ordered || on == ordered {
		t.Fatalf("snapshot %d, %v; the answer is snapshot %d, the head %d", id, err, ordered, on)
	}
}

// forgetful cannot read older metadata for a while.
type forgetful struct {
	*frozen
	fails int
}

func (f *forgetful) History(ctx context.Context, v commit.View) (commit.View, error) {
	if f.fails > 0 {
		f.fails--
		return v, errors.New("503")
	}
	return f.Memory.History(ctx, v)
}

// Where older metadata cannot be read, that is what is told and waited for, once each time: the load itself was no old one.
func TestCommit_AcknowledgedAndOlderMetadataFail(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	other := w.sink("x")
	f := &forgetful{fails: 2, frozen: &frozen{w.mem, func() {
		acknowledged := w.mem.Head()
		w.add(other, e, 10, 20)
		w.mem.Expire(false, acknowledged)
	}}}
	w.x.Table = f
	var told []string
	w.x.Trouble = func(step string, _ error, _ time.Duration) { told = append(told, step) }
	if r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})); err != nil || len(r.Landed)+len(r.Stale) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if !slices.Equal(told, []string{"read older metadata", "read older metadata"}) {
		t.Errorf("told %q", told)
	}
	f.fails = 1
	if _, _, err := w.x.Look(t.Context()); err != nil || len(told) != 2 {
		t.Errorf("what was given up is looked for again: %v, told %q", err, told)
	}
}
