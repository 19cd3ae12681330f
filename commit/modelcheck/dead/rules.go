package dead

import (
	"errors"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// turn is what the rules say of a worker's queue: sets of places in the queue.
type turn struct {
	lettersTaken, lettersDone, lettersStale uint8
	taken, done, stale                      uint8
	nextLetters, next                       pair
	lifeLetters, life                       uint8
}

type turnKey struct {
	w    worker
	t, d int32
}

type readyKey struct {
	t, d          int32
	config, table uint8
}

type readyWord struct {
	anchor commit.Anchor
	stop   bool
}

type batchKey struct {
	decided, held, bad, skip, from, to pair
	youngBad, young, lifeD, heldYoung  uint8
}

type batchWord struct {
	b         batch
	fate      bool // it came to STOP(fate changed)
	rewritten bool
}

type mendKey struct {
	d                 table
	t                 [2]int32
	anchors           [2]uint8
	hash, hashLetters uint8
}

type mendWord struct {
	next, from, to pair
	life           uint8
	again, stop    bool
}

// rules asks the production code, each question once.
type rules struct {
	c       Config
	ids     *int32
	tables  [maxTables]map[table]*verdict
	turns   map[turnKey]turn
	readies map[readyKey]readyWord
	batches map[batchKey]batchWord
	mends   map[mendKey]mendWord
}

func newRules(c Config) rules {
	r := rules{c: c, ids: new(int32), turns: map[turnKey]turn{}, readies: map[readyKey]readyWord{}, batches: map[batchKey]batchWord{}, mends: map[mendKey]mendWord{}}
	for i := range r.tables {
		r.tables[i] = map[table]*verdict{}
	}
	return r
}

// keep bounds a memory of answers.
func keep[K comparable, V any](m map[K]V, k K, v V) V {
	if len(m) > 1<<20 {
		clear(m)
	}
	m[k] = v
	return v
}

func (r *rules) table(i int, t *table) *verdict {
	if v, ok := r.tables[i][*t]; ok {
		return v
	}
	*r.ids++
	v := &verdict{id: *r.ids, view: r.c.view(i, t)}
	st, err := commit.Resolve(v.view, sink)
	v.st, v.stop, v.in, v.next, v.life = st, err != nil, commit.Lineage(v.view), positions(st.Ledger), lifeOf(st.Ledger)
	return keep(r.tables[i], *t, v)
}

func (r *rules) ready(t, d *verdict, config, table uint8) readyWord {
	k := readyKey{t.id, d.id, config, table}
	if w, ok := r.readies[k]; ok {
		return w
	}
	ours := commit.Hashes{Table: hashName(r.c.hash(int(table), config, table)), Letters: hashName(r.c.hash(letters, config, table))}
	ts, ds := t.st, d.st
	switch r.c.Mutant {
	case NoFence:
		ours = commit.Hashes{Table: ts.Hash, Letters: ds.Hash}
	case LikeTable:
		if ds.Dirty {
			ds.Dirty, ds.Hash = false, "?"
		}
	}
	a, err := commit.Ready(ts, ds, ours)
	if r.c.Mutant == FenceBackward && a == commit.AnchorTable && ds.Hash != ours.Letters {
		a = commit.AnchorLetters
	}
	return keep(r.readies, k, readyWord{anchor: a, stop: err != nil})
}

// readyT is Ready for a T that has been read, and a D that is in order.
func (r *rules) readyT(t *verdict, config, table uint8) readyWord {
	return r.ready(t, &verdict{id: -1 - int32(config) - 2*int32(table), st: commit.State{Hash: hashName(r.c.hash(letters, config, table))}}, config, table)
}

// readyD is Ready for a T that was in order when it was read.
func (r *rules) readyD(d *verdict, config, table uint8) readyWord {
	return r.ready(&verdict{id: -1 - int32(config) - 2*int32(table), st: commit.State{Hash: hashName(r.c.hash(int(table), config, table))}}, d, config, table)
}

// held is the settled offsets among rows.
func (r *rules) held(t commit.State, d *verdict, rows pair) pair {
	var out pair
	for p, open := range commit.Settled(t, d.st) {
		for i := range out {
			if partitions[i] == p {
				out[i] = rows[i] & between(uint8(open.From), uint8(open.To))
			}
		}
	}
	return out
}

func (r *rules) footing(w *worker) commit.Footing {
	held := commit.Held{}
	for p := range r.c.Partitions {
		held[partitions[p]] = map[int64]int32{}
		for o := range r.c.Offsets {
			young := p == 0 && w.HeldYoung&(1<<o) != 0
			if w.Held[p]&(1<<o) == 0 && !young {
				continue
			}
			epoch := int32(0)
			if young {
				epoch = 1
			}
			if r.c.Mutant == HeldByOffset {
				epoch = offsets.NoEpoch
			}
			held[partitions[p]][int64(o)] = epoch
		}
	}
	f := commit.Stand(commit.State{Epoch: uint64(w.EpochT)}, commit.State{Epoch: uint64(w.EpochD), Ledger: offsets.Ledger{Marks: r.c.marks(letters, w.Decided, w.LifeD)}}, held)
	for i := range w.Queue {
		if b := &w.Queue[i]; b.Wrote != 0 {
			f.Wrote(r.dead(b))
		}
	}
	return f
}

func (r *rules) dead(b *batch) *manifest.Manifest {
	m := &manifest.Manifest{ID: id(b.ID), Spans: map[offsets.Partition]manifest.Span{}}
	for p := range r.c.Partitions {
		if b.Open[p] != none {
			m.Spans[partitions[p]] = manifest.Span{Range: offsets.Range{From: int64(b.Open[p]), To: int64(b.To[p])}, LeaderEpoch: b.epoch(p)}
		}
	}
	return m
}

// epoch is the leader epoch of the batch's last record of p.
func (b *batch) epoch(p int) int32 {
	if p != 0 || b.To[0] == 0 {
		return 0
	}
	return int32(b.Young >> (b.To[0] - 1) & 1)
}

func (r *rules) queue(w *worker) []commit.Letters {
	var out []commit.Letters
	for i := range w.Queue {
		b := &w.Queue[i]
		if b.ID == 0 {
			break
		}
		l := commit.Letters{Batch: &manifest.Manifest{ID: id(b.ID), Epoch: uint64(w.EpochT), Spans: map[offsets.Partition]manifest.Span{}}}
		for p := range r.c.Partitions {
			if b.To[p] > b.From[p] {
				l.Batch.Spans[partitions[p]] = manifest.Span{Range: offsets.Range{From: int64(b.From[p]), To: int64(b.To[p])}, LeaderEpoch: b.epoch(p)}
			}
		}
		if b.Letters != 0 {
			l.Dead = r.dead(b)
		}
		out = append(out, l)
	}
	return out
}

// places is where in the queue the manifests stand.
func places(queue []commit.Letters, ms []*manifest.Manifest) uint8 {
	var out uint8
	for _, m := range ms {
		for i, l := range queue {
			if l.Batch.ID == m.ID {
				out |= 1 << i
			}
		}
	}
	return out
}

func (r *rules) turn(w *worker, t, d *verdict) turn {
	k := turnKey{*w, t.id, d.id}
	if out, ok := r.turns[k]; ok {
		return out
	}
	queue, f := r.queue(w), r.footing(w)
	var out turn
	got := r.foldLetters(f, w, t, d, queue)
	out.lettersTaken, out.lettersDone, out.lettersStale, out.nextLetters = places(queue, got.Taken), places(queue, got.Done), places(queue, got.Stale), positions(got.Next)
	out.lifeLetters = lifeOf(got.Next)
	batches := f.Cleared(queue)
	if r.c.Mutant == TableFirst {
		batches = nil
		for _, l := range queue {
			batches = append(batches, l.Batch)
		}
	}
	g := commit.Fold(t.st, t.in, batches)
	out.taken, out.done, out.stale, out.next = places(queue, g.Taken), places(queue, g.Done), places(queue, g.Stale), positions(g.Next)
	out.life = lifeOf(g.Next)
	return keep(r.turns, k, out)
}

// foldLetters is FoldLetters, or what a mutant makes of it.
func (r *rules) foldLetters(f commit.Footing, w *worker, t, d *verdict, queue []commit.Letters) commit.Folded {
	ts := t.st
	switch r.c.Mutant {
	case TableUnseen, OutOfOrder:
		ts = commit.State{Epoch: uint64(w.EpochT), Ledger: offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{}}}
		from := queue
		if r.c.Mutant == OutOfOrder && len(queue) > 1 && queue[1].Dead != nil && w.Queue[1].Wrote == 0 {
			from = queue[1:]
		}
		for p, s := range from[0].Batch.Spans {
			ts.Ledger.Marks[p] = offsets.Mark{Next: s.From}
		}
		queue = from
	case Blind, MaxOfNow:
		out := commit.Folded{Next: d.st.Ledger.Clone()}
		for _, l := range queue {
			switch {
			case l.Dead == nil:
			case d.in[l.Dead.ID] || d.stop || d.st.Dirty:
				out.Done = append(out.Done, l.Dead)
			default:
				for p, s := range l.Dead.Spans {
					m := out.Next.Marks[p]
					m.Next = max(m.Next, s.To)
					out.Next.Marks[p] = m
				}
				out.Taken = append(out.Taken, l.Dead)
			}
		}
		return out
	}
	return commit.FoldLetters(f, ts, d.st, t.in, d.in, queue)
}

