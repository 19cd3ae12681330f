package deep

import (
	"math/rand/v2"

	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// What may go wrong.
const (
	// Processes.
	Crash  fate.Kind = "crash"  // its links are dead from one byte to the next
	Zombie fate.Kind = "zombie" // its links are held, beyond its session, and released
	Stop   fate.Kind = "stop"   // in order, and another one starts
	Joins  fate.Kind = "join"   // one more process, for a while
	Parted fate.Kind = "parted" // it reaches nobody for some seconds

	// Requests to the catalog and the store.
	Lost        fate.Kind = "request lost"
	AnswerLost  fate.Kind = "answer lost"
	Half        fate.Kind = "half answer"
	Refused     fate.Kind = "refused"         // 4xx and 5xx, not applied; a database that is locked
	RefusedDone fate.Kind = "refused applied" // 4xx and 5xx, although it was applied
	Doubled     fate.Kind = "doubled"
	Late        fate.Kind = "late" // applied long after the client was told that it failed
	Slow        fate.Kind = "slow"
	Stale       fate.Kind = "stale load"

	// The log.
	BrokerCut   fate.Kind = "broker cut" // one connection, in the middle of a message
	BrokerSlow  fate.Kind = "broker slow"
	BrokerError fate.Kind = "broker error"
	Leaders     fate.Kind = "leader move"
	Coordinator fate.Kind = "coordinator move"
	Session     fate.Kind = "session lost"
	Retention   fate.Kind = "retention"
	Aborted     fate.Kind = "aborted transaction"
	Hanging     fate.Kind = "hanging transaction"
	NewTopic    fate.Kind = "topic-recreated"
	Grow        fate.Kind = "new partitions"
	Poison      fate.Kind = "poison"

	// Others at the tables.
	Append   fate.Kind = "foreign append"
	Compact  fate.Kind = "compaction"
	Expire   fate.Kind = "expire"
	Rollback fate.Kind = "rollback"
	Untag    fate.Kind = "tag dropped"
)

// groups are the kinds that stand for each other when a case picks some. Every world has its own weather: one in which
// everything goes wrong all the time shows less than many with a few faults each.
var groups = []struct {
	kinds       []fate.Kind
	least, most int
}{
	{[]fate.Kind{Crash, Zombie, Stop, Joins, Parted}, 1, 3},
	{[]fate.Kind{Lost, AnswerLost, Half, Refused, RefusedDone, Doubled, Late, Slow, Stale}, 2, 4},
	{[]fate.Kind{BrokerCut, BrokerSlow, BrokerError, Leaders, Coordinator, Session, Retention, Aborted, Hanging, NewTopic, Grow, Poison}, 2, 5},
	{[]fate.Kind{Append, Compact, Expire, Rollback, Untag}, 1, 3},
}

// Kinds are all of them.
func Kinds() []fate.Kind {
	var out []fate.Kind
	for _, g := range groups {
		out = append(out, g.kinds...)
	}
	return out
}

func drawKinds(r *rand.Rand) []fate.Kind {
	var out []fate.Kind
	for _, g := range groups {
		n := g.least + r.IntN(g.most-g.least+1)
		for _, i := range r.Perm(len(g.kinds))[:n] {
			out = append(out, g.kinds[i])
		}
	}
	return out
}

type occasion struct {
	edge string
	odds float64
	most int64
}

// occasions are where each kind may be met, and how often. Edges of a process: commit and load (of the catalog), put, head and get
// (of the store), exec and query (of a database), ask and answer (one write on a connection to a broker). Edges of the world,
// once per tick: hour, and topic and table for each of them.
var occasions = map[fate.Kind][]occasion{
	Crash: {{"commit", 0.04, 2}, {"load", 0.01, 2}, {"put", 0.015, 2}, {"head", 0.01, 2}, {"get", 0.01, 2}, {"exec", 0.05, 2}, {"query", 0.01, 2},
		{"ask", 0.0007, 1}, {"answer", 0.0007, 1}},
	Zombie: {{"commit", 0.05, 400}, {"load", 0.02, 400}, {"put", 0.015, 400}, {"head", 0.015, 400}, {"exec", 0.06, 400}, {"query", 0.015, 400},
		{"ask", 0.0007, 400}, {"answer", 0.0007, 400}},
	Stop:   {{"hour", 0.06, 60}},
	Joins:  {{"hour", 0.06, 150}},
	Parted: {{"hour", 0.08, 100}},

	Lost:        {{"commit", 0.1, 2}, {"load", 0.05, 2}, {"put", 0.05, 2}, {"head", 0.05, 2}, {"get", 0.05, 2}, {"exec", 0.1, 1}, {"query", 0.05, 1}},
	AnswerLost:  {{"commit", 0.12, 2}, {"load", 0.03, 2}, {"put", 0.05, 2}, {"exec", 0.15, 1}},
	Half:        {{"commit", 0.1, 0}, {"load", 0.06, 0}, {"put", 0.03, 0}, {"get", 0.1, 0}, {"head", 0.02, 0}},
	Refused:     {{"commit", 0.1, 60}, {"load", 0.05, 60}, {"put", 0.04, 60}, {"head", 0.04, 60}, {"get", 0.04, 60}, {"exec", 0.1, 1}, {"query", 0.05, 1}},
	RefusedDone: {{"commit", 0.15, 60}, {"put", 0.06, 60}},
	Doubled:     {{"commit", 0.15, 300}, {"put", 0.05, 100}},
	Late:        {{"commit", 0.12, 500}, {"put", 0.04, 300}},
	Slow:        {{"commit", 0.06, 900}, {"load", 0.03, 700}, {"put", 0.05, 400}, {"head", 0.03, 400}, {"get", 0.03, 400}, {"exec", 0.05, 700}},
	Stale:       {{"load", 0.12, 5}},

	BrokerCut:   {{"ask", 0.004, 1 << 16}, {"answer", 0.004, 1 << 16}},
	BrokerSlow:  {{"ask", 0.004, 300}, {"answer", 0.004, 300}},
	BrokerError: {{"hour", 0.1, 1 << 20}},
	Leaders:     {{"hour", 0.1, 1 << 20}},
	Coordinator: {{"hour", 0.08, 0}},
	Session:     {{"hour", 0.06, 3}},
	Retention:   {{"topic", 0.04, 100}},
	Aborted:     {{"topic", 0.08, 8}},
	Hanging:     {{"topic", 0.05, 80}},
	NewTopic:    {{"topic", 0.025, 0}},
	Grow:        {{"topic", 0.04, 2}},
	Poison:      {{"topic", 0.06, 4}},

	Append:   {{"table", 0.06, 4}},
	Compact:  {{"table", 0.05, 0}},
	Expire:   {{"table", 0.06, 4}},
	Rollback: {{"table", 0.04, 6}},
	Untag:    {{"table", 0.04, 0}},
}

// Case is one world before it begins: all that a seed decides, spelled out, so that it can be kept in a file and fed again.
type Case struct {
	Seed     uint64      `json:"seed"`
	Why      string      `json:"why,omitempty"` // of a case that is kept: what it showed
	REST     bool        `json:"rest"`          // the catalog; else SQLite
	Workers  int         `json:"workers"`
	Parts    int         `json:"parts"` // partitions of each topic
	Ticks    int         `json:"ticks"` // seconds in which records are sent and faults are met
	Every    int64       `json:"every"` // milliseconds: how old a batch may grow
	SkipGap  bool        `json:"skip_gap"`
	Follow   bool        `json:"follow"` // policy.topic_recreated: continue
	StopBack bool        `json:"stop_back"`
	SkipBad  bool        `json:"skip_bad"`
	Kinds    []fate.Kind `json:"kinds"`
	Trace    fate.Trace  `json:"trace,omitempty"` // of a case that is fed again; nil: the seed decides
}

// Draw makes the case of a seed.
func Draw(seed uint64) Case {
	r := fate.Stream(seed, "case")
	return Case{
		Seed: seed, REST: r.IntN(2) == 0, Workers: 2 + r.IntN(2), Parts: 1 + r.IntN(3), Ticks: 22 + r.IntN(6), Every: 1500 + 250*r.Int64N(8),
		SkipGap: r.IntN(4) > 0, Follow: r.IntN(4) > 0, StopBack: r.IntN(5) == 0, SkipBad: r.IntN(5) > 0, Kinds: drawKinds(r),
	}
}

func (c *Case) menu() fate.Menu {
	m := fate.Menu{}
	for _, k := range c.Kinds {
		for _, o := range occasions[k] {
			m[o.edge] = append(m[o.edge], fate.Choice{Kind: k, Odds: o.odds, Most: o.most})
		}
	}
	return m
}
