// Package commit moves staged files into a table exactly once.
//
// # The rule
//
// Every snapshot that sinker writes holds, in its summary, the complete offsets of its sink id. The offsets of
// a table are therefore a function of the lineage of its branch: Resolve computes it from one load of the
// metadata. A batch accounts for a range of offsets per partition, and is appended only on a base whose
// offsets equal the batch's start (Fold), by one request that the catalog applies only if the branch still points to
// that base. So files and offsets move together, compared and swapped. Who reads a partition, who was
// rebalanced away, who is a zombie: none of it matters for what is in the table.
//
// # After any answer
//
// A request may be lost, late, doubled, or applied although the answer was an error. Nothing is concluded from
// an answer: the table is read again, and the same two functions decide again (Committer.Commit). The class of an
// error sets the waiting time and the alarm, nothing else. One attempt below, one loop above.
//
// # What foreigners do
//
// Others append, compact, expire, roll back. A snapshot without our state is walked past, to its parent.
// The state is kept a second time in a table property, the mirror, which names its snapshot: it bridges a lineage that was
// expired, but only if it names exactly the missing parent, and it tells a rollback, because properties do not roll back. A tag
// keeps our newest snapshot from expiring and is a second thing to compare; where a catalog keeps no properties it tells a rollback,
// for as long as it is there. After a rollback the state is dirty: the Committer first re-anchors it in an empty snapshot with a
// fresh epoch, so that batches of the time before die; their records are read again. Where these leave no certain answer there is
// a Stop, with the reason and a way out.
//
// # What is never done
//
// No file that was named in a request is deleted here. No lease, no election, no epoch of workers is
// needed. No state is kept outside the table.
package commit

import (
	"errors"
	"time"
)

// ErrNeedHistory is Resolve's answer when only older metadata files can tell (Table.History).
var ErrNeedHistory = errors.New("the listed snapshots do not reach back far enough")

// Limits of time. They hold together: a batch is dropped before the tag that protects it can age out, and long
// before any clean-up of unreferenced files may look at its files.
const (
	// MaxBatchAge is how old a batch may be when it is submitted; older ones are read from the log again.
	MaxBatchAge = 6 * time.Hour
	// VerifyAge is the age from which a batch's files are looked at again before each request.
	VerifyAge = time.Hour
	// TagAge is the max-ref-age of our tag.
	TagAge = 24 * time.Hour
	// AnchorAge is the age from which a state that foreign snapshots have buried is anchored again.
	AnchorAge = 6 * time.Hour
	// StaleLoads is how long loads may lag behind an acknowledged commit before the catalog is said to lie.
	StaleLoads = 2 * time.Minute
)
