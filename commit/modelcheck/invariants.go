package modelcheck

import (
	"strings"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

// Faults of a step, which the state that follows carries.
const (
	faultChange = iota + 1
	faultDone
	faultStale
	faultTaken
	faultSeen
)

var faults = [...]string{"", "I2: a change says something else than its batches account for",
	"I6: a batch is said to have landed and is not in the table", "I6: a batch was given up that fits",
	"F: a batch fits a state that is dirty, or none",
	"I6: a batch is said to be stale and is in the table"}

// told is what the complete lineage of a snapshot tells of a sink id, whatever was expired since.
type told struct {
	known        bool
	carrier      uint8
	epoch        uint8
	next, origin [2]uint8
	picked       bool // above the carrier, rows of the sink id came in by a cherry-pick
}

// truly reads the complete lineage.
func (n *state) truly(m *model, head uint8, x int) told {
	var out told
	for id := head; id != 0; id = n.G[id-1].Parent {
		s := &n.T.Snap[id-1]
		if int(s.By) != x+1 {
			if !out.known && n.sourceIs(id, x) {
				out.picked = true
			}
			continue
		}
		if !out.known {
			out.known, out.carrier, out.epoch, out.next = true, id, s.Epoch, s.Next
		}
		out.origin = s.Next // of the oldest one at last: the anchor
	}
	for p := range out.origin {
		if out.origin[p] == none {
			out.origin[p] = 0
		}
	}
	return out
}

// sourceIs tells whether a snapshot was cherry-picked, by however many steps, from one of x.
func (n *state) sourceIs(id uint8, x int) bool {
	for {
		s := &n.T.Snap[id-1]
		if s.Source == 0 || s.Marks&wap != 0 {
			return false
		}
		id = s.Source
		if int(n.T.Snap[id-1].By) == x+1 {
			return true
		}
	}
}

// fitsTruly tells whether a batch would fit on head.
func (w *walk) fitsTruly(n *state, head uint8, x int, b *batch) bool {
	tr := n.truly(w.model, head, x)
	if !tr.known || tr.epoch != b.Epoch || b.From == b.To {
		return false
	}
	for p := range w.Log[x] {
		if b.From[p] == b.To[p] {
			continue
		}
		if tr.next[p] != b.From[p] || x == 0 && p == 0 && w.Upper != 0 && b.To[p] > w.Upper {
			return false
		}
	}
	return true
}

// Check implements engine.Walker.
func (w *walk) Check(s *state, out *engine.Out[state]) string {
	w.out = out
	if s.Fault != 0 {
		return w.filter(faults[s.Fault])
	}
	if why := w.filter(w.newest(s)); why != "" {
		return why
	}
	if why := w.filter(w.dangling(s)); why != "" {
		return why
	}
	for x := range w.sinks {
		if why := w.filter(w.told(s, x)); why != "" {
			return why
		}
	}
	return ""
}

func (w *walk) filter(why string) string {
	if w.Only != "" && !strings.HasPrefix(why, w.Only) {
		return ""
	}
	return why
}

// newest checks the last snapshot, if it is ours: every snapshot is the last at first.
func (w *walk) newest(s *state) string {
	if s.T.N == 0 {
		return ""
	}
	at, g := &s.T.Snap[s.T.N-1], &s.G[s.T.N-1]
	if at.By == 0 {
		return ""
	}
	x := int(at.By - 1)
	if at.Epoch == 0 {
		return "F: a commit of ours is of no epoch"
	}
	if g.Over != g.Parent {
		return "I4: a commit of ours was applied on a snapshot that was not the head, and what came between is gone"
	}
	before := s.truly(w.model, g.Parent, x)
	for p := range w.Log[x] {
		from, to := before.next[p], at.Next[p]
		if from == none {
			from = 0
		}
		switch {
		case to == none && g.Added[p] != 0, to != none && g.Added[p] != 0 && (!before.known || to < from || g.Added[p] != 1<<to-1<<from):
			return "I2: the ranges of a commit are not what lies between the offsets of its parent and its own"
		case at.Batches == 0 && before.known && to != before.next[p] && before.next[p] != none:
			return "I2: a commit without batches moved the offsets"
		}
	}
	if g.Overlap != 0 {
		return "I2: two batches of one commit account for the same offsets"
	}
	if at.Batches != 0 && g.Added == [2]uint8{} {
		return "I2: a batch that accounts for nothing was committed"
	}
	if g.Parent != 0 {
		for p := range w.Log[x] {
			if g.Rows[x][p]>>4&^(s.G[g.Parent-1].Rows[x][p]>>4) != 0 {
				return "I8: a commit of ours brought rows that were there already"
			}
		}
	}
	return ""
}

// dangling looks at all that the branch and the tags reach.
func (w *walk) dangling(s *state) string {
	if s.Deleted == 0 {
		return ""
	}
	for _, ref := range [3]uint8{s.T.Head, s.T.Tag[0], s.T.Tag[1]} {
		for id := ref; id != 0; id = s.G[id-1].Parent {
			if s.T.Snap[id-1].Kept == listed && s.G[id-1].Files&s.Deleted != 0 {
				return "I3: a live snapshot needs files that are gone"
			}
		}
	}
	return ""
}

// told compares what the rules say of x with the truth.
func (w *walk) told(s *state, x int) string {
	v := w.verdict(&s.T, x)
	for _, b := range v.branches {
		w.out.Count(b)
	}
	name := sinkIDs[x]
	if v.stop != "" {
		return w.justify(s, x, v.stop)
	}
	tr := s.truly(w.model, s.T.Head, x)
	rows := [2]uint8{}
	if s.T.Head != 0 {
		rows = s.G[s.T.Head-1].Rows[x]
	}
	for p := range w.Log[x] {
		next, want := v.next[p], uint8(0)
		if next != none && !v.state.Empty {
			want = w.rows[x][p] & (1<<next - 1) &^ (1<<tr.origin[p] - 1)
		}
		switch {
		case rows[p]>>4 != 0:
			return "I1: rows of " + name + " are in the table twice"
		case rows[p]&^want != 0:
			return "I1: rows of " + name + " are in the table and would be read again"
		case want&^rows[p] != 0:
			return "I1: rows of " + name + " are missing and would be passed over"
		case x == 0 && p == 0 && w.Upper != 0 && rows[p]>>w.Upper != 0:
			return "I8: rows of " + name + " beyond its upper bound are in the table"
		}
	}
	k := s.T.Mirror[x]
	switch {
	case !v.good:
		return "F: the ledger of " + name + " is not what its positions make it"
	case v.state.Empty && w.traced(s, x, false):
		return "I6: " + name + " is said to be new where something shows that it was here"
	case v.state.Empty != !tr.known:
		return "F: " + name + " is said to be new here and is not, or is not and is said to be"
	case v.state.Empty:
		return ""
	case tr.picked:
		return "F: rows of " + name + " came in by a cherry-pick unnoticed"
	case v.state.Carrier != int64(tr.carrier):
		return "F: the newest carrier of " + name + " is another one"
	case v.state.Epoch != uint64(tr.epoch):
		return "F: the epoch of " + name + " is another one"
	case v.next != tr.next:
		return "F: the offsets of " + name + " are other ones"
	case !w.NoProperties && v.state.Dirty != (k.Is != sound || k.Snapshot != tr.carrier),
		w.NoProperties && v.state.Dirty != (s.T.Tag[x] != 0 && s.T.Tag[x] != tr.carrier):
		return "F: a rollback behind the newest carrier of " + name + " was not noticed, or noticed where there was none"
	case v.state.Buried != !w.bearing(&s.T, s.T.Head, x):
		return "F: whether the state of " + name + " is buried is wrong"
	case w.sinks == 2 && v.other.Carrier == 0 && w.tells(&s.T, x):
		return "F: a commit of " + name + " would leave out the other sink id, of which the table does tell"
	case v.other.Carrier != 0 && !w.exactOther(s, x, v.other):
		return "F: what a commit of " + name + " would say of the other sink id is not what the lineage tells"
	}
	return ""
}

// tells tells whether a load that is enough for x is enough for the other sink id as well.
func (w *walk) tells(t *table, x int) bool {
	v := w.verdict(t, 1-x)
	return v.stop == "" && !v.state.Empty && (!v.history || w.verdict(t, x).history)
}

func (w *walk) exactOther(s *state, x int, o other) bool {
	tr := s.truly(w.model, s.T.Head, 1-x)
	return tr.known && !tr.picked && o == other{Carrier: tr.carrier, Epoch: tr.epoch, Next: tr.next}
}

// bearing tells whether a load shows a snapshot that tells of x.
func (w *walk) bearing(t *table, id uint8, x int) bool {
	if id == 0 || !w.visible(t, id) {
		return false
	}
	s := &t.Snap[id-1]
	return int(s.By) == x+1 || s.By != 0 && s.Other.Carrier != 0
}

func (w *walk) visible(t *table, id uint8) bool {
	return w.shown(t, id) || w.Shows == ShowsAll && t.Snap[id-1].Kept == logged
}

// justify tells what is wrong with a Stop, by the truth: a Stop where the table does tell is as much a fault as a wrong answer.
func (w *walk) justify(s *state, x int, why commit.Reason) string {
	t := &s.T
	id := t.Head
	for ; id != 0 && w.visible(t, id) && !w.bearing(t, id, x); id = s.G[id-1].Parent {
		if why == commit.CherryPick && w.suspicious(t, id, x) {
			return ""
		}
	}
	// id is now the first that tells of x, or the first that is hidden, or none.
	bears := id != 0 && w.bearing(t, id, x)
	switch why {
	case commit.UnknownVersion:
		if bears && t.Snap[id-1].Marks&newer != 0 {
			return ""
		}
	case commit.StateUnreadable:
		if bears && t.Snap[id-1].Marks&garbled != 0 {
			return ""
		}
	case commit.ReplacedTable:
		hidden := w.Shows == ShowsHead && t.Head != 0 && !w.bearing(t, t.Head, x)
		nameless := w.Unparents && id != 0 && !w.visible(t, id) // the last that named this parent is gone as well
		if !bears && (id == 0 || hidden || nameless) && w.traced(s, x, true) {
			return ""
		}
	case commit.LineageLost:
		for i := range t.N {
			if t.Snap[i].Parent != s.G[i].Parent {
				return "" // what the catalog shows is not a lineage
			}
		}
		if id != 0 && !bears && (t.Mirror[x].Is != sound || t.Mirror[x].Snapshot != id) {
			return ""
		}
	}
	return "I6: STOP(" + string(why) + ") for " + sinkIDs[x] + " where the table does tell"
}

// suspicious tells whether a snapshot may have brought rows of x by a cherry-pick, as far as can be seen.
func (w *walk) suspicious(t *table, id uint8, x int) bool {
	for {
		s := &t.Snap[id-1]
		if s.Source == 0 || s.Marks&wap != 0 {
			return false
		}
		id = s.Source
		if !w.visible(t, id) || int(t.Snap[id-1].By) == x+1 {
			return true
		}
	}
}

// traced tells whether anything shows that x was here; full counts what only older metadata files list.
func (w *walk) traced(s *state, x int, full bool) bool {
	t := &s.T
	if t.Mirror[x].Is != absent || t.Tag[x] != 0 || w.NoProperties && t.Head != 0 {
		return true
	}
	for id := uint8(1); id <= t.N; id++ {
		if w.bearing(t, id, x) && (full || w.shown(t, id)) {
			return true
		}
	}
	return false
}
