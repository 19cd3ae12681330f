package commit_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

func ledgerAt(next int64) *offsets.Ledger {
	return &offsets.Ledger{Cluster: "c", Marks: marks{p0: {Next: next, Upper: offsets.Unbounded}}}
}

// lineage is a table of three snapshots of x with a foreign one on top, all capabilities, all as it should be.
func lineage() commit.View {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ours := func(id int64) commit.Snapshot {
		return commit.Snapshot{ID: id, Parent: id - 1, Time: t0.Add(time.Duration(id) * time.Minute), Sink: "x", Version: 1, Epoch: 7, Hash: "h",
			Ledger: ledgerAt(10 * id), Batches: []uuid.UUID{{byte(id)}, {byte(id), 1}}}
	}
	return commit.View{Head: 4, Branch: "main", Caps: commit.Capabilities{Tags: true, Properties: true, History: true},
		Snapshots: map[int64]commit.Snapshot{1: ours(1), 2: ours(2), 3: ours(3), 4: {ID: 4, Parent: 3, Time: t0.Add(time.Hour)}},
		Mirrors:   map[string]commit.Mirror{"x": {Sound: true, Snapshot: 3, Epoch: 7, Ledger: *ledgerAt(30)}}, Tags: map[string]int64{"x": 3}}
}

