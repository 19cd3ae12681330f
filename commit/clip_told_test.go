package commit_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// several is n partitions of one topic.
func several(n int32) (ps []offsets.Partition) {
	for i := range n {
		ps = append(ps, offsets.Partition{Topic: "orders", TopicID: offsets.TopicID{1}, Num: i})
	}
	return ps
}

// Whatever is taken off a wish is told, of each partition.
func TestClip_TellsOfEveryPartition(t *testing.T) {
	ps := several(8)
	theirs := marks{}
	wants, begins := offsets.Ranges{}, offsets.Position{}
	for i, p := range ps {
		o := int64(i)
		theirs[p] = mark(10+o, 10+o, -1)
		wants[p], begins[p] = offsets.Range{From: o, To: 50}, 5
	}
	check := func(what string, got marks, clips []commit.Clip, err error, n int) {
		t.Helper()
		if err != nil || len(got) != len(ps) || len(clips) != n {
			t.Fatalf("%s: %d marks, %d clips, want %d: %v", what, len(got), len(clips), n, err)
		}
		for p, m := range got {
			if m.Next != m.Origin || m.LeaderEpoch != offsets.NoEpoch {
				t.Errorf("%s: %s begins as %+v", what, p, m)
			}
		}
	}
	live := beside(map[string]marks{"y": theirs})
	got, clips, err := commit.ClipBounded(live, "x", wants)
	check("bounded", got, clips, err, len(ps))
	for i, c := range clips {
		if c != (commit.Clip{Partition: ps[i], Wanted: wants[ps[i]], Got: offsets.Range{From: int64(i), To: 10 + int64(i)}, Sink: "y"}) {
			t.Errorf("%+v", c)
		}
	}

	got, clips, err = commit.UntilLive(live, "x", func(p offsets.Partition) (int64, bool) { return int64(p.Num), true })
	check("until live", got, clips, err, 0)
	for i, p := range ps {
		if got[p].Origin != int64(i) || got[p].Upper != 10+int64(i) {
			t.Errorf("%s: %+v", p, got[p])
		}
	}
	before := marks{}
	for _, p := range ps {
		before[p] = mark(0, 0, 8)
	}
	got, clips, err = commit.UntilLive(beside(map[string]marks{"y": theirs, "b": before}), "x", func(offsets.Partition) (int64, bool) { return 2, true })
	check("until live, beside a bounded one", got, clips, err, len(ps))
	for i, c := range clips {
		if c != (commit.Clip{Partition: ps[i], Wanted: offsets.Range{From: 2, To: 10 + int64(i)}, Got: offsets.Range{From: 8, To: 10 + int64(i)}, Sink: "b"}) {
			t.Errorf("%+v", c)
		}
	}

	got, clips, err = commit.ClipLive(beside(map[string]marks{"b": before}), "x", begins)
	check("live", got, clips, err, len(ps))
	for i, c := range clips {
		if c != (commit.Clip{Partition: ps[i], Wanted: offsets.Range{From: 5, To: math.MaxInt64}, Got: offsets.Range{From: 8, To: math.MaxInt64}, Sink: "b"}) {
			t.Errorf("%+v", c)
		}
	}

	st := commit.State{Ledger: offsets.Ledger{Marks: theirs}}
	for p, m := range commit.Ended(st) {
		if want := theirs[p]; m.Upper != want.Next || m.Next != want.Next || m.Origin != want.Origin {
			t.Errorf("%s ended as %+v", p, m)
		}
	}
	if n := len(commit.Ended(st)); n != len(ps) {
		t.Errorf("%d of %d partitions ended", n, len(ps))
	}
}

