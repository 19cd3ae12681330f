package dead

import (
	"fmt"
	"strings"

	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

// note begins to mend a D that was rolled back: what D is like is remembered, then the tables are anchored.
func (w *walker) note(s *state, i int, k, t uint8) {
	d := &s.Tables[letters]
	n := *s
	n.Workers[i] = worker{Phase: mending, Config: k, Table: t, Head: d.Head, Newest: d.Newest, Listed: d.Live}
	w.emit(&n, engine.Step{Kind: kindNote, A: int32(i), C: int32(k)})
}

func (w *walker) mending(s *state, i int) {
	x := &s.Workers[i]
	d := &s.Tables[letters]
	n := *s
	if moved := d.Head != x.Head || d.Newest != x.Newest; moved && w.c.Mutant != MendNow {
		n.Workers[i] = worker{}
		w.emit(&n, engine.Step{Kind: kindGiveUp, A: int32(i)})
		return
	}
	var ts [2]*verdict
	for t := range ts {
		if ts[t] = w.v[t]; ts[t] == nil {
			continue
		}
		if ts[t].stop {
			return
		}
		fenced := w.c.Mutant != MendUnfenced && (w.c.Mutant != MendOwn || t == int(x.Table))
		if fenced && (x.Anchors[t] == 0 || ts[t].st.Dirty || ts[t].st.Epoch != uint64(x.Anchors[t])) {
			if w.room(s) {
				m := *s
				r := w.anchorOf(s, t, x.Config, x.Table)
				m.Workers[i].Anchors[t] = r.Epoch
				send(&m, r)
				w.emit(&m, engine.Step{Kind: kindAnchor, A: int32(i), B: int32(t), C: int32(x.Config)})
			}
			return
		}
	}
	noted := *d
	noted.Head, noted.Newest, noted.Live = x.Head, x.Newest, x.Listed
	if w.c.Mutant == MendNow {
		noted = *d
		if w.v[letters].stop || !w.v[letters].st.Dirty {
			n.Workers[i] = worker{}
			w.emit(&n, engine.Step{Kind: kindGiveUp, A: int32(i)})
			return
		}
	}
	// A noted table has the snapshots that were there then: those that came since are behind another head.
	word := w.mend(&noted, x, ts)
	n.Workers[i] = worker{}
	switch {
	case word.again:
		w.emit(&n, engine.Step{Kind: kindGiveUp, A: int32(i)})
	case word.stop:
		w.o.Count(countUnmended)
		w.emit(&n, engine.Step{Kind: kindGiveUp, A: int32(i)})
	case w.room(s):
		w.o.Count(countMended)
		r := request{Table: letters + 1, Head: noted.Head, Newest: noted.Newest, Epoch: fresh(s, letters), Hash: w.c.hash(letters, x.Config, x.Table), Next: word.next, Life: word.life}
		for p := range r.Rows {
			r.Rows[p] = between(word.from[p], word.to[p]) & s.Bad[x.Config][p]
		}
		send(&n, r)
		w.emit(&n, engine.Step{Kind: kindMend, A: int32(i)})
	}
}

// network delivers, delivers twice, or loses each request.
func (w *walker) network(s *state) {
	for i := range s.Net {
		r := s.Net[i]
		if r.Table == 0 || i > 0 && r == s.Net[i-1] {
			continue
		}
		t := &s.Tables[r.Table-1]
		without := *s
		without.Net[i] = request{}
		if t.Head != r.Head || t.Newest != r.Newest {
			w.emit(&without, engine.Step{Kind: kindRefuse, A: int32(r.Table) - 1, B: int32(r.Batches)})
			continue
		}
		n := without
		w.emit(&n, engine.Step{Kind: kindLose, A: int32(r.Table) - 1, B: int32(r.Batches)})
		if t.N >= w.c.Snaps {
			continue
		}
		apply(&without.Tables[r.Table-1], r)
		w.emit(&without, engine.Step{Kind: kindApply, A: int32(r.Table) - 1, B: int32(r.Batches)})
		if s.Left.Double > 0 {
			n := *s
			n.Left.Double--
			apply(&n.Tables[r.Table-1], r)
			w.emit(&n, engine.Step{Kind: kindApply, A: int32(r.Table) - 1, B: int32(r.Batches), C: 1})
		}
	}
}

func apply(t *table, r request) {
	was := t.Snaps[t.Head-1]
	sn := snap{Parent: t.Head, Epoch: r.Epoch, Hash: r.Hash, Batches: r.Batches, Next: r.Next, Rows: was.Rows, Skips: was.Skips, Twice: was.Twice, Life: r.Life, Young: was.Young | r.Young}
	if was.Young&r.Young != 0 {
		sn.Twice = 1
	}
	for p := range sn.Rows {
		if sn.Rows[p]&r.Rows[p] != 0 {
			sn.Twice = 1
		}
		sn.Rows[p] |= r.Rows[p]
		sn.Skips[p] |= r.Skips[p]
	}
	put(t, sn)
	t.Newest = t.Head
}

func put(t *table, sn snap) {
	t.Snaps[t.N] = sn
	t.N++
	t.Head = t.N
	t.Live |= 1 << t.Head
}

// foreigners compact, expire and roll back, and cut the log.
func (w *walker) foreigners(s *state) {
	for cut := uint8(0); s.Left.Cut > 0 && cut < w.c.Offsets; cut++ {
		n := *s
		n.Left.Cut--
		n.Life, n.Cut = 1, cut
		w.emit(&n, engine.Step{Kind: kindCut, A: int32(cut)})
	}
	for i := range s.Tables {
		t := &s.Tables[i]
		if t.N == 0 {
			continue
		}
		left := func(b *Budget) (compact, expire, roll *uint8) {
			if i == letters {
				return &b.CompactD, &b.ExpireD, &b.RollD
			}
			return &b.CompactT, &b.ExpireT, &b.RollT
		}
		compact, expire, roll := left(&s.Left)
		if *compact > 0 && t.N < w.c.Snaps {
			n := *s
			c, _, _ := left(&n.Left)
			*c--
			was := t.Snaps[t.Head-1]
			put(&n.Tables[i], snap{Parent: t.Head, Rows: was.Rows, Skips: was.Skips, Twice: was.Twice, Young: was.Young})
			w.emit(&n, engine.Step{Kind: kindCompact, A: int32(i)})
		}
		for _, needed := range []uint8{1<<t.Head | 1<<t.Newest, 1 << t.Head} { // the tag is kept, or has aged out
			if *expire > 0 && t.Live&^needed != 0 {
				n := *s
				_, e, _ := left(&n.Left)
				*e--
				n.Tables[i].Live &= needed
				w.emit(&n, engine.Step{Kind: kindExpire, A: int32(i)})
			}
		}
		if *roll == 0 {
			continue
		}
		behind := uint8(0)
		for id := t.Head; id != 0; id = t.Snaps[id-1].Parent {
			behind |= 1 << id
		}
		for id := uint8(1); id <= t.N; id++ {
			if id == t.Head || t.Live&(1<<id) == 0 || behind&(1<<id) == 0 && !w.c.Aside {
				continue
			}
			n := *s
			_, _, r := left(&n.Left)
			*r--
			n.Tables[i].Head = id
			if i == letters {
				n.Moved = 1
			}
			w.emit(&n, engine.Step{Kind: kindRoll, A: int32(i), B: int32(id)})
		}
	}
}

// Check implements engine.Walker.
func (w *walker) Check(s *state, o *out) string {
	w.look(s)
	dv := w.v[letters]
	hd := &s.Tables[letters].Snaps[s.Tables[letters].Head-1]
	w.count(s, o)
	if hd.Twice != 0 {
		return "I1: a dead letter is in D twice"
	}
	gone := s.Moved != 0 && (dv.stop || dv.st.Dirty) // nobody has acknowledged yet that D was moved
	for p := range w.c.Partitions {
		i := w.c.tableOf(p)
		tv, ht := w.v[i], &s.Tables[i].Snaps[s.Tables[i].Head-1]
		if ht.Twice != 0 {
			return "I1: a row is in T twice"
		}
		old, young := uint8(0xff), uint8(0) // offsets whose elder, and whose younger records count
		if p == 0 && s.Life != 0 {
			old, young = between(0, s.Cut), ^between(0, s.Cut)
		}
		if x := (hd.Rows[p]&old | hd.Young&young) &^ between(0, dv.next[p]); x != 0 && !dv.stop {
			return fmt.Sprintf("I1: D holds letters of %s at or above F(D)=%d", set(p, x), dv.next[p])
		}
		if tv.stop {
			continue
		}
		if x := (ht.Rows[p]&old | ht.Young&young) &^ between(0, tv.next[p]); x != 0 {
			return fmt.Sprintf("I1: T holds rows of %s at or above F(T)=%d", set(p, x), tv.next[p])
		}
		if tv.life == 0 && tv.next[p] > s.Cut { // T has not been rewound yet, and has passed elder ones
			old, young = 0xff, 0
		}
		passed := between(0, tv.next[p])
		row, dead, skip := (ht.Rows[p]&old|ht.Young&young)&passed, (hd.Rows[p]&old|hd.Young&young)&passed, ht.Skips[p]&passed
		if x := passed &^ (row | dead | skip); x != 0 && !gone {
			return fmt.Sprintf("I7: NEITHER: %s below F(T)=%d are in none of T, D and the skips", set(p, x), tv.next[p])
		}
		if x := row&dead | row&skip | dead&skip; x != 0 && !gone {
			return fmt.Sprintf("I7: BOTH: %s are in two of T, D and the skips", set(p, x))
		}
	}
	for i := range s.Workers {
		if s.Workers[i].Phase == stopped && !w.c.Mixed {
			return "STOP(fate changed) with one configuration"
		}
	}
	if w.c.quiet() {
		for i := range s.Tables {
			for k := uint8(1); k < s.Tables[i].N; k++ {
				if sn := &s.Tables[i].Snaps[k]; sn.Epoch > 0 && sn.Batches == 0 {
					return "A: " + w.c.name(int32(i)) + " was anchored again, and nothing had happened"
				}
			}
		}
	}
	return ""
}

// quiet tells whether nothing happens in this world that a table has to be anchored again for.
func (c Config) quiet() bool {
	b := c.Budget
	return !c.Mixed && b.RollT+b.RollD+b.ExpireT+b.ExpireD+b.Cut == 0
}

func (w *walker) count(s *state, o *out) {
	done, dv := true, w.v[letters]
	for p := range w.c.Partitions {
		tv := w.v[w.c.tableOf(p)]
		done = done && !tv.stop && tv.next[p] == w.c.Offsets
		if !tv.stop && !dv.stop && dv.next[p] > tv.next[p] {
			o.Count(countSettled)
		}
		if !tv.stop && tv.st.Dirty {
			o.Count(countDirtyT)
		}
		if !tv.stop && tv.st.Via == "mirror" || !dv.stop && dv.st.Via == "mirror" {
			o.Count(countMirror)
		}
		if tv.stop {
			o.Count(countStop)
		}
	}
	if !dv.stop && dv.st.Dirty {
		o.Count(countDirtyD)
	}
	if dv.stop {
		o.Count(countStop)
	}
	for i := range s.Workers {
		if s.Workers[i].Phase == stopped {
			o.Count(countFate)
		}
	}
	if done {
		o.Count(countDone)
	}
}

// Probe lets one worker go on alone, with nobody and nothing in its way.
func (w *walker) Probe(s *state, o *out) string {
	for i := range s.Tables {
		if s.Tables[i].N > maxSnaps-3 {
			return "" // no room left to go on in
		}
	}
	n := *s
	n.Net, n.Left, n.Workers = [maxNet]request{}, Budget{}, [maxWorkers]worker{1: {Phase: stopped}}
	alone := w.c
	alone.Snaps, alone.Batches, alone.Net, alone.Mutant = maxSnaps, min(7, n.Batches+3), 1, w.c.Mutant
	p := newWalker(alone)
	p.rules = w.rules
	seen, todo := map[state]bool{n: true}, []state{n}
	p.o, p.give = o, func(x *state, _ engine.Step) {
		if !seen[*x] {
			seen[*x] = true
			todo = append(todo, *x)
		}
	}
	for len(todo) > 0 && len(seen) < 100_000 {
		at := todo[len(todo)-1] // the last one first: what is in the network arrives, and it goes on from there
		todo = todo[:len(todo)-1]
		p.look(&at)
		if p.ended(&at) {
			return ""
		}
		p.successors(&at)
	}
	return "L: a worker that nobody disturbs cannot come to an end"
}

// ended tells whether everything is in its place, or only an operator can go on.
func (w *walker) ended(s *state) bool {
	done, dv := true, w.v[letters]
	for p := range w.c.Partitions {
		tv := w.v[w.c.tableOf(p)]
		if tv.stop || dv.stop {
			return true
		}
		done = done && tv.next[p] == w.c.Offsets
	}
	if dv.st.Dirty && (!w.c.Mend || w.c.Mixed || w.c.Aside || w.c.Budget.ExpireD+w.c.Budget.ExpireT > 0) {
		return true
	}
	for i := range s.Workers {
		if i == 0 && s.Workers[i].Phase == stopped && s.Workers[1].Phase == stopped && w.c.Mixed {
			return true // fate changed
		}
	}
	return done
}

func set(p int, x uint8) string {
	var out []string
	for o := range 8 {
		if x&(1<<o) != 0 {
			out = append(out, fmt.Sprintf("%s-%d", partitions[p].Topic, o))
		}
	}
	return strings.Join(out, " ")
}
