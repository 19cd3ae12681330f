package commit_test

import (
	"context"
	"errors"
	"testing"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// pairOf is a table and its dead letters, each in memory, anchored, and a footing on them.
type pairOf struct {
	t, d *world
	on   commit.Footing
}

func newPair(t *testing.T) *pairOf {
	p := &pairOf{t: newWorld(t), d: newWorld(t)}
	p.t.anchor(p.t.x, p0, p1)
	if err := p.d.x.AnchorLetters(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	p.stand()
	return p
}

func (p *pairOf) stand() {
	p.t.t.Helper()
	st, _, err := p.t.x.State(p.t.t.Context())
	ds, _, derr := p.d.x.LettersState(p.t.t.Context())
	if err != nil || derr != nil {
		p.t.t.Fatal(err, derr)
	}
	p.on = commit.Stand(st, ds, nil)
}

// queue is a batch of the table over [from, to) of p0 with dead of its offsets dead, and their letters.
func (p *pairOf) queue(from, to, dead int64) commit.Letters {
	p.t.t.Helper()
	st, _, err := p.t.x.Look(p.t.t.Context())
	if err != nil {
		p.t.t.Fatal(err)
	}
	b := batch(st.Epoch, spans{p0: {From: from, To: to}})
	b.Spans[p0] = manifest.Span{Range: offsets.Range{From: from, To: to}, Counts: manifest.Counts{Dead: dead, Holes: to - from - dead}}
	l := commit.Letters{Batch: b}
	if dead > 0 {
		l.Dead = batch(0, spans{p0: {From: from, To: to}})
		l.Dead.Spans[p0] = manifest.Span{Range: offsets.Range{From: from, To: to}, Counts: manifest.Counts{Rows: dead, Holes: to - from - dead}}
		l.Dead.Files = []iceberg.DataFile{rowsFile(p.t.t, dead)}
	}
	return l
}

func rowsFile(t *testing.T, rows int64) iceberg.DataFile {
	t.Helper()
	b, err := iceberg.NewDataFileBuilder(*iceberg.UnpartitionedSpec, iceberg.EntryContentData, "memory:f.parquet", iceberg.ParquetFile, nil, nil, nil, rows, 10)
	if err != nil {
		t.Fatal(err)
	}
	return b.Build()
}

func TestCommitLetters_DeadLettersComeFirst(t *testing.T) {
	p := newPair(t)
	l := p.queue(0, 10, 3)
	if got := p.on.Cleared([]commit.Letters{l}); len(got) != 0 {
		t.Errorf("the batch may go before its dead letters: %v", got)
	}
	r, err := p.d.x.CommitLetters(t.Context(), p.t.x, p.on, []commit.Letters{l})
	if err != nil || len(r.Landed) != 1 || len(r.Stale) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if m := r.State.Ledger.Marks[p0]; m.Next != 10 || m.Holes != 7 || m.Origin != 0 {
		t.Errorf("the dead letters stand at %+v", m)
	}
	if got := p.on.Cleared([]commit.Letters{l}); len(got) != 1 {
		t.Error("the batch may not go, though its dead letters were seen")
	}
	if st, _, _ := p.t.x.Look(t.Context()); st.Ledger.Marks[p0].Next != 0 {
		t.Errorf("the table has moved to %+v", st.Ledger.Marks)
	}
}

// Whatever has changed since the worker read the two tables, its dead letters do not land, and it begins anew.
func TestCommitLetters_GivenUpWhereSomethingHasMoved(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *pairOf)
	}{
		"the table has moved on": {func(p *pairOf) {
			st, _, _ := p.t.x.Look(t.Context())
			if _, err := p.t.x.Commit(t.Context(), batch(st.Epoch, spans{p0: {From: 0, To: 4}})); err != nil {
				t.Fatal(err)
			}
		}},
		"the table was anchored again": {func(p *pairOf) {
			_, _, _ = p.t.x.Amend(t.Context(), once(&commit.Edit{NewEpoch: true}))
		}},
		"others have written dead letters": {func(p *pairOf) {
			other := *p
			other.stand()
			l := p.queue(0, 2, 1)
			if _, err := p.d.sink("x").CommitLetters(t.Context(), p.t.x, other.on, []commit.Letters{l}); err != nil {
				t.Fatal(err)
			}
		}},
		"the dead letters were anchored again": {func(p *pairOf) {
			_, _, _ = p.d.x.AmendLetters(t.Context(), once(&commit.Edit{NewEpoch: true}))
		}},
		"the dead letters were rolled back": {func(p *pairOf) {
			first := p.d.mem.Head()
			_, _, _ = p.d.x.AmendLetters(t.Context(), once(&commit.Edit{NewEpoch: true}))
			p.d.mem.Rollback(first)
		}},
	} {
		p := newPair(t)
		l := p.queue(0, 10, 3)
		c.change(p)
		head := p.d.mem.Head()
		r, err := p.d.x.CommitLetters(t.Context(), p.t.x, p.on, []commit.Letters{l})
		if err != nil || len(r.Stale) != 1 || len(r.Landed) != 0 || r.Why == "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if p.d.mem.Head() != head || len(p.on.Cleared([]commit.Letters{l})) != 0 {
			t.Errorf("%s: something was committed, or may be", name)
		}
	}
}

