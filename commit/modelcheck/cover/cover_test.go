package cover

import (
	"os"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

// holds walks through every world to its end, and counts what was reached.
func holds(t *testing.T, worlds []Config, may ...string) {
	t.Helper()
	var all []engine.Result
	for _, c := range worlds {
		r := c.Run(engine.Limits{})
		t.Log(r)
		all = append(all, r)
	}
	sum := engine.Sum("together", all...)
	t.Logf("%v\n%s", sum, sum.Reached())
	for _, short := range engine.Short(all, may...) {
		t.Error(short)
	}
	if n := sum.Counts[countNames[countMet]]; n > 0 {
		t.Errorf("Covered found %d times what clipping had left", n)
	}
}

// never is what must not be reached: what clipping leaves is free.
var never = countNames[countMet]

func TestQuick_HoldsAndReachesEveryBranch(t *testing.T) { holds(t, Quick(), never, "partitions") }

func TestAll_HoldCompletely(t *testing.T) {
	worlds := CI()[len(Quick()):]
	if os.Getenv("SINKER_MODELCHECK") == "release" {
		worlds = Release()[len(Quick()):]
	}
	holds(t, worlds, never, "damage", "claims not readable", "STOP(lineage lost)")
}

// Each mistake of a caller is noticed.
func TestMutants_AreNoticed(t *testing.T) {
	found := map[Mutant]bool{}
	for _, c := range Mutants() {
		r := c.Run(engine.Limits{Time: 5 * time.Minute})
		if r.Violation == "" {
			t.Errorf("%s: not noticed: %v", c.Name, r)
			continue
		}
		found[c.Mutant] = true
		t.Logf("%-60s %s after %d states, in %d steps", c.Name, r.Violation, r.States, r.Depth)
	}
	for m := NoMutant + 1; m < mutants; m++ {
		if !found[m] {
			t.Errorf("%s: no world shows it", m)
		}
	}
}
