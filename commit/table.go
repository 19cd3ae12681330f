package commit

import (
	"context"

	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Table is a table of some catalog, as the Committer needs it. Package committest is the suite that every
// implementation passes.
type Table interface {
	// Load reads the table's metadata afresh, with all its snapshots; nothing is cached.
	Load(ctx context.Context) (View, error)
	// History adds to v the snapshots that only older metadata files list (metadata-log), gives those their parents back that only older files name, and sets HistoryComplete.
	// Snapshots never change, so merging them is sound.
	History(ctx context.Context, v View) (View, error)
	// Append sends ONE request that holds only if the table is still as in base: same uuid, same head of the branch, same tag of
	// this sink. It never retries and never rebases. A nil error says only that the catalog answered yes. The error is a
	// *Error with its class where the edge understood it.
	Append(ctx context.Context, base View, c Change) (snapshot int64, err error)
	// Verify checks that the files of m are still there, with their sizes (protocol: files older than an hour
	// are looked at again before they are named in a request).
	Verify(ctx context.Context, m *manifest.Manifest) error
}

// Change is what one snapshot of ours says. All of it becomes visible at once or not at all.
type Change struct {
	Sink    string
	Epoch   uint64
	Hash    string               // of the configuration that shapes rows: topics, table, format, columns, on_bad_record
	Batches []*manifest.Manifest // empty: an empty snapshot that only moves or re-anchors the state
	Ledger  offsets.Ledger       // the state after this change, complete
	Others  map[string]Other     // the states of other sinks on base, unchanged
	Gaps    []Gap                // offsets passed over on an operator's or a policy's word
	Audit   *Audit               // set if an operator ordered the change
}

// Gap is a run of offsets for which the table does not hold one row or skip each, and why: it will never hold them (retention, skipped,
// operator), holds rows of records that the log lost beside others of the same offsets (truncated), or reads them once more because an
// operator said so (reread).
type Gap struct {
	Partition offsets.Partition `json:"-"`
	Range     offsets.Range     `json:"-"`
	Why       string            `json:"why"` // retention | truncated | skipped | operator | reread
}

// Audit is who ordered a change, when, and why.
type Audit struct {
	Who    string `json:"who"`
	When   string `json:"when"` // RFC 3339
	Action string `json:"action"`
	Reason string `json:"reason"`
}

// Class is what the edge understood of a failed request. It sets the back-off and the alarm, never
// what is concluded about the commit: for that the table is read again.
type Class int

const (
	Unknown  Class = iota // anything not understood: may have been applied
	Conflict              // a requirement did not hold (or an earlier copy of the request was applied)
	Rejected              // the request is malformed or invalid for this table (400, 413, 422)
	Denied                // 401, 403
	Missing               // the table, or its namespace, is not there
	Busy                  // 429, 503 with advice, timeouts: come back later
)

// String is the label used in metrics and logs.
func (c Class) String() string {
	return [...]string{"unknown", "conflict", "rejected", "denied", "missing", "busy"}[c]
}

// Error is an error with its class.
type Error struct {
	Class Class
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }
