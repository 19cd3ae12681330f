package commit_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

type spans = map[offsets.Partition]offsets.Range

var ours = commit.Hashes{Table: "t", Letters: "d"}

// standing is a state under our hash.
func standing(hash string, epoch uint64, next map[offsets.Partition]int64) commit.State {
	st := at(epoch, next)
	st.Hash = hash
	return st
}

// letters is a batch of T with dead letters for the spans of D; none if that is nil.
func letters(epoch uint64, b, dead spans) commit.Letters {
	l := commit.Letters{Batch: batch(epoch, b)}
	if dead != nil {
		l.Dead = batch(0, dead)
	}
	return l
}

func reason(err error) commit.Reason {
	var s *commit.Stop
	if errors.As(err, &s) {
		return s.Reason
	}
	return ""
}

func TestReady_TheTableBeforeItsDeadLetters(t *testing.T) {
	good := func(hash string) commit.State { return standing(hash, 7, nil) }
	with := func(s commit.State, f func(*commit.State)) commit.State { f(&s); return s }
	dirty := func(s *commit.State) { s.Dirty = true }
	empty := func(s *commit.State) { s.Empty, s.Hash = true, "" }
	for name, c := range map[string]struct {
		t, d commit.State
		want commit.Anchor
		stop bool
	}{
		"both are ours":                       {good("t"), good("d"), commit.AnchorNone, false},
		"another configuration in both":       {good("?"), good("?"), commit.AnchorTable, false},
		"another configuration in the table":  {good("?"), good("d"), commit.AnchorTable, false},
		"another configuration in the other":  {good("t"), good("?"), commit.AnchorLetters, false},
		"the configuration is not known":      {good(""), good("d"), commit.AnchorTable, false},
		"that of the letters is not known":    {good("t"), good(""), commit.AnchorLetters, false},
		"the table was rolled back":           {with(good("t"), dirty), good("d"), commit.AnchorTable, false},
		"the letters were rolled back":        {good("t"), with(good("d"), dirty), commit.AnchorNone, true},
		"both were rolled back":               {with(good("t"), dirty), with(good("d"), dirty), commit.AnchorNone, true},
		"rolled back by another config":       {good("?"), with(good("?"), dirty), commit.AnchorNone, true},
		"neither was written to":              {with(good("t"), empty), with(good("d"), empty), commit.AnchorTable, false},
		"the letters were never written to":   {good("t"), with(good("d"), empty), commit.AnchorLetters, false},
		"each has the other's hash":           {good("d"), good("t"), commit.AnchorTable, false},
		"the table's hash is in both of them": {good("t"), good("t"), commit.AnchorLetters, false},
	} {
		got, err := commit.Ready(c.t, c.d, ours)
		if got != c.want || (err != nil) != c.stop || c.stop && reason(err) != commit.DeadLettersRolledBack {
			t.Errorf("%s: anchor %d (%v), want %d", name, got, err, c.want)
		}
	}
}

