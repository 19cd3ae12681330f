package sim

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// mostQueued is how many runs wait for the reader.
const mostQueued = 4

// fetched is one answer of a broker.
type fetched struct {
	recs  []*kgo.Record
	to    int64
	epoch int32
	lead  int32
	fault source.FaultKind
	again bool // the topic has another id now
}

// read fetches whatever may be read, one partition after the other.
func (m *member) read() {
	chance := fate.Stream(m.c.w.c.Seed, m.wire.actor+"/runs")
	for m.ctx.Err() == nil {
		c, gen, next, epoch, wait := m.pick()
		if c == nil {
			t := time.NewTimer(wait)
			select {
			case <-m.wake:
			case <-t.C:
			case <-m.ctx.Done():
			}
			t.Stop()
			continue
		}
		m.fetch(c, gen, next, epoch, 1+chance.IntN(12), chance)
	}
}

// pick finds the next cursor that may be read and of which there is news.
func (m *member) pick() (c *cursor, gen int, next int64, epoch int32, wait time.Duration) {
	wait = time.Minute
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) >= mostQueued || m.lost {
		return nil, 0, 0, 0, wait
	}
	places := make([]place, 0, len(m.cursors))
	for p := range m.cursors {
		places = append(places, p)
	}
	sortPlaces(places)
	now := time.Now()
	for i := range places {
		p := places[(i+m.turn)%len(places)]
		c := m.cursors[p]
		if c.phase == leaving {
			continue
		}
		if d := c.notBefore.Sub(now); d > 0 {
			wait = min(wait, d)
			continue
		}
		if !m.news(p, c) {
			continue
		}
		m.turn++
		return c, c.gen, c.next, c.epoch, 0
	}
	return nil, 0, 0, 0, wait
}

// news tells whether a fetch would be answered.
func (m *member) news(p place, c *cursor) bool {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	t, l := m.c.at(p)
	switch {
	case l == nil:
		return false
	case t.id != c.part.TopicID:
		return true
	case c.phase != reading || c.paused:
		return false
	}
	return c.next < l.stable() || c.next > l.end() || c.next < l.start || c.checked != l.epoch()
}

// fetch asks for one run and queues what comes.
func (m *member) fetch(c *cursor, gen int, next int64, epoch int32, most int, chance *rand.Rand) {
	taken := int64(most) * m.weight
	if m.budget.Acquire(m.ctx, taken) != nil {
		return
	}
	p := place{c.part.Topic, c.part.Num}
	a, err := call(m.ctx, m.wire, "fetch", func(fate.Kind, int64) (fetched, error) {
		m.c.mu.Lock()
		defer m.c.mu.Unlock()
		return m.c.fetch(p, c.part, next, epoch, most)
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.budget.Release(taken)
		c.notBefore = time.Now().Add(time.Duration(50+chance.IntN(200)) * time.Millisecond)
		return
	}
	keep := int64(len(a.recs)) * m.weight
	m.budget.Release(taken - keep)
	switch {
	case a.again && c.phase != leaving && m.cursors[p] == c:
		m.budget.Release(keep)
		m.anew(p, c)
	case c.gen != gen || c.phase != reading:
		m.budget.Release(keep)
	case a.fault != "":
		m.budget.Release(keep)
		c.phase = faulted
		c.gen++
		m.c.w.tell(m.wire.actor, "%s of %s at %d", a.fault, c.part, next)
		m.push(&item{ev: source.Fault{Partition: c.part, Kind: a.fault, At: next, Err: errors.New("source: " + string(a.fault))}})
	case a.to == next:
		m.budget.Release(keep)
		c.checked = a.lead
	default:
		c.checked, c.next, c.epoch = a.lead, a.to, a.epoch
		r := source.NewRecords(source.Records{Partition: c.part, Range: offsets.Range{From: next, To: a.to}, LeaderEpoch: a.epoch, Recs: a.recs, Bytes: keep},
			func() { m.budget.Release(keep) })
		m.push(&item{ev: r, cur: c, bytes: keep})
	}
}

// anew ends a partition whose topic was created again, and begins the new one. The lock is held.
func (m *member) anew(p place, c *cursor) {
	c.phase = leaving
	c.gen++
	m.push(&item{ev: source.Fault{Partition: c.part, Kind: source.FaultRecreated, At: c.next, Err: errors.New("source: the topic has another id now")}})
	m.past[p] = append(m.past[p], c.part)
	delete(m.cursors, p)
	m.c.mu.Lock()
	t, _ := m.c.at(p)
	part := t.part(int(p.num))
	m.c.mu.Unlock()
	m.cursors[p] = &cursor{part: part, checked: -1}
	m.push(&item{ev: source.Assigned{Partitions: []offsets.Partition{part}}})
}

// fetch is what the broker answers. The lock is held.
func (c *cluster) fetch(p place, part offsets.Partition, next int64, epoch int32, most int) (fetched, error) {
	t, l := c.at(p)
	if l == nil {
		return fetched{}, errTorn
	}
	a := fetched{to: next, epoch: epoch, lead: l.epoch()}
	if t.id != part.TopicID {
		a.again = true
		return a, nil
	}
	end, _ := l.epochEnd(epoch)
	switch {
	case epoch >= 0 && end >= 0 && end < next, next > l.end():
		a.fault = source.FaultTruncation
		return a, nil
	case next < l.start:
		a.fault = source.FaultGap
		return a, nil
	}
	var corrupt bool
	var last int32
	a.recs, a.to, last, corrupt = l.run(part, next, most)
	if corrupt {
		a.fault = source.FaultCorrupt
	}
	if a.to > next {
		a.epoch = last
	}
	return a, nil
}
