package oracle

import (
	"fmt"
	"maps"
	"slices"
)

func sortedIDs[V any](m map[int64]V) []int64 { return slices.Sorted(maps.Keys(m)) }

func sortedParts[V any](m map[Part]V) []Part {
	return slices.SortedFunc(maps.Keys(m), func(a, b Part) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
}

// known is the outcome of a walk through a lineage.
type known int

const (
	told    known = iota // a state was found
	virgin               // the root was reached and nothing found
	unknown              // the lineage does not tell
)

// state is what the lineage of a snapshot tells of a sink id.
func (t *Table) state(head int64, sink string) (State, known) {
	seen := map[int64]bool{}
	for id := head; id != 0; {
		s := t.Snapshots[id]
		if s == nil || seen[id] {
			return State{}, unknown
		}
		seen[id] = true
		if s.Sink == sink {
			if s.Own == nil {
				return State{}, unknown
			}
			st := *s.Own
			st.Carrier, st.Epoch = s.ID, s.Epoch
			return st, told
		}
		if st, carried := s.Others[sink]; carried {
			return st, told
		}
		if t.picked(s, sink) {
			return State{}, unknown
		}
		id = s.Parent
	}
	for _, s := range t.Snapshots { // written to before, off this lineage: replaced, or rolled back to before the beginning
		_, carried := s.Others[sink]
		if at := t.Snapshots[head]; at != nil && s.Sequence < at.Sequence && (s.Sink == sink || carried) {
			return State{}, unknown
		}
	}
	return State{}, virgin
}

// tells is whether the snapshots of seen are enough to find the state of a sink id in a lineage.
func (t *Table) tells(head int64, sink string, seen map[int64]bool) bool {
	for id, left := head, len(seen); id != 0 && left >= 0; left-- {
		s := t.Snapshots[id]
		if s == nil || !seen[id] || s.Sink != sink && t.picked(s, sink) {
			return false
		}
		if _, carried := s.Others[sink]; carried || s.Sink == sink {
			return true
		}
		id = s.Parent
	}
	return false
}

// newest is the last state of a sink id that the snapshots of seen hold; an answer that is given where a lineage tells nothing may say
// that other rows are there than it does, and may forget no partition of it.
func (t *Table) newest(sink string, seen map[int64]bool) State {
	var last *Snapshot
	for id := range seen {
		if s := t.Snapshots[id]; s != nil && s.Sink == sink && s.Own != nil && (last == nil || s.Sequence > last.Sequence) {
			last = s
		}
	}
	if last == nil {
		return State{}
	}
	return *last.Own
}

// picked tells whether a snapshot brought rows of a sink id into the branch without its offsets.
func (t *Table) picked(s *Snapshot, sink string) bool {
	for range 100 {
		if s.Source == 0 || s.WAP {
			return false
		}
		from := t.Snapshots[s.Source]
		if from == nil || from.Sink == sink {
			return true
		}
		s = from
	}
	return true
}

// exists is I3: files of live snapshots.
func (j *judge) exists(t *Table) {
	looked := map[string]bool{}
	for _, id := range sortedIDs(t.Live) {
		s := t.Snapshots[id]
		if s == nil {
			continue
		}
		here := map[string]bool{}
		for _, f := range s.Files {
			if here[f.Path] {
				j.found1("I3", "table %s: snapshot %d names %s twice", t.Name, id, f.Path)
			}
			here[f.Path] = true
			if looked[f.Path] {
				continue
			}
			looked[f.Path] = true
			size, there := j.w.Objects[f.Path]
			switch {
			case !there:
				by := j.w.Removed[f.Path]
				if by != "" {
					by = ", removed by " + by
				}
				j.found1("I3", "table %s: snapshot %d names %s, which does not exist%s", t.Name, id, f.Path, by)
				continue
			case size != f.Size:
				j.found1("I3", "table %s: snapshot %d says that %s has %d bytes, it has %d", t.Name, id, f.Path, f.Size, size)
				continue
			}
			ids, err := j.ids(f.Path)
			switch {
			case err != nil:
				j.found1("I3", "table %s: snapshot %d: %s cannot be read: %v", t.Name, id, f.Path, err)
			case int64(len(ids)) != f.Rows:
				j.found1("I3", "table %s: snapshot %d says that %s has %d rows, it has %d", t.Name, id, f.Path, f.Rows, len(ids))
			}
		}
	}
}

func (j *judge) ids(path string) ([]int64, error) {
	if ids, read := j.files[path]; read {
		return ids, nil
	}
	if _, there := j.w.Objects[path]; !there {
		return nil, fmt.Errorf("%s does not exist", path)
	}
	ids, err := j.w.IDs(path)
	if err == nil {
		j.files[path] = ids
	}
	return ids, err
}

// follows is I2 and I4: one snapshot of sinker against its parent.
func (j *judge) follows(t *Table, s *Snapshot) {
	tell := func(rule, format string, args ...any) {
		j.found1(rule, "table %s: snapshot %d of sink %s "+format, append([]any{t.Name, s.ID, s.Sink}, args...)...)
	}
	if s.Replaced >= 0 && s.Replaced != s.Parent {
		tell("I4", "has parent %d and replaced head %d", s.Parent, s.Replaced)
	}
	if s.Own == nil {
		tell("I2", "holds no offsets that can be read")
		return
	}
	before, how := t.state(s.Parent, s.Sink)
	if s.Seen != nil && !t.tells(s.Parent, s.Sink, s.Seen) {
		before, how = t.newest(s.Sink, s.Seen), told
	}
	if how == unknown || s.Parent != 0 && t.Snapshots[s.Parent] == nil {
		return // an operator's answer, or older than what is known
	}
	if how == virgin && len(s.Batches) > 0 {
		tell("I2", "brings batches to a table that was not anchored")
	}
	for _, p := range sortedParts(before.Marks) {
		if _, kept := s.Own.Marks[p]; !kept {
			tell("I2", "forgets partition %s", p)
		}
	}
	for _, p := range sortedParts(s.Ranges) {
		if _, has := s.Own.Marks[p]; !has {
			tell("I2", "accounts for partition %s, of which its offsets do not know", p)
		}
	}
	for _, p := range sortedParts(s.Own.Marks) {
		was, had := before.Marks[p]
		j.moves(t, s, p, was, had, tell)
	}
}

// moves checks one partition's offset from parent to snapshot.
func (j *judge) moves(t *Table, s *Snapshot, p Part, was Mark, had bool, tell func(string, string, ...any)) {
	now := s.Own.Marks[p]
	if now.Next < now.Origin {
		tell("I2", "says that %s is at %d, before its origin %d", p, now.Next, now.Origin)
	}
	r, ranged := s.Ranges[p]
	switch {
	case ranged && !had:
		tell("I2", "accounts for [%d,%d) of %s, which its parent does not know", r.From, r.To, p)
	case ranged && (r.From != was.Next || r.To != now.Next || r.To <= r.From):
		tell("I2", "accounts for [%d,%d) of %s; its parent is at %d, itself at %d", r.From, r.To, p, was.Next, now.Next)
	case ranged && was.Upper >= 0 && r.To > was.Upper:
		tell("I8", "accounts for [%d,%d) of %s, past its bound %d", r.From, r.To, p, was.Upper)
	case ranged || s.Audited:
	case !had && now.Next == now.Origin: // a beginning
	case had && was.Next == now.Next:
	default:
		at := was.Next
		for _, g := range s.Gaps {
			switch {
			case g.Part != p:
			case g.Why == "truncated" && g.To == at:
				at = g.From
			case g.Why != "truncated" && g.From == at:
				at = g.To
			}
		}
		if !had || at != now.Next {
			tell("I2", "moves %s from %d to %d, and nothing accounts for it", p, was.Next, now.Next)
		}
	}
}

// counts is I1 and I8: the rows of one state of the branch. Batches are looked for in its lineage as well.
func (j *judge) counts(t *Table, head int64) {
	s := t.Snapshots[head]
	if s == nil {
		return
	}
	seen, batches := map[int64]bool{}, map[string]int64{}
	for id := head; id != 0 && !seen[id] && t.Snapshots[id] != nil; id = t.Snapshots[id].Parent {
		seen[id] = true
		for _, b := range t.Snapshots[id].Batches {
			if other, twice := batches[b]; twice {
				j.found1("I8", "table %s: batch %s is in snapshots %d and %d", t.Name, b, id, other)
			}
			batches[b] = id
		}
	}
	rows := map[int64]int{}
	for _, f := range s.Files {
		ids, err := j.ids(f.Path)
		if err != nil {
			return // I3 has told, or it was expired since and cleaned up
		}
		for _, id := range ids {
			rows[id]++
		}
	}
	states := map[string]State{}
	hows := map[string]known{}
	for _, id := range sortedIDs(j.w.Records) {
		r := j.w.Records[id]
		if r.Table != t.Name {
			continue
		}
		if _, asked := hows[r.Sink]; !asked {
			states[r.Sink], hows[r.Sink] = t.state(head, r.Sink)
		}
		n := rows[id]
		delete(rows, id)
		if n > 1 {
			j.found1("I8", "table %s at snapshot %d: record %d, offset %d of %s, is there %d times", t.Name, head, id, r.Offset, r.Part, n)
			continue
		}
		if hows[r.Sink] == unknown {
			continue
		}
		mark, has := states[r.Sink].Marks[r.Part]
		want := 0
		if has && r.Offset < mark.Next && r.Offset >= mark.Origin {
			want = 1
		}
		switch {
		case (r.Fate == Never || r.Fate == Dead) && n > 0:
			j.found1("I1", "table %s at snapshot %d: record %d, offset %d of %s, can be no row and is one", t.Name, head, id, r.Offset, r.Part)
		case r.Again && head != t.Head && n < 2:
		case r.Fate == Row && n != want:
			j.found1("I1", "table %s at snapshot %d: record %d, offset %d of %s, is there %d times; the offsets are at %d (known: %v), so %d is right",
				t.Name, head, id, r.Offset, r.Part, n, mark.Next, has, want)
		}
	}
	for _, id := range sortedIDs(rows) {
		switch {
		case id < 0 && rows[id] > 1:
			j.found1("I8", "table %s at snapshot %d: row %d of somebody else is there %d times", t.Name, head, id, rows[id])
		case id >= 0:
			j.found1("I1", "table %s at snapshot %d: row %d was never sent to it", t.Name, head, id)
		}
	}
}

// arrived is progress, of a world at rest.
func (j *judge) arrived() {
	for _, e := range j.w.Ends {
		for _, t := range j.w.Tables {
			if t.Name != e.Table {
				continue
			}
			st, how := t.state(t.Head, e.Sink)
			if m, has := st.Marks[e.Part]; how != told || !has || m.Next < e.Offset {
				j.found1("progress", "table %s: partition %s is at %d (known: %v) and must come to %d", t.Name, e.Part, m.Next, has, e.Offset)
			}
		}
	}
}
