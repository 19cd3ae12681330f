package commit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// exact fails unless the rows of the branch are exactly the offsets below its position, each once.
func (w *world) exact() {
	w.t.Helper()
	w.mem.Faults(nil)
	st, err := w.resolve("x")
	if err != nil {
		w.t.Fatalf("resolve: %v", err)
	}
	held := map[offsets.Partition]map[int64]int{}
	for _, r := range w.mem.Rows() {
		if held[r.Partition] == nil {
			held[r.Partition] = map[int64]int{}
		}
		for o := r.Range.From; o < r.Range.To; o++ {
			held[r.Partition][o]++
		}
	}
	for p, m := range st.Ledger.Marks {
		for o := m.Origin; o < m.Next; o++ {
			if held[p][o] != 1 {
				w.t.Fatalf("%s offset %d is in the table %d times, its position is %d", p, o, held[p][o], m.Next)
			}
			delete(held[p], o)
		}
		if len(held[p]) > 0 {
			w.t.Fatalf("%s: rows above its position %d: %v", p, m.Next, held[p])
		}
	}
}

func TestCommit_EveryAnswerLostOrRefused(t *testing.T) {
	for _, fault := range []committest.Fault{committest.Refuse, committest.LoseReply} {
		for k := 1; k <= 12; k++ {
			t.Run(fmt.Sprintf("fault %d at request %d", fault, k), func(t *testing.T) {
				w := newWorld(t)
				n := 0
				w.mem.Faults(func(committest.Step) committest.Fault {
					if n++; n == k || n == k+2 {
						return fault
					}
					return committest.None
				})
				e := w.anchor(w.x, p0, p1).Epoch
				for o := int64(0); o < 30; o += 10 {
					w.add(w.x, e, o, o+10)
				}
				w.exact()
			})
		}
	}
}

func TestCommit_SameBatchByTwoCommittersLandsOnce(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	for o := int64(0); o < 400; o += 10 {
		b := batch(e, map[offsets.Partition]offsets.Range{p0: {From: o, To: o + 10}})
		var all sync.WaitGroup
		for range 2 {
			c := w.sink("x")
			c.Now, c.Sleep = nil, func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
			b := *b
			b.Born = time.Now()
			all.Go(func() {
				if r, err := c.Commit(t.Context(), &b); err != nil || len(r.Landed) != 1 {
					t.Errorf("landed %d, %v", len(r.Landed), err)
				}
			})
		}
		all.Wait()
	}
	w.exact()
}

func TestCommit_StaleBatchIsGivenUpAsAWhole(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.add(w.x, e, 0, 10)
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 5, To: 15}}))
	if err != nil || len(r.Stale) != 1 || r.Why == "" || r.State.Ledger.Marks[p0].Next != 10 {
		t.Fatalf("%+v %v", r, err)
	}
	w.exact()
}

func TestCommit_RollbackIsReplayed(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	back := w.add(w.x, e, 0, 10).Snapshot
	w.add(w.x, e, 10, 20)
	w.mem.Rollback(back)
	zombie := batch(e, map[offsets.Partition]offsets.Range{p0: {From: 10, To: 20}})
	r, err := w.x.Commit(t.Context(), zombie)
	if err != nil || len(r.Stale) != 1 {
		t.Fatalf("a batch of before the rollback must die, even where its offsets fit: %+v %v", r, err)
	}
	if r.State.Dirty || r.State.Epoch == e {
		t.Errorf("the state must be anchored again with a fresh epoch: %+v", r.State)
	}
	w.add(w.x, r.State.Epoch, 10, 20)
	w.exact()
}

