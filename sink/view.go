package sink

import (
	"maps"
	"sync"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
)

const keptCommits = 20

// laneView is what outsiders may see of a lane, kept by the lane and by its committer.
type laneView struct {
	mu       sync.Mutex
	status   TableStatus
	stop     *commit.Stop
	failing  bool
	begun    bool
	received rate
	behind   map[offsets.Partition]behind // partitions of which the table lacks records that may be read
	sealed   time.Time                    // when the batch of the last commit was full
	shown    time.Time                    // when publish last copied
}

// behind is where a partition that lags stands, and since when what comes next has been missing.
type behind struct {
	at    int64
	since time.Time
}

func (v *laneView) init(name string, e *Entry) {
	v.status = TableStatus{Table: name, State: Idle, Since: time.Now(), Topics: append([]string{}, e.Topics...)}
	for _, p := range e.Patterns {
		v.status.Topics = append(v.status.Topics, "/"+p.String()+"/")
	}
}

// buried counts a dead letter by what is wrong with it.
func (v *laneView) buried(p offsets.Partition, offset int64, why *decode.RecordError) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.status.Dead == nil {
		v.status.Dead = map[string]DeadStatus{}
	}
	d, had := v.status.Dead[why.Code]
	if !had {
		d = DeadStatus{Partition: p, Offset: offset, Reason: why.Error()}
	}
	d.Count++
	v.status.Dead[why.Code] = d
}

// state works out the state; the caller holds the lock.
func (v *laneView) settle(assigned bool) {
	state := Running
	switch {
	case v.stop != nil && (assigned || v.stop.Reason == commit.CatalogLies): // whoever has the partitions now looks for himself
		state = Stopped
	case !assigned:
		state = Idle
	case v.failing:
		state = Waiting
	case !v.begun:
		state = Starting
	}
	if state != v.status.State {
		v.status.State, v.status.Since = state, time.Now()
	}
}

func (v *laneView) starting() { v.mu.Lock(); defer v.mu.Unlock(); v.begun = v.begun && v.stop == nil }

func (v *laneView) fine() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failing, v.status.LastError = false, ""
}

func (v *laneView) running(resumed func()) {
	v.mu.Lock()
	was := v.stop != nil
	v.begun, v.failing, v.status.LastError = true, false, ""
	v.mu.Unlock()
	if was {
		resumed()
	}
}

func (v *laneView) trouble(step string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failing, v.status.LastError = true, step+": "+err.Error()
	v.settle(true)
}

func (v *laneView) stopped() *commit.Stop { v.mu.Lock(); defer v.mu.Unlock(); return v.stop }

func (v *laneView) setStop(s *commit.Stop) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stop = s
	if s != nil {
		v.begun, v.failing = false, false
	}
	v.settle(true)
}

func (v *laneView) appended(rows int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.received.add(time.Now(), rows)
}

func (v *laneView) committed(i CommitInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := &v.status
	t.Totals.Rows += i.Counts.Rows
	t.Totals.Dead += i.Counts.Dead
	t.Totals.Skipped += i.Counts.Skipped
	t.Totals.Holes += i.Counts.Holes
	t.Files += int64(i.Files)
	t.Bytes += i.Bytes
	t.Freshness = i.Age.Seconds()
	t.Commits = append([]CommitInfo{i}, t.Commits[:min(len(t.Commits), keptCommits-1)]...)
	v.failing, t.LastError = false, ""
	v.sealed = i.At.Add(-i.Took)
}

// lag works out how long each partition has been behind, since one may stand still while others move; the caller holds the lock.
func (v *laneView) lag(now time.Time, t *TableStatus) {
	if t.LagRecords == 0 {
		v.behind, t.LagSeconds = nil, 0
		return
	}
	was := v.behind
	v.behind = map[offsets.Partition]behind{}
	for _, p := range t.Partitions {
		if p.Lag() == 0 {
			continue
		}
		b, known := was[p.Partition]
		switch {
		case !known:
			b.since = now
		case b.at != p.Committed && v.sealed.After(b.since): // what is still missing arrived after the batch was full
			b.since = v.sealed
		}
		b.at = p.Committed
		v.behind[p.Partition] = b
		t.LagSeconds = max(t.LagSeconds, now.Sub(b.since).Seconds())
	}
}

