package sim_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/sim"
	"github.com/sinker-io/sinker/testenv/sim/fate"
)

const (
	seedsInCI = 50_000
	timeInCI  = 14 * time.Minute
	// leastShare is of the seeds that must meet each kind of fault, where there are enough seeds to tell.
	leastShare = 0.05
	// mostFailures ends a run: a broken promise is mostly broken by many seeds.
	mostFailures = 5
)

// tally is what came of many worlds.
type tally struct {
	Seeds, Records, Commits int
	Lasted                  time.Duration
	Kinds                   map[fate.Kind]int
	Stops                   map[string]int
	Least                   struct{ Records, Commits, Kinds int }
}

func (a *tally) add(o sim.Outcome) {
	if a.Seeds == 0 {
		a.Kinds, a.Stops = map[fate.Kind]int{}, map[string]int{}
		a.Least.Records, a.Least.Commits, a.Least.Kinds = o.Records, o.Commits, len(o.Kinds)
	}
	a.Seeds++
	a.Records += o.Records
	a.Commits += o.Commits
	a.Lasted += o.Lasted
	for _, k := range o.Kinds {
		a.Kinds[k]++
	}
	for r := range o.Stops {
		a.Stops[r]++
	}
	l := &a.Least
	l.Records, l.Commits, l.Kinds = min(l.Records, o.Records), min(l.Commits, o.Commits), min(l.Kinds, len(o.Kinds))
}

func (a *tally) join(b tally) {
	if a.Seeds == 0 {
		*a = b
		return
	}
	a.Seeds, a.Records, a.Commits, a.Lasted = a.Seeds+b.Seeds, a.Records+b.Records, a.Commits+b.Commits, a.Lasted+b.Lasted
	for k, n := range b.Kinds {
		a.Kinds[k] += n
	}
	for r, n := range b.Stops {
		a.Stops[r] += n
	}
	l := &a.Least
	l.Records, l.Commits, l.Kinds = min(l.Records, b.Least.Records), min(l.Commits, b.Least.Commits), min(l.Kinds, b.Least.Kinds)
}

// report is one line that a shard tells: a failure, or its tally at the end.
type report struct {
	Seed  uint64    `json:"seed,omitempty"`
	Told  string    `json:"told,omitempty"`
	Case  *sim.Case `json:"case,omitempty"`
	Tally *tally    `json:"tally,omitempty"`
}

// shard says which seeds a process runs: every step-th from first on, until last or the time is up.
type shard struct {
	First, Step, Last uint64
	Until             time.Time
	Out               string
}

// TestSim_Seeds runs many worlds, in as many processes as there are processors: each by itself on one, so that a seed is the same
// world again.
func TestSim_Seeds(t *testing.T) {
	count, limit := uint64(seedsInCI), timeInCI
	if text := os.Getenv("SINKER_SEEDS"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SINKER_SEEDS: %v", err)
		}
		count = n
	}
	if text := os.Getenv("SINKER_SEED_TIME"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("SINKER_SEED_TIME: %v", err)
		}
		limit = d
	}
	first := uint64(1)
	if text := os.Getenv("SINKER_FIRST_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SINKER_FIRST_SEED: %v", err)
		}
		first = n
	}
	began := time.Now()
	n := uint64(runtime.NumCPU())
	var all tally
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		s := shard{First: first + i, Step: n, Last: first + count - 1, Until: began.Add(limit), Out: filepath.Join(t.TempDir(), "reports")}
		wg.Go(func() {
			reports, err := runShard(s)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%v", err)
			}
			for _, r := range reports {
				if r.Tally != nil {
					all.join(*r.Tally)
					continue
				}
				text, _ := json.Marshal(r.Case)
				t.Errorf("%s\nTo keep it: testdata/NAME.json with\n%s", r.Told, text)
			}
		})
	}
	wg.Wait()
	tell(t, all, time.Since(began))
	if !t.Failed() && uint64(all.Seeds) < count {
		t.Errorf("%d of %d seeds in %s", all.Seeds, count, limit)
	}
}

