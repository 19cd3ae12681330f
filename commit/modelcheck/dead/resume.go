package dead

import (
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

func (w *walker) anchor(s *state, i, table int, k uint8, own uint8) {
	if !w.room(s) {
		return
	}
	n := *s
	n.Workers[i] = worker{}
	send(&n, w.anchorOf(s, table, k, own))
	w.emit(&n, engine.Step{Kind: kindAnchor, A: int32(i), B: int32(table), C: int32(k)})
}

func (w *walker) anchorOf(s *state, table int, k, own uint8) request {
	t := &s.Tables[table]
	return request{Table: uint8(table + 1), Head: t.Head, Newest: t.Newest, Epoch: fresh(s, table), Hash: w.c.hash(table, k, own), Next: w.v[table].next, Life: w.v[table].life}
}

// begin is a worker of configuration k that has nothing: it reads T, or anchors what has to be anchored first.
func (w *walker) begin(s *state, i int, k, t uint8) {
	tv, dv := w.v[t], w.v[letters]
	if tv.stop || dv.stop {
		return
	}
	word := w.ready(tv, dv, k, t)
	switch {
	case word.stop:
		if w.c.Mend && w.room(s) {
			w.note(s, i, k, t)
		}
		return
	case word.anchor == commit.AnchorTable:
		w.anchor(s, i, int(t), k, t)
		return
	case word.anchor == commit.AnchorLetters:
		w.anchor(s, i, letters, k, t)
	}
	n := *s
	x := &n.Workers[i]
	x.Config, x.Table = k, t
	if w.c.Mutant == LettersFirst {
		if word.anchor != commit.AnchorNone {
			return
		}
		x.Phase, x.EpochD, x.Decided, x.Held = readD, uint8(dv.st.Epoch), dv.next, s.Tables[letters].Snaps[s.Tables[letters].Head-1].Rows
		w.emit(&n, engine.Step{Kind: kindRead, A: int32(i), B: letters, C: int32(k)})
		return
	}
	if word := w.readyT(tv, k, t); word.stop || word.anchor != commit.AnchorNone {
		return
	}
	if w.parted(s, tv) {
		w.rewind(s, i, int(t), k, t)
		return
	}
	x.Phase, x.EpochT, x.At, x.Life = readT, uint8(tv.st.Epoch), w.own(t, tv.next), s.Life
	w.emit(&n, engine.Step{Kind: kindRead, A: int32(i), B: int32(t), C: int32(k)})
}

// parted tells whether the log has other records below the position of a table than those that it knows.
func (w *walker) parted(s *state, v *verdict) bool {
	return s.Life != 0 && v.life == 0 && v.next[0] > s.Cut
}

// rewind sends a table's position back to where the log parted from it.
func (w *walker) rewind(s *state, i, table int, k, own uint8) {
	if !w.room(s) {
		return
	}
	n := *s
	n.Workers[i] = worker{}
	r := w.anchorOf(s, table, k, own)
	r.Next, r.Life = w.rewound(w.v[table], s.Cut), 0
	send(&n, r)
	w.emit(&n, engine.Step{Kind: kindRewind, A: int32(i), B: int32(table)})
}

// own is next without the partitions that do not feed table t.
func (w *walker) own(t uint8, next pair) pair {
	for p := range next {
		if !w.c.feeds(p, int(t)) {
			next[p] = 0
		}
	}
	return next
}

// second is a worker that has read one of the two tables and reads the other.
func (w *walker) second(s *state, i int) {
	x := &s.Workers[i]
	tv, dv := w.v[x.Table], w.v[letters]
	n := *s
	y := &n.Workers[i]
	if x.Phase == readD {
		if word := w.readyT(tv, x.Config, x.Table); tv.stop || word.anchor != commit.AnchorNone {
			return
		}
		y.Phase, y.EpochT, y.At = ready, uint8(tv.st.Epoch), w.own(x.Table, tv.next)
		w.emit(&n, engine.Step{Kind: kindRead, A: int32(i), B: int32(x.Table), C: int32(x.Config)})
		return
	}
	if dv.stop {
		return
	}
	switch word := w.readyD(dv, x.Config, x.Table); {
	case word.stop:
		*y = worker{}
		w.emit(&n, engine.Step{Kind: kindStale, A: int32(i), B: letters})
		return
	case word.anchor != commit.AnchorNone:
		w.anchor(s, i, letters, x.Config, x.Table)
		return
	}
	switch {
	case w.parted(s, dv) && w.c.Mutant != UncheckedLetters:
		w.rewind(s, i, letters, x.Config, x.Table)
		return
	case x.Life != s.Life && x.At[0] > s.Cut:
		*y = worker{}
		w.emit(&n, engine.Step{Kind: kindRewritten, A: int32(i)})
		return
	}
	y.Life, y.LifeD = s.Life, dv.life
	d := &s.Tables[letters]
	t := commit.State{Epoch: uint64(x.EpochT)}
	t.Ledger.Marks = w.c.marks(int(x.Table), x.At, 0)
	y.Phase, y.EpochD, y.Decided = ready, uint8(dv.st.Epoch), w.own(x.Table, dv.next)
	y.Held = w.held(t, dv, d.Snaps[d.Head-1].Rows)
	y.HeldYoung = w.held(t, dv, pair{d.Snaps[d.Head-1].Young})[0]
	w.emit(&n, engine.Step{Kind: kindRead, A: int32(i), B: letters, C: int32(x.Config)})
}