// batch decides the fates of the records of a batch.
func (r *rules) batch(w *worker, s *state, to pair) batchWord {
	bad, skip, young := s.Bad[w.Config], s.Skip[w.Config], uint8(0)
	if s.Life != 0 {
		young = between(max(s.Cut, w.At[0]), to[0])
		bad[0] = bad[0]&^young | s.YoungBad[w.Config]&young
	}
	k := batchKey{w.Decided, w.Held, bad, skip, w.At, to, s.YoungBad[w.Config], young, w.LifeD, w.HeldYoung}
	if out, ok := r.batches[k]; ok {
		return out
	}
	f := r.footing(w)
	fates := f
	if r.c.Mutant == ForgetDecided {
		fates = commit.Stand(commit.State{}, commit.State{}, nil)
	}
	out := batchWord{b: batch{From: w.At, To: to, Open: pair{none, none}, Young: young}}
	for p := range r.c.Partitions {
		for o := w.At[p]; o < to[p]; o++ {
			found := commit.AsRow
			switch bit := uint8(1) << o; {
			case bad[p]&bit != 0:
				found = commit.AsDead
			case skip[p]&bit != 0:
				found = commit.AsSkip
			}
			epoch := int32(0)
			if p == 0 && r.c.Mutant != EpochUnseen {
				epoch = int32(young >> o & 1)
			}
			fate, fresh, err := fates.Fate(partitions[p], int64(o), epoch, found)
			switch {
			case errors.Is(err, commit.ErrRewritten):
				out.rewritten = true
			case err != nil:
				out.fate = true
			case fate == commit.AsDead:
				out.b.Dead[p] |= 1 << o
			case fate == commit.AsSkip:
				out.b.Skips[p] |= 1 << o
			}
			if fresh {
				out.b.Fresh[p] |= 1 << o
				out.b.Letters = 1
			}
		}
	}
	for p := range r.c.Partitions {
		if s, open := f.Span(partitions[p], offsets.Range{From: int64(w.At[p]), To: int64(to[p])}); open && out.b.Letters != 0 {
			out.b.Open[p] = uint8(s.From)
		}
	}
	return keep(r.batches, k, out)
}