func TestFate_WhatWasDecidedStays(t *testing.T) {
	tab, d := standing("t", 1, map[offsets.Partition]int64{p0: 10, p1: 10}), standing("d", 2, map[offsets.Partition]int64{p0: 14, p1: 3})
	level := offsets.Partition{Topic: "level"}
	move(&tab, level, 5)
	move(&d, level, 5)
	open := commit.Settled(tab, d)
	if len(open) != 1 || open[p0] != (offsets.Range{From: 10, To: 14}) {
		t.Fatalf("decided before the table accounts for it: %v", open)
	}
	f := commit.Stand(tab, d, commit.Held{p0: {11: 0}})
	for _, c := range []struct {
		p           offsets.Partition
		o           int64
		found, want commit.Fate
		fresh, stop bool
	}{
		{p0, 11, commit.AsRow, commit.AsDead, false, false},
		{p0, 11, commit.AsSkip, commit.AsDead, false, false},
		{p0, 11, commit.AsDead, commit.AsDead, false, false},
		{p0, 12, commit.AsRow, commit.AsRow, false, false},
		{p0, 12, commit.AsSkip, commit.AsSkip, false, false},
		{p0, 13, commit.AsDead, commit.AsDead, false, true},
		{p0, 14, commit.AsDead, commit.AsDead, true, false},
		{p0, 14, commit.AsRow, commit.AsRow, false, false},
		{p0, 15, commit.AsSkip, commit.AsSkip, false, false},
		{p1, 10, commit.AsDead, commit.AsDead, true, false},
	} {
		got, fresh, err := f.Fate(c.p, c.o, 0, c.found)
		if got != c.want || fresh != c.fresh || (reason(err) == commit.FateChanged) != c.stop {
			t.Errorf("%s at %d found %d: %d, fresh %v (%v), want %d, fresh %v", c.p, c.o, c.found, got, fresh, err, c.want, c.fresh)
		}
		var s *commit.Stop
		if errors.As(err, &s) && (s.Partition == nil || *s.Partition != c.p || s.Offset != c.o) {
			t.Errorf("the stop does not say where: %v", err)
		}
	}
	if _, _, err := f.Fate(p0, 11, -1, commit.AsRow); err != nil {
		t.Errorf("of an epoch that is not known: %v", err)
	}
	for _, c := range []struct {
		p        offsets.Partition
		in, want offsets.Range
		open     bool
	}{
		{p0, offsets.Range{From: 10, To: 20}, offsets.Range{From: 14, To: 20}, true},
		{p0, offsets.Range{From: 16, To: 20}, offsets.Range{From: 16, To: 20}, true},
		{p0, offsets.Range{From: 10, To: 14}, offsets.Range{From: 14, To: 14}, false},
		{p1, offsets.Range{From: 10, To: 14}, offsets.Range{From: 10, To: 14}, true},
	} {
		if got, open := f.Span(c.p, c.in); got != c.want || open != c.open {
			t.Errorf("%s of %s settles %s (%v), want %s", c.in, c.p, got, open, c.want)
		}
	}
}

func TestFoldLetters_OnlyWhereBothTablesAreAsTheWorkerReadThem(t *testing.T) {
	tab := func() commit.State { return standing("t", 1, map[offsets.Partition]int64{p0: 10, p1: 10}) }
	d := func() commit.State { return standing("d", 2, map[offsets.Partition]int64{p0: 14, p1: 3}) }
	l := func() commit.Letters {
		return letters(1, spans{p0: {From: 10, To: 20}, p1: {From: 10, To: 15}}, spans{p0: {From: 14, To: 20}, p1: {From: 10, To: 15}})
	}
	for name, c := range map[string]struct {
		change func(t, d *commit.State, l *commit.Letters)
		want   bool
	}{
		"as read":                          {func(_, _ *commit.State, _ *commit.Letters) {}, true},
		"the table moved on":               {func(t, _ *commit.State, _ *commit.Letters) { move(t, p0, 12) }, false},
		"the table moved back":             {func(t, _ *commit.State, _ *commit.Letters) { move(t, p1, 9) }, false},
		"the table is dirty":               {func(t, _ *commit.State, _ *commit.Letters) { t.Dirty = true }, false},
		"the table was anchored again":     {func(t, _ *commit.State, _ *commit.Letters) { t.Epoch = 9 }, false},
		"the table is another":             {func(t, _ *commit.State, _ *commit.Letters) { t.Empty = true }, false},
		"the table lost a partition":       {func(t, _ *commit.State, _ *commit.Letters) { delete(t.Ledger.Marks, p1) }, false},
		"others wrote dead letters":        {func(_, d *commit.State, _ *commit.Letters) { move(d, p0, 15) }, false},
		"others wrote some of p1":          {func(_, d *commit.State, _ *commit.Letters) { move(d, p1, 4) }, false},
		"the letters are dirty":            {func(_, d *commit.State, _ *commit.Letters) { d.Dirty = true }, false},
		"the letters were anchored again":  {func(_, d *commit.State, _ *commit.Letters) { d.Epoch = 9 }, false},
		"the letters are another table":    {func(_, d *commit.State, _ *commit.Letters) { d.Empty = true }, false},
		"another partition of theirs":      {func(_, d *commit.State, _ *commit.Letters) { move(d, offsets.Partition{Topic: "x"}, 4) }, true},
		"the span begins too low":          {func(_, _ *commit.State, l *commit.Letters) { l.Dead.Spans[p0] = span(13, 20) }, false},
		"the span begins too high":         {func(_, _ *commit.State, l *commit.Letters) { l.Dead.Spans[p0] = span(15, 20) }, false},
		"the span ends too low":            {func(_, _ *commit.State, l *commit.Letters) { l.Dead.Spans[p0] = span(14, 19) }, false},
		"a span is missing":                {func(_, _ *commit.State, l *commit.Letters) { delete(l.Dead.Spans, p1) }, false},
		"a span has nothing to settle":     {func(_, _ *commit.State, l *commit.Letters) { l.Batch.Spans[p0] = span(10, 14) }, false},
		"dead letters without any offsets": {func(_, _ *commit.State, l *commit.Letters) { *l = letters(1, spans{}, spans{}) }, false},
	} {
		ts, ds, b := tab(), d(), l()
		f := commit.Stand(ts, ds, nil)
		ts, ds = tab(), d()
		c.change(&ts, &ds, &b)
		got := commit.FoldLetters(f, ts, ds, nil, nil, []commit.Letters{b})
		if taken := len(got.Taken) == 1; taken != c.want || len(got.Taken)+len(got.Stale) != 1 {
			t.Errorf("%s: taken %v, want %v", name, taken, c.want)
		}
		if c.want && (got.Next.Marks[p0].Next != 20 || got.Next.Marks[p1].Next != 15) {
			t.Errorf("%s: moves to %v", name, got.Next.Position())
		}
		if !c.want && !got.Next.Equal(ds.Ledger) {
			t.Errorf("%s: what is not taken moved the letters to %v", name, got.Next)
		}
	}
}

