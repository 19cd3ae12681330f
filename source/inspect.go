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

// Inspect asks the cluster where the logs of the partitions begin and end, and where the given leader epochs end in
// them (a partition without one, or with a negative one, is not asked about that). There is one answer for each
// partition asked, in the same order. Its Partition carries the id that the topic has now, so an answer may be
// about another incarnation than the question. What one partition refuses is in its Err.
func (g *Group) Inspect(ctx context.Context, parts []offsets.Partition, epochs map[offsets.Partition]int32) ([]LogInfo, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	var names []string
	seen := map[string]bool{}
	for _, p := range parts {
		if !seen[p.Topic] {
			seen[p.Topic] = true
			names = append(names, p.Topic)
		}
	}
	v, err := g.describe(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("source: inspect: %w", err)
	}
	start, err1 := g.listOffsets(ctx, parts, startOfLog, false)
	stable, err2 := g.listOffsets(ctx, parts, endOfLog, true)
	high, err3 := g.listOffsets(ctx, parts, endOfLog, false)
	ends, err4 := g.epochEnds(ctx, parts, epochs)
	policies := g.cleanupPolicies(ctx, names)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("source: inspect: %w", errors.Join(ctx.Err(), err1, err2, err3, err4))
	}
	out := make([]LogInfo, 0, len(parts))
	for _, p := range parts {
		at := placeOf(p)
		info := LogInfo{Partition: p, EpochEnd: -1, EpochAnswer: -1, HasTopicIDs: v.hasIDs, CleanupNames: policies[p.Topic]}
		t := v.topics[p.Topic]
		if t == nil {
			info.Err = fmt.Errorf("source: inspect %s: topic: %w", p, orErr(v.errs[p.Topic], kerr.UnknownTopicOrPartition))
			out = append(out, info)
			continue
		}
		info.Partition.TopicID = t.id
		e := ends[at]
		info.LogStart, info.LastStable, info.HighWater = start[at].offset, stable[at].offset, high[at].offset
		if err := errors.Join(start[at].err, stable[at].err, high[at].err, e.err); err != nil {
			info.Err = fmt.Errorf("source: inspect %s: %w", p, err)
		}
		if e.asked {
			info.EpochEnd, info.EpochAnswer = e.end, e.epoch
		}
		out = append(out, info)
	}
	return out, nil
}

type epochEnd struct {
	end   int64
	epoch int32
	asked bool
	err   error
}

func (g *Group) epochEnds(ctx context.Context, parts []offsets.Partition, epochs map[offsets.Partition]int32) (map[place]epochEnd, error) {
	out := map[place]epochEnd{}
	want := map[place]int32{}
	for _, p := range parts {
		if e, ok := epochs[p]; ok && e >= 0 {
			want[placeOf(p)] = e
		}
	}
	err := g.insist(ctx, func() (again bool, err error) {
		req := kmsg.NewPtrOffsetForLeaderEpochRequest()
		req.ReplicaID = -1
		at := map[string]int{}
		for where, e := range want {
			if got := out[where]; got.asked && !transient(got.err) {
				continue
			}
			i, ok := at[where.topic]
			if !ok {
				i = len(req.Topics)
				at[where.topic] = i
				t := kmsg.NewOffsetForLeaderEpochRequestTopic()
				t.Topic = where.topic
				req.Topics = append(req.Topics, t)
			}
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.Partition, p.LeaderEpoch, p.CurrentLeaderEpoch = where.num, e, -1
			req.Topics[i].Partitions = append(req.Topics[i].Partitions, p)
		}
		if len(req.Topics) == 0 {
			return false, nil
		}
		var errs []error
		for _, shard := range g.cl.RequestSharded(ctx, req) {
			if shard.Err != nil {
				errs = append(errs, shard.Err)
				continue
			}
			for _, t := range shard.Resp.(*kmsg.OffsetForLeaderEpochResponse).Topics {
				for _, p := range t.Partitions {
					e := epochEnd{end: p.EndOffset, epoch: p.LeaderEpoch, asked: true, err: kerr.ErrorForCode(p.ErrorCode)}
					again = again || transient(e.err)
					out[place{t.Topic, p.Partition}] = e
				}
			}
		}
		return again, errors.Join(errs...)
	})
	for where := range want {
		if e := out[where]; !e.asked {
			out[where] = epochEnd{err: fmt.Errorf("ask for the end of leader epoch %d: %w", want[where], orErr(err, errors.New("no leader answered")))}
		}
	}
	return out, err
}

// cleanupPolicies are known only to those who may describe the configuration; others do without.
func (g *Group) cleanupPolicies(ctx context.Context, topics []string) map[string]string {
	out := map[string]string{}
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, t := range topics {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeTopic, t, []string{"cleanup.policy"}
		req.Resources = append(req.Resources, r)
	}
	for _, shard := range g.cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			continue
		}
		for _, r := range shard.Resp.(*kmsg.DescribeConfigsResponse).Resources {
			for _, c := range r.Configs {
				if c.Name == "cleanup.policy" && c.Value != nil {
					out[r.ResourceName] = *c.Value
				}
			}
		}
	}
	return out
}

// Point is where a sink begins that has no position yet.
type Point struct {
	kind string
	at   time.Time
}

// Earliest, Latest and At are the points there are. Latest is the last stable offset: what an open transaction
// wrote comes after it.
var (
	Earliest = Point{kind: "earliest"}
	Latest   = Point{kind: "latest"}
)

// At is the first record of this time or later; beyond the end of the log it is Latest.
func At(t time.Time) Point { return Point{kind: "time", at: t} }

// ParsePoint reads earliest, latest, time:RFC3339.
func ParsePoint(s string) (Point, error) {
	if s == Earliest.kind {
		return Earliest, nil
	}
	if s == Latest.kind {
		return Latest, nil
	}
	if rest, ok := strings.CutPrefix(s, "time:"); ok {
		t, err := time.Parse(time.RFC3339, rest)
		if err == nil && t.UnixMilli() >= 0 {
			return At(t), nil
		}
	}
	return Point{}, fmt.Errorf("%q is none of earliest, latest, time:2006-01-02T15:04:05Z", s)
}

func (p Point) String() string {
	if p.kind == "time" {
		return "time:" + p.at.Format(time.RFC3339Nano)
	}
	return p.kind
}

// OffsetsAt resolves a point in every partition. It answers for all of them or fails: a start that is resolved for
// some partitions only would be no anchor.
func (g *Group) OffsetsAt(ctx context.Context, parts []offsets.Partition, at Point) (offsets.Position, error) {
	out := make(offsets.Position, len(parts))
	if len(parts) == 0 {
		return out, nil
	}
	when, committed := endOfLog, true
	switch at.kind {
	case "earliest":
		when, committed = startOfLog, false
	case "latest":
	case "time":
		when, committed = at.at.UnixMilli(), false
	default:
		return nil, errors.New("source: start: no point given")
	}
	found, _ := g.listOffsets(ctx, parts, when, committed)
	end := found
	if at.kind == "time" {
		end, _ = g.listOffsets(ctx, parts, endOfLog, true)
	}
	for _, p := range parts {
		f, e := found[placeOf(p)], end[placeOf(p)]
		if err := errors.Join(f.err, e.err); err != nil {
			return nil, fmt.Errorf("source: resolve start %s of %s: %w", at, p, err)
		}
		o := f.offset
		if at.kind == "time" && (o < 0 || o > e.offset) {
			o = e.offset
		}
		if o < 0 {
			return nil, fmt.Errorf("source: resolve start %s of %s: the broker answered offset %d", at, p, o)
		}
		out[p] = o
	}
	return out, nil
}
