package modelcheck

import "math/bits"

// foreign is what others do to the table, and to the catalog that keeps it.
func (w *walk) foreign(s *state) {
	t := &s.T
	room := int(t.N) < w.Snapshots
	op := func(o Op, change func(n *state), a ...int) {
		n := *s
		n.Left[o]--
		change(&n)
		w.emit(&n, kForeign+uint8(o), a...)
	}
	may := func(o Op) bool { return s.Left[o] > 0 }
	head := truth{}
	if t.Head != 0 {
		head = s.G[t.Head-1]
	}

	if room && may(Append) {
		op(Append, func(n *state) {
			n.T.Head = n.birth(snap{Parent: t.Head}, truth{Parent: t.Head, Rows: head.Rows, Files: head.Files})
		})
	}
	if room && may(Compact) && t.Head != 0 {
		op(Compact, func(n *state) {
			n.T.Head = n.birth(snap{Parent: t.Head}, truth{Parent: t.Head, Rows: head.Rows, Copy: 1})
		})
	}
	if room && may(Replace) && t.Head != 0 {
		op(Replace, func(n *state) { n.T.Head = n.birth(snap{}, truth{Rows: head.Rows, Copy: 1}) }, 1)
		op(Replace, func(n *state) { n.T.Head = n.birth(snap{}, truth{}) }, 0)
	}
	if room && may(Branch) {
		for id := uint8(1); id <= t.N; id++ {
			if t.Snap[id-1].Kept == listed {
				op(Branch, func(n *state) {
					on := s.G[id-1]
					n.birth(snap{Parent: id}, truth{Parent: id, Rows: on.Rows, Files: on.Files})
				}, int(id))
			}
		}
	}
	if room && may(Pick) && t.Head != 0 {
		w.pick(s, op)
	}
	if may(Newer) && room && t.Head != 0 {
		for x := range w.sinks {
			w.newer(s, x, op)
		}
	}
	if may(SetCurrent) {
		for id := uint8(1); id <= t.N; id++ {
			if id != t.Head && t.Snap[id-1].Kept == listed {
				op(SetCurrent, func(n *state) { n.T.Head = id }, int(id))
			}
		}
	}
	if may(Expire) {
		w.expire(s, op)
	}
	w.meddle(s, op)
	for i := range w.Workers {
		if may(Crash) && s.W[i] != (worker{}) {
			op(Crash, func(n *state) { n.W[i] = worker{} }, i)
		}
	}
}

type operation func(o Op, change func(n *state), a ...int)

// pick applies the rows that a listed snapshot off the lineage has added on top of the head. A source of which foreigners wrote every row anew brings rows of theirs.
func (w *walk) pick(s *state, op operation) {
	t := &s.T
	var on uint16
	for id := t.Head; id != 0; id = s.G[id-1].Parent {
		on |= 1 << id
	}
	for id := uint8(1); id <= t.N; id++ {
		src := &s.G[id-1]
		if on&(1<<id) != 0 || t.Snap[id-1].Kept != listed {
			continue
		}
		g := truth{Parent: t.Head, Rows: s.G[t.Head-1].Rows, Files: s.G[t.Head-1].Files}
		if src.Copy == 0 {
			var before truth
			if src.Parent != 0 {
				before = s.G[src.Parent-1]
			}
			g.Files |= src.Files &^ before.Files
			for x := range g.Rows {
				for p := range g.Rows[x] {
					add := src.Rows[x][p] &^ before.Rows[x][p] & 15
					g.Rows[x][p] |= add | (g.Rows[x][p]&add)<<4
				}
			}
		}
		op(Pick, func(n *state) { n.T.Head = n.birth(snap{Parent: t.Head, Source: id}, g) }, int(id), 0)
		if t.Snap[id-1].By == 0 && t.Snap[id-1].Source == 0 {
			op(Pick, func(n *state) { n.T.Head = n.birth(snap{Parent: t.Head, Source: id, Marks: wap}, g) }, int(id), 1)
		}
	}
}

