package commit_test

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

var (
	p0 = offsets.Partition{Topic: "orders", TopicID: offsets.TopicID{1}, Num: 0}
	p1 = offsets.Partition{Topic: "orders", TopicID: offsets.TopicID{1}, Num: 1}
)

// batch is one without files: its offsets held no records, which is all that the rules look at.
func batch(epoch uint64, spans map[offsets.Partition]offsets.Range) *manifest.Manifest {
	m := &manifest.Manifest{ID: uuid.New(), Epoch: epoch, Spans: map[offsets.Partition]manifest.Span{}}
	for p, r := range spans {
		m.Spans[p] = manifest.Span{Range: r, LeaderEpoch: 3, Counts: manifest.Counts{Holes: r.Len()}}
	}
	return m
}

func at(epoch uint64, next map[offsets.Partition]int64) commit.State {
	st := commit.State{Sink: "x", Epoch: epoch, Ledger: offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{}}}
	for p, n := range next {
		st.Ledger.Marks[p] = offsets.Mark{Next: n, Upper: offsets.Unbounded}
	}
	return st
}

func TestFold_TakesOnlyWhatBeginsWhereTheTableEnds(t *testing.T) {
	type spans = map[offsets.Partition]offsets.Range
	st := at(7, map[offsets.Partition]int64{p0: 10, p1: 5})
	bounded := at(7, map[offsets.Partition]int64{p0: 10})
	bounded.Ledger.Marks[p0] = offsets.Mark{Next: 10, Upper: 15}
	dirty := st
	dirty.Dirty = true
	for name, c := range map[string]struct {
		st   commit.State
		b    *manifest.Manifest
		want bool
	}{
		"begins at the position":             {st, batch(7, spans{p0: {From: 10, To: 12}}), true},
		"two partitions":                     {st, batch(7, spans{p0: {From: 10, To: 12}, p1: {From: 5, To: 6}}), true},
		"begins below":                       {st, batch(7, spans{p0: {From: 9, To: 12}}), false},
		"begins above":                       {st, batch(7, spans{p0: {From: 11, To: 12}}), false},
		"one of two does not fit":            {st, batch(7, spans{p0: {From: 10, To: 12}, p1: {From: 4, To: 6}}), false},
		"another epoch":                      {st, batch(8, spans{p0: {From: 10, To: 12}}), false},
		"partition unknown to the table":     {at(7, nil), batch(7, spans{p0: {From: 0, To: 2}}), false},
		"no partition at all":                {st, batch(7, nil), false},
		"up to the bound":                    {bounded, batch(7, spans{p0: {From: 10, To: 15}}), true},
		"past the bound":                     {bounded, batch(7, spans{p0: {From: 10, To: 16}}), false},
		"dirty state":                        {dirty, batch(7, spans{p0: {From: 10, To: 12}}), false},
		"same name, other topic id":          {st, batch(7, spans{{Topic: "orders", TopicID: offsets.TopicID{2}, Num: 0}: {From: 10, To: 12}}), false},
		"table that was never written to":    {commit.State{Empty: true}, batch(0, spans{p0: {From: 0, To: 2}}), false},
		"position of another partition fits": {st, batch(7, spans{p1: {From: 10, To: 12}}), false},
	} {
		f := commit.Fold(c.st, nil, []*manifest.Manifest{c.b})
		if got := len(f.Taken) == 1; got != c.want {
			t.Errorf("%s: taken %v, want %v", name, got, c.want)
		}
		if !c.want && !f.Next.Equal(c.st.Ledger.Clone()) {
			t.Errorf("%s: a batch that is not taken moved the state to %v", name, f.Next)
		}
	}
}

