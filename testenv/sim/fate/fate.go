// Package fate decides what goes wrong in a simulated world: from a seed, or from the trace of a world that was.
//
// Whoever does I/O asks Meet each time. The answer depends on the seed, on who asks (the actor), on what is done
// (the edge) and on how often this actor has done it before, and on nothing else: not on the order in which
// goroutines come to run, not on what others met. So the same seed makes nearly the same world again, and taking one
// fault out of a trace leaves the others where they were.
package fate

import (
	"hash/fnv"
	"math/rand/v2"
	"sort"
	"sync"
)

// Kind is a kind of fault, by the name under which its share is counted.
type Kind string

// Fault is one thing that goes wrong: what Actor met when it did Edge for the N-th time, from 0 on.
type Fault struct {
	Actor  string `json:"actor"`
	Edge   string `json:"edge"`
	N      int    `json:"n"`
	Kind   Kind   `json:"kind"`
	Amount int64  `json:"amount,omitempty"` // in [1, Choice.Most]; what it counts is the kind's affair
}

// Trace is all that went wrong in one world. The order means nothing.
type Trace []Fault

// Menu is what may go wrong, by edge.
type Menu map[string][]Choice

// Choice is one kind on the menu of an edge.
type Choice struct {
	Kind Kind
	Odds float64 // of meeting it, each time; those of one edge add up to 1 at most
	Most int64   // Amount is drawn from [1, Most]; 0: there is none
}

// Fate is safe for concurrent use.
type Fate struct {
	mu      sync.Mutex
	seed    uint64
	menu    Menu
	given   map[place]Fault // of a trace; nil where a seed decides
	streams map[stream]*walk
	met     Trace
	quiet   bool
}

type stream struct{ actor, edge string }

type place struct {
	stream
	n int
}

// walk is how far one actor has come along one edge.
type walk struct {
	n      int
	random *rand.Rand
}

// FromSeed draws faults from the menu.
func FromSeed(seed uint64, menu Menu) *Fate {
	return &Fate{seed: seed, menu: menu, streams: map[stream]*walk{}}
}

// FromTrace repeats the faults of a trace, each at its place, and no others.
func FromTrace(t Trace) *Fate {
	f := &Fate{given: map[place]Fault{}, streams: map[stream]*walk{}}
	for _, x := range t {
		f.given[place{stream{x.Actor, x.Edge}, x.N}] = x
	}
	return f
}

// Meet counts one more occurrence of an edge and tells what goes wrong at it, if anything does.
func (f *Fate) Meet(actor, edge string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := stream{actor, edge}
	w := f.streams[at]
	if w == nil {
		w = &walk{}
		f.streams[at] = w
	}
	n := w.n
	w.n++
	if f.quiet {
		return Fault{}, false
	}
	x, ok := f.given[place{at, n}]
	if f.given == nil {
		x, ok = f.draw(w, at, n)
	}
	if ok {
		f.met = append(f.met, x)
	}
	return x, ok
}

// draw takes the same number of draws whatever comes of them.
func (f *Fate) draw(w *walk, at stream, n int) (Fault, bool) {
	choices := f.menu[at.edge]
	if len(choices) == 0 {
		return Fault{}, false
	}
	if w.random == nil {
		w.random = Stream(f.seed, at.actor+"/"+at.edge)
	}
	luck, amount := w.random.Float64(), w.random.Uint64()
	for _, c := range choices {
		if luck -= c.Odds; luck >= 0 {
			continue
		}
		x := Fault{Actor: at.actor, Edge: at.edge, N: n, Kind: c.Kind}
		if c.Most > 0 {
			x.Amount = 1 + int64(amount%uint64(c.Most))
		}
		return x, true
	}
	return Fault{}, false
}

// Quiet ends all faults: nobody meets anything from now on.
func (f *Fate) Quiet() { f.mu.Lock(); defer f.mu.Unlock(); f.quiet = true }

// Trace is what was met so far, in an order that does not depend on scheduling.
func (f *Fate) Trace() Trace {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := append(Trace{}, f.met...)
	sort.SliceStable(t, func(i, j int) bool {
		a, b := t[i], t[j]
		if a.Actor != b.Actor {
			return a.Actor < b.Actor
		}
		if a.Edge != b.Edge {
			return a.Edge < b.Edge
		}
		return a.N < b.N
	})
	return t
}

// Stream is a source of chance of its own for each name under a seed.
func Stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