// newer is a sinker of tomorrow, which writes one more offset of x in a format of its own. It knows its state: the true one.
func (w *walk) newer(s *state, x int, op operation) {
	tr := s.truly(w.model, s.T.Head, x)
	v := w.verdict(&s.T, x)
	if !tr.known || v.stop != "" || v.state.Dirty || int(tr.next[0]) >= len(w.Log[x][0]) {
		return
	}
	op(Newer, func(n *state) {
		r := request{Sink: uint8(x), Head: s.T.Head, Tag: s.T.Tag[x], Gen: s.T.Gen, Epoch: tr.epoch, Next: tr.next, Batches: 1 << n.freshBatch()}
		r.Added[0] = 1 << r.Next[0]
		r.Next[0]++
		w.apply(n, &r, newer)
	}, x)
}

// expire removes any set of snapshots that neither the branch nor a tag points to.
func (w *walk) expire(s *state, op operation) {
	t := &s.T
	var can []uint8
	for id := uint8(1); id <= t.N; id++ {
		if t.Snap[id-1].Kept == listed && id != t.Head && (w.NoTags || id != t.Tag[0] && id != t.Tag[1]) {
			can = append(can, id)
		}
	}
	for set := 1; set < 1<<len(can); set++ {
		op(Expire, func(n *state) {
			var lost, needed uint16
			for i, id := range can {
				if set>>i&1 == 0 {
					continue
				}
				n.T.Snap[id-1].Kept = gone
				if w.MetadataLog {
					n.T.Snap[id-1].Kept = logged
				}
				lost |= n.G[id-1].Files
			}
			for i := range n.T.N {
				if n.T.Snap[i].Kept == listed {
					needed |= n.G[i].Files
				}
			}
			if w.Files {
				n.Deleted |= lost &^ needed
			}
		}, maskOf(can, set))
	}
}

func maskOf(ids []uint8, set int) int {
	mask := 0
	for ; set != 0; set &= set - 1 {
		mask |= 1 << ids[bits.TrailingZeros(uint(set))]
	}
	return mask
}

// meddle changes what the catalog keeps beside the snapshots, or what it shows.
func (w *walk) meddle(s *state, op operation) {
	t := &s.T
	for x := range w.sinks {
		if s.Left[Damage] > 0 && t.Mirror[x].Is == sound {
			op(Damage, func(n *state) { n.T.Mirror[x] = mirror{Is: damaged, Snapshot: t.Mirror[x].Snapshot} }, x)
		}
		if s.Left[Remove] > 0 && t.Mirror[x].Is != absent {
			op(Remove, func(n *state) { n.T.Mirror[x] = mirror{} }, x)
		}
		if s.Left[Untag] > 0 && t.Tag[x] != 0 {
			op(Untag, func(n *state) { n.T.Tag[x] = 0 }, x)
		}
		if s.Left[Retag] > 0 && !w.NoTags {
			for id := uint8(1); id <= t.N; id++ {
				if id != t.Tag[x] && t.Snap[id-1].Kept == listed {
					op(Retag, func(n *state) { n.T.Tag[x] = id }, x, int(id))
				}
			}
		}
	}
	if s.Left[Truncate] > 0 {
		for id := uint8(1); id <= t.N; id++ {
			if t.Snap[id-1].Kept == logged {
				op(Truncate, func(n *state) { n.T.Snap[id-1].Kept = gone }, int(id))
			}
		}
	}
	if s.Left[Recreate] > 0 && t.N > 0 {
		op(Recreate, func(n *state) {
			n.T = table{Gen: t.Gen + 1}
			n.Cached, n.G, n.Deleted = table{}, [maxSnapshots]truth{}, 0
		})
	}
	if s.Left[Cache] > 0 {
		op(Cache, func(n *state) { n.Cached = *t })
	}
	if s.Left[Restore] > 0 && s.Cached.Gen != 0 && s.Cached != *t {
		op(Restore, func(n *state) {
			n.T, n.Cached = s.Cached, table{}
			copy(n.T.Snap[s.Cached.N:], t.Snap[s.Cached.N:]) // what came after is not listed, and its ids are taken
			for i := s.Cached.N; i < t.N; i++ {
				n.T.Snap[i].Kept = gone
			}
			n.T.N = t.N
		})
	}
	if s.Left[Circle] > 0 && t.Head > 1 {
		for id := t.Head; id != 0; id = s.G[id-1].Parent {
			if s.G[id-1].Parent == 0 && t.Snap[id-1].By == 0 && id != t.Head {
				op(Circle, func(n *state) { n.T.Snap[id-1].Parent = t.Head }, int(id))
			}
		}
	}
}
