package sink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/writer"
)

// lane carries the records of its topics into one table. run is its only goroutine but for one start (reading the
// table's state and checking the log) and the flushes (sealing and committing a batch), which report back by its mailbox.
type lane struct {
	s     *Sink
	entry *Entry
	name  string
	in    *mailbox
	ended chan struct{}

	// What follows belongs to run.
	parts       map[offsets.Partition]*part
	backlog     []source.Records // delivered, not yet appended
	misroutes   map[string]*commit.Stop
	table       Table
	committer   *commit.Committer
	uuid        uuid.UUID // of the table, once seen
	desc        writer.Table
	decoder     decode.Decoder
	epoch       uint64
	open        *writer.Batch
	spares      writer.Spares // buffers of batches that have ended, for the next
	flushes     []*flush
	leaving     []leaving // revocations that wait for flushes
	starting    bool
	cancelStart func()
	fresh       bool      // the state must be read before any part may start
	notBefore   time.Time // of the next start
	failures    int       // in a row, for the back-off
	paused      bool
	short       atomic.Bool // the budget has made somebody wait since the last look
	stopping    bool
	abandoned   bool
	recheck     time.Time
	looked      time.Time // when we last saw where the table stands
	wg          sync.WaitGroup

	share share        // of bad records
	dead  *deadLetters // nil: none are kept

	view laneView // what outsiders see
}

// part is one assigned partition.
type part struct {
	started   bool
	next      int64 // the next offset to append
	epoch     int32 // leader epoch of the record batch that holds next-1; offsets.NoEpoch if not known
	committed int64
	stop      *commit.Stop
	gone      bool // its topic was deleted: it is ours, but nobody can read it any more
}

type leaving struct {
	ev    source.Revoked
	after []*flush
}

func newLane(s *Sink, e *Entry, name string) *lane {
	l := &lane{s: s, entry: e, name: name, in: newMailbox(), ended: make(chan struct{}), fresh: true,
		parts: map[offsets.Partition]*part{}, misroutes: map[string]*commit.Stop{}, dead: newDeadLetters(e, name)}
	l.view.init(name, e)
	l.share.limit = e.MaxBadShare
	if l.dead != nil {
		l.view.status.Letters = l.dead.name
	}
	return l
}

// run is the life of the lane. It ends after a stop, when everything is committed or given up, or when ctx ends.
func (l *lane) run(ctx context.Context) {
	defer close(l.ended)
	defer l.spares.Drop()
	defer l.wg.Wait() // the last flushes may leave spares
	defer l.in.close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		for _, item := range l.in.take() {
			l.handle(ctx, item)
		}
		if ctx.Err() != nil {
			l.abandoned = l.stopping && (l.open != nil || len(l.flushes) > 0)
			l.drop()
			return
		}
		worked := l.appendNext(ctx)
		l.flushDue(ctx)
		l.startDue(ctx)
		l.publish(worked)
		if l.stopping && l.open == nil && len(l.flushes) == 0 {
			l.drop()
			return
		}
		if worked {
			continue
		}
		timer.Reset(l.nextLook())
		select {
		case <-ctx.Done():
		case <-l.in.signal:
		case <-timer.C:
		}
	}
}

func (l *lane) handle(ctx context.Context, item letter) {
	switch m := item.(type) {
	case records:
		l.backlog = append(l.backlog, m.Records)
	case assigned:
		l.assign(m.Partitions)
	case revoked:
		l.revoke(ctx, m.Revoked)
	case fault:
		l.fault(m.Fault)
	case misrouted:
		l.misroutes[m.topic] = m.stop
		l.stopParts(m.stop, func(p offsets.Partition) bool { return p.Topic == m.topic })
	case started:
		l.began(m)
	case *flush:
		l.flushed(m)
	case stopping:
		l.stopping = true
		if l.starting { // nothing is to be begun any more; a catalog that is down must not hold up the end
			l.cancelStart()
		}
		l.dropBacklog(func(offsets.Partition) bool { return true })
		if l.open != nil {
			l.flush(ctx, "stop")
		}
	}
}

