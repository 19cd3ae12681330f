// Package deep simulates sinker whole, with its real clients, in one process under fake time: the Kafka client against a broker
// in memory, the SQL client on SQLite or the REST client against an HTTP catalog, the S3 client against an HTTP store. All of
// them meet on a network in memory (package wire). Only the world around sinker is made for the simulation; of sinker itself
// nothing is replaced, and each process is wired as its command wires it.
//
// A seed decides how many processes there are, what they are configured to do, what may go wrong, and when it does (package
// fate). Faults happen where the world can make them happen: on a connection, at a server, in a database, by others who write to
// the tables. When all have been met the world becomes quiet; everything must arrive then, and a judge that shares no code with
// sinker (package oracle) counts the rows from metadata, manifests and Parquet files.
//
// The Kafka client waits on mutexes that a bubble's clock cannot see through unless it is built with the tag synctests: the tests
// of this package have that tag.
//
//	go test -tags synctests ./testenv/sim/deep                        as many seeds as CI has time for
//	SINKER_SEEDS=50000 go test -tags synctests -timeout 0 …           the long run
//	SINKER_SEED=4711 go test -v -run OneSeed -tags synctests …        one seed, with its story if it fails
//
// A seed that fails is played again, shrunk and printed as a story and as a case; put into testdata, the case is a test.
package deep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/testenv/sim/deep/wire"
	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
	"github.com/sinker-io/sinker/testenv/sim/story"
)

const (
	storeAddress   = "store:9000"
	catalogAddress = "catalog:8181"
	warehouse      = "s3://" + bucket + "/warehouse"
)

// hang is how long a world may take of real time, which is some tenths of a second.
const hang = 3 * time.Minute

// patience is how long a quiet world may take until everything has arrived: back-offs of half a minute, requests that are given up
// after one, and what was begun before.
const patience = 8 * time.Minute

// Result is how a world came out.
type Result struct {
	Case    Case
	Trace   fate.Trace
	Found   []oracle.Violation
	Err     error // the world itself failed: nothing can be said of sinker
	Story   *story.Story
	Records int
	Commits int           // of batches
	Done    int           // requests, and writes on connections to brokers
	Took    time.Duration // by the world's clock
}

// Failed tells whether the world is worth telling of.
func (r *Result) Failed() bool { return r.Err != nil || len(r.Found) > 0 }

// world is everything there is.
type world struct {
	c        Case
	fate     *fate.Fate
	story    *story.Story
	net      *wire.Network
	store    *store
	shelf    shelf
	database *database // nil: the catalog is REST
	log      *cluster
	closers  []func() // in the order of making
	running  sync.WaitGroup

	mu      sync.Mutex
	workers map[string]*worker
	made    int
	records map[int64]oracle.Record
	removed map[string]string
	stops   []oracle.Stop
	events  []oracle.Event
	lefts   map[string][]int64 // heads that somebody moved a branch away from
	commits map[int64]bool     // snapshots with batches that a process has seen
	refused map[string]int     // requests refused as malformed, by path
	pending int                // things to be done later
	done    int                // at all edges
	changes int                // asked of the catalog
	fault   error
	ending  bool
	lenient bool // the policies are those that go on

	answered int // STOPs that the operator has dealt with

	// As it was at the end.
	finals  map[string]version
	ends    []oracle.End
	stopped map[oracle.Part]bool
}

// Run lets a world live, in a bubble of its own that no goroutine may survive, and judges it. Several may run at once.
func Run(t *testing.T, c Case) *Result {
	watch := time.AfterFunc(hang, func() {
		panic(fmt.Sprintf("seed %d: the world stands still: something in it waits for what its clock cannot see", c.Seed))
	})
	defer watch.Stop()
	w := &world{c: c, workers: map[string]*worker{}, records: map[int64]oracle.Record{}, removed: map[string]string{}, lefts: map[string][]int64{},
		refused: map[string]int{}, finals: map[string]version{}, commits: map[int64]bool{}}
	r := &Result{Case: c}
	func() {
		defer func() {
			if p := recover(); p != nil {
				r.Err = fmt.Errorf("the world did not end: %v", p)
			}
		}()
		synctest.Test(t, func(*testing.T) {
			began := time.Now()
			w.story, w.net, w.fate = story.New(), wire.New(c.Seed), fate.FromSeed(c.Seed, c.menu())
			if c.Trace != nil {
				w.fate = fate.FromTrace(c.Trace)
			}
			r.Err = w.live()
			r.Took = time.Since(began)
		})
	}()
	if r.Err = errors.Join(r.Err, w.fault); r.Err == nil {
		r.Found, r.Commits, r.Err = w.judge()
	}
	r.Trace, r.Records, r.Story, r.Done = w.fate.Trace(), len(w.records), w.story, w.done
	return r
}

func (w *world) live() (err error) {
	dir, err := os.MkdirTemp(inMemory(), "sinker-sim-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	defer func() {
		for _, stop := range slices.Backward(w.closers) {
			stop()
		}
		w.running.Wait()
	}()
	defer w.endAll()
	if err := w.open(dir); err != nil {
		return err
	}
	for range w.c.Workers {
		w.startOne()
		time.Sleep(137 * time.Millisecond)
	}
	w.weather()
	w.settle()
	w.answer()
	w.fill()
	if w.stopped = w.calm(); w.fill() { // all that had waited came at once
		w.stopped = w.calm()
	}
	w.endAll()
	w.ends = w.log.ends()
	for _, t := range topics {
		if w.finals[tableOf(t)], err = w.shelf.newest(tableOf(t)); err != nil {
			return fmt.Errorf("table %s: %w", tableOf(t), err)
		}
	}
	return nil
}

