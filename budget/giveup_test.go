package budget_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/sinker-io/sinker/budget"
)

// Whoever gives up in the moment in which he is granted what he waits for has it or has it not: nothing is left taken by nobody.
func TestBudget_GrantedWhileGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for round := range 2000 {
			b := budget.New(10, nil)
			b.TryAcquire(10)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- b.Acquire(ctx, 5) }()
			synctest.Wait()
			cancel()
			b.Release(10)
			if err := <-done; err == nil {
				b.Release(5)
			}
			if b.Used() != 0 {
				t.Fatalf("round %d: %d bytes are taken by nobody", round, b.Used())
			}
		}
	})
}
