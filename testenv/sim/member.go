package sim

import (
	"context"
	"sync"
	"time"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
)

// member is a member of a group and what it reads: the sink's source. It promises what source.Group promises: positions are
// moved by StartAt alone, runs tile the log, and what was read before StartAt, Pause or Revoked is not delivered after.
type member struct {
	c      *cluster
	wire   *wire
	sink   string
	budget *budget.Budget
	weight int64
	events chan source.Event
	wake   chan struct{}
	kick   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	cond    *sync.Cond
	queue   []*item
	offer   *item
	cursors map[place]*cursor
	past    map[place][]offsets.Partition
	turn    int
	err     error
	lost    bool
}

var _ sink.Source = (*member)(nil)

type phase int

const (
	assigned phase = iota
	reading
	faulted
	leaving
)

// cursor is where one partition is read.
type cursor struct {
	part      offsets.Partition
	phase     phase
	gen       int // changes when what was read becomes void
	next      int64
	epoch     int32
	delivered int64
	seenEpoch int32 // of the last run that was delivered
	checked   int32 // the leader epoch under which the position was found in the log; -1: not yet
	paused    bool
	notBefore time.Time
}

type item struct {
	ev    source.Event
	cur   *cursor
	bytes int64
	void  bool
}

func newMember(c *cluster, e *wire, sinkID string, b *budget.Budget, weight int64) *member {
	m := &member{c: c, wire: e, sink: sinkID, budget: b, weight: weight, events: make(chan source.Event), wake: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		cursors: map[place]*cursor{}, past: map[place][]offsets.Partition{}}
	m.cond = sync.NewCond(&m.mu)
	m.ctx, m.cancel = context.WithCancel(context.Background())
	context.AfterFunc(m.ctx, m.cond.Broadcast)
	m.wg.Go(m.pump)
	m.wg.Go(m.read)
	return m
}

// close leaves the group and ends the stream.
func (m *member) close() {
	m.c.leave(m)
	m.cancel()
	m.wg.Wait()
}

func (m *member) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// push queues an event. The lock is held.
func (m *member) push(it *item) {
	if m.lost || m.ctx.Err() != nil {
		m.budget.Release(it.bytes)
		return
	}
	m.queue = append(m.queue, it)
	m.cond.Broadcast()
}

// pump offers the queue to the reader.
func (m *member) pump() {
	defer close(m.events)
	for {
		m.mu.Lock()
		for len(m.queue) == 0 && m.ctx.Err() == nil {
			m.cond.Wait()
		}
		if m.ctx.Err() != nil {
			for _, it := range m.queue {
				m.budget.Release(it.bytes)
			}
			m.queue = nil
			m.mu.Unlock()
			return
		}
		it := m.queue[0]
		m.queue = m.queue[1:]
		m.offer = it
		m.mu.Unlock()

		taken := false
		select {
		case m.events <- it.ev:
			taken = true
		case <-m.kick:
		case <-m.ctx.Done():
		}

		m.mu.Lock()
		m.offer = nil
		switch {
		case taken:
			if r, ok := it.ev.(source.Records); ok {
				it.cur.delivered, it.cur.seenEpoch = r.Range.To, r.LeaderEpoch
			}
		case it.void:
			m.budget.Release(it.bytes)
		default:
			m.queue = append([]*item{it}, m.queue...)
		}
		m.cond.Broadcast()
		_, last := it.ev.(source.Lost)
		m.mu.Unlock()
		m.poke()
		if taken && last {
			return
		}
	}
}

// purge makes void what was read of some cursors. The lock is held, and given up while the reader is offered such a run.
func (m *member) purge(of func(*cursor) bool) {
	kept := m.queue[:0]
	for _, it := range m.queue {
		if it.cur != nil && of(it.cur) {
			m.budget.Release(it.bytes)
			continue
		}
		kept = append(kept, it)
	}
	m.queue = kept
	if it := m.offer; it != nil && it.cur != nil && of(it.cur) {
		it.void = true
		select {
		case m.kick <- struct{}{}:
		default:
		}
		for m.offer == it {
			m.cond.Wait()
		}
	}
}

