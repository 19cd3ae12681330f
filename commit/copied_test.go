package commit_test

import (
	"testing"

	"github.com/sinker-io/sinker/commit"
)

// A tool of somebody else that adds rows may copy the whole summary of the snapshot before, ours included. It says where we stood, which
// is still where we stand: nothing is read again, nothing is passed over, and what we had begun goes on or is read again as a whole.
func TestCommit_SummaryCopiedByAForeigner(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.add(w.x, e, 0, 10)
	ours := w.mem.Head()
	copied := w.mem.Foreign("append", 0)
	w.mem.Edit(func(v *commit.View) {
		s, of := v.Snapshots[copied], v.Snapshots[ours]
		s.Sink, s.Version, s.Epoch, s.Hash, s.Ledger, s.Batches = of.Sink, of.Version, of.Epoch, of.Hash, of.Ledger, of.Batches
		v.Snapshots[copied] = s
	})
	st, err := w.resolve("x")
	if err != nil || st.Ledger.Marks[p0].Next != 10 {
		t.Fatalf("%+v, %v", st, err)
	}
	st, _, err = w.x.State(t.Context())
	if err != nil || st.Dirty {
		t.Fatalf("%+v, %v", st, err)
	}
	w.add(w.x, st.Epoch, 10, 20)
	w.exact()
}
