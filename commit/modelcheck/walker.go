package modelcheck

import (
	"hash/maphash"

	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

// model is a Config, with what follows from it.
type model struct {
	Config
	sinks int
	lax   bool // requests may be applied whatever they require
	rows  [2][2]uint8
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
	return m
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
	seed     maphash.Seed
	verdicts [2][]memo
	folds    map[foldKey]fold
	out      *engine.Out[state]
}

type memo struct {
	of table
	is *verdict
}

func newWalker(m *model) *walk {
	w := &walk{model: m, seed: maphash.MakeSeed(), folds: map[foldKey]fold{}}
	for x := range m.sinks {
		w.verdicts[x] = make([]memo, memos)
	}
	return w
}

func (w *walk) verdict(t *table, x int) *verdict {
	at := &w.verdicts[x][maphash.Bytes(w.seed, raw(t))%memos]
	if at.is == nil || at.of != *t {
		at.of, at.is = *t, w.ask(t, x)
	}
	return at.is
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
