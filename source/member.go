package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/offsets"
)

// memberOpts are what the client calls back. It is told that no partition has an offset to begin with, so it
// never fetches one.
func (g *Group) memberOpts() []kgo.Opt {
	return []kgo.Opt{
		kgo.AdjustFetchOffsetsFn(func(context.Context, map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
			return map[string]map[int32]kgo.Offset{}, nil
		}),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { g.onAssigned(m) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { g.onRevoked(m) }),
		kgo.OnPartitionsLost(func(_ context.Context, cl *kgo.Client, m map[string][]int32) { g.onLost(cl, m) }),
	}
}

// onAssigned leaves the partitions to the keeper, who knows the topics' ids.
func (g *Group) onAssigned(m map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, nums := range m {
		for _, n := range nums {
			if g.cursors[place{t, n}] == nil {
				g.unresolved[place{t, n}] = true
			}
		}
	}
	g.wakeKeeper()
}

// onRevoked voids what was read of the partitions, tells the reader, and holds the rebalance until the reader lets
// go of them or the time is up. The client goes on with its heartbeats meanwhile.
func (g *Group) onRevoked(m map[string][]int32) {
	parts, until, done := g.revoke(m)
	if len(parts) == 0 {
		return
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		g.cfg.Logger.Warn("source: the revoked partitions were not let go in time; whoever gets them starts where the tables stand",
			"group", g.cfg.Group, "partitions", len(parts), "after", g.cfg.revokeTime())
	case <-g.closed:
	case <-g.fetching.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, nums := range m {
		for _, n := range nums {
			delete(g.cursors, place{t, n})
			delete(g.past, place{t, n})
		}
	}
}

func (g *Group) revoke(m map[string][]int32) ([]offsets.Partition, time.Time, chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing || g.lost {
		return nil, time.Time{}, nil
	}
	var parts []offsets.Partition
	chosen := map[*cursor]bool{}
	for t, nums := range m {
		for _, n := range nums {
			at := place{t, n}
			delete(g.unresolved, at)
			parts = append(parts, g.past[at]...)
			if c := g.cursors[at]; c != nil && c.phase != leaving {
				c.phase = leaving
				c.gen++
				chosen[c] = true
				parts = append(parts, c.part)
			}
		}
	}
	if len(parts) == 0 {
		return nil, time.Time{}, nil
	}
	g.purge(func(c *cursor) bool { return chosen[c] })
	until := time.Now().Add(g.cfg.revokeTime())
	done := make(chan struct{})
	g.push(&item{ev: NewRevoked(Revoked{Partitions: sortedParts(parts), Deadline: until}, onceFunc(func() { close(done) }))})
	return parts, until, done
}

// onLost is how the client tells that the group threw us out, or that it could not be joined at all. In the second
// case it goes on trying, and so do we.
func (g *Group) onLost(cl *kgo.Client, m map[string][]int32) {
	g.mu.Lock()
	ours := false
	for t, nums := range m {
		for _, n := range nums {
			delete(g.unresolved, place{t, n})
			ours = ours || g.cursors[place{t, n}] != nil
		}
	}
	g.mu.Unlock()
	if ours {
		g.lose(cl, fmt.Errorf("source: the group %s went on without this member (it was silent for longer than the session timeout of %s, "+
			"another member has its instance id, or the coordinator could not be reached); run again, nothing is lost", g.cfg.Group, g.cfg.SessionTimeout))
	}
}

// hear reads the client's own stream, which carries nothing but errors of the membership here.
func (g *Group) hear() {
	for {
		fetches := g.cl.PollFetches(g.fetching)
		if g.fetching.Err() != nil || fetches.IsClientClosed() {
			return
		}
		fetches.EachError(func(topic string, num int32, err error) {
			if errors.Is(err, context.Canceled) {
				return
			}
			if hopeless(err) {
				g.lose(g.cl, fmt.Errorf("source: group %s: %w; see kafka.group, kafka.instance_id and the rights of the user", g.cfg.Group, err))
				return
			}
			if topic != "" {
				g.cfg.Logger.Warn("source: a topic cannot be looked up, trying again", "topic", topic, "error", err)
				return
			}
			g.cfg.Logger.Warn("source: the group's coordinator refused or could not be reached, trying again", "group", g.cfg.Group, "error", err)
		})
	}
}

// hopeless errors of the membership do not go away by trying again.
func hopeless(err error) bool {
	for _, e := range []error{kerr.GroupAuthorizationFailed, kerr.FencedInstanceID, kerr.InconsistentGroupProtocol, kerr.InvalidSessionTimeout,
		kerr.InvalidGroupID, kerr.GroupMaxSizeReached, kerr.UnsupportedSaslMechanism, kerr.SaslAuthenticationFailed, kerr.UnsupportedVersion} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
