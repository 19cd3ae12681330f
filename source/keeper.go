package source

import (
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/sinker-io/sinker/offsets"
)

// keep looks at the cluster: every Refresh, when partitions were assigned, and when a fetch found that the
// leaders or the topics' ids are not what we think.
func (g *Group) keep() {
	tick := time.NewTicker(g.cfg.Refresh)
	defer tick.Stop()
	failures := 0
	for {
		full := false
		select {
		case <-g.fetching.Done():
			return
		case <-g.look:
		case <-tick.C:
			full = true
		}
		if err := g.refresh(full); err != nil && g.fetching.Err() == nil {
			g.cfg.Logger.Warn("source: the cluster could not be asked for its topics, trying again", "error", err)
			g.wakeKeeper()
			failures++
		} else {
			failures = 0
		}
		// A cluster in trouble is not asked in a tight loop.
		if !g.pause(min(50*time.Millisecond<<min(failures, 7), 5*time.Second)) {
			return
		}
	}
}

func (g *Group) wakeKeeper() {
	select {
	case g.look <- struct{}{}:
	default:
	}
}

// pause waits, and tells whether to go on.
func (g *Group) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-g.fetching.Done():
		return false
	case <-t.C:
		return true
	}
}

// refresh takes over leaders, topic ids and new assignments; full also asks for the ends of partitions that are
// not being fetched.
func (g *Group) refresh(full bool) error {
	names := g.topicsHeld()
	if len(names) == 0 {
		return nil
	}
	view, err := g.describe(g.fetching, names)
	if err != nil {
		return err
	}
	g.apply(view)
	if full {
		g.refreshEnds()
	}
	return nil
}

func (g *Group) topicsHeld() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	set := map[string]bool{}
	for p := range g.cursors {
		set[p.topic] = true
	}
	for p := range g.unresolved {
		set[p.topic] = true
	}
	out := make([]string, 0, len(set))
	for t := range set {
		out = append(out, t)
	}
	sort.Strings(out)
	return out
}

func (g *Group) apply(v clusterView) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cluster, g.hasIDs = v.cluster, v.hasIDs
	again := false
	for at, c := range g.cursors {
		t := v.topics[at.topic]
		if t == nil || c.phase == leaving {
			continue
		}
		if t.id != (offsets.TopicID{}) && c.part.TopicID != t.id {
			g.fault(c, FaultRecreated, c.next, errors.New("the topic was deleted and created again under the same name: it has another id now, and its offsets start anew"))
			c.phase = leaving
			g.past[at] = append(g.past[at], c.part)
			delete(g.cursors, at)
			g.unresolved[at] = true
			continue
		}
		p, ok := t.parts[at.num]
		if !ok || p.leader < 0 {
			again = again || c.phase == live
			continue
		}
		if p.epoch >= c.leaderEpoch { // an older answer does not take us back
			if c.checked == -1 {
				c.checked = p.epoch
			}
			c.leader, c.leaderEpoch = p.leader, p.epoch
		}
	}
	var fresh []offsets.Partition
	for at := range g.unresolved {
		t := v.topics[at.topic]
		if t == nil {
			again = true
			continue
		}
		p, ok := t.parts[at.num]
		if !ok {
			again = true
			continue
		}
		c := newCursor(offsets.Partition{TopicID: t.id, Topic: at.topic, Num: at.num})
		c.leader, c.leaderEpoch, c.checked = p.leader, p.epoch, p.epoch
		g.cursors[at] = c
		delete(g.unresolved, at)
		fresh = append(fresh, c.part)
	}
	if len(fresh) > 0 {
		g.push(&item{ev: Assigned{Partitions: sortedParts(fresh)}})
	}
	g.startBrokers()
	g.wakeBrokers()
	if again {
		time.AfterFunc(min(500*time.Millisecond, g.cfg.Refresh), g.wakeKeeper)
	}
}

// refreshEnds asks for the ends of the partitions that no fetch has told of lately.
func (g *Group) refreshEnds() {
	old := time.Now().Add(-g.cfg.Refresh / 2)
	var parts []offsets.Partition
	g.mu.Lock()
	for _, c := range g.cursors {
		if c.seen.Before(old) && c.phase != leaving {
			parts = append(parts, c.part)
		}
	}
	g.mu.Unlock()
	if len(parts) == 0 {
		return
	}
	stable, err1 := g.listOffsets(g.fetching, parts, endOfLog, true)
	high, err2 := g.listOffsets(g.fetching, parts, endOfLog, false)
	if err := errors.Join(err1, err2); err != nil {
		g.cfg.Logger.Debug("source: the ends of the log could not be asked for", "error", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range parts {
		if c := g.cursors[placeOf(p)]; c != nil && c.part == p {
			s, h := stable[placeOf(p)], high[placeOf(p)]
			if s.err == nil && h.err == nil && s.asked && h.asked {
				c.saw(-1, s.offset, h.offset, time.Now())
			}
		}
	}
}

func sortedParts(parts []offsets.Partition) []offsets.Partition {
	sort.Slice(parts, func(i, j int) bool { return parts[i].Less(parts[j]) })
	return parts
}

func onceFunc(f func()) func() { return sync.OnceFunc(f) }
