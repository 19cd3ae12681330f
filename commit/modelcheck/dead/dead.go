// Package dead walks through everything that can happen to a table and its dead letters and asks the production rules what to do.
//
// # What is real and what is modelled
//
// Real: commit.Resolve, Lineage, Fold, and of the dead letters commit.Ready, Settled, Stand, Footing.Fate, Span, Wrote and Cleared,
// FoldLetters, Mend. The tables of the model are turned into commit.Views; the answers are what the workers of the model do.
//
// Modelled: one or two tables T and the dead letters D that they share, two workers that read T and then D, hold pipelined batches
// for as long as they like (zombies) and crash; workers of two configurations, under which other records are bad; a network that
// loses, delays and doubles requests to each table; foreigners that compact, expire and roll back T or D, back along the branch or aside;
// and every decode function: there is a first state for each set of bad records, and of skipped ones.
//
// # What must hold
//
// The log may lose its end, by an unclean election, and have other records there (line 12, rewind): T and D are each held against it.
// Offsets stand for two records then, and each of the following holds for the younger ones by themselves.
//
//	I7  D not dirty, o below F(T): o is in exactly one of T, D and the counted skips
//	I1  T holds nothing at or above F(T), and no row twice; D no letter twice, and nothing at or above F(D)
//	    with one configuration there is no STOP(fate changed)
//	A   with one configuration, and no rollback or expiry, nothing is anchored again
//	L   from any state one undisturbed worker, the network drained, brings everything to its place or stands before a justified STOP
//
// # Runs
//
//	go test ./commit -run 'Ready|Fate|Settled|Letters|Mend'   the rules by themselves, below a second: the first target for their mutants
//	go test ./commit/modelcheck/dead -run Quick     a small set, below 10 s: the second one
//	go test ./commit/modelcheck/dead                the CI set, complete
//	SINKER_MODELCHECK=release go test …             the release set
//
// Mutants of the worker and of the world are Mutant switches, which the model alone knows.
package dead

import "github.com/sinker-io/sinker/commit/modelcheck/engine"

const (
	maxTables  = 3 // T, another T, D
	maxSnaps   = 7
	maxWorkers = 2
	maxNet     = 2
	maxQueue   = 2
	letters    = 2 // index of D among the tables
)

// pair is one value for each of two partitions.
type pair [2]uint8

// snap is a snapshot. Foreign ones have Epoch 0.
type snap struct {
	Parent, Epoch, Hash, Batches uint8 // Batches is a set
	Next                         pair  // F, if it is ours
	Rows, Skips                  pair  // the truth: sets of offsets that the table holds as of this snapshot
	Twice                        uint8 // the truth: some row is there twice
	Life, Young                  uint8 // of partition 0: leader epoch of its mark; the truth: rows of records that came after the log was cut
}

// table is T or D. Snapshot ids are 1, 2, …; the mirror and the tag name the newest snapshot of ours that was applied.
type table struct {
	N, Head, Newest, Live uint8 // Live is the set of listed snapshots
	Snaps                 [maxSnaps]snap
}

// request is in the network. Table is one more than the index, 0 for none.
type request struct {
	Table, Head, Newest, Epoch, Hash, Batches uint8
	Next, Rows, Skips                         pair
	Life, Young                               uint8
}

// batch of a worker; ID 0 is none.
type batch struct {
	ID, Wrote, Letters          uint8 // Letters: it has fresh dead letters; Wrote: they were seen in D
	From, To, Dead, Skips, Open pair  // Open is the offset at which its span in D begins, none if it has none
	Fresh                       pair
	Young                       uint8 // those of partition 0 that were read after the log was cut
}

const none = 0xff

// phases of a worker
const (
	idle = iota
	readT
	readD // of the mutant that reads D first
	ready
	mending
	stopped
)

type worker struct {
	Phase, Config, Table uint8
	EpochT, EpochD       uint8
	Life, LifeD          uint8 // of the log when it was held against the tables; leader epoch of D's mark
	At, Decided, Held    pair  // next offset to read; of the footing
	HeldYoung            uint8 // of partition 0, of records that came after the cut
	Head, Newest, Listed uint8
	Anchors              [2]uint8 // mending: epochs of the re-anchors
	Queue                [maxQueue]batch
}

// state is one state of the model.
type state struct {
	Tables    [maxTables]table
	Workers   [maxWorkers]worker
	Net       [maxNet]request
	Batches   uint8    // ids given out
	Bad       [2]pair  // by configuration and partition: records that do not decode
	Skip      [2]pair  // that are skipped
	YoungBad  [2]uint8 // by configuration: records of partition 0 that came after the cut
	Life, Cut uint8    // whether the log was cut, and where: others stand there now
	Left      Budget
	Moved     uint8 // D was moved by a foreigner
}

// Budget is how often something may happen.
type Budget struct {
	Crash, Double, RollT, RollD, CompactT, CompactD, ExpireT, ExpireD, Cut uint8
}

// Config is one world. Everything in it is finite.
type Config struct {
	Name       string
	Partitions int  // 1 or 2
	Shared     bool // the second partition feeds a table of its own, which shares D
	Offsets    uint8
	Batches    uint8
	Snaps      uint8
	Net        int
	Queue      int
	Budget     Budget
	Aside      bool // rollbacks go to any listed snapshot, not only back
	Mixed      bool // two configurations
	Skips      bool
	Decode     *[2]uint8 // the bad records of partition 0 under each configuration; nil: every set
	Mend       bool      // D is mended after a rollback; else it stays as it is
	Probe      uint64
	Mutant     Mutant
}

