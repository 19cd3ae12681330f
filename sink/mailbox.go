package sink

import (
	"sync"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/source"
)

// letter is one thing that a lane hears, of the log or of its own helpers.
//
//sumtype:decl
type letter interface {
	discard() // gives back what the letter holds: the lane has ended
}

// The letters. Those of the log are the source's events under names of our own.
type (
	records   struct{ source.Records }
	assigned  struct{ source.Assigned }
	revoked   struct{ source.Revoked }
	fault     struct{ source.Fault }
	misrouted struct {
		topic string
		stop  *commit.Stop
	}
	stopping struct{}
)

func (r records) discard() { r.Release() }
func (r revoked) discard() { r.Done() }
func (assigned) discard()  {}
func (fault) discard()     {}
func (misrouted) discard() {}
func (started) discard()   {}
func (*flush) discard()    {} // its batch has ended by itself
func (stopping) discard()  {}

// mailbox is an unbounded queue with one reader. What it holds of memory was taken from the budget, so the budget bounds it.
type mailbox struct {
	mu     sync.Mutex
	items  []letter
	closed bool
	signal chan struct{}
}

func newMailbox() *mailbox { return &mailbox{signal: make(chan struct{}, 1)} }

// put never blocks. A closed mailbox gives back at once what its letters hold.
func (m *mailbox) put(item letter) {
	m.mu.Lock()
	closed := m.closed
	if !closed {
		m.items = append(m.items, item)
	}
	m.mu.Unlock()
	if closed {
		item.discard()
		return
	}
	m.poke()
}

// poke wakes the reader.
func (m *mailbox) poke() {
	select {
	case m.signal <- struct{}{}:
	default:
	}
}

// take empties the mailbox.
func (m *mailbox) take() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = nil
	return items
}

// close discards what is in it and whatever comes.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	items := m.items
	m.items = nil
	m.mu.Unlock()
	for _, i := range items {
		i.discard()
	}
}