func TestFold_ChainsAndTellsDoneFromStale(t *testing.T) {
	st := at(7, map[offsets.Partition]int64{p0: 10})
	a := batch(7, map[offsets.Partition]offsets.Range{p0: {From: 10, To: 20}})
	b := batch(7, map[offsets.Partition]offsets.Range{p0: {From: 20, To: 30}})
	landed := batch(7, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
	f := commit.Fold(st, map[uuid.UUID]bool{landed.ID: true}, []*manifest.Manifest{landed, a, b})
	if len(f.Taken) != 2 || len(f.Done) != 1 || len(f.Stale) != 0 {
		t.Fatalf("taken %d, done %d, stale %d", len(f.Taken), len(f.Done), len(f.Stale))
	}
	if m := f.Next.Marks[p0]; m.Next != 30 || m.LeaderEpoch != 3 || m.Holes != 20 {
		t.Errorf("state after both: %+v", m)
	}
	if f := commit.Fold(st, nil, []*manifest.Manifest{b, a}); len(f.Taken) != 1 || f.Taken[0] != a || len(f.Stale) != 1 {
		t.Errorf("in the wrong order the second batch must not pass: %+v", f)
	}
}

// Whatever batches arrive in whatever order, what is taken tiles each partition from where the state stood.
func TestFold_TakenRangesTile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := at(1, map[offsets.Partition]int64{p0: rapid.Int64Range(0, 5).Draw(t, "p0"), p1: rapid.Int64Range(0, 5).Draw(t, "p1")})
		var bs []*manifest.Manifest
		for range rapid.IntRange(0, 12).Draw(t, "batches") {
			spans := map[offsets.Partition]offsets.Range{}
			for _, p := range []offsets.Partition{p0, p1} {
				if rapid.Bool().Draw(t, "has") {
					from := rapid.Int64Range(0, 12).Draw(t, "from")
					spans[p] = offsets.Range{From: from, To: from + rapid.Int64Range(1, 4).Draw(t, "len")}
				}
			}
			bs = append(bs, batch(rapid.Uint64Range(1, 2).Draw(t, "epoch"), spans))
		}
		f := commit.Fold(st, nil, bs)
		at := st.Ledger.Position()
		for _, b := range f.Taken {
			for p, s := range b.Spans {
				if at[p] != s.From {
					t.Fatalf("partition %s: taken %s at %d", p, s.Range, at[p])
				}
				at[p] = s.To
			}
		}
		for p, want := range f.Next.Position() {
			if at[p] != want {
				t.Fatalf("partition %s: state says %d, the batches end at %d", p, want, at[p])
			}
		}
		if len(f.Taken)+len(f.Stale)+len(f.Done) != len(bs) {
			t.Fatal("a batch got no verdict")
		}
	})
}

func TestCovered_OffsetsOfOtherSinksAreNeverClaimedTwice(t *testing.T) {
	view := func(y map[offsets.Partition]offsets.Mark) commit.View {
		l := offsets.Ledger{Marks: y}
		return commit.View{Head: 1, Caps: commit.Capabilities{Properties: true}, Snapshots: map[int64]commit.Snapshot{1: {ID: 1, Sink: "y", Version: 1, Ledger: &l}},
			Mirrors: map[string]commit.Mirror{"y": {Sound: true, Snapshot: 1}}}
	}
	mark := func(s, next, u int64) offsets.Mark { return offsets.Mark{Origin: s, Next: next, Upper: u} }
	type marks = map[offsets.Partition]offsets.Mark
	for name, c := range map[string]struct {
		y, want marks
		met     bool
	}{
		"live beside live":                       {marks{p0: mark(0, 5, -1)}, marks{p0: mark(100, 100, -1)}, true},
		"backfill below the live sink":           {marks{p0: mark(50, 60, -1)}, marks{p0: mark(0, 0, 50)}, false},
		"backfill that reaches into it":          {marks{p0: mark(50, 60, -1)}, marks{p0: mark(0, 0, 51)}, true},
		"live after a bounded sink":              {marks{p0: mark(0, 50, 50)}, marks{p0: mark(50, 50, -1)}, false},
		"live into a bounded sink":               {marks{p0: mark(0, 10, 50)}, marks{p0: mark(49, 49, -1)}, true},
		"partition that an unbounded sink lacks": {marks{p0: mark(0, 5, -1)}, marks{p1: mark(0, 0, -1)}, true},
		"partition that a bounded sink lacks":    {marks{p0: mark(0, 5, 9)}, marks{p1: mark(0, 0, -1)}, false},
		"another incarnation of the topic":       {marks{p0: mark(0, 5, -1)}, marks{{Topic: "orders", TopicID: offsets.TopicID{9}}: mark(0, 0, -1)}, false},
	} {
		_, _, met, err := commit.Covered(view(c.y), "x", c.want)
		if err != nil || met != c.met {
			t.Errorf("%s: met %v (%v), want %v", name, met, err, c.met)
		}
	}
}
