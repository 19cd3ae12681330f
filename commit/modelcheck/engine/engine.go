// Package engine walks every state that a model can reach and says whether a bad one is among them.
//
// # What a model is
//
// A state is a flat struct S: integers, bools, arrays and structs of them, no pointers and no padding (Run refuses others), because its
// memory is its identity. Two states that mean the same must be equal byte by byte: unused fields are zero, names are given
// in order of appearance, workers that can take each other's place are sorted. That is the whole of symmetry
// reduction, and the model does it before it calls Emit.
//
//	type jugs struct{ Three, Five uint8 }
//
//	type walker struct{} // one per goroutine: caches and scratch space live here
//
//	func (walker) Next(s *jugs, out *engine.Out[jugs]) {
//		n := *s
//		n.Five = 5
//		out.Emit(&n, engine.Step{Kind: fill})
//	}
//	func (walker) Check(s *jugs, out *engine.Out[jugs]) string {
//		if s.Five == 4 {
//			return "four litres"
//		}
//		return ""
//	}
//
//	r := engine.Run(engine.Model[jugs]{Name: "jugs", Init: []jugs{{}}, Kinds: []string{"fill"},
//		Walker: func() engine.Walker[jugs] { return walker{} }}, engine.Limits{})
//
// Next emits every successor of a state; emitting one twice, or the state itself, does no harm. Check is called once for each distinct
// state and returns what is wrong with it, or "". A Walker that has Probe as well is asked to run a state to its end by itself,
// for every Model.ProbeEvery-th state: that is how "somebody undisturbed can always finish" is checked without a
// theory of liveness. A violation ends the run. Its trace is shortest, since states are visited in the order of their
// distance, and is told as a story: Model.Tell makes a sentence of each step, Model.Show describes a state.
//
// What was reached is counted: steps by their Kind, and whatever the model counts with Out.Count under the names in Model.Counts.
// Result.Unreached lists the names that stayed at nought: a check that a branch was never asked about has not passed.
//
// # How it works
//
// Level by level, on all processors. States that were seen are kept as fingerprints, 12 bytes in an open-addressing table,
// with the shard's number that is 106 bits: for 500 million states the chance that any two are taken for one is below 10^-14. The
// table is filled to 75 % at least, so a state costs at most 16 bytes; Limits.Untraced leaves it at that, else 8 more
// tell where a state came from. The frontier holds whole states, packed as differences from
// their neighbours. An untraced run that finds a violation runs again with traces.
package engine

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Model is a set of states, what may happen in them, and what must hold.
type Model[S any] struct {
	Name string
	Init []S
	// Walker makes what expands and checks states; each goroutine has its own.
	Walker func() Walker[S]
	Kinds  []string // of steps, by Step.Kind; shown in the statistics
	Counts []string // names for Out.Count, by number
	// Tell is the sentence for one step of a story; nil shows the kind and its numbers.
	Tell func(from *S, step Step, to *S) string
	// Show describes a state; nil prints its fields.
	Show func(*S) string
	// ProbeEvery asks Prober about one state of so many; 0 never. The choice depends on the state alone.
	ProbeEvery uint64
}

// Walker knows the rules of a model. It belongs to one goroutine.
type Walker[S any] interface {
	// Next emits all successors of s.
	Next(s *S, out *Out[S])
	// Check says what is wrong with s, or nothing. It may count, and must not emit.
	Check(s *S, out *Out[S]) string
}

// Prober is a Walker that can tell whether s can still come to a good end.
type Prober[S any] interface {
	Probe(s *S, out *Out[S]) string
}

// Step names a transition. It is made for every transition, so it is numbers only; Model.Tell makes words of it.
type Step struct {
	Kind       uint8
	A, B, C, D int32
}

// Limits bound a run. The zero value bounds nothing.
type Limits struct {
	States   uint64        // stop when so many are known
	Time     time.Duration // stop after so long
	Depth    int           // do not go farther than so many steps
	Workers  int           // goroutines; 0 means one per processor
	Untraced bool          // keep no predecessors: 16 bytes a state, and a second run if there is a violation
}

// Out takes what a Walker has to say of one state. It belongs to one goroutine.
type Out[S any] struct {
	counts []uint64
	emit   func(n *S, step Step)
}

// Emit gives a successor; n is copied.
func (o *Out[S]) Emit(n *S, step Step) { o.emit(n, step) }

// Count notes that a branch was taken, by its number in Model.Counts.
func (o *Out[S]) Count(name int) { o.counts[name]++ }

// Run explores m until everything was seen, a state is bad, or a limit is met. It panics if S is not flat.
func Run[S any](m Model[S], l Limits) Result {
	mustBeFlat[S]()
	r := newSearch(m, l).run()
	if r.Violation != "" && l.Untraced {
		l.Untraced, l.States, l.Time, l.Depth = false, 0, 0, r.Depth
		again := newSearch(m, l).run()
		r.Violation, r.Story = again.Violation, again.Story
	}
	return r
}

type search[S any] struct {
	m       Model[S]
	l       Limits
	seen    *set
	began   time.Time
	workers []*worker[S]
	stop    atomic.Bool // violation, or a limit
	bounded atomic.Bool
	ids     atomic.Uint64

	mu    sync.Mutex // of the following
	preds preds
	bad   string
	badAt uint64 // id
	depth int
}

