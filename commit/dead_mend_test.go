package commit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// chain is a table whose snapshots 1, 2, … follow each other, each holding p0 at next and the hash given; the branch is at head.
type link struct {
	next int64
	hash string // "": a foreign snapshot
}

func chain(head int64, links ...link) commit.View {
	v := commit.View{Head: head, HistoryComplete: true, Caps: commit.Capabilities{Properties: true, Tags: true, History: true},
		Snapshots: map[int64]commit.Snapshot{}, Mirrors: map[string]commit.Mirror{}}
	for i, l := range links {
		s := commit.Snapshot{ID: int64(i + 1), Parent: int64(i)}
		if l.hash != "" {
			m := offsets.Ledger{Marks: marks{p0: mark(0, l.next, -1)}}
			s.Sink, s.Version, s.Epoch, s.Hash, s.Ledger = "x", 1, 5, l.hash, &m
			v.Mirrors["x"] = commit.Mirror{Sound: true, Snapshot: s.ID, Epoch: 5, Ledger: m}
		}
		v.Snapshots[s.ID] = s
	}
	return v
}

func anchored(t *testing.T, v commit.View) commit.Anchored {
	st, err := commit.Resolve(v, "x")
	if err != nil {
		t.Fatal(err)
	}
	return commit.Anchored{View: v, State: st, Anchor: 5, Hash: "t"}
}

func TestMend_MakesUpForWhatTheTableHasPassed(t *testing.T) {
	noted := chain(2, link{0, "d"}, link{4, "d"}, link{6, "d"}, link{0, ""}, link{9, "d"}) // moved back from 5 to 2
	tab := anchored(t, chain(4, link{0, "t"}, link{6, "t"}, link{8, "t"}, link{8, "t"}))
	m, err := commit.Mend(noted, "x", "d", []commit.Anchored{tab})
	if err != nil || len(m.Reread) != 1 || m.Reread[p0] != (offsets.Range{From: 4, To: 8}) || m.Next.Marks[p0].Next != 8 {
		t.Fatalf("%+v (%v)", m, err)
	}
	behind := anchored(t, chain(2, link{0, "t"}, link{3, "t"}))
	if m, err = commit.Mend(noted, "x", "d", []commit.Anchored{behind}); err != nil || len(m.Reread) != 0 || m.Next.Marks[p0].Next != 4 {
		t.Fatalf("a table that has not passed them needs nothing: %+v (%v)", m, err)
	}
}

func TestMend_PartitionsThatTheLettersNeverHad(t *testing.T) {
	noted := chain(1, link{2, "d"}, link{4, "d"})
	v := chain(2, link{0, "t"}, link{3, "t"})
	for _, id := range []int64{1, 2} {
		l := v.Snapshots[id].Ledger.Clone()
		l.Marks[p1] = mark(100, 100+id-1, -1)
		s := v.Snapshots[id]
		s.Ledger = &l
		v.Snapshots[id] = s
	}
	m, err := commit.Mend(noted, "x", "d", []commit.Anchored{anchored(t, v)})
	if err != nil || m.Reread[p1] != (offsets.Range{From: 100, To: 101}) || m.Next.Marks[p1] != mark(100, 101, -1) || m.Reread[p0] != (offsets.Range{From: 2, To: 3}) {
		t.Fatalf("%+v (%v)", m, err)
	}
}

func TestMend_StopsWhereItCannotBeKnown(t *testing.T) {
	good := func() commit.View { return chain(2, link{0, "d"}, link{4, "d"}, link{6, "d"}, link{9, "d"}) }
	table := func() commit.View { return chain(4, link{2, "old"}, link{6, "t"}, link{8, "t"}, link{8, "t"}) }
	drop := func(v *commit.View, id int64) { delete(v.Snapshots, id) }
	for name, c := range map[string]struct {
		change func(d, t *commit.View)
		why    string // of the STOP, "" if there is none
	}{
		"nothing in the way":                    {func(_, _ *commit.View) {}, ""},
		"the mirror is damaged":                 {func(d, _ *commit.View) { d.Mirrors["x"] = commit.Mirror{Snapshot: 4} }, "mirror is damaged"},
		"its snapshot is gone":                  {func(d, _ *commit.View) { drop(d, 4) }, "does not lead"},
		"one on the way is gone":                {func(d, _ *commit.View) { drop(d, 3) }, "does not lead"},
		"one before is gone":                    {func(d, _ *commit.View) { drop(d, 1) }, ""},
		"moved aside, not back":                 {func(d, _ *commit.View) { set(d, 3, func(s *commit.Snapshot) { s.Parent = 1 }) }, "does not lead"},
		"a circle":                              {func(d, _ *commit.View) { set(d, 3, func(s *commit.Snapshot) { s.Parent = 4 }) }, "does not lead"},
		"another configuration wrote what went": {func(d, _ *commit.View) { set(d, 3, func(s *commit.Snapshot) { s.Hash = "?" }) }, "another configuration"},
		"another wrote the newest":              {func(d, _ *commit.View) { set(d, 4, func(s *commit.Snapshot) { s.Hash = "?" }) }, "another configuration"},
		"another wrote what stayed":             {func(d, _ *commit.View) { set(d, 2, func(s *commit.Snapshot) { s.Hash = "?" }) }, ""},
		"a foreign snapshot among what went": {func(d, _ *commit.View) {
			set(d, 3, func(s *commit.Snapshot) { *s = commit.Snapshot{ID: 3, Parent: 2} })
		}, ""},
		"another configuration wrote the rows": {func(_, t *commit.View) { set(t, 2, func(s *commit.Snapshot) { s.Hash = "?" }) }, "another configuration"},
		"another wrote rows far below":         {func(_, t *commit.View) { set(t, 1, func(s *commit.Snapshot) { s.Hash = "?" }) }, ""},
		"rows of the range have no history":    {func(_, t *commit.View) { drop(t, 2) }, "snapshot 2 of the table is gone"},
		"a circle among the rows":              {func(_, t *commit.View) { set(t, 3, func(s *commit.Snapshot) { s.Parent = 4 }) }, "is gone"},
		"rows of another sink":                 {func(_, t *commit.View) { set(t, 2, func(s *commit.Snapshot) { s.Sink, s.Hash = "y", "?" }) }, ""},
		"rows below cannot be told":            {func(_, t *commit.View) { set(t, 2, func(s *commit.Snapshot) { s.Ledger = nil }) }, ""},
		"nor by which configuration": {func(_, t *commit.View) {
			set(t, 2, func(s *commit.Snapshot) { s.Ledger, s.Hash = nil, "?" })
		}, "another configuration"},
		"the table's lowest carrier is far above": {func(_, t *commit.View) {
			set(t, 1, func(s *commit.Snapshot) {
				l := offsets.Ledger{Marks: marks{p0: mark(0, 5, -1)}}
				s.Ledger = &l
				s.Hash = "t"
			})
		}, "is gone"},
		"a foreign snapshot among the rows": {func(_, t *commit.View) {
			set(t, 3, func(s *commit.Snapshot) { *s = commit.Snapshot{ID: 3, Parent: 2} })
		}, ""},
	} {
		d, v := good(), table()
		c.change(&d, &v)
		_, err := commit.Mend(d, "x", "d", []commit.Anchored{anchored(t, v)})
		if c.why == "" && err != nil || c.why != "" && (reason(err) != commit.DeadLettersRolledBack || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %v, want %q", name, err, c.why)
		}
	}
}

