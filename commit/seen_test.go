package commit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
)

// after lets a test change the table, or the time, between the answer to a batch and the next load.
type after struct {
	*committest.Memory
	then func(id int64)
}

func (a *after) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	id, err := a.Memory.Append(ctx, base, c)
	if then := a.then; err == nil && then != nil {
		a.then = nil
		then(id)
	}
	return id, err
}

// What an acknowledged commit may look like at the next load, and what is concluded: that it is there, that nothing can be told, or
// that the catalog lies; then the snapshot is named, and the lie is told once.
func TestCommit_WhatIsSeenOfAnAcknowledgedCommit(t *testing.T) {
	const lie = "CRITICAL"
	edit := func(w *world, id int64, f func(s *commit.Snapshot)) {
		w.mem.Edit(func(v *commit.View) { s := v.Snapshots[id]; f(&s); v.Snapshots[id] = s })
	}
	for name, c := range map[string]struct {
		then  func(w *world, e uint64, id int64)
		found []string // of a stop; nil: none
	}{
		"all of it": {func(*world, uint64, int64) {}, nil},
		"another parent": {func(w *world, _ uint64, id int64) {
			edit(w, id, func(s *commit.Snapshot) { s.Parent = 77 })
		},
			[]string{lie, "applied on", "commits of others may be lost"}},
		"another parent, in a catalog that hides them": {func(w *world, _ uint64, id int64) {
			edit(w, id, func(s *commit.Snapshot) { s.Parent = 77 })
			w.mem.Edit(func(v *commit.View) { v.Caps.History = false })
		}, nil},
		"no offsets": {func(w *world, _ uint64, id int64) {
			edit(w, id, func(s *commit.Snapshot) { s.Ledger, s.Broken = nil, "cut off" })
		},
			[]string{lie, "its rows are in the table, its offsets are not"}},
		"no name": {func(w *world, _ uint64, id int64) { edit(w, id, func(s *commit.Snapshot) { s.Sink = "" }) },
			[]string{lie, "its rows are in the table, its offsets are not"}},
		"nothing, and the table has not moved": {func(w *world, _ uint64, id int64) {
			w.mem.Edit(func(v *commit.View) {
				v.Head = v.Snapshots[id].Parent
				delete(v.Snapshots, id)
				v.Tags["x"], v.Mirrors["x"] = v.Head, commit.Mirror{Sound: true, Snapshot: v.Head, Epoch: v.Snapshots[v.Head].Epoch, Ledger: *v.Snapshots[v.Head].Ledger}
			})
		}, []string{lie, "no trace of it"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.anchor(w.x, p0).Epoch
			var id int64
			w.x.Table = &after{w.mem, func(i int64) { id = i; c.then(w, e, i) }}
			_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
			if c.found == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantStop(t, err, commit.CatalogLies)
			var s *commit.Stop
			if !errors.As(err, &s) || s.Table != "shop.orders" || !strings.Contains(s.Do, "check --probe") || strings.Contains(s.Do, lie) {
				t.Errorf("%v", err)
			}
			for _, part := range append(c.found, fmt.Sprint("snapshot ", id)) {
				if !strings.Contains(s.Found, part) {
					t.Errorf("%q does not tell of %q", s.Found, part)
				}
			}
			if _, _, err := w.x.Look(t.Context()); err != nil && strings.Contains(err.Error(), lie) {
				t.Errorf("told again: %v", err)
			}
		})
	}
}

// A commit that was rolled back and expired before the next load, by somebody who committed nothing, is no lie as long as one thing tells
// of it. The table stands where the branch does, and its offsets are brought there again or read again.
func TestCommit_ATraceIsEnough(t *testing.T) {
	for name, c := range map[string]struct {
		keep     func(v *commit.View, id int64)
		log, lie bool // older metadata still list it
	}{
		"the tag":        {func(v *commit.View, id int64) { v.Tags["x"] = id }, false, false},
		"the mirror":     {func(v *commit.View, id int64) { v.Mirrors["x"] = commit.Mirror{Sound: true, Snapshot: id} }, false, false},
		"older metadata": {func(*commit.View, int64) {}, true, false},
		"nothing at all": {func(*commit.View, int64) {}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.anchor(w.x, p0).Epoch
			w.x.Table = &after{w.mem, w.undoing(c.log, c.keep)}
			r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
			if c.lie {
				wantStop(t, err, commit.CatalogLies)
				return
			}
			if err != nil || len(r.Landed)+len(r.Stale) != 1 {
				t.Fatalf("landed %d, stale %d (%s), %v", len(r.Landed), len(r.Stale), r.Why, err)
			}
			w.exact()
		})
	}
}

// undoing takes a snapshot back, with its tag and its mirror, to the table as it is now; keep puts some of it back, log leaves it in older
// metadata.
func (w *world) undoing(log bool, keep func(v *commit.View, id int64)) func(id int64) {
	before, _ := w.mem.Load(w.t.Context())
	return func(id int64) {
		w.mem.Edit(func(v *commit.View) {
			v.Head, v.Tags, v.Mirrors = before.Head, before.Tags, before.Mirrors
			keep(v, id)
		})
		w.mem.Expire(log, id)
	}
}

// What a load has shown is known, and not asked for again whatever becomes of it.
func TestCommit_WhatWasSeenMayGo(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	undo := w.undoing(false, func(*commit.View, int64) {})
	undo(w.add(w.x, e, 0, 10).Snapshot)
	st, _, err := w.x.Look(t.Context())
	wantNext(t, st, err, 0)
}