func (l *lane) assign(ps []offsets.Partition) {
	for _, p := range ps {
		l.parts[p] = &part{}
		if s := l.misroutes[p.Topic]; s != nil {
			l.stopPart(p, l.parts[p], s)
		}
	}
	l.notBefore = time.Time{}
	call(l.s.cfg.Events.Assigned, l.name, ps)
}

// revoke seals what there is of the leaving partitions and lets them go when it is committed, or known not to fit.
func (l *lane) revoke(ctx context.Context, ev source.Revoked) {
	gone := map[offsets.Partition]bool{}
	for _, p := range ev.Partitions {
		gone[p] = true
		delete(l.parts, p)
	}
	l.dropBacklog(func(p offsets.Partition) bool { return gone[p] })
	if l.open != nil {
		l.flush(ctx, "revoked")
	}
	call(l.s.cfg.Events.Revoked, l.name, ev.Partitions)
	l.leaving = append(l.leaving, leaving{ev: ev, after: append([]*flush{}, l.flushes...)})
	l.letGo()
}

// letGo answers the revocations whose flushes have ended.
func (l *lane) letGo() {
	kept := l.leaving[:0]
	for _, lv := range l.leaving {
		busy := false
		for _, f := range lv.after {
			busy = busy || !f.over
		}
		if busy {
			kept = append(kept, lv)
		} else {
			lv.ev.Done()
		}
	}
	l.leaving = kept
}

// appendNext appends one run of the backlog, and tells whether there was something to do.
func (l *lane) appendNext(ctx context.Context) bool {
	if l.stopping || l.full() {
		l.pause()
		return false
	}
	if len(l.backlog) == 0 {
		l.resume()
		return false
	}
	run := l.backlog[0]
	l.backlog[0] = source.Records{}
	l.backlog = l.backlog[1:]
	defer run.Release()
	p := l.parts[run.Partition]
	switch {
	case p == nil || !p.started || p.next > run.Range.From:
		return true // of a time before; it comes again if it is needed
	case p.next < run.Range.From: // some of what was in between was dropped: ask for it again
		l.s.cfg.Source.StartAt(map[offsets.Partition]source.Start{run.Partition: {Offset: p.next, LeaderEpoch: p.epoch}})
		return true
	}
	if l.open == nil {
		l.open = writer.NewBatch(l.desc, l.writerConfig(), l.epoch, l.positions())
		l.dead.opened(l.positions())
	}
	before := l.open.Counts()
	err := l.open.Append(ctx, writer.Run{Partition: run.Partition, Range: run.Range, LeaderEpoch: run.LeaderEpoch, Records: run.Recs})
	var bad *writer.BadRecord
	if failed := l.dead.append(ctx, l, run, accounted(run, err)); failed != nil {
		err = failed
	}
	switch {
	case errors.Is(err, commit.ErrRewritten):
		l.again("read "+run.Partition.String(), err)
	case err == nil:
		l.view.appended(int64(len(run.Recs)))
		l.share.good(len(run.Recs) - int(l.open.Counts().Skipped-before.Skipped) - int(l.open.Counts().Dead-before.Dead))
		p.next, p.epoch = run.Range.To, run.LeaderEpoch
		l.cleared(run.Partition, p)
	case errors.As(err, &bad):
		p.next, p.epoch = bad.Offset, epochBefore(run, bad.Offset, p.epoch)
		l.stopPart(run.Partition, p, l.badStop(run.Partition, bad))
		if l.open.Empty() { // nothing makes it due, and it would keep its buffers for as long as all is stopped
			l.abandon()
		}
	case ctx.Err() != nil:
	default:
		l.again("write", err)
	}
	return true
}

// epochBefore is the leader epoch of the batch that holds the offset before one of run's, if it is known: before is that of the run itself.
func epochBefore(run source.Records, offset int64, before int32) int32 {
	if offset == run.Range.From {
		return before
	}
	for _, r := range run.Recs {
		if r.Offset == offset-1 {
			return r.LeaderEpoch
		}
	}
	return offsets.NoEpoch // a hole
}

