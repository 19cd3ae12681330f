package writer

import (
	"sync"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/writer/pages"
	"github.com/sinker-io/sinker/writer/shred"
)

// Spares keeps the columns and buffers of one batch for the next of its table, which would grow its own anew otherwise.
// Their memory stays taken from the budget until a batch takes them over or Drop gives them back: whoever keeps Spares
// drops them when somebody waits for memory, and when no further batch is in sight. The zero value is empty. Safe for
// concurrent use.
type Spares struct {
	mu     sync.Mutex
	kept   *buffers
	budget *budget.Budget // that held was taken from
	held   int64
}

// buffers are what a batch works with and does not need any more once its files are made.
type buffers struct {
	pool     pool
	shredder shred.Shredder
	encoder  pages.Encoder
}

func (b *buffers) memory() int64 {
	return b.pool.memory() + b.shredder.Memory() + b.encoder.Memory()
}

// Buffers that are larger than this many times what the last batch had in them are not kept: one large batch is no
// reason to hold its memory for ever. Doubling makes them up to twice as large as what is in them.
const mostSpare = 4

// keep takes buffers over, for which held bytes were taken from the budget. False: they are not wanted.
func (s *Spares) keep(b *buffers, from *budget.Budget, held int64) bool {
	if s == nil || from.Waiting() > 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept != nil {
		return false
	}
	s.kept, s.budget, s.held = b, from, held
	return true
}

// take hands the buffers over, with what is taken from the budget for them, if they are of this schema. Others are dropped.
func (s *Spares) take(schema *iceberg.Schema) (*buffers, int64) {
	if s == nil {
		return nil, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, held := s.kept, s.held
	if b == nil || b.pool.rows.Schema.ID != schema.ID || !b.pool.rows.Schema.Equals(schema) {
		s.drop()
		return nil, 0
	}
	s.kept, s.held = nil, 0
	return b, held
}

// Drop gives the memory back.
func (s *Spares) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

// drop is Drop. The lock is held.
func (s *Spares) drop() {
	if s.kept != nil {
		s.budget.Release(s.held)
		s.kept, s.held = nil, 0
	}
}
