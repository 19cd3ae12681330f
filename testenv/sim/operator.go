package sim

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// operator answers STOPs as their messages say, as soon as a person would: not at once, and knowing what the tables hold.
type operator struct {
	w      *world
	wire   *wire
	random *rand.Rand

	mu     sync.Mutex
	heard  []stopped
	lifted bool // max_bad_share was raised
	allow  bool // policy.new_sink: allow: the sinks here read topics of their own, which their operator knows
}

type stopped struct {
	sink string
	stop *commit.Stop
	moot int // how often in a row there was nothing to answer
}

// mootFor is how many looks a STOP is kept in mind after it is over: a sink that is stopped tells it once, however often its cause
// comes back before the sink has looked again.
const mootFor = 20

func (s stopped) same(o stopped) bool {
	a, b := s.stop, o.stop
	return s.sink == o.sink && a.Table == b.Table && a.Reason == b.Reason && a.Offset == b.Offset && (a.Partition == nil) == (b.Partition == nil) &&
		(a.Partition == nil || *a.Partition == *b.Partition)
}

const operatorName = "operator"

func newOperator(w *world) *operator {
	return &operator{w: w, wire: newWire(w, operatorName), random: fate.Stream(w.c.Seed, operatorName)}
}

func (o *operator) hear(sink string, s *commit.Stop) {
	o.w.mu.Lock()
	o.w.stops = append(o.w.stops, oracle.Stop{Sink: sink, Table: s.Table, Reason: string(s.Reason)})
	o.w.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keep(stopped{sink: sink, stop: s})
}

// keep notes a STOP that has to be looked at. The lock is held.
func (o *operator) keep(s stopped) {
	o.heard = slices.DeleteFunc(o.heard, func(x stopped) bool { return x.same(s) })
	o.heard = append(o.heard, s)
}

// share is max_bad_share as configured now.
func (o *operator) share() float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lifted {
		return 0
	}
	return o.w.c.Policy.MaxBadShare
}

// live looks at what was heard every second.
func (o *operator) live() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-o.w.ends.Done():
			return
		case <-tick.C:
		}
		o.mu.Lock()
		work := o.heard
		o.heard = nil
		o.mu.Unlock()
		for _, s := range work {
			switch err := o.answer(s); {
			case errors.Is(err, errMoot):
				s.moot++
			case err != nil:
				o.w.tell(operatorName, "cannot answer %s (%s) of %s: %v", s.stop.Reason, s.sink, s.stop.Table, err)
				fallthrough
			default:
				s.moot = 0
			}
			o.mu.Lock()
			if s.moot < mootFor && !slices.ContainsFunc(o.heard, s.same) {
				o.keep(s)
			}
			o.mu.Unlock()
		}
	}
}

// errMoot is the answer to a STOP that is over.
var errMoot = errors.New("there is nothing to answer")

// errLater is the answer to a STOP that cannot be answered before another one is.
var errLater = errors.New("another answer comes first")

