package contract

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/testenv/world"
)

// verdict is what became of a lie.
type verdict struct {
	refused bool   // by check --probe
	probe   string // what the probe said
	stop    string // the reason for which run stopped, "" if it went on
	found   string // what the stop said
	commits int    // that run sent after the lie began
}

// What is expected of each lie, by its name.
var caught = map[string]struct {
	refused bool
	probe   string // part of what the probe says
	stop    string // of run; "" where each record is in the table once all the same
	but     string // what is lost by it then
}{
	"ignores what a request requires":                    {refused: true, probe: "a wrong snapshot of the branch is refused", but: "commits of others are lost, and nobody can tell"},
	"ignores it, and moves the snapshot onto the newest": {refused: true, probe: "a wrong snapshot of the branch is refused", stop: "catalog lies"},
	"says yes and does nothing":                          {refused: true, probe: "an acknowledged commit is in the table", stop: "catalog lies"},
	"says yes to what it refused":                        {refused: true, probe: "a wrong snapshot of the branch is refused", stop: "catalog lies"},
	"shows the past for ever":                            {refused: true, probe: "an acknowledged commit is in the table", stop: "catalog lies"},
	"shows the past for three more loads":                {probe: "an acknowledged commit shows at once"},
	"applies each request twice":                         {refused: true, probe: "an acknowledged commit is in the table", stop: "catalog lies"},
	"answers with the metadata of before":                {},
	"loses snapshot summaries":                           {refused: true, probe: "snapshot summaries are kept", stop: "catalog lies"},
	"loses table properties":                             {probe: "table properties are kept"},
	"loses tags":                                         {probe: "tags are kept"},
}

const records = 200 // half of them before the lie begins

// Each lie is found out by the probe, or harmless, or stops run within one commit; and whatever is found out, no record is lost or doubled.
func TestLies_AreCaught(t *testing.T) {
	t.Parallel()
	verdicts := make([]verdict, len(Lies))
	t.Run("each", func(t *testing.T) {
		for i, lie := range Lies {
			t.Run(lie.Name, func(t *testing.T) {
				t.Parallel()
				want, known := caught[lie.Name]
				if !known {
					t.Fatal("nobody said what is to become of this lie")
				}
				v := try(t, lie, fmt.Sprintf("lie%d", i))
				if v.refused != want.refused || !strings.Contains(v.probe, want.probe) {
					t.Errorf("the probe refused: %v, want %v; it said %q, want %q", v.refused, want.refused, v.probe, want.probe)
				}
				if v.stop != want.stop {
					t.Errorf("run stopped for %q (%s), want %q", v.stop, v.found, want.stop)
				}
				if !v.refused && v.stop == "" && want.probe == "" && want.stop == "" && lie.Name != "answers with the metadata of before" {
					t.Error("nobody caught it")
				}
				verdicts[i] = v
			})
		}
	})
	if !t.Failed() {
		document(t, "lies", lieTable(verdicts))
	}
}

// try tells one lie to the probe and to run.
func try(t *testing.T, lie Lie, name string) verdict {
	w := *must(servers.World(t.Context(), real.RESTVersityGW))(t)
	alone := lie
	alone.Others = false // the probe is alone with its table
	return probeAnd(t, name, &w, must(NewLiar(w.Catalog.URI, alone))(t), must(NewLiar(w.Catalog.URI, lie))(t))
}

var binaryUsed atomic.Bool

