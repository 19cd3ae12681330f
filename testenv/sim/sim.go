// Package sim runs the whole sink in one process under fake time, and lets everything go wrong.
//
// A world is several processes of production code (sink.New and Run: lanes, writer, encoders, committer, budget) over a log, an
// object store and tables in memory that keep the real thing's promises and no more. A seed decides what is sent, what goes
// wrong where, and how long everything takes; see Case. Each request of a process goes through a wire, where it may be lost,
// late, doubled, refused or answered wrongly, and where the process may die or freeze. Others roll the tables back, expire,
// compact and replace them; the log loses records, topics are made again; an operator answers every STOP as its message says.
// When the faults end, everything must arrive, and package oracle, which shares no code with sinker, judges what the tables hold.
//
//	go test ./testenv/sim                        as many seeds as CI has time for, on all processors
//	SINKER_SEEDS=300 go test ./testenv/sim       a quick look, 15 s at most
//	SINKER_SEEDS=1000000 SINKER_SEED_TIME=6h …   the long run
//	SINKER_SEED=4711 go test -v ./testenv/sim    one seed, with its story
//
// A seed that fails is shrunk and printed as a story and as a case; put into testdata, the case is a test.
package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// What every world must have seen; it goes on until it has.
const (
	LeastRecords = 200
	LeastCommits = 5
	LeastKinds   = 3
)

// Outcome is what came of a world.
type Outcome struct {
	Violations []string
	Kinds      []fate.Kind // that were met and had an effect
	Trace      fate.Trace
	Story      string // only of a world that failed
	Records    int
	Commits    int
	Stops      map[string]int
	Ticks      int
	Lasted     time.Duration // of the world's own time
}

// Again is the case that feeds the trace of o, which came of c, instead of drawing from its seed.
func (o Outcome) Again(c Case) Case {
	c.Replay, c.Trace, c.Ticks = true, o.Trace, o.Ticks
	return c
}

// Failed tells whether a promise was broken.
func (o Outcome) Failed() bool { return len(o.Violations) > 0 }

// Run lives through one case. It fails t only if goroutines are left.
func Run(t *testing.T, c Case) (o Outcome) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		began := time.Now()
		w := newWorld(c)
		w.live()
		for _, v := range oracle.Judge(w.describe()) {
			o.Violations = append(o.Violations, v.String())
		}
		o.Violations = append(o.Violations, w.faults...)
		for k := range w.did {
			o.Kinds = append(o.Kinds, k)
		}
		slices.Sort(o.Kinds)
		o.Trace, o.Records, o.Commits, o.Ticks, o.Lasted = w.fate.Trace(), len(w.cluster.truth.records), w.commits, w.ticks, time.Since(began)
		o.Stops = map[string]int{}
		for _, s := range w.stops {
			o.Stops[s.Reason]++
		}
		if o.Failed() {
			o.Story = w.story.String()
		}
	})
	return o
}

// Tell is the outcome for people.
func (o Outcome) Tell(c Case) string {
	return fmt.Sprintf("seed %d: %d records, %d commits, %s of its own time, met %v, stops %v\n%s\n%s", c.Seed, o.Records, o.Commits,
		o.Lasted.Round(time.Second), o.Kinds, o.Stops, strings.Join(o.Violations, "\n"), o.Story)
}
