package commit_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

type marks = map[offsets.Partition]offsets.Mark

func mark(s, next, u int64) offsets.Mark { return offsets.Mark{Origin: s, Next: next, Upper: u} }

// beside is a table on which other sink ids have the maps given, each in a snapshot and a mirror of its own.
func beside(maps map[string]marks) commit.View {
	v := commit.View{Caps: commit.Capabilities{Properties: true}, Snapshots: map[int64]commit.Snapshot{}, Mirrors: map[string]commit.Mirror{}}
	for y, m := range maps {
		l := offsets.Ledger{Marks: m}
		v.Head++
		v.Snapshots[v.Head] = commit.Snapshot{ID: v.Head, Parent: v.Head - 1, Sink: y, Version: 1, Ledger: &l}
		v.Mirrors[y] = commit.Mirror{Sound: true, Snapshot: v.Head, Ledger: l}
	}
	return v
}

func told(m offsets.Mark, err error) string {
	var s *commit.Stop
	switch {
	case errors.As(err, &s):
		return "STOP(" + string(s.Reason) + ")"
	case err != nil:
		return err.Error()
	case m.Upper == offsets.Unbounded:
		return fmt.Sprintf("[%d,inf)", m.Origin)
	}
	return fmt.Sprintf("[%d,%d)", m.Origin, m.Upper)
}

func TestClip_BoundedSinksKeepWhatNobodyElseHas(t *testing.T) {
	want := offsets.Range{From: 10, To: 50}
	for name, c := range map[string]struct {
		others map[string]marks
		got    string
		clips  int
	}{
		"nobody else":                           {nil, "[10,50)", 0},
		"a live sink behind":                    {map[string]marks{"y": {p0: mark(30, 44, -1)}}, "[10,30)", 1},
		"a live sink far behind":                {map[string]marks{"y": {p0: mark(50, 60, -1)}}, "[10,50)", 0},
		"a live sink before":                    {map[string]marks{"y": {p0: mark(10, 12, -1)}}, "STOP(new sink)", 0},
		"a live sink that will find it later":   {map[string]marks{"y": {p1: mark(30, 44, -1)}}, "STOP(new sink)", 0},
		"a bounded sink that has not got it":    {map[string]marks{"y": {p1: mark(0, 0, 99)}}, "[10,50)", 0},
		"a live sink of another topic":          {map[string]marks{"y": {{Topic: "x"}: mark(0, 0, -1)}}, "[10,50)", 0},
		"a bounded sink at the front":           {map[string]marks{"y": {p0: mark(0, 0, 20)}}, "[20,50)", 1},
		"a bounded sink in the middle":          {map[string]marks{"y": {p0: mark(20, 20, 30)}}, "STOP(new sink)", 0},
		"a bounded sink that has it all":        {map[string]marks{"y": {p0: mark(0, 0, 50)}}, "STOP(new sink)", 0},
		"middle and end, which join":            {map[string]marks{"a": {p0: mark(20, 20, 30)}, "b": {p0: mark(30, 30, 60)}}, "[10,20)", 1},
		"end and middle, which join":            {map[string]marks{"b": {p0: mark(20, 20, 30)}, "a": {p0: mark(30, 30, -1)}}, "[10,20)", 1},
		"front and end":                         {map[string]marks{"a": {p0: mark(5, 20, 20)}, "b": {p0: mark(30, 30, -1)}}, "[20,30)", 1},
		"a bounded sink that ended where it is": {map[string]marks{"a": {p0: mark(20, 20, 20)}}, "[10,50)", 0},
	} {
		got, clips, err := commit.ClipBounded(beside(c.others), "x", offsets.Ranges{p0: want})
		if told(got[p0], err) != c.got || len(clips) != c.clips {
			t.Errorf("%s: %s and %d clips (%v), want %s and %d", name, told(got[p0], err), len(clips), err, c.got, c.clips)
		}
		if len(clips) == 1 && (clips[0].Wanted != want || clips[0].Got.From != got[p0].Origin || clips[0].Got.To != got[p0].Upper || clips[0].Sink == "" || clips[0].Partition != p0) {
			t.Errorf("%s: what was clipped is told as %+v", name, clips[0])
		}
		if err == nil && got[p0].Next != got[p0].Origin {
			t.Errorf("%s: begins at %+v", name, got[p0])
		}
	}
}