func move(s *commit.State, p offsets.Partition, next int64) {
	m := s.Ledger.Marks[p]
	m.Next = next
	s.Ledger.Marks[p] = m
}

func span(from, to int64) manifest.Span {
	return manifest.Span{Range: offsets.Range{From: from, To: to}, Counts: manifest.Counts{Holes: to - from}}
}

func TestFoldLetters_InTheirOrder(t *testing.T) {
	tab, d := standing("t", 1, map[offsets.Partition]int64{p0: 0}), standing("d", 2, nil)
	f := commit.Stand(tab, d, nil)
	a := letters(1, spans{p0: {From: 0, To: 5}}, spans{p0: {From: 0, To: 5}})
	none := letters(1, spans{p0: {From: 5, To: 6}}, nil)
	b := letters(1, spans{p0: {From: 6, To: 9}}, spans{p0: {From: 6, To: 9}})
	queue := []commit.Letters{a, none, b}

	got := commit.FoldLetters(f, tab, d, nil, nil, queue)
	if len(got.Taken) != 2 || got.Taken[0] != a.Dead || got.Taken[1] != b.Dead {
		t.Fatalf("all at once: %+v", got)
	}
	if m := got.Next.Marks[p0]; m.Next != 9 || m.Origin != 0 || m.Upper != offsets.Unbounded || m.Holes != 8 || m.LeaderEpoch != 3 {
		t.Errorf("letters after both: %+v", m)
	}
	if out := commit.FoldLetters(f, tab, d, nil, nil, []commit.Letters{none, b}); len(out.Stale) != 1 {
		t.Errorf("the second one without the first: the table does not stand where the queue begins: %+v", out)
	}
	if ids := f.Cleared(queue); len(ids) != 0 {
		t.Fatalf("nothing was seen among the letters yet, and %d batches may go to the table", len(ids))
	}

	// a was written, and seen by nobody but the lineage.
	d = standing("d", 2, map[offsets.Partition]int64{p0: 5})
	got = commit.FoldLetters(f, tab, d, nil, map[uuid.UUID]bool{a.Dead.ID: true}, queue)
	if len(got.Done) != 1 || got.Done[0] != a.Dead || len(got.Taken) != 1 || got.Next.Marks[p0].Next != 9 {
		t.Fatalf("after the first: %+v", got)
	}
	f.Wrote(got.Done...)
	if ids := f.Cleared(queue); len(ids) != 2 || ids[0] != a.Batch || ids[1] != none.Batch {
		t.Fatalf("the first two may go to the table: %v", ids)
	}
	// The table has taken a, which the worker has not been told: the queue begins behind it.
	move(&tab, p0, 5)
	if got = commit.FoldLetters(f, tab, d, map[uuid.UUID]bool{a.Batch.ID: true}, nil, queue); len(got.Taken) != 1 || got.Taken[0] != b.Dead {
		t.Fatalf("behind a batch that has landed: %+v", got)
	}
	if got = commit.FoldLetters(f, tab, d, nil, nil, queue); len(got.Taken) != 0 || len(got.Stale) != 1 {
		t.Fatalf("somebody else's batch has landed: %+v", got)
	}
	// Rolled back after it was seen: nothing more goes there.
	if got = commit.FoldLetters(f, standing("t", 1, map[offsets.Partition]int64{p0: 0}), standing("d", 2, nil), nil, nil, queue); len(got.Taken) != 0 {
		t.Fatalf("behind dead letters that are gone: %+v", got)
	}
}

