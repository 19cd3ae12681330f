package cover

import (
	"errors"
	"fmt"
	"sort"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

func asStop(err error, s **commit.Stop) bool { return errors.As(err, s) }

// network delivers, delivers twice, or loses each request.
func (w *walker) network(s *state) {
	for i := range s.Net {
		r := s.Net[i]
		if r.By == 0 || i > 0 && r == s.Net[i-1] {
			continue
		}
		x := r.By - 1
		without := *s
		without.Net[i] = request{}
		if s.T.Head != r.Head || s.T.Newest[x] != r.Newest {
			w.emit(&without, engine.Step{Kind: kindRefuse, A: int32(x)})
			continue
		}
		n := without
		w.emit(&n, engine.Step{Kind: kindLose, A: int32(x)})
		if s.T.N >= w.c.Snaps {
			continue
		}
		apply(&without.T, r)
		w.emit(&without, engine.Step{Kind: kindApply, A: int32(x)})
		if s.Left.Double > 0 {
			n := *s
			n.Left.Double--
			apply(&n.T, r)
			w.emit(&n, engine.Step{Kind: kindApply, A: int32(x), B: 1})
		}
	}
}

func apply(t *table, r request) {
	was := &t.Snaps[t.Head-1]
	sn := snap{Parent: t.Head, By: r.By, Epoch: r.Epoch, Twice: was.Twice, Claim: r.Claim, Rows: was.Rows, Carries: r.Carries}
	for p := range sn.Rows {
		if sn.Rows[p]&r.Rows[p] != 0 {
			sn.Twice = 1
		}
		sn.Rows[p] |= r.Rows[p]
	}
	put(t, sn)
	t.Newest[r.By-1] = t.Head
	t.Damaged &^= 1 << (r.By - 1)
}

func put(t *table, sn snap) {
	t.Snaps[t.N] = sn
	t.N++
	t.Head = t.N
	t.Live |= 1 << t.Head
}

// world is the log and the foreigners.
func (w *walker) world(s *state) {
	for p := range w.c.Partitions {
		n := *s
		switch {
		case s.Ends[p] == none:
			n.Ends[p] = 0
			w.emit(&n, engine.Step{Kind: kindAppear, A: int32(p)})
		case s.Ends[p] < w.c.Offsets:
			n.Ends[p]++
			w.emit(&n, engine.Step{Kind: kindGrow, A: int32(p)})
		}
	}
	t := &s.T
	if s.Left.Compact > 0 && t.N < w.c.Snaps {
		n := *s
		n.Left.Compact--
		was := t.Snaps[t.Head-1]
		put(&n.T, snap{Parent: t.Head, Twice: was.Twice, Claim: noClaim, Rows: was.Rows})
		w.emit(&n, engine.Step{Kind: kindCompact})
	}
	needed := uint8(1) << t.Head
	for _, id := range t.Newest {
		if id != 0 {
			needed |= 1 << id
		}
	}
	for _, keep := range []uint8{needed, 1 << t.Head} { // tags are kept, or have aged out
		if s.Left.Expire > 0 && t.Live&^keep != 0 {
			n := *s
			n.Left.Expire--
			n.T.Live = t.Live & keep
			w.emit(&n, engine.Step{Kind: kindExpire})
		}
	}
	if s.Left.Roll > 0 {
		for id := t.Snaps[t.Head-1].Parent; id != 0 && t.Live&(1<<id) != 0; id = t.Snaps[id-1].Parent {
			n := *s
			n.Left.Roll--
			n.T.Head = id
			w.emit(&n, engine.Step{Kind: kindRoll, A: int32(id)})
		}
	}
	if s.Left.Damage > 0 {
		for x, id := range t.Newest {
			if id != 0 && t.Damaged&(1<<x) == 0 {
				n := *s
				n.Left.Damage--
				n.T.Damaged |= 1 << x
				w.emit(&n, engine.Step{Kind: kindDamage, A: int32(x)})
			}
		}
	}
}

// Check implements engine.Walker.
func (w *walker) Check(s *state, o *out) string {
	v := w.table(&s.T)
	h := &s.T.Snaps[s.T.Head-1]
	w.count(s, v, o)
	if h.Twice != 0 {
		return "I8: an offset is in the table twice"
	}
	told := true
	for x := range w.c.Sinks {
		told = told && v.err[x] == nil
	}
	for p := range w.c.Partitions {
		var rows uint8
		for x := range w.c.Sinks {
			if v.ok(x) {
				rows |= between(v.claim[x].S[p], v.claim[x].O[p])
			}
		}
		if told && rows != h.Rows[p] {
			return fmt.Sprintf("I1: partition %d holds the rows %04b, the maps account for %04b", p, h.Rows[p], rows)
		}
		if w.c.Seam && told {
			if why := w.seam(p, v); why != "" {
				return why
			}
		}
	}
	return ""
}

// seam tells what is wrong with the claims on partition p.
func (w *walker) seam(p int, v *verdict) string {
	var all [][2]uint8
	for x, role := range w.c.Sinks {
		if !v.ok(x) {
			continue
		}
		m := v.claim[x]
		if m.S[p] != none && m.U[p] > m.S[p] {
			all = append(all, [2]uint8{m.S[p], m.U[p]})
		}
		if role != UntilLive {
			continue
		}
		for y, other := range w.c.Sinks {
			if other != Live || !v.ok(y) || y > x { // the live sink that it was for stands before it
				continue
			}
			l := v.claim[y]
			switch {
			case l.S[p] == none || l.S[p] <= w.c.From:
			case m.S[p] == none:
				return fmt.Sprintf("GAP: %s began at %d in partition %d, and the backfill has not got it", names[y], l.S[p], p)
			case m.U[p] != l.S[p]:
				return fmt.Sprintf("GAP: %s began at %d in partition %d, and the backfill goes to %d", names[y], l.S[p], p, m.U[p])
			}
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i][0] < all[j][0] })
	for i := 1; i < len(all); i++ {
		if all[i][0] > all[i-1][1] {
			return fmt.Sprintf("GAP: nobody has the offsets [%d,%d) of partition %d", all[i-1][1], all[i][0], p)
		}
	}
	return ""
}

