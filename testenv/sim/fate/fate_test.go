package fate_test

import (
	"slices"
	"testing"

	"github.com/sinker-io/sinker/testenv/sim/fate"
)

var menu = fate.Menu{"put": {{Kind: "slow", Odds: 0.2, Most: 9}, {Kind: "lost", Odds: 0.2}}, "load": {{Kind: "stale", Odds: 0.5, Most: 3}}}

func walk(f *fate.Fate, order []string) fate.Trace {
	for _, s := range order {
		f.Meet(s[:2], s[3:])
	}
	return f.Trace()
}

func TestFate_DependsOnWhoDoesWhatHowOftenAndOnNothingElse(t *testing.T) {
	var order []string
	for range 100 {
		order = append(order, "w1 put", "w2 put", "w1 load")
	}
	first := walk(fate.FromSeed(7, menu), order)
	slices.Sort(order)
	if again := walk(fate.FromSeed(7, menu), order); !slices.Equal(first, again) {
		t.Error("another order of the actors made other faults")
	}
	if other := walk(fate.FromSeed(8, menu), order); slices.Equal(first, other) {
		t.Error("another seed made the same faults")
	}
	count := map[fate.Kind]int{}
	for _, x := range first {
		count[x.Kind]++
	}
	if count["slow"] < 20 || count["lost"] < 20 || count["stale"] < 30 {
		t.Errorf("%v", count)
	}
	if again := walk(fate.FromTrace(first), order); !slices.Equal(first, again) {
		t.Error("a trace was not repeated")
	}
	f := fate.FromTrace(first[1:])
	if again := walk(f, order); !slices.Equal(first[1:], again) {
		t.Error("a trace without one fault must be the others, at their places")
	}
	f.Quiet()
	for range 100 {
		if _, met := f.Meet("w3", "put"); met {
			t.Fatal("a fault after the end of all faults")
		}
	}
}

func TestShrink_LeavesWhatIsNeeded(t *testing.T) {
	var all fate.Trace
	for n := range 100 {
		all = append(all, fate.Fault{Actor: "w1", Edge: "put", N: n})
	}
	needs := func(ns ...int) func(fate.Trace) bool {
		return func(t fate.Trace) bool {
			for _, n := range ns {
				if !slices.ContainsFunc(t, func(x fate.Fault) bool { return x.N == n }) {
					return false
				}
			}
			return true
		}
	}
	if got := fate.Shrink(all, 1000, needs(3, 50, 99)); len(got) != 3 || !needs(3, 50, 99)(got) {
		t.Errorf("%v", got)
	}
	if got := fate.Shrink(all, 1000, needs()); len(got) != 0 {
		t.Errorf("%v", got)
	}
	calls := 0
	fate.Shrink(all, 10, func(fate.Trace) bool { calls++; return false })
	if calls > 10 {
		t.Errorf("%d tries", calls)
	}
}
