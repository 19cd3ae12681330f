package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// cluster is Kafka: topics, and the coordinator of the groups (one per sink id).
type cluster struct {
	w      *world
	random *rand.Rand

	mu      sync.Mutex
	topics  map[string]*topic
	ids     uint32
	truth   truth
	members []*member
	wanted  map[place]*member
	holding map[place]*member
	leaving map[place]bool
	offsets map[string]map[place]string // metadata of group offsets, by sink id
	open    []transaction
	order   uint64 // of the assignment
}

type place struct {
	topic string
	num   int32
}

// transaction is one that hangs: the entries of it in one partition.
type transaction struct {
	t       *topic
	num     int
	entries []*entry
}

func newCluster(w *world) *cluster {
	return &cluster{w: w, random: fate.Stream(w.c.Seed, "cluster"), topics: map[string]*topic{}, truth: truth{records: map[int64]oracle.Record{}},
		wanted: map[place]*member{}, holding: map[place]*member{}, leaving: map[place]bool{}, offsets: map[string]map[place]string{}}
}

func (c *cluster) create(name, table, sink string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids++
	t := &topic{name: name, id: newTopicID(c.ids, name), table: table, sink: sink}
	for range c.w.c.Parts {
		t.logs = append(t.logs, newLog())
	}
	c.topics[name] = t
}

func (c *cluster) all() []*topic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sorted()
}

func (c *cluster) sorted() []*topic {
	var out []*topic
	for _, t := range c.topics {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// send adds records to a topic.
func (c *cluster) send(t *topic, n int) {
	c.mu.Lock()
	for range n {
		i := c.random.IntN(len(t.logs))
		l := t.logs[i]
		id := c.truth.begin(t, i, l.end(), oracle.Row)
		l.add(&entry{id: id, value: good(id)})
	}
	c.mu.Unlock()
	c.news()
}

// news wakes everybody who waits for records.
func (c *cluster) news() {
	c.mu.Lock()
	ms := slices.Clone(c.members)
	c.mu.Unlock()
	for _, m := range ms {
		m.poke()
	}
}

// strike does to a topic what a tick brought; false if it is no affair of the log, or could not be done.
func (c *cluster) strike(t *topic, x fate.Fault) (done bool) {
	c.mu.Lock()
	defer func() { c.mu.Unlock(); c.news() }()
	n := c.random.IntN(len(t.logs))
	l := t.logs[n]
	switch x.Kind {
	case Retention:
		to := l.start + (l.stable()-l.start)*x.Amount/100
		for _, e := range l.entries[l.start:to] {
			c.truth.set(e.id, oracle.Maybe)
			done = true
		}
		l.expire(to)
		c.w.tell("log", "%s-%d begins at %d", t.name, n, l.start)
	case Truncation:
		if c.w.table(t.table).blind(t.sink, t.part(n), l.end()-x.Amount, l.word) {
			return false // a position without an epoch is held against the end of the log only, and may miss this
		}
		lost := l.cut(x.Amount)
		for _, e := range lost {
			c.truth.set(e.id, oracle.Maybe)
		}
		c.forget(lost)
		c.w.tell("log", "%s-%d is cut to %d, epoch %d", t.name, n, l.end(), l.epoch())
		done = len(lost) > 0
	case NewTopic:
		c.recreate(t)
		done = true
	case Grow:
		for range x.Amount {
			t.logs = append(t.logs, newLog())
		}
		c.w.tell("log", "%s has %d partitions", t.name, len(t.logs))
		c.assign()
		done = len(t.logs) > 0
	case Aborted, Hanging:
		c.begin(t, n, int(x.Amount), x.Kind == Hanging)
		done = true
	case Poison:
		for range x.Amount {
			v, become := bad(c.random), oracle.Never
			if c.w.letters != nil && v != nil { // nil is a tombstone
				become = oracle.Dead
			}
			l.add(&entry{id: c.truth.begin(t, n, l.end(), become), value: v})
		}
		done = true
	case Corrupt:
		id := c.truth.begin(t, n, l.end(), oracle.Row)
		l.add(&entry{id: id, value: good(id), corrupt: true})
		c.w.tell("log", "%s-%d is corrupt at %d", t.name, n, l.end()-1)
		done = true
	default:
		return false
	}
	if done {
		c.w.event(string(x.Kind), t.table)
	}
	return done
}

// begin writes a transaction; one that hangs is ended later, by chance well or not.
func (c *cluster) begin(t *topic, n, records int, hangs bool) {
	l, tx := t.logs[n], transaction{t: t, num: n}
	for range records {
		id := c.truth.begin(t, n, l.end(), oracle.Row)
		e := &entry{id: id, value: good(id), open: true}
		l.add(e)
		tx.entries = append(tx.entries, e)
	}
	if hangs {
		c.open = append(c.open, tx)
		c.w.after(time.Duration(records)*time.Second, func() { c.finish(tx, records%2 == 0) })
		return
	}
	c.finishLocked(tx, false)
}

func (c *cluster) finish(tx transaction, commit bool) {
	c.mu.Lock()
	c.finishLocked(tx, commit)
	c.mu.Unlock()
	c.news()
}

// finishLocked ends a transaction with a marker. Records of it that the log lost meanwhile stay lost.
func (c *cluster) finishLocked(tx transaction, commit bool) {
	if len(tx.entries) == 0 || !tx.entries[0].open || c.topics[tx.t.name] != tx.t {
		return
	}
	for _, e := range tx.entries {
		e.open, e.aborted = false, !commit
		if !commit {
			c.truth.set(e.id, oracle.Never)
		}
	}
	tx.t.logs[tx.num].add(&entry{})
}

// forget takes lost entries out of open transactions: they hang no more.
func (c *cluster) forget(lost []*entry) {
	for _, e := range lost {
		e.open = false
	}
}

// settleAll ends what hangs.
func (c *cluster) settleAll() {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for _, tx := range open {
		c.finish(tx, true)
	}
}

// recreate deletes a topic and makes it again. What was in it may be in the table or not.
func (c *cluster) recreate(t *topic) {
	for id, r := range c.truth.records {
		if r.Part.Topic == t.name && r.Part.ID == t.id.String() {
			c.truth.set(id, oracle.Maybe)
		}
	}
	c.ids++
	next := &topic{name: t.name, id: newTopicID(c.ids, t.name), table: t.table, sink: t.sink}
	for range t.logs {
		next.logs = append(next.logs, newLog())
	}
	c.topics[t.name] = next
	c.w.tell("log", "%s is made again: %s", t.name, next.id)
}

// ends is where every partition that exists must come to.
func (c *cluster) ends() []oracle.End {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []oracle.End
	for _, t := range c.sorted() {
		for n, l := range t.logs {
			out = append(out, oracle.End{Table: t.table, Sink: t.sink, Part: partOf(t.part(n)), Offset: l.stable()})
		}
	}
	return out
}

// places are the partitions of a sink's topics. The lock is held.
func (c *cluster) places(sink string) []place {
	var out []place
	for _, t := range c.sorted() {
		for n := range t.logs {
			if t.sink == sink {
				out = append(out, place{t.name, int32(n)})
			}
		}
	}
	return out
}

// assign says who should have what. The lock is held; settle follows, by whoever comes next.
func (c *cluster) assign() {
	sinks := map[string][]*member{}
	for _, m := range c.members {
		sinks[m.sink] = append(sinks[m.sink], m)
	}
	c.wanted = map[place]*member{}
	for sink, ms := range sinks {
		r := rand.New(rand.NewPCG(c.order, uint64(len(ms))))
		shift := r.IntN(len(ms))
		for i, p := range c.places(sink) {
			c.wanted[p] = ms[(i+shift)%len(ms)]
		}
	}
	c.w.wait.Go(c.settle)
}

// revokeTime is how long a member may keep what is taken from it; sessionTime how long it may be silent.
const (
	revokeTime  = 5 * time.Second
	sessionTime = 6 * time.Second
)

// settle hands places over: from those who have them and should not, to those who should.
func (c *cluster) settle() {
	give, take := map[*member][]place{}, map[*member][]place{}
	c.mu.Lock()
	for p, to := range c.wanted {
		switch has := c.holding[p]; {
		case has == to || c.leaving[p]:
		case has == nil:
			c.holding[p] = to
			give[to] = append(give[to], p)
		default:
			c.leaving[p] = true
			take[has] = append(take[has], p)
		}
	}
	c.mu.Unlock()
	for m, ps := range give {
		m.gets(sortPlaces(ps))
	}
	for m, ps := range take {
		c.w.wait.Go(func() {
			m.loses(sortPlaces(ps), time.Now().Add(revokeTime))
			c.mu.Lock()
			for _, p := range ps {
				delete(c.leaving, p)
				if c.holding[p] == m {
					delete(c.holding, p)
				}
			}
			c.mu.Unlock()
			c.settle()
		})
	}
}

func sortPlaces(ps []place) []place {
	sort.Slice(ps, func(i, j int) bool {
		if ps[i].topic != ps[j].topic {
			return ps[i].topic < ps[j].topic
		}
		return ps[i].num < ps[j].num
	})
	return ps
}

func (c *cluster) join(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = append(c.members, m)
	sort.SliceStable(c.members, func(i, j int) bool { return c.members[i].wire.actor < c.members[j].wire.actor })
	c.assign()
}

// leave takes a member out; its places are free at once. False if it was not in.
func (c *cluster) leave(m *member) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.members, m)
	if i < 0 {
		return false
	}
	c.members = slices.Delete(c.members, i, i+1)
	for p, has := range c.holding {
		if has == m {
			delete(c.holding, p)
		}
	}
	c.assign()
	return true
}

