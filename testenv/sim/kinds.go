package sim

import "github.com/sinker-io/sinker/testenv/sim/fate"

// What may go wrong.
const (
	// Processes.
	Crash   fate.Kind = "crash"        // before, after or while a request is on its way; nothing of the process takes effect any more
	Zombie  fate.Kind = "zombie"       // frozen, thrown out of the group, and resumed with its requests in hand
	Sleep   fate.Kind = "sleep"        // a zombie whose machine was suspended for a day and more
	Stop    fate.Kind = "stop"         // in order, and started again
	Clock   fate.Kind = "clock"        // the wall clock jumps for some seconds
	Session fate.Kind = "session lost" // thrown out of the group without having been away

	MemoryPressure fate.Kind = "memory pressure"

	// Requests to the catalog and the store.
	Lost        fate.Kind = "request lost"
	Late        fate.Kind = "request late"
	Doubled     fate.Kind = "request doubled"
	AnswerLost  fate.Kind = "answer lost"
	Refused     fate.Kind = "refused"         // 4xx and 5xx of every class, not applied
	RefusedDone fate.Kind = "refused applied" // and applied
	Rejected    fate.Kind = "rejections"      // one change refused again and again
	Slow        fate.Kind = "slow"
	Stale       fate.Kind = "stale load"
	Torn        fate.Kind = "torn upload"
	Taken       fate.Kind = "name taken" // an upload that is told to exist already
	Misread     fate.Kind = "wrong size" // a HEAD that shows another object

	// The log.
	Rebalance  fate.Kind = "rebalance"
	Retention  fate.Kind = "retention"
	Truncation fate.Kind = "truncation"
	NewTopic   fate.Kind = "topic-recreated"
	Grow       fate.Kind = "new partitions"
	Aborted    fate.Kind = "aborted transaction"
	Hanging    fate.Kind = "hanging transaction"
	Poison     fate.Kind = "poison"
	Corrupt    fate.Kind = "corrupt"
	BadFetch   fate.Kind = "fetch failed"

	// Others at the tables.
	Append     fate.Kind = "foreign append"
	Compact    fate.Kind = "compaction"
	Expire     fate.Kind = "expire"
	ExpireAll  fate.Kind = "expire-all"         // with the older metadata files
	Unparent   fate.Kind = "expire-unparenting" // what stays forgets a parent that went, as with pyiceberg
	Rollback   fate.Kind = "rollback"
	SetCurrent fate.Kind = "set-current"
	CherryPick fate.Kind = "cherry-pick"
	Replace    fate.Kind = "replace"
	Recreate   fate.Kind = "recreate"
	Damage     fate.Kind = "mirror-damaged"
	Unmirror   fate.Kind = "mirror-removed"
	Untag      fate.Kind = "tag dropped"
	Orphans    fate.Kind = "orphan removal"
	Schema     fate.Kind = "schema changed"
)

// Vanish is no fault that sinker could bear: a data file of a live snapshot disappears. By it the simulation shows that it would tell.
const Vanish fate.Kind = "file vanishes"

// groups are the kinds that stand for each other when a case picks some.
var groups = []struct {
	kinds       []fate.Kind
	least, most int
}{
	{[]fate.Kind{Crash, Zombie, Sleep, Stop, Clock, Session, MemoryPressure}, 1, 3},
	{[]fate.Kind{Lost, Late, Doubled, AnswerLost, Refused, RefusedDone, Rejected, Slow, Stale, Torn, Taken, Misread}, 2, 4},
	{[]fate.Kind{Rebalance, Retention, Truncation, NewTopic, Grow, Aborted, Hanging, Poison, Corrupt, BadFetch}, 1, 4},
	{[]fate.Kind{Append, Compact, Expire, ExpireAll, Unparent, Rollback, SetCurrent, CherryPick, Replace, Recreate, Damage, Unmirror, Untag, Orphans, Schema}, 1, 4},
}

type occasion struct {
	edge string
	odds float64
	most int64
}