func TestClip_LiveSinksBeginWhereBoundedOnesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		others map[string]marks
		want   int64
		got    string
	}{
		"nobody else":                                {nil, 7, "[7,inf)"},
		"the ranges meet":                            {map[string]marks{"y": {p0: mark(0, 9, 20)}}, 7, "[20,inf)"},
		"the ranges do not meet":                     {map[string]marks{"y": {p0: mark(0, 9, 20)}}, 70, "[20,inf)"},
		"they touch":                                 {map[string]marks{"y": {p0: mark(0, 9, 20)}}, 20, "[20,inf)"},
		"the last of several":                        {map[string]marks{"a": {p0: mark(0, 0, 20)}, "b": {p0: mark(20, 20, 40)}, "c": {p0: mark(5, 5, 8)}}, 0, "[40,inf)"},
		"none has the partition":                     {map[string]marks{"y": {p1: mark(0, 9, 20)}}, 70, "[0,inf)"},
		"one of two has the partition":               {map[string]marks{"a": {p1: mark(0, 9, 20)}, "b": {p0: mark(0, 0, 20)}}, 70, "[20,inf)"},
		"one of two has it, the other way round":     {map[string]marks{"b": {p1: mark(0, 9, 20)}, "a": {p0: mark(0, 0, 20)}}, 70, "[20,inf)"},
		"a bounded sink of another topic":            {map[string]marks{"y": {{Topic: "x"}: mark(0, 0, 20)}}, 7, "[7,inf)"},
		"offsets before theirs are wanted":           {map[string]marks{"y": {p0: mark(10, 10, 20)}}, 7, "STOP(new sink)"},
		"offsets between theirs are wanted":          {map[string]marks{"a": {p0: mark(0, 0, 10)}, "b": {p0: mark(11, 11, 20)}}, 0, "STOP(new sink)"},
		"offsets between theirs are not wanted":      {map[string]marks{"a": {p0: mark(0, 0, 10)}, "b": {p0: mark(11, 11, 20)}}, 11, "[20,inf)"},
		"wanted from within the last of them":        {map[string]marks{"a": {p0: mark(10, 10, 20)}}, 15, "[20,inf)"},
		"another live sink":                          {map[string]marks{"y": {p0: mark(90, 90, -1)}}, 7, "STOP(new sink)"},
		"another live sink that will find it later":  {map[string]marks{"y": {p1: mark(90, 90, -1)}}, 7, "STOP(new sink)"},
		"a live sink that was ended":                 {map[string]marks{"y": {p0: mark(3, 9, 9)}}, 70, "[9,inf)"},
		"a live sink that was ended at once":         {map[string]marks{"y": {p0: mark(9, 9, 9)}}, 70, "[9,inf)"},
		"a live sink that was ended beside a second": {map[string]marks{"y": {p0: mark(3, 9, 9)}, "z": {p0: mark(9, 12, -1)}}, 70, "STOP(new sink)"},
	} {
		got, clips, err := commit.ClipLive(beside(c.others), "x", offsets.Position{p0: c.want})
		if told(got[p0], err) != c.got {
			t.Errorf("%s: %s (%v), want %s", name, told(got[p0], err), err, c.got)
		}
		if err == nil && (len(clips) == 1) != (got[p0].Origin != c.want) {
			t.Errorf("%s: clips %+v", name, clips)
		}
		if len(clips) == 1 && (clips[0].Wanted.From != c.want || clips[0].Got != offsets.Range{From: got[p0].Origin, To: math.MaxInt64} || clips[0].Sink == "") {
			t.Errorf("%s: what was clipped is told as %+v", name, clips[0])
		}
	}
}

