package sink

import (
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Status is a copy of how the sink stands, for the status page, /readyz, metrics and tests.
type Status struct {
	Sink        string
	Started     time.Time
	Group       string
	Cluster     string
	Connected   bool   // the source is in its group, or about to be again without trouble
	Trouble     string // what is wrong with the source, or refused to it, empty if nothing
	Tables      []TableStatus
	BudgetUsed  int64
	BudgetPeak  int64
	BudgetLimit int64
}

// State of a table's lane.
type State string

const (
	Idle     State = "idle"     // no partitions of it are assigned to this process
	Starting State = "starting" // reading the table's state, or anchoring
	Running  State = "running"
	Waiting  State = "waiting" // catalog or storage does not answer; tried again
	Stopped  State = "stopped" // waits for an operator: see Stop
)

// TableStatus is one table.
type TableStatus struct {
	Table      string
	Topics     []string
	State      State
	Since      time.Time    // of State
	Stop       *commit.Stop // the table's, if State is Stopped
	LastError  string       // of what is being retried
	Partitions []PartitionStatus
	Totals     manifest.Counts // committed since this process started
	Files      int64
	Bytes      int64
	RowsPerSec float64      // appended, over about the last ten seconds
	Commits    []CommitInfo // the last ones, newest first, at most 20
	OpenRows   int64        // in the open batch
	OpenBytes  int64        // memory held by it
	OpenSince  time.Time    // zero if nothing is open
	LagRecords int64        // records of the assigned partitions not yet committed
	LagSeconds float64      // age of the oldest record not yet committed, 0 if caught up
	// Unknown counts fields that records have and the table has not, by dotted path, the first 100 of them; "" is all
	// others. Of this process and of the table's whole entry.
	Unknown map[string]int64
	Letters string // table of dead letters; empty: none are kept
	// Dead is what was wrong with records that became dead letters, by code, as this process has read them: those that were read again
	// are counted again.
	Dead      map[string]DeadStatus
	Freshness float64 // seconds from receipt to visible, of the last commit's oldest record
}

// DeadStatus is the dead letters of one code.
type DeadStatus struct {
	Count     int64
	Partition offsets.Partition // of the first one
	Offset    int64
	Reason    string
}

// PartitionStatus is one assigned partition.
type PartitionStatus struct {
	Partition  offsets.Partition
	Fetched    int64        // next offset to fetch
	Committed  int64        // next offset by the table's state
	LastStable int64        // end of what may be read; -1 until known
	HighWater  int64        // end of the log; -1 until known
	Stop       *commit.Stop // the partition's own
}

// Lag is how many offsets of the partition are not in the table yet, 0 if the end is not known.
func (p PartitionStatus) Lag() int64 { return max(0, max(p.LastStable, 0)-p.Committed) }

// Ready tells whether every table runs or has nothing to do.
func (s Status) Ready() bool {
	if !s.Connected || s.Trouble != "" {
		return false
	}
	for _, t := range s.Tables {
		if t.State != Running && t.State != Idle {
			return false
		}
		for _, p := range t.Partitions {
			if p.Stop != nil {
				return false
			}
		}
	}
	return true
}
