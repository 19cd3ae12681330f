package cover

import (
	"bytes"
	"unsafe"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

type out = engine.Out[state]

type walker struct {
	c Config
	rules
	v *verdict // of the table in hand
	o *out
}

func newWalker(c Config) *walker { return &walker{c: c, rules: newRules(c)} }

func raw[T any](p *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Sizeof(*p)) }

// emit gives a successor in its one form: two workers of one sink, and the requests, sorted, and epochs that only requests know named
// in their order.
func (w *walker) emit(n *state, step engine.Step) {
	for i := 1; i < maxWorkers; i++ {
		if w.c.Workers[i] != 0 && w.c.Workers[i] == w.c.Workers[i-1] && bytes.Compare(raw(&n.Workers[i-1]), raw(&n.Workers[i])) < 0 {
			n.Workers[i-1], n.Workers[i] = n.Workers[i], n.Workers[i-1]
		}
	}
	for i := range n.Net {
		if r := &n.Net[i]; r.By != 0 && !n.T.has(r.By, r.Epoch) {
			r.Epoch = 0
		}
	}
	if bytes.Compare(raw(&n.Net[0]), raw(&n.Net[1])) < 0 {
		n.Net[0], n.Net[1] = n.Net[1], n.Net[0]
	}
	for i := range n.Net {
		if r := &n.Net[i]; r.By != 0 && r.Epoch == 0 {
			r.Epoch = fresh(n, int(r.By)-1)
		}
	}
	w.o.Emit(n, step)
}

func (w *walker) room(s *state) bool { return s.Net[w.c.Net-1].By == 0 }

// send emits a request of sink x with the map and the epoch given.
func (w *walker) send(s *state, n state, x int, epoch uint8, m claim, rows pair, step engine.Step) {
	if !w.room(s) {
		return
	}
	for i := range n.Net {
		if n.Net[i].By == 0 {
			n.Net[i] = request{By: uint8(x + 1), Head: s.T.Head, Newest: s.T.Newest[x], Epoch: epoch, Claim: m, Rows: rows, Carries: w.v.carries[x]}
			w.emit(&n, step)
			return
		}
	}
}

func (t *table) has(by, epoch uint8) bool {
	for k := range t.N {
		if t.Snaps[k].By == by && t.Snaps[k].Epoch == epoch {
			return true
		}
	}
	return false
}

// fresh is an epoch that nobody of sink x has heard of.
func fresh(s *state, x int) uint8 {
	by := uint8(x + 1)
	for e := uint8(1); ; e++ {
		sent := false
		for k := range s.Net {
			sent = sent || s.Net[k].By == by && s.Net[k].Epoch == e
		}
		if !sent && !s.T.has(by, e) {
			return e
		}
	}
}

func between(from, to uint8) uint8 {
	if to <= from || from == none {
		return 0
	}
	return (1<<to - 1) &^ (1<<from - 1)
}

// Next implements engine.Walker.
func (w *walker) Next(s *state, o *out) {
	w.o, w.v = o, w.table(&s.T)
	for i, x := range w.c.Workers {
		if x != 0 {
			w.step(s, i, int(x)-1)
		}
	}
	w.operator(s)
	w.network(s)
	w.world(s)
}

func (w *walker) step(s *state, i, x int) {
	y := &s.Workers[i]
	if y.Phase == down {
		w.begin(s, i, x)
		return
	}
	if s.Left.Crash > 0 {
		n := *s
		n.Left.Crash--
		n.Workers[i] = worker{}
		w.emit(&n, engine.Step{Kind: kindCrash, A: int32(i)})
	}
	switch {
	case w.v.err[x] != nil:
	case w.v.st[x].Empty:
		if a := w.wished(x, y); a.ok {
			w.send(s, *s, x, fresh(s, x), a.claim, pair{}, engine.Step{Kind: kindAnchor, A: int32(i)})
		}
	case w.v.st[x].Dirty:
		w.send(s, *s, x, fresh(s, x), w.v.claim[x], pair{}, engine.Step{Kind: kindReanchor, A: int32(i)})
		if y.Phase == holding {
			w.drop(s, i)
		}
	default:
		w.later(s, i, x)
		if y.Phase == running {
			w.read(s, i, x)
		} else {
			w.commit(s, i, x)
		}
	}
}

