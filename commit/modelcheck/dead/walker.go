package dead

import (
	"bytes"
	"unsafe"

	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

type out = engine.Out[state]

type walker struct {
	c Config
	rules
	v    [maxTables]*verdict // of the state in hand
	o    *out
	give func(n *state, step engine.Step)
}

func newWalker(c Config) *walker { return &walker{c: c, rules: newRules(c)} }

// look asks for the verdict on each table of s.
func (w *walker) look(s *state) {
	for i := range s.Tables {
		w.v[i] = nil
		if s.Tables[i].N > 0 {
			w.v[i] = w.table(i, &s.Tables[i])
		}
	}
}

func raw[T any](p *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p)) }

// emit gives a successor in its one form: workers and requests sorted, and epochs that only requests know named in their order.
func (w *walker) emit(n *state, step engine.Step) {
	for i := range n.Workers {
		if x := &n.Workers[i]; x.Phase == mending {
			for t := range x.Anchors {
				if !n.Tables[t].has(x.Anchors[t]) && !n.sent(t, x.Anchors[t]) {
					x.Anchors[t] = 0 // it was lost, which is as if it had not been sent
				}
			}
		}
	}
	if bytes.Compare(raw(&n.Workers[0]), raw(&n.Workers[1])) < 0 {
		n.Workers[0], n.Workers[1] = n.Workers[1], n.Workers[0]
	}
	for i := range n.Net {
		if r := &n.Net[i]; r.Table != 0 && !n.known(int(r.Table)-1, r.Epoch) {
			r.Epoch = 0
		}
	}
	if bytes.Compare(raw(&n.Net[0]), raw(&n.Net[1])) < 0 {
		n.Net[0], n.Net[1] = n.Net[1], n.Net[0]
	}
	for i := range n.Net {
		if r := &n.Net[i]; r.Table != 0 && r.Epoch == 0 {
			r.Epoch = fresh(n, int(r.Table)-1)
		}
	}
	w.give(n, step)
}

func (t *table) has(epoch uint8) bool {
	for k := range t.N {
		if epoch != 0 && t.Snaps[k].Epoch == epoch {
			return true
		}
	}
	return false
}

func (s *state) sent(i int, epoch uint8) bool {
	for k := range s.Net {
		if int(s.Net[k].Table) == i+1 && s.Net[k].Epoch == epoch {
			return true
		}
	}
	return false
}

// known tells whether a snapshot has the epoch, or a worker waits for it.
func (s *state) known(i int, epoch uint8) bool {
	for k := range s.Workers {
		if i != letters && s.Workers[k].Anchors[i] == epoch {
			return true
		}
	}
	return s.Tables[i].has(epoch)
}

func (w *walker) room(s *state) bool { return s.Net[w.c.Net-1].Table == 0 }

func send(n *state, r request) {
	for i := range n.Net {
		if n.Net[i].Table == 0 {
			n.Net[i] = r
			return
		}
	}
	panic("no room")
}

// fresh is an epoch that nobody on table i has heard of.
func fresh(s *state, i int) uint8 {
	e := uint8(1)
	for s.known(i, e) || s.sent(i, e) {
		e++
	}
	return e
}

// Next implements engine.Walker.
func (w *walker) Next(s *state, o *out) {
	w.o, w.give = o, o.Emit
	w.successors(s)
}

func (w *walker) successors(s *state) {
	w.look(s)
	for i := range s.Workers {
		w.step(s, i)
	}
	w.network(s)
	w.foreigners(s)
}

// step is all that a worker may do.
func (w *walker) step(s *state, i int) {
	x := &s.Workers[i]
	if x.Phase != idle && x.Phase != stopped && s.Left.Crash > 0 {
		n := *s
		n.Left.Crash--
		n.Workers[i] = worker{}
		w.emit(&n, engine.Step{Kind: kindCrash, A: int32(i)})
	}
	switch x.Phase {
	case idle:
		for k := range uint8(2) {
			for t := range uint8(2) {
				if (k == 0 || w.c.Mixed) && (t == 0 || w.c.Shared) {
					w.begin(s, i, k, t)
				}
			}
		}
	case readT, readD:
		w.second(s, i)
	case ready:
		w.prepare(s, i)
		w.commit(s, i)
	case mending:
		w.mending(s, i)
	}
}

// prepare reads on: a batch for each end that it may have.
func (w *walker) prepare(s *state, i int) {
	x := &s.Workers[i]
	place := 0
	for place < w.c.Queue && x.Queue[place].ID != 0 {
		place++
	}
	if place == w.c.Queue || s.Batches >= w.c.Batches {
		return
	}
	if x.Life != s.Life && x.At[0] > s.Cut { // the client finds its position gone
		n := *s
		n.Workers[i] = worker{}
		w.emit(&n, engine.Step{Kind: kindRewritten, A: int32(i)})
		return
	}
	var to pair
	var ends func(p int)
	ends = func(p int) {
		if p < w.c.Partitions {
			to[p] = x.At[p]
			ends(p + 1)
			for to[p]++; w.c.feeds(p, int(x.Table)) && to[p] <= w.c.Offsets; to[p]++ {
				ends(p + 1)
			}
			to[p] = 0
			return
		}
		if to == x.At {
			return
		}
		n := *s
		y := &n.Workers[i]
		y.Life = s.Life
		word := w.batch(x, s, to)
		if word.rewritten {
			*y = worker{}
			w.emit(&n, engine.Step{Kind: kindRewritten, A: int32(i)})
			return
		}
		if word.fate && w.c.Mutant != NoFateStop {
			*y = worker{Phase: stopped, Config: x.Config}
			w.emit(&n, engine.Step{Kind: kindFate, A: int32(i)})
			return
		}
		n.Batches++
		y.Queue[place] = word.b
		y.Queue[place].ID = n.Batches
		y.At = to
		w.emit(&n, engine.Step{Kind: kindPrepare, A: int32(i), B: int32(n.Batches)})
	}
	ends(0)
}