// worker expands chunks of the frontier.
type worker[S any] struct {
	s       *search[S]
	walk    Walker[S]
	probe   Prober[S]
	out     Out[S]
	next    packer[S]
	made    []*chunk
	parent  uint64 // id of the state in hand
	ordinal uint32
	kinds   []uint64
	moves   uint64
	probes  uint64
}

func newSearch[S any](m Model[S], l Limits) *search[S] {
	s := &search[S]{m: m, l: l, seen: newSet(), began: time.Now()}
	if l.Workers == 0 {
		l.Workers = runtime.GOMAXPROCS(0)
	}
	for range l.Workers {
		w := &worker[S]{s: s, walk: m.Walker(), kinds: make([]uint64, 256)}
		w.probe, _ = w.walk.(Prober[S])
		w.out = Out[S]{counts: make([]uint64, len(m.Counts)), emit: w.take}
		s.workers = append(s.workers, w)
	}
	return s
}

func (s *search[S]) run() Result {
	first := s.workers[0]
	first.parent = noParent
	for i := range s.m.Init {
		first.ordinal = uint32(i)
		first.keep(&s.m.Init[i])
	}
	level := first.flush()
	peak := uint64(0)
	for len(level) > 0 && !s.stop.Load() {
		if s.l.Depth > 0 && s.depth >= s.l.Depth {
			s.bounded.Store(true)
			break
		}
		s.depth++
		size := sizeOf(level)
		var turn atomic.Int64
		var wg sync.WaitGroup
		for _, w := range s.workers {
			wg.Go(func() {
				for i := turn.Add(1) - 1; int(i) < len(level) && !s.stop.Load(); i = turn.Add(1) - 1 {
					w.expand(level[i])
					level[i] = nil
				}
			})
		}
		wg.Wait()
		level = level[:0:0]
		for _, w := range s.workers {
			level = append(level, w.flush()...)
		}
		peak = max(peak, size+sizeOf(level))
	}
	if s.bad == "" && len(level) == 0 {
		s.depth-- // the last level had no successors that were new
	}
	return s.result(peak)
}

func (w *worker[S]) expand(c *chunk) {
	var st S
	u := newUnpacker[S](c)
	for id := c.first; u.next(&st); id++ {
		w.parent, w.ordinal = id, 0
		w.walk.Next(&st, &w.out)
		if w.s.stop.Load() {
			return
		}
	}
	if l := w.s.l; l.Time > 0 && time.Since(w.s.began) > l.Time || l.States > 0 && w.s.seen.len() >= l.States {
		w.s.bounded.Store(true)
		w.s.stop.Store(true)
	}
}

// take is one transition.
func (w *worker[S]) take(n *S, step Step) {
	w.moves++
	w.kinds[step.Kind]++
	w.keep(n)
	w.ordinal++
}

// keep checks n and puts it into the next level if it is new.
func (w *worker[S]) keep(n *S) {
	fp := fingerprintOf(n)
	if !w.s.seen.add(fp) {
		return
	}
	if w.next.full() {
		w.made = append(w.made, w.seal())
	}
	if w.next.empty() {
		w.next.begin(w.s.ids.Add(chunkStates) - chunkStates)
	}
	id := w.next.add(n)
	if !w.s.l.Untraced {
		w.next.origin(w.parent, w.ordinal)
	}
	bad := w.walk.Check(n, &w.out)
	if every := w.s.m.ProbeEvery; bad == "" && every > 0 && w.probe != nil && fp.hi%every == 0 {
		w.probes++
		bad = w.probe.Probe(n, &w.out)
	}
	if bad != "" {
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		if w.s.bad == "" {
			w.s.bad, w.s.badAt = bad, id
		}
		w.s.stop.Store(true)
	}
}

func (w *worker[S]) seal() *chunk {
	c, from := w.next.seal()
	if !w.s.l.Untraced {
		w.s.mu.Lock()
		w.s.preds.put(c.first, from)
		w.s.mu.Unlock()
	}
	return c
}

func (w *worker[S]) flush() []*chunk {
	if !w.next.empty() {
		w.made = append(w.made, w.seal())
	}
	made := w.made
	w.made = nil
	return made
}

// story replays the steps to state id.
func (s *search[S]) story(id uint64) []string {
	var way []uint32
	for id != noParent {
		from := s.preds.get(id)
		way = append(way, from.ordinal)
		id = from.parent()
	}
	st := s.m.Init[way[len(way)-1]]
	lines := []string{"at first: " + s.show(&st)}
	walk := s.m.Walker()
	for i := len(way) - 2; i >= 0; i-- {
		var at uint32
		var to S
		var step Step
		out := Out[S]{counts: make([]uint64, len(s.m.Counts)), emit: func(n *S, st Step) {
			if at == way[i] {
				to, step = *n, st
			}
			at++
		}}
		walk.Next(&st, &out)
		lines = append(lines, fmt.Sprintf("%2d. %s", len(way)-1-i, s.tell(&st, step, &to)), "    "+s.show(&to))
		st = to
	}
	return lines
}

func (s *search[S]) show(st *S) string {
	if s.m.Show != nil {
		return s.m.Show(st)
	}
	return fmt.Sprintf("%+v", *st)
}

func (s *search[S]) tell(from *S, step Step, to *S) string {
	if s.m.Tell != nil {
		return s.m.Tell(from, step, to)
	}
	return fmt.Sprintf("%s %d %d %d %d", s.m.Kinds[step.Kind], step.A, step.B, step.C, step.D)
}