func (w *walker) count(s *state, v *verdict, o *out) {
	done := true
	for x, role := range w.c.Sinks {
		if role == Absent {
			continue
		}
		var stop *commit.Stop
		switch st := v.st[x]; {
		case asStop(v.err[x], &stop) && stop.Reason == commit.ReplacedTable:
			o.Count(countReplaced)
			done = false
		case v.err[x] != nil:
			o.Count(countLost)
			done = false
		case st.Empty:
			done = false
		case st.Dirty:
			o.Count(countDirty)
		case st.Via == commit.FromMirror:
			o.Count(countMirror)
		case st.Holder != st.Carrier:
			o.Count(countCarried)
		}
		for p := range w.c.Partitions {
			m := v.claim[x]
			if s.Ends[p] < w.c.Offsets || s.Ends[p] == none || m.S[p] != none && m.O[p] < min(m.U[p], s.Ends[p]) {
				done = false
			}
		}
	}
	if done {
		o.Count(countDone)
	}
}

func (c Config) tell(_ *state, step engine.Step, to *state) string {
	worker := func() string {
		x := c.Workers[step.A] - 1
		return fmt.Sprintf("a worker of %s", names[x])
	}
	switch step.Kind {
	case kindBegin, kindCrash, kindAnchor, kindReanchor, kindLater, kindRead, kindSend, kindStale:
		return worker() + ": " + kindNames[step.Kind]
	case kindEnd, kindAccept:
		return fmt.Sprintf("the operator: %s %s", kindNames[step.Kind], names[step.A])
	case kindApply:
		return fmt.Sprintf("a request of %s is applied%s", names[step.A], []string{"", ", and stays in the network"}[step.B])
	case kindRefuse, kindLose:
		return fmt.Sprintf("a request of %s is %s", names[step.A], kindNames[step.Kind])
	case kindRoll:
		return fmt.Sprintf("a foreigner rolls back to snapshot %d", step.A)
	case kindDamage:
		return fmt.Sprintf("a foreigner damages the property of %s", names[step.A])
	}
	return kindNames[step.Kind]
}

func (c Config) show(s *state) string {
	h := s.T.Snaps[s.T.Head-1]
	out := fmt.Sprintf("log %v, snapshot %d of %d, rows %04b", s.Ends[:c.Partitions], s.T.Head, s.T.N, h.Rows[:c.Partitions])
	if h.By > 0 {
		out += fmt.Sprintf(", by %s: o %v s %v u %v epoch %d", names[h.By-1], h.Claim.O[:c.Partitions], h.Claim.S[:c.Partitions], h.Claim.U[:c.Partitions], h.Epoch)
	}
	return out
}
