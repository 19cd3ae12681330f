package bench

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A sample counts for the innermost function that has a stage, however deep in libraries and in the runtime it was taken.
func TestStageOf_TheInnermostWithAStageDecides(t *testing.T) {
	for want, stack := range map[string][]string{
		"decode":          {"runtime.memmove", module + "decode.(*jsonDecoder).value", module + "writer.(*Batch).decode", module + "sink.(*lane).run"},
		"fetch":           {"internal/runtime/syscall.Syscall6", "net.(*conn).Read", "github.com/twmb/franz-go/pkg/kgo.(*brokerCxn).readConn"},
		"upload":          {"internal/runtime/syscall.Syscall6", "net.(*conn).Write", "net/http.(*persistConn).writeLoop"},
		"compress":        {"github.com/klauspost/compress/huff0.(*Scratch).compress4X", "github.com/klauspost/compress/zstd.(*blockEnc).encode", module + "writer/pages.(*Writer).close"},
		"decompress":      {"github.com/pierrec/lz4/v4/internal/lz4block.decodeBlock", "github.com/twmb/franz-go/pkg/kgo.(*decompressor).Decompress"},
		"collect garbage": {"runtime.scanobject", "runtime.gcDrain", "runtime.gcBgMarkWorker"},
		"other":           {"main.main"},
	} {
		if got := stageOf(stack); got != want {
			t.Errorf("%v belongs to %s, want %s", stack, got, want)
		}
	}
}

// What pprof prints of a profile comes back: every value with its stack, the innermost function first, inlined ones before their hosts.
func TestParseRaw_ReadsWhatPprofPrints(t *testing.T) {
	got, err := parseRaw([]byte(`PeriodType: cpu nanoseconds
Period: 10000000
Samples:
samples/count cpu/nanoseconds
          3   30000000: 1 2 
                thread:[main]
          1   10000000: 2 
Locations
     1: 0x40200f M=1 runtime.memmove /go/memmove.s:100:0 s=30
     2: 0x40300f M=1 decode.(*Column).append /src/column.go:7:0 s=6
             decode.(*jsonDecoder).value /src/value.go:9:0 s=8
Mappings
1: 0x400000/0x500000/0x0 sinker  [FN]
`))
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if s := strings.Join(got[0].stack, " < "); s != "runtime.memmove < decode.(*Column).append < decode.(*jsonDecoder).value" || got[0].values[1] != 30000000 {
		t.Errorf("got %s with %v", s, got[0].values)
	}
	if _, err := parseRaw([]byte("Samples:\n 1 2: 7\nLocations\nMappings\n")); err == nil {
		t.Error("a sample without a function was taken")
	}
}

// Snapshots come in the order in which they were committed, whatever the order in the file.
func TestParseHistory_InTheOrderOfCommits(t *testing.T) {
	past, err := parseHistory([]byte(`{"snapshots": [
		{"snapshot-id": 8, "sequence-number": 2, "timestamp-ms": 1700, "summary": {"added-records": "30", "added-files-size": "99", "added-data-files": "2", "total-records": "40"}},
		{"snapshot-id": 9, "sequence-number": 1, "timestamp-ms": 1600, "summary": {"added-records": "10"}}]}`))
	if err != nil || len(past) != 2 || past[0].rows != 10 || past[1].rows != 30 || past[1].files != 2 || past[1].size != 99 {
		t.Errorf("got %+v, %v", past, err)
	}
}

// One slow commit does not tell what commits cost.
func TestAround_IsAMedian(t *testing.T) {
	var costs []Cost
	for i := 1; i <= 20; i++ {
		costs = append(costs, Cost{Number: i, Wall: float64(i), CPU: 1})
	}
	costs[9].Wall = 1000
	if got := Around(costs, 10); got.Wall != 6 || got.CPU != 1 {
		t.Errorf("around commit 10: %+v", got)
	}
}

func sampleRuns() []Run {
	return []Run{
		{Program: Sinker, Shape: Events, Rows: 1e6, Wall: 2, CPU: 1, Bytes: 3e7, RSS: 1 << 28, Commits: 2, Files: 2},
		{Program: Peer, Shape: Events, Rows: 1e6, Wall: 10, CPU: 16, Bytes: 3e7, RSS: 1 << 31, Commits: 1, Files: 2},
		{Program: Sinker, Shape: Events, Rows: 1e6, Wall: 4, CPU: 2, Bytes: 3e7, RSS: 1 << 28, Commits: 2, Files: 2},
		{Program: Sinker, Shape: Events, Rows: 1e6, Wall: 1, CPU: 4, Bytes: 3e7, RSS: 1 << 28, Commits: 2, Files: 2},
	}
}

// Ratios are of medians, and every run is shown.
func TestTables_CompareMedians(t *testing.T) {
	text := Tables(sampleRuns())
	for _, want := range []string{"| sinker | 500 | 500 |", "| connect | 5.00 × | 8.00 × | 1.00 × | 0.12 × |", "| sinker | 4.00 | 2.00 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// Writing the report again changes nothing around it, and nothing in it.
func TestWrite_RenewsOnlyItsPart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "benchmarks.md")
	if err := os.WriteFile(file, []byte("# before\n"+mark+"\nold\n"+done+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := Freshness{Rows: 4, Counts: []int64{1, 3}, P50: 0.7}
	if err := Save(filepath.Join(dir, "raw"), "throughput", Session{Runs: sampleRuns()}); err != nil {
		t.Fatal(err)
	}
	if err := Save(filepath.Join(dir, "raw"), "freshness", Session{Freshness: &fresh}); err != nil {
		t.Fatal(err)
	}
	sessions, err := Load(filepath.Join(dir, "raw"))
	if err != nil {
		t.Fatal(err)
	}
	var last string
	for range 2 {
		if err := Write(file, file, sessions); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" && last != string(text) {
			t.Errorf("the second time it says\n%s", text)
		}
		last = string(text)
	}
	if !strings.HasPrefix(last, "# before\n") || !strings.HasSuffix(last, "\nafter\n") || strings.Contains(last, "old") || !strings.Contains(last, "| 0.70 |") {
		t.Errorf("it says\n%s", last)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "benchmarks", "freshness.svg")); err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("the plot is %.100s, %v", text, err)
	}
}

// Rows are the same wherever they are made, and they are what the columns declare.
func TestShapes_AreJSONOfTheirColumns(t *testing.T) {
	for _, name := range []string{Events, Six} {
		shape, err := shapeOf(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int64{0, 1, 12345, math.MaxInt32} {
			var row map[string]any
			if err := json.Unmarshal(shape.append(nil, i), &row); err != nil {
				t.Fatal(err)
			}
			if len(row) != len(shape.columns) {
				t.Errorf("%s: row %d has %d columns, want %d", name, i, len(row), len(shape.columns))
			}
			for _, c := range shape.columns {
				if _, ok := row[c.Name]; !ok {
					t.Errorf("%s: row %d lacks %s", name, i, c.Name)
				}
			}
		}
	}
}

// The kernel is asked about a process that certainly has spent something: this one.
func TestCPUSeconds_GrowWithWork(t *testing.T) {
	before, err := cpuSeconds(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	x := 1.0
	for ownCPU() < before+0.1 { // ends when 0.1 s of CPU are spent, however long that takes
		x = math.Sqrt(x + 1)
	}
	after, err := cpuSeconds(os.Getpid())
	if err != nil || after < before+0.05 {
		t.Errorf("%g s before, %g s after a tenth of a second of work (%g), %v", before, after, x, err)
	}
}
