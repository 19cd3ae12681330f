package commit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
)

// world is a table in memory with one sink on it.
type world struct {
	t   *testing.T
	mem *committest.Memory
	now time.Time
	x   *commit.Committer
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.mem = committest.NewMemory(func() time.Time { return w.now })
	w.x = w.sink("x")
	return w
}

func (w *world) sink(id string) *commit.Committer {
	return &commit.Committer{Table: w.mem, Name: "shop.orders", Sink: id, Hash: "h", Rollback: commit.Replay,
		Now:   func() time.Time { return w.now },
		Sleep: func(ctx context.Context, d time.Duration) error { w.now = w.now.Add(d); return ctx.Err() }}
}

func (w *world) anchor(c *commit.Committer, ps ...offsets.Partition) commit.State {
	w.t.Helper()
	st, _, err := c.Amend(w.t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		set := map[offsets.Partition]offsets.Mark{}
		for _, p := range ps {
			if _, has := st.Ledger.Marks[p]; !has {
				set[p] = offsets.Mark{Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
			}
		}
		if len(set) == 0 {
			return nil, nil
		}
		return &commit.Edit{Cluster: "c", Set: set}, nil
	})
	if err != nil {
		w.t.Fatalf("anchor: %v", err)
	}
	return st
}

// add commits [from, to) of p0 and fails the test unless it lands.
func (w *world) add(c *commit.Committer, epoch uint64, from, to int64) commit.Receipt {
	w.t.Helper()
	r, err := c.Commit(w.t.Context(), batch(epoch, map[offsets.Partition]offsets.Range{p0: {From: from, To: to}}))
	if err != nil || len(r.Landed) != 1 {
		w.t.Fatalf("commit [%d,%d): landed %d, stale %d (%s), %v", from, to, len(r.Landed), len(r.Stale), r.Why, err)
	}
	return r
}

func (w *world) resolve(sink string) (commit.State, error) {
	w.t.Helper()
	v, err := w.mem.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	st, err := commit.Resolve(v, sink)
	if errors.Is(err, commit.ErrNeedHistory) {
		v, _ = w.mem.History(w.t.Context(), v)
		st, err = commit.Resolve(v, sink)
	}
	return st, err
}

func wantStop(t *testing.T, err error, why commit.Reason) {
	t.Helper()
	var s *commit.Stop
	if !errors.As(err, &s) || s.Reason != why {
		t.Fatalf("got %v, want STOP(%s)", err, why)
	}
	if s.Do == "" || s.Found == "" {
		t.Errorf("a stop must say what was found and what to do: %v", s)
	}
}

func wantNext(t *testing.T, st commit.State, err error, next int64) {
	t.Helper()
	if err != nil || st.Ledger.Marks[p0].Next != next {
		t.Fatalf("position %d (%v), want %d", st.Ledger.Marks[p0].Next, err, next)
	}
}

func TestResolve_VirginTableIsEmpty(t *testing.T) {
	w := newWorld(t)
	st, err := w.resolve("x")
	if err != nil || !st.Empty {
		t.Fatalf("%+v %v", st, err)
	}
	w.mem.Foreign("append", 0)
	if st, err = w.resolve("x"); err != nil || !st.Empty {
		t.Fatalf("a table that others filled is virgin for us: %+v %v", st, err)
	}
}

func TestResolve_ForeignSnapshotsAreWalkedPast(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.add(w.x, e, 0, 10)
	w.mem.Foreign("replace", 0)
	w.mem.Foreign("append", 0)
	st, err := w.resolve("x")
	wantNext(t, st, err, 10)
	if st.Dirty || !st.Buried || st.Epoch != e {
		t.Errorf("%+v", st)
	}
	w.add(w.x, e, 10, 20)
}

func TestResolve_ExpiredCarrier(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	carrier := w.add(w.x, e, 0, 10).Snapshot
	f1 := w.mem.Foreign("replace", 0)
	w.mem.Foreign("append", 0)

	t.Run("the mirror names exactly the missing parent", func(t *testing.T) {
		w.mem.Expire(false, carrier)
		st, err := w.resolve("x")
		wantNext(t, st, err, 10)
		if st.Via != commit.FromMirror || st.Dirty {
			t.Errorf("%+v", st)
		}
	})
	t.Run("the chain broke above it: the mirror proves nothing", func(t *testing.T) {
		w.mem.Expire(false, f1)
		_, err := w.resolve("x")
		wantStop(t, err, commit.LineageLost)
	})
}

