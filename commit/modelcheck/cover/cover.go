// Package cover walks through everything that can happen to one table that several sink ids read the same topic into.
//
// # What is real and what is modelled
//
// Real: commit.Resolve, Fold, CarryOthers and Covered, and ClipLive, ClipBounded, UntilLive and Ended, each asked about the loaded table
// for every attempt of a commit, as Committer.Amend does.
//
// Modelled: live sinks, backfills to the end that the log had when they began, backfills until the live sink's beginning, one or two
// workers for each, with batches that they hold for as long as they like; a log that grows, and partitions that appear;
// an operator who ends a live sink for good, and accepts one that was rolled back to before its anchor; a network that loses, delays and
// doubles requests; foreigners that compact, expire and roll back, and damage the property of a sink.
//
// # What must hold
//
//	I8    no offset is in the table twice, whatever sink ids wrote
//	I1    the rows of the table are those that the maps of all sink ids account for, if all can be told
//	GAP   where it is promised (Config.Seam), what all claim is one range without a hole, up to where there is a live sink; and a
//	      backfill until live ends where the live sink began
//
// # Runs
//
//	go test ./commit -run 'Clip|Ended|Covered'   the rules by themselves, below a second: the first target for their mutants
//	go test ./commit/modelcheck/cover -run Quick     a small set, below 10 s: the second one
//	go test ./commit/modelcheck/cover                the CI set, complete
//	SINKER_MODELCHECK=release go test …              the release set
//
// Mutants of the callers and of the world are Mutant switches, which the model alone knows.
package cover

import "github.com/sinker-io/sinker/commit/modelcheck/engine"

const (
	maxSinks   = 4
	maxWorkers = 5
	maxSnaps   = 7
	maxNet     = 2

	inf  = 14 // no upper bound
	none = 15 // the map has no such partition; the partition does not exist
)

type pair [2]uint8

// claim is the map of a sink id: next offset, origin, upper bound.
type claim struct{ O, S, U pair }

var noClaim = claim{pair{none, none}, pair{none, none}, pair{none, none}}

// snap is a snapshot; By is one more than the sink, 0 for foreign ones.
type snap struct {
	Parent, By, Epoch, Twice uint8
	Claim                    claim
	Rows                     pair            // the truth
	Carries                  [maxSinks]uint8 // newest snapshot of each other sink id, as sinker.others tells
}

// table is the one table. Newest is what the mirror and the tag of each sink name; Damaged is a set of sinks.
type table struct {
	N, Head, Live, Damaged uint8
	Newest                 [maxSinks]uint8
	Snaps                  [maxSnaps]snap
}

// request is in the network; By is 0 for none.
type request struct {
	By, Head, Newest, Epoch uint8
	Claim                   claim
	Rows                    pair
	Carries                 [maxSinks]uint8
}

// phases of a worker
const (
	down = iota
	running
	holding // a batch
)

type worker struct {
	Phase, Epoch uint8
	Want, Until  pair // what it found out when it began
	From, To     pair // of its batch
}

type state struct {
	T       table
	Workers [maxWorkers]worker
	Net     [maxNet]request
	Ends    pair // of the log
	Left    Budget
}

// Budget is how often something may happen.
type Budget struct {
	Crash, Double, Roll, Compact, Expire, Damage, End, Accept uint8
}

// Role is what a sink id is.
type Role uint8

const (
	Absent    Role = iota
	Live           // without an upper bound
	Backfill       // from Config.From to the end that the log had when it began
	UntilLive      // from Config.From to where the live sink began
)

// Config is one world. Everything in it is finite.
type Config struct {
	Name       string
	Sinks      [maxSinks]Role
	Workers    [maxWorkers]uint8 // one more than the sink of each, 0 for none; two of one sink stand side by side
	Partitions int
	Appears    bool // the second partition appears later
	Offsets    uint8
	Latest     bool // live sinks begin at the end, else at 0
	From       uint8
	Snaps      uint8
	Net        int
	Budget     Budget
	Ended      uint8 // set of sinks that the operator may end
	Seam       bool
	Mutant     Mutant
}

// Mutant is a mistake of a caller.
type Mutant uint8

const (
	NoMutant       Mutant = iota
	StartOnly             // covers are looked at when a worker begins, not for every attempt
	UpperUnstored         // a backfill keeps its bound for itself
	BoundUntested         // batches are taken past the bound
	LostIgnored           // a sink id whose state cannot be told is taken for none
	AcceptUntested        // an operator's word is not held against other covers
	LaterUntested         // a partition found later is not
	BackfillTakes         // a backfill takes partitions that appear later
	MeetOnly              // a live sink is clipped only where its range meets a backfill's
	EndOfStart            // a backfill goes to the end of the log of its start, though it should go to the live sink
	Allowed               // policy.new_sink: allow beside a live sink
	MirrorFirst           // the mirror tells the claims of others, whatever the lineage says
	mutants
)

func (m Mutant) String() string {
	return [...]string{"none", "covers tested only at start", "u not stored", "u not tested by batches", "lost Y ignored", "accept untested", "new partition untested",
		"backfill takes new partitions", "live start clipped only where ranges meet", "backfill to the end as of the start", "policy.new_sink: allow beside a live sink", "claims from the mirror first"}[m]
}

// kinds of steps
const (
	kindBegin = iota
	kindCrash
	kindAnchor
	kindReanchor
	kindLater
	kindRead
	kindSend
	kindStale
	kindEnd
	kindAccept
	kindApply
	kindRefuse
	kindLose
	kindGrow
	kindAppear
	kindCompact
	kindExpire
	kindRoll
	kindDamage
)

var kindNames = []string{"begin", "crash", "anchor", "re-anchor", "later partition", "read", "send", "stale", "end", "accept", "applied", "refused", "lost",
	"log grows", "partition appears", "compact", "expire", "roll back", "damage"}

// counts of branches of the rules
const (
	countDone = iota
	countDirty
	countCarried
	countMirror
	countReplaced
	countLost
	countClipped
	countWait
	countNewSink
	countUnreadable
	countMet
)

var countNames = []string{"everything read", "dirty", "carried by another sink", "state from the mirror", "STOP(replaced table)", "STOP(lineage lost)",
	"clipped", "no live sink yet", "STOP(new sink)", "claims not readable", "Covered after clipping"}

// Model is the configuration as a model for the engine.
func (c Config) Model() engine.Model[state] {
	s := state{Ends: pair{1, none}, Left: c.Budget}
	if c.Partitions == 2 && !c.Appears {
		s.Ends[1] = 1
	}
	s.T = table{N: 1, Head: 1, Live: 1 << 1} // somebody has written to the table before
	s.T.Snaps[0].Claim = noClaim
	return engine.Model[state]{Name: c.Name, Init: []state{s}, Kinds: kindNames, Counts: countNames, Tell: c.tell, Show: c.show,
		Walker: func() engine.Walker[state] { return newWalker(c) }}
}

// Run walks the configuration.
func (c Config) Run(l engine.Limits) engine.Result { return engine.Run(c.Model(), l) }