// tell sums up, and holds against what a run must have met.
func tell(t *testing.T, a tally, took time.Duration) {
	t.Helper()
	if a.Seeds == 0 {
		t.Error("no seed was run to its end")
		return
	}
	t.Logf("%d seeds in %s, %.0f a second: %d records, %d commits; a seed lasts %s of its own time; the least were %d records, %d commits, %d kinds of faults",
		a.Seeds, took.Round(time.Second), float64(a.Seeds)/took.Seconds(), a.Records, a.Commits, (a.Lasted / time.Duration(a.Seeds)).Round(time.Second),
		a.Least.Records, a.Least.Commits, a.Least.Kinds)
	for _, k := range sim.Kinds() {
		share := float64(a.Kinds[k]) / float64(a.Seeds)
		t.Logf("  %-20s %5.1f %%", k, 100*share)
		if share < leastShare && a.Seeds >= 2000 {
			t.Errorf("%s was met by %.1f %% of the seeds only", k, 100*share)
		}
	}
	for _, r := range sorted(a.Stops) {
		t.Logf("  STOP(%s) in %.1f %%", r, 100*float64(a.Stops[r])/float64(a.Seeds))
	}
	if a.Least.Records < sim.LeastRecords || a.Least.Commits < sim.LeastCommits || a.Least.Kinds < sim.LeastKinds {
		t.Errorf("a world was too quiet: %+v", a.Least)
	}
}

func sorted(m map[string]int) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// runShard runs a shard in a process of its own.
func runShard(s shard) ([]report, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSim_Shard$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=400", shardKey+"="+string(text))
	told, failed := cmd.CombinedOutput()
	f, err := os.Open(s.Out)
	if err != nil {
		return nil, fmt.Errorf("shard %d told nothing: %w\n%s", s.First, err, tail(told))
	}
	defer f.Close()
	var out []report
	last, whole := uint64(0), false
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if n, err := strconv.ParseUint(strings.TrimSpace(lines.Text()), 10, 64); err == nil {
			last = n
			continue
		}
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return out, fmt.Errorf("shard %d: %w", s.First, err)
		}
		whole = whole || r.Tally != nil
		out = append(out, r)
	}
	if failed != nil && !whole {
		return out, fmt.Errorf("seed %d ended its process: %w\n%s", last, failed, tail(told))
	}
	return out, lines.Err()
}

func tail(text []byte) string { return string(text[max(0, len(text)-6000):]) }

const shardKey = "SINKER_SIM_SHARD"

// TestSim_Shard is one process of TestSim_Seeds; by itself it runs some seeds here, next to each other.
func TestSim_Shard(t *testing.T) {
	s := shard{First: 1, Step: 1, Last: 20, Until: time.Now().Add(time.Minute), Out: filepath.Join(t.TempDir(), "reports")}
	if text := os.Getenv(shardKey); text != "" {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(s.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(r report) {
		text, err := json.Marshal(r)
		if err == nil {
			_, err = f.Write(append(text, '\n'))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var a tally
	failures := 0
	for seed := s.First; seed <= s.Last && time.Now().Before(s.Until) && failures < mostFailures; seed += s.Step {
		fmt.Fprintln(f, seed) // in case that it ends the process
		c := sim.Draw(seed)
		o := sim.Run(t, c)
		a.add(o)
		if !o.Failed() {
			continue
		}
		failures++
		small, again := sim.Shrink(t, c, o, 20*time.Second)
		told := fmt.Sprintf("SEED %d FAILS: %s\nshrunk to %d faults:\n%s", seed, strings.Join(o.Violations, "\n  "), len(small.Trace), again.Tell(small))
		put(report{Seed: seed, Told: told, Case: &small})
		t.Error(told)
	}
	put(report{Tally: &a})
}

// TestSim_Kept runs the cases that once failed, or that fail as soon as a rule is broken.
func TestSim_Kept(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as TestSim_Seeds runs them
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no case is kept: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var c sim.Case
			if err := json.Unmarshal(text, &c); err != nil {
				t.Fatal(err)
			}
			if o := sim.Run(t, c); o.Failed() {
				t.Errorf("%s\n%s", c.Why, o.Tell(c))
			}
		})
	}
}
