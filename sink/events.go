package sink

import (
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Events is the single list of what happens in a sink. Logs, metrics, the status page and the story tests
// listen to it. Each function may be nil; they are called from several goroutines and must not block.
type Events struct {
	Assigned   func(table string, ps []offsets.Partition)
	Revoked    func(table string, ps []offsets.Partition)
	Positioned func(table string, at offsets.Position) // where reading begins
	Anchored   func(table string, at offsets.Position) // first state of a table, or of new partitions
	Staged     func(StagedInfo)
	Committed  func(CommitInfo)
	Attempt    func(AttemptInfo) // every request to the catalog, with its outcome
	Fenced     func(FencedInfo)
	Skipped    func(SkippedInfo)
	Dead       func(DeadInfo)
	Stopped    func(StopInfo)
	Resumed    func(table string, p *offsets.Partition)
	Trouble    func(TroubleInfo) // something failed and will be tried again
}

// StagedInfo is a sealed batch, about to be committed.
type StagedInfo struct {
	Table   string
	Batch   uuid.UUID
	Files   []FileInfo
	Bytes   int64
	Counts  manifest.Counts
	Took    time.Duration // from due to sealed
	Trigger string        // age | size | memory | revoked | stop
}

// FileInfo is one data file.
type FileInfo struct {
	Path  string
	Bytes int64
	Rows  int64
}

// CommitInfo is a snapshot that was seen in the table.
type CommitInfo struct {
	Table    string
	Snapshot int64
	At       time.Time
	Batches  []uuid.UUID
	Ranges   offsets.Ranges
	Counts   manifest.Counts
	Files    int
	Bytes    int64
	Took     time.Duration // first request to seen
	Attempts int
	Age      time.Duration // of the oldest record in it, from receipt to seen
	Oldest   time.Time     // Kafka timestamp of the oldest record in it, zero if unknown
}

// AttemptInfo is one request to commit.
type AttemptInfo struct {
	Table string
	Class string // ok, or the commit.Class of the error
	Took  time.Duration
	Err   error
}

// FencedInfo is a batch that was given up because somebody else moved the table's state.
type FencedInfo struct {
	Table string
	Batch uuid.UUID
	Why   string
}

// SkippedInfo is one record that was counted and skipped.
type SkippedInfo struct {
	Table     string
	Partition offsets.Partition
	Offset    int64
	Code      string // of the decode.RecordError, or tombstone
	Err       error
}

// DeadInfo is one record that will be a dead letter once its batch is committed. Records that are read again are told again.
type DeadInfo struct {
	Table     string
	Letters   string // the table of dead letters
	Partition offsets.Partition
	Offset    int64
	Code      string // of the decode.RecordError
	Err       error
}

// StopInfo is a table or partition that waits for an operator.
type StopInfo struct {
	Table string
	Stop  *commit.Stop
}

// TroubleInfo is a failure that is retried.
type TroubleInfo struct {
	Table string // empty: the source
	Step  string
	Err   error
	Again time.Duration // when it is tried next
}