func TestResolve_OlderMetadataCompletesTheLineage(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	carrier := w.add(w.x, e, 0, 10).Snapshot
	f1 := w.mem.Foreign("replace", 0)
	w.mem.Foreign("append", 0)
	w.mem.Expire(true, carrier, f1)
	st, _, err := w.x.Look(t.Context())
	wantNext(t, st, err, 10)
	if st.Via != commit.FromHistory {
		t.Errorf("found via %s", st.Via)
	}
	if st, _, err = w.x.State(t.Context()); err != nil || st.Buried {
		t.Errorf("a state found so must be anchored again at once: %+v %v", st, err)
	}
}

func TestResolve_DamagedMirrorIsNoEvidence(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	carrier := w.add(w.x, e, 0, 10).Snapshot
	w.mem.Edit(func(v *commit.View) { v.Mirrors["x"] = commit.Mirror{} })
	st, err := w.resolve("x")
	wantNext(t, st, err, 10)
	if !st.Dirty {
		t.Error("without a sound mirror a rollback cannot be excluded: dirty")
	}
	w.mem.Foreign("append", 0)
	w.mem.Expire(false, carrier)
	_, err = w.resolve("x")
	wantStop(t, err, commit.LineageLost)
}

// pyiceberg's expiry takes the parent from the snapshots that it keeps. Such a root is no replaced table where an older metadata file
// names its parent, be that listed there or told of by the mirror.
func TestResolve_ParentThatExpiryTookAway(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	carrier := w.add(w.x, e, 0, 10).Snapshot
	w.mem.Foreign("append", 0)
	v, _ := w.mem.Load(t.Context())
	w.mem.ExpireUnparenting(true, carrier)
	st, err := w.resolve("x")
	wantNext(t, st, err, 10)
	if st.Dirty || st.Carrier != carrier {
		t.Errorf("%+v, want the state of snapshot %d, clean", st, carrier)
	}
	now, _ := w.mem.Load(t.Context())
	if now, err = w.mem.History(t.Context(), now); err != nil || now.Snapshots[v.Head].Parent != carrier {
		t.Fatalf("the head's parent: %+v %v", now.Snapshots[v.Head], err)
	}
	delete(now.Snapshots, carrier) // the mirror alone tells
	st, err = commit.Resolve(now, "x")
	wantNext(t, st, err, 10)
	if st.Via != commit.FromMirror {
		t.Errorf("via %s", st.Via)
	}
}

// A table with rows, none of ours and no trace of us, is new to us only if older metadata files do not list us either: an operator may have
// removed the property, an expiry our snapshots, and the parent that led to them.
func TestResolve_NoTraceIsLookedForInOlderMetadata(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	carrier := w.add(w.x, e, 0, 10).Snapshot
	w.mem.Foreign("append", 0)
	w.mem.Edit(func(v *commit.View) { v.Tags, v.Mirrors = map[string]int64{}, map[string]commit.Mirror{} })
	v, _ := w.mem.Load(t.Context())
	anchor := v.Snapshots[carrier].Parent
	w.mem.ExpireUnparenting(true, carrier, anchor)
	v, _ = w.mem.Load(t.Context())
	if _, err := commit.Resolve(v, "x"); err != commit.ErrNeedHistory {
		t.Errorf("before older metadata were asked: %v", err)
	}
	st, err := w.resolve("x")
	wantNext(t, st, err, 10)
	if !st.Dirty {
		t.Error("without a mirror a rollback cannot be excluded")
	}
}

