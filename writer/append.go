package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// BadRecord is a record that cannot become a row, where the table's policy is to stop. The batch accounts for
// everything before it, and can be sealed.
type BadRecord struct {
	Table     string
	Partition offsets.Partition
	Offset    int64
	Err       error // OnBad's answer, or the *decode.RecordError
}

func (e *BadRecord) Error() string {
	return fmt.Sprintf("table %s: partition %s offset %d: %v", e.Table, e.Partition, e.Offset, e.Err)
}

func (e *BadRecord) Unwrap() error { return e.Err }

// Portions of a run, between which memory is taken.
const (
	portionRecords = 512
	portionBytes   = 256 << 10
)

// Append takes a run in. The records are not kept. After a *BadRecord the batch goes on as if the run had ended
// before that record; after any other error it can only be aborted.
func (b *Batch) Append(ctx context.Context, run Run) error {
	if err := b.check(); err != nil {
		return err
	}
	if err := b.follows(run); err != nil {
		return b.fail(err)
	}
	defer context.AfterFunc(ctx, b.cancel)()
	if b.started.IsZero() && run.Range.Len() > 0 {
		b.started = time.Now()
	}
	t := tally{run: run, next: run.Range.From}
	for at := 0; at < len(run.Records); {
		if err := ctx.Err(); err != nil {
			return b.fail(err)
		}
		n, size := portion(run.Records[at:])
		if err := b.reserve(ctx, 2*size+int64(n)*64); err != nil {
			return b.fail(err)
		}
		bad, err := b.decode(&t, run.Records[at:at+n])
		if err != nil {
			return b.fail(err)
		}
		b.settle()
		if bad != nil {
			b.account(t, bad.Offset)
			return bad
		}
		if b.pool.size() >= b.poolLimit() {
			if err := b.drain(ctx, false); err != nil {
				return b.fail(err)
			}
		}
		if err := b.shipping.failed(); err != nil {
			return b.fail(err)
		}
		at += n
	}
	b.account(t, run.Range.To)
	return nil
}

// portion is how many of the records are decoded before memory is looked at again, and their bytes.
func portion(recs []*kgo.Record) (n int, size int64) {
	for _, r := range recs {
		more := int64(len(r.Key) + len(r.Value))
		for _, h := range r.Headers {
			more += int64(len(h.Key) + len(h.Value))
		}
		if n > 0 && (n == portionRecords || size+more > portionBytes) {
			break
		}
		n, size = n+1, size+more
	}
	return n, size
}

// tally is what became of the offsets of a run so far.
type tally struct {
	run    Run
	next   int64 // first offset that is not accounted for
	epoch  int32 // of the last record
	counts manifest.Counts
	oldest time.Time
}

// follows checks that a run is the next of its partition, with its records in order within its range: what this
// batch accounts for is one piece of log without holes of its own making.
func (b *Batch) follows(run Run) error {
	p, r := run.Partition, run.Range
	want, known := b.start[p]
	if s := b.spans[p]; s != nil {
		want, known = s.To, true
	}
	switch {
	case !known:
		return fmt.Errorf("partition %s: a run %s of a partition that the batch knows no start of (this is a bug)", p, r)
	case r.From != want:
		return fmt.Errorf("partition %s: a run %s where offset %d comes next (this is a bug)", p, r, want)
	case r.To < r.From:
		return fmt.Errorf("partition %s: impossible range %s (this is a bug)", p, r)
	}
	next := r.From
	for _, rec := range run.Records {
		if rec.Offset < next || rec.Offset >= r.To {
			return fmt.Errorf("partition %s: offset %d in a run %s after offset %d (this is a bug)", p, rec.Offset, r, next-1)
		}
		next = rec.Offset + 1
	}
	return nil
}

