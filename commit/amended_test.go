package commit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

func from(p offsets.Partition, at, to int64) map[offsets.Partition]offsets.Range {
	return map[offsets.Partition]offsets.Range{p: {From: at, To: to}}
}

// What another sink claims may be told by nothing at all: then nobody may claim beside it, and the stop bears the table's name.
func TestAmend_ClaimsThatNobodyCanRead(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	w.mem.Edit(func(v *commit.View) { v.Tags["y"] = 4711 })
	head := w.mem.Head()
	st, v, err := w.x.Amend(t.Context(), func(commit.View, commit.State) (*commit.Edit, error) { return &commit.Edit{Set: marks{p1: {}}}, nil })
	wantStop(t, err, commit.NewSink)
	if st.Sink != "x" || v.Branch != "main" {
		t.Errorf("what was read is not returned: %+v, %+v", st, v)
	}
	var s *commit.Stop
	if !errors.As(err, &s) || s.Table != "shop.orders" || !strings.Contains(s.Found, "y") || w.mem.Head() != head {
		t.Errorf("%v, the head is %d, was %d", err, w.mem.Head(), head)
	}
}

// Where older metadata had to be read for the claims of another sink, its state is carried along from there.
func TestAmend_CarriesWhatOlderMetadataTell(t *testing.T) {
	w := newWorld(t)
	y := w.sink("y")
	clicks := offsets.Partition{Topic: "clicks"}
	w.anchor(y, clicks)
	st, _ := w.resolve("y")
	w.anchor(w.x, p0)
	w.mem.Edit(func(v *commit.View) {
		s := v.Snapshots[v.Head]
		s.Others = nil
		v.Snapshots[v.Head] = s
		v.Mirrors["y"] = commit.Mirror{}
	})
	w.mem.Expire(true, st.Carrier)
	w.anchor(w.x, p0, p1)
	v, _ := w.mem.Load(t.Context())
	if o, carried := v.Snapshots[v.Head].Others["y"]; !carried || o.Carrier != st.Carrier {
		t.Errorf("carried: %+v", v.Snapshots[v.Head].Others)
	}
}

// Under policy stop a branch that was moved back is left as it is, however long the state has been buried, and the caller sees what was found.
func TestState_RolledBackAndBuriedUnderPolicyStop(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	back := w.add(w.x, e, 0, 10).Snapshot
	w.add(w.x, e, 10, 20)
	w.mem.Rollback(back)
	w.mem.Foreign("append", 0)
	w.now = w.now.Add(commit.AnchorAge + time.Hour)
	w.x.Rollback = commit.StopOnRollback
	head := w.mem.Head()
	for name, do := range map[string]func() (commit.State, commit.View, error){
		"State": func() (commit.State, commit.View, error) { return w.x.State(t.Context()) },
		"Amend": func() (commit.State, commit.View, error) { return w.x.Amend(t.Context(), nil) },
	} {
		st, v, err := do()
		wantStop(t, err, commit.RolledBack)
		var s *commit.Stop
		if !errors.As(err, &s) || !strings.Contains(s.Found, fmt.Sprint("snapshot ", back)) || !strings.Contains(s.Do, "--position start") || !strings.Contains(s.Do, "--position mirror") {
			t.Errorf("%s: %v", name, err)
		}
		if !st.Dirty || st.Holder != back || v.Head != head || w.mem.Head() != head {
			t.Errorf("%s: %+v at %d; the head is %d, was %d", name, st, v.Head, w.mem.Head(), head)
		}
	}
}

// A word that was accepted begins an epoch, and is not mistaken for what another instance of the same sink committed meanwhile.
func TestAccept_BeginsAnEpochOfItsOwn(t *testing.T) {
	word := func(_ commit.View, st commit.State, _ error) (*commit.Edit, error) {
		return &commit.Edit{Set: marks{p0: {Next: st.Ledger.Marks[p0].Next + 5, Upper: offsets.Unbounded}}}, nil
	}
	w := newWorld(t)
	before := w.anchor(w.x, p0)
	if _, err := w.x.Accept(t.Context(), 0, word); err != nil {
		t.Fatal(err)
	}
	if st, err := w.resolve("x"); err != nil || st.Epoch == before.Epoch || st.Epoch == 0 {
		t.Errorf("epoch %d, was %d: %v", st.Epoch, before.Epoch, err)
	}
	w.mem.Recreate()
	_, _, err := w.x.State(t.Context())
	wantStop(t, err, commit.Recreated)

	w = newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	other := w.sink("x")
	w.x.Table = &busy{w.mem, func() { w.add(other, e, 0, 10) }}
	if id, err := w.x.Accept(t.Context(), w.mem.Head(), word); !errors.Is(err, commit.ErrMoved) {
		t.Errorf("accepted as %d (%v), and it was another instance's batch", id, err)
	}
	w.exact()
}

// Each batch is audited, not the first only.
func TestCommit_EveryBatchIsAudited(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	bad := batch(e, from(p0, 10, 20))
	bad.Spans[p0] = manifest.Span{Range: offsets.Range{From: 10, To: 20}, Counts: manifest.Counts{Holes: 9}}
	head := w.mem.Head()
	if _, err := w.x.Commit(t.Context(), batch(e, from(p0, 0, 10)), bad); err == nil || w.mem.Head() != head {
		t.Errorf("%v", err)
	}
}

