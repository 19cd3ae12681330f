package commit

import (
	"errors"
	"fmt"

	"github.com/sinker-io/sinker/offsets"
)

// ErrAnchorTables says that a table that shares D is not as its re-anchor left it: note D and anchor the tables again.
var ErrAnchorTables = errors.New("a table of these dead letters has moved since it was anchored")

// Anchored is a table that shares D, read after its re-anchor.
type Anchored struct {
	View   View
	State  State
	Anchor uint64 // epoch of the re-anchor
	Hash   string // of our configuration
}

// Mending is the one commit on D after which its dead letters are whole again.
type Mending struct {
	Next   offsets.Ledger
	Reread offsets.Ranges // read these from the log: their dead letters are the rows of the commit
}

// Mend plans how dead letters that were rolled back are replayed. noted is D as it was read BEFORE every table that shares it was anchored
// again with a fresh epoch, and the commit must be built on that very load, so that it fails if D has moved since.
//
// The letters can be made again only under the configuration that had made them, because T has the other records of the
// same ranges. So each snapshot of sink id x that is to be made up for, in D from the mirror's back to where D was moved to, and in T
// down to D's offsets, must be listed and carry our hash; D must have been moved back, not aside; and a table that
// shares D must not be missing. Else the error is a *Stop.
func Mend(noted View, x, hash string, tables []Anchored) (Mending, error) {
	d, err := Resolve(noted, x)
	if err != nil {
		return Mending{}, err
	}
	lost, err := rolledBack(noted, x, d, hash)
	if err != nil {
		return Mending{}, err
	}
	m := Mending{Next: d.Ledger.Clone(), Reread: offsets.Ranges{}}
	known := map[offsets.Partition]bool{}
	for _, t := range tables {
		if t.State.Dirty || t.State.Epoch != t.Anchor {
			return Mending{}, ErrAnchorTables
		}
		if err := writtenUnder(t, x, d.Ledger); err != nil {
			return Mending{}, err
		}
		for p, at := range t.State.Ledger.Marks {
			known[p] = true
			mark, has := d.Ledger.Marks[p]
			if !has {
				mark = offsets.Mark{Origin: at.Origin, Upper: offsets.Unbounded}
			}
			if from := max(mark.Next, at.Origin); from < at.Next {
				m.Reread[p] = offsets.Range{From: from, To: at.Next}
				mark.Next, mark.LeaderEpoch = at.Next, at.LeaderEpoch
				m.Next.Marks[p] = mark
			}
		}
	}
	for p, was := range lost.Marks {
		if was.Next > d.Ledger.Marks[p].Next && !known[p] {
			return Mending{}, unmended(noted, fmt.Sprintf("it held dead letters of %s, which no table of the configuration reads", p))
		}
	}
	return m, nil
}

// rolledBack is the state that D's mirror tells, if all that was moved out of the branch since is known to be ours.
func rolledBack(noted View, x string, d State, hash string) (offsets.Ledger, error) {
	mirror := noted.Mirrors[x]
	if !mirror.Sound {
		return offsets.Ledger{}, unmended(noted, "its mirror is damaged, so what was rolled back is not known")
	}
	seen := map[int64]bool{}
	for id := mirror.Snapshot; id != d.Carrier; {
		s, listed := noted.Snapshots[id]
		if !listed || seen[id] {
			return offsets.Ledger{}, unmended(noted, fmt.Sprintf("snapshot %d, which was rolled back, does not lead to snapshot %d, where the branch stands", mirror.Snapshot, d.Carrier))
		}
		if s.Sink == x && s.Hash != hash {
			return offsets.Ledger{}, unmended(noted, fmt.Sprintf("snapshot %d, which was rolled back, was written by another configuration", id))
		}
		seen[id] = true
		id = s.Parent
	}
	return mirror.Ledger, nil
}

// writtenUnder tells whether everything that t has at or above the offsets of D was written by our configuration.
func writtenUnder(t Anchored, x string, d offsets.Ledger) error {
	seen := map[int64]bool{}
	for id := t.View.Head; above(t.State.Ledger, d); {
		s, listed := t.View.Snapshots[id]
		if !listed || seen[id] {
			return unmended(t.View, fmt.Sprintf("snapshot %d of the table is gone, so by which configuration its rows were written is not known", id))
		}
		if s.Sink == x {
			if s.Ledger != nil && !above(*s.Ledger, d) {
				return nil
			}
			if s.Hash != t.Hash { // of one whose offsets cannot be read, too: it may have written some of them
				return unmended(t.View, fmt.Sprintf("snapshot %d of the table was written by another configuration", id))
			}
		}
		seen[id] = true
		id = s.Parent
	}
	return nil
}

// above tells whether l accounts for any offset, since its origins, that d does not.
func above(l, d offsets.Ledger) bool {
	for p, m := range l.Marks {
		if m.Next > max(d.Marks[p].Next, m.Origin) {
			return true
		}
	}
	return false
}

func unmended(v View, why string) *Stop {
	return stop(v, DeadLettersRolledBack, "the table of dead letters was rolled back, and they cannot be made again: "+why, doLetters)
}

const (
	doLetters = "move the branch of the table of dead letters forward again to the snapshot that its property sinker.mirror.* names; or, if " +
		"those dead letters may stay away: `sinker offsets accept --table TABLE --position mirror --reason WHY`, with that table"
	doFate = "make the record decode again, by the configuration or the table that it was read with; or roll the table back no farther " +
		"than the dead letters"
)