// commit is what the rules make of the worker's queue.
func (w *walker) commit(s *state, i int) {
	x := &s.Workers[i]
	if x.Queue[0].ID == 0 {
		if p := x.Table; w.c.Shared && x.At[p] == w.c.Offsets { // done with this table
			n := *s
			n.Workers[i] = worker{}
			w.emit(&n, engine.Step{Kind: kindLeave, A: int32(i), B: int32(x.Table)})
		}
		return
	}
	tv, dv := w.v[x.Table], w.v[letters]
	if tv.stop {
		return
	}
	word := w.turn(x, tv, dv)
	w.toLetters(s, i, word)
	w.toTable(s, i, word)
}

func (w *walker) toLetters(s *state, i int, word turn) {
	x := &s.Workers[i]
	if w.v[letters].stop {
		return
	}
	var unseen uint8
	for q := range x.Queue {
		if x.Queue[q].Wrote == 0 {
			unseen |= 1 << q
		}
	}
	n := *s
	switch y := &n.Workers[i]; {
	case word.lettersDone&unseen != 0:
		for q := range y.Queue {
			if b := &y.Queue[q]; word.lettersDone&unseen&(1<<q) != 0 {
				b.Wrote = 1
				if b.Open[0] != none && b.To[0] > y.Decided[0] {
					y.LifeD = uint8(b.epoch(0))
				}
				for p := range b.Open {
					if b.Open[p] != none {
						y.Decided[p] = max(y.Decided[p], b.To[p])
					}
				}
			}
		}
		w.emit(&n, engine.Step{Kind: kindLearn, A: int32(i), B: letters})
	case word.lettersStale != 0:
		*y = worker{}
		w.emit(&n, engine.Step{Kind: kindStale, A: int32(i), B: letters})
	case word.lettersTaken != 0 && w.room(s):
		d := &s.Tables[letters]
		r := request{Table: letters + 1, Head: d.Head, Newest: d.Newest, Epoch: uint8(w.v[letters].st.Epoch), Hash: w.c.hash(letters, x.Config, x.Table), Next: word.nextLetters, Life: word.lifeLetters}
		for q := range x.Queue {
			if b := &x.Queue[q]; word.lettersTaken&(1<<q) != 0 {
				r.Batches |= 1 << b.ID
				for p := range b.Fresh {
					r.Rows[p] |= b.Fresh[p]
					if w.c.Mutant == MaxOfNow {
						r.Rows[p] &^= between(0, w.v[letters].next[p])
					}
				}
				r.Rows[0], r.Young = r.Rows[0]&^b.Young, r.Young|r.Rows[0]&b.Young
			}
		}
		send(&n, r)
		w.emit(&n, engine.Step{Kind: kindLetters, A: int32(i), B: int32(r.Batches)})
	}
}

func (w *walker) toTable(s *state, i int, word turn) {
	x := &s.Workers[i]
	n := *s
	switch y := &n.Workers[i]; {
	case word.done&1 != 0:
		if w.c.Mutant == TableFirst && x.Queue[0].Letters != x.Queue[0].Wrote {
			return
		}
		copy(y.Queue[:], y.Queue[1:])
		y.Queue[maxQueue-1] = batch{}
		w.emit(&n, engine.Step{Kind: kindLearn, A: int32(i), B: int32(x.Table)})
	case word.stale != 0:
		*y = worker{}
		w.emit(&n, engine.Step{Kind: kindStale, A: int32(i), B: int32(x.Table)})
	case word.taken != 0 && w.room(s):
		t := &s.Tables[x.Table]
		r := request{Table: x.Table + 1, Head: t.Head, Newest: t.Newest, Epoch: uint8(w.v[x.Table].st.Epoch), Hash: w.c.hash(int(x.Table), x.Config, x.Table), Next: word.next, Life: word.life}
		for q := range x.Queue {
			if b := &x.Queue[q]; word.taken&(1<<q) != 0 {
				r.Batches |= 1 << b.ID
				for p := range b.Dead {
					bad := s.Bad[x.Config][p]
					if p == 0 {
						bad = bad&^b.Young | s.YoungBad[x.Config]&b.Young
					}
					r.Rows[p] |= between(b.From[p], b.To[p]) &^ b.Dead[p] &^ b.Skips[p] &^ bad
					r.Skips[p] |= b.Skips[p]
				}
				r.Rows[0], r.Young = r.Rows[0]&^b.Young, r.Young|r.Rows[0]&b.Young
			}
		}
		send(&n, r)
		w.emit(&n, engine.Step{Kind: kindTable, A: int32(i), B: int32(r.Batches), C: int32(x.Table)})
	}
}
