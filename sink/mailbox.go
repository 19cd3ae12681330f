package sink

import (
	"sync"

	"github.com/sinker-io/sinker/source"
)

// mailbox is an unbounded queue with one reader. What it holds of memory was taken from the budget, so the budget bounds it.
type mailbox struct {
	mu     sync.Mutex
	items  []any
	closed bool
	signal chan struct{}
}

func newMailbox() *mailbox { return &mailbox{signal: make(chan struct{}, 1)} }

// put never blocks. A closed mailbox gives back at once what its letters hold.
func (m *mailbox) put(item any) {
	m.mu.Lock()
	closed := m.closed
	if !closed {
		m.items = append(m.items, item)
	}
	m.mu.Unlock()
	if closed {
		discard(item)
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
func (m *mailbox) take() []any {
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
		discard(i)
	}
}

func discard(item any) {
	switch i := item.(type) {
	case source.Records:
		i.Release()
	case source.Revoked:
		i.Done()
	}
}