// once is an edit that is made one time.
func once(e *commit.Edit) func(commit.View, commit.State) (*commit.Edit, error) {
	done := false
	return func(commit.View, commit.State) (*commit.Edit, error) {
		if done {
			return nil, nil
		}
		done = true
		return e, nil
	}
}

// A request that was applied though its answer was lost, and one that was refused: the letters are there once, and are known to be.
func TestCommitLetters_OnceWhateverTheAnswer(t *testing.T) {
	for _, f := range []committest.Fault{committest.LoseReply, committest.Refuse} {
		p := newPair(t)
		l := p.queue(0, 10, 3)
		left := 1
		p.d.mem.Faults(func(s committest.Step) committest.Fault {
			if s == committest.OnAppend && left > 0 {
				left--
				return f
			}
			return committest.None
		})
		r, err := p.d.x.CommitLetters(t.Context(), p.t.x, p.on, []commit.Letters{l})
		if err != nil || len(r.Landed) != 1 || len(p.on.Cleared([]commit.Letters{l})) != 1 {
			t.Errorf("fault %d: %+v, %v", f, r, err)
		}
		if rows := p.d.mem.Rows(); len(rows) != 1 || rows[0].Rows != 3 {
			t.Errorf("fault %d: the table of dead letters holds %+v", f, rows)
		}
	}
}

func TestCommitLetters_NothingIsAskedWithoutAny(t *testing.T) {
	p := newPair(t)
	p.d.mem.Break(errors.New("asked"))
	p.t.mem.Break(errors.New("asked"))
	if r, err := p.d.x.CommitLetters(t.Context(), p.t.x, p.on, []commit.Letters{p.queueOf(5)}); err != nil || len(r.Stale) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func (p *pairOf) queueOf(to int64) commit.Letters {
	return commit.Letters{Batch: batch(1, spans{p0: {From: 0, To: to}})}
}

// What a batch counts as dead is in its letters, or was before: anything else is a bug, and is not committed.
func TestCommitLetters_BatchAndLettersAgree(t *testing.T) {
	for name, change := range map[string]func(l *commit.Letters){
		"a dead one without a letter":       func(l *commit.Letters) { s := l.Batch.Spans[p0]; s.Dead++; l.Batch.Spans[p0] = s },
		"a letter of one that is not dead":  func(l *commit.Letters) { s := l.Batch.Spans[p0]; s.Dead--; l.Batch.Spans[p0] = s },
		"no letters for the dead at all":    func(l *commit.Letters) { l.Dead = nil },
		"letters that end before the batch": func(l *commit.Letters) { s := l.Dead.Spans[p0]; s.To--; l.Dead.Spans[p0] = s },
		"letters that begin before it":      func(l *commit.Letters) { s := l.Dead.Spans[p0]; s.From--; l.Dead.Spans[p0] = s },
		"a sum that is not right":           func(l *commit.Letters) { s := l.Dead.Spans[p0]; s.Holes--; l.Dead.Spans[p0] = s },
		"dead letters that are dead":        func(l *commit.Letters) { s := l.Dead.Spans[p0]; s.Holes--; s.Dead++; l.Dead.Spans[p0] = s },
	} {
		p := newPair(t)
		l := p.queue(0, 10, 3)
		change(&l)
		head := p.d.mem.Head()
		_, err := p.d.x.CommitLetters(t.Context(), p.t.x, p.on, []commit.Letters{l})
		if err == nil || p.d.mem.Head() != head {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A table of dead letters is not put right by itself after a rollback, as others are: that would forget letters.
func TestLettersState_ShowsARollbackAndLeavesIt(t *testing.T) {
	p := newPair(t)
	first := p.d.mem.Head()
	if _, _, err := p.d.x.AmendLetters(t.Context(), once(&commit.Edit{NewEpoch: true})); err != nil {
		t.Fatal(err)
	}
	p.d.mem.Rollback(first)
	st, _, err := p.d.x.LettersState(t.Context())
	if err != nil || !st.Dirty {
		t.Errorf("%+v, %v", st, err)
	}
	if err := p.d.x.AnchorLetters(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	if st, _, err := p.d.x.AmendLetters(t.Context(), once(&commit.Edit{NewEpoch: true})); err != nil || !st.Dirty {
		t.Errorf("%+v, %v", st, err)
	}
	if p.d.mem.Head() != first {
		t.Error("something was committed")
	}
}

// Buried under what others have committed, the state is anchored again before expiry can reach it, as that of any table.
func TestLettersState_IsAnchoredAgainWhereItIsInDanger(t *testing.T) {
	p := newPair(t)
	p.d.mem.Foreign("append", 0)
	p.d.now = p.d.now.Add(commit.AnchorAge * 2)
	head := p.d.mem.Head()
	st, _, err := p.d.x.LettersState(t.Context())
	if err != nil || st.Buried || p.d.mem.Head() == head {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestLetters_EndWithTheirContext(t *testing.T) {
	p := newPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := p.queue(0, 10, 3)
	if _, err := p.d.x.CommitLetters(ctx, p.t.x, p.on, []commit.Letters{l}); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	if _, _, err := p.d.x.LettersState(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("state: %v", err)
	}
	if err := p.d.x.AnchorLetters(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("anchor: %v", err)
	}
}
