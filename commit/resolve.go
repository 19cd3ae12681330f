package commit

import (
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/offsets"
)

// Evidence is where a state was found.
type Evidence string

const (
	FromLineage Evidence = "lineage" // a snapshot of the branch
	FromMirror  Evidence = "mirror"  // the table property, which names exactly the missing parent
	FromHistory Evidence = "history" // a snapshot that only older metadata files list
	FromNothing Evidence = "none"    // a table that this sink id has never written to
)

// State is what a table says of one sink id: F(T) of the protocol.
type State struct {
	Sink    string
	Empty   bool // never written by this sink id, and no trace of it
	Ledger  offsets.Ledger
	Epoch   uint64
	Dirty   bool      // the branch was moved back since: re-anchor before anything else
	Carrier int64     // newest snapshot of this sink id; 0 if Empty
	Holder  int64     // snapshot whose summary told: the carrier, or one of another sink id
	Held    time.Time // time of Holder; zero if it is not known
	Hash    string    // of the configuration that wrote the carrier; empty if not known
	Via     Evidence
	Buried  bool // the branch's head holds no state of this sink id
}

// Resolve tells what the table has of sink id x, or why that cannot be told. The error is ErrNeedHistory or a
// *Stop. It reads no clock and does no I/O.
func Resolve(v View, x string) (State, error) {
	seen := map[int64]bool{}
	for id := v.Head; id != 0; {
		s, listed := v.Snapshots[id]
		if !listed {
			return acrossGap(v, x, id)
		}
		if seen[id] {
			return State{}, stop(v, LineageLost, fmt.Sprintf("the parents of snapshot %d form a circle", v.Head), doRestore)
		}
		seen[id] = true
		if st, found, err := heldBy(v, x, s); found || err != nil {
			return st, err
		}
		if err := cherryPicked(v, x, s); err != nil {
			return State{}, err
		}
		id = s.Parent
	}
	if v.Head != 0 && !v.HistoryComplete { // the root may have had a parent once: some expiry takes it from a snapshot that stays
		return State{}, ErrNeedHistory
	}
	if trace := traceOf(v, x); trace != "" {
		return State{}, stop(v, ReplacedTable, fmt.Sprintf("the branch %s holds no offsets of sink %q, but the table has a trace of it (%s): "+
			"it was replaced, or rolled back to before sinker's first snapshot, so what rows it holds is not known", v.Branch, x, trace), doAccept)
	}
	return State{Sink: x, Empty: true, Ledger: offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{}}, Via: FromNothing, Buried: true}, nil
}

// heldBy reads the state of x from one snapshot, if it holds any.
func heldBy(v View, x string, s Snapshot) (st State, found bool, err error) {
	st = State{Sink: x, Holder: s.ID, Held: s.Time, Buried: s.ID != v.Head, Via: FromLineage}
	switch other, carried := s.Others[x]; {
	case s.Sink == x:
		if s.Version != 1 {
			return State{}, false, stop(v, UnknownVersion, fmt.Sprintf("snapshot %d was written by format %d of sinker's state, this program knows 1", s.ID, s.Version),
				"run the newest sinker that has written to this table")
		}
		if s.Ledger == nil {
			return State{}, false, stop(v, StateUnreadable, fmt.Sprintf("the offsets in snapshot %d cannot be read: %s", s.ID, s.Broken), doUnreadable)
		}
		st.Carrier, st.Epoch, st.Ledger, st.Hash = s.ID, s.Epoch, s.Ledger.Clone(), s.Hash
	case carried:
		st.Carrier, st.Epoch, st.Ledger = other.Carrier, other.Epoch, other.Ledger.Clone()
		if c, ok := v.Snapshots[other.Carrier]; ok {
			st.Hash = c.Hash
		}
	default:
		return State{}, false, nil
	}
	mirror := v.Mirrors[x]
	tag, tagged := v.Tags[x]
	switch {
	case v.Caps.Properties:
		st.Dirty = !mirror.Sound || mirror.Snapshot != st.Carrier
	case v.Caps.Tags: // moved by each commit and by no rollback, like the mirror; but one that is gone may have grown too old
		st.Dirty = tagged && tag != st.Carrier
	}
	return st, true, nil
}

// acrossGap decides where the lineage breaks off at a snapshot that is not listed.
func acrossGap(v View, x string, missing int64) (State, error) {
	if m := v.Mirrors[x]; m.Sound && m.Snapshot == missing {
		return State{Sink: x, Carrier: missing, Holder: missing, Epoch: m.Epoch, Ledger: m.Ledger.Clone(), Via: FromMirror, Buried: true}, nil
	}
	if !v.HistoryComplete {
		return State{}, ErrNeedHistory
	}
	return State{}, stop(v, LineageLost, fmt.Sprintf("snapshot %d, a parent of the branch %s, was expired or is hidden, and neither the property %s nor an older "+
		"metadata file tells its offsets: what rows the table holds is not known", missing, v.Branch, "sinker.mirror."+x), doAccept)
}