// All that a state says, for each way in which it is found.
func TestResolve_SaysAllThatItFound(t *testing.T) {
	held := lineage().Snapshots[3].Time
	for name, c := range map[string]struct {
		edit func(v *commit.View)
		want commit.State
	}{
		"below a foreign snapshot": {func(*commit.View) {}, commit.State{Sink: "x", Ledger: *ledgerAt(30), Epoch: 7, Carrier: 3, Holder: 3, Held: held, Hash: "h",
			Via: commit.FromLineage, Buried: true}},
		"at the head": {func(v *commit.View) { v.Head = 3 }, commit.State{Sink: "x", Ledger: *ledgerAt(30), Epoch: 7, Carrier: 3, Holder: 3, Held: held, Hash: "h",
			Via: commit.FromLineage}},
		"moved back": {func(v *commit.View) { v.Head = 2 }, commit.State{Sink: "x", Ledger: *ledgerAt(20), Epoch: 7, Carrier: 2, Holder: 2,
			Held: lineage().Snapshots[2].Time, Hash: "h", Via: commit.FromLineage, Dirty: true}},
		"moved back, and no properties but a tag to tell it": {func(v *commit.View) { v.Head, v.Caps.Properties, v.Mirrors = 2, false, nil }, commit.State{Sink: "x",
			Ledger: *ledgerAt(20), Epoch: 7, Carrier: 2, Holder: 2, Held: lineage().Snapshots[2].Time, Hash: "h", Via: commit.FromLineage, Dirty: true}},
		"not moved, as the tag tells": {func(v *commit.View) { v.Caps.Properties, v.Mirrors = false, nil }, commit.State{Sink: "x", Ledger: *ledgerAt(30), Epoch: 7,
			Carrier: 3, Holder: 3, Held: held, Hash: "h", Via: commit.FromLineage, Buried: true}},
		"no properties, and the tag too old to be there": {func(v *commit.View) { v.Head, v.Caps.Properties, v.Mirrors, v.Tags = 2, false, nil, nil }, commit.State{Sink: "x",
			Ledger: *ledgerAt(20), Epoch: 7, Carrier: 2, Holder: 2, Held: lineage().Snapshots[2].Time, Hash: "h", Via: commit.FromLineage}},
		"no properties, and tags that are not moved any more": {func(v *commit.View) { v.Head, v.Caps.Properties, v.Caps.Tags, v.Mirrors = 2, false, false, nil },
			commit.State{Sink: "x", Ledger: *ledgerAt(20), Epoch: 7, Carrier: 2, Holder: 2, Held: lineage().Snapshots[2].Time, Hash: "h", Via: commit.FromLineage}},
		"the tag was moved, and a mirror to say that the branch was not": {func(v *commit.View) { v.Tags["x"] = 1 }, commit.State{Sink: "x", Ledger: *ledgerAt(30), Epoch: 7,
			Carrier: 3, Holder: 3, Held: held, Hash: "h", Via: commit.FromLineage, Buried: true}},
		"the mirror is damaged": {func(v *commit.View) { v.Mirrors["x"] = commit.Mirror{Snapshot: 3} }, commit.State{Sink: "x", Ledger: *ledgerAt(30), Epoch: 7,
			Carrier: 3, Holder: 3, Held: held, Hash: "h", Via: commit.FromLineage, Buried: true, Dirty: true}},
		"expired, and the mirror names it": {func(v *commit.View) { delete(v.Snapshots, 3) }, commit.State{Sink: "x", Ledger: *ledgerAt(30), Epoch: 7, Carrier: 3,
			Holder: 3, Via: commit.FromMirror, Buried: true}},
		"carried by y": {func(v *commit.View) {
			v.Snapshots[4] = commit.Snapshot{ID: 4, Parent: 3, Time: held.Add(time.Hour), Sink: "y", Version: 1, Ledger: ledgerAt(1),
				Others: map[string]commit.Other{"x": {Carrier: 3, Epoch: 7, Ledger: *ledgerAt(30)}}}
		}, commit.State{Sink: "x", Ledger: *ledgerAt(30), Epoch: 7, Carrier: 3, Holder: 4, Held: held.Add(time.Hour), Hash: "h", Via: commit.FromLineage}},
		"carried by y, and expired": {func(v *commit.View) {
			delete(v.Snapshots, 3)
			v.Snapshots[4] = commit.Snapshot{ID: 4, Parent: 3, Time: held, Sink: "y", Version: 1, Ledger: ledgerAt(1),
				Others: map[string]commit.Other{"x": {Carrier: 3, Epoch: 7, Ledger: *ledgerAt(30)}}}
		}, commit.State{Sink: "x", Ledger: *ledgerAt(30), Epoch: 7, Carrier: 3, Holder: 4, Held: held, Via: commit.FromLineage}},
		"nothing": {func(v *commit.View) {
			*v = commit.View{Head: 9, HistoryComplete: true, Caps: v.Caps, Snapshots: map[int64]commit.Snapshot{9: {ID: 9}}}
		}, commit.State{Sink: "x",
			Empty: true, Ledger: offsets.Ledger{Marks: marks{}}, Via: commit.FromNothing, Buried: true}},
	} {
		v := lineage()
		c.edit(&v)
		got, err := commit.Resolve(v, "x")
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, got, c.want)
		}
		if m := got.Ledger.Marks; len(m) > 0 { // whoever changes his state must not change the load
			m[p0] = offsets.Mark{Next: -5}
			if again, _ := commit.Resolve(v, "x"); again.Ledger.Marks[p0].Next == -5 {
				t.Errorf("%s: the state shares its map with the load", name)
			}
		}
	}
}

// Whoever left a trace is found, also of many whom only one snapshot of somebody else carries along.
func TestSinks_CarriedByOneSnapshotOnly(t *testing.T) {
	want := map[string]bool{"y": true}
	y := commit.Snapshot{ID: 1, Sink: "y", Others: map[string]commit.Other{}}
	for _, x := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		y.Others[x], want[x] = commit.Other{}, true
	}
	if got := commit.Sinks(commit.View{Snapshots: map[int64]commit.Snapshot{1: y}}); !reflect.DeepEqual(got, want) {
		t.Errorf("found %v", got)
	}
}

// only makes these the table's snapshots, and all that is known of it.
func only(v *commit.View, all ...commit.Snapshot) {
	v.Snapshots, v.HistoryComplete = map[int64]commit.Snapshot{}, true
	for _, s := range all {
		v.Snapshots[s.ID] = s
	}
}

