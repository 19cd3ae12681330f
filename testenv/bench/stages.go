package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Stage is a part of a record's way, with what it takes a row.
type Stage struct {
	Name   string  `json:"name"`
	CPU    float64 `json:"cpu_ns"`       // a row
	Bytes  float64 `json:"alloc_bytes"`  // a row
	Allocs float64 `json:"alloc_number"` // a row
}

// Top is a function, with the time that was spent in itself.
type Top struct {
	Stage string  `json:"stage"`
	Name  string  `json:"name"`
	CPU   float64 `json:"cpu_ns"` // a row
}

const module = "github.com/sinker-io/sinker/"

// rules say what stage a function belongs to. A sample belongs to the innermost of its functions that has a rule: copying memory inside of
// the decoder is decoding, and a read of a socket is fetching or uploading by who asked for it.
var rules = []struct{ prefix, stage string }{
	{"github.com/klauspost/compress/zstd.(*Decoder)", "decompress"},
	{"github.com/klauspost/compress/zstd.(*Encoder)", "compress"},
	{"github.com/klauspost/compress/zstd.(*fastEncoder", "compress"},
	{"github.com/klauspost/compress/huff0.Compress", "compress"},
	{"github.com/klauspost/compress/huff0.(*Scratch).compress", "compress"},
	{"github.com/pierrec/lz4", "decompress"},
	{module + "source.inflate", "decompress"},
	{module + "source.(*inflat", "decompress"},
	{module + "writer/pages.(*Settings).press", "compress"},
	{module + "writer/pages", "encode"},
	{module + "writer/shred", "shred"},
	{module + "writer/metrics", "encode"},
	{module + "writer", "write"},
	{"github.com/apache/arrow-go", "encode"},
	{module + "decode", "decode"},
	{module + "source", "fetch"},
	{"github.com/twmb/franz-go", "fetch"},
	{module + "storage", "upload"},
	{"github.com/aws/", "upload"},
	{module + "commit", "commit"},
	{module + "catalog", "commit"},
	{"github.com/apache/iceberg-go", "commit"},
	{module + "sink", "sink"},
	{"net/http", "upload"}, // of the two that speak HTTP, the store has nearly all of it
	{"runtime.gcBgMarkWorker", "collect garbage"},
	{"runtime.bgsweep", "collect garbage"},
	{"runtime.bgscavenge", "collect garbage"},
	{"runtime.gcAssistAlloc", "collect garbage"},
	{"runtime.mcall", "schedule"},
	{"runtime.mstart", "schedule"},
	{"runtime.rt0_go", "schedule"},
}

// stageOf takes the functions of a sample, the innermost first.
func stageOf(stack []string) string {
	for _, f := range stack {
		for _, r := range rules {
			if strings.HasPrefix(f, r.prefix) {
				return r.stage
			}
		}
	}
	return "other"
}

// sample is a stack, the innermost function first, and what was counted there.
type sample struct {
	stack  []string
	values []int64
}

// Stages reads the two profiles of a run.
func Stages(ctx context.Context, binary, dir string, rows int64) ([]Stage, []Top, error) {
	byName, byFunction := map[string]*Stage{}, map[[2]string]int64{}
	stage := func(s sample) *Stage {
		name := stageOf(s.stack)
		if byName[name] == nil {
			byName[name] = &Stage{Name: name}
		}
		return byName[name]
	}
	cpu, err := samples(ctx, binary, filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return nil, nil, err
	}
	for _, s := range cpu { // samples, nanoseconds
		st := stage(s)
		st.CPU += float64(s.values[1]) / float64(rows)
		byFunction[[2]string{st.Name, s.stack[0]}] += s.values[1]
	}
	allocs, err := samples(ctx, binary, filepath.Join(dir, "allocs.pprof"))
	if err != nil {
		return nil, nil, err
	}
	for _, s := range allocs { // allocated objects and bytes, then those in use
		st := stage(s)
		st.Allocs += float64(s.values[0]) / float64(rows)
		st.Bytes += float64(s.values[1]) / float64(rows)
	}
	var stages []Stage
	for _, s := range byName {
		stages = append(stages, *s)
	}
	slices.SortFunc(stages, func(a, b Stage) int { return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Name, b.Name)) })
	var tops []Top
	for k, ns := range byFunction {
		tops = append(tops, Top{Stage: k[0], Name: k[1], CPU: float64(ns) / float64(rows)})
	}
	slices.SortFunc(tops, func(a, b Top) int { return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Name, b.Name)) })
	return stages, tops[:min(len(tops), 40)], nil
}

