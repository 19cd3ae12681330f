package commit

import (
	"context"
	"fmt"

	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// LettersState is State for a table of dead letters: one that was rolled back is shown as it is, for Ready has the word on it, and
// anchoring it again would forget dead letters.
func (c *Committer) LettersState(ctx context.Context) (State, View, error) {
	if err := c.turn.take(ctx); err != nil {
		return State{}, View{}, fmt.Errorf("read state of %s: %w", c.Name, err)
	}
	defer c.turn.give()
	c.tries = 0
	for {
		v, st, err := c.read(ctx)
		if err != nil || st.Dirty || !Endangered(v, st, c.now()) {
			return st, v, err
		}
		if _, err := c.send(ctx, v, Reanchor(v, st, c.Hash, freshEpoch())); err != nil {
			return st, v, err
		}
	}
}

// AnchorLetters gives a table of dead letters our hash and a fresh epoch, by an empty snapshot, unless it has the hash already or was
// rolled back. cluster is Kafka's, for the first anchor.
func (c *Committer) AnchorLetters(ctx context.Context, cluster string) error {
	_, _, err := c.AmendLetters(ctx, func(_ View, st State) (*Edit, error) {
		if !st.Empty && st.Hash == c.Hash {
			return nil, nil
		}
		return &Edit{Cluster: cluster, NewEpoch: true}, nil
	})
	return err
}

// AmendLetters is Amend for a table of dead letters: one that was rolled back is left as it is, and marks are not held against
// other sink ids, since those of the tables order who writes dead letters.
func (c *Committer) AmendLetters(ctx context.Context, edit func(View, State) (*Edit, error)) (State, View, error) {
	if err := c.turn.take(ctx); err != nil {
		return State{}, View{}, fmt.Errorf("amend %s: %w", c.Name, err)
	}
	defer c.turn.give()
	c.tries = 0
	for {
		v, st, err := c.read(ctx)
		if err != nil || st.Dirty {
			return st, v, err
		}
		e, err := edit(v, st)
		if err != nil || e == nil {
			return st, v, err
		}
		if _, err := c.send(ctx, v, e.Change(v, st, c.Hash, freshEpoch())); err != nil {
			return st, v, err
		}
	}
}

// CommitLetters brings the dead letters of a worker's queue into the table of dead letters, whose Committer c is, and returns when each
// is seen there or is known never to fit; without any, nothing is asked of the catalog. t is the Committer of the table that the queue is for; f is what the worker stands on, which
// hears of what was written. Whatever is Stale, the worker reads both tables again and begins anew. The error is a *Stop, or ctx's.
//
// Both tables are read for every attempt, the dead letters first, and the request holds only on the very load of theirs that was judged.
func (c *Committer) CommitLetters(ctx context.Context, t *Committer, f Footing, queue []Letters) (Receipt, error) {
	any := false
	for _, l := range queue {
		err := l.agree(f)
		if err == nil && l.Dead != nil {
			any, err = true, l.Dead.Audit()
		}
		if err != nil {
			return Receipt{}, fmt.Errorf("commit to %s: %w", c.Name, err)
		}
	}
	if !any {
		return Receipt{}, nil
	}
	if err := c.turn.take(ctx); err != nil {
		return Receipt{}, fmt.Errorf("commit to %s: %w", c.Name, err)
	}
	defer c.turn.give()
	c.tries = 0
	r, begin := Receipt{}, c.now()
	for {
		v, st, err := c.read(ctx)
		if err != nil {
			return r, err
		}
		of, ofState, err := t.look(ctx)
		if err != nil {
			return r, err
		}
		got := FoldLetters(f, ofState, st, Lineage(of), Lineage(v), queue)
		usable, why, err := c.usable(ctx, v, got.Taken)
		if err != nil {
			return r, err
		}
		if why == "" && len(got.Stale) > 0 {
			why = "the table, or its dead letters, are not as they were when the batch began"
		}
		r.State, r.View, r.Took = st, v, c.now().Sub(begin)
		if len(usable) < len(got.Taken) || len(got.Taken) == 0 { // none of those behind an unusable one fits, and those before it can wait
			f.Wrote(got.Done...)
			r.Landed, r.Stale, r.Why = got.Done, append(got.Stale, got.Taken...), why
			return r, nil
		}
		r.Attempts++
		id, err := c.send(ctx, v, Land(v, st, c.Hash, got))
		if err != nil {
			return r, err
		}
		if id != 0 {
			r.Snapshot = id
		}
	}
}

// look reads the table, in its turn.
func (c *Committer) look(ctx context.Context) (View, State, error) {
	if err := c.turn.take(ctx); err != nil {
		return View{}, State{}, fmt.Errorf("look at %s: %w", c.Name, err)
	}
	defer c.turn.give()
	return c.read(ctx)
}

// agree holds a batch and its dead letters against each other: each new letter is counted as dead in the batch, in the same partition, and
// whatever else the batch counts as dead was decided before. An error means a bug of ours; such a batch must not be committed.
func (l Letters) agree(f Footing) error {
	for p, b := range l.Batch.Spans {
		s := manifest.Span{Range: offsets.Range{From: b.To, To: b.To}}
		if l.Dead != nil {
			if open, has := l.Dead.Spans[p]; has {
				s = open
			}
		}
		known := f.holds(p, offsets.Range{From: b.From, To: s.From})
		if s.To != b.To || s.From < b.From || s.Dead+s.Skipped != 0 || s.Rows > b.Dead || b.Dead > s.Rows+known {
			return fmt.Errorf("batch %s: partition %s: %s has %d dead, but there are %d new dead letters in %s, and %d older ones (this is a bug)",
				l.Batch.ID, p, b.Range, b.Dead, s.Rows, s.Range, known)
		}
	}
	return nil
}

// holds is how many offsets of a range are dead letters since before this worker.
func (f Footing) holds(p offsets.Partition, r offsets.Range) (n int64) {
	for o := range f.held[p] {
		if o >= r.From && o < r.To {
			n++
		}
	}
	return n
}