func TestCommit_RollbackStopsByPolicy(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	back := w.add(w.x, e, 0, 10).Snapshot
	w.add(w.x, e, 10, 20)
	w.mem.Rollback(back)
	w.x.Rollback = commit.StopOnRollback
	_, _, err := w.x.State(t.Context())
	wantStop(t, err, commit.RolledBack)
	head := w.mem.Head()
	if _, err := w.x.Accept(t.Context(), head+1, nil); !errors.Is(err, commit.ErrMoved) {
		t.Errorf("an answer to another head: %v", err)
	}
	_, err = w.x.Accept(t.Context(), head, func(_ commit.View, st commit.State, why error) (*commit.Edit, error) {
		return &commit.Edit{NewEpoch: true, Audit: &commit.Audit{Action: "accept"}}, why
	})
	if err != nil {
		t.Fatal(err)
	}
	st, _, err := w.x.State(t.Context())
	wantNext(t, st, err, 10)
	w.exact()
}

func TestCommit_LyingCatalogIsCaught(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	lies := 0
	w.mem.Faults(func(s committest.Step) committest.Fault {
		if s == committest.OnAppend {
			lies++
			return committest.Lie
		}
		return committest.None
	})
	_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	wantStop(t, err, commit.CatalogLies)
	if lies != 1 {
		t.Errorf("caught after %d commits", lies)
	}
}

func TestCommit_TableCreatedAgain(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Recreate()
	_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	wantStop(t, err, commit.Recreated)
}

func TestCommit_OldBatchAndLostSchemaAreReadAgain(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	old := batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
	old.Born = w.now.Add(-commit.MaxBatchAge - time.Second)
	schema := batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
	schema.Born, schema.SchemaID = w.now, 9
	spec := batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
	spec.Born, spec.SpecID = w.now, 9
	for _, b := range []*manifest.Manifest{old, schema, spec} {
		r, err := w.x.Commit(t.Context(), b)
		if err != nil || len(r.Stale) != 1 || len(r.Landed) != 0 {
			t.Errorf("%+v %v", r, err)
		}
	}
	w.exact()
}

func TestCommit_UnauditableBatchIsABug(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	b := batch(e, nil)
	b.Spans[p0] = manifest.Span{Range: offsets.Range{From: 0, To: 10}, Counts: manifest.Counts{Holes: 9}}
	if _, err := w.x.Commit(t.Context(), b); err == nil {
		t.Error("a batch whose counts do not add up was committed")
	}
}

func TestCommit_BuriedStateIsAnchoredInTime(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	w.mem.Foreign("append", 0)
	st, _, err := w.x.State(t.Context())
	if err != nil || !st.Buried {
		t.Fatalf("fresh: nothing to do yet: %+v %v", st, err)
	}
	w.now = w.now.Add(commit.AnchorAge + time.Minute)
	if st, _, err = w.x.State(t.Context()); err != nil || st.Buried {
		t.Errorf("%+v %v", st, err)
	}
}

// Anything may happen between any two requests; what the table holds stays exact, or sinker stops.
func TestCommit_RandomWalkOfWorkersAndForeigners(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t)
		workers := []*commit.Committer{w.sink("x"), w.sink("x"), w.sink("x")}
		w.anchor(workers[0], p0, p1)
		var late []*manifest.Manifest
		w.mem.Faults(func(committest.Step) committest.Fault {
			if rng.IntN(4) == 0 {
				return committest.Fault(rng.IntN(3))
			}
			return committest.None
		})
		stopped := false
		for range 60 {
			c := workers[rng.IntN(len(workers))]
			st, _, err := c.State(t.Context())
			var s *commit.Stop
			if errors.As(err, &s) {
				stopped = true
				break
			}
			spans := map[offsets.Partition]offsets.Range{}
			for _, p := range []offsets.Partition{p0, p1} {
				if from := st.Ledger.Marks[p].Next; rng.IntN(3) > 0 {
					spans[p] = offsets.Range{From: from, To: from + 1 + rng.Int64N(3)}
				}
			}
			b := batch(st.Epoch, spans)
			b.Born = w.now
			late = append(late, b)
			snaps := func() []int64 { return ancestors(w.mem) }
			switch rng.IntN(10) {
			case 0:
				w.mem.Foreign("append", 0)
			case 1:
				if a := snaps(); len(a) > 2 {
					w.mem.Rollback(a[rng.IntN(len(a)-1)])
				}
			case 2:
				if a := snaps(); len(a) > 3 {
					w.mem.Expire(rng.IntN(2) == 0, a[len(a)-1-rng.IntN(2)])
				}
			}
			z := late[rng.IntN(len(late))] // often the fresh one, sometimes a zombie's
			if rng.IntN(3) > 0 {
				z = b
			}
			if _, err := workers[rng.IntN(len(workers))].Commit(t.Context(), z); err != nil && !errors.As(err, &s) {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		w.mem.Faults(nil)
		if !stopped {
			if _, err := w.resolve("x"); err == nil {
				w.exact()
			}
		}
	}
}

