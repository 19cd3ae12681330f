package writer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/writer/pages"
)

// Batch turns runs of records into staged files. It belongs to one goroutine and ends in one Seal or one Abort.
//
// Rows wait as columns in a pool. When the pool is full, or memory is short, they go out: each partition's rows become
// one row group of its open file, small files are kept in memory until they are closed, larger ones stream to the
// store. All of it is taken from the budget.
type Batch struct {
	table  Table
	cfg    Config
	format *format
	broken error // after it only Abort helps
	ended  string

	id      uuid.UUID
	epoch   uint64
	start   offsets.Position
	spans   map[offsets.Partition]*manifest.Span
	counts  manifest.Counts
	started time.Time
	oldest  time.Time

	ctx    context.Context // of everything that the batch has under way
	cancel context.CancelFunc
	budget *budget.Budget
	held   int64 // taken from the budget, what is being shipped not counted

	open    int64 // memory of the open files, as of the last look
	touched bool  // it has changed since

	buffers
	most     int64 // bytes of columns that were in the pool at once
	lanes    []*lane
	byKey    map[string]int32
	encoded  encoded
	plan     *pages.Plan // how the next file is encoded
	shipping *shipping
	files    int // begun so far: numbers their names
	stats    Stats
}

// Stats says how a batch came by its files.
type Stats struct {
	Files     int // begun
	Groups    int // row groups written
	Rolled    int // files closed because they reached their size
	Early     int // files closed because memory was short
	Forced    int // times the pool was written out because memory was short
	Partition int // partitions of the table that were met; one that was closed early and met again counts twice
}

// encoded is what row groups of this batch came to: the best guess for the next.
type encoded struct{ rows, bytes int64 }

// ErrEnded is the error of a batch that was sealed or aborted before.
var ErrEnded = errors.New("the batch has ended")

// NewBatch begins a batch. at is where each partition goes on: the first run of a partition must begin there. A table
// that cannot be written (see Check) is reported by the first Append and by Seal.
func NewBatch(t Table, cfg Config, epoch uint64, at offsets.Position) *Batch {
	if cfg.Budget == nil {
		cfg.Budget = budget.New(math.MaxInt64, nil)
	}
	b := &Batch{
		table: t, cfg: cfg, id: uuid.New(), epoch: epoch, start: at.Clone(),
		spans: map[offsets.Partition]*manifest.Span{}, byKey: map[string]int32{}, budget: cfg.Budget,
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.shipping = newShipping(b.ctx, t.Store, cfg.Budget)
	var err error
	if b.format, err = newFormat(t, cfg); err != nil {
		b.broken = fmt.Errorf("table %s cannot be written: %w", t.Name, err)
		return b
	}
	if spare, held := cfg.Spares.take(t.Schema); spare != nil {
		b.buffers, b.held = *spare, held
	}
	return b
}

// Check tells whether a table can be written as it is: its types, its partition spec, its properties.
func Check(t Table) error {
	if _, err := newFormat(t, Config{}); err != nil {
		return fmt.Errorf("table %s cannot be written: %w", t.Name, err)
	}
	return nil
}

// ID is the batch's identity; its files carry it in their names.
func (b *Batch) ID() uuid.UUID { return b.id }

// Empty tells whether no offset was accounted for yet.
func (b *Batch) Empty() bool { return b.counts.Sum() == 0 }

// Rows is how many rows the batch holds.
func (b *Batch) Rows() int64 { return b.counts.Rows }

// Counts is the fate of all offsets so far.
func (b *Batch) Counts() manifest.Counts { return b.counts }

// Stats tells how many files were begun, and why they ended.
func (b *Batch) Stats() Stats {
	s := b.stats
	s.Files, s.Partition = b.files, s.Partition+len(b.byKey)
	return s
}

// Started is when the first run arrived; zero while the batch is empty.
func (b *Batch) Started() time.Time { return b.started }

// OldestRecord is the earliest timestamp of any record; zero if there is none.
func (b *Batch) OldestRecord() time.Time { return b.oldest }

// Held is how many bytes the batch has taken from the budget.
func (b *Batch) Held() int64 { return b.held + b.shipping.held() }

// StagedBytes is about how large the batch's files would be if it were sealed now.
func (b *Batch) StagedBytes() int64 {
	n := b.shipping.bytes()
	for _, l := range b.lanes {
		if l.file != nil {
			n += l.file.out.size
		}
	}
	return n + b.pool.encoded(b.encoded)
}

// Full tells whether a file has reached the target size, or will with the rows that wait.
func (b *Batch) Full() bool {
	if b.format == nil {
		return false
	}
	if b.stats.Rolled > 0 {
		return true
	}
	if len(b.lanes) != 1 {
		return false
	}
	n := b.pool.encoded(b.encoded)
	if f := b.lanes[0].file; f != nil {
		n += f.out.size
	}
	return n >= b.format.target
}

// Abort throws the batch away. What was uploaded is removed as far as the store lets us within ten seconds; no
// request has named it. Aborting a batch that has ended does nothing.
func (b *Batch) Abort() {
	if b.ended != "" {
		return
	}
	b.ended = "aborted"
	b.discard()
}

// discard leaves nothing behind: no upload, no memory, no object.
func (b *Batch) discard() {
	b.cancel()
	stored := b.shipping.wait()
	for _, l := range b.lanes {
		if l.file != nil {
			l.file.abandon()
			l.file = nil
		}
	}
	b.forget()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	removeAll(ctx, b.table.Store, stored)
}

// forget gives all memory back.
func (b *Batch) forget() {
	b.stats.Partition += len(b.byKey)
	b.buffers, b.lanes, b.byKey = buffers{}, nil, nil
	b.budget.Release(b.held)
	b.held = 0
}

// check is the error of a batch that can take nothing more.
func (b *Batch) check() error {
	if b.ended != "" {
		return fmt.Errorf("batch %s of %s was %s: %w", b.id, b.table.Name, b.ended, ErrEnded)
	}
	return b.broken
}

// fail remembers the first error that the batch cannot survive.
func (b *Batch) fail(err error) error {
	if b.broken == nil {
		b.broken = fmt.Errorf("write %s, batch %s: %w", b.table.Name, b.id, err)
	}
	return b.broken
}