func removeBinary() {
	if binaryUsed.Load() && os.Getenv("SINKER_BIN") == "" {
		if path, err := world.Binary(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}
}

func probeAnd(t *testing.T, name string, honest *real.World, forProbe, forRun *Liar) (v verdict) {
	t.Cleanup(forProbe.Close)
	t.Cleanup(forRun.Close)
	binaryUsed.Store(true)
	topic, table := "lies-"+name, "lies."+name
	half := func(from int64) {
		t.Helper()
		if err := load.Values(t.Context(), honest.Kafka.Addr, topic, 1, records/2, func(i int64) []byte { return fmt.Appendf(nil, `{"id":%d}`, from+i) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := load.Topic(t.Context(), honest.Kafka.Addr, topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	half(0)
	conf := world.Config{Sink: name, Every: "500ms", Tables: fmt.Sprintf("  - topics: [%s]\n    table: %s\n    format: json\n    create:\n      columns:\n        - {name: id, type: long}\n", topic, table)}
	dir := filepath.Join(scratch, name)

	through := *honest
	through.Catalog = honest.Catalog.At(forProbe.URL)
	forProbe.Arm()
	checker := must(world.Prepare(dir, "check-"+name, &through, conf))(t)
	said, status, err := checker.Command(t.Context(), &through, "check", "--probe")
	if err != nil {
		t.Fatal(err)
	}
	v.refused, v.probe = status != 0, objections(said)
	if v.refused != strings.Contains(said, "this catalog cannot keep sinker's promise") {
		t.Errorf("check --probe ended with status %d:\n%s", status, said)
	}

	through.Catalog = honest.Catalog.At(forRun.URL)
	s := must(world.Prepare(dir, "run-"+name, &through, conf))(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", s.Log(6000))
		}
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	committed := func(n int64) func(world.Status) bool {
		return func(st world.Status) bool {
			return len(st.Tables) == 1 && len(st.Tables[0].Partitions) == 1 && st.Tables[0].Partitions[0].Committed == n
		}
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Minute, fmt.Errorf("not within ten minutes"))
	defer cancel()
	if _, err := s.Until(ctx, "half way", committed(records/2)); err != nil {
		t.Fatal(err)
	}
	forRun.Arm()
	half(records / 2)
	st, err := s.Until(ctx, "done or stopped", func(st world.Status) bool {
		return committed(records)(st) || len(st.Tables) == 1 && st.Tables[0].Stop != nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if stop := st.Tables[0].Stop; stop != nil {
		v.stop, v.found = stop.Reason, stop.Found
	}
	if code, err := s.Quit(ctx); err != nil || code != 0 && v.stop == "" {
		t.Errorf("run ended with status %d: %v", code, err)
	}
	v.commits = forRun.Commits()
	if v.stop != "" && v.commits > 1+5 { // a data commit, and the anchors that are tried in vain
		t.Errorf("run sent %d commits before it stopped", v.commits)
	}

	// The truth, past the liar.
	a := must(judge.DuckDB.Ask(t.Context(), must(judge.Of(t.Context(), honest, table))(t), judge.Question{Distinct: []string{"id"}}))(t)
	if a.Rows != a.Distinct["id"] {
		t.Errorf("%d rows, %d ids: doubled", a.Rows, a.Distinct["id"])
	}
	if v.stop == "" && a.Rows != records || a.Rows < records/2 || a.Rows > records {
		t.Errorf("%d rows, after a stop for %q", a.Rows, v.stop)
	}
	return v
}

var numbers = regexp.MustCompile(`\d{6,}`)

// objections is what the probe did not like, its numbers left out.
func objections(said string) string {
	var out []string
	for line := range strings.Lines(said) {
		if no, ok := strings.CutPrefix(strings.TrimSpace(line), "NO"); ok {
			out = append(out, strings.TrimSpace(no))
		}
	}
	return numbers.ReplaceAllString(strings.Join(out, "; "), "N")
}

// lieTable is who caught which lie.
func lieTable(verdicts []verdict) string {
	var b strings.Builder
	b.WriteString("| the catalog … | `check --probe` | `run`, where the lie begins while it runs |\n|---|---|---|\n")
	for i, v := range verdicts {
		probe := "nothing to object"
		switch first, _, _ := strings.Cut(v.probe, ": "); {
		case v.refused:
			probe = "refuses: NO, " + first
		case v.probe != "":
			probe = "tells: NO, " + first
		}
		run := "goes on, each record once"
		if v.stop != "" {
			first, _, _ := strings.Cut(numbers.ReplaceAllString(strings.TrimPrefix(v.found, "CRITICAL: "), "N"), ":")
			run = "STOP(" + v.stop + ") within one commit: " + first
		}
		if but := caught[Lies[i].Name].but; but != "" {
			run += "; " + but
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", Lies[i].Name, probe, run)
	}
	return b.String()
}