// evict throws a member out of the group, which it hears of when it can.
func (c *cluster) evict(m *member, why string) bool {
	if m == nil || !c.leave(m) {
		return false
	}
	c.w.tell("group", "%s is thrown out: %s", m.wire.actor, why)
	c.w.wait.Go(func() { m.lose(fmt.Errorf("the group went on without this member: %s", why)) })
	return true
}

// shuffle assigns everything anew.
func (c *cluster) shuffle(by uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.members) < 2 {
		return false
	}
	c.order = by
	c.assign()
	return true
}

// at finds the log of a partition as it is now.
func (c *cluster) at(p place) (*topic, *partLog) {
	t := c.topics[p.topic]
	if t == nil || int(p.num) >= len(t.logs) {
		return t, nil
	}
	return t, t.logs[p.num]
}

func (c *cluster) info(p offsets.Partition, epoch int32, asked bool) source.LogInfo {
	t, l := c.at(place{p.Topic, p.Num})
	i := source.LogInfo{Partition: p, EpochEnd: -1, EpochAnswer: -1, HasTopicIDs: true, CleanupNames: "delete"}
	if l == nil {
		i.Err = fmt.Errorf("inspect %s: unknown topic or partition", p)
		return i
	}
	i.Partition.TopicID = t.id
	i.LogStart, i.LastStable, i.HighWater = l.start, l.stable(), l.end()
	if asked && epoch >= 0 {
		i.EpochEnd, i.EpochAnswer = l.epochEnd(epoch)
	}
	return i
}
