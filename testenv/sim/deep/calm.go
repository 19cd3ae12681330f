package deep

import (
	"maps"
	"slices"
	"time"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// settle ends all faults.
func (w *world) settle() {
	w.fate.Quiet()
	w.mu.Lock()
	for _, k := range w.workers {
		if !k.dead.Load() {
			k.host.Mend()
			k.host.Release()
		}
	}
	w.mu.Unlock()
	for _, h := range w.log.handles {
		h.Remove()
	}
	w.tell("world", "is quiet from now on")
	if w.pick(0) == nil {
		w.startOne()
	}
}

// calm waits until everything has arrived, and tells which partitions wait for an operator all the same.
func (w *world) calm() map[oracle.Part]bool {
	end := time.Now().Add(patience)
	for time.Now().Before(end) && !w.failed() {
		time.Sleep(2 * time.Second)
		w.log.sweep()
		w.answer()
		stopped := w.waiting()
		w.mu.Lock()
		pending := w.pending
		w.mu.Unlock()
		if pending == 0 && w.arrived(stopped) {
			return stopped
		}
	}
	w.tell("world", "waited long enough")
	return w.waiting()
}

// waiting are the partitions that some process has stopped.
func (w *world) waiting() map[oracle.Part]bool {
	out := map[oracle.Part]bool{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.workers {
		s := k.now.Load()
		if k.dead.Load() || done(k.ended) || s == nil {
			continue
		}
		for _, t := range s.Status().Tables {
			for _, p := range t.Partitions {
				if t.Stop != nil || p.Stop != nil {
					out[part(p.Partition)] = true
				}
			}
		}
	}
	return out
}

func part(p offsets.Partition) oracle.Part {
	return oracle.Part{Topic: p.Topic, ID: topicID(p.TopicID), Num: p.Num}
}

func (w *world) endAll() {
	w.mu.Lock()
	w.ending = true
	all := slices.Collect(maps.Values(w.workers))
	w.mu.Unlock()
	for _, k := range all {
		k.stop()
	}
	for _, k := range all {
		<-k.ended
	}
}
