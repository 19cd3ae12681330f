//go:build synctests

package deep_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/deep"
	"github.com/sinker-io/sinker/testenv/sim/fate"
)

const (
	seedsOfCI = 1000
	least     = 0.05 // share of the seeds that meet each kind
	enough    = 200  // seeds, for shares to mean something
	told      = 2    // failing seeds whose stories are told
)

func number(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// tally is what many seeds came to.
type tally struct {
	mu                      sync.Mutex
	seeds, records, commits int
	faults, done            int
	took                    time.Duration
	met                     map[fate.Kind]int
	failed                  []*deep.Result
	poor                    []string
}

func (y *tally) add(r *deep.Result) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.seeds++
	y.records += r.Records
	y.commits += r.Commits
	y.faults += len(r.Trace)
	y.done += r.Done
	y.took += r.Took
	kinds := map[fate.Kind]bool{}
	for _, x := range r.Trace {
		kinds[x.Kind] = true
	}
	for k := range kinds {
		y.met[k]++
	}
	if r.Failed() {
		y.failed = append(y.failed, r)
	} else if r.Records < 200 || r.Commits < 5 || len(kinds) < 3 {
		y.poor = append(y.poor, fmt.Sprintf("seed %d: %d records, %d commits, %d kinds", r.Case.Seed, r.Records, r.Commits, len(kinds)))
	}
}

// TestDeep_Seeds lets SINKER_SEEDS worlds live, from SINKER_FIRST_SEED on, and holds each of them to its promises. SINKER_SEED_TIME
// ends it earlier, which is no failure.
func TestDeep_Seeds(t *testing.T) {
	n, from := number(t, "SINKER_SEEDS", seedsOfCI), number(t, "SINKER_FIRST_SEED", 0)
	var until time.Time
	if text := os.Getenv("SINKER_SEED_TIME"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		until = time.Now().Add(d)
	}
	y := &tally{met: map[fate.Kind]int{}}
	began := time.Now()
	t.Run("all", func(t *testing.T) {
		var next atomic.Uint64
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				for seed := next.Add(1) - 1; seed < n && (until.IsZero() || time.Now().Before(until)); seed = next.Add(1) - 1 {
					r := deep.Run(t, deep.Draw(from+seed))
					y.add(r)
					if r.Failed() {
						fmt.Fprintf(os.Stderr, "seed %d fails: %v %v\n", r.Case.Seed, r.Err, r.Found) // now; its story comes when all have lived
					}
				}
			})
		}
	})
	took := time.Since(began)
	t.Logf("%d seeds in %s, %.1f a second; %d records, %d commits, %d requests and faults at %d of them, %s of their own time", y.seeds, took.Round(time.Second),
		float64(y.seeds)/took.Seconds(), y.records, y.commits, y.done, y.faults, y.took.Round(time.Minute))
	for _, k := range deep.Kinds() {
		share := float64(y.met[k]) / float64(max(y.seeds, 1))
		t.Logf("%-20s in %5.1f %% of the seeds", k, 100*share)
		if share < least && y.seeds >= enough {
			t.Errorf("%s is met in %.1f %% of the seeds only", k, 100*share)
		}
	}
	for _, p := range y.poor {
		t.Errorf("a world in which too little happens: %s", p)
	}
	slices.SortFunc(y.failed, func(a, b *deep.Result) int { return int(a.Case.Seed) - int(b.Case.Seed) })
	for i, r := range y.failed {
		if i >= told {
			t.Errorf("seed %d fails: %v %v", r.Case.Seed, r.Err, r.Found)
			continue
		}
		t.Error(account(t, r))
	}
}

// account is all that is to be said of a world that failed: its story, how often it fails again, and the part of its faults that
// is enough for it.
func account(t *testing.T, r *deep.Result) string {
	again := 0
	for range 10 {
		if deep.Run(t, r.Case).Failed() {
			again++
		}
	}
	c := r.Case
	c.Trace = fate.Shrink(r.Trace, 40, func(trace fate.Trace) bool {
		c := r.Case
		c.Trace = append(fate.Trace{}, trace...)
		return deep.Run(t, c).Failed()
	})
	kept, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("seed %d fails, and %d times of 10 when played again: %v\n%s\n%s\nof %d faults these are enough, as a case for testdata:\n%s",
		r.Case.Seed, again, r.Err, violations(r), r.Story, len(r.Trace), kept)
}

func violations(r *deep.Result) string {
	var b strings.Builder
	for _, v := range r.Found {
		fmt.Fprintln(&b, v)
	}
	return b.String()
}

// TestDeep_OneSeed tells what becomes of the world of SINKER_SEED, to look at.
func TestDeep_OneSeed(t *testing.T) {
	r := deep.Run(t, deep.Draw(number(t, "SINKER_SEED", 1)))
	t.Logf("%s\nseed %d: %d records, %d commits, %d faults, %s", r.Story, r.Case.Seed, r.Records, r.Commits, len(r.Trace), r.Took)
	if r.Failed() {
		t.Errorf("%v\n%s", r.Err, violations(r))
	}
}

// TestDeep_Kept plays the worlds again that once failed.
func TestDeep_Kept(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var c deep.Case
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		t.Run(filepath.Base(f), func(t *testing.T) {
			if r := deep.Run(t, c); r.Failed() {
				t.Errorf("%s: %v\n%s\n%s", c.Why, r.Err, violations(r), r.Story)
			}
		})
	}
}
