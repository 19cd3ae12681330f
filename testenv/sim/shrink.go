package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// Shrink looks for a smaller case that breaks the same promise as o, which came of c: fewer faults, processes and records. It
// takes about as long as it is given. The result is fed by its trace, not by its seed.
func Shrink(t *testing.T, c Case, o Outcome, d time.Duration) (Case, Outcome) {
	t.Helper()
	until := time.Now().Add(d)
	rule := ruleOf(o)
	small := o.Again(c)
	small.Why = o.Violations[0]
	out := o
	fails := func(c Case) bool {
		for range 2 { // what runs when is not quite the same each time
			if time.Now().After(until) {
				return false
			}
			if again := Run(t, c); again.Failed() && ruleOf(again) == rule {
				out = again
				return true
			}
		}
		return false
	}
	for range 2 {
		small.Trace = fate.Shrink(small.Trace, 400, func(x fate.Trace) bool { c := small; c.Trace = x; return fails(c) })
		for _, less := range []func(*Case) bool{
			func(c *Case) bool { c.Workers--; return c.Workers > 0 },
			func(c *Case) bool { c.Second = false; return small.Second },
			func(c *Case) bool { c.Tables--; return c.Tables > 0 },
			func(c *Case) bool { c.Parts--; return c.Parts > 0 },
			func(c *Case) bool { c.Records /= 2; return c.Records > 1 },
			func(c *Case) bool { c.Ticks /= 2; return c.Ticks > 1 },
			func(c *Case) bool { c.Ticks -= 2; return c.Ticks > 1 },
		} {
			for try := small; less(&try) && fails(try); try = small {
				small = try
			}
		}
	}
	return small, out
}

// ruleOf is which promise was broken first.
func ruleOf(o Outcome) string {
	rule, _, named := strings.Cut(o.Violations[0], ":")
	if !named {
		return "world"
	}
	return rule
}
