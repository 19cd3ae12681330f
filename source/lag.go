package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/offsets"
)

// CommitGroup writes positions to the consumer group, for tools that show lag. They are never read for resuming.
// Each carries a string, the uuid of the table that stands there. It goes out as this member of this generation,
// so a member that was thrown out cannot write; partitions that are not ours are left out. Best effort: it takes
// 10 s at most, and an error needs no more than a log line.
func (g *Group) CommitGroup(ctx context.Context, at map[offsets.Partition]Start, metadata map[offsets.Partition]string) error {
	commit := map[string]map[int32]kgo.EpochOffset{}
	texts := map[place]string{}
	g.mu.Lock()
	for p, s := range at {
		c := g.cursors[placeOf(p)]
		if c == nil || c.part != p || g.lost {
			continue
		}
		if commit[p.Topic] == nil {
			commit[p.Topic] = map[int32]kgo.EpochOffset{}
		}
		commit[p.Topic][p.Num] = kgo.EpochOffset{Offset: s.Offset, Epoch: s.LeaderEpoch}
		texts[placeOf(p)] = metadata[p]
	}
	nothing := len(commit) == 0 || g.closing
	if !nothing {
		g.wg.Add(1) // before Close begins to wait
	}
	g.mu.Unlock()
	if nothing {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				p := &req.Topics[i].Partitions[j]
				p.Metadata = kmsg.StringPtr(texts[place{req.Topics[i].Topic, p.Partition}])
			}
		}
		return nil
	})
	done := make(chan error, 1)
	answered := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if err == nil {
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
				}
			}
		}
		done <- err
	}
	go func() {
		defer g.wg.Done()
		g.cl.CommitOffsetsSync(ctx, commit, answered)
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("source: write the group's offsets (for lag display only): %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("source: write the group's offsets (for lag display only): %w", ctx.Err())
	}
}

// GroupMetadata are the strings that CommitGroup left with the group, by partition as the cluster has it now.
// Partitions without one are missing.
func (g *Group) GroupMetadata(ctx context.Context) (map[offsets.Partition]string, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = g.cfg.Group
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group = g.cfg.Group
	req.Groups = append(req.Groups, rg)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := req.RequestWith(ctx, g.cl)
	if err != nil {
		return nil, fmt.Errorf("source: read the group's offsets: %w", err)
	}
	texts := map[place]string{}
	note := func(topic string, num int32, text *string, code int16) {
		if text != nil && *text != "" && code == 0 {
			texts[place{topic, num}] = *text
		}
	}
	code := resp.ErrorCode
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			note(t.Topic, p.Partition, p.Metadata, p.ErrorCode)
		}
	}
	for _, rg := range resp.Groups {
		code = max(code, rg.ErrorCode)
		for _, t := range rg.Topics {
			for _, p := range t.Partitions {
				note(t.Topic, p.Partition, p.Metadata, p.ErrorCode)
			}
		}
	}
	if err := kerr.ErrorForCode(code); err != nil {
		return nil, fmt.Errorf("source: read the offsets of group %s: %w", g.cfg.Group, err)
	}
	if len(texts) == 0 {
		return map[offsets.Partition]string{}, nil
	}
	names := map[string]bool{}
	var list []string
	for at := range texts {
		if !names[at.topic] {
			names[at.topic] = true
			list = append(list, at.topic)
		}
	}
	v, err := g.describe(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("source: read the group's offsets: %w", err)
	}
	out := make(map[offsets.Partition]string, len(texts))
	for at, text := range texts {
		if t := v.topics[at.topic]; t != nil {
			out[offsets.Partition{TopicID: t.id, Topic: at.topic, Num: at.num}] = text
		}
	}
	return out, nil
}