// Where there is no certain answer, the reason, the snapshot that it is about and a way out are told, or older metadata is asked for first.
func TestResolve_SaysWhyItStops(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(v *commit.View)
		reason commit.Reason
		found  []string
		do     string
	}{
		"the chain is broken, and older metadata is not read yet": {func(v *commit.View) { delete(v.Snapshots, 3); v.Mirrors["x"] = commit.Mirror{} }, "", nil, ""},
		"the chain is broken for good": {func(v *commit.View) {
			delete(v.Snapshots, 3)
			v.Mirrors["x"] = commit.Mirror{}
			v.HistoryComplete = true
		},
			commit.LineageLost, []string{"snapshot 3", "the branch main", "sinker.mirror.x", "metadata file tells its offsets"}, "offsets accept"},
		"the parents form a circle": {func(v *commit.View) {
			v.Snapshots[1] = commit.Snapshot{ID: 1, Parent: 4}
			v.Snapshots[2] = commit.Snapshot{ID: 2, Parent: 1}
			v.Snapshots[3] = commit.Snapshot{ID: 3, Parent: 2}
		},
			commit.LineageLost, []string{"parents of snapshot 4", "circle"}, "restore"},
		"a newer format": {func(v *commit.View) { s := v.Snapshots[3]; s.Version = 2; v.Snapshots[3] = s }, commit.UnknownVersion, []string{"snapshot 3", "format 2"}, "newest sinker"},
		"no format":      {func(v *commit.View) { s := v.Snapshots[3]; s.Version = 0; v.Snapshots[3] = s }, commit.UnknownVersion, []string{"format 0"}, "newest sinker"},
		"offsets that cannot be read": {func(v *commit.View) { s := v.Snapshots[3]; s.Ledger, s.Broken = nil, "bad JSON"; v.Snapshots[3] = s },
			commit.StateUnreadable, []string{"snapshot 3", "bad JSON"}, "offsets accept"},
		"picked from ours": {func(v *commit.View) { s := v.Snapshots[4]; s.Source = 2; v.Snapshots[4] = s }, commit.CherryPick, []string{"snapshot 4", "from snapshot 2", `"x"`}, "offsets accept"},
		"picked from one that is gone": {func(v *commit.View) { s := v.Snapshots[4]; s.Source = 77; v.Snapshots[4] = s; v.HistoryComplete = true },
			commit.CherryPick, []string{"snapshot 4", "snapshot 77", "gone", `"x"`, "its rows may be in the table"}, "offsets accept"},
		"picked from one that is not listed":                          {func(v *commit.View) { s := v.Snapshots[4]; s.Source = 77; v.Snapshots[4] = s }, "", nil, ""},
		"a root that is not ours, and older metadata is not read yet": {func(v *commit.View) { v.Snapshots = map[int64]commit.Snapshot{4: {ID: 4}} }, "", nil, ""},
		"replaced, the property is left": {func(v *commit.View) { only(v, commit.Snapshot{ID: 4}); v.Tags = nil },
			commit.ReplacedTable, []string{"the branch main", "property sinker.mirror.x", "was replaced, or rolled back to before"}, "offsets accept"},
		"replaced, the tag is left": {func(v *commit.View) { only(v, commit.Snapshot{ID: 4}); v.Mirrors = nil },
			commit.ReplacedTable, []string{"tag sinker_x on snapshot 3"}, "offsets accept"},
		"replaced, a snapshot aside is left": {func(v *commit.View) {
			only(v, commit.Snapshot{ID: 4}, v.Snapshots[3])
			v.Mirrors, v.Tags = nil, nil
		},
			commit.ReplacedTable, []string{"snapshot 3"}, "offsets accept"},
		"replaced, what another carried is left": {func(v *commit.View) {
			only(v, commit.Snapshot{ID: 4}, commit.Snapshot{ID: 6, Sink: "y", Others: map[string]commit.Other{"x": {}}})
			v.Mirrors, v.Tags = nil, nil
		}, commit.ReplacedTable, []string{"snapshot 6"}, "offsets accept"},
		"no properties, and rows": {func(v *commit.View) {
			only(v, commit.Snapshot{ID: 4})
			v.Mirrors, v.Tags, v.Caps.Properties = nil, nil, false
		},
			commit.ReplacedTable, []string{"its rows"}, "offsets accept"},
	} {
		v := lineage()
		c.edit(&v)
		st, err := commit.Resolve(v, "x")
		var s *commit.Stop
		switch {
		case c.reason == "":
			if !errors.Is(err, commit.ErrNeedHistory) {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &s) || s.Reason != c.reason || !strings.Contains(s.Do, c.do):
			t.Errorf("%s: %v, want STOP(%s) and what to do", name, err, c.reason)
		default:
			for _, part := range c.found {
				if !strings.Contains(s.Found, part) {
					t.Errorf("%s: %q does not tell of %q", name, s.Found, part)
				}
			}
		}
		if st.Ledger.Marks != nil && c.reason != "" {
			t.Errorf("%s: a state beside an error: %+v", name, st)
		}
	}
}

