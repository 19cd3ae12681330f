package writer

import (
	"context"
	"testing"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/offsets"
)

// sealed makes a batch of n rows and seals it.
func (w *world) sealed(n int) *Batch {
	w.t.Helper()
	w.store.objects = map[string][]byte{}
	b := w.batch()
	for at := 0; at < n; at += 1000 {
		w.append(b, run(100+int64(at), numbered(at, min(1000, n-at))...))
	}
	m, err := b.Seal(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if got := len(w.all(m)); got != n {
		w.t.Fatalf("%d rows of %d", got, n)
	}
	return b
}

// One batch after the other works in the same memory, which counts all the time: in a batch, or in the spares.
func TestSpares_AreCountedWhoeverHasThem(t *testing.T) {
	w := newWorld(t, simple(), identityOn(simple(), 2), nil)
	var spares Spares
	w.cfg.Spares = &spares
	var columns *iceberg.Schema
	for range 4 {
		b := w.sealed(20_000)
		if b.Held() != 0 || spares.held == 0 || w.budget.Used() != spares.held {
			t.Fatalf("the batch holds %d bytes, the spares %d, and %d are taken", b.Held(), spares.held, w.budget.Used())
		}
		if got := spares.kept.memory(); got > spares.held {
			t.Fatalf("the spares are %d bytes, and %d were taken for them", got, spares.held)
		}
		if s := spares.kept.pool.rows.Schema; columns != nil && s != columns {
			t.Error("the batch made columns of its own")
		} else {
			columns = s
		}
	}
	next := w.batch()
	if next.Held() == 0 || spares.held != 0 {
		t.Errorf("the next batch holds %d bytes, the spares still %d", next.Held(), spares.held)
	}
	next.Abort()
	spares.Drop()
	if used := w.budget.Used(); used != 0 {
		t.Errorf("%d bytes were not given back", used)
	}
}

// Columns are of one schema: those of another table, or of the table before it was changed, are no use.
func TestSpares_OfAnotherSchemaAreDropped(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	var spares Spares
	w.cfg.Spares = &spares
	w.sealed(5000)
	other := newWorld(t, eventSchema(), none, nil)
	other.cfg.Spares = &spares
	b := other.batch()
	defer b.Abort()
	if b.Held() != 0 || w.budget.Used() != 0 || spares.kept != nil {
		t.Errorf("the batch began with %d bytes, and %d are still taken", b.Held(), w.budget.Used())
	}
}

// Nothing is kept while somebody waits for memory, nor what one large batch needed and those after it do not.
func TestSpares_AreNotKeptAtAnyPrice(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	var spares Spares
	w.cfg.Spares = &spares
	w.sealed(50_000)
	if spares.kept == nil {
		t.Fatal("nothing was kept of a large batch")
	}
	w.sealed(10)
	if spares.kept != nil {
		t.Errorf("a batch of 10 rows keeps %d bytes for the next", spares.held)
	}

	waits := make(chan struct{}, 1)
	w.budget = budget.New(64<<20, func() { waits <- struct{}{} })
	w.cfg.Budget = w.budget
	b := NewBatch(w.table, w.cfg, 7, offsets.Position{orders: 100})
	w.append(b, run(100, numbered(0, 50_000)...)) // these buffers would be kept
	got := make(chan error)
	go func() { got <- w.budget.Acquire(context.Background(), w.budget.Limit()) }()
	<-waits
	if _, err := b.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil || spares.kept != nil {
		t.Errorf("spares were kept from one who waits (%v)", err)
	}
}
