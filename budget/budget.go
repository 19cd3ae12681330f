// Package budget is the one allowance of memory of the process. Whoever holds bytes of records took them
// from it first: fetched, decoded, encoded, being uploaded. When it is spent, fetching pauses; nothing is ever
// taken past it, except by one taker at a time that asks for more than the whole.
package budget

import (
	"context"
	"sync"
)

// Budget is safe for concurrent use.
type Budget struct {
	mu      sync.Mutex
	limit   int64
	used    int64
	peak    int64
	waiters []*waiter // first come, first served, so that a large taker is not starved
	short   func()    // told, outside the lock, that somebody waits
	parent  *Budget   // of a part: what is taken here is taken there too
}

// Part is a budget within this one: its takers share limit, and whatever they take counts here as well. It keeps
// one stage of the pipeline from starving the next.
func (b *Budget) Part(limit int64) *Budget { return &Budget{limit: min(limit, b.limit), parent: b} }

type waiter struct {
	n     int64
	ready chan struct{}
}

// New returns a budget of limit bytes. whenShort, if not nil, is called each time somebody must wait: the
// owner then commits what it holds. It must not block and may be called from any goroutine.
func New(limit int64, whenShort func()) *Budget { return &Budget{limit: limit, short: whenShort} }

// Limit is the size of the budget in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// Used is what is taken now, in bytes.
func (b *Budget) Used() int64 { b.mu.Lock(); defer b.mu.Unlock(); return b.used }

// Peak is the most that was ever taken at once, in bytes.
func (b *Budget) Peak() int64 { b.mu.Lock(); defer b.mu.Unlock(); return b.peak }

// Waiting is how many takers wait.
func (b *Budget) Waiting() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.waiters) }

func (b *Budget) fits(n int64) bool { return b.used+n <= b.limit || b.used == 0 }

func (b *Budget) take(n int64) {
	b.used += n
	b.peak = max(b.peak, b.used)
}

// Acquire takes n bytes, waiting for them if need be. A request larger than the budget is granted when
// nothing else is taken. The error is ctx's.
func (b *Budget) Acquire(ctx context.Context, n int64) error {
	if n <= 0 {
		return ctx.Err()
	}
	if err := b.acquire(ctx, n); err != nil || b.parent == nil {
		return err
	}
	if err := b.parent.Acquire(ctx, n); err != nil {
		b.release(n)
		return err
	}
	return nil
}

func (b *Budget) acquire(ctx context.Context, n int64) error {
	b.mu.Lock()
	if len(b.waiters) == 0 && b.fits(n) {
		b.take(n)
		b.mu.Unlock()
		return nil
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	b.waiters = append(b.waiters, w)
	b.mu.Unlock()
	if b.short != nil {
		b.short()
	}
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.ready: // granted meanwhile: give it back
		b.used -= n
	default:
		for i := range b.waiters {
			if b.waiters[i] == w {
				b.waiters = append(b.waiters[:i], b.waiters[i+1:]...)
				break
			}
		}
	}
	b.wake()
	return ctx.Err()
}

// TryAcquire takes n bytes if they are free and nobody waits.
func (b *Budget) TryAcquire(n int64) bool {
	n = max(n, 0)
	if !b.tryAcquire(n) {
		return false
	}
	if b.parent != nil && !b.parent.TryAcquire(n) {
		b.release(n)
		return false
	}
	return true
}

func (b *Budget) tryAcquire(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 && (len(b.waiters) > 0 || !b.fits(n)) {
		return false
	}
	b.take(n)
	return true
}

// Force takes n bytes whatever is free: for growth that has already happened and must be counted (a column
// buffer that doubled). Use it for small corrections only; it is the reason for the margin above the limit.
func (b *Budget) Force(n int64) {
	b.mu.Lock()
	b.take(n)
	b.mu.Unlock()
	if b.parent != nil {
		b.parent.Force(n)
	}
}

// Release gives n bytes back. Giving back more than was taken is a bug and panics.
func (b *Budget) Release(n int64) {
	if n <= 0 {
		return
	}
	b.release(n)
	if b.parent != nil {
		b.parent.Release(n)
	}
}

func (b *Budget) release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.used < 0 {
		panic("budget: more released than acquired")
	}
	b.wake()
}

func (b *Budget) wake() {
	for len(b.waiters) > 0 && b.fits(b.waiters[0].n) {
		w := b.waiters[0]
		b.waiters = b.waiters[1:]
		b.take(w.n)
		close(w.ready)
	}
}
