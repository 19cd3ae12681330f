package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// wire is what one process has to do with the world: every request of it goes through call. It may be cut for ever (a crash)
// or for a time (a freeze); what is behind it goes on as goroutines, but nothing of it takes effect and nothing reaches it.
type wire struct {
	w     *world
	actor string
	kill  func() // the process; called when it crashes
	froze func(d time.Duration, asleep bool)

	mu     sync.Mutex
	dead   bool
	thaw   chan struct{} // while frozen
	night  bool          // it is suspended, or was, for longer than a batch may live
	nights int           // that are over
	random *rand.Rand    // of the network
	chance *rand.Rand    // of the process
	skew   time.Duration // of its wall clock
}

func newWire(w *world, actor string) *wire {
	return &wire{w: w, actor: actor, random: fate.Stream(w.c.Seed, actor+"/latency"), chance: fate.Stream(w.c.Seed, actor+"/chance")}
}

var (
	errTimeout = errors.New("the request timed out")
	errReset   = errors.New("connection reset by peer")
	errTorn    = errors.New("unexpected end of the stream")
)

// pass waits while the process is frozen, and for ever (until ctx ends) when it is dead.
func (e *wire) pass(ctx context.Context) error {
	for {
		e.mu.Lock()
		dead, thaw := e.dead, e.thaw
		e.mu.Unlock()
		switch {
		case dead:
			<-ctx.Done()
			return ctx.Err()
		case thaw == nil:
			return ctx.Err()
		}
		select {
		case <-thaw:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (e *wire) isDead() bool { e.mu.Lock(); defer e.mu.Unlock(); return e.dead }

// cut ends the process where it stands.
func (e *wire) cut() {
	e.mu.Lock()
	was := e.dead
	e.dead = true
	e.mu.Unlock()
	if !was && e.kill != nil {
		e.kill()
	}
}

// freeze stops the process for d.
func (e *wire) freeze(d time.Duration, asleep bool) {
	e.mu.Lock()
	if e.thaw != nil || e.dead {
		e.mu.Unlock()
		return
	}
	thaw := make(chan struct{})
	e.thaw, e.night = thaw, e.night || asleep
	e.mu.Unlock()
	if e.froze != nil {
		e.froze(d, asleep)
	}
	e.w.after(d, func() {
		e.mu.Lock()
		e.thaw = nil
		if asleep {
			e.nights++
			e.skew = 30 * time.Hour
		}
		e.mu.Unlock()
		e.w.tell(e.actor, "is awake again")
		close(thaw)
	})
}

// now is the wall clock of the process.
func (e *wire) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.skew == 0 {
		return time.Now()
	}
	return time.Now().Round(0).Add(e.skew)
}

// jump moves the wall clock for some seconds.
func (e *wire) jump(by time.Duration) {
	e.mu.Lock()
	e.skew += by
	e.mu.Unlock()
	e.w.after(3*time.Second, func() { e.mu.Lock(); e.skew -= by; e.mu.Unlock() })
}

// jitter is a wait below a bound.
func (e *wire) jitter(bound time.Duration) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Duration(e.chance.Int64N(int64(bound)))
}

// latency is the time of half a round trip.
func (e *wire) latency() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Millisecond + time.Duration(e.random.Int64N(8000))*time.Microsecond
}

// pause is a part of a request's time. A night ends a request that has a deadline.
func (e *wire) pause(ctx context.Context, d time.Duration) error {
	before := e.slept()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := e.pass(ctx); err != nil {
		return err
	}
	if _, bounded := ctx.Deadline(); bounded && e.slept() != before {
		return errTimeout
	}
	return nil
}

func (e *wire) slept() int { e.mu.Lock(); defer e.mu.Unlock(); return e.nights }

// call sends one request: do is what it does at the other end. It may be done never, once or twice, now or much later, and
// the answer may be another one than do gave. Faults that only this edge can make are handed to it.
func call[T any](ctx context.Context, e *wire, edge string, do func(fate.Kind, int64) (T, error)) (T, error) {
	var none T
	if err := e.pass(ctx); err != nil {
		return none, err
	}
	x, met := e.w.meet(e.actor, edge)
	apply := func() (T, error) { return do("", 0) }
	if !met {
		return trip(ctx, e, apply)
	}
	amount := time.Duration(x.Amount) * 100 * time.Millisecond
	again := func() { e.w.later(amount, func() { _, _ = apply() }) }
	switch x.Kind {
	case Crash:
		switch x.Amount {
		case 2: // while the answer is on its way
			_, _ = apply()
		case 3: // while the request is
			again()
		}
		e.cut()
		return none, e.pass(ctx)
	case Zombie, Sleep:
		asleep := x.Kind == Sleep
		if asleep {
			amount += sessionTime
		}
		if x.Amount%2 == 0 { // with the answer in its hands
			got, err := apply()
			e.freeze(amount, asleep)
			if err := e.pass(ctx); err != nil {
				return none, err
			}
			return got, err
		}
		e.freeze(amount, asleep)
		if err := e.pause(ctx, 0); err != nil {
			return none, err
		}
		return trip(ctx, e, apply)
	case Lost:
		if err := e.pause(ctx, 2*time.Second); err != nil {
			return none, err
		}
		return none, errTimeout
	case Late:
		again()
		if err := e.pause(ctx, time.Second); err != nil {
			return none, err
		}
		return none, errTimeout
	case Doubled:
		if x.Amount%2 == 0 { // the second copy's answer is the one that arrives
			_, _ = apply()
			return trip(ctx, e, apply)
		}
		again()
		return trip(ctx, e, apply)
	case AnswerLost:
		_, _ = trip(ctx, e, apply)
		return none, errReset
	case Refused, RefusedDone:
		if x.Kind == RefusedDone {
			_, _ = apply()
		}
		if err := e.pause(ctx, e.latency()); err != nil {
			return none, err
		}
		return none, refusal(edge, x.Amount)
	case Slow:
		if err := e.pause(ctx, amount/2); err != nil {
			return none, err
		}
		got, err := apply()
		if err := e.pause(ctx, amount/2); err != nil {
			return none, err
		}
		return got, err
	case Clock:
		by := time.Duration(x.Amount-100) * 15 * time.Minute
		e.w.tell(e.actor, "its wall clock jumps by %s", by)
		e.jump(by)
		return trip(ctx, e, apply)
	case BadFetch:
		if err := e.pause(ctx, e.latency()); err != nil {
			return none, err
		}
		return none, errTorn
	}
	return trip(ctx, e, func() (T, error) { return do(x.Kind, x.Amount) })
}

// trip is a request that nothing happens to.
func trip[T any](ctx context.Context, e *wire, apply func() (T, error)) (T, error) {
	var none T
	if err := e.pause(ctx, e.latency()); err != nil {
		return none, err
	}
	got, err := apply()
	if err := e.pause(ctx, e.latency()); err != nil {
		return none, err
	}
	return got, err
}

// refusal is an answer of one of the classes there are.
func refusal(edge string, n int64) error {
	if edge == "put" || edge == "stat" || edge == "remove" {
		return []error{errReset, storage.ErrDenied, storage.ErrNotFound, errTimeout}[n%4]
	}
	class := []commit.Class{commit.Unknown, commit.Conflict, commit.Rejected, commit.Denied, commit.Missing, commit.Busy}[n%6]
	return &commit.Error{Class: class, Err: errors.New("refused: " + class.String())}
}
