package source

import (
	"context"
	"errors"
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

// sort takes an answer apart, moves the cursors behind what they will get, and counts what it holds.
func (g *Group) sort(b *broker, wants []want, resp *kmsg.FetchResponse) answer {
	type key struct {
		topic string
		id    offsets.TopicID
		num   int32
	}
	asked := make(map[key]want, len(wants))
	for _, w := range wants {
		k := key{num: w.part.Num, topic: w.part.Topic}
		if resp.Version >= 13 {
			k = key{num: w.part.Num, id: w.part.TopicID}
		}
		asked[k] = w
	}
	var a answer
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			a.bytes += int64(len(p.RecordBatches))
			k := key{num: p.Partition, topic: t.Topic}
			if resp.Version >= 13 {
				k = key{num: p.Partition, id: offsets.TopicID(t.TopicID)}
			}
			w, ok := asked[k]
			// While a partition changes its leader both may have been asked: the first answer counts.
			if !ok || w.c.gen != w.gen || w.c.phase != live || w.c.next != w.from || (w.c.undecoded > 0 && w.c.reader != b) {
				continue
			}
			if pa, news := g.receive(w, p, now); news {
				w.c.reader = b
				w.c.undecoded++
				a.parts = append(a.parts, pa)
			}
		}
	}
	return a
}

// receive looks at one partition's share; news tells whether the decoder has anything to do with it.
func (g *Group) receive(w want, p *kmsg.FetchResponseTopicPartition, now time.Time) (pa partAnswer, news bool) {
	c := w.c
	pa = partAnswer{c: c, gen: w.gen, from: w.from, epoch: c.epoch, data: p}
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		c.held = true
		pa.err = err
		return pa, true
	}
	c.saw(p.LogStartOffset, p.LastStableOffset, p.HighWatermark, now)
	if len(p.RecordBatches) == 0 {
		if c.undecoded == 0 { // else what came before may still turn out to be broken
			c.failures, c.corrupt = 0, 0
		}
		return pa, false
	}
	batches, missing := walk(p.RecordBatches)
	if len(batches) == 0 {
		if missing > g.cfg.MaxBatchBytes || missing <= c.maxBytes {
			c.held = true
			pa.err = fmt.Errorf("%w: it has %d bytes, %d may be held", errTooLarge, missing, g.cfg.MaxBatchBytes)
			return pa, true
		}
		c.maxBytes = missing
		return pa, false
	}
	pa.batches = batches
	last := batches[len(batches)-1]
	c.next, c.epoch = max(c.next, last.last+1), last.epoch
	return pa, true
}

var errTooLarge = errors.New("the record batch is larger than may be held")

// decodeFrom turns answers into runs, in their order.
func (g *Group) decodeFrom(b *broker) {
	un := new(inflater)
	for a := range b.answers {
		for _, p := range a.parts {
			switch {
			case g.fetching.Err() != nil:
			case p.err != nil:
				g.understand(p)
			default:
				g.decode(p, un)
			}
			g.mu.Lock()
			p.c.undecoded--
			g.mu.Unlock()
		}
		a.parts = nil
		g.give(a.bytes)
		g.mu.Lock()
		g.wakeBrokers() // partitions that moved here waited for this answer
		g.mu.Unlock()
	}
}

// understand finds out what an error of one partition means for it.
func (g *Group) understand(p partAnswer) {
	ctx, cancel := context.WithTimeout(g.fetching, 30*time.Second)
	defer cancel()
	var info LogInfo
	if errors.Is(p.err, kerr.OffsetOutOfRange) {
		infos, err := g.Inspect(ctx, []offsets.Partition{p.c.part}, map[offsets.Partition]int32{p.c.part: p.c.epochAt(g)})
		if err == nil && len(infos) == 1 {
			info = infos[0]
		} else {
			info.Err = orErr(err, errors.New("no answer"))
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c := p.c
	if c.gen != p.gen {
		return
	}
	c.held = false
	switch {
	case errors.Is(p.err, kerr.OffsetOutOfRange):
		if info.Err == nil && info.Partition == c.part {
			if v := judge(info, p.from, c.epoch); v.Kind != "" {
				g.fault(c, v.Kind, p.from, errors.New(v.Detail))
				return
			}
		}
	case errors.Is(p.err, kerr.TopicAuthorizationFailed):
		g.fault(c, FaultDenied, p.from, fmt.Errorf("%w; grant READ and DESCRIBE on the topic", p.err))
		return
	case errors.Is(p.err, errTooLarge), errors.Is(p.err, kerr.UnsupportedCompressionType):
		g.fault(c, FaultCorrupt, p.from, p.err)
		return
	case errors.Is(p.err, kerr.CorruptMessage):
		if c.corrupt++; c.corrupt > corruptTries {
			g.fault(c, FaultCorrupt, p.from, fmt.Errorf("the broker cannot read its log: %w", p.err))
			return
		}
	}
	c.backOff(time.Now())
	if c.failures > 3 {
		g.cfg.Logger.Warn("source: fetch refused, trying again", "partition", c.part.String(), "offset", p.from, "error", p.err)
	}
	g.wakeKeeper()
}

// corruptTries is how often what does not add up is fetched again before it is called corrupt.
const corruptTries = 3

func (c *cursor) epochAt(g *Group) int32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return c.epoch
}