// The first reason is told, of the partition that it is about, and what came before lands.
func TestCommit_TellsTheFirstReason(t *testing.T) {
	ps := several(8)
	for name, c := range map[string]struct {
		batches func(w *world, e uint64) []*manifest.Manifest
		landed  int
		why     string
	}{
		"too old, and another one elsewhere": {func(w *world, e uint64) []*manifest.Manifest {
			old := batch(e, from(p0, 0, 10))
			old.Born = w.now.Add(-commit.MaxBatchAge - 1400*time.Millisecond)
			return []*manifest.Manifest{old, batch(e, from(p0, 77, 78))}
		}, 0, "the batch is 6h0m1s old"},
		"one partition of eight elsewhere": {func(_ *world, e uint64) []*manifest.Manifest {
			all := map[offsets.Partition]offsets.Range{}
			for _, p := range ps {
				all[p] = offsets.Range{From: 0, To: 5}
			}
			all[ps[5]] = offsets.Range{From: 3, To: 5}
			return []*manifest.Manifest{batch(e, all)}
		}, 0, "partition orders-5: the batch begins at 3, the table stands at 0"},
		"past a bound": {func(w *world, e uint64) []*manifest.Manifest {
			w.mem.Edit(func(v *commit.View) {
				s := v.Snapshots[v.Head]
				l := s.Ledger.Clone()
				l.Marks[p0] = offsets.Mark{Upper: 5}
				s.Ledger = &l
				v.Snapshots[v.Head] = s
			})
			return []*manifest.Manifest{batch(e, from(p0, 0, 6))}
		}, 0, "the table has moved on"},
		"files of the second are gone": {func(w *world, e uint64) []*manifest.Manifest {
			gone := batch(e, from(p0, 10, 20))
			gone.Born = w.now.Add(-commit.VerifyAge - time.Minute)
			missing := fmt.Errorf("s3://b/f: %w", commit.ErrFilesGone)
			w.x.Table = &shelf{Memory: w.mem, answers: []error{missing, missing, missing}}
			return []*manifest.Manifest{batch(e, from(p0, 0, 10)), gone}
		}, 1, "s3://b/f: a staged file is gone"},
		"of a schema that is not the first": {func(w *world, e uint64) []*manifest.Manifest {
			w.mem.Edit(func(v *commit.View) { v.SchemaIDs, v.SpecIDs = []int{0, 5, 7}, []int{0, 2} })
			b := batch(e, from(p0, 0, 10))
			b.SchemaID, b.SpecID = 5, 2
			return []*manifest.Manifest{b}
		}, 1, ""},
	} {
		w := newWorld(t)
		e := w.anchor(w.x, ps...).Epoch
		bs := c.batches(w, e)
		r, err := w.x.Commit(t.Context(), bs...)
		if err != nil || len(r.Landed) != c.landed || len(r.Landed)+len(r.Stale) != len(bs) || !strings.HasPrefix(r.Why, c.why) || (r.Why == "") != (c.why == "") {
			t.Errorf("%s: landed %d, stale %d, why %q, %v", name, len(r.Landed), len(r.Stale), r.Why, err)
		}
	}
}

// timed notes how long a request may take.
type timed struct {
	*committest.Memory
	left func(d time.Duration, bounded bool)
}

func (t timed) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	until, ok := ctx.Deadline()
	t.left(time.Until(until), ok)
	return t.Memory.Append(ctx, base, c)
}

// A request lives no longer than the oldest of its batches; one without files lives as long as its caller.
func TestCommit_ARequestLivesAsLongAsItsOldestBatch(t *testing.T) {
	for name, c := range map[string]struct {
		ages []time.Duration // -1: nothing was uploaded
		left time.Duration   // 0: no bound
	}{
		"one":                      {[]time.Duration{time.Hour}, 5 * time.Hour},
		"the first is older":       {[]time.Duration{3 * time.Hour, time.Hour}, 3 * time.Hour},
		"the second is older":      {[]time.Duration{time.Hour, 3 * time.Hour}, 3 * time.Hour},
		"one without files":        {[]time.Duration{-1}, 0},
		"one of two without files": {[]time.Duration{-1, 2 * time.Hour}, 4 * time.Hour},
		"the second without files": {[]time.Duration{2 * time.Hour, -1}, 4 * time.Hour},
		"none":                     {nil, 0},
	} {
		w := newWorld(t)
		e := w.anchor(w.x, p0).Epoch
		var bs []*manifest.Manifest
		for i, age := range c.ages {
			b := batch(e, from(p0, int64(10*i), int64(10*i+10)))
			if age >= 0 {
				b.Born = w.now.Add(-age)
			}
			bs = append(bs, b)
		}
		w.x.Table = timed{w.mem, func(d time.Duration, bounded bool) {
			if bounded != (c.left > 0) || bounded && (d > c.left || d < c.left-time.Minute) {
				t.Errorf("%s: a request may take %s (bounded: %v), want %s", name, d, bounded, c.left)
			}
		}}
		if r, err := w.x.Commit(t.Context(), bs...); err != nil || len(r.Landed) != len(bs) {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}
