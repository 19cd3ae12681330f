package budget_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sinker-io/sinker/budget"
)

func TestBudget_NeverPastTheLimitAndBackToZero(t *testing.T) {
	b := budget.New(100, nil)
	part := b.Part(60)
	var all sync.WaitGroup
	for i := range 16 {
		from := b
		if i%2 == 0 {
			from = part
		}
		all.Go(func() {
			for range 500 {
				n := 1 + rand.Int64N(40)
				if err := from.Acquire(t.Context(), n); err != nil {
					t.Error(err)
				}
				if b.Used() > 100 || part.Used() > 60 {
					t.Errorf("used %d of 100, part %d of 60", b.Used(), part.Used())
				}
				from.Release(n)
			}
		})
	}
	all.Wait()
	if b.Used() != 0 || part.Used() != 0 {
		t.Errorf("left: %d, %d", b.Used(), part.Used())
	}
	if b.Peak() > 100 {
		t.Errorf("peak %d", b.Peak())
	}
}

func TestBudget_LargerThanTheWholeWaitsForAllAndIsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := 0
		b := budget.New(10, func() { short++ })
		if !b.TryAcquire(4) {
			t.Fatal("free bytes refused")
		}
		got := make(chan struct{})
		go func() {
			if err := b.Acquire(t.Context(), 50); err != nil {
				t.Error(err)
			}
			close(got)
		}()
		synctest.Wait()
		if b.TryAcquire(1) {
			t.Error("a small taker passed the one who waits")
		}
		if short != 1 || b.Waiting() != 1 {
			t.Errorf("short %d, waiting %d", short, b.Waiting())
		}
		b.Release(4)
		<-got
		b.Release(50)
		if b.Used() != 0 {
			t.Errorf("left %d", b.Used())
		}
	})
}

func TestBudget_WhoGivesUpLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(10, nil)
		part := b.Part(5)
		b.TryAcquire(10)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- part.Acquire(ctx, 3) }()
		synctest.Wait()
		cancel()
		if err := <-done; err == nil {
			t.Error("no error")
		}
		b.Release(10)
		if b.Used() != 0 || part.Used() != 0 || b.Waiting() != 0 {
			t.Errorf("left: %d %d, waiting %d", b.Used(), part.Used(), b.Waiting())
		}
		defer func() {
			if recover() == nil {
				t.Error("a release too much must be seen")
			}
		}()
		b.Release(1)
	})
}