// begin is a worker that starts: it finds out where it would begin, and where the log ends.
func (w *walker) begin(s *state, i, x int) {
	n := *s
	y := &n.Workers[i]
	y.Phase = running
	y.Want, y.Until = pair{none, none}, pair{none, none}
	for p := range w.c.Partitions {
		if s.Ends[p] == none {
			continue
		}
		switch role := w.c.Sinks[x]; {
		case role == Live && w.c.Latest:
			y.Want[p], y.Until[p] = s.Ends[p], inf
		case role == Live:
			y.Want[p], y.Until[p] = 0, inf
		default:
			y.Want[p], y.Until[p] = w.c.From, max(s.Ends[p], w.c.From)
		}
	}
	if !w.v.st[x].Empty || w.v.err[x] != nil {
		y.Want, y.Until = pair{none, none}, pair{none, none} // it has an anchor: what it finds out is not asked for
		if w.c.Mutant != UpperUnstored {
			w.emit(&n, engine.Step{Kind: kindBegin, A: int32(i)})
			return
		}
	}
	if m := w.c.Mutant; m == StartOnly || m == UpperUnstored {
		a := w.ask(x, y)
		if !a.ok && w.v.st[x].Empty {
			return
		}
		if a.ok {
			y.Want, y.Until = a.claim.S, a.claim.U
		}
	}
	w.emit(&n, engine.Step{Kind: kindBegin, A: int32(i)})
}

// ask is what the rules make of a worker's wish on the table in hand.
func (w *walker) ask(x int, y *worker) wish {
	role := w.c.Sinks[x]
	if w.c.Mutant == EndOfStart && role == UntilLive {
		role = Backfill
	}
	return w.anchor(w.v, x, role, y.Want, y.Until)
}

// wished is what a worker will anchor now.
func (w *walker) wished(x int, y *worker) wish {
	if m := w.c.Mutant; m == StartOnly || m == UpperUnstored || m == Allowed && x == 2 {
		return untested(y.Want, y.Until)
	}
	a := w.ask(x, y)
	if a.clipped {
		w.o.Count(countClipped)
	}
	if !a.ok {
		w.o.Count(int(a.why))
	}
	return a
}

// later takes a partition that appeared after the anchor, from its first record.
func (w *walker) later(s *state, i, x int) {
	live := w.c.Sinks[x] == Live
	if !live && w.c.Mutant != BackfillTakes {
		return
	}
	has := w.v.claim[x]
	unbounded := !live
	for p := range w.c.Partitions {
		unbounded = unbounded || has.U[p] == inf
	}
	for p := range w.c.Partitions {
		if s.Ends[p] == none || has.S[p] != none || !unbounded {
			continue
		}
		want, until := pair{none, none}, pair{none, none}
		want[p], until[p] = 0, inf
		if !live {
			until[p] = s.Ends[p]
		}
		a := w.anchor(w.v, x, w.c.Sinks[x], want, until)
		if w.c.Mutant == LaterUntested || w.c.Mutant == BackfillTakes && !live {
			a = untested(want, until)
		}
		if !a.ok {
			w.o.Count(int(a.why))
			continue
		}
		m := has
		m.O[p], m.S[p], m.U[p] = a.claim.O[p], a.claim.S[p], a.claim.U[p]
		w.send(s, *s, x, uint8(w.v.st[x].Epoch), m, pair{}, engine.Step{Kind: kindLater, A: int32(i), B: int32(p)})
	}
}

// limit is how far a worker of x reads.
func (w *walker) limit(x int, y *worker) pair {
	switch {
	case w.c.Mutant == BoundUntested && w.c.Sinks[x] == Live:
		return pair{inf, inf}
	case w.c.Mutant == UpperUnstored && w.c.Sinks[x] != Live:
		return y.Until
	}
	return w.v.claim[x].U
}

func (w *walker) read(s *state, i, x int) {
	y := &s.Workers[i]
	has, limit := w.v.claim[x], w.limit(x, y)
	to := has.O
	var ends func(p int, any bool)
	ends = func(p int, any bool) {
		if p == w.c.Partitions {
			if any {
				n := *s
				z := &n.Workers[i]
				z.Phase, z.Epoch, z.From, z.To = holding, uint8(w.v.st[x].Epoch), has.O, to
				w.emit(&n, engine.Step{Kind: kindRead, A: int32(i)})
			}
			return
		}
		ends(p+1, any)
		if has.S[p] == none || s.Ends[p] == none {
			return
		}
		for to[p] = has.O[p] + 1; to[p] <= s.Ends[p] && (limit[p] == inf || to[p] <= limit[p]); to[p]++ {
			ends(p+1, true)
		}
		to[p] = has.O[p]
	}
	ends(0, false)
}

