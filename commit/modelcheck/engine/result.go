package engine

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// Result is what a run has seen.
type Result struct {
	Model     string
	States    uint64 // distinct ones
	Moves     uint64 // transitions
	Depth     int    // steps to the farthest state
	Complete  bool   // everything reachable was seen; else a limit ended it ("bounded")
	Violation string // what was wrong, empty if nothing was
	Story     []string
	Kinds     map[string]uint64 // steps by kind
	Counts    map[string]uint64 // by name in Model.Counts
	Probes    uint64
	Took      time.Duration
	Bytes     uint64 // most memory that the table, the predecessors and the frontier took together
}

func (s *search[S]) result(frontier uint64) Result {
	r := Result{Model: s.m.Name, States: s.seen.len(), Depth: s.depth, Complete: s.bad == "" && !s.bounded.Load(), Violation: s.bad,
		Kinds: map[string]uint64{}, Counts: map[string]uint64{}, Took: time.Since(s.began), Bytes: s.seen.bytes() + s.preds.bytes() + frontier}
	for _, w := range s.workers {
		r.Moves += w.moves
		r.Probes += w.probes
		for i, name := range s.m.Counts {
			r.Counts[name] += w.out.counts[i]
		}
		for i, name := range s.m.Kinds {
			r.Kinds[name] += w.kinds[i]
		}
	}
	if s.bad != "" && !s.l.Untraced {
		r.Story = s.story(s.badAt)
	}
	return r
}

// String is one line of figures, and the story if there is one.
func (r Result) String() string {
	end := "complete"
	switch {
	case r.Violation != "":
		end = "VIOLATION"
	case !r.Complete:
		end = "bounded"
	}
	perSecond := float64(r.States) / max(r.Took.Seconds(), 1e-9)
	line := fmt.Sprintf("%-24s %11d states %12d steps  depth %3d  %6.1f s %8.0f states/s %7.1f MiB (%4.1f B/state)  %d probes  %s",
		r.Model, r.States, r.Moves, r.Depth, r.Took.Seconds(), perSecond, float64(r.Bytes)/(1<<20), float64(r.Bytes)/max(float64(r.States), 1), r.Probes, end)
	if r.Violation != "" {
		line += ": " + r.Violation + "\n  " + strings.Join(r.Story, "\n  ")
	}
	return line
}

// Sum adds up what several runs have seen, under a name.
func Sum(name string, rs ...Result) Result {
	sum := Result{Model: name, Complete: true, Kinds: map[string]uint64{}, Counts: map[string]uint64{}}
	for _, r := range rs {
		sum.States += r.States
		sum.Moves += r.Moves
		sum.Probes += r.Probes
		sum.Took += r.Took
		sum.Depth, sum.Bytes = max(sum.Depth, r.Depth), max(sum.Bytes, r.Bytes)
		sum.Complete = sum.Complete && r.Complete
		if sum.Violation == "" {
			sum.Violation, sum.Story = r.Violation, r.Story
		}
		for k, n := range r.Kinds {
			sum.Kinds[k] += n
		}
		for k, n := range r.Counts {
			sum.Counts[k] += n
		}
	}
	return sum
}

// Unreached lists the kinds of steps and the counters that stayed at nought.
func (r Result) Unreached() []string {
	var out []string
	for _, m := range []map[string]uint64{r.Kinds, r.Counts} {
		for k, n := range m {
			if n == 0 {
				out = append(out, k)
			}
		}
	}
	sort.Strings(out)
	return out
}

// Reached lists kinds and counters with their numbers, one a line.
func (r Result) Reached() string {
	var b strings.Builder
	for _, m := range []map[string]uint64{r.Kinds, r.Counts} {
		names := make([]string, 0, len(m))
		for k := range m {
			names = append(names, k)
		}
		sort.Strings(names)
		for _, k := range names {
			fmt.Fprintf(&b, "  %12d  %s\n", m[k], k)
		}
	}
	return b.String()
}

// Short tells what keeps runs from showing that their models hold: violations, worlds not walked to their end, and names that none of
// them reached, but for those that may be missed.
func Short(rs []Result, may ...string) []string {
	var out []string
	for _, r := range rs {
		if r.Violation != "" || !r.Complete {
			out = append(out, r.Model+": not shown to hold")
		}
	}
	for _, name := range Sum("together", rs...).Unreached() {
		if !slices.Contains(may, name) {
			out = append(out, "never reached: "+name)
		}
	}
	return out
}