// A stale one holds back all that come after it, those of other partitions too.
func TestFoldLetters_NothingOvertakesAStaleOne(t *testing.T) {
	tab, d := standing("t", 1, map[offsets.Partition]int64{p0: 0, p1: 0}), standing("d", 2, nil)
	f := commit.Stand(tab, d, nil)
	move(&d, p0, 1)
	a := letters(1, spans{p0: {From: 0, To: 5}}, spans{p0: {From: 0, To: 5}})
	b := letters(1, spans{p1: {From: 0, To: 5}}, spans{p1: {From: 0, To: 5}})
	if got := commit.FoldLetters(f, tab, d, nil, nil, []commit.Letters{a, b}); len(got.Taken) != 0 || len(got.Stale) != 2 {
		t.Errorf("%+v", got)
	}
	if got := commit.FoldLetters(f, tab, d, nil, nil, []commit.Letters{b, a}); len(got.Taken) != 1 || len(got.Stale) != 1 {
		t.Errorf("%+v", got)
	}
}

// Whatever two workers of one configuration do in whatever order, and whatever gets lost, each record is in one of the two tables.
func TestDeadLetters_WorkersThatTakeTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const end = 8
		dead := map[int64]bool{}
		for o := range int64(end) {
			dead[o] = rapid.Bool().Draw(t, "dead")
		}
		tab, d := standing("t", 1, map[offsets.Partition]int64{p0: 0}), standing("d", 1, nil)
		inT, inD := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
		rows, held := map[int64]int{}, map[int64]int{}
		type worker struct {
			f     commit.Footing
			up    bool
			next  int64
			queue []commit.Letters
			rows  map[uuid.UUID][]int64
		}
		ws := []*worker{{}, {}}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w := ws[rapid.IntRange(0, 1).Draw(t, "worker")]
			if !w.up {
				have := map[int64]int32{}
				for _, r := range commit.Settled(tab, d) {
					for o := r.From; o < r.To; o++ {
						if held[o] > 0 {
							have[o] = 0
						}
					}
				}
				*w = worker{f: commit.Stand(tab, d, commit.Held{p0: have}), up: true, next: tab.Ledger.Marks[p0].Next, rows: map[uuid.UUID][]int64{}}
				continue
			}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0: // read on
				from := w.next
				if from >= end {
					continue
				}
				w.next = rapid.Int64Range(from+1, end).Draw(t, "to")
				l := letters(tab.Epoch, spans{p0: {From: from, To: w.next}}, nil)
				var r, fresh []int64
				for o := from; o < w.next; o++ {
					found := commit.AsRow
					if dead[o] {
						found = commit.AsDead
					}
					switch fate, isNew, err := w.f.Fate(p0, o, 0, found); {
					case err != nil:
						t.Fatal(err)
					case fate == commit.AsRow:
						r = append(r, o)
					case isNew:
						fresh = append(fresh, o)
					}
				}
				w.rows[l.Batch.ID] = r
				if s, open := w.f.Span(p0, offsets.Range{From: from, To: w.next}); open && len(fresh) > 0 {
					l.Dead = batch(0, spans{p0: s})
					w.rows[l.Dead.ID] = fresh
				}
				w.queue = append(w.queue, l)
			case 1: // the letters
				got := commit.FoldLetters(w.f, tab, d, inT, inD, w.queue)
				w.f.Wrote(got.Done...)
				if len(got.Stale) > 0 {
					w.up = false
					continue
				}
				for _, m := range got.Taken {
					inD[m.ID] = true
					for _, o := range w.rows[m.ID] {
						held[o]++
					}
				}
				d.Ledger = got.Next
			case 2: // the table
				got := commit.Fold(tab, inT, w.f.Cleared(w.queue))
				for _, m := range got.Taken {
					inT[m.ID] = true
					for _, o := range w.rows[m.ID] {
						rows[o]++
					}
				}
				tab.Ledger = got.Next
				w.queue = w.queue[len(got.Done):]
				if len(got.Stale) > 0 {
					w.up = false
				}
			case 3:
				w.up = rapid.IntRange(0, 9).Draw(t, "dies") > 0
			}
			for o := range tab.Ledger.Marks[p0].Next {
				if rows[o]+held[o] != 1 || dead[o] != (held[o] == 1) {
					t.Fatalf("offset %d, dead %v: %d times in the table, %d times among the letters", o, dead[o], rows[o], held[o])
				}
			}
		}
	})
}

