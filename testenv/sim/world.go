package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
	"github.com/sinker-io/sinker/testenv/sim/story"
)

// tickTime is how much time passes between two turns of the world.
const tickTime = 500 * time.Millisecond

// world is everything outside of the processes: the log, the tables, the store, the operator, and the time between them.
type world struct {
	c       Case
	fate    *fate.Fate
	story   *story.Story
	cluster *cluster
	store   *store
	tables  []*table
	letters *table // of dead letters; nil: none are kept
	workers []*worker
	op      *operator

	flush chan struct{}  // closed when everything that is late arrives at once
	wait  sync.WaitGroup // of everything that was begun
	ends  context.Context
	end   context.CancelFunc

	mu      sync.Mutex
	did     map[fate.Kind]bool // kinds that had an effect
	events  []oracle.Event
	stops   []oracle.Stop
	held    map[string]int64
	faults  []string // of the run itself: an error that should not be
	over    bool
	commits int
	ticks   int // of live alone
}

func newWorld(c Case) *world {
	w := &world{c: c, story: story.New(), did: map[fate.Kind]bool{}, held: map[string]int64{}, flush: make(chan struct{})}
	if c.Replay {
		w.fate = fate.FromTrace(c.Trace)
	} else {
		w.fate = fate.FromSeed(c.Seed, c.menu())
	}
	w.ends, w.end = context.WithCancel(context.Background())
	w.store = newStore(w)
	w.cluster = newCluster(w)
	if c.Policy.Letters {
		w.letters = newTable(w, lettersName)
	}
	for i := range c.Tables {
		name := fmt.Sprintf("t%d", i+1)
		w.tables = append(w.tables, newTable(w, name))
		w.cluster.create(fmt.Sprintf("a%d", i+1), name, "x")
	}
	if c.Second {
		w.cluster.create("b1", "t1", "y")
	}
	w.op = newOperator(w)
	for i := range c.Workers {
		w.workers = append(w.workers, newWorker(w, fmt.Sprintf("w%d", i+1), "x"))
	}
	if c.Second {
		w.workers = append(w.workers, newWorker(w, "y1", "y"))
	}
	if c.has(MemoryPressure) {
		w.happened(MemoryPressure)
	}
	return w
}

func (w *world) tell(who, format string, args ...any) { w.story.Tell(who, format, args...) }

// meet asks fate, and tells.
func (w *world) meet(actor, edge string) (fate.Fault, bool) {
	if actor == operatorName {
		return fate.Fault{}, false
	}
	x, met := w.fate.Meet(actor, edge)
	if met {
		w.tell(actor, "%s %d meets: %s (%d)", edge, x.N, x.Kind, x.Amount)
		if edge != "race" && edge != "tick" && edge != "hour" {
			w.happened(x.Kind)
		}
	}
	return x, met
}

func (w *world) happened(k fate.Kind) { w.mu.Lock(); defer w.mu.Unlock(); w.did[k] = true }

// committed counts a snapshot with rows, whether its writer came to know of it or not.
func (w *world) committed() { w.mu.Lock(); defer w.mu.Unlock(); w.commits++ }

// event notes what may earn a STOP.
func (w *world) event(name string, table string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, oracle.Event{Name: name, Table: table})
}

func (w *world) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.tell("world", "FAULT %s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, text)
}

// after does f in d; the world waits for it. later is the same for what is under way in the network: it can be made to arrive at once.
func (w *world) after(d time.Duration, f func()) {
	w.wait.Go(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-w.ends.Done():
		}
		f()
	})
}

func (w *world) later(d time.Duration, f func()) {
	w.mu.Lock()
	arrive := w.flush
	w.mu.Unlock()
	w.wait.Go(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-arrive:
		}
		f()
	})
}

// arrive lets everything that is late arrive now.
func (w *world) arrive() {
	w.mu.Lock()
	close(w.flush)
	w.flush = make(chan struct{})
	w.mu.Unlock()
}

// live is the life of the world: records are sent and things happen; then nothing happens any more, and everything must arrive.
func (w *world) live() {
	for _, wk := range w.workers {
		w.wait.Go(wk.live)
	}
	w.wait.Go(w.op.live)
	for n := 0; n < w.c.Ticks || !w.c.Replay && n < 20*w.c.Ticks && !w.enough(); n++ {
		w.turn()
		w.ticks++
		time.Sleep(tickTime)
	}
	w.fate.Quiet()
	w.cluster.settleAll()
	w.tell("world", "no faults from here on")
	rested := w.rest()
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.end()
	for _, wk := range w.workers {
		wk.stop()
	}
	time.Sleep(30 * time.Second)
	w.arrive()
	w.wait.Wait()
	if !rested {
		w.fault("the world did not come to rest: %s", w.standing())
	}
}

// enough tells whether the world has seen what every world must see.
func (w *world) enough() bool {
	w.cluster.mu.Lock()
	records := len(w.cluster.truth.records)
	w.cluster.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.did) >= LeastKinds && w.commits >= LeastCommits && records >= LeastRecords
}

// turn is one tick of the world.
func (w *world) turn() {
	for _, t := range w.cluster.all() {
		w.cluster.send(t, w.c.Records/w.c.Ticks+1)
		if x, met := w.meet(t.name, "tick"); met {
			w.strike(t, x)
		}
	}
	if x, met := w.meet("world", "hour"); met {
		w.strike(nil, x)
	}
}

// strike does what a tick brought: to a topic, to its table, or to the processes.
func (w *world) strike(t *topic, x fate.Fault) {
	var done bool
	switch x.Kind {
	case Stop:
		done = w.workers[int(x.Amount)%len(w.workers)].restart()
	case Session:
		done = w.cluster.evict(w.workers[int(x.Amount)%len(w.workers)].member(), "its session timed out")
	case Rebalance:
		done = w.cluster.shuffle(uint64(x.Amount))
	default:
		if done = w.cluster.strike(t, x); !done {
			done = w.foreign(w.table(t.table), x)
		}
	}
	if done {
		w.happened(x.Kind)
	}
}

func (w *world) table(name string) *table {
	if w.letters != nil && name == w.letters.name {
		return w.letters
	}
	for _, t := range w.tables {
		if t.name == name {
			return t
		}
	}
	return nil
}

// rest waits until the tables stand where the log ends, and stay there: a log that was cut may have grown to the same end again.
func (w *world) rest() bool {
	time.Sleep(8 * time.Second) // what is slow comes to an end
	calm := 0
	for range 1200 {
		if calm++; w.standing() != "" {
			calm = 0
		}
		if calm == 12 {
			return true
		}
		time.Sleep(250 * time.Millisecond)
	}
	return false
}

// standing names what has not arrived; empty if all has.
func (w *world) standing() string {
	out := ""
	for _, wk := range w.workers {
		if wk.frozen() {
			out += wk.name + " is frozen; "
		}
		out += wk.unready()
	}
	for _, e := range w.cluster.ends() {
		t := w.table(e.Table)
		if at := t.at(e.Sink, e.Part); at != e.Offset {
			out += fmt.Sprintf("%s %s %s at %d of %d; ", e.Table, e.Sink, e.Part, at, e.Offset)
		}
	}
	return out
}
