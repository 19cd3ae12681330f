package cover

import (
	"errors"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

var (
	names      = [maxSinks]string{"k", "l", "m", "n"}
	partitions = [2]offsets.Partition{{Topic: "t", Num: 0}, {Topic: "t", Num: 1}}
)

func ledger(c claim) offsets.Ledger {
	l := offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{}}
	for p, s := range c.S {
		if s == none {
			continue
		}
		m := offsets.Mark{Next: int64(c.O[p]), Origin: int64(s), Upper: int64(c.U[p]), LeaderEpoch: offsets.NoEpoch}
		if c.U[p] == inf {
			m.Upper = offsets.Unbounded
		}
		l.Marks[partitions[p]] = m
	}
	return l
}

func claimOf(marks map[offsets.Partition]offsets.Mark) claim {
	c := noClaim
	for p := range partitions {
		if m, has := marks[partitions[p]]; has {
			c.O[p], c.S[p], c.U[p] = uint8(m.Next), uint8(m.Origin), uint8(m.Upper)
			if m.Upper == offsets.Unbounded {
				c.U[p] = inf
			}
		}
	}
	return c
}

// stored is the map as a snapshot of sink x tells it.
func (c Config) stored(x int, m claim) claim {
	if c.Mutant == UpperUnstored && c.Sinks[x] != Live {
		m.U = m.O
	}
	return m
}

func (c Config) view(t *table) commit.View {
	v := commit.View{Head: int64(t.Head), Snapshots: map[int64]commit.Snapshot{}, HistoryComplete: true,
		Caps: commit.Capabilities{Tags: true, Properties: true, History: true}, Mirrors: map[string]commit.Mirror{}, Tags: map[string]int64{}}
	for x, id := range t.Newest {
		if id != 0 {
			s := &t.Snaps[id-1]
			v.Mirrors[names[x]] = commit.Mirror{Sound: t.Damaged&(1<<x) == 0, Snapshot: int64(id), Epoch: uint64(s.Epoch), Ledger: ledger(c.stored(x, s.Claim))}
			v.Tags[names[x]] = int64(id)
		}
	}
	for n := range t.N {
		if t.Live&(1<<(n+1)) == 0 {
			continue
		}
		s := &t.Snaps[n]
		out := commit.Snapshot{ID: int64(n + 1), Parent: int64(s.Parent)}
		if s.By > 0 {
			l := ledger(c.stored(int(s.By)-1, s.Claim))
			out.Sink, out.Version, out.Epoch, out.Hash, out.Ledger = names[s.By-1], 1, uint64(s.Epoch), "h", &l
			out.Others = map[string]commit.Other{}
			for y, id := range s.Carries {
				if id != 0 {
					o := &t.Snaps[id-1]
					out.Others[names[y]] = commit.Other{Carrier: int64(id), Epoch: uint64(o.Epoch), Ledger: ledger(c.stored(y, o.Claim))}
				}
			}
		}
		v.Snapshots[out.ID] = out
	}
	return v
}

// verdict is what the rules say of a table.
type verdict struct {
	id      int32
	view    commit.View
	asked   commit.View // that the claims of others are read from
	st      [maxSinks]commit.State
	err     [maxSinks]error
	claim   [maxSinks]claim
	carries [maxSinks][maxSinks]uint8
}

func (v *verdict) ok(x int) bool { return v.err[x] == nil && !v.st[x].Empty }

type wishKey struct {
	t           int32
	x           uint8
	role        Role
	want, until pair
}

// wish is what the rules make of a sink's wish.
type wish struct {
	claim   claim
	ok      bool
	clipped bool
	why     uint8 // count of the refusal
}

type foldKey struct {
	t           int32
	x, epoch    uint8
	from, to    pair
	until, want pair
}

// rules asks the production code, each question once.
type rules struct {
	c      Config
	ids    int32
	tables map[table]*verdict
	wishes map[wishKey]wish
	folds  map[foldKey]uint8
}

func newRules(c Config) rules {
	return rules{c: c, tables: map[table]*verdict{}, wishes: map[wishKey]wish{}, folds: map[foldKey]uint8{}}
}

// keep bounds a memory of answers.
func keep[K comparable, V any](m map[K]V, k K, v V) V {
	if len(m) > 1<<20 {
		clear(m)
	}
	m[k] = v
	return v
}

func (r *rules) table(t *table) *verdict {
	if v, ok := r.tables[*t]; ok {
		return v
	}
	r.ids++
	v := &verdict{id: r.ids, view: r.c.view(t)}
	v.asked = r.asked(v.view)
	for x := range v.st {
		v.claim[x] = noClaim
		if r.c.Sinks[x] == Absent {
			v.st[x].Empty = true
			continue
		}
		if v.st[x], v.err[x] = commit.Resolve(v.view, names[x]); v.ok(x) {
			v.claim[x] = t.Snaps[v.st[x].Carrier-1].Claim
		}
		for y, o := range commit.CarryOthers(v.view, names[x]) {
			for z := range names {
				if names[z] == y {
					v.carries[x][z] = uint8(o.Carrier)
				}
			}
		}
	}
	return keep(r.tables, *t, v)
}

