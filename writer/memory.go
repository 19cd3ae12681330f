package writer

import (
	"cmp"
	"context"
	"slices"
)

// floor is what a batch may hold even if the budget is spent by others: enough to turn a portion of records into
// rows, so that a source that holds the whole budget in records can be relieved of them.
const floor = 1 << 20

// Bounds of the pool, in bytes of columns.
const (
	poolLeast = 256 << 10
	poolMost  = 64 << 20
	manyLanes = 64
)

// poolLimit is when the pool is written out. With many partitions it is larger, so that their row groups are.
func (b *Batch) poolLimit() int64 {
	limit := min(max(b.budget.Limit()/8, poolLeast), poolMost)
	if len(b.lanes) > manyLanes {
		limit = max(limit, min(b.budget.Limit()/4, 2*poolMost))
	}
	return min(limit, b.format.pages.GroupBytes)
}

// usage is what the batch holds in memory now. The rows of the pool count half as much again: what it takes to write
// them out.
func (b *Batch) usage() int64 {
	n := b.memory() + b.pool.size()/2
	if b.touched || len(b.lanes) <= manyLanes { // the few files that stream change by themselves
		b.touched, b.open = false, int64(len(b.lanes))*laneMemory
		for _, l := range b.lanes {
			if l.file != nil {
				b.open += l.file.held()
			}
		}
	}
	return n + b.open
}

// settle makes the budget agree with what is held, without waiting.
func (b *Batch) settle() {
	switch n := b.usage(); {
	case n > b.held:
		b.budget.Force(n - b.held)
		b.held = n
	case n < b.held:
		b.budget.Release(b.held - n)
		b.held = n
	}
}

// reserve takes n bytes ahead of need; settle gives back what was not used. When the budget has none, the batch
// makes itself smaller first, and waits last.
func (b *Batch) reserve(ctx context.Context, n int64) error {
	if b.grab(n) {
		return nil
	}
	if b.pool.rows != nil { // an empty pool has memory too
		if b.pool.len() > 0 {
			b.stats.Forced++
		}
		if err := b.drain(ctx, false); err != nil {
			return err
		}
		b.buffers = buffers{}
		b.settle()
	}
	for !b.grab(n) {
		more, err := b.closeEarly(ctx, max(n, b.held/4))
		if err != nil {
			return err
		}
		if more {
			continue
		}
		// Nothing of the batch is left that could go: the budget is others'.
		if err := b.budget.Acquire(ctx, n); err != nil {
			return err
		}
		b.held += n
		break
	}
	return nil
}

// grab takes n bytes if they are free, or if the batch is below its floor or greedy.
func (b *Batch) grab(n int64) bool {
	switch {
	case b.budget.TryAcquire(n):
	case b.held+n <= floor || b.cfg.Greedy:
		b.budget.Force(n)
	default:
		return false
	}
	b.held += n
	return true
}

// closeEarly closes the largest open files until about want bytes are on their way out, and waits for some of them to
// arrive. False if there was nothing to wait for.
func (b *Batch) closeEarly(ctx context.Context, want int64) (bool, error) {
	var open []*lane
	for _, l := range b.lanes {
		if l.file != nil {
			open = append(open, l)
		}
	}
	slices.SortFunc(open, func(x, y *lane) int { return cmp.Compare(y.file.held(), x.file.held()) })
	for _, l := range open {
		if want <= 0 {
			break
		}
		want -= l.file.held()
		b.stats.Early++
		if err := b.ship(ctx, l); err != nil {
			return false, err
		}
	}
	b.dropLanes()
	b.touched = true
	b.settle()
	return b.shipping.waitOne(ctx)
}

// dropLanes forgets the partitions that have nothing open, if no row of the pool refers to any.
func (b *Batch) dropLanes() {
	if b.pool.len() > 0 {
		return
	}
	kept := b.lanes[:0]
	for _, l := range b.lanes {
		if l.file != nil {
			kept = append(kept, l)
		}
	}
	b.stats.Partition += len(b.lanes) - len(kept)
	clear(b.lanes[len(kept):])
	b.lanes = kept
	clear(b.byKey)
	for i, l := range kept {
		b.byKey[l.key] = int32(i)
	}
}
