package modelcheck

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

// The small set holds, and asks the rules everything that they can be asked.
func TestQuick_HoldsAndReachesEveryBranch(t *testing.T) {
	sum := holds(t, Quick(), engine.Limits{})
	if missing := sum.Unreached(); len(missing) > 0 {
		t.Errorf("never reached: %s", strings.Join(missing, "; "))
	}
}

// The large set holds, each world walked through to its end. With SINKER_MODELCHECK=release it is the set for a release, of which each
// world is walked through as far as ReleaseStates go.
func TestWorlds_Hold(t *testing.T) {
	worlds, limits, least := Large(), engine.Limits{}, uint64(10_000_000)
	if os.Getenv("SINKER_MODELCHECK") == "release" {
		worlds, limits, least = Release(), engine.Limits{States: ReleaseStates, Untraced: true}, 500_000_000
	}
	if sum := holds(t, worlds, limits); sum.States < least {
		t.Errorf("%d states, at least %d are promised", sum.States, least)
	}
}

// holds walks through every world, one after the other since each takes all processors, and counts what was reached.
func holds(t *testing.T, worlds []Config, l engine.Limits) engine.Result {
	t.Helper()
	var all []engine.Result
	for _, c := range worlds {
		r := Check(c, l)
		t.Log(r)
		if r.Violation != "" || !r.Complete && l.States == 0 {
			t.Fatalf("%s: not shown to hold", c.Name)
		}
		all = append(all, r)
	}
	sum := engine.Sum("together", all...)
	t.Logf("%v\n%s", sum, sum.Reached())
	return sum
}

// What the protocol is known not to hold against is what its text says: if a change of the rules mends one, the text changes too.
func TestLimits_AreAsKnown(t *testing.T) {
	for _, p := range Limits() {
		r := Check(p.Config, engine.Limits{})
		if !strings.HasPrefix(r.Violation, p.Want) || r.Violation == "" {
			t.Errorf("%s: want %s: %v", p.Name, p.Want, r)
		}
		t.Logf("%s: %s in %d steps", p.Name, r.Violation, r.Depth)
	}
}

// Each fault that is planted in the world or in the worker is noticed, by the invariant that is there for it.
func TestPlanted_IsNoticed(t *testing.T) {
	shown := map[string]bool{}
	for _, p := range Planteds() {
		r := Check(p.Config, engine.Limits{States: 20_000_000, Time: 5 * time.Minute})
		if r.Violation == "" || !strings.HasPrefix(r.Violation, p.Want) {
			t.Errorf("%s: want %s: %v", p.Name, p.Want, r)
			continue
		}
		shown[p.Want] = true
		t.Logf("%-90s %s after %d states, in %d steps, %s", p.Name, r.Violation, r.States, r.Depth, r.Took.Round(time.Millisecond))
	}
	for _, invariant := range []string{"I1", "I2", "I3", "I4", "I6", "I8", "F", "L"} {
		if !shown[invariant] {
			t.Errorf("no planted fault shows that %s can fail", invariant)
		}
	}
}
