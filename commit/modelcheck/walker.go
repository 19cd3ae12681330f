package modelcheck

import (
	"hash/maphash"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/modelcheck/engine"
	"github.com/sinker-io/sinker/offsets"
)

// model is a Config, with what follows from it.
type model struct {
	Config
	sinks int
	lax   bool // requests may be applied whatever they require
	rows  [2][2]uint8
	known [2][16][16]offsets.Ledger // by sink id and positions; the rules only read
}

func newModel(c Config) *model {
	m := &model{Config: c, sinks: 1, lax: c.Mutant == IgnoresRequirements || c.Mutant == Rebases}
	for _, x := range c.Workers {
		m.sinks = max(m.sinks, x+1)
	}
	if m.Starts == nil {
		m.Starts = []uint8{0}
	}
	if m.Snapshots > maxSnapshots-2 || m.Net > maxNet || len(m.Workers) > maxWorkers || m.Queue > 2 {
		panic("modelcheck: " + c.Name + " is too large")
	}
	m.Net, m.Queue = max(m.Net, 1), max(m.Queue, 1)
	for x := range m.Log {
		for p, log := range m.Log[x] {
			for o, fate := range log {
				if fate == 'r' {
					m.rows[x][p] |= 1 << o
				}
			}
		}
	}
	for x := range m.sinks {
		for p := range none + 1 {
			for q := range none + 1 {
				if at := [2]uint8{uint8(p), uint8(q)}; m.possible(x, at) {
					m.known[x][p][q] = m.ledger(x, at)
				}
			}
		}
	}
	return m
}

// possible tells whether a sink id can be at these positions.
func (m *model) possible(x int, next [2]uint8) bool {
	for p, n := range next {
		if p >= len(m.Log[x]) && n != 0 || p < len(m.Log[x]) && n != none && int(n) > len(m.Log[x][p]) {
			return false
		}
	}
	return true
}

// initial is the first state: a virgin table, or one with an anchor of each sink id.
func (m *model) initial() state {
	var s state
	s.T.Gen = 1
	for op, n := range m.May {
		s.Left[op] = n
	}
	if m.Anchored {
		w := newWalker(m)
		for x := range m.sinks {
			v := w.verdict(&s.T, x)
			r := request{Sink: uint8(x), Head: s.T.Head, Gen: 1, Epoch: fresh, Next: v.anchors[0].Next, Other: v.anchors[0].Other}
			if !m.apply(&s, &r, 0) {
				panic("modelcheck: the anchor of a virgin table was refused")
			}
			s.canonical(m)
		}
	}
	return s
}

const memos = 1 << 15

// walk expands and checks states. It remembers what the rules said of the tables it met last.
type walk struct {
	*model
	seed  maphash.Seed
	memo  []memo
	snaps map[named]commit.Snapshot
	folds map[foldKey]fold
	out   *engine.Out[state]
}

// memo is a table, what a load of it shows, and what the rules say of each sink id, once they were asked.
type memo struct {
	of   table
	view *commit.View // nil once everybody was asked
	is   [2]*verdict
}

// named is a snapshot with its id.
type named struct {
	id uint8
	snap
}

func newWalker(m *model) *walk {
	return &walk{model: m, seed: maphash.MakeSeed(), memo: make([]memo, memos), snaps: map[named]commit.Snapshot{}, folds: map[foldKey]fold{}}
}

func (w *walk) verdict(t *table, x int) *verdict {
	at := &w.memo[maphash.Bytes(w.seed, raw(t))%memos]
	if at.view == nil && at.is[0] == nil || at.of != *t {
		v := w.view(t, false)
		v.HistoryComplete = w.Mutant == HidesHistory
		*at = memo{of: *t, view: &v}
	}
	if at.is[x] == nil {
		at.is[x] = w.ask(t, *at.view, x)
		if at.is[0] != nil && at.is[w.sinks-1] != nil {
			at.view = nil
		}
	}
	return at.is[x]
}

func (w *walk) fold(x int, v *verdict, list []batch) fold {
	k := foldKey{sink: uint8(x), epoch: uint8(v.state.Epoch), dirty: v.state.Dirty, empty: v.state.Empty, next: v.next, n: uint8(len(list))}
	for i, b := range list {
		k.batch[i] = b
		k.batch[i].ID, k.batch[i].Sent = uint8(i), uint8(v.batches>>b.ID&1)
	}
	f, known := w.folds[k]
	if !known {
		if len(w.folds) > 1<<17 {
			clear(w.folds)
		}
		f = w.askFold(x, v, list)
		w.folds[k] = f
	}
	return f
}

// emit sends n on its way; n may be changed.
func (w *walk) emit(n *state, kind uint8, a ...int) {
	n.canonical(w.model)
	step := engine.Step{Kind: kind}
	for i, v := range a {
		*[]*int32{&step.A, &step.B, &step.C, &step.D}[i] = int32(v)
	}
	w.out.Emit(n, step)
}

// Next implements engine.Walker.
func (w *walk) Next(s *state, out *engine.Out[state]) {
	if s.Fault != 0 {
		return
	}
	w.out = out
	w.act(s, &s.T, 0)
	if s.Cached.Gen != 0 {
		w.act(s, &s.Cached, 1)
	}
	w.network(s)
	w.foreign(s)
}

// Kinds of steps. The foreign ones are named as their Op.
const (
	kAnchor = iota
	kReanchor
	kReanchorOld
	kExtend
	kRead
	kSend
	kGiveUp
	kApplied
	kForeign
)

var kinds = [kForeign + ops]string{"anchor sent", "re-anchor sent (dirty)", "re-anchor sent (in danger)", "new partition sent", "batch read",
	"batches sent", "batches given up or landed", "request applied",
	"foreign append", "compaction", "expiry", "branch set to another snapshot", "create or replace", "cherry-pick", "foreign append on a branch",
	"mirror damaged", "mirror removed", "tag dropped", "tag moved", "metadata log truncated", "dropped and created", "load cached",
	"older metadata restored", "newer sinker wrote", "state garbled", "circle shown", "re-anchor sent (buried for long)", "request applied, and still under way", "worker crashed", "partition read too early"}