func TestClip_UntilLiveEndsWhereTheLiveSinkBegan(t *testing.T) {
	from := func(o int64) func(offsets.Partition) (int64, bool) {
		return func(p offsets.Partition) (int64, bool) { return o, p.Topic == "orders" }
	}
	for name, c := range map[string]struct {
		others map[string]marks
		from   int64
		p0, p1 string // "-": not in the map
	}{
		"its partitions and its origins": {map[string]marks{"y": {p0: mark(30, 44, -1), p1: mark(9, 9, -1)}}, 5, "[5,30)", "[5,9)"},
		"only those that it has":         {map[string]marks{"y": {p0: mark(30, 44, -1)}}, 5, "[5,30)", "-"},
		"it began earlier":               {map[string]marks{"y": {p0: mark(3, 44, -1)}}, 5, "[3,3)", "-"},
		"it began there":                 {map[string]marks{"y": {p0: mark(5, 44, -1)}}, 5, "[5,5)", "-"},
		"nobody yet":                     {nil, 5, commit.ErrNoLiveSink.Error(), "-"},
		"bounded sinks only":             {map[string]marks{"y": {p0: mark(3, 44, 60)}}, 5, commit.ErrNoLiveSink.Error(), "-"},
		"a live sink of another topic":   {map[string]marks{"y": {{Topic: "x"}: mark(0, 0, -1)}}, 5, commit.ErrNoLiveSink.Error(), "-"},
		"the first of two":               {map[string]marks{"a": {p0: mark(30, 44, -1)}, "b": {p0: mark(20, 20, -1)}}, 5, "[5,20)", "-"},
		"beside another bounded one":     {map[string]marks{"a": {p0: mark(30, 44, -1)}, "b": {p0: mark(0, 0, 20)}}, 5, "[20,30)", "-"},
		"a hole in the middle":           {map[string]marks{"a": {p0: mark(30, 44, -1)}, "b": {p0: mark(10, 10, 20)}}, 5, "STOP(new sink)", "-"},
	} {
		got, _, err := commit.UntilLive(beside(c.others), "x", from(c.from))
		if told(got[p0], err) != c.p0 {
			t.Errorf("%s: %s (%v), want %s", name, told(got[p0], err), err, c.p0)
		}
		if m, has := got[p1]; has != (c.p1 != "-") || has && told(m, nil) != c.p1 {
			t.Errorf("%s: the other partition %+v, want %s", name, m, c.p1)
		}
	}
}

// Nothing that can be read is not the same as nothing there.
func TestClip_ClaimsThatCannotBeReadAreNotIgnored(t *testing.T) {
	v := beside(map[string]marks{"y": {p0: mark(0, 9, 20)}})
	v.Snapshots, v.HistoryComplete = map[int64]commit.Snapshot{}, true // expired
	v.Mirrors["y"] = commit.Mirror{Sound: true, Snapshot: 7, Ledger: v.Mirrors["y"].Ledger}
	if got, _, err := commit.ClipLive(v, "x", offsets.Position{p0: 0}); told(got[p0], err) != "[20,inf)" {
		t.Errorf("the mirror of a lost sink: %s (%v)", told(got[p0], err), err)
	}
	m := v.Mirrors["y"]
	m.Sound = false
	v.Mirrors["y"] = m
	if _, _, err := commit.ClipLive(v, "x", offsets.Position{p0: 0}); told(offsets.Mark{}, err) != "STOP(new sink)" {
		t.Errorf("live: %v", err)
	}
	if _, _, err := commit.ClipBounded(v, "x", offsets.Ranges{p0: {From: 0, To: 9}}); told(offsets.Mark{}, err) != "STOP(new sink)" {
		t.Errorf("bounded: %v", err)
	}
	if _, _, err := commit.UntilLive(v, "x", func(offsets.Partition) (int64, bool) { return 0, true }); told(offsets.Mark{}, err) != "STOP(new sink)" {
		t.Errorf("until live: %v", err)
	}
	v.HistoryComplete = false
	if _, _, err := commit.ClipLive(v, "x", offsets.Position{p0: 0}); !errors.Is(err, commit.ErrNeedHistory) {
		t.Errorf("older metadata may tell: %v", err)
	}
}