// Rows of any one partition are enough to ask by which configuration they were written.
func TestMend_RowsOfAnyPartition(t *testing.T) {
	for _, p := range parts {
		v := chain(2, link{0, "t"}, link{1, "?"})
		for id := range v.Snapshots {
			l := offsets.Ledger{Marks: marks{}}
			for _, q := range parts {
				l.Marks[q] = mark(0, 0, -1)
			}
			l.Marks[p] = mark(0, id-1, -1)
			set(&v, id, func(s *commit.Snapshot) { s.Ledger = &l })
		}
		_, err := commit.Mend(chain(1, link{0, "d"}, link{1, "d"}), "x", "d", []commit.Anchored{anchored(t, v)})
		if reason(err) != commit.DeadLettersRolledBack {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// Letters that are made again carry the leader epoch of the table that they are made for. Those of a partition that did not move need
// no table.
func TestMend_MovesTheEpochWithTheOffset(t *testing.T) {
	noted := chain(1, link{2, "d"}, link{4, "d"})
	for id := range noted.Snapshots {
		set(&noted, id, func(s *commit.Snapshot) { s.Ledger.Marks[p1] = mark(0, 7, -1) })
	}
	v := chain(2, link{0, "t"}, link{3, "t"})
	set(&v, 2, func(s *commit.Snapshot) { m := s.Ledger.Marks[p0]; m.LeaderEpoch = 5; s.Ledger.Marks[p0] = m })
	m, err := commit.Mend(noted, "x", "d", []commit.Anchored{anchored(t, v)})
	if got := m.Next.Marks[p0]; err != nil || got.Next != 3 || got.LeaderEpoch != 5 || m.Next.Marks[p1].Next != 7 || len(m.Reread) != 1 {
		t.Errorf("%+v (%v)", m, err)
	}
}

func set(v *commit.View, id int64, f func(*commit.Snapshot)) {
	s := v.Snapshots[id]
	f(&s)
	v.Snapshots[id] = s
}

func TestMend_EveryTableThatSharesThem(t *testing.T) {
	noted := chain(1, link{2, "d"}, link{4, "d"})
	m := noted.Mirrors["x"]
	m.Ledger = m.Ledger.Clone()
	m.Ledger.Marks[p1] = mark(0, 3, -1) // of another table
	noted.Mirrors["x"] = m
	tab := anchored(t, chain(2, link{0, "t"}, link{3, "t"}))
	if _, err := commit.Mend(noted, "x", "d", []commit.Anchored{tab}); reason(err) != commit.DeadLettersRolledBack {
		t.Errorf("dead letters of a table that nobody asked would be forgotten: %v", err)
	}
	other := commit.State{Epoch: 5, Ledger: offsets.Ledger{Marks: marks{p1: mark(0, 0, -1)}}}
	both := []commit.Anchored{tab, {View: commit.View{}, State: other, Anchor: 5, Hash: "t2"}}
	if m, err := commit.Mend(noted, "x", "d", both); err != nil || len(m.Reread) != 1 {
		t.Errorf("%+v (%v)", m, err)
	}
	for name, change := range map[string]func(*commit.State){"dirty": func(s *commit.State) { s.Dirty = true }, "anchored by others": func(s *commit.State) { s.Epoch = 6 }} {
		moved := tab
		change(&moved.State)
		if _, err := commit.Mend(noted, "x", "d", []commit.Anchored{moved}); !errors.Is(err, commit.ErrAnchorTables) {
			t.Errorf("%s: %v", name, err)
		}
	}
	empty := commit.View{Head: 3, HistoryComplete: true, Mirrors: noted.Mirrors, Snapshots: map[int64]commit.Snapshot{3: {ID: 3}}}
	if _, err := commit.Mend(empty, "x", "d", nil); reason(err) != commit.ReplacedTable {
		t.Errorf("where D does not tell its state: %v", err)
	}
}