// rewound is where a table of verdict v goes if the log parted from it at cut.
func (r *rules) rewound(v *verdict, cut uint8) pair {
	next := v.next
	for p, m := range commit.Rewound(v.st, map[offsets.Partition]commit.Parting{partitions[0]: {At: int64(cut)}}) {
		if p == partitions[0] {
			next[0] = uint8(m.Next)
		}
	}
	return next
}

// mend asks Mend about D as it was noted, and the tables as they are.
func (r *rules) mend(noted *table, w *worker, ts [2]*verdict) mendWord {
	k := mendKey{d: *noted, anchors: w.Anchors, hash: r.c.hash(0, w.Config, w.Table), hashLetters: r.c.hash(letters, w.Config, w.Table)}
	var tables []commit.Anchored
	for i, t := range ts {
		if t == nil {
			continue
		}
		k.t[i] = t.id
		if t.stop {
			return mendWord{stop: true}
		}
		anchor := uint64(w.Anchors[i])
		if r.c.Mutant == MendUnfenced || r.c.Mutant == MendOwn && i != int(w.Table) {
			anchor = t.st.Epoch
		}
		tables = append(tables, commit.Anchored{View: t.view, State: t.st, Anchor: anchor, Hash: hashName(k.hash)})
	}
	if out, ok := r.mends[k]; ok {
		return out
	}
	v := r.table(letters, noted)
	m, err := commit.Mend(v.view, sink, hashName(k.hashLetters), tables)
	out := mendWord{again: errors.Is(err, commit.ErrAnchorTables)}
	out.stop = err != nil && !out.again
	out.next, out.life = positions(m.Next), lifeOf(m.Next)
	for p := range out.from {
		if s, has := m.Reread[partitions[p]]; has {
			out.from[p], out.to[p] = uint8(s.From), uint8(s.To)
		}
	}
	return keep(r.mends, k, out)
}
