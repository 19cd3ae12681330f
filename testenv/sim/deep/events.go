package deep

import (
	"fmt"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// runaway is how many changes may be asked of the catalog in one world; some tens are usual.
const runaway = 500

// meet asks fate what goes wrong now.
func (w *world) meet(actor, edge string) (fate.Fault, bool) {
	w.mu.Lock()
	w.done++
	if edge == "commit" || edge == "exec" {
		w.changes++
	}
	far := w.changes >= runaway
	w.mu.Unlock()
	if far {
		w.fail(fmt.Errorf("the world does not come to rest: %d changes were asked of its catalog", runaway))
		w.cutAll()
	}
	return w.fate.Meet(actor, edge)
}

// cutAll ends every process where it stands.
func (w *world) cutAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.workers {
		k.dead.Store(true)
		k.host.Cut()
		k.stop()
	}
}

func (w *world) tell(who, format string, args ...any) { w.story.Tell(who, format, args...) }

// fail notes that the world itself does not work; the first reason counts.
func (w *world) fail(err error) {
	if err == nil {
		return
	}
	w.tell("world", "FAILS: %v", err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil {
		w.fault = err
	}
}

func (w *world) failed() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.fault != nil }

// later does something in a while; the world does not end before.
func (w *world) later(d time.Duration, do func()) {
	w.mu.Lock()
	w.pending++
	w.mu.Unlock()
	w.running.Go(func() {
		time.Sleep(d)
		do()
		w.mu.Lock()
		w.pending--
		w.mu.Unlock()
	})
}

// hanging tells whether something that was put off may still write to the log.
func (w *world) hanging() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.pending > 0 }

// books enters a record.
func (w *world) books(id int64, r oracle.Record) { w.mu.Lock(); defer w.mu.Unlock(); w.records[id] = r }

// perhaps says of records that the log may have lost them before they were read.
func (w *world) perhaps(which func(oracle.Record) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, r := range w.records {
		if r.Fate == oracle.Row && which(r) {
			r.Fate = oracle.Maybe
			w.records[id] = r
		}
	}
}

// event notes what may earn a STOP of a topic's table.
func (w *world) event(name, topic string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, oracle.Event{Name: name, Table: tableOf(topic)})
}

// rejected counts requests that were refused as malformed: a change that is refused so again and again earns a STOP.
func (w *world) rejected(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused[path]++; w.refused[path] == 5 {
		w.events = append(w.events, oracle.Event{Name: "rejections"})
	}
}

func (w *world) left(table string, head int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lefts[table] = append(w.lefts[table], head)
}

// removes takes an object away, as somebody's clean-up.
func (w *world) removes(path, by string) {
	w.mu.Lock()
	w.removed[path] = by
	w.mu.Unlock()
	w.fail(w.store.remove(path))
}

func (w *world) isWorker(host string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.workers[host] != nil
}

// crash ends a process where it stands: not a byte of it goes anywhere from now on. What is left of it in this process runs into
// its dead links until it ends, and another one starts after a while.
func (w *world) crash(name string) {
	w.mu.Lock()
	k := w.workers[name]
	w.mu.Unlock()
	if k == nil || k.dead.Swap(true) {
		return
	}
	w.tell(name, "CRASHES")
	k.host.Cut()
	k.stop()
	w.mu.Lock()
	again := time.Second + time.Duration(fate.Stream(w.c.Seed, "restart/"+name).Int64N(int64(8*time.Second)))
	w.mu.Unlock()
	w.later(again, func() { w.startOne() })
}

// resetAll breaks all connections of all processes.
func (w *world) resetAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.workers {
		k.host.Reset()
	}
}

// policies is how processes are configured now.
func (w *world) policies() Case {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.c
	if w.lenient {
		c.SkipGap, c.Follow, c.SkipBad, c.StopBack = true, true, true, false
	}
	return c
}

// answer is the operator's to every STOP that is new: the policies that let sinker go on, and all processes started again.
func (w *world) answer() {
	w.mu.Lock()
	news := len(w.stops) > w.answered
	w.answered, w.lenient = len(w.stops), true
	w.mu.Unlock()
	if !news {
		return
	}
	w.tell("operator", "changes the policies, and starts all processes again")
	n := 0
	for k := w.pick(0); k != nil; k = w.pick(0) {
		k.end()
		n++
	}
	for range n {
		w.startOne()
	}
}

// freeze holds the links of a process for d.
func (w *world) freeze(name string, d time.Duration) {
	w.mu.Lock()
	k := w.workers[name]
	w.mu.Unlock()
	if k == nil || k.dead.Load() || k.frozen.Swap(true) {
		return
	}
	w.tell(name, "is frozen for %s", d)
	k.host.Hold()
	w.later(d, func() {
		w.tell(name, "is awake again")
		k.frozen.Store(false)
		k.host.Release()
	})
}
