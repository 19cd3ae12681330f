package sink

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/writer"
)

// flush is one batch on its way from due to seen in the table.
type flush struct {
	batch    *writer.Batch
	trigger  string
	due      time.Time
	received time.Time // its first record
	oldest   time.Time // Kafka's timestamp of its oldest record
	before   *flush    // whose commit must end first
	to       *commit.Committer
	letters  *sealing // nil: none are kept
	done     chan struct{}

	// Set before it returns to the lane.
	m       *manifest.Manifest
	receipt commit.Receipt
	err     error
	sealing bool // err is of Seal, not of Commit
	// Set by the lane.
	over bool
}

// flushDue flushes the open batch if something asks for it. Age does not, while another batch is under way: a slow
// catalog makes larger commits, not more of them.
func (l *lane) flushDue(ctx context.Context) {
	if l.s.cfg.Budget.Waiting() > 0 || l.open == nil && len(l.backlog) == 0 { // no other batch is in sight
		l.spares.Drop()
	}
	if l.open == nil || l.open.Empty() {
		return
	}
	short := l.short.Swap(false)
	switch busy := len(l.flushes); {
	case busy == 0 && time.Since(l.open.Started()) >= l.s.cfg.Every:
		l.flush(ctx, "age")
	case busy < 2 && l.open.Full():
		l.flush(ctx, "size")
	case busy < 2 && l.dead.heavy(l.s.cfg.Budget.Limit()):
		l.flush(ctx, "memory")
	case busy < 2 && short && len(l.backlog) == 0 && l.s.cfg.Budget.Waiting() > 0 && l.open.Held() >= l.s.cfg.Budget.Limit()/16:
		l.flush(ctx, "memory")
	}
}

func (l *lane) flush(ctx context.Context, trigger string) {
	if l.open.Empty() {
		l.abandon()
		return
	}
	f := &flush{batch: l.open, trigger: trigger, due: time.Now(), received: l.open.Started(), oldest: l.open.OldestRecord(), to: l.committer, letters: l.dead.flush(),
		done: make(chan struct{})}
	if n := len(l.flushes); n > 0 {
		f.before = l.flushes[n-1]
	}
	l.open = nil
	l.flushes = append(l.flushes, f)
	l.wg.Add(1)
	go func() {
		defer l.wg.Done()
		f.run(ctx, l)
		close(f.done)
		l.in.put(f)
	}()
}

// abandon throws the open batch away.
func (l *lane) abandon() {
	if l.open != nil {
		l.open.Abort()
		l.open = nil
	}
	l.dead.drop()
}

func (f *flush) run(ctx context.Context, l *lane) {
	defer f.batch.Abort()
	defer f.letters.abort()
	var dead *manifest.Manifest
	if f.m, f.err = f.batch.Seal(ctx); f.err == nil {
		dead, f.err = f.letters.seal(ctx, f.m)
	}
	if f.err != nil {
		f.sealing = true
		return
	}
	if told := l.s.cfg.Events.Staged; told != nil {
		told(stagedInfo(l.name, f))
	}
	if f.before != nil {
		<-f.before.done
	}
	if f.letters != nil {
		f.receipt, f.err = f.letters.commitBoth(ctx, f.to, f.m, dead)
		return
	}
	f.receipt, f.err = f.to.Commit(ctx, f.m)
}

// flushed draws the consequences of a flush that has ended.
func (l *lane) flushed(f *flush) {
	f.over = true
	for i := range l.flushes {
		if l.flushes[i] == f {
			l.flushes = append(l.flushes[:i], l.flushes[i+1:]...)
			break
		}
	}
	defer l.letGo()
	var s *commit.Stop
	switch {
	case errors.As(f.err, &s):
		l.stopTable(s)
	case f.sealing:
		l.again("seal", f.err)
	case f.err != nil: // the lane's end, or a bug that the audit found
		l.again("commit", f.err)
	case len(f.receipt.Stale) > 0:
		if told := l.s.cfg.Events.Fenced; told != nil {
			told(FencedInfo{Table: l.name, Batch: f.m.ID, Why: f.receipt.Why})
		}
		l.again("", nil)
	default:
		l.landed(f)
	}
}

func (l *lane) landed(f *flush) {
	l.failures, l.looked = 0, time.Now()
	ours := map[offsets.Partition]offsets.Mark{}
	for id := range f.m.Spans {
		if mark, has := f.receipt.State.Ledger.Marks[id]; has {
			ours[id] = mark
			if p := l.parts[id]; p != nil {
				p.committed = mark.Next
			}
		}
	}
	l.s.group.put(f.receipt.View.TableUUID, ours)
	info := committedInfo(l.name, f)
	l.view.committed(info)
	if told := l.s.cfg.Events.Committed; told != nil {
		told(info)
	}
	if err := l.describe(f.receipt.View); err != nil {
		l.stopTable(l.incompatible(err))
	}
}

func stagedInfo(table string, f *flush) StagedInfo {
	i := StagedInfo{Table: table, Batch: f.m.ID, Bytes: f.m.Bytes, Counts: f.m.Totals(), Took: time.Since(f.due), Trigger: f.trigger}
	for _, df := range f.m.Files {
		i.Files = append(i.Files, FileInfo{Path: df.FilePath(), Bytes: df.FileSizeBytes(), Rows: df.Count()})
	}
	return i
}

func committedInfo(table string, f *flush) CommitInfo {
	now := time.Now()
	i := CommitInfo{Table: table, Snapshot: f.receipt.Snapshot, At: now, Batches: []uuid.UUID{f.m.ID}, Ranges: offsets.Ranges{}, Counts: f.m.Totals(),
		Files: len(f.m.Files), Bytes: f.m.Bytes, Took: f.receipt.Took, Attempts: f.receipt.Attempts, Age: now.Sub(f.received), Oldest: f.oldest}
	if i.Snapshot == 0 {
		i.Snapshot = f.receipt.State.Carrier
	}
	for p, s := range f.m.Spans {
		i.Ranges[p] = s.Range
	}
	return i
}
