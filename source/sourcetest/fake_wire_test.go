package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

// wireCut is a network that can be pulled out.
type wireCut struct {
	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
}

func (w *wireCut) dial(ctx context.Context, network, host string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	}
	c, err := new(net.Dialer).DialContext(ctx, network, host)
	if err == nil {
		w.conns[c] = true
	}
	return c, err
}

func (w *wireCut) pull(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
	if down {
		for c := range w.conns {
			c.Close()
		}
		clear(w.conns)
	}
}

func (w *wireCut) under(c *source.Config) { c.Opts = append(c.Opts, kgo.Dialer(w.dial)) }

func TestWire_CutForLessThanTheSessionIsNoRebalance(t *testing.T) {
	s, _ := fakeStage(t, 2)
	s.w.Session = 15 * time.Second
	s.create(s.topic, 4)
	w := &wireCut{conns: map[net.Conn]bool{}}
	var told atomic.Int32 // how often the source said that the coordinator is gone
	r := s.open(func(c *source.Config) {
		w.under(c)
		c.Logger = slog.New(slog.NewTextHandler(writerFunc(func(b []byte) {
			if bytes.Contains(b, []byte("coordinator refused or could not be reached")) {
				told.Add(1)
			}
		}), nil))
	})
	r.until("partitions", func() bool { return len(r.held) == 4 })
	assigned := map[offsets.Partition]bool{}
	for p := range r.held {
		assigned[p] = true
	}
	for round := range 3 {
		w.pull(true)
		before := told.Load()
		s.eventually("a heartbeat failed", func() bool { r.quiet(10 * time.Millisecond); return told.Load() > before })
		w.pull(false)
		for p := range int32(4) {
			s.produce(s.topic, p, round*10, 10)
		}
		r.until("what came meanwhile", func() bool {
			for p := range assigned {
				if r.at[p] != int64(round+1)*10 {
					return false
				}
			}
			return true
		})
	}
	if r.lost != nil {
		t.Errorf("lost: %v", r.lost)
	}
	for p := range assigned {
		if !r.held[p] {
			t.Errorf("%s was revoked", p)
		}
		wantValues(t, r.values(p), 0, 30)
	}
}

func TestWire_CutForLongerIsTheEnd(t *testing.T) {
	s, _ := fakeStage(t, 1)
	s.create(s.topic, 2)
	w := &wireCut{conns: map[net.Conn]bool{}}
	r := s.open(w.under)
	r.until("partitions", func() bool { return len(r.held) == 2 })
	other := s.open(nil)
	s.eventually("its share", func() bool {
		r.quiet(5 * time.Millisecond)
		other.quiet(5 * time.Millisecond)
		return len(other.held) == 1
	})
	w.pull(true)
	other.until("all, from the one that is cut off", func() bool { return len(other.held) == 2 })
	r.until("the end", func() bool { return r.lost != nil })
	w.pull(false)
}

// TestWire_CutWhileOthersTakeOver lets a member come back to a group that has shared out anew: what it has no longer
// is revoked, though nobody waits for it.
func TestWire_CutWhileOthersTakeOver(t *testing.T) {
	s, _ := fakeStage(t, 1)
	s.w.Session = 15 * time.Second
	s.create(s.topic, 4)
	w := &wireCut{conns: map[net.Conn]bool{}}
	one := s.open(func(c *source.Config) { w.under(c); c.RebalanceTimeout = 2 * time.Second })
	one.until("all", func() bool { return len(one.held) == 4 })
	w.pull(true)
	two := s.open(func(c *source.Config) { c.RebalanceTimeout = 2 * time.Second })
	two.until("all, for the first did not answer the rebalance", func() bool { one.quiet(time.Millisecond); return len(two.held) == 4 || one.lost != nil })
	w.pull(false)
	s.eventually("both share, or the first is out", func() bool {
		one.quiet(5 * time.Millisecond)
		two.quiet(5 * time.Millisecond)
		return one.lost != nil || len(one.held) == 2 && len(two.held) == 2
	})
	for p := range one.held {
		if one.lost == nil && two.held[p] {
			t.Errorf("%s is with both", p)
		}
	}
}

func TestWire_CutDoesNotHoldUpClose(t *testing.T) {
	s, _ := fakeStage(t, 2)
	s.w.Session = 60 * time.Second
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 500)
	w := &wireCut{conns: map[net.Conn]bool{}}
	r := s.open(func(c *source.Config) { w.under(c); c.RunBytes = 1 << 10 })
	r.until("a beginning", func() bool { return len(r.recs) > 0 })
	w.pull(true)
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Second)
	defer cancel()
	begun := time.Now()
	_ = r.g.Close(ctx) // it may say that it could not say goodbye
	if d := time.Since(begun); d > 45*time.Second {
		t.Errorf("close took %s, allowed were 2s", d)
	}
	for ev := range r.g.Events() {
		t.Errorf("%T after close", ev)
	}
	_ = r.g.Close(ctx) // twice is forgiven
}
