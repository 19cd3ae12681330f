package source

import (
	"time"

	"github.com/sinker-io/sinker/offsets"
)

type phase int

const (
	assigned phase = iota // ours, not started
	live
	faulted
	leaving // revoked, or of a lost group
)

// cursor is where we stand in one partition of one incarnation of a topic. The Group's mutex guards it.
type cursor struct {
	part  offsets.Partition
	phase phase
	gen   uint64 // changes whenever what was read and not delivered becomes void

	next  int64 // to fetch
	epoch int32 // leader epoch of the record batch that holds next-1

	delivered      int64 // the end of the last run that the reader has
	deliveredEpoch int32

	leader      int32
	leaderEpoch int32 // as metadata told
	checked     int32 // the leader epoch under which the position was found to be in the log

	paused    bool
	held      bool // an answer with an error waits to be understood
	undecoded int  // answers on their way from reader to the queue
	reader    *broker
	notBefore time.Time
	failures  int // of any kind, in a row
	corrupt   int // bytes that did not add up, in a row
	maxBytes  int

	logStart, lastStable, highWater int64
	seen                            time.Time // when these three were told last
}

// unchecked is the checked of a cursor whose position no leader has been asked about.
const unchecked = -2

func newCursor(p offsets.Partition) *cursor {
	return &cursor{part: p, leader: -1, leaderEpoch: -1, logStart: -1, lastStable: -1, highWater: -1}
}

// start moves the cursor. A start where the reader stands already may come without an epoch: it is known here.
func (c *cursor) start(s Start) {
	if s.LeaderEpoch < 0 && c.phase != assigned && s.Offset == c.delivered {
		s.LeaderEpoch = c.deliveredEpoch
	}
	c.phase = live
	c.gen++
	c.next, c.epoch = s.Offset, s.LeaderEpoch
	c.delivered, c.deliveredEpoch = s.Offset, s.LeaderEpoch
	c.checked = unchecked // the caller has looked, but a leader may have been elected since, and we may have heard of it
	c.paused, c.held, c.failures, c.corrupt, c.maxBytes = false, false, 0, 0, partitionPart
	c.notBefore = time.Time{}
}

// readable tells whether b may ask for more now; if not yet but soon, when.
func (c *cursor) readable(b *broker, now time.Time) (ok bool, at time.Time) {
	if c.phase != live || c.paused || c.held || c.leader != b.id {
		return false, time.Time{}
	}
	if c.undecoded > 0 && c.reader != b { // the old leader's answer comes first
		return false, time.Time{}
	}
	if now.Before(c.notBefore) {
		return false, c.notBefore
	}
	return true, time.Time{}
}

// backOff makes the cursor wait, longer the more often it failed in a row.
func (c *cursor) backOff(now time.Time) {
	wait := min(50*time.Millisecond<<min(c.failures, 6), 2*time.Second)
	c.failures++
	c.notBefore = now.Add(wait)
}

// saw takes down what the cluster told of the partition's ends.
func (c *cursor) saw(logStart, lastStable, highWater int64, now time.Time) {
	if logStart >= 0 {
		c.logStart = logStart
	}
	if lastStable >= 0 {
		c.lastStable = lastStable
	}
	if highWater >= 0 {
		c.highWater = highWater
	}
	c.seen = now
}

// End is where a partition ends, for lag.
type End struct {
	LogStart   int64 // first offset of the log; -1 if not known yet
	LastStable int64 // end of what can be read; -1 if not known yet
	HighWater  int64 // end of the log, open transactions included; -1 if not known yet
	Seen       time.Time
}

// Ends is the last that was heard of every partition that is ours: at every fetch, and every Refresh of those that
// are not fetched. It asks nobody.
func (g *Group) Ends() map[offsets.Partition]End {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make(map[offsets.Partition]End, len(g.cursors))
	for _, c := range g.cursors {
		out[c.part] = End{LogStart: c.logStart, LastStable: c.lastStable, HighWater: c.highWater, Seen: c.seen}
	}
	return out
}
