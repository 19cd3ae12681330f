package source

import "context"

// queue is the one line in front of Events. Its fields are guarded by the Group's mutex; cond is signalled at
// every change, of room too.
type queue struct {
	items  []*item
	offer  *item         // taken from items, and offered to the reader now
	kick   chan struct{} // tells the pump to look again at what it offers
	bytes  int64         // of the runs in items and offer
	closed bool          // nothing may be added
}

// item is an event on its way. Only Records have a cursor: they are the ones that can become void.
type item struct {
	ev     Event
	cursor *cursor
	bytes  int64
	free   func() // gives the bytes back, if it is not delivered
	void   bool
}

// push adds an event at the end; after the end of the stream it is dropped.
func (g *Group) push(it *item) {
	if g.q.closed {
		it.drop()
		return
	}
	g.q.items = append(g.q.items, it)
	g.q.bytes += it.bytes
	g.cond.Broadcast()
}

func (it *item) drop() {
	if it.free != nil {
		it.free()
	}
}

// purge removes every run that concerns one of the cursors; when it returns none is in front of the reader any
// more. It gives the mutex up while it waits for the pump to withdraw.
func (g *Group) purge(concerns func(*cursor) bool) {
	kept := g.q.items[:0]
	for _, it := range g.q.items {
		if it.cursor != nil && concerns(it.cursor) {
			g.q.bytes -= it.bytes
			it.drop()
			continue
		}
		kept = append(kept, it)
	}
	clear(g.q.items[len(kept):])
	g.q.items = kept
	if it := g.q.offer; it != nil && it.cursor != nil && concerns(it.cursor) {
		it.void = true
		select {
		case g.q.kick <- struct{}{}:
		default:
		}
		for g.q.offer == it {
			g.cond.Wait()
		}
	}
	g.cond.Broadcast()
}

// pump hands the queue to the reader until the Group is closed or the last event was Lost.
func (g *Group) pump(ctx context.Context) {
	defer close(g.events)
	defer g.endQueue()
	for {
		g.mu.Lock()
		for len(g.q.items) == 0 && ctx.Err() == nil {
			g.cond.Wait()
		}
		if ctx.Err() != nil {
			g.mu.Unlock()
			return
		}
		it := g.q.items[0]
		g.q.items[0], g.q.items = nil, g.q.items[1:]
		g.q.offer = it
		g.mu.Unlock()

		taken := false
		select {
		case g.events <- it.ev:
			taken = true
		case <-g.q.kick:
		case <-ctx.Done():
		}

		g.mu.Lock()
		g.q.offer = nil
		switch {
		case taken:
			g.q.bytes -= it.bytes
			if r, ok := it.ev.(Records); ok {
				it.cursor.delivered, it.cursor.deliveredEpoch = r.Range.To, r.LeaderEpoch
			}
		case it.void:
			g.q.bytes -= it.bytes
			it.drop()
		default:
			g.q.items = append([]*item{it}, g.q.items...)
		}
		g.cond.Broadcast()
		_, last := it.ev.(Lost)
		g.mu.Unlock()
		if taken && last {
			return
		}
	}
}

// endQueue drops what nobody will read.
func (g *Group) endQueue() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.q.closed = true
	for _, it := range g.q.items {
		it.drop()
	}
	g.q.items, g.q.bytes = nil, 0
	g.cond.Broadcast()
}
