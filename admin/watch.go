package admin

import (
	"context"
	"sync"
	"time"

	"github.com/sinker-io/sinker/sink"
)

// watch asks for the status on behalf of all requests. At most one question is open at any time: whoever
// comes meanwhile shares its answer, so neither many readers nor a sink that hangs costs more than one goroutine.
type watch struct {
	ask  func() sink.Status
	wait time.Duration
	now  func() time.Time

	mu   sync.Mutex
	open chan struct{} // closed when the question under way was answered; nil if there is none
	last sink.Status
	at   time.Time // of last; zero if there never was an answer
}

// view is one answer.
type view struct {
	sink.Status
	At    time.Time // when the sink said so
	Stale bool      // it did not answer in time: Status is the last that is known
}

func (w *watch) status(ctx context.Context) view {
	ctx, cancel := context.WithTimeout(ctx, w.wait)
	defer cancel()
	answered := w.question()
	stale := false
	select {
	case <-answered:
	case <-ctx.Done():
		stale = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return view{Status: w.last, At: w.at, Stale: stale}
}

// question joins the one under way, or begins one.
func (w *watch) question() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open != nil {
		return w.open
	}
	done := make(chan struct{})
	w.open = done
	// Nobody waits for this goroutine but the requests that want its answer; it ends when the sink answers.
	go func() {
		st := w.ask()
		w.mu.Lock()
		w.last, w.at, w.open = st, w.now(), nil
		w.mu.Unlock()
		close(done)
	}()
	return done
}