func TestResolve_ReplacedTable(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	w.mem.Replace()
	_, err := w.resolve("x")
	wantStop(t, err, commit.ReplacedTable)

	for name, strip := range map[string]func(v *commit.View){
		"only the property is left": func(v *commit.View) {
			v.Tags = map[string]int64{}
			v.Snapshots = map[int64]commit.Snapshot{v.Head: v.Snapshots[v.Head]}
		},
		"only the tag is left": func(v *commit.View) {
			v.Mirrors = map[string]commit.Mirror{}
			v.Snapshots = map[int64]commit.Snapshot{v.Head: v.Snapshots[v.Head]}
		},
		"only a snapshot off the branch is left": func(v *commit.View) { v.Mirrors, v.Tags = map[string]commit.Mirror{}, map[string]int64{} },
		"no properties, and rows":                func(v *commit.View) { v.Caps.Properties = false; v.Mirrors, v.Tags = nil, nil },
	} {
		v, _ := w.mem.Load(t.Context())
		strip(&v)
		if _, err := commit.Resolve(v, "x"); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestResolve_CherryPick(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	base := w.mem.Head()
	ours := w.add(w.x, e, 0, 10).Snapshot
	w.mem.Rollback(base)
	picked := w.mem.Foreign("append", ours)
	_, err := w.resolve("x")
	wantStop(t, err, commit.CherryPick)

	w.mem.Rollback(base)
	w.mem.Foreign("append", picked)
	_, err = w.resolve("x")
	wantStop(t, err, commit.CherryPick) // a cherry-pick of a cherry-pick

	w.mem.Rollback(base)
	w.mem.Foreign("append", 4711)
	_, err = w.resolve("x")
	wantStop(t, err, commit.CherryPick) // its source is gone and may have been ours

	w.mem.Rollback(base)
	id := w.mem.Foreign("append", 4711)
	w.mem.Edit(func(v *commit.View) { s := v.Snapshots[id]; s.WAP = true; v.Snapshots[id] = s })
	if _, err = w.resolve("x"); err != nil {
		t.Errorf("a published audit snapshot is never ours: %v", err)
	}
	w.mem.Rollback(base)
	foreign := w.mem.Foreign("append", 0)
	w.mem.Rollback(base)
	w.mem.Foreign("append", foreign)
	if _, err = w.resolve("x"); err != nil {
		t.Errorf("a cherry-pick of somebody else's snapshot is harmless: %v", err)
	}
}

// A source that only older metadata tells of is as good as one that is listed: it says whose rows were picked.
func TestResolve_SourceOfACherryPickInOlderMetadata(t *testing.T) {
	for name, ours := range map[string]bool{"somebody else's": false, "ours": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.anchor(w.x, p0).Epoch
			base := w.mem.Head()
			var source int64
			if ours {
				source = w.add(w.x, e, 0, 10).Snapshot
			} else {
				source = w.mem.Foreign("append", 0)
			}
			w.mem.Rollback(base)
			picked := w.mem.Foreign("append", source)
			w.mem.Rollback(base)
			w.mem.Foreign("append", picked) // and picked once more
			w.mem.Expire(true, source, picked)
			st, _, err := w.x.State(t.Context())
			if ours {
				wantStop(t, err, commit.CherryPick)
				return
			}
			wantNext(t, st, err, 0)
			if st.Buried {
				t.Errorf("a state that took older metadata must be anchored again at once: %+v", st)
			}
		})
	}
}

func TestResolve_NewerFormatStops(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	head := w.mem.Head()
	w.mem.Edit(func(v *commit.View) { s := v.Snapshots[head]; s.Version = 2; v.Snapshots[head] = s })
	_, err := w.resolve("x")
	wantStop(t, err, commit.UnknownVersion)
	w.mem.Edit(func(v *commit.View) {
		s := v.Snapshots[head]
		s.Version, s.Ledger, s.Broken = 1, nil, "bad JSON"
		v.Snapshots[head] = s
	})
	_, err = w.resolve("x")
	wantStop(t, err, commit.StateUnreadable)
}

func TestResolve_OtherSinksCarryTheState(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	carrier := w.add(w.x, e, 0, 10).Snapshot
	y := w.sink("y")
	q := offsets.Partition{Topic: "clicks", TopicID: offsets.TopicID{5}}
	w.anchor(y, q)
	f := w.mem.Foreign("append", 0)
	w.anchor(y, q, offsets.Partition{Topic: "clicks", TopicID: offsets.TopicID{5}, Num: 1})
	w.mem.Expire(false, carrier, f)
	st, err := w.resolve("x")
	wantNext(t, st, err, 10)
	if st.Dirty || st.Carrier != carrier || st.Epoch != e {
		t.Errorf("state carried by y: %+v", st)
	}
	w.add(w.x, e, 10, 20)
	if _, err := w.resolve("y"); err != nil {
		t.Errorf("y after x: %v", err)
	}
}

func TestResolve_CircleOfParents(t *testing.T) {
	v := commit.View{TableUUID: uuid.New(), Head: 1, HistoryComplete: true, Snapshots: map[int64]commit.Snapshot{1: {ID: 1, Parent: 2}, 2: {ID: 2, Parent: 1}}}
	_, err := commit.Resolve(v, "x")
	wantStop(t, err, commit.LineageLost)
}