// Sources of foreign snapshots that lead in a circle, or end in a published one, lead to none of ours.
func TestResolve_SourcesThatLeadNowhere(t *testing.T) {
	for name, edit := range map[string]func(v *commit.View){
		"a circle": func(v *commit.View) {
			v.Snapshots[4] = commit.Snapshot{ID: 4, Parent: 3, Source: 5}
			v.Snapshots[5], v.Snapshots[6] = commit.Snapshot{ID: 5, Source: 6}, commit.Snapshot{ID: 6, Source: 5}
		},
		"a published one on the way": func(v *commit.View) {
			v.Snapshots[4] = commit.Snapshot{ID: 4, Parent: 3, Source: 5}
			v.Snapshots[5] = commit.Snapshot{ID: 5, Source: 3, WAP: true}
		},
	} {
		v := lineage()
		edit(&v)
		if st, err := commit.Resolve(v, "x"); err != nil || st.Carrier != 3 {
			t.Errorf("%s: %+v %v", name, st, err)
		}
	}
}

// Whatever a sink id has left on a table makes it known; what is carried of it is what the full rule says, or nothing.
func TestCarryOthers_OnlyWhatIsCertain(t *testing.T) {
	v := lineage()
	v.Mirrors["mirrored"] = commit.Mirror{}
	v.Tags["tagged"] = 1
	s := v.Snapshots[4]
	s.Sink, s.Version, s.Ledger, s.Epoch = "y", 1, ledgerAt(5), 9
	s.Others = map[string]commit.Other{"carried": {Carrier: 88, Epoch: 3, Ledger: *ledgerAt(8)}}
	v.Snapshots[4] = s
	want := map[string]bool{"x": true, "y": true, "mirrored": true, "tagged": true, "carried": true}
	if got := commit.Sinks(v); !reflect.DeepEqual(got, want) {
		t.Errorf("known: %v", got)
	}
	got := commit.CarryOthers(v, "x")
	if !reflect.DeepEqual(got, map[string]commit.Other{"y": {Carrier: 4, Epoch: 9, Ledger: *ledgerAt(5)}, "carried": {Carrier: 88, Epoch: 3, Ledger: *ledgerAt(8)}}) {
		t.Errorf("x carries %+v", got)
	}
	got = commit.CarryOthers(v, "y")
	if !reflect.DeepEqual(got, map[string]commit.Other{"x": {Carrier: 3, Epoch: 7, Ledger: *ledgerAt(30)}, "carried": {Carrier: 88, Epoch: 3, Ledger: *ledgerAt(8)}}) {
		t.Errorf("y carries %+v", got)
	}
}

