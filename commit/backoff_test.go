package commit_test

import (
	"context"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
)

// waits commits one batch to a table whose first n requests are answered with err, and returns how long each wait was.
func waits(t *testing.T, w *world, c *commit.Committer, from int64, n int, err error) (all []time.Duration) {
	t.Helper()
	st, _, rerr := c.State(t.Context())
	if rerr != nil {
		t.Fatal(rerr)
	}
	c.Table = &refusing{Memory: w.mem, times: n, err: err}
	c.Trouble = func(_ string, _ error, again time.Duration) { all = append(all, again) }
	b := batch(st.Epoch, map[offsets.Partition]offsets.Range{p0: {From: from, To: from + 10}})
	b.Born = w.now
	if r, err := c.Commit(t.Context(), b); err != nil || len(r.Landed) != 1 {
		t.Fatalf("landed %d, stale %d (%s), %v", len(r.Landed), len(r.Stale), r.Why, err)
	}
	return all
}

// refusing answers the first requests with an error. A foreigner commits before each, so that every load shows progress.
type refusing struct {
	*committest.Memory
	times int
	err   error
}

func (r *refusing) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	if r.times--; r.times >= 0 {
		r.Foreign("append", 0)
		return 0, r.err
	}
	return r.Memory.Append(ctx, base, c)
}

func longest(all []time.Duration) (most time.Duration) {
	for _, d := range all {
		most = max(most, d)
	}
	return most
}

// How long to wait is learnt from requests, not from loads. A catalog that answers every load and fails every commit is left
// more and more time; many workers that race for one table spread out, although each loser sees the table move; and what one batch had to wait
// for is forgotten with the next.
func TestCommit_BackOffIsLearntFromRequests(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	for _, c := range []struct {
		what        string
		class       commit.Class
		least, most time.Duration // of the longest of 40 waits
	}{
		{"answers that are not understood", commit.Unknown, 10 * time.Second, 30 * time.Second},
		{"lost races", commit.Conflict, time.Second, 2 * time.Second},
	} {
		from := w.position(p0)
		all := waits(t, w, w.x, from, 40, &commit.Error{Class: c.class, Err: context.DeadlineExceeded})
		if got := longest(all); len(all) != 40 || got < c.least || got > c.most+time.Millisecond {
			t.Errorf("%s: the longest of %d waits was %s, want %s to %s of 40", c.what, len(all), got, c.least, c.most)
		}
		if got := longest(waits(t, w, w.x, from+10, 1, &commit.Error{Class: commit.Unknown, Err: context.DeadlineExceeded})); got > 101*time.Millisecond {
			t.Errorf("%s, then a new batch: its first wait is %s, want 100 ms at most", c.what, got)
		}
	}
}

func (w *world) position(p offsets.Partition) int64 {
	w.t.Helper()
	st, err := w.resolve("x")
	if err != nil {
		w.t.Fatal(err)
	}
	return st.Ledger.Marks[p].Next
}