// Mutant is a mistake of the worker or of its order.
type Mutant uint8

const (
	NoMutant         Mutant = iota
	TableFirst              // T before D
	Blind                   // dead letters are sent whatever D and T have become
	MaxOfNow                // the same, without those below F(D) as it is now
	TableUnseen             // F(T) and its epoch are not compared before D
	ForgetDecided           // what D has decided is not asked for
	LettersFirst            // D is read before T
	OutOfOrder              // a second batch's dead letters do not wait for the first's
	LikeTable               // a D that was rolled back is anchored again, empty, like T
	NoFateStop              // a record that must become a row and cannot is passed over
	NoFence                 // the hash of the configuration is not looked at
	FenceBackward           // D is anchored before T: harmless, as long as both are read again after each anchor
	MendUnfenced            // D is mended without anchoring T before
	MendNow                 // D is mended on the head that it has now, not on the one noted
	MendOwn                 // D is mended for the worker's own table, as if no other shared it
	HashOfTable             // each table writes its own hash into D
	UncheckedLetters        // D's positions are not held against the log, T's only
	HeldByOffset            // D's letters of records that the log has lost count for those that stand there now
	EpochUnseen             // the leader epoch of a record is not looked at when its fate has been decided
	mutants
)

func (m Mutant) String() string {
	return [...]string{"none", "T before D", "no staleness check, blind", "no staleness check, max of F(D) now", "F(T), epoch(T) not compared before D",
		"resume ignoring F(D)", "D read before T", "D out of order", "D rolled back and treated like T", "no STOP(fate changed)", "no hash fence",
		"D fenced before T", "D mended without anchoring T", "D mended on its head of now", "D mended for one of two tables", "each table its own hash in D", "D not held against the log",
		"dead letters known by their offset only",
		"leader epoch of decided records not looked at"}[m]
}

// kinds of steps
const (
	kindRead = iota
	kindAnchor
	kindPrepare
	kindLetters
	kindLearn
	kindStale
	kindTable
	kindNote
	kindMend
	kindGiveUp
	kindCrash
	kindApply
	kindRefuse
	kindLose
	kindCompact
	kindExpire
	kindRoll
	kindFate
	kindLeave
	kindCut
	kindRewind
	kindRewritten
)

var kindNames = []string{"read", "anchor", "prepare", "send letters", "learn", "stale", "send batch", "note D", "mend D", "give up",
	"crash", "applied", "refused", "lost", "compact", "expire", "roll back", "STOP(fate changed)", "leave",
	"log cut", "rewind", "log rewritten"}

// counts of branches of the rules
const (
	countDone = iota
	countDirtyT
	countDirtyD
	countMirror
	countStop
	countSettled
	countMended
	countUnmended
	countFate
)

var countNames = []string{"everything in its place", "T dirty", "D dirty", "state from the mirror", "STOP of a table", "F(D) above F(T)", "mended", "STOP: cannot be mended", "stands before fate changed"}

// Model is the configuration as a model for the engine.
func (c Config) Model() engine.Model[state] {
	m := engine.Model[state]{Name: c.Name, Init: c.first(), Kinds: kindNames, Counts: countNames, Tell: c.tell, Show: c.show, ProbeEvery: c.Probe,
		Walker: func() engine.Walker[state] { return newWalker(c) }}
	return m
}

// Run walks the configuration.
func (c Config) Run(l engine.Limits) engine.Result { return engine.Run(c.Model(), l) }

// first is the anchored tables, once for each decode function.
func (c Config) first() []state {
	full := uint8(1)<<c.Offsets - 1
	var out []state
	var s state
	s.Left = c.Budget
	for i := range s.Tables {
		if i == 1 && !c.Shared {
			continue
		}
		s.Tables[i] = table{N: 1, Head: 1, Newest: 1, Live: 1 << 1}
		s.Tables[i].Snaps[0] = snap{Epoch: 1, Hash: c.hash(i, 0, 0)}
	}
	var bits func(vars []*uint8, ok func() bool)
	bits = func(vars []*uint8, ok func() bool) {
		if len(vars) == 0 {
			if ok() {
				out = append(out, s)
			}
			return
		}
		for v := range int(full) + 1 {
			*vars[0] = uint8(v)
			bits(vars[1:], ok)
		}
		*vars[0] = 0
	}
	var vars []*uint8
	for p := range c.Partitions {
		vars = append(vars, &s.Bad[0][p])
		if c.Budget.Cut > 0 && p == 0 {
			vars = append(vars, &s.YoungBad[0])
		}
		if c.Mixed {
			vars = append(vars, &s.Bad[1][p])
		}
		if c.Skips {
			vars = append(vars, &s.Skip[0][p])
			if c.Mixed {
				vars = append(vars, &s.Skip[1][p])
			}
		}
	}
	bits(vars, func() bool {
		if d := c.Decode; d != nil && (s.Bad[0][0] != d[0] || c.Mixed && s.Bad[1][0] != d[1]) {
			return false
		}
		for k := range s.Bad {
			for p := range s.Bad[k] {
				if s.Bad[k][p]&s.Skip[k][p] != 0 {
					return false
				}
			}
		}
		return true
	})
	return out
}

// hash is what a snapshot of table i says of configuration k; own is the table of its worker.
func (c Config) hash(i int, k, own uint8) uint8 {
	if i == letters && c.Mutant == HashOfTable {
		return 1 + k + 2*own
	}
	return 1 + k
}
