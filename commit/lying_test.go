package commit_test

import (
	"context"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
)

func TestCommit_LoadsThatLagBehindAreWaitedFor(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Lag(6) // one to build on, five that do not show the commit yet
	r := w.add(w.x, e, 0, 10)
	if r.Attempts != 1 {
		t.Errorf("%d attempts: a stale load was taken for the truth", r.Attempts)
	}
	w.exact()
}

func TestCommit_LoadsThatNeverCatchUpAreALie(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Lag(1 << 30)
	_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	wantStop(t, err, commit.CatalogLies)
}

// What proves a lie is four loads over more than two minutes that are all older than the commit. Neither suffices without the other: a process
// may sleep for hours between two loads, and a cache may lag for as long as it is allowed.
func TestCommit_HowOftenAndHowLongLoadsMayLag(t *testing.T) {
	for name, c := range map[string]struct {
		waits []time.Duration // between stale loads
		lie   bool
	}{
		"three, hours apart":            {[]time.Duration{3 * time.Hour, 3 * time.Hour}, false},
		"four, hours apart":             {[]time.Duration{3 * time.Hour, 3 * time.Hour, 3 * time.Hour}, true},
		"four, the first hours before":  {[]time.Duration{3 * time.Hour, 0, 0}, true},
		"four, for as long as they may": {[]time.Duration{time.Minute, time.Minute, 0}, false},
		"four, for longer":              {[]time.Duration{time.Minute, time.Minute, 1}, true},
		"many, for as long as they may": {[]time.Duration{time.Minute, 0, 0, 0, 0, 0, 0, time.Minute}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.anchor(w.x, p0).Epoch
			w.mem.Lag(1 + 1 + len(c.waits)) // one to build on, and one before the waits
			slept := 0
			w.x.Sleep = func(ctx context.Context, _ time.Duration) error {
				if slept < len(c.waits) {
					w.now = w.now.Add(c.waits[slept])
				}
				slept++
				return ctx.Err()
			}
			r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
			if !c.lie {
				if err != nil || len(r.Landed) != 1 || slept != len(c.waits)+1 {
					t.Fatalf("landed %d, stale %d (%s), after %d waits, %v", len(r.Landed), len(r.Stale), r.Why, slept, err)
				}
				return
			}
			wantStop(t, err, commit.CatalogLies)
			if slept != len(c.waits) {
				t.Errorf("found out after %d waits, want %d", slept, len(c.waits))
			}
		})
	}
}

// An expiry that comes between a commit and the load that is to show it, and takes the parent from our snapshot, is no lie: neither
// while older metadata tell of the parent nor when they are gone.
func TestCommit_ParentThatExpiryTookAwayIsNoLie(t *testing.T) {
	for _, log := range []bool{true, false} {
		w := newWorld(t)
		e := w.anchor(w.x, p0).Epoch
		anchor := w.mem.Head()
		w.x.Table = beforeLoad{w.x.Table, func() {
			if w.mem.Head() != anchor {
				w.mem.ExpireUnparenting(log, anchor)
			}
		}}
		w.add(w.x, e, 0, 10)
		if v, _ := w.mem.Load(t.Context()); v.Snapshots[v.Head].Parent != 0 || len(v.Snapshots) != 1 {
			t.Fatalf("nothing was expired: %+v", v.Snapshots)
		}
		w.x.Table = w.mem
		w.add(w.x, e, 10, 20)
		w.exact()
	}
}

type beforeLoad struct {
	commit.Table
	do func()
}

func (b beforeLoad) Load(ctx context.Context) (commit.View, error) { b.do(); return b.Table.Load(ctx) }

// A catalog that ignores requirements loses somebody's commit; that is seen at once.
func TestCommit_CatalogThatIgnoresRequirementsIsCaught(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Faults(func(s committest.Step) committest.Fault {
		if s == committest.OnAppend {
			return committest.Blind
		}
		return committest.None
	})
	w.x.Table = between{w.mem}
	_, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	wantStop(t, err, commit.CatalogLies)
}

