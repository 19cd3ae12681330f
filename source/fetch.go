package source

import (
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/offsets"
)

// broker asks one broker for what it leads: one request at a time, and the next one is under way while the answer
// of the last is decoded.
type broker struct {
	id       int32
	wake     chan struct{}
	answers  chan answer
	turn     int // who is asked for first changes from request to request
	alone    int // so many requests name one partition only: an answer was too large
	failures int
}

// answer is what one broker sent for some partitions, with the memory that holds it.
type answer struct {
	parts []partAnswer
	bytes int64 // taken from the budget
}

// partAnswer is one partition's share of an answer.
type partAnswer struct {
	c       *cursor
	gen     uint64
	from    int64
	epoch   int32 // of the position before it
	data    *kmsg.FetchResponseTopicPartition
	batches []batch
	err     error
}

// want is a partition as it is asked for.
type want struct {
	c     *cursor
	gen   uint64
	part  offsets.Partition
	from  int64
	epoch int32 // of the leader, so that a stale one refuses
	bytes int
}

// startBrokers sees that every leader has its loop. The mutex is held.
func (g *Group) startBrokers() {
	for _, c := range g.cursors {
		if c.leader < 0 || g.brokers[c.leader] != nil || g.fetching.Err() != nil {
			continue
		}
		b := &broker{id: c.leader, wake: make(chan struct{}, 1), answers: make(chan answer)}
		g.brokers[b.id] = b
		g.wg.Go(func() { g.fetchFrom(b) })
		g.wg.Go(func() { g.decodeFrom(b) })
	}
}

func (g *Group) wakeBrokers() {
	for _, b := range g.brokers {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// fetchFrom is the loop of one broker.
func (g *Group) fetchFrom(b *broker) {
	defer close(b.answers)
	for g.waitForWork(b) {
		if !g.take() {
			return
		}
		wants := g.wants(b)
		if len(wants) == 0 {
			g.give(int64(g.cfg.FetchMaxBytes))
			continue
		}
		resp, err := g.request(b, wants)
		if err != nil {
			g.give(int64(g.cfg.FetchMaxBytes))
			if g.fetching.Err() != nil {
				return
			}
			g.requestFailed(b, wants, err)
			continue
		}
		b.failures = 0
		a := g.sort(b, wants, resp)
		g.cfg.Budget.Force(max(0, a.bytes-int64(g.cfg.FetchMaxBytes))) // one batch may be larger than what was asked for
		g.cfg.Budget.Release(max(0, int64(g.cfg.FetchMaxBytes)-a.bytes))
		select {
		case b.answers <- a:
		case <-g.fetching.Done():
			g.give(a.bytes)
			return
		}
	}
}

// take gets the memory of one answer, and the right to hold one.
func (g *Group) take() bool {
	select {
	case g.slots <- struct{}{}:
	case <-g.fetching.Done():
		return false
	}
	if g.cfg.Budget.Acquire(g.fetching, int64(g.cfg.FetchMaxBytes)) != nil {
		<-g.slots
		return false
	}
	return true
}

func (g *Group) give(bytes int64) {
	g.cfg.Budget.Release(bytes)
	<-g.slots
}

// waitForWork returns when some partition can be asked for, or false at the end.
func (g *Group) waitForWork(b *broker) bool {
	for {
		g.mu.Lock()
		now := time.Now()
		ready, soonest := false, time.Time{}
		for _, c := range g.cursors {
			ok, at := c.readable(b, now)
			ready = ready || ok
			if !at.IsZero() && (soonest.IsZero() || at.Before(soonest)) {
				soonest = at
			}
		}
		g.mu.Unlock()
		if g.fetching.Err() != nil {
			return false
		}
		if ready {
			return true
		}
		var timer <-chan time.Time
		if !soonest.IsZero() {
			timer = time.After(soonest.Sub(now))
		}
		select {
		case <-g.fetching.Done():
			return false
		case <-b.wake:
		case <-timer:
		}
	}
}

// wants chooses what to ask for. Positions under a leader that is new are first looked up in its history of
// epochs: a log that was cut below them must not be read on as if nothing were.
func (g *Group) wants(b *broker) []want {
	g.checkHistory(b)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	var held []offsets.Partition
	byPart := map[offsets.Partition]*cursor{}
	for _, c := range g.cursors {
		if ok, _ := c.readable(b, now); ok && c.checked == c.leaderEpoch {
			held = append(held, c.part)
			byPart[c.part] = c
		}
	}
	if len(held) == 0 {
		return nil
	}
	sortedParts(held)
	b.turn++
	if b.alone > 0 {
		b.alone--
		held = []offsets.Partition{held[b.turn%len(held)]}
	}
	out := make([]want, 0, len(held))
	for i := range held {
		p := held[(i+b.turn)%len(held)]
		c := byPart[p]
		out = append(out, want{c: c, gen: c.gen, part: p, from: c.next, epoch: c.leaderEpoch, bytes: c.maxBytes})
	}
	return out
}

func (g *Group) request(b *broker, wants []want) (*kmsg.FetchResponse, error) {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = int32(fetchWait / time.Millisecond)
	req.MinBytes = 1
	req.MaxBytes = clampInt32(g.cfg.FetchMaxBytes)
	req.IsolationLevel = 1 // what is committed
	req.SessionID, req.SessionEpoch = 0, -1
	at := map[string]int{}
	for _, w := range wants {
		i, ok := at[w.part.Topic]
		if !ok {
			i = len(req.Topics)
			at[w.part.Topic] = i
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.TopicID = w.part.Topic, w.part.TopicID
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.CurrentLeaderEpoch = w.part.Num, w.from, w.epoch
		p.PartitionMaxBytes = clampInt32(w.bytes)
		t := &req.Topics[i]
		t.Partitions = append(t.Partitions, p)
	}
	resp, err := g.cl.Broker(int(b.id)).Request(g.fetching, req)
	if err != nil {
		return nil, err
	}
	r := resp.(*kmsg.FetchResponse)
	return r, kerr.ErrorForCode(r.ErrorCode)
}

// requestFailed waits before the broker is asked again, and has its leadership looked up.
func (g *Group) requestFailed(b *broker, wants []want, err error) {
	if tooLarge(err) {
		if len(wants) > 1 { // find out whose answer it is
			b.alone = len(wants)
			return
		}
		g.mu.Lock()
		if w := wants[0]; w.c.gen == w.gen {
			g.fault(w.c, FaultCorrupt, w.from, fmt.Errorf("the record batch there is larger than may be held: %w; give more memory or skip it", err))
		}
		g.mu.Unlock()
		return
	}
	b.failures++
	log := g.cfg.Logger.Warn
	if b.failures == 1 {
		log = g.cfg.Logger.Debug // a broker that restarts cuts its connections
	}
	log("source: fetch failed, trying again", "broker", b.id, "partitions", len(wants), "error", err)
	g.wakeKeeper()
	g.pause(min(50*time.Millisecond<<min(b.failures, 6), 2*time.Second))
}

// tooLarge is the client's refusal to read an answer beyond its limit; the client has no name for that error.
func tooLarge(err error) bool {
	return strings.Contains(err.Error(), "invalid large response size")
}
