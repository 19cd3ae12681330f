package writer

import (
	"context"
	"sync"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/storage"
)

// shippers is how many files a batch makes durable at a time.
const shippers = 8

// shipping makes closed files durable, several at a time, while the batch goes on. wait ends it.
type shipping struct {
	ctx    context.Context
	store  storage.Store
	budget *budget.Budget
	slots  chan struct{}
	done   chan struct{} // one token: something has arrived
	group  sync.WaitGroup

	mu     sync.Mutex
	files  []shipped
	tried  []string // locations that may hold an object
	size   int64    // of the files, arrived or not
	memory int64
	flying int
	err    error
}

type shipped struct {
	number int
	file   iceberg.DataFile
}

func newShipping(ctx context.Context, store storage.Store, b *budget.Budget) *shipping {
	return &shipping{ctx: ctx, store: store, budget: b, slots: make(chan struct{}, shippers), done: make(chan struct{}, 1)}
}

// ship writes the footer of l's file and sends the file off. The memory of what is left of it goes along.
func (b *Batch) ship(ctx context.Context, l *lane) error {
	f := l.file
	l.file = nil
	b.touched = true
	foot, err := f.pages.Close()
	if err != nil {
		f.abandon()
		return err
	}
	file, err := f.describe(&b.table, foot, f.out.size)
	if err != nil {
		f.abandon()
		return err
	}
	// What the batch has taken for the file goes with it. It may be too little: the file has grown since.
	memory := f.out.held()
	moved := min(memory, b.held)
	b.held -= moved
	b.budget.Force(memory - moved)
	return b.shipping.send(ctx, f, file, memory)
}

// send waits for a free slot only. It owns memory bytes of the budget from now on.
func (s *shipping) send(ctx context.Context, f *dataFile, file iceberg.DataFile, memory int64) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		f.abandon()
		s.budget.Release(memory)
		return ctx.Err()
	}
	s.mu.Lock()
	s.tried = append(s.tried, f.out.location)
	s.size += f.out.size
	s.memory += memory
	s.flying++
	s.mu.Unlock()
	s.group.Go(func() {
		err := f.out.finish(s.ctx)
		f.abandon()
		f.out.buf = nil
		s.budget.Release(memory)
		s.mu.Lock()
		s.memory -= memory
		s.flying--
		if err == nil {
			s.files = append(s.files, shipped{f.number, file})
		} else if s.err == nil {
			s.err = err
		}
		s.mu.Unlock()
		<-s.slots
		select {
		case s.done <- struct{}{}:
		default:
		}
	})
	return nil
}

// failed is the first error.
func (s *shipping) failed() error { s.mu.Lock(); defer s.mu.Unlock(); return s.err }

// held is the memory of the files under way.
func (s *shipping) held() int64 { s.mu.Lock(); defer s.mu.Unlock(); return s.memory }

// bytes is the sizes of all files.
func (s *shipping) bytes() int64 { s.mu.Lock(); defer s.mu.Unlock(); return s.size }

// waitOne waits until a file has arrived. False if none was under way.
func (s *shipping) waitOne(ctx context.Context) (bool, error) {
	s.mu.Lock()
	flying, err := s.flying, s.err
	s.mu.Unlock()
	if flying == 0 || err != nil {
		return false, err
	}
	select {
	case <-s.done:
		return true, s.failed()
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// wait ends shipping and lists where objects may lie now.
func (s *shipping) wait() (tried []string) {
	s.group.Wait()
	return s.tried
}

// removeAll deletes objects that nobody needs, as far as ctx allows. What stays is an orphan, which costs space only.
func removeAll(ctx context.Context, store storage.Store, locations []string) {
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, shippers)
	for _, l := range locations {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		group.Go(func() {
			defer func() { <-slots }()
			_ = store.Remove(ctx, l)
		})
	}
}
