package source

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/offsets"
)

// Event is what Kafka does to us, in the one order in which the sink sees it: Records, Assigned, Revoked,
// Fault, Lost.
type Event interface{ event() }

// Records is a run of one partition's records, in order, beginning at Range.From. Offsets of the range
// that have no record in Recs held none that we may read (control records, aborted data, compaction).
type Records struct {
	Partition   offsets.Partition
	Range       offsets.Range
	LeaderEpoch int32         // of the record batch that holds Range.To-1
	Recs        []*kgo.Record // readable data records only; their Attrs and Context are not set
	Bytes       int64         // taken from the budget for them; the receiver gives them back with Release
	release     func()
}

// Release gives the memory of the run back to the budget and its records to the client's pools. Call it
// once, when nothing refers to the records any more.
func (r Records) Release() {
	if r.release != nil {
		r.release()
	}
}

// Assigned says that the partitions are ours now. Nothing of them is fetched before Group.StartAt. A topic that was
// re-created while it was ours has its new partitions assigned after the Fault of the old ones, without Revoked.
type Assigned struct{ Partitions []offsets.Partition }

// Revoked says that the partitions will leave us. They are ours until Done is called or Deadline passes;
// no Records of them follow this event. Partitions that ended by FaultRecreated are among them.
type Revoked struct {
	Partitions []offsets.Partition
	Deadline   time.Time
	done       func()
}

// Done lets the partitions go. Call it once.
func (r Revoked) Done() {
	if r.done != nil {
		r.done()
	}
}

// Fault ends one partition: nothing more of it is delivered until StartAt is called for it again.
type Fault struct {
	Partition offsets.Partition
	Kind      FaultKind
	At        int64 // the position at which it happened
	Err       error
}

// FaultKind is why a partition cannot be read on.
type FaultKind string

const (
	FaultGap        FaultKind = "gap"             // the log begins after our position: retention removed unread records
	FaultTruncation FaultKind = "truncation"      // the log lost records that were read, or its end is below our position
	FaultRecreated  FaultKind = "topic_recreated" // the topic's name has a new id
	FaultCorrupt    FaultKind = "corrupt"         // a record batch that cannot be read: checksum, codec, size
	FaultDenied     FaultKind = "denied"          // no right to read the topic
)

// Lost says that the group threw us out, or that the client cannot go on; nothing follows. Run again.
type Lost struct{ Err error }

func (Records) event()  {}
func (Assigned) event() {}
func (Revoked) event()  {}
func (Fault) event()    {}
func (Lost) event()     {}

// NewRecords, NewRevoked build events for sources of other kinds and for tests.
func NewRecords(r Records, release func()) Records { r.release = release; return r }
func NewRevoked(r Revoked, done func()) Revoked    { r.done = done; return r }

// Start is where to begin a partition.
type Start struct {
	Offset      int64
	LeaderEpoch int32 // for the checks only; the client gets positions without an epoch
}

// LogInfo is what the cluster says of one partition, as one answer of Group.Inspect.
type LogInfo struct {
	Partition    offsets.Partition
	LogStart     int64 // first offset that the log still has
	LastStable   int64 // end of what read_committed may read
	HighWater    int64
	EpochEnd     int64 // end offset of the leader epoch asked about; -1 if unknown or not asked
	EpochAnswer  int32 // the epoch the broker answered for; -1 if unknown
	HasTopicIDs  bool
	CleanupNames string // the topic's cleanup.policy, if it could be read
	Err          error  // this partition could not be inspected
}