// Two live sinks on a table are more than the rules allow, but policy may have let them in: a backfill ends before the earlier one.
func TestClip_UntilTheFirstOfSeveralLiveSinks(t *testing.T) {
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		v := beside(map[string]marks{order[0]: {p0: mark(20, 20, -1)}, order[1]: {p0: mark(30, 30, -1)}})
		got, clips, err := commit.UntilLive(v, "x", func(offsets.Partition) (int64, bool) { return 5, true })
		if err != nil || got[p0].Upper != 20 || len(clips) != 0 {
			t.Errorf("%+v %v %v", got[p0], clips, err)
		}
	}
	v := beside(map[string]marks{"a": {p0: mark(20, 20, -1)}})
	got, clips, err := commit.UntilLive(v, "x", func(offsets.Partition) (int64, bool) { return 20, true })
	if err != nil || len(clips) != 0 || got[p0] != (offsets.Mark{Next: 20, Origin: 20, Upper: 20, LeaderEpoch: offsets.NoEpoch}) {
		t.Errorf("it begins where the live one does: %+v %v %v", got[p0], clips, err)
	}
}

// A stop over claims says whose they are, which partition it is about and where the wish began; among several it is always the same one.
func TestClip_StopsSayWhoseClaimsTheyAre(t *testing.T) {
	others := map[string]marks{}
	for i := range 6 {
		others[fmt.Sprint("s", i)] = marks{p0: mark(20, 20, 30)}
	}
	v := beside(others)
	for range 8 {
		_, _, bounded := commit.ClipBounded(v, "x", offsets.Ranges{p0: {From: 10, To: 50}})
		_, _, live := commit.ClipLive(v, "x", offsets.Position{p0: 10})
		for name, err := range map[string]error{"bounded": bounded, "live": live} {
			var s *commit.Stop
			if !errors.As(err, &s) || s.Partition == nil || *s.Partition != p0 || s.Offset != 10 || !strings.Contains(s.Found, `sink "s0" has read [20,30) of orders-0`) || !strings.Contains(s.Found, map[string]string{"bounded": "of [10,50)", "live": fmt.Sprintf("of [10,%d)", int64(math.MaxInt64))}[name]) || strings.Contains(s.Do, "has read [") {
				t.Fatalf("%s: %v", name, err)
			}
			if name == "live" && !strings.HasSuffix(s.Found, "no single range remains; beginning behind it would leave out offsets from 10 on, which nobody reads") {
				t.Errorf("%s", s.Found)
			}
		}
	}
	_, _, err := commit.ClipLive(beside(map[string]marks{"y": {p0: mark(90, 90, -1)}}), "x", offsets.Position{p0: 7})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("of [7,%d)", int64(math.MaxInt64))) {
		t.Errorf("%v", err)
	}
	_, _, err = commit.ClipLive(beside(map[string]marks{"y": {p1: mark(90, 90, -1)}}), "x", offsets.Position{p0: 7})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`sink "y" has read [0,%d)`, int64(math.MaxInt64))) {
		t.Errorf("%v", err)
	}
}

// Our own marks are no claim of another: a sink that comes again is clipped by nobody.
func TestClip_OwnClaimsAreNotInTheWay(t *testing.T) {
	v := beside(map[string]marks{"x": {p0: mark(0, 30, -1)}, "y": {p1: mark(0, 5, 9)}})
	if got, clips, err := commit.ClipBounded(v, "x", offsets.Ranges{p0: {From: 10, To: 50}}); err != nil || len(clips) != 0 || got[p0].Upper != 50 {
		t.Errorf("%+v %v %v", got[p0], clips, err)
	}
	var names []string
	for name := range commit.Sinks(v) {
		names = append(names, name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"x", "y"}) {
		t.Errorf("%v", names)
	}
}

// A sink that is bounded here and unbounded there will find partitions that come later.
func TestClip_LiveInOneOfManyPartitionsIsLive(t *testing.T) {
	theirs := marks{}
	for _, p := range several(16) {
		theirs[p] = mark(0, 0, 9)
	}
	theirs[p0] = mark(0, 0, -1)
	later := offsets.Partition{Topic: "orders", TopicID: offsets.TopicID{1}, Num: 99}
	_, _, err := commit.ClipBounded(beside(map[string]marks{"y": theirs}), "x", offsets.Ranges{later: {From: 0, To: 5}})
	wantStop(t, err, commit.NewSink)
}

