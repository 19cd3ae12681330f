package commit_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
)

func on(step committest.Step, f committest.Fault) func(committest.Step) committest.Fault {
	return func(s committest.Step) committest.Fault {
		if s == step {
			return f
		}
		return committest.None
	}
}

// What was applied twice looks like a branch that was moved; anchoring it again is applied twice, too, and so on for ever.
func TestCommit_CatalogThatAppliesEverythingTwiceIsLeft(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Faults(on(committest.OnAppend, committest.Twice))
	sent := 0
	w.x.Table = counting{w.mem, &sent}
	_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	wantStop(t, err, commit.CatalogLies)
	if sent != 1+5 {
		t.Errorf("%d requests were sent, want the batch and five anchors", sent)
	}
	for _, part := range []string{"CRITICAL", "anchored 5 times in a row", "requests more than once, or somebody moves the branch back"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not tell of %q", err, part)
		}
	}
}

// Rows without their offsets: sending them again would double them, and without properties nothing else keeps from that.
func TestCommit_CatalogThatLosesSummariesIsLeftAtOnce(t *testing.T) {
	for name, caps := range map[string]commit.Capabilities{"all": {Tags: true, Properties: true, History: true}, "no properties": {Tags: true, History: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mem.Edit(func(v *commit.View) { v.Caps = caps })
			e := w.anchor(w.x, p0).Epoch
			w.mem.Faults(on(committest.OnAppend, committest.Bare))
			sent := 0
			w.x.Table = counting{w.mem, &sent}
			_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
			wantStop(t, err, commit.CatalogLies)
			if sent != 1 {
				t.Errorf("%d requests were sent", sent)
			}
		})
	}
}

// A branch that somebody moves back a few times in a row is anchored as often, and no reason to stop.
func TestCommit_BranchThatIsMovedBackThreeTimesIsAnchored(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	back := w.add(w.x, e, 0, 10).Snapshot
	w.add(w.x, e, 10, 20)
	w.mem.Rollback(back)
	times := 0
	w.x.Table = movedBack{w.mem, back, &times}
	st, _, err := w.x.State(t.Context())
	if err != nil || st.Dirty || st.Ledger.Marks[p0].Next != 10 || times != 3 {
		t.Fatalf("after %d rollbacks: %+v %v", times, st, err)
	}
	w.add(w.x, st.Epoch, 10, 20)
	w.exact()
}

// An anchor that was refused was not in vain: it is sent again as often as it takes.
func TestCommit_AnchorsThatAreRefusedDoNotCount(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	back := w.add(w.x, e, 0, 10).Snapshot
	w.add(w.x, e, 10, 20)
	w.mem.Rollback(back)
	asked := 0
	w.mem.Faults(func(s committest.Step) committest.Fault {
		if asked++; s == committest.OnAppend && asked < 40 {
			return committest.Refuse
		}
		return committest.None
	})
	if st, _, err := w.x.State(t.Context()); err != nil || st.Dirty || asked < 40 {
		t.Errorf("%+v, %v", st, err)
	}
}

// counting counts the requests.
type counting struct {
	*committest.Memory
	sent *int
}

func (c counting) Append(ctx context.Context, base commit.View, ch commit.Change) (int64, error) {
	*c.sent++
	return c.Memory.Append(ctx, base, ch)
}

// movedBack is a table whose branch somebody moves back right after each of the first requests.
type movedBack struct {
	*committest.Memory
	to    int64
	times *int
}

func (m movedBack) Append(ctx context.Context, base commit.View, ch commit.Change) (int64, error) {
	id, err := m.Memory.Append(ctx, base, ch)
	if *m.times < 3 && err == nil {
		*m.times++
		m.Rollback(m.to)
	}
	return id, err
}