func TestFate_OfARecordThatCameInsteadOfAnother(t *testing.T) {
	st := func(next int64, epoch int32) commit.State {
		s := standing("d", 2, nil)
		s.Ledger.Marks[p0] = offsets.Mark{Next: next, LeaderEpoch: epoch, Origin: 5, Upper: offsets.Unbounded}
		return s
	}
	f := commit.Stand(st(10, 4), st(14, 4), commit.Held{p0: {11: 4, 12: 3}})
	for _, o := range []int64{11, 13} {
		if _, _, err := f.Fate(p0, o, 5, commit.AsRow); !errors.Is(err, commit.ErrRewritten) {
			t.Errorf("%d was decided in another life of the log: %v", o, err)
		}
		if _, _, err := f.Fate(p0, o, 4, commit.AsRow); err != nil {
			t.Errorf("%d is the record that was decided about: %v", o, err)
		}
	}
	for epoch, want := range map[int32]commit.Fate{3: commit.AsDead, 4: commit.AsRow, offsets.NoEpoch: commit.AsDead} {
		if fate, _, err := f.Fate(p0, 12, epoch, commit.AsRow); err != nil || fate != want {
			t.Errorf("12 of epoch %d, while the dead one was of 3: %v %v", epoch, fate, err)
		}
	}
	if _, fresh, err := f.Fate(p0, 14, 5, commit.AsDead); err != nil || !fresh {
		t.Errorf("nothing was decided there: %v", err)
	}
	dead := batch(0, spans{p0: {From: 14, To: 16}}) // of leader epoch 3, after an epoch that is not known
	g := commit.Stand(st(10, 4), st(14, offsets.NoEpoch), nil)
	if _, _, err := g.Fate(p0, 11, 9, commit.AsRow); err != nil {
		t.Errorf("where the epoch is not known: %v", err)
	}
	g.Wrote(dead)
	if _, _, err := g.Fate(p0, 15, 9, commit.AsRow); !errors.Is(err, commit.ErrRewritten) {
		t.Errorf("what it wrote itself, rewritten since: %v", err)
	}

	got := commit.Rewound(st(14, 4), map[offsets.Partition]commit.Parting{p0: {At: 12, LeaderEpoch: 2}, p1: {At: 3}})
	if len(got) != 1 || got[p0] != (offsets.Mark{Next: 12, Origin: 5, LeaderEpoch: 2, Upper: offsets.Unbounded}) {
		t.Errorf("%+v", got)
	}
	if got := commit.Rewound(st(14, 4), map[offsets.Partition]commit.Parting{p0: {At: 3}}); got[p0].Origin != 3 || got[p0].Next != 3 {
		t.Errorf("below its origin: %+v", got)
	}
	if got := commit.Rewound(st(14, 4), map[offsets.Partition]commit.Parting{p0: {At: 14}}); len(got) != 0 {
		t.Errorf("the log parts where the table ends: %+v", got)
	}
}