// Offsets are left out only where some bounded sink begins behind them, and only if a live sink would begin behind that one.
func TestClip_NothingIsLeftOutUnseen(t *testing.T) {
	for name, c := range map[string]struct {
		others map[string]marks
		want   int64
		got    string
	}{
		"three that join, in the order of names":      {map[string]marks{"a": {p0: mark(0, 0, 10)}, "b": {p0: mark(10, 10, 20)}, "c": {p0: mark(20, 20, 30)}}, 0, "[30,inf)"},
		"three that join, against the order of names": {map[string]marks{"c": {p0: mark(0, 0, 10)}, "b": {p0: mark(10, 10, 20)}, "a": {p0: mark(20, 20, 30)}}, 0, "[30,inf)"},
		"a gap behind two that join":                  {map[string]marks{"c": {p0: mark(0, 0, 10)}, "b": {p0: mark(10, 10, 20)}, "a": {p0: mark(21, 21, 30)}}, 0, "STOP(new sink)"},
		"they begin where the wish does":              {map[string]marks{"a": {p0: mark(7, 7, 10)}}, 7, "[10,inf)"},
		"one ended empty where the wish begins":       {map[string]marks{"a": {p0: mark(7, 7, 7)}}, 7, "[7,inf)"},
		"one ended empty behind the wish":             {map[string]marks{"a": {p0: mark(9, 9, 9)}}, 7, "STOP(new sink)"},
	} {
		got, _, err := commit.ClipLive(beside(c.others), "x", offsets.Position{p0: c.want})
		if told(got[p0], err) != c.got {
			t.Errorf("%s: %s (%v), want %s", name, told(got[p0], err), err, c.got)
		}
	}
}

// Sinks that are not in the way are passed over, wherever they stand in the order of names.
func TestClip_LooksAtEverySink(t *testing.T) {
	clicks := marks{{Topic: "clicks"}: mark(0, 0, -1)}
	for range 16 { // the order in which a load lists sinks is any
		for name, c := range map[string]struct {
			others map[string]marks
			got    string
			by     string
		}{
			"the last of three is in the middle":    {map[string]marks{"a": clicks, "b": clicks, "x": clicks, "y": {p0: mark(20, 20, 30)}}, "STOP(new sink)", ""},
			"one begins where the wish does":        {map[string]marks{"a": clicks, "x": clicks, "y": {p0: mark(10, 10, 20)}}, "[20,50)", "y"},
			"one has it all, another lies beside":   {map[string]marks{"a": {p0: mark(60, 60, 70)}, "b": {p0: mark(0, 0, 50)}}, "STOP(new sink)", `sink "b"`},
			"one is live, and known for other work": {map[string]marks{"x": clicks, "y": {p1: mark(0, 0, -1)}}, "STOP(new sink)", ""},
		} {
			got, clips, err := commit.ClipBounded(beside(c.others), "x", offsets.Ranges{p0: {From: 10, To: 50}})
			if told(got[p0], err) != c.got {
				t.Fatalf("%s: %s (%v), want %s", name, told(got[p0], err), err, c.got)
			}
			if err != nil && !strings.Contains(err.Error(), c.by) || err == nil && clips[0].Sink != c.by {
				t.Errorf("%s: %v %v", name, clips, err)
			}
		}
	}
	_, clips, err := commit.ClipLive(beside(map[string]marks{"a": {p0: mark(0, 0, 8)}, "b": {p0: mark(0, 0, 8)}}), "x", offsets.Position{p0: 2})
	if err != nil || len(clips) != 1 || clips[0].Sink != "a" {
		t.Errorf("of two that end alike the first is named: %v %v", clips, err)
	}
}