// An operator decides by what the table shows now: what this process had committed before, and never looked for, is not held against it.
func TestAccept_AfterACommitThatNobodyLookedFor(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	ctx, cancel := context.WithCancel(t.Context())
	undo := w.undoing(false, func(*commit.View, int64) {})
	w.x.Table = &after{w.mem, func(id int64) { undo(id); cancel() }}
	if _, err := w.x.Commit(ctx, batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	id, err := w.x.Accept(t.Context(), w.mem.Head(), func(commit.View, commit.State, error) (*commit.Edit, error) {
		return &commit.Edit{NewEpoch: true}, nil
	})
	if err != nil || id != w.mem.Head() {
		t.Errorf("accepted as %d, the head is %d, %v", id, w.mem.Head(), err)
	}
}

// A receipt names the last snapshot that was acknowledged, also where that one was taken back and the batch had to be sent again.
func TestCommit_TellsTheLastSnapshotThatWasAcknowledged(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	var acknowledged int64
	undo := w.undoing(true, func(*commit.View, int64) {})
	w.x.Table = &after{w.mem, func(id int64) {
		acknowledged = id
		undo(id)
		w.mem.Faults(on(committest.OnAppend, committest.LoseReply))
	}}
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	if err != nil || len(r.Landed) != 1 || r.Attempts != 2 || r.Snapshot != acknowledged || r.Snapshot == w.mem.Head() {
		t.Errorf("landed %d, %d attempts, snapshot %d, acknowledged was %d, %v", len(r.Landed), r.Attempts, r.Snapshot, acknowledged, err)
	}
	w.exact()
}

// Loads that lag behind are waited for up to a limit, under the name of their step; then it is a lie. A context that ends is told.
func TestCommit_LoadsThatLagBehind(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Lag(1 << 30)
	w.x.Jitter = whole
	began := w.now
	steps := map[string]int{}
	w.x.Trouble = func(step string, err error, _ time.Duration) {
		steps[step]++
		if err == nil || !strings.Contains(err.Error(), "older than a commit") {
			t.Errorf("%s: %v", step, err)
		}
	}
	_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	wantStop(t, err, commit.CatalogLies)
	if took := w.now.Sub(began); took <= commit.StaleLoads || took > commit.StaleLoads+31*time.Second || len(steps) != 1 || steps["load table"] == 0 {
		t.Errorf("after %s, steps %v", took, steps)
	}
	if !strings.Contains(err.Error(), "2m0s after it acknowledged snapshot") {
		t.Errorf("%v", err)
	}

	w = newWorld(t)
	e = w.anchor(w.x, p0).Epoch
	w.mem.Lag(1 << 30)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	w.x.Sleep = func(ctx context.Context, d time.Duration) error {
		if n++; n == 3 {
			cancel()
		}
		return ctx.Err()
	}
	if _, err := w.x.Commit(ctx, batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})); !errors.Is(err, context.Canceled) || n != 3 {
		t.Errorf("%v after %d waits", err, n)
	}
}

// Of many sinks and partitions the one that is in the way is found, and claims that nobody can read are told with a way out.
func TestCovered_LooksEverywhere(t *testing.T) {
	ps := several(8)
	for range 16 {
		theirs := marks{}
		for _, p := range ps {
			theirs[p] = mark(0, 0, 9)
		}
		theirs[ps[3]] = mark(0, 0, -1)
		clicks := marks{{Topic: "clicks"}: mark(0, 0, -1)}
		v := beside(map[string]marks{"a": clicks, "b": clicks, "x": theirs, "y": theirs})
		later := offsets.Partition{Topic: "orders", TopicID: offsets.TopicID{1}, Num: 99}
		p, c, met, err := commit.Covered(v, "x", marks{later: mark(0, 0, 1), {Topic: "letters"}: mark(0, 0, -1)})
		if err != nil || !met || p != later || c != (commit.Cover{Sink: "y", Range: offsets.Range{From: 0, To: math.MaxInt64}}) {
			t.Fatalf("%v %+v %v %v", p, c, met, err)
		}
		p, c, met, err = commit.Covered(v, "x", marks{{Topic: "a"}: mark(0, 0, -1), ps[0]: mark(9, 9, 20), ps[7]: mark(8, 8, 20)})
		if err != nil || !met || p != ps[7] || c != (commit.Cover{Sink: "y", Range: offsets.Range{From: 0, To: 9}}) {
			t.Fatalf("%v %+v %v %v", p, c, met, err)
		}
		if _, _, met, err := commit.Covered(v, "x", marks{ps[0]: mark(9, 9, 20)}); met || err != nil {
			t.Fatalf("%v %v", met, err)
		}
		last := beside(map[string]marks{"y": {ps[7]: mark(0, 0, 9)}}) // of the others it never takes one
		if p, _, met, err := commit.Covered(last, "x", marks{ps[0]: mark(0, 0, 9), ps[7]: mark(0, 0, 9)}); !met || err != nil || p != ps[7] {
			t.Fatalf("%v %v %v", p, met, err)
		}
	}
	v := beside(map[string]marks{"y": {p0: mark(0, 0, 9)}})
	v.Tags, v.HistoryComplete = map[string]int64{"z": 4711}, true
	_, _, met, err := commit.Covered(v, "x", marks{p1: mark(0, 0, -1)})
	var s *commit.Stop
	if met || !errors.As(err, &s) || s.Reason != commit.NewSink || !strings.HasPrefix(s.Found, "sink z has written to this table") || !strings.Contains(s.Do, "new_sink: allow") {
		t.Errorf("%v %v", met, err)
	}
}
