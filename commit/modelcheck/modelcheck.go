// Package modelcheck walks through everything that can happen to one table and asks the production rules what to do about it.
//
// # What is real and what is modelled
//
// Real: commit.Resolve, Fold, Lineage, CarryOthers, Reanchor, Land, Endangered and Edit.Change. A table of the model is turned into a
// commit.View and given to them, and what they answer is what the workers of the model do; nothing in here repeats a rule. They are pure,
// so their answers are kept per table and not computed for each of the millions of states that share it.
//
// Modelled: the catalog (one request, requirements on uuid, branch and tag), a network that loses requests, delivers
// them late or twice, and loses answers; workers that hold batches for as long as they like (zombies), take each
// other's batches into one commit, look at a cached load, crash; foreigners with every operation of Op. Since
// the protocol concludes nothing from an answer, a lost answer and a good one are the same transition, and the waits and
// checks of the Committer around its loads (an acknowledged commit must show) only leave fewer behaviours than are walked here.
//
// # What must hold
//
// Beside what the rules may see, a state holds the truth: the parents of snapshots long expired, which rows each snapshot holds
// and how often, whose files it needs, which files are gone. Against it is checked, in every state:
//
//	I1  the rows of a sink id in the table are exactly those below what Resolve says, once each
//	I2  each snapshot of ours begins where its parent ends and ends where it says
//	I3  no live snapshot needs a file that was deleted
//	I4  no commit of ours replaces a head that is not its parent
//	I6  a batch is given up only if it does not fit, said to have landed only if it is there; a Stop is one that the truth justifies
//	I8  no commit of ours brings a row that the table has already
//	F   what Resolve tells is what the complete lineage tells: carrier, epoch, offsets, dirty (exactness, which I1 alone does not need)
//	L   from any state, with the network drained, one undisturbed worker lands everything or stands before a justified Stop
//
// Of I5 (fan-out) only the part of one table is here, which is I1: this sink feeds a partition into one table. I7 (dead letters) and I8
// between sink ids that read the same topic (covers) have models of their own. Not modelled: schemas, sequence numbers, the age of
// batches and their files, removal of orphans, an operator's word, three and more sink ids, a table that others fill for ever.
//
// Limits are two violations that are known and wanted to stay known.
//
// # What keeps it small
//
// Snapshots are numbered by birth, epochs and batches by their first appearance, and forgotten when nothing names them any more. Workers of
// one sink id are sorted, so in a story their numbers may change places from one line to the next. Requests that no future can
// apply are dropped. A request that is lost is one that is never applied; with no room for another, the new one takes its place.
//
// # Runs
//
//	go test ./commit/modelcheck -run Quick     the small set, a million states, seconds: the target for mutants of the rules
//	go test ./commit/modelcheck                all, with the large set: walked to its end, more than ten million states
//	SINKER_MODELCHECK=release go test …        the release set, more than five hundred million states; see Release for its memory
//	go run ./commit/modelcheck/cmd             lists worlds; with names walks through them and tells the story of a violation
//
// Faults of the world and of the worker are Mutant switches, which the model alone knows (Planteds). Faults of the rules are
// planted by changing commit/*.go. That the small set asks the rules everything is shown by the compiler's own counters.
package modelcheck

import (
	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

// Config is one world: who is there, what may happen and how often. Everything is finite.
type Config struct {
	Name    string
	Workers []int // sink id (0 is X, 1 is Y) of each worker, up to three
	// Log is the fate of each offset, by sink id and partition: r row, d dead letter, s skipped, h no record. Up to four offsets.
	Log       [2][]string
	Upper     uint8   // of X's partition 0, 0 if unbounded: workers read on, only the rule holds them back
	Starts    []uint8 // where a virgin table may be anchored; nil is 0
	Anchored  bool    // begin with an anchored table instead of a virgin one
	Late      bool    // partition 1 of X is found after the anchor, and read before the table knows it
	Hollow    bool    // workers hand in batches that account for nothing
	Ends      bool    // batches go to the end of the log or one offset far, not to anywhere
	Queue     int     // batches that a worker may hold, 1 or 2: the second begins where the first ends
	Group     bool    // a commit may take the batches of two workers
	Net       int     // requests under way, up to two
	Snapshots int     // in all, up to maxSnapshots-2

	NoTags, NoProperties bool
	Shows                History
	MetadataLog          bool // older metadata files list what was expired
	Unparents            bool // expiring takes their parents from the snapshots that stay; older metadata files still name them
	Files                bool // expiring snapshots deletes files that only they need

	May    map[Op]uint8 // how often each may happen
	Mutant Mutant
	Only   string // check this one invariant only; empty checks all
}

// History is which snapshots a load shows.
type History uint8

const (
	ShowsAll        History = iota
	ShowsHead               // the head alone, without its parent
	ShowsHeadParent         // the head alone, and its parent's id
)

// Op is something that happens a limited number of times.
type Op uint8

const (
	Append       Op = iota // foreign rows
	Compact                // foreign rewrite of all files
	Expire                 // any snapshots that no ref points to
	SetCurrent             // rollback, fast-forward, replace_branch: the branch to any listed snapshot
	Replace                // CREATE OR REPLACE, keeping the rows or emptying the table
	Pick                   // cherry-pick of any listed snapshot off the lineage
	Branch                 // foreign rows on any listed snapshot, the branch stays
	Damage                 // a mirror loses its soundness
	Remove                 // a mirror is removed
	Untag                  // a tag is dropped, or aged out
	Retag                  // a tag is moved to any listed snapshot
	Truncate               // the metadata log forgets an expired snapshot
	Recreate               // drop and create
	Cache                  // the catalog goes on serving this load
	Restore                // an older metadata file, the one in the cache, becomes the table again
	Newer                  // a newer sinker writes one offset
	Garble                 // the catalog keeps a snapshot of ours without readable offsets
	Circle                 // the catalog shows the head as parent of the root
	Age                    // a buried state is old enough to be anchored again
	Twice                  // a request is applied and stays under way
	Crash                  // a worker forgets what it holds
	ReadTooEarly           // partition 1 is read before the table knows it
	ops
)

// Mutant is a fault of the world or of the worker that the invariants must notice.
type Mutant string

// Check walks through c.
func Check(c Config, l engine.Limits) engine.Result {
	m := newModel(c)
	return engine.Run(engine.Model[state]{Name: c.Name, Init: []state{m.initial()}, Walker: func() engine.Walker[state] { return newWalker(m) },
		Kinds: kinds[:], Counts: branches[:], Tell: m.tell, Show: m.show, ProbeEvery: 61}, l)
}