// inMemory is a folder that is kept in memory, where there is one: SQLite waits for its disk in real time.
func inMemory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (w *world) open(dir string) error {
	var err error
	if w.store, err = newStore(); err != nil {
		return err
	}
	if err := w.serve(storeAddress, s3Edge, w.store.handler(), s3Refusals); err != nil {
		return err
	}
	if w.c.REST {
		c := newREST(w.store, warehouse)
		w.shelf = c
		if err := w.serve(catalogAddress, restEdge, c.handler(), restRefusals); err != nil {
			return err
		}
	} else {
		if w.database, err = newDatabase(dir, w.store); err != nil {
			return err
		}
		w.closers = append(w.closers, func() { w.fail(w.database.db.Close()) })
		w.shelf = w.database
	}
	return w.startBrokers()
}

// startOne starts one more process, nil if the world is at its end.
func (w *world) startOne() *worker {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ending {
		return nil
	}
	w.made++
	return w.start(fmt.Sprintf("w%d", w.made))
}

// weather is the time of faults: records come every second, and each second something may happen to the whole, to each topic
// and to each table.
func (w *world) weather() {
	others := &others{w: w}
	for range w.c.Ticks {
		time.Sleep(time.Second)
		w.log.sweep()
		if x, met := w.meet("world", "hour"); met {
			w.hour(x)
		}
		for _, t := range topics {
			if x, met := w.meet(t, "topic"); met {
				w.log.meets(t, x)
			}
			w.log.feed(t)
			if x, met := w.meet(tableOf(t), "table"); met {
				others.meets(tableOf(t), x)
			}
		}
		if w.failed() {
			return
		}
	}
}

// fill goes on sending until there was enough to do, and tells whether it sent anything: a world that was held up for long may have seen
// two commits.
func (w *world) fill() bool {
	for i := range 60 {
		w.mu.Lock()
		n := len(w.commits)
		w.mu.Unlock()
		if n >= enough || w.failed() {
			return i > 0
		}
		time.Sleep(time.Second)
		w.log.sweep()
		w.answer()
		for _, t := range topics {
			w.log.feed(t)
		}
	}
	return true
}

// enough is how many commits a world should see.
const enough = 6

// hour carries out what happened to the world as a whole.
func (w *world) hour(x fate.Fault) {
	amount := time.Duration(x.Amount) * 100 * time.Millisecond
	switch x.Kind {
	case Stop:
		if k := w.pick(int(x.Amount)); k != nil {
			w.tell(k.name, "is told to stop")
			k.stop()
			w.later(amount, func() { w.startOne() })
		}
	case Joins:
		k := w.startOne()
		w.later(amount, func() { w.tell(k.name, "is told to stop"); k.stop() })
	case Parted:
		if k := w.pick(int(x.Amount)); k != nil {
			w.tell(k.name, "reaches nobody for %s", amount)
			k.host.Cut()
			w.later(amount, func() {
				if !k.dead.Load() {
					w.tell(k.name, "reaches the others again")
					k.host.Mend()
				}
			})
		}
	default:
		w.log.hour(x)
	}
}

// pick is one of the processes that live, nil if there is none.
func (w *world) pick(n int) *worker {
	w.mu.Lock()
	defer w.mu.Unlock()
	var live []*worker
	for i := 1; i <= w.made; i++ {
		k := w.workers[fmt.Sprintf("w%d", i)]
		if k != nil && !k.dead.Load() && !done(k.ended) {
			live = append(live, k)
		}
	}
	if len(live) == 0 {
		return nil
	}
	return live[n%len(live)]
}

func done(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// listen tells what a process says of itself.
func (w *world) listen(name string) sink.Events {
	return sink.Events{
		Assigned:   func(t string, ps []offsets.Partition) { w.tell(name, "%s: is given %v", t, ps) },
		Revoked:    func(t string, ps []offsets.Partition) { w.tell(name, "%s: lets go %v", t, ps) },
		Positioned: func(t string, at offsets.Position) { w.tell(name, "%s: reads from %v", t, at) },
		Anchored:   func(t string, at offsets.Position) { w.tell(name, "%s: anchored %v", t, at) },
		Staged: func(i sink.StagedInfo) {
			w.tell(name, "%s: batch %s is sealed, %d rows", i.Table, i.Batch, i.Counts.Rows)
		},
		Committed: func(i sink.CommitInfo) {
			w.tell(name, "%s: snapshot %d holds %v, %v", i.Table, i.Snapshot, i.Batches, i.Ranges)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.commits[i.Snapshot] = true
		},
		Attempt: func(i sink.AttemptInfo) { w.tell(name, "%s: request after %s: %s %v", i.Table, i.Took, i.Class, i.Err) },
		Fenced:  func(i sink.FencedInfo) { w.tell(name, "%s: batch %s is given up: %s", i.Table, i.Batch, i.Why) },
		Stopped: func(i sink.StopInfo) {
			w.tell(name, "%s: STOP(%s): %v", i.Table, i.Stop.Reason, i.Stop)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.stops = append(w.stops, oracle.Stop{Sink: sinkID, Table: i.Table, Reason: string(i.Stop.Reason)})
		},
		Resumed: func(t string, p *offsets.Partition) { w.tell(name, "%s: goes on (%v)", t, p) },
		Trouble: func(i sink.TroubleInfo) { w.tell(name, "%s: %s: %v; again in %s", i.Table, i.Step, i.Err, i.Again) },
	}
}

// sleep waits, or until ctx ends.
func (w *world) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
