package source

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// checkHistory asks a leader that is new to some positions whether they are in its log: where did the epoch of the
// record before the position end? A leader elected uncleanly may have lost it, and may have other records at the
// same offsets by now, which no error would tell.
func (g *Group) checkHistory(b *broker) {
	type ask struct {
		c           *cursor
		gen         uint64
		at          int64
		epoch, lead int32
	}
	asks := map[place]ask{}
	g.mu.Lock()
	now := time.Now()
	for where, c := range g.cursors {
		if ok, _ := c.readable(b, now); !ok || c.checked == c.leaderEpoch {
			continue
		}
		if c.epoch < 0 || c.leaderEpoch < 0 {
			c.checked = c.leaderEpoch
			continue
		}
		asks[where] = ask{c, c.gen, c.next, c.epoch, c.leaderEpoch}
	}
	g.mu.Unlock()
	if len(asks) == 0 {
		return
	}

	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1
	at := map[string]int{}
	for where, a := range asks {
		i, ok := at[where.topic]
		if !ok {
			i = len(req.Topics)
			at[where.topic] = i
			t := kmsg.NewOffsetForLeaderEpochRequestTopic()
			t.Topic = where.topic
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = where.num, a.lead, a.epoch
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, p)
	}
	resp, err := g.cl.Broker(int(b.id)).Request(g.fetching, req)

	answers := map[place]kmsg.OffsetForLeaderEpochResponseTopicPartition{}
	if err == nil {
		for _, t := range resp.(*kmsg.OffsetForLeaderEpochResponse).Topics {
			for _, p := range t.Partitions {
				answers[place{t.Topic, p.Partition}] = p
			}
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now = time.Now()
	for where, a := range asks {
		if a.c.gen != a.gen {
			continue
		}
		p, answered := answers[where]
		refused := kerr.ErrorForCode(p.ErrorCode)
		switch {
		case errors.Is(refused, kerr.TopicAuthorizationFailed):
			g.fault(a.c, FaultDenied, a.at, refused)
		case !answered || refused != nil:
			a.c.backOff(now)
			g.wakeKeeper()
		case p.EndOffset < 0:
			g.cfg.Logger.Warn("source: the new leader does not know the epoch of what was read last; the position is judged by the end of its log",
				"partition", a.c.part.String(), "offset", a.at, "epoch", a.epoch)
			a.c.checked = a.lead
		case p.EndOffset < a.at:
			g.fault(a.c, FaultTruncation, a.at, errors.New(cutText(p.EndOffset, a.epoch)))
		default:
			a.c.checked = a.lead
		}
	}
}

func cutText(end int64, epoch int32) string {
	return fmt.Sprintf("the log lost records that were read: what was written under leader epoch %d ends at %d now (a leader was elected that had not all of it)", epoch, end)
}
