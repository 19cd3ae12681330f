package commit_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
)

// silent is a table whose catalog takes every question and answers none.
type silent struct {
	*committest.Memory
	asked *atomic.Int32
}

func (s silent) Load(ctx context.Context) (commit.View, error) {
	s.asked.Add(1)
	<-ctx.Done()
	return commit.View{}, ctx.Err()
}

// A lane that ends cancels what it has begun. Something that only waits behind a commit to a catalog that is down must end then, and
// not when that commit does.
func TestCommitter_WhoWaitsForATurnWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := &commit.Committer{Table: silent{committest.NewMemory(nil), &asked}, Name: "shop.orders", Sink: "x", Hash: "h"}
		long, end := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() { _, err := c.Commit(long); first <- err }()
		synctest.Wait()

		for name, call := range map[string]func(context.Context) error{
			"Commit": func(ctx context.Context) error { _, err := c.Commit(ctx); return err },
			"State":  func(ctx context.Context) error { _, _, err := c.State(ctx); return err },
			"Look":   func(ctx context.Context) error { _, _, err := c.Look(ctx); return err },
			"Amend":  func(ctx context.Context) error { _, _, err := c.Amend(ctx, nil); return err },
			"Accept": func(ctx context.Context) error { _, err := c.Accept(ctx, 0, nil); return err },
		} {
			short, cancel := context.WithCancel(t.Context())
			waiting := make(chan error, 1)
			go func() { waiting <- call(short) }()
			synctest.Wait()
			if n := asked.Load(); n != 1 {
				t.Errorf("%s: %d requests at the same time", name, n)
			}
			cancel()
			synctest.Wait()
			select {
			case err := <-waiting:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", name, err)
				}
			default:
				t.Errorf("%s waits on for its turn, though its context has ended", name)
				end()
				<-waiting
			}
		}
		end()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