func TestResolve_UnsoundMirrorBridgesNoGap(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	carrier := w.add(w.x, e, 0, 10).Snapshot
	w.mem.Foreign("append", 0)
	w.mem.Expire(false, carrier)
	w.mem.Edit(func(v *commit.View) { m := v.Mirrors["x"]; m.Sound = false; v.Mirrors["x"] = m })
	_, err := w.resolve("x")
	wantStop(t, err, commit.LineageLost)
}

func TestAmend_ClaimsOfAnotherSinkAreRefused(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	head := w.mem.Head()
	y := w.sink("y")
	claim := func(_ commit.View, st commit.State) (*commit.Edit, error) {
		if !st.Empty {
			return nil, nil
		}
		return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{p0: {Upper: offsets.Unbounded}}}, nil
	}
	_, _, err := y.Amend(t.Context(), claim)
	wantStop(t, err, commit.NewSink)
	if w.mem.Head() != head {
		t.Error("a claim that was refused was committed")
	}
	y.AllowNewSink = true
	if _, _, err := y.Amend(t.Context(), claim); err != nil || w.mem.Head() == head {
		t.Errorf("policy.new_sink: allow: %v", err)
	}
}

func TestAmend_MovedPositionsFenceOlderBatches(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.add(w.x, e, 0, 10)
	st, _, err := w.x.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		if m := st.Ledger.Marks[p0]; m.Next == 10 {
			m.Next, m.Holes = 15, m.Holes+5
			return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{p0: m}, NewEpoch: true,
				Gaps: []commit.Gap{{Partition: p0, Range: offsets.Range{From: 10, To: 15}, Why: "retention"}}}, nil
		}
		return nil, nil
	})
	if err != nil || st.Epoch == e {
		t.Fatalf("%+v %v", st, err)
	}
	r, err := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 15, To: 20}}))
	if err != nil || len(r.Stale) != 1 {
		t.Errorf("a batch of the epoch before: %+v %v", r, err)
	}
}

// An operator's answer is believed no sooner than a batch: sent once, waited for while loads lag behind, and a lie where it never was.
func TestAccept_IsLookedForLikeAnyCommit(t *testing.T) {
	answer := func(w *world, lied bool) (sent int, err error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.mem.Faults(func(s committest.Step) committest.Fault {
			if s != committest.OnAppend {
				return committest.None
			}
			if sent++; sent == 10 {
				cancel()
			}
			if lied {
				return committest.Lie
			}
			return committest.None
		})
		_, err = w.x.Accept(ctx, w.mem.Head(), func(commit.View, commit.State, error) (*commit.Edit, error) {
			return &commit.Edit{NewEpoch: true}, nil
		})
		return sent, err
	}
	for name, lag := range map[string]func(w *world){
		"as the operator saw it": func(w *world) { w.mem.Lag(6) }, // one to build on
		"older than that": func(w *world) {
			old, _ := w.mem.Load(t.Context())
			w.anchor(w.x, p1)
			w.x.Table = &after{w.mem, func(int64) {
				now, _ := w.mem.Load(t.Context())
				w.mem.Edit(func(v *commit.View) { *v = old })
				w.mem.Lag(5)
				w.mem.Edit(func(v *commit.View) { *v = now })
			}}
		},
	} {
		w := newWorld(t)
		w.anchor(w.x, p0)
		lag(w)
		if sent, err := answer(w, false); err != nil || sent != 1 {
			t.Errorf("loads are %s: sent %d times, %v", name, sent, err)
		}
	}
	w := newWorld(t)
	w.anchor(w.x, p0)
	sent, err := answer(w, true)
	wantStop(t, err, commit.CatalogLies)
	if sent != 1 {
		t.Errorf("sent %d times", sent)
	}
}
