package engine_test

import (
	"strings"
	"testing"

	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

// jugs is the old riddle: a jug of three litres and one of five, a well; measure four.
type jugs struct{ Three, Five uint8 }

const (
	fill = iota
	empty
	pour
)

type walker struct{ want uint8 }

func (walker) Next(s *jugs, out *engine.Out[jugs]) {
	for _, n := range []jugs{{3, s.Five}, {s.Three, 5}} {
		out.Emit(&n, engine.Step{Kind: fill})
	}
	for _, n := range []jugs{{0, s.Five}, {s.Three, 0}} {
		out.Emit(&n, engine.Step{Kind: empty})
	}
	a, b := min(s.Three, 5-s.Five), min(s.Five, 3-s.Three)
	for _, n := range []jugs{{s.Three - a, s.Five + a}, {s.Three + b, s.Five - b}} {
		out.Emit(&n, engine.Step{Kind: pour, A: int32(a), B: int32(b)})
	}
}

func (w walker) Check(s *jugs, out *engine.Out[jugs]) string {
	out.Count(int(s.Three))
	if s.Five == w.want {
		return "measured"
	}
	return ""
}

func riddle(want uint8) engine.Model[jugs] {
	return engine.Model[jugs]{Name: "jugs", Init: []jugs{{}}, Kinds: []string{"fill", "empty", "pour"},
		Counts: []string{"none", "one", "two", "three", "never"},
		Walker: func() engine.Walker[jugs] { return walker{want: want} }}
}

func TestRun_FindsTheShortestWay(t *testing.T) {
	for _, untraced := range []bool{false, true} {
		r := engine.Run(riddle(4), engine.Limits{Untraced: untraced})
		if r.Violation != "measured" || r.Complete || r.Depth != 6 {
			t.Fatalf("%v", r)
		}
		if len(r.Story) != 1+2*6 || !strings.Contains(r.Story[len(r.Story)-1], "Five:4") || !strings.Contains(r.Story[1], "1. fill") {
			t.Errorf("the story does not lead there:\n%v", r)
		}
	}
}

func TestRun_SeesEverything(t *testing.T) {
	r := engine.Run(riddle(9), engine.Limits{})
	if r.Violation != "" || !r.Complete || r.States != 16 || r.Moves != 16*6 {
		t.Fatalf("16 states are reachable: %v", r)
	}
	if got := r.Unreached(); len(got) != 1 || got[0] != "never" {
		t.Errorf("unreached: %v", got)
	}
	if r.Counts["one"] == 0 || r.Kinds["pour"] != 32 || !strings.Contains(r.Reached(), "pour") {
		t.Errorf("%s", r.Reached())
	}
	if s := engine.Sum("twice", r, r); s.States != 32 || !s.Complete || s.Kinds["pour"] != 64 {
		t.Errorf("%v", s)
	}
}

// grid counts in three dimensions up to a side; from each state every coordinate may grow.
type grid struct{ At [3]uint16 }

type counter struct{ side uint16 }

func (c counter) Next(s *grid, out *engine.Out[grid]) {
	for i := range s.At {
		if n := *s; n.At[i]+1 < c.side {
			n.At[i]++
			out.Emit(&n, engine.Step{A: int32(i)})
		}
	}
}
func (counter) Check(*grid, *engine.Out[grid]) string { return "" }
func (counter) Probe(s *grid, _ *engine.Out[grid]) string {
	if s.At[0] > 200 {
		return "out of the grid"
	}
	return ""
}

func TestRun_OneWorkerAndManySeeTheSame(t *testing.T) {
	const side = 60
	for _, workers := range []int{1, 4} {
		m := engine.Model[grid]{Name: "grid", Init: []grid{{}}, Kinds: []string{"grow"}, ProbeEvery: 100,
			Walker: func() engine.Walker[grid] { return counter{side: side} }}
		r := engine.Run(m, engine.Limits{Workers: workers})
		if r.States != side*side*side || r.Moves != 3*side*side*(side-1) || r.Depth != 3*(side-1) || !r.Complete {
			t.Errorf("%d workers: %v", workers, r)
		}
		if r.Probes < side*side*side/200 || r.Probes > side*side*side/50 {
			t.Errorf("one in a hundred was to be probed: %d of %d", r.Probes, r.States)
		}
		if u := engine.Run(m, engine.Limits{Workers: workers, Untraced: true}); float64(u.Bytes)/float64(u.States) > 20 || u.Bytes >= r.Bytes {
			t.Errorf("untraced: %v", u)
		}
	}
}

func TestRun_LimitsAreSaid(t *testing.T) {
	m := engine.Model[grid]{Name: "grid", Init: []grid{{}}, Kinds: []string{"grow"}, Walker: func() engine.Walker[grid] { return counter{side: 1000} }}
	for name, l := range map[string]engine.Limits{"states": {States: 50_000}, "depth": {Depth: 40}, "time": {Time: 1}} {
		if r := engine.Run(m, l); r.Complete || r.Violation != "" || r.States < 4 || r.States > 100_000 || !strings.Contains(r.String(), "bounded") {
			t.Errorf("%s: %v", name, r)
		}
	}
}

func TestRun_RefusesStatesThatAreNotTheirBytes(t *testing.T) {
	refused := func(run func()) (why any) {
		defer func() { why = recover() }()
		run()
		return nil
	}
	type padded struct {
		A uint8
		B uint32
	}
	type pointing struct{ P *int }
	if refused(func() { engine.Run(engine.Model[padded]{}, engine.Limits{}) }) == nil {
		t.Error("padding was accepted")
	}
	if refused(func() { engine.Run(engine.Model[pointing]{}, engine.Limits{}) }) == nil {
		t.Error("a pointer was accepted")
	}
}