func TestEnded_BoundsALiveSinkWhereItStands(t *testing.T) {
	st := commit.State{Ledger: offsets.Ledger{Marks: marks{p0: mark(3, 9, -1), p1: mark(0, 4, 8)}}}
	if got := commit.Ended(st); len(got) != 1 || got[p0] != mark(3, 9, 9) {
		t.Errorf("%+v", got)
	}
}

// Whatever others claim: no offset is claimed twice, none that was wanted is left to nobody, and Covered, which is asked again
// before the commit, finds nothing.
func TestClip_NeitherDoublesNorGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maps, held := map[string]marks{}, map[int64]bool{}
		live := int64(math.MaxInt64)
		for _, y := range []string{"a", "b", "c"}[:rapid.IntRange(0, 3).Draw(t, "others")] {
			m := marks{}
			if rapid.IntRange(0, 4).Draw(t, "has p0") > 0 {
				s := rapid.Int64Range(0, 10).Draw(t, "s")
				u := s + rapid.Int64Range(0, 5).Draw(t, "len")
				if y == "c" && rapid.Bool().Draw(t, "live") {
					u, live = offsets.Unbounded, s
				}
				for o := s; o < u || u == offsets.Unbounded && o < 30; o++ {
					held[o] = true
				}
				m[p0] = mark(s, s, u)
			} else {
				m[p1] = mark(0, 0, 9)
			}
			maps[y] = m
		}
		v := beside(maps)
		from := rapid.Int64Range(0, 12).Draw(t, "from")
		to := from + rapid.Int64Range(1, 9).Draw(t, "len")
		free := 0 // runs of offsets of [from,to) that nobody holds
		for o := from; o < to; o++ {
			if !held[o] && (o == from || held[o-1]) {
				free++
			}
		}
		got, _, err := commit.ClipBounded(v, "x", offsets.Ranges{p0: {From: from, To: to}})
		if (err == nil) != (free == 1) {
			t.Fatalf("[%d,%d) beside %v: %v (%v), free pieces %d", from, to, maps, got, err, free)
		}
		if err == nil {
			for o := from; o < to; o++ {
				if mine := o >= got[p0].Origin && o < got[p0].Upper; mine == held[o] {
					t.Fatalf("[%d,%d) beside %v: %+v, offset %d", from, to, maps, got[p0], o)
				}
			}
			checkUncovered(t, v, got)
		}

		got, _, err = commit.ClipLive(v, "x", offsets.Position{p0: from})
		if err == nil {
			if live != math.MaxInt64 {
				t.Fatalf("live at %d beside a live sink: %+v", from, got[p0])
			}
			last := int64(-1)
			for o := range held {
				last = max(last, o)
			}
			for o := from; o < got[p0].Origin; o++ {
				if !held[o] {
					t.Fatalf("live from %d beside %v begins at %d: nobody reads %d", from, maps, got[p0].Origin, o)
				}
			}
			if last >= 0 && got[p0].Origin < last+1 {
				t.Fatalf("live from %d beside %v begins at %d", from, maps, got[p0].Origin)
			}
			checkUncovered(t, v, got)
		} else if !strings.Contains(err.Error(), "new sink") {
			t.Fatal(err)
		}

		got, _, err = commit.UntilLive(v, "x", func(offsets.Partition) (int64, bool) { return from, true })
		if err == nil {
			if live == math.MaxInt64 {
				t.Fatalf("until live without one: %+v", got)
			}
			for o := from; o < live; o++ {
				if mine := o >= got[p0].Origin && o < got[p0].Upper; mine == held[o] {
					t.Fatalf("until %d from %d beside %v: %+v, offset %d", live, from, maps, got[p0], o)
				}
			}
			if got[p0].Upper > live {
				t.Fatalf("until %d: %+v", live, got[p0])
			}
			checkUncovered(t, v, got)
		}
	})
}

func checkUncovered(t *rapid.T, v commit.View, got marks) {
	if p, c, met, err := commit.Covered(v, "x", got); met || err != nil {
		t.Fatalf("%+v meets %+v in %s (%v)", got, c, p, err)
	}
}
