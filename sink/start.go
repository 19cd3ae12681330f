package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/writer"
)

// started is the outcome of one start: from the table's state to positions for some of the lane's partitions.
type started struct {
	asked     map[offsets.Partition]*part
	idle      offsets.Position // where the others stood then, if there was nothing of them on its way
	table     Table
	committer *commit.Committer
	st        commit.State
	v         commit.View
	stops     map[offsets.Partition]*commit.Stop // those that may not start
	ends      offsets.Position                   // where the log of those that were inspected ends
	dead      lettersStarted
	step      string
	err       error // a *commit.Stop of the table, or something to try again
}

// startWanted tells whether some partition waits for its position.
func (l *lane) startWanted() bool {
	if l.starting || l.stopping || (l.fresh && len(l.flushes) > 0) {
		return false
	}
	return len(l.startable()) > 0 || l.lookDue()
}

// lookDue tells whether the lane, which has nothing on its way, should see whether the table is still as it left it.
func (l *lane) lookDue() bool { return l.idle() && time.Since(l.looked) >= l.s.cfg.Look }

func (l *lane) idle() bool {
	return !l.fresh && l.open == nil && len(l.flushes) == 0 && len(l.backlog) == 0 && l.stop() == nil && len(l.startedParts()) > 0
}

// startable are the partitions that are not started, and not stopped unless it is time to look again.
func (l *lane) startable() map[offsets.Partition]*part {
	again := l.recheckDue()
	out := map[offsets.Partition]*part{}
	if l.stop() != nil && !again {
		return out
	}
	for id, p := range l.parts {
		if !p.started && !p.gone && (p.stop == nil || again) && l.misroutes[id.Topic] == nil {
			out[id] = p
		}
	}
	return out
}

func (l *lane) recheckDue() bool { return !l.recheck.IsZero() && !time.Now().Before(l.recheck) }

func (l *lane) startDue(ctx context.Context) {
	if !l.startWanted() || time.Now().Before(l.notBefore) {
		return
	}
	asked := l.startable()
	if l.dead != nil && !l.fresh && len(asked) > 0 { // what a lane with dead letters stands on is of all its partitions: all begin anew, and this time comes again
		if l.open != nil {
			l.flush(ctx, "start")
		}
		l.again("", nil)
		return
	}
	if l.recheckDue() { // else the start is of other partitions, and the look at the stopped ones is still to come
		defer func() { l.recheck = time.Time{} }()
	}
	var idle offsets.Position
	if l.idle() {
		idle = l.positions()
	}
	l.starting = true
	l.view.starting()
	table, committer := l.table, l.committer
	if s := l.stop(); s != nil && s.Reason == commit.Recreated && committer != nil {
		committer.Forget()
	}
	known := l.uuid
	var dead *deadLetters
	if l.dead != nil { // a copy: the start only reads it
		if s := l.stop(); s != nil && s.Reason == commit.Recreated && l.dead.committer != nil {
			l.dead.committer.Forget()
		}
		d := *l.dead
		dead = &d
	}
	ctx, l.cancelStart = context.WithCancel(ctx)
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		r := l.start(ctx, asked, table, committer, known, dead)
		r.idle = idle
		l.in.put(r)
	}()
}

