package writer

import (
	"context"

	"github.com/sinker-io/sinker/writer/metrics"
	"github.com/sinker-io/sinker/writer/pages"
	"github.com/sinker-io/sinker/writer/shred"
)

// assign finds the lanes of the pool's rows from the first on.
func (b *Batch) assign(first int) {
	n := b.pool.len()
	if n == first {
		return
	}
	if b.format.scheme.Unpartitioned() {
		if len(b.lanes) == 0 {
			b.addLane("", first)
		}
		return
	}
	var key, last []byte
	at := int32(-1)
	for row := first; row < n; row++ {
		key = b.format.scheme.Key(key[:0], b.pool.rows, row)
		if at < 0 || string(key) != string(last) {
			var ok bool
			if at, ok = b.byKey[string(key)]; !ok {
				at = b.addLane(string(key), row)
			}
			key, last = last, key
		}
		b.pool.lane = append(b.pool.lane, at)
	}
}

// addLane opens the partition that row of the pool belongs to.
func (b *Batch) addLane(key string, row int) int32 {
	at := int32(len(b.lanes))
	b.lanes = append(b.lanes, &lane{key: key, tuple: b.format.scheme.Tuple(b.pool.rows, row)})
	b.byKey[key] = at
	b.touched = true
	return at
}

// drain writes the pool out: the rows of each lane as a row group of its file. With closing, each file is closed
// as soon as it has them.
func (b *Batch) drain(ctx context.Context, closing bool) error {
	if b.pool.len() == 0 {
		return nil
	}
	b.most = max(b.most, b.pool.size())
	b.touched = true
	if len(b.pool.lane) == 0 {
		if err := b.write(ctx, b.lanes[0], shred.Selection{To: b.pool.len()}); err != nil {
			return err
		}
		b.pool.clear()
		b.settle()
		return nil
	}
	index, ends := b.pool.order(len(b.lanes))
	from := 0
	for k, l := range b.lanes {
		to := ends[k]
		if to > from {
			if err := b.write(ctx, l, shred.Selection{From: from, To: to, Index: index}); err != nil {
				return err
			}
			if l.file != nil && (closing || !b.keeps(l.file)) {
				if err := b.ship(ctx, l); err != nil {
					return err
				}
			}
		}
		from = to
	}
	b.pool.clear()
	b.settle()
	return nil
}

// keeps tells whether there is memory for f to stay open, and takes it. With many partitions the open files can
// outgrow the pool that they are fed from.
func (b *Batch) keeps(f *dataFile) bool {
	n := f.held()
	more := max(n-f.taken, 0)
	if !b.budget.TryAcquire(more) {
		b.stats.Early++
		return false
	}
	b.held += more
	f.taken = n
	return true
}

// write appends the rows of sel to the file of l, and to further files when one is full.
func (b *Batch) write(ctx context.Context, l *lane, sel shred.Selection) error {
	for sel.Len() > 0 {
		if l.file == nil {
			if err := b.begin(l, sel); err != nil {
				return err
			}
		}
		f := l.file
		var head shred.Selection
		head, sel = sel.Cut(min(b.room(f), sel.Len()))
		before := f.out.size
		if err := f.pages.Group(b.pool.rows, head, &b.shredder, &b.encoder, f.metrics.Observe); err != nil {
			return err
		}
		f.rows += int64(head.Len())
		b.stats.Groups++
		b.encoded.rows += int64(head.Len())
		b.encoded.bytes += f.out.size - before
		if b.full(f) {
			b.stats.Rolled++
			if err := b.ship(ctx, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// mostGroups keeps footers, and the memory for them, small where row groups are.
const mostGroups = 1000

// full tells whether a file is as large as it should be, within the tolerance that readers do not feel.
func (b *Batch) full(f *dataFile) bool {
	return f.out.size >= b.format.target-b.format.target/10 || f.pages.Groups() >= mostGroups
}

// room is how many rows the file's next row group may have: what is missing to the target, by what rows of this file
// came to, or those of the batch, or, to begin with, what they are in memory.
func (b *Batch) room(f *dataFile) int {
	missing := float64(b.format.target - f.out.size)
	perRow := float64(b.pool.raw) / float64(b.pool.len())
	switch {
	case f.rows > 0:
		perRow = float64(f.out.size) / float64(f.rows)
	case b.encoded.rows > 0:
		perRow = float64(b.encoded.bytes) / float64(b.encoded.rows)
	}
	n := missing / max(perRow, 0.01)
	return int(min(max(n, 1), 1<<30))
}

// begin opens a file for l, encoded as the rows of sel suggest.
func (b *Batch) begin(l *lane, sel shred.Selection) error {
	if b.plan == nil || sel.Len() >= 4*b.plan.Rows {
		b.plan = b.format.layout.Plan(b.pool.rows, sel, &b.shredder, &b.encoder)
	}
	f := &dataFile{
		number: b.files, tuple: l.tuple, leaves: len(b.format.layout.Leaves),
		out:     &output{ctx: b.ctx, store: b.table.Store, location: b.format.place.file(b.cfg.Sink, b.id, b.files, l.tuple.Path)},
		metrics: metrics.New(b.format.layout.Leaves, b.format.modes),
	}
	b.files++
	var err error
	if f.pages, err = pages.Open(f.out, b.format.layout, b.plan); err != nil {
		f.abandon()
		return err
	}
	l.file = f
	return nil
}
