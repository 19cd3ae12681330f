package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// worker is a place where a process of a sink runs; when one ends, another is started.
type worker struct {
	w    *world
	name string
	sink string

	mu   sync.Mutex
	now  *process
	all  []*process
	over bool
}

// process is one life.
type process struct {
	wire    *wire
	m       *member
	sink    *sink.Sink
	stop    context.CancelFunc
	crashed chan struct{}
	ended   chan struct{}
}

func newWorker(w *world, name, sinkID string) *worker { return &worker{w: w, name: name, sink: sinkID} }

// live starts processes until the world ends.
func (wk *worker) live() {
	for n := 0; ; n++ {
		wk.mu.Lock()
		if wk.over {
			wk.mu.Unlock()
			return
		}
		p := wk.begin(n)
		wk.mu.Unlock()
		select {
		case <-p.crashed:
		case <-p.ended:
		}
		time.Sleep(time.Duration(300+n%5*400) * time.Millisecond)
	}
}

// begin starts a process. The lock is held.
func (wk *worker) begin(n int) *process {
	w := wk.w
	p := &process{wire: newWire(w, fmt.Sprintf("%s.%d", wk.name, n)), crashed: make(chan struct{}), ended: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.wire.kill = func() {
		w.tell(p.wire.actor, "crashes")
		w.after(sessionTime, func() { w.cluster.evict(p.m, "it is dead") })
		close(p.crashed)
		stop()
	}
	p.wire.froze = func(d time.Duration, asleep bool) {
		w.tell(p.wire.actor, "is frozen for %s, asleep: %v", d, asleep)
		if d >= sessionTime {
			w.after(sessionTime, func() { w.cluster.evict(p.m, "it is silent") })
		}
	}
	var made atomic.Pointer[sink.Sink]
	b := budget.New(w.c.Budget, func() {
		if s := made.Load(); s != nil {
			s.Short()
		}
	})
	p.m = newMember(w.cluster, p.wire, wk.sink, b.Part(w.c.Budget/2), w.c.Weight)
	s := sink.New(wk.config(p, b))
	p.sink = s
	made.Store(s)
	wk.now, wk.all = p, append(wk.all, p)
	w.tell(p.wire.actor, "starts")
	w.cluster.join(p.m)
	w.wait.Go(func() {
		err := s.Run(ctx)
		stop()
		p.m.close()
		w.tell(p.wire.actor, "ended: %v", err)
		w.mu.Lock()
		w.held[p.wire.actor] = b.Used()
		over := w.over
		w.mu.Unlock()
		if over && err != nil && !p.wire.isDead() && !errors.Is(err, sink.ErrLost) {
			w.fault("%s ended: %v", p.wire.actor, err)
		}
		close(p.ended)
	})
	return p
}

func (wk *worker) config(p *process, b *budget.Budget) sink.Config {
	w, c := wk.w, wk.w.c
	cfg := sink.Config{Sink: wk.sink, Group: wk.sink, Source: p.m, Budget: b, Every: c.every(), Shutdown: 5 * time.Second, Recheck: 2 * time.Second, Look: 4 * time.Second,
		Policy: sink.Policy{SkipGap: c.Policy.SkipGap, Rewind: c.Policy.Rewind, FollowRecreate: c.Policy.FollowRecreate, Rollback: commit.Replay, AllowNewSink: w.op.allowed()},
		Events: wk.events(p), Now: p.wire.now, Jitter: p.wire.jitter}
	if c.Policy.StopOnRollback {
		cfg.Policy.Rollback = commit.StopOnRollback
	}
	for _, t := range w.cluster.all() {
		if t.sink != wk.sink {
			continue
		}
		cfg.Entries = append(cfg.Entries, sink.Entry{Topics: []string{t.name}, Table: t.table, Start: source.Earliest, Hash: "h", SkipBad: c.Policy.SkipBad,
			MaxBadShare: w.op.share(), Letters: wk.letters(p),
			Open: func(ctx context.Context, name string) (sink.Table, error) {
				return call(ctx, p.wire, "open", func(fate.Kind, int64) (sink.Table, error) { return remote{w.table(name), p.wire}, nil })
			},
			Decoder: func(s *iceberg.Schema) (decode.Decoder, error) { return decode.New("json", s, decode.Options{}) }})
	}
	return cfg
}

// events tells the story, and hands STOPs to the operator.
func (wk *worker) events(p *process) sink.Events {
	w, me := wk.w, p.wire.actor
	return sink.Events{
		Assigned:   func(t string, ps []offsets.Partition) { w.tell(me, "%s: assigned %v", t, ps) },
		Revoked:    func(t string, ps []offsets.Partition) { w.tell(me, "%s: revoked %v", t, ps) },
		Positioned: func(t string, at offsets.Position) { w.tell(me, "%s: reads from %v", t, at) },
		Anchored:   func(t string, at offsets.Position) { w.tell(me, "%s: anchored %v", t, at) },
		Staged: func(i sink.StagedInfo) {
			w.tell(me, "%s: staged batch %.8s, %d files, %+v, %s", i.Table, i.Batch.String(), len(i.Files), i.Counts, i.Trigger)
		},
		Committed: func(i sink.CommitInfo) {
			w.tell(me, "%s: committed batch %.8s as %d: %v", i.Table, i.Batches[0].String(), i.Snapshot, i.Ranges)
		},
		Attempt: func(i sink.AttemptInfo) {
			if i.Err != nil {
				w.tell(me, "%s: request failed: %s: %v", i.Table, i.Class, i.Err)
			}
		},
		Fenced:  func(i sink.FencedInfo) { w.tell(me, "%s: batch %.8s given up: %s", i.Table, i.Batch.String(), i.Why) },
		Skipped: func(i sink.SkippedInfo) { w.tell(me, "%s: skipped %s %d: %s", i.Table, i.Partition, i.Offset, i.Code) },
		Stopped: func(i sink.StopInfo) {
			w.tell(me, "%v", i.Stop)
			w.op.hear(wk.sink, i.Stop)
		},
		Resumed: func(t string, _ *offsets.Partition) { w.tell(me, "%s: goes on", t) },
		Trouble: func(i sink.TroubleInfo) { w.tell(me, "%s: %s: %v; again in %s", i.Table, i.Step, i.Err, i.Again) },
	}
}

func (wk *worker) member() *member {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	if wk.now == nil {
		return nil
	}
	return wk.now.m
}

// restart ends the process in order; another one follows.
func (wk *worker) restart() bool {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	if wk.now == nil {
		return false
	}
	wk.w.tell(wk.now.wire.actor, "is told to stop")
	wk.now.stop()
	return true
}

// stop ends the process in order, and no other follows.
func (wk *worker) stop() {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	wk.over = true
	if wk.now != nil {
		wk.now.stop()
	}
}

func (wk *worker) frozen() bool {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	if wk.now == nil {
		return false
	}
	wk.now.wire.mu.Lock()
	defer wk.now.wire.mu.Unlock()
	return wk.now.wire.thaw != nil && !wk.now.wire.dead
}

// unready tells why the process that runs now is not ready; empty if it is.
func (wk *worker) unready() string {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	if wk.now == nil || wk.now.wire.isDead() {
		return wk.name + " does not run; "
	}
	st := wk.now.sink.Status()
	if st.Ready() {
		return ""
	}
	out := wk.now.wire.actor + " is not ready: " + st.Trouble
	for _, t := range st.Tables {
		out += fmt.Sprintf(" %s %s %s", t.Table, t.State, t.LastError)
		for _, p := range t.Partitions {
			if p.Stop != nil {
				out += fmt.Sprintf(" %s: %s at %d", partOf(p.Partition), p.Stop.Reason, p.Stop.Offset)
			}
		}
	}
	return out + "; "
}

// gone lists the processes that are dead, or have slept through a night.
func (wk *worker) gone() (out []string) {
	wk.mu.Lock()
	defer wk.mu.Unlock()
	for _, p := range wk.all {
		p.wire.mu.Lock()
		if p.wire.dead || p.wire.night {
			out = append(out, p.wire.actor)
		}
		p.wire.mu.Unlock()
	}
	return out
}