// cherryPicked stops at a foreign snapshot that may have brought rows of x into the branch without their offsets.
func cherryPicked(v View, x string, s Snapshot) error {
	seen := map[int64]bool{}
	for at := s; at.Source != 0 && !at.WAP && at.Sink != x && !seen[at.ID]; {
		seen[at.ID] = true
		src, listed := v.Snapshots[at.Source]
		if !listed {
			if !v.HistoryComplete {
				return ErrNeedHistory
			}
			return stop(v, CherryPick, fmt.Sprintf("snapshot %d was cherry-picked from snapshot %d, which is gone and may have been written by sink %q: "+
				"its rows may be in the table without their offsets", s.ID, at.Source, x), doPicked)
		}
		if src.Sink == x {
			return stop(v, CherryPick, fmt.Sprintf("snapshot %d was cherry-picked from snapshot %d of sink %q: its rows are in the table, its offsets are not",
				s.ID, src.ID, x), doPicked)
		}
		at = src
	}
	return nil
}

// traceOf names any sign that x has written to the table; empty if there is none.
func traceOf(v View, x string) string {
	if _, ok := v.Mirrors[x]; ok {
		return "property sinker.mirror." + x
	}
	if id, ok := v.Tags[x]; ok {
		return fmt.Sprintf("tag sinker_%s on snapshot %d", x, id)
	}
	for id, s := range v.Snapshots {
		if _, carried := s.Others[x]; s.Sink == x || carried {
			return fmt.Sprintf("snapshot %d", id)
		}
	}
	if !v.Caps.Properties && v.Head != 0 {
		return "its rows: this catalog keeps no properties, so who wrote them cannot be told"
	}
	return ""
}

// Sinks lists every sink id that has left a trace in the table.
func Sinks(v View) map[string]bool {
	ids := map[string]bool{}
	for x := range v.Mirrors {
		ids[x] = true
	}
	for x := range v.Tags {
		ids[x] = true
	}
	for _, s := range v.Snapshots {
		if s.Sink != "" {
			ids[s.Sink] = true
		}
		for x := range s.Others {
			ids[x] = true
		}
	}
	return ids
}

// CarryOthers is what a snapshot of x on this base must say of every other sink id: the state that the full rule
// finds for it here and now. An id whose state cannot be told is left out, which is always sound.
func CarryOthers(v View, x string) map[string]Other {
	out := map[string]Other{}
	for y := range Sinks(v) {
		if y == x {
			continue
		}
		if st, err := Resolve(v, y); err == nil { // not empty: y has left a trace
			out[y] = Other{Carrier: st.Carrier, Epoch: st.Epoch, Ledger: st.Ledger}
		}
	}
	return out
}

// Lineage is the ids of the batches in the branch, as far back as snapshots are known.
func Lineage(v View) map[uuid.UUID]bool {
	out := map[uuid.UUID]bool{}
	for s := range ancestors(v) {
		for _, b := range s.Batches {
			out[b] = true
		}
	}
	return out
}

// ancestors are the branch's snapshots from its head on, as far back as they are known.
func ancestors(v View) iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		seen := map[int64]bool{}
		for s, known := v.Snapshots[v.Head]; known && !seen[s.ID] && yield(s); s, known = v.Snapshots[s.Parent] {
			seen[s.ID] = true
		}
	}
}

const (
	doAccept = "look at the table and at `sinker offsets show --table TABLE`. If the rows up to the last known offsets are in it: " +
		"`sinker offsets accept --table TABLE --position mirror --reason WHY`; if they are not: " +
		"`sinker offsets accept --table TABLE --position start --reason WHY`; if those up to other offsets are: " +
		"`sinker offsets set --table TABLE --mapping FILE --reason WHY`, with a line \"topic partition offset\" in FILE for each partition"
	doPicked = "`sinker offsets adopt --table TABLE --reason WHY` takes over the offsets of the picked rows, where they follow on what the branch has; " +
		"if they are in it twice, roll the branch back to before the pick. Or " + doAccept
	doUnreadable = "`sinker offsets adopt --table TABLE --reason WHY` takes over the offsets that the mirror tells of this very snapshot. Or " + doAccept
	doRestore    = "restore the table's metadata from an earlier metadata file"
)

func stop(v View, why Reason, found, do string) *Stop {
	return &Stop{Reason: why, Found: found, Do: do}
}