// publish copies what only run may look at; while it is busy, ten times a second at most.
func (l *lane) publish(busy bool) {
	v := &l.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if busy && time.Since(v.shown) < 100*time.Millisecond {
		return
	}
	v.shown = time.Now()
	t := &v.status
	t.OpenRows, t.OpenBytes, t.OpenSince = 0, 0, time.Time{}
	oldest := time.Time{}
	if l.open != nil && !l.open.Empty() {
		t.OpenRows, t.OpenBytes, t.OpenSince = l.open.Rows(), l.open.Held(), l.open.Started()
		oldest = l.open.Started()
	}
	for _, f := range l.flushes {
		if oldest.IsZero() || f.received.Before(oldest) {
			oldest = f.received
		}
	}
	v.status.LagSeconds = 0
	if !oldest.IsZero() {
		v.status.LagSeconds = time.Since(oldest).Seconds()
	}
	t.Partitions = t.Partitions[:0:0]
	for _, id := range offsets.Sorted(l.parts) {
		p := l.parts[id]
		t.Partitions = append(t.Partitions, PartitionStatus{Partition: id, Fetched: p.next, Committed: p.committed, LastStable: -1, HighWater: -1, Stop: p.stop})
	}
	v.settle(len(l.parts) > 0)
}

// Status is a copy of how the sink stands.
func (s *Sink) Status() Status {
	s.mu.Lock()
	lanes := append([]*lane{}, s.order...)
	out := Status{Sink: s.cfg.Sink, Group: s.cfg.Group, Cluster: s.cluster, Started: s.started}
	s.mu.Unlock()
	err := s.cfg.Source.Err()
	out.Connected = err == nil
	if err == nil {
		err = s.cfg.Source.Refused()
	}
	if err != nil {
		out.Trouble = err.Error()
	}
	out.BudgetUsed, out.BudgetPeak, out.BudgetLimit = s.cfg.Budget.Used(), s.cfg.Budget.Peak(), s.cfg.Budget.Limit()
	ends := s.cfg.Source.Ends()
	for _, l := range lanes {
		l.view.mu.Lock()
		t := l.view.status
		if t.State == Stopped {
			t.Stop = l.view.stop
		}
		t.Partitions = append([]PartitionStatus{}, t.Partitions...)
		t.Commits = append([]CommitInfo{}, t.Commits...)
		t.Dead = maps.Clone(t.Dead)
		t.RowsPerSec = l.view.received.perSecond(time.Now())
		for i := range t.Partitions {
			p := &t.Partitions[i]
			if e, known := ends[p.Partition]; known {
				p.LastStable, p.HighWater = e.LastStable, e.HighWater
			}
			t.LagRecords += p.Lag()
		}
		l.view.lag(time.Now(), &t)
		if tally := l.entry.Tally; tally != nil {
			var others int64
			if t.Unknown, others = tally.Unknown(); others > 0 {
				t.Unknown[""] = others
			}
		}
		l.view.mu.Unlock()
		out.Tables = append(out.Tables, t)
	}
	return out
}

// rate counts over the last ten full seconds.
type rate struct {
	slots [11]int64
	at    int64 // the second of the newest slot
}

func (r *rate) advance(sec int64) {
	for ; r.at < sec; r.at++ {
		if sec-r.at > int64(len(r.slots)) {
			r.at = sec - int64(len(r.slots))
		}
		r.slots[(r.at+1)%int64(len(r.slots))] = 0
	}
}

func (r *rate) add(now time.Time, n int64) {
	r.advance(now.Unix())
	r.slots[r.at%int64(len(r.slots))] += n
}

func (r *rate) perSecond(now time.Time) float64 {
	r.advance(now.Unix())
	sum := int64(0)
	for i, n := range r.slots {
		if int64(i) != r.at%int64(len(r.slots)) {
			sum += n
		}
	}
	return float64(sum) / float64(len(r.slots)-1)
}