// answer answers one STOP.
func (o *operator) answer(s stopped) error {
	t := o.w.table(s.stop.Table)
	c := &commit.Committer{Table: remote{t, o.wire}, Name: t.name, Sink: s.sink, Hash: "h", Rollback: commit.StopOnRollback,
		AllowNewSink: o.allowed()}
	var err error
	switch s.stop.Reason {
	case commit.CherryPick, commit.ReplacedTable, commit.LineageLost:
		err = o.whole(t, c, s)
	case commit.Recreated:
		err = o.accept(c, s, func(s stopped, v commit.View, st commit.State, why error) (*commit.Edit, error) {
			if why != nil || !st.Empty {
				return nil, errMoot
			}
			return o.fromStart(s, v, st, why)
		})
	case commit.RolledBack:
		err = o.accept(c, s, func(_ stopped, _ commit.View, st commit.State, why error) (*commit.Edit, error) {
			if why != nil || !st.Dirty {
				return nil, errMoot
			}
			return edit(), nil
		})
	case commit.GapInLog, commit.LogTruncated:
		err = o.accept(c, s, o.fromLog)
	case commit.TopicRecreated:
		err = o.accept(c, s, o.newTopic)
	case commit.BadRecord:
		err = o.accept(c, s, o.skip)
	case commit.CorruptLog:
		if !o.w.cluster.unreadable(*s.stop.Partition, s.stop.Offset) {
			return errMoot
		}
		if o.random.IntN(2) == 0 {
			o.w.cluster.repair(*s.stop.Partition, s.stop.Offset)
		} else if err = o.accept(c, s, o.skip); err == nil {
			o.w.cluster.lost(*s.stop.Partition, s.stop.Offset)
		}
	case commit.NewSink:
		o.allowNewSink()
		return errMoot
	case commit.CatalogLies: // found sound by the probe; it is told again if it comes again
		if s.moot == 0 {
			o.restart()
		}
		return errMoot
	case commit.TooManyBad:
		if o.share() == 0 {
			return errMoot
		}
		o.mu.Lock()
		o.lifted = true
		o.mu.Unlock()
		o.restart()
	default: // it ends by itself
		return errMoot
	}
	var refused *commit.Stop
	if errors.As(err, &refused) && refused.Reason == commit.NewSink {
		o.allowNewSink()
	}
	if err == nil {
		o.w.tell(operatorName, "answers %s (%s) of %s", s.stop.Reason, s.sink, t.name)
	}
	return err
}

func (o *operator) allowed() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.allow }

// allowNewSink changes the configuration, where what another sink id claims cannot be read.
func (o *operator) allowNewSink() {
	o.mu.Lock()
	was := o.allow
	o.allow = true
	o.mu.Unlock()
	if was {
		return
	}
	o.w.tell(operatorName, "sets policy.new_sink: allow")
	o.restart()
}

// restart starts every process anew.
func (o *operator) restart() {
	for _, wk := range o.w.workers {
		wk.restart()
	}
}

type deciding func(s stopped, v commit.View, st commit.State, why error) (*commit.Edit, error)

func (o *operator) accept(c *commit.Committer, s stopped, decide deciding) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := c.Accept(ctx, 0, func(v commit.View, st commit.State, why error) (*commit.Edit, error) {
		e, err := decide(s, v, st, why)
		if e != nil {
			e.NewEpoch = true
			e.Audit = &commit.Audit{Who: operatorName, Action: string(s.stop.Reason), Reason: "it stopped"}
		}
		return e, err
	})
	return err
}

func edit() *commit.Edit { return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{}} }

