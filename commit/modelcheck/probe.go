package modelcheck

import "github.com/sinker-io/sinker/commit/modelcheck/engine"

// Probe implements engine.Prober: with what is under way lost, or applied as far as it can be, one worker of each sink id
// in turn is left alone, and must come to the end of the log, or before a Stop.
func (w *walk) Probe(s *state, out *engine.Out[state]) string {
	w.out = out
	for _, drained := range []bool{false, true} {
		n := *s
		for k := range n.Net {
			if drained && n.Net[k].Gen != 0 && int(n.T.N) < w.Snapshots {
				w.apply(&n, &n.Net[k], 0)
			}
			n.Net[k] = request{}
		}
		n.W = [maxWorkers]worker{}
		n.canonical(w.model)
		for x := range w.sinks {
			if why := w.filter(w.alone(n, x)); why != "" {
				return why
			}
		}
		if w.sinks == 2 {
			if why := w.filter(w.inTurns(n)); why != "" {
				return why
			}
		}
	}
	return ""
}

// alone lets a worker of x go on until it is through.
func (w *walk) alone(n state, x int) string {
	for range 6 {
		if done, why := w.goOn(&n, x); done || why != "" {
			return why
		}
	}
	return "L: an undisturbed worker of " + sinkIDs[x] + " does not come to an end"
}

// inTurns lets a worker of each sink id go on, one step each, where there is room: four snapshots are all that they may need.
func (w *walk) inTurns(n state) string {
	if int(n.T.N)+4 > maxSnapshots {
		return ""
	}
	for range 4 {
		idle := 0
		for x := range w.sinks {
			done, why := w.goOn(&n, x)
			if why != "" {
				return why
			}
			if done {
				idle++
			}
		}
		if idle == w.sinks {
			return ""
		}
	}
	return "L: two sink ids keep each other from coming to an end"
}

// goOn is one commit of a worker of x, or the news that there is nothing left to do: it is through, or before a Stop.
func (w *walk) goOn(n *state, x int) (done bool, why string) {
	v := w.verdict(&n.T, x)
	if v.stop != "" {
		return true, w.justify(n, x, v.stop)
	}
	r := request{Sink: uint8(x), Head: n.T.Head, Tag: n.T.Tag[x], Gen: n.T.Gen}
	from := func(c change) { r.Epoch, r.Next, r.Other = c.Epoch, c.Next, w.others(n, &n.T, x, c.Other) }
	switch {
	case v.state.Empty:
		from(v.anchors[0])
	case v.state.Dirty && w.Mutant != IgnoresRollback:
		from(v.reanchor)
	case v.extended.Good:
		from(v.extended)
	default:
		b := batch{ID: n.freshBatch(), Epoch: uint8(v.state.Epoch), From: v.next, To: v.next}
		for p := range w.Log[x] {
			b.To[p] = uint8(len(w.Log[x][p]))
			if x == 0 && p == 0 && w.Upper != 0 {
				b.To[p] = w.Upper
			}
			r.Added[p] = 1<<b.To[p] - 1<<b.From[p]
		}
		if b.To == b.From {
			return true, w.told(n, x)
		}
		f := w.fold(x, v, []batch{b})
		if f.taken != 1 || !f.to.Good {
			return false, "L: the batch of an undisturbed worker of " + sinkIDs[x] + " is not taken"
		}
		from(f.to)
		r.Batches, r.Other = 1<<b.ID, w.others(n, &n.T, x, v.other)
	}
	if int(n.T.N) == maxSnapshots {
		return false, "L: an undisturbed worker of " + sinkIDs[x] + " needs more commits than there is reason for"
	}
	if !w.apply(n, &r, 0) {
		return false, "L: a request of an undisturbed worker of " + sinkIDs[x] + " is refused"
	}
	n.canonical(w.model)
	return false, ""
}
