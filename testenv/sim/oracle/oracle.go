// Package oracle judges what tables hold, by files and metadata alone. It shares no code with sinker: it has its own
// words for snapshots and offsets, its own reader of the strings that sinker leaves in summaries, its own walk through a
// lineage, and it counts rows by the ids that it finds in Parquet files.
//
// Whoever made a world describes it as a World and asks Judge. What is judged, by the names of the commit protocol:
//
//	I1  every record before a table's offsets that must be a row is one row, every other is none
//	I2  what a snapshot of sinker accounts for begins where its parent's offsets end, and ends where its own do;
//	    nothing else moves but by a gap, an operator's word or a new partition; so ranges tile each partition
//	I3  every data file that a live snapshot names exists, once, with the size and the rows that were recorded
//	I4  a snapshot of sinker replaced no other head than its parent
//	I6  a STOP has a cause among the things that were done to the world
//	I7  a record that can be no row is one dead letter, where they are kept, and no other record is one
//	I8  no record is in a table twice
//
// and, of a world that has come to rest, that everything arrived and no memory is held.
package oracle

import "fmt"

// Part is one partition of one incarnation of a topic.
type Part struct {
	Topic string
	ID    string // as Kafka's tools spell it, empty if there is none
	Num   int32
}

func (p Part) String() string { return fmt.Sprintf("%s#%.6s-%d", p.Topic, p.ID, p.Num) }

// Mark is what a snapshot says of one partition.
type Mark struct {
	Next, Origin, Upper   int64 // Upper -1: no bound
	Epoch                 int32
	Dead, Skipped, Absent int64 // dead letters, skips, offsets without a record
}

// State is what a snapshot says of one sink id.
type State struct {
	Carrier int64 // the newest snapshot of that sink id itself
	Epoch   uint64
	Cluster string
	Marks   map[Part]Mark
}

// Range is [From, To).
type Range struct{ From, To int64 }

// Gap is a range that was passed over, or gone back over.
type Gap struct {
	Part Part
	Range
	Why string
}

// Snapshot is one snapshot, of whoever it is.
type Snapshot struct {
	ID, Parent, Sequence int64 // Parent 0: none
	Operation            string
	Source               int64 // the snapshot that it was cherry-picked from, 0: none
	WAP                  bool  // it was staged as an audit by its writer, and is no copy of another

	Sink    string // who wrote it; empty: not sinker
	Epoch   uint64
	Hash    string
	Batches []string
	Ranges  map[Part]Range
	Own     *State           // of Sink
	Others  map[string]State // of other sink ids, carried along
	Gaps    []Gap
	Audited bool // an operator ordered it
	// Seen is, of one that an operator ordered, the snapshots whose states were read for it: listed, or in older metadata, or copied
	// into a mirror. nil: not known, so all.
	Seen map[int64]bool

	Files    []File // every data file that is live in it
	Replaced int64  // the head that it replaced, as the catalog saw it; -1: not known
}

// File is a data file as a snapshot's manifests record it.
type File struct {
	Path       string
	Size, Rows int64
}

// Table is one branch of a table.
type Table struct {
	Name      string
	Snapshots map[int64]*Snapshot // all that are known, expired ones as well where they can be had
	Live      map[int64]bool      // those that the table's metadata lists; their files must exist
	Head      int64
	Past      []int64 // snapshots that were the head before somebody moved the branch: judged like it
}

// Fate is what must become of a record.
type Fate int

const (
	Row   Fate = iota // exactly one row once the table's offsets have passed it, none before
	Maybe             // the log lost it, or an operator passed over it: one row at most
	Never             // aborted, or no row can be made of it, and it is left out
	Dead              // no row can be made of it, and it is kept: exactly one dead letter, and no row
)

// Record is one record that was ever sent to the log. Its id is in the column that IDs reads.
type Record struct {
	Table, Sink string // where it goes, and who brings it there
	Part        Part
	Offset      int64
	Fate        Fate
	Epoch       int32 // leader epoch
	Again       bool  // another record was at this offset before, which the log lost; a past head may hold that one
}

// End is where a table's offsets must stand at least when the world has come to rest.
type End struct {
	Table, Sink string
	Part        Part
	Offset      int64
}

// Stop is a refusal to go on, with sinker's word for its reason.
type Stop struct{ Sink, Table, Reason string }

// Event is something that was done to the world which may earn a Stop; the names are those of Earns.
type Event struct {
	Name  string
	Table string // empty: any
}

// World is all that Judge looks at.
type World struct {
	Tables   []*Table
	Records  map[int64]Record // by id
	Ends     []End            // looked at if Complete
	Objects  map[string]int64 // sizes of the objects in the store
	Removed  map[string]string
	IDs      func(path string) ([]int64, error) // the ids in a data file, in any order; negative ones are not sinker's
	Stops    []Stop
	Events   []Event
	Held     map[string]int64 // bytes of memory that were not given back, by process
	Kept     bool             // bad records are kept
	Letters  []Letter         // what the table of dead letters holds
	Complete bool
}

// Violation is a promise that was not kept.
type Violation struct{ Rule, Text string }

func (v Violation) String() string { return v.Rule + ": " + v.Text }

type judge struct {
	w     World
	found []Violation
	files map[string][]int64 // ids by path, read once
}

// most is how many violations are told; the first ones matter.
const most = 20

func (j *judge) found1(rule, format string, args ...any) {
	if len(j.found) < most {
		j.found = append(j.found, Violation{rule, fmt.Sprintf(format, args...)})
	}
}

// Judge lists every promise that was not kept, up to a number that nobody would read on after.
func Judge(w World) []Violation {
	j := &judge{w: w, files: map[string][]int64{}}
	for _, t := range w.Tables {
		j.exists(t)
		for _, id := range sortedIDs(t.Snapshots) {
			if s := t.Snapshots[id]; s.Sink != "" {
				j.follows(t, s)
			}
		}
		j.counts(t, t.Head)
		for _, id := range t.Past {
			j.counts(t, id)
		}
	}
	j.letters()
	j.stops()
	if w.Complete {
		j.arrived()
	}
	for who, n := range w.Held {
		if n != 0 {
			j.found1("memory", "%s ended with %d bytes of its budget not given back", who, n)
		}
	}
	return j.found
}