// start reads where the table stands, anchors what it does not know yet, and checks the log against it.
func (l *lane) start(ctx context.Context, asked map[offsets.Partition]*part, table Table, c *commit.Committer, known uuid.UUID, dead *deadLetters) started {
	r := started{asked: asked, table: table, committer: c, stops: map[offsets.Partition]*commit.Stop{}}
	fail := func(step string, err error) started { r.step, r.err = step, err; return r }
	var err error
	if r.table == nil {
		if r.table, err = l.entry.Open(ctx, l.name); err != nil {
			return fail("open table", err)
		}
		r.committer = l.newCommitter(r.table, l.name, l.entry.Hash)
	}
	if r.st, r.v, err = r.committer.State(ctx); err != nil {
		return fail("read state", err)
	}
	if r.st.Empty && known != uuid.Nil && known != r.v.TableUUID {
		return fail("read state", l.recreated(known, r.v.TableUUID))
	}
	if r.st.Ledger.Bounded() {
		return fail("read state", l.sinkEnded(r.st))
	}
	if err := l.anchor(ctx, &r); err != nil {
		return fail("anchor", err)
	}
	if err := l.inspect(ctx, &r); err != nil {
		return fail("check the log", err)
	}
	if dead != nil {
		if err := l.stand(ctx, &r, dead); err != nil {
			return fail("read dead letters", err)
		}
	}
	return r
}

func (l *lane) newCommitter(t Table, name, hash string) *commit.Committer {
	p := l.s.cfg.Policy
	return &commit.Committer{
		Table: t, Name: name, Sink: l.s.cfg.Sink, Hash: hash, Rollback: p.Rollback, AllowNewSink: p.AllowNewSink,
		Now: l.s.cfg.Now, Jitter: l.s.cfg.Jitter,
		Attempted: func(took time.Duration, err error) {
			class := "ok"
			if err != nil {
				class = commit.ClassOf(err).String()
			} else {
				l.view.fine()
			}
			if told := l.s.cfg.Events.Attempt; told != nil {
				told(AttemptInfo{Table: name, Class: class, Took: took, Err: err})
			}
		},
		Trouble: func(step string, err error, again time.Duration) {
			if commit.ClassOf(err) != commit.Conflict {
				l.view.trouble(step, err)
			}
			if told := l.s.cfg.Events.Trouble; told != nil {
				told(TroubleInfo{Table: name, Step: step, Err: err, Again: again})
			}
		},
	}
}

// began puts the outcome of a start into force.
func (l *lane) began(r started) {
	l.starting = false
	l.cancelStart()
	l.looked = time.Now()
	if r.table != nil {
		l.table, l.committer = r.table, r.committer
	}
	if r.v.TableUUID != uuid.Nil && !r.st.Empty {
		l.uuid = r.v.TableUUID
	}
	if r.dead.table != nil {
		l.dead.table, l.dead.committer = r.dead.table, r.dead.committer
	}
	var s *commit.Stop
	switch {
	case errors.As(r.err, &s):
		l.stopTable(s)
		return
	case r.err != nil:
		l.again(r.step, r.err)
		l.lookOnceMore()
		return
	}
	if err := l.describe(r.v); err != nil {
		l.stopTable(l.incompatible(err))
		return
	}
	if !l.fresh && (r.st.Epoch != l.epoch || l.moved(r) || l.dead != nil && r.dead.st.Epoch != l.dead.epoch) { // what the others hold is of a state that is over
		l.epoch = r.st.Epoch
		l.again("", nil)
		l.lookOnceMore()
		return
	}
	if l.fresh && r.dead.table != nil {
		if err := l.dead.began(l, r); err != nil {
			l.stopTable(l.incompatible(err))
			return
		}
	}
	l.epoch, l.fresh = r.st.Epoch, false
	l.view.running(l.resumed())
	l.setStop(nil)
	l.place(r)
}

// moved tells whether the table stands elsewhere than where an idle lane has left it: somebody has rolled it back.
func (l *lane) moved(r started) bool {
	for id, at := range r.idle {
		if p := l.parts[id]; p != nil && p.started && p.next == at && l.idle() && r.st.Ledger.Marks[id].Next != at {
			return true
		}
	}
	return false
}

