package modelcheck

// act is what workers do on a load that shows t.
func (w *walk) act(s *state, t *table, stale int) {
	for x := range w.sinks {
		v := w.verdict(t, x)
		if v.stop != "" {
			continue
		}
		send := func(kind uint8, c change, use Op) {
			n := *s
			if use != ops {
				n.Left[use]--
			}
			if !c.Good {
				n.Fault = faultChange
			}
			r := request{Sink: uint8(x), Head: t.Head, Tag: t.Tag[x], Gen: t.Gen, Epoch: c.Epoch, Next: c.Next, Other: w.others(s, t, x, c.Other)}
			w.put(&n, r, kind, x, stale)
		}
		switch {
		case v.state.Empty:
			for _, a := range v.anchors {
				send(kAnchor, a, ops)
			}
			for i, of := range w.Workers {
				if of == x {
					w.refused(s, v, i)
				}
			}
			continue
		case v.state.Dirty && w.Mutant != IgnoresRollback:
			send(kReanchor, v.reanchor, ops)
		case v.danger[0]:
			send(kReanchorOld, v.reanchor, ops)
		case v.danger[1] && s.Left[Age] > 0:
			send(kForeign+uint8(Age), v.reanchor, Age)
		}
		if v.extended.Good && !v.state.Dirty {
			send(kExtend, v.extended, ops)
		}
		for i, of := range w.Workers {
			if of == x && (s.W[i].Gen == 0 || s.W[i].Gen == t.Gen) { // else STOP(recreated), until it is started anew
				w.work(s, t, v, i, stale)
			}
		}
	}
}

// work is what worker i does with its own batches, and those of another worker in a group.
func (w *walk) work(s *state, t *table, v *verdict, i, stale int) {
	x, me := w.Workers[i], &s.W[i]
	if v.state.Dirty && w.Mutant != IgnoresRollback {
		w.refused(s, v, i)
		return // first the re-anchor
	}
	if int(me.N) < w.Queue && !(me.N == 1 && me.Q[0].Hollow != 0) {
		w.read(s, t, v, i, stale)
	}
	if me.N > 0 {
		w.submit(s, t, v, i, i, stale)
	}
	if w.Group {
		for j, of := range w.Workers {
			if j != i && of == x && s.W[j].N > 0 && (s.W[j].Gen == 0 || s.W[j].Gen == t.Gen) {
				w.submit(s, t, v, i, j, stale)
			}
		}
	}
}

// refused asks the rule about batches that nobody would submit: while dirty, and on a table without an anchor, nothing fits.
func (w *walk) refused(s *state, v *verdict, i int) {
	if f := w.fold(w.Workers[i], v, s.W[i].Q[:s.W[i].N]); f.taken != 0 {
		n := *s
		n.Fault = faultTaken
		w.emit(&n, kSend, i, int(s.T.Head), 0, 0)
	}
}

// read makes a batch that begins where the table stands, or where the batch before it ends.
func (w *walk) read(s *state, t *table, v *verdict, i, stale int) {
	x := w.Workers[i]
	n := *s
	me := &n.W[i]
	b := batch{ID: n.freshBatch(), Epoch: uint8(v.state.Epoch), From: v.next, To: v.next}
	if me.N == 1 {
		b.Epoch, b.From, b.To = me.Q[0].Epoch, me.Q[0].To, me.Q[0].To
	}
	for p := range b.From {
		if b.From[p] == none {
			b.From[p], b.To[p] = 0, 0
		}
	}
	early := v.next[1] == none
	me.Gen = t.Gen
	me.N++
	put := func() {
		o := n
		if early && b.To[1] > b.From[1] {
			if o.Left[ReadTooEarly] == 0 {
				return
			}
			o.Left[ReadTooEarly]--
		}
		kind := uint8(kRead)
		if early && b.To[1] > b.From[1] {
			kind = kForeign + uint8(ReadTooEarly)
		}
		o.W[i].Q[me.N-1] = b
		w.emit(&o, kind, i, int(b.From[0]), int(b.To[0]), stale)
	}
	if w.Hollow {
		b.Hollow = 1
		put()
		b.Hollow = 0
	}
	ends := func(p int) []uint8 {
		var out []uint8
		for e := b.From[p]; int(e) <= len(w.Log[x][p]); e++ {
			if !w.Ends || e <= b.From[p]+1 || int(e) == len(w.Log[x][p]) {
				out = append(out, e)
			}
		}
		return out
	}
	first, second := ends(0), []uint8{b.From[1]}
	if len(w.Log[x]) > 1 {
		second = ends(1)
	}
	for _, e0 := range first {
		for _, e1 := range second {
			if b.To = [2]uint8{e0, e1}; b.To != b.From {
				put()
			}
		}
	}
}

