package storm

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/testenv/judge"
)

// Instances die, sleep and wake, networks and servers fail, others work on the tables: each record is in its table once, and no
// STOP comes that nobody earned.
func TestStorm(t *testing.T) {
	t.Cleanup(func() { _ = judge.Close() })
	dir, err := os.MkdirTemp("", "sinker-storm-") //nolint:usetesting // what servers left is kept if the storm is lost
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), t.Output(), dir, CI); err != nil {
		t.Fatalf("%v; what servers and instances left is in %s", err, dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// The schedule follows from the size alone, holds what was asked for, and differs from seed to seed.
func TestPlan_FollowsFromItsSeed(t *testing.T) {
	text := func(seed uint64) string {
		size := CI
		size.Seed = seed
		var b bytes.Buffer
		p := draw(size, sides)
		got := map[act]int{}
		kinds := map[string]bool{}
		for _, tracks := range p.worlds {
			for _, tr := range tracks {
				for _, d := range tr.deeds {
					got[d.act]++
					kinds[d.link+" "+d.what] = true
				}
			}
		}
		if got[kill] != CI.Kills || got[zombie] != CI.Zombies || got[fault]+got[restart]+got[full] != CI.Faults || got[foreign] != CI.Foreign {
			t.Errorf("seed %d: %v", seed, got)
		}
		if len(kinds) < 40 {
			t.Errorf("seed %d: only %d kinds of deeds", seed, len(kinds))
		}
		p.print(&b, size, sides)
		return b.String()
	}
	schedules := map[string]uint64{}
	for seed := range uint64(50) {
		first := text(seed)
		if again := text(seed); again != first {
			t.Fatalf("seed %d makes two schedules", seed)
		}
		_, schedule, _ := strings.Cut(first, "\n") // the first line names the seed
		if other, same := schedules[schedule]; same {
			t.Fatalf("seeds %d and %d make the same schedule", seed, other)
		}
		schedules[schedule] = seed
	}
}
