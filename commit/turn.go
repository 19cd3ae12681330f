package commit

import (
	"context"
	"sync"
)

// turn is taken by one goroutine at a time. Unlike a mutex it is waited for only as long as ctx lasts: who holds it may
// be talking to a catalog that is down. The zero value is ready.
type turn struct {
	once  sync.Once
	taken chan struct{}
}

func (t *turn) take(ctx context.Context) error {
	t.once.Do(func() { t.taken = make(chan struct{}, 1) })
	select {
	case t.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turn) give() { <-t.taken }
