package commit

import (
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/offsets"
)

// View is everything that the rules may know of a table: one load of its metadata, as a value. It is made
// by the catalog room and never changed after.
type View struct {
	TableUUID uuid.UUID
	Branch    string
	Head      int64 // snapshot that the branch points to; 0 if the branch does not exist
	// Snapshots by id: those listed, and, after Table.History, those found in older metadata files as well. A snapshot that is listed without
	// a parent and had one in an older file has it again after Table.History: pyiceberg's expiry takes it away with the parent.
	Snapshots map[int64]Snapshot
	Mirrors   map[string]Mirror // by sink id: every property sinker.mirror.*
	Tags      map[string]int64  // by sink id: every tag sinker_*, and the snapshot it points to
	// HistoryComplete says that Table.History has added all that can be found.
	HistoryComplete bool
	// Empty says that the table has no snapshot at all and no rows.
	Empty        bool
	Caps         Capabilities
	LastUpdated  time.Time
	LastSequence int64
	SchemaIDs    []int
	SpecIDs      []int
	// Retention is how long the table's snapshots are kept by its own properties (history.expire.max-snapshot-age-ms); 0 if not set.
	Retention time.Duration
	// RetryMin and RetryMax are the table's own wish for the waits between attempts (commit.retry.min-wait-ms, max-wait-ms); 0 if not
	// set. How often is tried is not the table's business.
	RetryMin, RetryMax time.Duration
	MetadataSize       int64  // bytes of metadata.json, 0 if unknown
	Location           string // of the metadata file, for messages
	// Handle is the catalog's own: what it needs to build a request on exactly this load.
	Handle any
}

// Capabilities is what a catalog keeps. The zero value keeps nothing but snapshots and the branch.
type Capabilities struct {
	Tags       bool // snapshot references of type tag, and requirements on them
	Properties bool // table properties are kept
	History    bool // all snapshots are listed, with their parents
}

// Snapshot is what the rules read of one snapshot.
type Snapshot struct {
	ID        int64
	Parent    int64 // 0 if it has none
	Sequence  int64
	Time      time.Time
	Operation string
	Source    int64 // source-snapshot-id, 0 if absent
	WAP       bool  // has published-wap-id

	Sink    string // sinker.sink: who wrote it; empty if foreign
	Version int    // sinker.v; 0 if absent
	Epoch   uint64
	Hash    string
	Batches []uuid.UUID
	Ledger  *offsets.Ledger  // sinker.offsets.<Sink>, nil if absent or not readable
	Broken  string           // why the state of a snapshot of ours is not readable, empty if it is
	Others  map[string]Other // sinker.others, nil if absent or not readable
}

// Mirror is the copy of a sink's state in a table property.
type Mirror struct {
	Sound    bool // its checksum and table uuid are right
	Snapshot int64
	Epoch    uint64
	Ledger   offsets.Ledger
}

// Other is the state of another sink id, carried along by a snapshot that is not its own.
type Other struct {
	Carrier int64
	Epoch   uint64
	Ledger  offsets.Ledger
}