// samples has Go's own tool spell a profile, and reads that.
func samples(ctx context.Context, binary, profile string) ([]sample, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "pprof", "-raw", binary, profile)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w\n%s", profile, err, complaint.String())
	}
	out, err := parseRaw(text)
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("it holds no sample")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", profile, err)
	}
	return out, nil
}

// parseRaw reads what `pprof -raw` prints: values and locations of each sample, then the functions of each location, where those that
// were inlined come before the one that they were inlined into.
func parseRaw(text []byte) ([]sample, error) {
	type found struct {
		values    []int64
		locations []string
	}
	var list []found
	functions := map[string][]string{}
	part, location := "", ""
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		line := lines.Text()
		switch line {
		case "Samples:", "Locations", "Mappings":
			part = line
			continue
		}
		switch part {
		case "Samples:":
			head, tail, ok := strings.Cut(line, ": ")
			var values []int64
			for _, v := range strings.Fields(head) {
				n, err := strconv.ParseInt(v, 10, 64)
				if err != nil {
					ok = false // a heading, or a label
					break
				}
				values = append(values, n)
			}
			if ok && len(values) > 1 {
				list = append(list, found{values, strings.Fields(tail)})
			}
		case "Locations":
			fields := strings.Fields(line)
			if len(fields) > 2 && strings.HasSuffix(fields[0], ":") && strings.HasPrefix(fields[1], "0x") {
				location = strings.TrimSuffix(fields[0], ":")
				fields = fields[2:]
				if strings.HasPrefix(fields[0], "M=") {
					fields = fields[1:]
				}
			}
			if len(fields) > 0 {
				functions[location] = append(functions[location], fields[0])
			}
		}
	}
	var out []sample
	for _, f := range list {
		s := sample{values: f.values}
		for _, l := range f.locations {
			s.stack = append(s.stack, functions[l]...)
		}
		if len(s.stack) == 0 {
			return nil, fmt.Errorf("a sample at %v has no function", f.locations)
		}
		out = append(out, s)
	}
	return out, lines.Err()
}

// StageTable is the stages as Markdown.
func (p Profiled) StageTable() string {
	var b strings.Builder
	var sum Stage
	fmt.Fprintln(&b, "| stage | CPU ns a row | share | allocated bytes a row | allocations a row |\n|---|---|---|---|---|")
	for _, s := range p.Stages {
		sum.CPU += s.CPU
		sum.Bytes += s.Bytes
		sum.Allocs += s.Allocs
	}
	for _, s := range append(p.Stages, Stage{"all", sum.CPU, sum.Bytes, sum.Allocs}) {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f %% | %.1f | %.4f |\n", s.Name, s.CPU, 100*s.CPU/sum.CPU, s.Bytes, s.Allocs)
	}
	return b.String()
}

// TopTable is the functions that took the most in themselves, as Markdown.
func (p Profiled) TopTable() string {
	var b strings.Builder
	fmt.Fprintln(&b, "| function | stage | CPU ns a row, in itself |\n|---|---|---|")
	for _, t := range p.Tops[:min(25, len(p.Tops))] {
		name := strings.ReplaceAll(strings.TrimPrefix(t.Name, module), "|", "\\|")
		fmt.Fprintf(&b, "| `%s` | %s | %.0f |\n", name, t.Stage, t.CPU)
	}
	return b.String()
}