// submit is one attempt at a commit by worker i, with the batches of j behind its own.
func (w *walk) submit(s *state, t *table, v *verdict, i, j, stale int) {
	x := w.Workers[i]
	var buf [4]batch
	list := append(buf[:0], s.W[i].Q[:s.W[i].N]...)
	if j != i {
		list = append(list, s.W[j].Q[:s.W[j].N]...)
	}
	f := w.fold(x, v, list)
	w.countFold(f)
	w.tamper(s, list, &f)
	n := *s
	if !f.to.Good {
		n.Fault = faultChange
	}
	n.W[i].Gen = t.Gen
	if f.taken == 0 {
		w.drop(&n, t, v, i, f)
		w.emit(&n, kGiveUp, i, int(f.done), int(f.stale), stale)
		return
	}
	r := request{Sink: uint8(x), Head: t.Head, Tag: t.Tag[x], Gen: t.Gen, Epoch: f.to.Epoch, Next: f.to.Next, Other: w.others(s, t, x, v.other)}
	for k := range list {
		if f.taken>>k&1 == 0 {
			continue
		}
		b := &list[k]
		r.Batches |= 1 << b.ID
		for p := range b.From {
			span := uint8(1)<<b.To[p] - 1<<b.From[p]
			if r.Added[p]&span != 0 {
				r.Overlap = 1
			}
			r.Added[p] |= span
		}
	}
	mine := int(s.W[i].N)
	for k := range n.W[i].Q[:mine] {
		n.W[i].Q[k].Sent = 1
	}
	if j != i {
		for k := range n.W[j].Q[:n.W[j].N] {
			n.W[j].Q[k].Sent = 1 // handed over, at least
		}
	}
	w.put(&n, r, kSend, i, stale)
}

// put brings a request under way. If there is no room, one of the others is lost: a request may be lost anyway.
func (w *walk) put(n *state, r request, kind uint8, who, stale int) {
	for k := range n.Net[:w.Net] {
		if n.Net[k].Gen == 0 {
			n.Net[k] = r
			w.emit(n, kind, who, int(r.Head), int(r.Batches), stale)
			return
		}
	}
	for k := range n.Net[:w.Net] {
		o := *n
		o.Net[k] = r
		w.emit(&o, kind, who, int(r.Head), int(r.Batches), stale)
	}
}

// drop takes worker i's batches away, all of which f has judged, and judges f.
func (w *walk) drop(n *state, t *table, v *verdict, i int, f fold) {
	x, me := w.Workers[i], &n.W[i]
	for k := range me.Q[:me.N] {
		b := &me.Q[k]
		if n.Fault == 0 && f.done>>k&1 != 0 && !w.landed(n, t.Head, b.ID) {
			n.Fault = faultDone
		}
		if n.Fault == 0 && f.stale>>k&1 != 0 {
			switch {
			case w.fitsTruly(n, t.Head, x, b):
				n.Fault = faultStale
			case w.seen(t, v.history, b.ID):
				n.Fault = faultSeen
			}
		}
		if b.Sent == 0 || w.deletes(n, t, b, f.stale>>k&1 != 0) {
			n.Deleted |= 1 << b.ID // the production rule: only files that were never named in a request nor handed over
		}
	}
	gen := me.Gen
	*me = worker{Gen: gen}
}
