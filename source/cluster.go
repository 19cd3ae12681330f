package source

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/offsets"
)

// Topic is one topic as the cluster has it now.
type Topic struct {
	Name       string
	ID         offsets.TopicID // zero where brokers give none
	Partitions int32
}

type clusterView struct {
	cluster string
	hasIDs  bool
	topics  map[string]*topicView // only those that could be described
	errs    map[string]error
}

type topicView struct {
	id       offsets.TopicID
	internal bool
	parts    map[int32]partView
}

type partView struct{ leader, epoch int32 }

// describe asks for the named topics, or for all if names is nil.
func (g *Group) describe(ctx context.Context, names []string) (clusterView, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	if names != nil {
		req.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, n := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(n)
		req.Topics = append(req.Topics, t)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := req.RequestWith(ctx, g.cl)
	if err != nil {
		return clusterView{}, fmt.Errorf("ask for topics: %w", err)
	}
	v := clusterView{topics: map[string]*topicView{}, errs: map[string]error{}, hasIDs: resp.Version >= 10}
	if resp.ClusterID != nil {
		v.cluster = *resp.ClusterID
	}
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			v.errs[*t.Topic] = err
			continue
		}
		tv := &topicView{id: offsets.TopicID(t.TopicID), internal: t.IsInternal, parts: map[int32]partView{}}
		for _, p := range t.Partitions {
			pv := partView{p.Leader, p.LeaderEpoch}
			if p.ErrorCode != 0 && p.ErrorCode != kerr.ReplicaNotAvailable.Code {
				pv.leader = -1
			}
			tv.parts[p.Partition] = pv
		}
		v.topics[*t.Topic] = tv
	}
	return v, nil
}

// Topics are the topics that the names and patterns mean now, by name. A name that does not exist (yet) is missing
// from the answer; one that we may not see is an error.
func (g *Group) Topics(ctx context.Context) ([]Topic, error) {
	names := g.cfg.Topics
	if len(g.cfg.Patterns) > 0 {
		names = nil
	}
	v, err := g.describe(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	var out []Topic
	for name, t := range v.topics {
		if g.cfg.matches(name, t.internal) {
			out = append(out, Topic{Name: name, ID: t.id, Partitions: int32(len(t.parts))})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	var errs []error
	for name, err := range v.errs {
		if g.cfg.matches(name, false) && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			errs = append(errs, fmt.Errorf("source: topic %s: %w", name, err))
		}
	}
	return out, errors.Join(errs...)
}

// ClusterID is Kafka's name of the cluster; empty where it has none.
func (g *Group) ClusterID(ctx context.Context) (string, error) {
	v, err := g.describe(ctx, []string{})
	if err != nil {
		return "", fmt.Errorf("source: cluster id: %w", err)
	}
	return v.cluster, nil
}

// The two times that are no times.
const (
	endOfLog   int64 = -1
	startOfLog int64 = -2
)

type listed struct {
	offset int64
	asked  bool
	err    error
}

// attempts of a question whose answer depends on who leads at the moment.
const attempts = 5

// listOffsets asks the leaders where a time is in the log; committed answers the end of what read_committed may
// read instead of the high water mark. Every partition has an answer, or an error of its own.
func (g *Group) listOffsets(ctx context.Context, parts []offsets.Partition, at int64, committed bool) (map[place]listed, error) {
	out := make(map[place]listed, len(parts))
	for _, p := range parts {
		out[placeOf(p)] = listed{}
	}
	err := g.insist(ctx, func() (again bool, err error) {
		req := kmsg.NewPtrListOffsetsRequest()
		req.TimeoutMillis = 10_000
		if committed {
			req.IsolationLevel = 1
		}
		byTopic := map[string]int{}
		for where, l := range out {
			if l.asked && !transient(l.err) {
				continue
			}
			i, ok := byTopic[where.topic]
			if !ok {
				i = len(req.Topics)
				byTopic[where.topic] = i
				t := kmsg.NewListOffsetsRequestTopic()
				t.Topic = where.topic
				req.Topics = append(req.Topics, t)
			}
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = where.num, at
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
			for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
				for _, p := range t.Partitions {
					offset := p.Offset
					if offset == -1 && len(p.OldStyleOffsets) > 0 {
						offset = p.OldStyleOffsets[0]
					}
					l := listed{offset: offset, asked: true, err: kerr.ErrorForCode(p.ErrorCode)}
					again = again || transient(l.err)
					out[place{t.Topic, p.Partition}] = l
				}
			}
		}
		return again, errors.Join(errs...)
	})
	for where, l := range out {
		if !l.asked {
			l.err = fmt.Errorf("no leader answered: %w", orErr(err, errors.New("the partition may have none")))
			out[where] = l
		}
	}
	return out, err
}

// insist asks until the answer is not a passing one; a few times, with pauses.
func (g *Group) insist(ctx context.Context, ask func() (again bool, err error)) error {
	for i := 1; ; i++ {
		again, err := ask()
		if (err == nil && !again) || i == attempts || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.ctx.Done():
			return kgo.ErrClientClosed
		case <-time.After(50 * time.Millisecond << i):
		}
	}
}

func transient(err error) bool { return err != nil && kerr.IsRetriable(err) }

func orErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