// occasions are where each kind may be met, and how often. Edges: load, append, history, put, stat, remove, fetch, ask (the
// cluster), group (its offsets), race (between a load and the request that was built on it), tick (of the world, once per topic)
// and every tick of the world as a whole, hour.
var occasions = map[fate.Kind][]occasion{
	Crash: {{"append", 0.05, 3}, {"load", 0.02, 3}, {"put", 0.03, 3}, {"stat", 0.02, 2}, {"fetch", 0.004, 2}, {"ask", 0.01, 2}, {"history", 0.2, 2},
		{"remove", 0.05, 2}, {"group", 0.01, 2}},
	Zombie:  {{"append", 0.05, 120}, {"load", 0.02, 120}, {"put", 0.03, 120}, {"stat", 0.02, 120}, {"fetch", 0.004, 120}, {"ask", 0.01, 120}},
	Sleep:   {{"append", 0.05, 40}, {"load", 0.03, 40}, {"put", 0.02, 40}},
	Stop:    {{"hour", 0.08, 100}},
	Clock:   {{"load", 0.03, 300}},
	Session: {{"hour", 0.08, 100}},

	Lost:        {{"load", 0.05, 0}, {"append", 0.1, 0}, {"put", 0.05, 0}, {"stat", 0.05, 0}, {"history", 0.2, 0}, {"ask", 0.02, 0}, {"group", 0.1, 0}},
	Late:        {{"append", 0.15, 200}, {"put", 0.05, 100}, {"remove", 0.2, 100}},
	Doubled:     {{"append", 0.15, 200}, {"put", 0.05, 100}, {"remove", 0.2, 100}},
	AnswerLost:  {{"append", 0.12, 0}, {"put", 0.05, 0}, {"load", 0.03, 0}, {"remove", 0.1, 0}},
	Refused:     {{"append", 0.1, 60}, {"load", 0.05, 60}, {"put", 0.04, 60}, {"stat", 0.04, 60}, {"open", 0.2, 60}, {"ask", 0.02, 60}},
	RefusedDone: {{"append", 0.12, 60}, {"put", 0.05, 60}},
	Rejected:    {{"append", 0.03, 9}},
	Slow:        {{"append", 0.05, 80}, {"load", 0.03, 80}, {"put", 0.06, 80}, {"stat", 0.03, 80}, {"fetch", 0.01, 60}, {"ask", 0.02, 60}},
	Stale:       {{"load", 0.12, 12}},
	Torn:        {{"put", 0.08, 90}},
	Taken:       {{"put", 0.06, 0}},
	Misread:     {{"stat", 0.06, 2}},

	Rebalance:  {{"hour", 0.12, 1 << 30}},
	Retention:  {{"tick", 0.04, 100}},
	Truncation: {{"tick", 0.04, 20}},
	NewTopic:   {{"tick", 0.03, 0}},
	Grow:       {{"tick", 0.04, 2}},
	Aborted:    {{"tick", 0.1, 8}},
	Hanging:    {{"tick", 0.08, 8}},
	Poison:     {{"tick", 0.06, 6}},
	Corrupt:    {{"tick", 0.04, 0}},
	BadFetch:   {{"fetch", 0.03, 0}},

	Append:     {{"race", 0.1, 3}, {"tick", 0.05, 3}},
	Compact:    {{"race", 0.05, 0}, {"tick", 0.04, 0}},
	Expire:     {{"race", 0.05, 3}, {"tick", 0.05, 3}},
	ExpireAll:  {{"race", 0.04, 3}, {"tick", 0.04, 3}},
	Unparent:   {{"race", 0.05, 3}, {"tick", 0.05, 3}},
	Rollback:   {{"race", 0.03, 40}, {"tick", 0.03, 40}},
	SetCurrent: {{"race", 0.02, 1 << 30}, {"tick", 0.03, 1 << 30}},
	CherryPick: {{"race", 0.01, 0}, {"tick", 0.02, 0}},
	Replace:    {{"race", 0.01, 2}, {"tick", 0.02, 2}},
	Recreate:   {{"race", 0.01, 0}, {"tick", 0.02, 0}},
	Damage:     {{"race", 0.02, 0}, {"tick", 0.03, 0}},
	Unmirror:   {{"race", 0.02, 0}, {"tick", 0.03, 0}},
	Untag:      {{"race", 0.02, 0}, {"tick", 0.03, 0}},
	Orphans:    {{"tick", 0.25, 0}},
	Vanish:     {{"tick", 0.05, 0}},
	Schema:     {{"race", 0.02, 0}, {"tick", 0.03, 0}},
}

// Kinds lists everything that may go wrong.
func Kinds() (out []fate.Kind) {
	for _, g := range groups {
		out = append(out, g.kinds...)
	}
	return out
}