// place starts the partitions that are still ours at the table's positions.
func (l *lane) place(r started) {
	starts, at := map[offsets.Partition]source.Start{}, offsets.Position{}
	for id, p := range r.asked {
		if l.parts[id] != p || p.gone {
			continue // left us meanwhile, or was deleted
		}
		if s := r.stops[id]; s != nil {
			l.stopPart(id, p, s)
			continue
		}
		m, known := r.st.Ledger.Marks[id]
		if !known { // its topic appeared between two looks at the cluster, or the table was rolled back between two loads
			if p.stop != nil {
				l.recheck = time.Now()
			}
			continue
		}
		start := source.Start{Offset: m.Next, LeaderEpoch: m.LeaderEpoch}
		if p.next > m.Next && (l.open != nil || len(l.flushes) > 0) { // stopped while batches of ours, still under way, hold more than the table
			start = source.Start{Offset: p.next, LeaderEpoch: p.epoch}
		}
		p.started, p.next, p.epoch, p.committed = true, start.Offset, start.LeaderEpoch, m.Next
		if p.stop != nil && (start.Offset > p.stop.Offset || !seenByReading(p.stop.Reason) || r.lost(id, p.stop)) {
			l.cleared(id, p)
		}
		starts[id], at[id] = start, start.Offset
	}
	if l.open != nil {
		l.open.Include(at)
	}
	if len(starts) == 0 {
		return
	}
	if l.paused { // resume starts them with the others
		return
	}
	l.s.cfg.Source.StartAt(starts)
	call(l.s.cfg.Events.Positioned, l.name, at)
}

// lost tells whether the log ends before what a partition was stopped at: an election has cut it off, and nothing may ever follow that
// would show it.
func (r started) lost(id offsets.Partition, s *commit.Stop) bool {
	end, known := r.ends[id]
	return known && s.Reason != commit.NotAllowed && end <= s.Offset
}

// seenByReading tells whether only reading shows that a partition's STOP is over; all others are looked for at every start.
func seenByReading(why commit.Reason) bool {
	switch why {
	case commit.BadRecord, commit.TooManyBad, commit.FateChanged, commit.CorruptLog, commit.NotAllowed:
		return true
	}
	return false
}

// describe takes over the table's schema and spec for the batches to come.
func (l *lane) describe(v commit.View) error {
	desc, err := l.table.Describe(v)
	if err != nil {
		return err
	}
	if l.decoder == nil || l.desc.Schema == nil || !l.desc.Schema.Equals(desc.Schema) || l.desc.Schema.ID != desc.Schema.ID {
		d, err := l.entry.Decoder(desc.Schema)
		if err != nil {
			return err
		}
		l.decoder = d
	}
	l.desc = desc
	return nil
}

func (l *lane) writerConfig() writer.Config {
	c := writer.Config{Sink: l.s.cfg.Sink, Decoder: l.decoder, Budget: l.s.cfg.Budget, Spares: &l.spares, TargetFileSize: l.s.cfg.TargetFileSize,
		OnBad: l.onBad, OnSkip: l.onSkip}
	if l.dead != nil {
		c.Known, c.Settled = l.dead.known, l.dead.on.settled
	}
	return c
}

// stop is the table's own.
func (l *lane) stop() *commit.Stop { return l.view.stopped() }

func (l *lane) setStop(s *commit.Stop) { l.view.setStop(s) }

func (l *lane) incompatible(err error) *commit.Stop {
	var s *commit.Stop
	if errors.As(err, &s) {
		return s
	}
	return &commit.Stop{Reason: commit.Incompatible, Table: l.name, Found: "rows cannot be written to this table", Err: err,
		Do: "change the table or the configuration; sinker looks again every 30 s. `sinker check` holds the two against each other"}
}

func (l *lane) recreated(was, is any) *commit.Stop {
	return &commit.Stop{Reason: commit.Recreated, Table: l.name,
		Found: fmt.Sprintf("the table is new (uuid %v), and this sink has filled another one of the same name (uuid %v): it was dropped and created again", is, was),
		Do:    fmt.Sprintf("`sinker offsets accept --table %s --position start --reason WHY` fills the new table from `start`; or restore the old table", l.name)}
}