// decode appends records to the pool until one of them stops the run. Other errors are the batch's end.
func (b *Batch) decode(t *tally, recs []*kgo.Record) (*BadRecord, error) {
	first := b.pool.len()
	settled := b.settled(t.run.Partition)
	for _, rec := range recs {
		var err error
		if rec.Offset < settled {
			err = b.cfg.Known(t.run.Partition, rec)
		}
		if err == nil {
			err = b.decodeOne(rec)
		}
		if errors.Is(err, decode.ErrFull) {
			b.assign(first)
			if err := b.drain(b.ctx, false); err != nil {
				return nil, err
			}
			first = b.pool.len()
			err = b.decodeOne(rec)
		}
		if err != nil {
			if bad, err := b.passOver(t, rec, err); bad != nil || err != nil {
				b.assign(first)
				return bad, err
			}
		} else {
			t.counts.Rows++
		}
		t.counts.Holes += rec.Offset - t.next
		t.next, t.epoch = rec.Offset+1, rec.LeaderEpoch
		if at := rec.Timestamp; at.UnixMilli() > 0 && (t.oldest.IsZero() || at.Before(t.oldest)) {
			t.oldest = at
		}
	}
	b.assign(first)
	return nil, nil
}

// passOver counts a record that is no row as skipped or dead, or says that the run stops before it. Another error than the record's
// own is the batch's end.
func (b *Batch) passOver(t *tally, rec *kgo.Record, err error) (*BadRecord, error) {
	var fault *decode.RecordError
	switch {
	case errors.Is(err, decode.ErrTombstone):
		b.skip(t, rec, decode.ErrTombstone)
	case errors.Is(err, ErrDead):
		t.counts.Dead++
	case !errors.As(err, &fault):
		return nil, fmt.Errorf("decode partition %s offset %d: %w", t.run.Partition, rec.Offset, err)
	default:
		switch stop := b.judge(t, rec, fault); {
		case errors.Is(stop, ErrDead):
			t.counts.Dead++
			return nil, nil
		case stop != nil:
			return &BadRecord{Table: b.table.Name, Partition: t.run.Partition, Offset: rec.Offset, Err: stop}, nil
		}
		b.skip(t, rec, fault)
	}
	return nil, nil
}

// decodeOne appends one record as a row, or nothing. A decoder that panics has met a bad record.
func (b *Batch) decodeOne(rec *kgo.Record) (err error) {
	rows := b.pool.begin(b.table.Schema)
	before := rows.N
	defer func() {
		if r := recover(); r != nil {
			rows.Truncate(before)
			err = &decode.RecordError{Code: "panic", Reason: fmt.Sprintf("the decoder failed on this record: %.200v", r)}
		}
	}()
	err = b.cfg.Decoder.Append(rows, rec)
	if err != nil && rows.N != before {
		rows.Truncate(before)
	}
	return err
}

// settled is the offset of p below which records are asked after before they are decoded.
func (b *Batch) settled(p offsets.Partition) int64 {
	if b.cfg.Known == nil {
		return 0
	}
	return b.cfg.Settled[p]
}

// judge asks the policy: an error stops the run before rec.
func (b *Batch) judge(t *tally, rec *kgo.Record, fault *decode.RecordError) error {
	if b.cfg.OnBad == nil {
		return fault
	}
	return b.cfg.OnBad(t.run.Partition, rec, fault)
}

func (b *Batch) skip(t *tally, rec *kgo.Record, why error) {
	t.counts.Skipped++
	if b.cfg.OnSkip != nil {
		b.cfg.OnSkip(t.run.Partition, rec, why)
	}
}

// account closes a run at offset to: everything before it has its fate now.
func (b *Batch) account(t tally, to int64) {
	t.counts.Holes += to - t.next
	s := b.spans[t.run.Partition]
	if s == nil {
		s = &manifest.Span{Range: offsets.Range{From: t.run.Range.From, To: t.run.Range.From}, LeaderEpoch: offsets.NoEpoch}
		b.spans[t.run.Partition] = s
	}
	switch {
	case to == s.To:
	case to == t.run.Range.To:
		s.LeaderEpoch = t.run.LeaderEpoch
	case to == t.next:
		s.LeaderEpoch = t.epoch
	default: // a hole whose batch is not known
		s.LeaderEpoch = offsets.NoEpoch
	}
	s.To = to
	for _, c := range []*manifest.Counts{&s.Counts, &b.counts} {
		c.Rows += t.counts.Rows
		c.Dead += t.counts.Dead
		c.Skipped += t.counts.Skipped
		c.Holes += t.counts.Holes
	}
	if !t.oldest.IsZero() && (b.oldest.IsZero() || t.oldest.Before(b.oldest)) {
		b.oldest = t.oldest
	}
}
