package modelcheck

import (
	"errors"
	"time"
	"unsafe"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

func raw[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

var sinkIDs = [2]string{"x", "y"}

// born is the time of every snapshot; young and old are clocks that differ by more than any age the rules know.
var (
	born  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	young = born.Add(time.Second)
	old   = born.Add(1000 * time.Hour)
)

func batchID(id uint8) uuid.UUID { return uuid.UUID{0: 0xb, 15: id} }

func partition(x, p int) offsets.Partition {
	return offsets.Partition{Topic: sinkIDs[x], TopicID: offsets.TopicID{byte(x + 1)}, Num: int32(p)}
}

// mark is all that a table must say of partition p of sink id x at a position: the counts follow from the log.
func (m *model) mark(x, p int, next uint8) offsets.Mark {
	k := offsets.Mark{Next: int64(next), LeaderEpoch: int32(next), Upper: offsets.Unbounded}
	if x == 0 && p == 0 && m.Upper != 0 {
		k.Upper = int64(m.Upper)
	}
	c := m.counts(x, p, 0, next)
	k.Dead, k.Skipped, k.Holes = c.Dead, c.Skipped, c.Holes
	return k
}

func (m *model) counts(x, p int, from, to uint8) manifest.Counts {
	var c manifest.Counts
	for _, fate := range m.Log[x][p][from:to] {
		switch fate {
		case 'd':
			c.Dead++
		case 's':
			c.Skipped++
		case 'h':
			c.Holes++
		default:
			c.Rows++
		}
	}
	return c
}

func (m *model) ledger(x int, next [2]uint8) offsets.Ledger {
	l := offsets.Ledger{Cluster: "c", Marks: map[offsets.Partition]offsets.Mark{}}
	for p := range m.Log[x] {
		if next[p] != none {
			l.Marks[partition(x, p)] = m.mark(x, p, next[p])
		}
	}
	return l
}

// next reads a ledger back; ok is false if it says anything else than its positions make it say.
func (m *model) next(x int, l offsets.Ledger) (next [2]uint8, ok bool) {
	known := 0
	for p := range m.Log[x] {
		k, has := l.Marks[partition(x, p)]
		if !has {
			next[p] = none
			continue
		}
		known++
		if k.Next < 0 || k.Next > int64(len(m.Log[x][p])) {
			return next, false
		}
		next[p] = uint8(k.Next)
		if k != m.mark(x, p, next[p]) {
			return next, false
		}
	}
	return next, known == len(l.Marks) && l.Cluster == "c"
}

// view is what a load of t shows; full adds what older metadata files tell.
func (w *walk) view(t *table, full bool) commit.View {
	v := commit.View{TableUUID: uuid.UUID{0: t.Gen}, Branch: "main", Head: int64(t.Head), Empty: t.N == 0, HistoryComplete: full, Retention: 100 * time.Hour,
		Snapshots: map[int64]commit.Snapshot{}, Mirrors: map[string]commit.Mirror{}, Tags: map[string]int64{},
		Caps: commit.Capabilities{Tags: !w.NoTags, Properties: !w.NoProperties, History: w.Shows == ShowsAll}}
	for i := range int(t.N) {
		s := &t.Snap[i]
		id := uint8(i + 1)
		if w.shown(t, id) || full && s.Kept == logged {
			shown := w.snapshot(t, id)
			if w.Unparents && s.Parent != 0 && w.unparented(t, s.Parent, full) {
				shown.Parent = 0
			}
			v.Snapshots[int64(id)] = shown
		}
	}
	for x := range w.sinks {
		switch k := t.Mirror[x]; k.Is {
		case sound:
			v.Mirrors[sinkIDs[x]] = commit.Mirror{Sound: true, Snapshot: int64(k.Snapshot), Epoch: uint64(k.Epoch), Ledger: w.known[x][k.Next[0]][k.Next[1]]}
		case damaged:
			v.Mirrors[sinkIDs[x]] = commit.Mirror{Snapshot: int64(k.Snapshot)} // what is left of it may be misread
		}
		if t.Tag[x] != 0 {
			v.Tags[sinkIDs[x]] = int64(t.Tag[x])
		}
	}
	return v
}

// unparented tells whether a parent is gone from the list, and from its child. A file from before, which names it, is there as long as
// the parent itself is in one.
func (w *walk) unparented(t *table, parent uint8, full bool) bool {
	k := t.Snap[parent-1].Kept
	return k != listed && !(full && k == logged)
}

// shown tells whether a load lists a snapshot.
func (w *walk) shown(t *table, id uint8) bool {
	return t.Snap[id-1].Kept == listed && (w.Shows == ShowsAll || id == t.Head)
}

func (w *walk) snapshot(t *table, id uint8) commit.Snapshot {
	s := &t.Snap[id-1]
	key := named{id, *s}
	key.Kept = 0
	if out, ok := w.snaps[key]; ok {
		return out
	}
	if len(w.snaps) > 1<<14 {
		clear(w.snaps)
	}
	out := w.write(id, s)
	w.snaps[key] = out
	return out
}

// write is a snapshot as the rules read it.
func (w *walk) write(id uint8, s *snap) commit.Snapshot {
	out := commit.Snapshot{ID: int64(id), Parent: int64(s.Parent), Time: born, Source: int64(s.Source), WAP: s.Marks&wap != 0, Operation: "append"}
	if w.Shows == ShowsHead {
		out.Parent = 0
	}
	if w.Mutant == HidesSources {
		out.Source = 0
	}
	if s.By == 0 {
		return out
	}
	x := int(s.By - 1)
	out.Sink, out.Version, out.Epoch, out.Hash = sinkIDs[x], 1, uint64(s.Epoch), "h"
	if s.Marks&newer != 0 {
		out.Version = 2
	}
	if s.Marks&garbled != 0 {
		out.Broken = "cut off"
	} else {
		out.Ledger = &w.known[x][s.Next[0]][s.Next[1]]
	}
	for b := uint8(1); b <= maxBatches; b++ {
		if s.Batches&(1<<b) != 0 {
			out.Batches = append(out.Batches, batchID(b))
		}
	}
	if s.Other.Carrier != 0 {
		out.Others = map[string]commit.Other{sinkIDs[1-x]: {Carrier: int64(s.Other.Carrier), Epoch: uint64(s.Other.Epoch), Ledger: w.known[1-x][s.Other.Next[0]][s.Other.Next[1]]}}
	}
	return out
}

// change is a commit.Change in small, without its batches.
type change struct {
	Epoch uint8
	Next  [2]uint8
	Other other
	Good  bool // it is all that the commit.Change says
}

func (m *model) change(x int, c commit.Change) change {
	out := change{Epoch: uint8(c.Epoch), Good: c.Sink == sinkIDs[x]}
	next, ok := m.next(x, c.Ledger)
	out.Next, out.Good = next, out.Good && ok
	for id, o := range c.Others {
		next, ok := m.next(1-x, o.Ledger)
		out.Other = other{Carrier: uint8(o.Carrier), Epoch: uint8(o.Epoch), Next: next}
		out.Good = out.Good && ok && o.Carrier != 0 && m.sinks == 2 && id == sinkIDs[1-x]
	}
	return out
}

// verdict is what the rules say of one sink id on one load.
type verdict struct {
	stop     commit.Reason // empty if the state could be told
	state    commit.State
	lineage  map[uuid.UUID]bool
	batches  uint16 // of lineage
	next     [2]uint8
	good     bool // the ledger is what its positions make it
	history  bool // older metadata files were asked
	carried  bool // told by the snapshot of another sink id
	reanchor change
	anchors  []change // one for each of Config.Starts, if the table is virgin
	extended change   // with partition 1 known, if it is not yet
	other    other    // what a snapshot of this sink id says of the other one
	branches []int    // to be counted
	danger   [2]bool  // must be anchored again: when young, when old
}

// ask puts one load of t to the rules. It is the only place that calls them with tables.
func (w *walk) ask(t *table, v commit.View, x int) *verdict {
	out := w.resolve(t, v, x)
	out.branches = branchesOf(out, w.sinks == 2)
	return out
}

func (w *walk) resolve(t *table, v commit.View, x int) *verdict {
	st, err := commit.Resolve(v, sinkIDs[x])
	out := &verdict{}
	if errors.Is(err, commit.ErrNeedHistory) {
		out.history = true
		v = w.view(t, true)
		if st, err = commit.Resolve(v, sinkIDs[x]); err == nil {
			st.Via = commit.FromHistory
		}
	}
	if err != nil {
		var s *commit.Stop
		if !errors.As(err, &s) {
			panic("modelcheck: the rules answer with " + err.Error())
		}
		if st, err = w.guess(t, x, s.Reason); err != nil {
			out.stop = s.Reason
			return out
		}
	}
	out.state, out.lineage = st, commit.Lineage(v)
	for b := uint8(1); b <= maxBatches; b++ {
		if out.lineage[batchID(b)] {
			out.batches |= 1 << b
		}
	}
	out.next, out.good = w.next(x, st.Ledger)
	for i, now := range []time.Time{young, old} {
		out.danger[i] = commit.Endangered(v, st, now)
	}
	if st.Empty {
		out.good = len(st.Ledger.Marks) == 0
		for _, start := range w.Starts {
			e := commit.Edit{Cluster: "c", Set: map[offsets.Partition]offsets.Mark{}}
			for p := range w.Log[x] {
				if p == 0 || !w.Late {
					e.Set[partition(x, p)] = w.mark(x, p, start)
				}
			}
			out.anchors = append(out.anchors, w.change(x, e.Change(v, st, "h", fresh)))
		}
		return out
	}
	if s, ok := v.Snapshots[st.Holder]; ok {
		out.carried = s.Sink != sinkIDs[x]
	}
	again := commit.Reanchor(v, st, "h", fresh)
	if w.Mutant == KeepsEpoch {
		again.Epoch = st.Epoch
	}
	out.reanchor = w.change(x, again)
	land := w.change(x, commit.Land(v, st, "h", commit.Folded{Next: st.Ledger}))
	out.other, out.good = land.Other, out.good && land.Good && out.reanchor.Good
	if w.Late && x == 0 && out.next[1] == none {
		e := commit.Edit{Set: map[offsets.Partition]offsets.Mark{partition(x, 1): w.mark(x, 1, 0)}}
		out.extended = w.change(x, e.Change(v, st, "h", fresh))
	}
	return out
}

// fold is Fold's answer in small.
type fold struct {
	taken, done, stale uint8 // by place in the list
	to                 change
}

// foldKey is all that the answer may depend on.
type foldKey struct {
	sink, epoch  uint8
	dirty, empty bool
	next         [2]uint8
	n            uint8
	batch        [4]batch // with Sent as "is in the lineage"
}

// askFold puts a list of batches to the rules.
func (m *model) askFold(x int, v *verdict, list []batch) fold {
	ms := make([]*manifest.Manifest, len(list))
	place := map[*manifest.Manifest]uint8{}
	for i, b := range list {
		ms[i] = &manifest.Manifest{ID: batchID(b.ID), Epoch: uint64(b.Epoch), Spans: map[offsets.Partition]manifest.Span{}}
		for p := range m.Log[x] {
			if b.From[p] < b.To[p] {
				ms[i].Spans[partition(x, p)] = manifest.Span{Range: offsets.Range{From: int64(b.From[p]), To: int64(b.To[p])},
					LeaderEpoch: int32(b.To[p]), Counts: m.counts(x, p, b.From[p], b.To[p])}
			}
		}
		place[ms[i]] = 1 << i
	}
	f := commit.Fold(v.state, v.lineage, ms)
	var out fold
	for _, b := range f.Taken {
		out.taken |= place[b]
	}
	for _, b := range f.Done {
		out.done |= place[b]
	}
	for _, b := range f.Stale {
		out.stale |= place[b]
	}
	next, ok := m.next(x, f.Next)
	out.to = change{Epoch: uint8(v.state.Epoch), Next: next, Good: ok && len(f.Taken)+len(f.Done)+len(f.Stale) == len(list)}
	return out
}