// full tells that no more may be appended now: a batch waits for its turn behind the one being committed, and the open one has a
// full file.
func (l *lane) full() bool {
	return len(l.flushes) >= 2 || (len(l.flushes) == 1 && l.open != nil && (l.open.Full() || l.dead.heavy(l.s.cfg.Budget.Limit())))
}

func (l *lane) pause() {
	if !l.paused {
		l.paused = true
		l.dropBacklog(func(offsets.Partition) bool { return true })
		l.s.cfg.Source.Pause(l.startedParts())
	}
}

// resume asks again for what pausing dropped: partitions go on where the batch stands.
func (l *lane) resume() {
	if !l.paused {
		return
	}
	l.paused = false
	at := map[offsets.Partition]source.Start{}
	for id, p := range l.parts {
		if p.started {
			at[id] = source.Start{Offset: p.next, LeaderEpoch: p.epoch}
		}
	}
	l.s.cfg.Source.StartAt(at)
}

func (l *lane) startedParts() []offsets.Partition {
	var ps []offsets.Partition
	for id, p := range l.parts {
		if p.started {
			ps = append(ps, id)
		}
	}
	return ps
}

func (l *lane) positions() offsets.Position {
	at := offsets.Position{}
	for id, p := range l.parts {
		if p.started {
			at[id] = p.next
		}
	}
	return at
}

// again drops what the lane holds, and starts it again from where the table stands, after a back-off if err is not nil.
func (l *lane) again(step string, err error) {
	l.abandon()
	l.s.cfg.Source.Pause(l.startedParts())
	l.dropBacklog(func(offsets.Partition) bool { return true })
	for _, p := range l.parts {
		if p.started && p.stop != nil { // it was looked at again, and that has come to nothing
			l.recheck = time.Now()
		}
		p.started, p.next = false, 0
	}
	l.fresh, l.paused = true, false
	if err == nil {
		l.notBefore = time.Time{}
		return
	}
	wait := l.s.cfg.Jitter(min(100*time.Millisecond<<min(l.failures, 9), 30*time.Second)) + time.Millisecond
	l.failures++
	l.notBefore = time.Now().Add(wait)
	l.view.trouble(step, err)
	if told := l.s.cfg.Events.Trouble; told != nil {
		told(TroubleInfo{Table: l.name, Step: step, Err: err, Again: wait})
	}
}

func (l *lane) dropBacklog(of func(offsets.Partition) bool) {
	kept := l.backlog[:0]
	for _, r := range l.backlog {
		if of(r.Partition) {
			r.Release()
		} else {
			kept = append(kept, r)
		}
	}
	clear(l.backlog[len(kept):])
	l.backlog = kept
}

// drop gives back everything the lane holds: it ends.
func (l *lane) drop() {
	l.dropBacklog(func(offsets.Partition) bool { return true })
	l.abandon()
	for _, lv := range l.leaving {
		lv.ev.Done()
	}
	l.leaving = nil
}

func (l *lane) fault(f source.Fault) {
	p := l.parts[f.Partition]
	if p == nil {
		return
	}
	switch f.Kind {
	case source.FaultCorrupt, source.FaultDenied:
		l.stopPart(f.Partition, p, l.faultStop(f))
		return
	case source.FaultRecreated: // what follows is the affair of its next incarnation, which is assigned after this
		p.gone = true
		l.cleared(f.Partition, p)
	}
	// The log moved under us: what that means is decided where every start is checked, against the table's state.
	l.again("read "+f.Partition.String(), fmt.Errorf("%s at offset %d: %w", f.Kind, f.At, f.Err))
}

func (l *lane) nextLook() time.Duration {
	d := time.Second
	if l.open != nil && len(l.flushes) == 0 {
		d = min(d, time.Until(l.open.Started().Add(l.s.cfg.Every)))
	}
	if l.startWanted() {
		d = min(d, time.Until(l.notBefore))
	}
	return max(d, time.Millisecond)
}

func call[A any](f func(string, A), table string, a A) {
	if f != nil {
		f(table, a)
	}
}