func ancestors(m *committest.Memory) []int64 {
	v, _ := m.Load(context.Background())
	var out []int64
	for id := v.Head; id != 0; {
		s, ok := v.Snapshots[id]
		if !ok {
			break
		}
		out = append(out, id)
		id = s.Parent
	}
	return out
}

// late keeps every request that was ever sent and sends some of them again, long after.
type late struct {
	*committest.Memory
	rng  *rand.Rand
	sent []request
}

type request struct {
	base commit.View
	c    commit.Change
}

func (l *late) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	l.sent = append(l.sent, request{base, c})
	return l.Memory.Append(ctx, base, c)
}

func (l *late) again(ctx context.Context) {
	if n := len(l.sent); n > 0 {
		r := l.sent[l.rng.IntN(n)]
		_, _ = l.Memory.Append(ctx, r.base, r.c) // whoever sent it has long forgotten it
	}
}

func TestCommit_RequestsThatArriveAgainHoursLater(t *testing.T) {
	for seed := range uint64(200) {
		w := newWorld(t)
		l := &late{Memory: w.mem, rng: rand.New(rand.NewPCG(seed, 2))}
		w.mem.Faults(func(s committest.Step) committest.Fault {
			if s == committest.OnAppend && l.rng.IntN(3) == 0 {
				return committest.LoseReply
			}
			return committest.None
		})
		w.x.Table = l
		w.anchor(w.x, p0)
		for o := int64(0); o < 200; {
			switch l.rng.IntN(8) {
			case 0:
				w.mem.Foreign("append", 0)
			case 1:
				if a := ancestors(w.mem); len(a) > 2 {
					w.mem.Rollback(a[1+l.rng.IntN(len(a)-2)])
				}
			}
			w.now = w.now.Add(time.Hour)
			l.again(t.Context())
			st, _, err := w.x.State(t.Context())
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			o = st.Ledger.Marks[p0].Next
			if _, err := w.x.Commit(t.Context(), batch(st.Epoch, map[offsets.Partition]offsets.Range{p0: {From: o, To: o + 10}})); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			l.again(t.Context())
			o += 10
		}
		w.exact()
	}
}

func TestCommit_WaitsAsTheTableWishes(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Edit(func(v *commit.View) { v.RetryMin, v.RetryMax = 4*time.Second, 5*time.Second })
	n := 0
	w.mem.Faults(func(s committest.Step) committest.Fault {
		if n++; s == committest.OnAppend && n < 100 {
			return committest.Refuse
		}
		return committest.None
	})
	var longest time.Duration
	w.x.Trouble = func(_ string, _ error, again time.Duration) { longest = max(longest, again) }
	w.add(w.x, e, 0, 10)
	if longest > 5*time.Second+time.Millisecond || longest < time.Second {
		t.Errorf("the longest of 49 waits was %s, the table wishes for 4 s to 5 s", longest)
	}
}

// between lets a foreigner commit between each load and the request that builds on it.
type between struct{ *committest.Memory }

func (b between) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	b.Foreign("append", 0)
	return b.Memory.Append(ctx, base, c)
}