// gets is told by the coordinator.
func (m *member) gets(ps []place) {
	var fresh []offsets.Partition
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range ps {
		m.c.mu.Lock()
		t, l := m.c.at(p)
		m.c.mu.Unlock()
		if l == nil || m.cursors[p] != nil {
			continue
		}
		c := &cursor{part: t.part(int(p.num)), checked: -1}
		m.cursors[p] = c
		fresh = append(fresh, c.part)
	}
	if len(fresh) > 0 {
		m.push(&item{ev: source.Assigned{Partitions: fresh}})
	}
}

// loses is told by the coordinator; it returns when the reader has let go, or at the deadline.
func (m *member) loses(ps []place, deadline time.Time) {
	m.mu.Lock()
	var parts []offsets.Partition
	chosen := map[*cursor]bool{}
	for _, p := range ps {
		parts = append(parts, m.past[p]...)
		if c := m.cursors[p]; c != nil && c.phase != leaving {
			c.phase = leaving
			c.gen++
			chosen[c] = true
			parts = append(parts, c.part)
		}
	}
	if len(parts) == 0 || m.lost {
		m.forget(ps)
		m.mu.Unlock()
		return
	}
	m.purge(func(c *cursor) bool { return chosen[c] })
	done := make(chan struct{})
	m.push(&item{ev: source.NewRevoked(source.Revoked{Partitions: parts, Deadline: deadline}, sync.OnceFunc(func() { close(done) }))})
	m.mu.Unlock()
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-done:
		_ = m.wire.pass(m.ctx) // a frozen member tells nobody
	case <-t.C:
	case <-m.ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(ps)
}

func (m *member) forget(ps []place) {
	for _, p := range ps {
		delete(m.cursors, p)
		delete(m.past, p)
	}
}

// lose ends the stream, once the process hears of it.
func (m *member) lose(err error) {
	if m.wire.pass(m.ctx) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost {
		return
	}
	for _, c := range m.cursors {
		c.phase = leaving
		c.gen++
	}
	m.purge(func(*cursor) bool { return true })
	m.queue, m.err = nil, err
	m.push(&item{ev: source.Lost{Err: err}})
	m.lost = true
}

// Events, Err, Refused are sink.Source.
func (m *member) Events() <-chan source.Event { return m.events }

func (m *member) Err() error     { m.mu.Lock(); defer m.mu.Unlock(); return m.err }
func (m *member) Refused() error { return nil }

// StartAt is sink.Source.
func (m *member) StartAt(starts map[offsets.Partition]source.Start) {
	m.mu.Lock()
	defer m.mu.Unlock()
	chosen := map[*cursor]source.Start{}
	for p, s := range starts {
		if c := m.cursors[place{p.Topic, p.Num}]; c != nil && c.part == p && c.phase != leaving {
			chosen[c] = s
			c.gen++
		}
	}
	m.purge(func(c *cursor) bool { _, ok := chosen[c]; return ok })
	for c, s := range chosen {
		if c.phase == leaving {
			continue
		}
		if s.LeaderEpoch < 0 && c.phase != assigned && s.Offset == c.delivered {
			s.LeaderEpoch = c.seenEpoch
		}
		c.phase, c.next, c.epoch, c.paused, c.checked = reading, s.Offset, s.LeaderEpoch, false, -1
		c.delivered, c.seenEpoch = s.Offset, s.LeaderEpoch
		c.gen++
	}
	m.poke()
}

// Pause is sink.Source.
func (m *member) Pause(ps []offsets.Partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	chosen := map[*cursor]bool{}
	for _, p := range ps {
		if c := m.cursors[place{p.Topic, p.Num}]; c != nil && c.part == p && c.phase == reading && !c.paused {
			c.paused = true
			c.gen++
			chosen[c] = true
		}
	}
	m.purge(func(c *cursor) bool { return chosen[c] })
	for c := range chosen {
		c.next, c.epoch = c.delivered, c.seenEpoch
	}
}

// Resume is sink.Source.
func (m *member) Resume(ps []offsets.Partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range ps {
		if c := m.cursors[place{p.Topic, p.Num}]; c != nil && c.part == p {
			c.paused = false
		}
	}
	m.poke()
}

// Ends is sink.Source.
func (m *member) Ends() map[offsets.Partition]source.End { return map[offsets.Partition]source.End{} }
