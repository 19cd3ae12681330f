package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/offsets"
)

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
		g.fault(c, FaultDenied, p.from, p.err)
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