func (w *walker) drop(s *state, i int) {
	n := *s
	z := &n.Workers[i]
	z.Phase, z.Epoch, z.From, z.To = running, 0, pair{}, pair{}
	w.emit(&n, engine.Step{Kind: kindStale, A: int32(i)})
}

// commit is a worker with a batch: it is sent if it fits, else it landed or is stale.
func (w *walker) commit(s *state, i, x int) {
	y := &s.Workers[i]
	if w.taken(w.v, x, y) == 0 {
		w.drop(s, i)
		return
	}
	m, rows := w.v.claim[x], pair{}
	for p := range m.O {
		if y.To[p] != y.From[p] {
			m.O[p], rows[p] = y.To[p], between(y.From[p], y.To[p])
		}
	}
	w.send(s, *s, x, uint8(w.v.st[x].Epoch), m, rows, engine.Step{Kind: kindSend, A: int32(i)})
}

// operator ends live sinks for good, and accepts sinks that were rolled back to before their anchors.
func (w *walker) operator(s *state) {
	for x := range w.c.Sinks {
		if s.Left.End > 0 && w.c.Ended&(1<<x) != 0 && w.v.ok(x) && !w.v.st[x].Dirty {
			if m, ok := w.ended(w.v, x); ok {
				n := *s
				n.Left.End--
				w.send(s, n, x, fresh(s, x), m, pair{}, engine.Step{Kind: kindEnd, A: int32(x)})
			}
		}
		var stop *commit.Stop
		if s.Left.Accept == 0 || !asStop(w.v.err[x], &stop) {
			continue
		}
		if stop.Reason == commit.LineageLost && s.T.Newest[x] == 0 && w.c.Sinks[x] == Live {
			w.welcome(s, x)
		}
		if stop.Reason != commit.ReplacedTable || s.T.Damaged&(1<<x) != 0 {
			continue
		}
		was := s.T.Snaps[s.T.Newest[x]-1].Claim // what the property still tells
		a := wish{ok: true, claim: claim{O: was.S, S: was.S, U: was.U}}
		if w.c.Mutant != AcceptUntested {
			a = w.accepted(x, was)
		}
		if a.ok {
			n := *s
			n.Left.Accept--
			w.send(s, n, x, fresh(s, x), a.claim, pair{}, engine.Step{Kind: kindAccept, A: int32(x)})
		}
	}
}

// welcome is the operator's word that a new live sink begins at 0 on a table whose history is lost.
func (w *walker) welcome(s *state, x int) {
	want := pair{none, none}
	for p := range w.c.Partitions {
		if s.Ends[p] != none {
			want[p] = 0
		}
	}
	if a := w.anchor(w.v, x, Live, want, pair{inf, inf}); a.ok {
		n := *s
		n.Left.Accept--
		w.send(s, n, x, fresh(s, x), a.claim, pair{}, engine.Step{Kind: kindAccept, A: int32(x)})
	} else {
		w.o.Count(int(a.why))
	}
}

// accepted is what sink x may claim again of what it had: where it was live a live sink's beginning, where it was bounded what nobody else has.
func (w *walker) accepted(x int, was claim) wish {
	live, bounded := pair{none, none}, pair{none, none}
	for p := range was.S {
		switch {
		case was.S[p] == none:
		case was.U[p] == inf:
			live[p] = was.S[p]
		case was.U[p] > was.S[p]:
			bounded[p] = was.S[p]
		}
	}
	a := wish{ok: true, claim: noClaim}
	if live != (pair{none, none}) {
		a = w.anchor(w.v, x, Live, live, was.U)
	}
	if a.ok && bounded != (pair{none, none}) {
		b := w.anchor(w.v, x, Backfill, bounded, was.U)
		a.ok = b.ok
		for p := range bounded {
			if bounded[p] != none {
				a.claim.O[p], a.claim.S[p], a.claim.U[p] = b.claim.O[p], b.claim.S[p], b.claim.U[p]
			}
		}
	}
	for p := range was.S { // of which nothing had been claimed stays so
		if was.S[p] != none && was.U[p] == was.S[p] {
			a.claim.O[p], a.claim.S[p], a.claim.U[p] = was.S[p], was.S[p], was.U[p]
		}
	}
	return a
}
