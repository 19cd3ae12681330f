package commit

import (
	"errors"
	"fmt"

	"github.com/sinker-io/sinker/offsets"
)

// Adopted is the state of x that accounts for the rows in the branch as well that were brought in without their offsets, where the
// table itself proves it: by cherry-picks of snapshots of x whose ranges follow on what the branch has, or in a snapshot whose
// offsets cannot be read and are in the mirror that names it. why is what Resolve says of the same v; the error is a *Stop that
// tells why nothing is proven, or ErrNeedHistory.
func Adopted(v View, x string, why error) (offsets.Ledger, error) {
	var s *Stop
	if !errors.As(why, &s) {
		return offsets.Ledger{}, why
	}
	switch s.Reason {
	case CherryPick:
		return picked(v, x)
	case StateUnreadable:
		for at := range ancestors(v) {
			if at.Sink != x || at.Ledger != nil {
				continue
			}
			if m := v.Mirrors[x]; m.Sound && m.Snapshot == at.ID {
				return m.Ledger.Clone(), nil
			}
			return offsets.Ledger{}, unproven(s, fmt.Sprintf("no sound mirror names snapshot %d", at.ID))
		}
	}
	return offsets.Ledger{}, s
}

// picked is the state after the cherry-picks above the newest state that can be told.
func picked(v View, x string) (offsets.Ledger, error) {
	var picks []pick // newest first
	w := v
	var st State
	for {
		var err error
		if st, err = Resolve(w, x); err == nil {
			break
		}
		var s *Stop
		if !errors.As(err, &s) || s.Reason != CherryPick || len(picks) > len(v.Snapshots) { // parents in a circle
			return offsets.Ledger{}, err
		}
		for at := range ancestors(w) {
			if cherryPicked(v, x, at) == nil {
				continue
			}
			src, known := sourceOf(v, x, at)
			if !known {
				return offsets.Ledger{}, unproven(s, fmt.Sprintf("what snapshot %d was picked from is gone", at.ID))
			}
			picks = append(picks, pick{at.ID, src, s})
			w.Head = at.Parent
			break
		}
	}
	out := st.Ledger.Clone()
	for i := len(picks) - 1; i >= 0; i-- {
		if err := picks[i].addTo(v, x, out); err != nil {
			return offsets.Ledger{}, err
		}
	}
	return out, nil
}

// pick is a snapshot that was cherry-picked, in one step or several, from one of ours.
type pick struct {
	id     int64
	source Snapshot
	why    *Stop
}

// sourceOf follows the sources of a foreign snapshot to the snapshot of x that its rows are of.
func sourceOf(v View, x string, s Snapshot) (Snapshot, bool) {
	for steps := 0; s.Sink != x; steps++ {
		next, known := v.Snapshots[s.Source]
		if !known || steps > len(v.Snapshots) {
			return Snapshot{}, false
		}
		s = next
	}
	return s, true
}

// addTo moves l over the ranges of the batches that were picked, if they begin exactly where it stands.
func (k pick) addTo(v View, x string, l offsets.Ledger) error {
	if len(k.source.Batches) == 0 {
		return nil // no rows: an anchor
	}
	if k.source.Ledger == nil {
		return unproven(k.why, fmt.Sprintf("the offsets of snapshot %d cannot be read", k.source.ID))
	}
	w := v
	w.Head = k.source.Parent
	before, err := Resolve(w, x)
	if err != nil || before.Empty {
		return unproven(k.why, fmt.Sprintf("where the batches of snapshot %d begin is not known", k.source.ID))
	}
	for _, p := range offsets.Sorted(k.source.Ledger.Marks) {
		to, from := k.source.Ledger.Marks[p], before.Ledger.Marks[p]
		if to.Next == from.Next {
			continue
		}
		switch m, known := l.Marks[p]; {
		case !known || m.Next < from.Next:
			return unproven(k.why, fmt.Sprintf("of %s the branch has what is before %d, and snapshot %d brought [%d,%d): what is between is not in the table",
				p, m.Next, k.id, from.Next, to.Next))
		case m.Next > from.Next:
			return unproven(k.why, fmt.Sprintf("of %s the branch had what is before %d, and snapshot %d brought [%d,%d) again: these rows are there twice",
				p, m.Next, k.id, from.Next, to.Next))
		default:
			m.Next, m.LeaderEpoch = to.Next, to.LeaderEpoch
			m.Dead, m.Skipped, m.Holes = m.Dead+to.Dead-from.Dead, m.Skipped+to.Skipped-from.Skipped, m.Holes+to.Holes-from.Holes
			l.Marks[p] = m
		}
	}
	return nil
}

// unproven is the same Stop, which says why the table's own history does not answer it.
func unproven(s *Stop, because string) *Stop {
	out := *s
	out.Found += "; " + because
	return &out
}