// fromStart is --position start, for a table that holds nothing of the sink: everything is read, and no topic is forgotten.
func (o *operator) fromStart(s stopped, v commit.View, _ commit.State, _ error) (*commit.Edit, error) {
	e := edit()
	e.Cluster = "cluster"
	last, _ := lastKnown(v, s.sink)
	for p, m := range last.Marks {
		e.Set[p] = offsets.Mark{Next: m.Origin, Origin: m.Origin, Upper: m.Upper, LeaderEpoch: offsets.NoEpoch}
	}
	for _, p := range o.w.cluster.of(s.sink, s.stop.Table) {
		from := o.w.cluster.look(p).LogStart
		e.Set[p] = offsets.Mark{Next: from, Origin: from, Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
	}
	return e, nil
}

// clear tells whether an answer about one partition may be given.
func clear1(st commit.State, why error) error {
	if why != nil || st.Dirty || st.Empty {
		return errLater
	}
	return nil
}

// fromLog is --position log.
func (o *operator) fromLog(s stopped, _ commit.View, st commit.State, why error) (*commit.Edit, error) {
	if err := clear1(st, why); err != nil {
		return nil, err
	}
	p := *s.stop.Partition
	m, known := st.Ledger.Marks[p]
	if !known {
		return nil, errMoot
	}
	i := o.w.cluster.lookFor(p, m.LeaderEpoch)
	if i.Partition != p {
		return nil, errMoot // the topic was made again; the partition of now has a STOP of its own
	}
	e, g := edit(), commit.Gap{Partition: p}
	for _, v := range source.Check("cluster", st.Ledger, []source.LogInfo{i}) {
		switch {
		case v.Kind == source.FaultGap:
			g.Range, g.Why = offsets.Range{From: m.Next, To: v.LogStart}, "retention"
			m.Holes += g.Range.Len()
			m.Next, m.LeaderEpoch = v.LogStart, offsets.NoEpoch
		case v.Kind == source.FaultTruncation && v.Diverged >= 0:
			g.Range, g.Why = offsets.Range{From: v.Diverged, To: m.Next}, "truncated"
			m.Next, m.LeaderEpoch = v.Diverged, v.Epoch
			m.Origin = min(m.Origin, m.Next)
		}
	}
	if g.Why == "" {
		return nil, errMoot
	}
	e.Set[p], e.Gaps = m, []commit.Gap{g}
	return e, nil
}

// newTopic is --topic with --position start.
func (o *operator) newTopic(s stopped, _ commit.View, st commit.State, why error) (*commit.Edit, error) {
	if err := clear1(st, why); err != nil {
		return nil, err
	}
	e := edit()
	for _, p := range o.w.cluster.of(s.sink, s.stop.Table) {
		if _, known := st.Ledger.Marks[p]; !known && p.Topic == s.stop.Partition.Topic {
			from := o.w.cluster.look(p).LogStart
			e.Set[p] = offsets.Mark{Next: from, Origin: from, Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
		}
	}
	if len(e.Set) == 0 {
		return nil, errMoot
	}
	return e, nil
}

// skip is --skip of one record.
func (o *operator) skip(s stopped, _ commit.View, st commit.State, why error) (*commit.Edit, error) {
	if err := clear1(st, why); err != nil {
		return nil, err
	}
	p := *s.stop.Partition
	m, known := st.Ledger.Marks[p]
	switch {
	case !known || m.Next > s.stop.Offset || !o.w.cluster.stops(p, s.stop.Offset):
		return nil, errMoot
	case m.Next < s.stop.Offset:
		return nil, errLater
	}
	for _, v := range source.Check("cluster", st.Ledger, []source.LogInfo{o.w.cluster.lookFor(p, m.LeaderEpoch)}) {
		if v.Kind != "" {
			return nil, errLater // the log is not the one that was read
		}
	}
	o.w.cluster.passed(p, s.stop.Offset)
	e := edit()
	m.Next, m.LeaderEpoch, m.Skipped = m.Next+1, offsets.NoEpoch, m.Skipped+1
	e.Set[p] = m
	e.Gaps = []commit.Gap{{Partition: p, Range: offsets.Range{From: m.Next - 1, To: m.Next}, Why: "skipped"}}
	return e, nil
}

// whole answers what leaves unclear what the table holds: the operator looks. All rows up to the last known offsets: --position
// mirror. None: --position start. Something else: the branch is put back to our newest snapshot that there is.
func (o *operator) whole(t *table, c *commit.Committer, s stopped) error {
	return o.accept(c, s, func(s stopped, v commit.View, st commit.State, why error) (*commit.Edit, error) {
		if why == nil {
			return nil, errMoot
		}
		last, known := lastKnown(v, s.sink)
		have, lack := o.w.holds(t, s.sink, last)
		switch {
		case known && !lack:
			e := edit()
			e.Cluster = last.Cluster
			maps.Copy(e.Set, last.Marks)
			return e, nil
		case !have:
			return o.fromStart(s, v, st, why)
		}
		t.restore(s.sink)
		return nil, errMoot
	})
}

// lastKnown is the newest state of a sink that the table shows anywhere.
func lastKnown(v commit.View, sink string) (offsets.Ledger, bool) {
	if m := v.Mirrors[sink]; m.Sound {
		return m.Ledger, true
	}
	var best commit.Snapshot
	for _, s := range v.Snapshots {
		if s.Sink == sink && s.Sequence > best.Sequence {
			best = s
		}
	}
	if best.Ledger == nil {
		return offsets.Ledger{}, false
	}
	return *best.Ledger, true
}

// look and lookFor are what an operator sees of a partition.
func (c *cluster) look(p offsets.Partition) source.LogInfo { return c.lookFor(p, offsets.NoEpoch) }

func (c *cluster) lookFor(p offsets.Partition, epoch int32) source.LogInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info(p, epoch, true)
}
