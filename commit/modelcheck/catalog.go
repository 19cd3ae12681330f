package modelcheck

// network delivers.
func (w *walk) network(s *state) {
	if int(s.T.N) >= w.Snapshots {
		return
	}
	for k := range s.Net {
		r := &s.Net[k]
		if r.Gen == 0 || k > 0 && *r == s.Net[k-1] {
			continue
		}
		for mark := uint8(0); mark <= garbled; mark += garbled {
			if mark != 0 && s.Left[Garble] == 0 {
				continue
			}
			n := *s
			if mark != 0 {
				n.Left[Garble]--
			}
			if !w.apply(&n, r, mark) {
				continue
			}
			if s.Left[Twice] > 0 {
				o := n
				o.Left[Twice]--
				w.emit(&o, kForeign+uint8(Twice), k, int(n.T.N), int(mark))
			}
			n.Net[k] = request{}
			kind := uint8(kApplied)
			if mark != 0 {
				kind = kForeign + uint8(Garble)
			}
			w.emit(&n, kind, k, int(n.T.N), int(mark))
		}
	}
}

// apply is the catalog: it does what the request says if what it requires holds.
func (m *model) apply(n *state, r *request, mark uint8) bool {
	t := &n.T
	parent := r.Head
	if t.Gen != r.Gen {
		return false
	}
	if t.Head != r.Head || !m.NoTags && t.Tag[r.Sink] != r.Tag {
		switch m.Mutant {
		case IgnoresRequirements:
		case Rebases:
			parent = t.Head
		default:
			return false
		}
	}
	x := int(r.Sink)
	g := truth{Parent: parent, Over: t.Head, Added: r.Added, Overlap: r.Overlap}
	if parent != 0 {
		g.Rows, g.Files = n.G[parent-1].Rows, n.G[parent-1].Files
	}
	g.Files |= r.Batches
	for p := range m.Log[x] {
		add := r.Added[p] & m.rows[x][p]
		g.Rows[x][p] |= add | (g.Rows[x][p]&add)<<4
	}
	t.Head = n.birth(snap{Batches: r.Batches, Parent: parent, By: r.Sink + 1, Epoch: r.Epoch, Marks: mark, Next: r.Next, Other: r.Other}, g)
	if m.Mutant == CarriesOwnID && r.Other.Carrier != 0 {
		t.Snap[t.Head-1].Other.Carrier = t.Head
	}
	if !m.NoTags {
		t.Tag[x] = t.Head
	}
	if !m.NoProperties {
		t.Mirror[x] = mirror{Is: sound, Snapshot: t.Head, Epoch: r.Epoch, Next: r.Next}
	}
	return true
}

// birth adds a snapshot that is listed.
func (n *state) birth(s snap, g truth) uint8 {
	s.Kept = listed
	n.T.Snap[n.T.N], n.G[n.T.N] = s, g
	n.T.N++
	return n.T.N
}

// landed tells whether batch id is truly in the lineage of head.
func (w *walk) landed(n *state, head, id uint8) bool {
	for ; head != 0; head = n.G[head-1].Parent {
		if n.T.Snap[head-1].Batches&(1<<id) != 0 {
			return true
		}
	}
	return false
}

// seen tells whether a load shows batch id in the lineage of its head, as far back as it goes.
func (w *walk) seen(t *table, history bool, id uint8) bool {
	at := t.Head
	for range t.N { // a catalog may show a circle
		if at == 0 {
			break
		}
		s := &t.Snap[at-1]
		if !w.shown(t, at) && !(history && s.Kept == logged) {
			return false
		}
		if s.Batches&(1<<id) != 0 {
			return true
		}
		if w.Shows == ShowsHead {
			break
		}
		at = s.Parent
	}
	return false
}