// asked is the view that callers ask about the claims of others: the view, but for mutants.
func (r *rules) asked(v commit.View) commit.View {
	switch r.c.Mutant {
	case LostIgnored:
		lost := map[string]bool{}
		for x := range names {
			if _, err := commit.Resolve(v, names[x]); err != nil {
				lost[names[x]] = true
			}
		}
		out := v
		out.Mirrors, out.Tags, out.Snapshots = map[string]commit.Mirror{}, nil, map[int64]commit.Snapshot{}
		for y, m := range v.Mirrors {
			if !lost[y] {
				out.Mirrors[y] = m
			}
		}
		for id, s := range v.Snapshots {
			if lost[s.Sink] {
				s.Sink = ""
			}
			out.Snapshots[id] = s
		}
		return out
	case MirrorFirst:
		out := v
		out.Snapshots = map[int64]commit.Snapshot{}
		out.Head = 1 << 40
		return out
	}
	return v
}

// anchor is what sink x may claim of what its worker wants, in the role given.
func (r *rules) anchor(v *verdict, x int, role Role, want, until pair) wish {
	k := wishKey{v.id, uint8(x), role, want, until}
	if w, ok := r.wishes[k]; ok {
		return w
	}
	var marks map[offsets.Partition]offsets.Mark
	var clips []commit.Clip
	var err error
	switch role {
	case Live:
		at := offsets.Position{}
		for p := range want {
			if want[p] != none {
				at[partitions[p]] = int64(want[p])
			}
		}
		marks, clips, err = commit.ClipLive(v.asked, names[x], at)
		if r.c.Mutant == MeetOnly {
			for p, m := range marks {
				m.Origin = max(m.Origin, at[p])
				m.Next = m.Origin
				marks[p] = m
			}
		}
	case UntilLive:
		marks, clips, err = commit.UntilLive(v.asked, names[x], func(offsets.Partition) (int64, bool) { return int64(r.c.From), true })
	default:
		rs := offsets.Ranges{}
		for p := range want {
			if want[p] != none {
				rs[partitions[p]] = offsets.Range{From: int64(want[p]), To: int64(until[p])}
			}
		}
		marks, clips, err = commit.ClipBounded(v.asked, names[x], rs)
	}
	w := wish{ok: err == nil, clipped: len(clips) > 0}
	var stop *commit.Stop
	switch {
	case err == nil:
		w.claim = claimOf(marks)
		if _, _, met, err := commit.Covered(v.asked, names[x], marks); met || err != nil {
			w.ok, w.why = false, countMet
		}
	case errors.Is(err, commit.ErrNoLiveSink):
		w.why = countWait
	case errors.As(err, &stop) && stop.Partition == nil:
		w.why = countUnreadable
	default:
		w.why = countNewSink
	}
	return keep(r.wishes, k, w)
}

// untested is a wish as it is.
func untested(want, until pair) wish {
	w := wish{ok: true, claim: noClaim}
	for p := range want {
		if want[p] != none {
			w.claim.O[p], w.claim.S[p], w.claim.U[p] = want[p], want[p], until[p]
		}
	}
	return w
}

// taken asks whether a batch is: 0 stale, 1 taken.
func (r *rules) taken(v *verdict, x int, w *worker) uint8 {
	k := foldKey{v.id, uint8(x), w.Epoch, w.From, w.To, w.Until, w.Want}
	if out, ok := r.folds[k]; ok {
		return out
	}
	st := v.st[x]
	if m := r.c.Mutant; m == BoundUntested || m == UpperUnstored && r.c.Sinks[x] != Live {
		st.Ledger = st.Ledger.Clone()
		for p, mark := range st.Ledger.Marks {
			mark.Upper = offsets.Unbounded
			st.Ledger.Marks[p] = mark
		}
	}
	b := &manifest.Manifest{ID: uuid.UUID{1}, Epoch: uint64(w.Epoch), Spans: map[offsets.Partition]manifest.Span{}}
	for p := range w.From {
		if w.To[p] != w.From[p] {
			b.Spans[partitions[p]] = manifest.Span{Range: offsets.Range{From: int64(w.From[p]), To: int64(w.To[p])}}
		}
	}
	return keep(r.folds, k, uint8(len(commit.Fold(st, nil, []*manifest.Manifest{b}).Taken)))
}

// ended is what ends sink x where it stands, if others leave that.
func (r *rules) ended(v *verdict, x int) (claim, bool) {
	marks := commit.Ended(v.st[x])
	if _, _, met, err := commit.Covered(v.asked, names[x], marks); met || err != nil || len(marks) == 0 {
		return noClaim, false
	}
	l := v.st[x].Ledger.Clone()
	for p, m := range marks {
		l.Marks[p] = m
	}
	return claimOf(l.Marks), true
}
