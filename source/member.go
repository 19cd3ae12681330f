package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		kgo.OnPartitionsLost(func(context.Context, *kgo.Client, map[string][]int32) {}), // the hook tells why, right after
		kgo.WithHooks(sessionHook{g}),
	}
}

// onAssigned leaves the partitions to the keeper, who knows the topics' ids. After a session that broke off it tells
// which of those that we went on reading are still ours.
func (g *Group) onAssigned(m map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.orphaned != nil {
		g.orphaned.Stop()
		g.orphaned = nil
		g.release(g.heldBut(m))
	}
	g.refused.forget(m)
	for t, nums := range m {
		for _, n := range nums {
			if g.cursors[place{t, n}] == nil {
				g.unresolved[place{t, n}] = true
			}
		}
	}
	g.wakeKeeper()
}

// heldBut are the places that are ours and not in m. The mutex is held.
func (g *Group) heldBut(m map[string][]int32) map[string][]int32 {
	out := map[string][]int32{}
	gone := func(at place) {
		if !slices.Contains(m[at.topic], at.num) && !slices.Contains(out[at.topic], at.num) {
			out[at.topic] = append(out[at.topic], at.num)
		}
	}
	for at := range g.cursors {
		gone(at)
	}
	for at := range g.past {
		gone(at)
	}
	return out
}

// release lets partitions go that others may have already: the reader is told, and not waited for. The mutex is held.
func (g *Group) release(m map[string][]int32) {
	g.revoke(m)
	g.drop(m)
}

// drop forgets places. The mutex is held.
func (g *Group) drop(m map[string][]int32) {
	for t, nums := range m {
		for _, n := range nums {
			delete(g.cursors, place{t, n})
			delete(g.past, place{t, n})
		}
	}
}

// onRevoked voids what was read of the partitions, tells the reader, and holds the rebalance until the reader lets
// go of them or the time is up. The client goes on with its heartbeats meanwhile.
func (g *Group) onRevoked(m map[string][]int32) {
	g.mu.Lock()
	parts, until, done := g.revoke(m)
	g.mu.Unlock()
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
	g.drop(m)
}

// revoke ends the delivery of partitions and queues the event. The mutex is held.
func (g *Group) revoke(m map[string][]int32) ([]offsets.Partition, time.Time, chan struct{}) {
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

// sessionFailed is told by the client that a session of the group broke off, or could not begin; the client joins
// anew by itself. If the group threw us out, others have our partitions, and everything ends. If the coordinator could
// not be reached (a broker restarts), they are ours for as long as the session timeout: we read on, and end only if
// the group is not joined again by then.
func (g *Group) sessionFailed(err error) {
	var refused *kerr.Error
	final := errors.As(err, &refused) && !refused.Retriable
	g.mu.Lock()
	clear(g.unresolved)
	ours := len(g.cursors)+len(g.past) > 0
	if ours && !final && g.orphaned == nil {
		g.orphaned = time.AfterFunc(g.cfg.SessionTimeout, func() { g.stillOrphaned(err) })
	}
	g.mu.Unlock()
	switch {
	case hopeless(err):
		g.lose(fmt.Errorf("source: group %s: %w; see kafka.group, kafka.instance_id and the rights of the user", g.cfg.Group, withAdvice(err)))
	case ours && final:
		g.lose(fmt.Errorf("source: the group %s went on without this member: %w (it was silent for longer than the session timeout of %s, as a stopped process is); "+
			"run again, nothing is lost", g.cfg.Group, err, g.cfg.SessionTimeout))
	}
}

func (g *Group) stillOrphaned(err error) {
	g.mu.Lock()
	still := g.orphaned != nil
	g.mu.Unlock()
	if still {
		g.lose(fmt.Errorf("source: the coordinator of group %s could not be reached for the session timeout of %s: %w; run again, nothing is lost",
			g.cfg.Group, g.cfg.SessionTimeout, err))
	}
}

// sessionHook is how the client tells that a session failed, and why.
type sessionHook struct{ g *Group }

// OnGroupManageError is called between sessions, never at the same time as the other callbacks.
func (h sessionHook) OnGroupManageError(err error) { h.g.sessionFailed(err) }

// hear reads the client's own stream, which carries nothing but errors here.
func (g *Group) hear() {
	for {
		fetches := g.cl.PollFetches(g.fetching)
		if g.fetching.Err() != nil || fetches.IsClientClosed() {
			return
		}
		fetches.EachError(func(topic string, num int32, err error) {
			switch {
			case errors.Is(err, context.Canceled):
			case topic != "":
				if g.refused.note(topic, err, time.Now()) {
					g.cfg.Logger.Warn("source: a topic cannot be looked up, trying again", "topic", topic, "error", withAdvice(err))
				}
			default:
				g.cfg.Logger.Warn("source: the group's coordinator refused or could not be reached, trying again", "group", g.cfg.Group, "error", err)
			}
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
