package dead

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
}

func TestQuick_HoldsAndReachesEveryBranch(t *testing.T) { holds(t, Quick()) }

func TestAll_HoldCompletely(t *testing.T) {
	worlds := CI()
	if os.Getenv("SINKER_MODELCHECK") == "release" {
		worlds = Release()
	}
	holds(t, worlds)
}

// Each mistake of a worker is noticed.
func TestMutants_AreNoticed(t *testing.T) {
	found := map[Mutant]bool{FenceBackward: true} // no harm, see TestFence_OrderIsFree
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

// Whoever anchors D before T does no harm, as long as both are read again after each anchor, T first: Ready's order is a convention.
func TestFence_OrderIsFree(t *testing.T) {
	holds(t, []Config{two.with("fence backward", func(c *Config) { c.Mutant, c.Snaps, c.Net, c.Budget.RollT = FenceBackward, 4, 1, 1 })},
		append(append([]string{}, kindNames...), countNames...)...)
}