// The batches of a branch are those of all its snapshots, as far back as it is known.
func TestLineage_AllBatchesAsFarBackAsIsKnown(t *testing.T) {
	v := lineage()
	if got := commit.Lineage(v); len(got) != 6 || !got[uuid.UUID{1, 1}] || !got[uuid.UUID{3}] {
		t.Errorf("%v", got)
	}
	delete(v.Snapshots, 2)
	if got := commit.Lineage(v); len(got) != 2 || !got[uuid.UUID{3}] || !got[uuid.UUID{3, 1}] {
		t.Errorf("%v", got)
	}
	v.Snapshots[3] = commit.Snapshot{ID: 3, Parent: 4}
	if got := commit.Lineage(v); len(got) != 0 {
		t.Errorf("a circle: %v", got)
	}
}

// A state without an anchor takes nothing, whatever stands in it.
func TestFold_NothingFitsWhereNothingIsAnchored(t *testing.T) {
	st := at(7, map[offsets.Partition]int64{p0: 10})
	st.Empty = true
	b := batch(7, map[offsets.Partition]offsets.Range{p0: {From: 10, To: 20}})
	if f := commit.Fold(st, nil, []*manifest.Manifest{b}); len(f.Taken) != 0 || len(f.Stale) != 1 {
		t.Errorf("%+v", f)
	}
}

// Of a batch that is taken the counts are added up and the last leader epoch is kept, in every partition.
func TestFold_AddsUp(t *testing.T) {
	ps := several(8)
	st := commit.State{Epoch: 1, Ledger: offsets.Ledger{Cluster: "c", Marks: marks{}}}
	b := &manifest.Manifest{ID: uuid.New(), Epoch: 1, Spans: map[offsets.Partition]manifest.Span{}}
	want := marks{}
	for i, p := range ps {
		o := int64(i)
		st.Ledger.Marks[p] = offsets.Mark{Next: o, Upper: 100, LeaderEpoch: 1, Dead: 1, Skipped: 2, Holes: 3}
		b.Spans[p] = manifest.Span{Range: offsets.Range{From: o, To: o + 10}, LeaderEpoch: 4, Counts: manifest.Counts{Rows: 1, Dead: 2, Skipped: 3, Holes: 4}}
		want[p] = offsets.Mark{Next: o + 10, Upper: 100, LeaderEpoch: 4, Dead: 3, Skipped: 5, Holes: 7}
	}
	f := commit.Fold(st, nil, []*manifest.Manifest{b})
	if len(f.Taken) != 1 || f.Next.Cluster != "c" || !reflect.DeepEqual(f.Next.Marks, want) {
		t.Errorf("%+v", f.Next)
	}
	for i, p := range ps {
		if st.Ledger.Marks[p].Next != int64(i) {
			t.Error("the state that was given has changed")
		}
		worse := at(1, nil)
		worse.Ledger = st.Ledger.Clone()
		m := worse.Ledger.Marks[p]
		m.Next++
		worse.Ledger.Marks[p] = m
		if f := commit.Fold(worse, nil, []*manifest.Manifest{b}); len(f.Taken) != 0 {
			t.Errorf("%s does not fit, and the batch is taken", p)
		}
	}
}

// A change that lands batches, and one that anchors a state again, say all that there is to say.
func TestChange_IsComplete(t *testing.T) {
	v := lineage()
	v.Snapshots[4] = commit.Snapshot{ID: 4, Parent: 3, Sink: "y", Version: 1, Ledger: ledgerAt(5), Epoch: 9}
	v.Mirrors["y"] = commit.Mirror{Sound: true, Snapshot: 4}
	st, err := commit.Resolve(v, "x")
	if err != nil {
		t.Fatal(err)
	}
	others := map[string]commit.Other{"y": {Carrier: 4, Epoch: 9, Ledger: *ledgerAt(5)}}
	f := commit.Folded{Taken: []*manifest.Manifest{{ID: uuid.New()}}, Next: *ledgerAt(40)}
	if got, want := commit.Land(v, st, "new", f), (commit.Change{Sink: "x", Epoch: 7, Hash: "new", Batches: f.Taken, Ledger: f.Next, Others: others}); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got, want := commit.Reanchor(v, st, "new", 99), (commit.Change{Sink: "x", Epoch: 99, Hash: "new", Ledger: *ledgerAt(30), Others: others}); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
