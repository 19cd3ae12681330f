package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	mark = "<!-- generated: go run ./testenv/bench/run report -->"
	done = "<!-- end of the generated part -->"
)

// Load reads the sessions that were saved in a folder, by name.
func Load(dir string) (map[string]Session, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	out := map[string]Session{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var s Session
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".json")] = s
	}
	return out, nil
}

// Write renews the generated parts of two documents from saved sessions: figures, with plots in a folder of the document's name beside
// it, and profiles by stage. A document of which nothing was measured stays as it is.
func Write(figures, profiles string, sessions map[string]Session) error {
	if len(sessions) == 0 {
		return errors.New("nothing was measured yet")
	}
	if part := report(sessions); part != "" {
		folder := strings.TrimSuffix(filepath.Base(figures), ".md")
		drawn, err := Plots(filepath.Join(filepath.Dir(figures), folder), sessions)
		if err != nil {
			return err
		}
		if len(drawn) > 0 {
			part += "### Plots\n\n"
			for _, d := range drawn {
				part += fmt.Sprintf("![%s](%s/%s)\n", d[1], folder, d[0])
			}
			part += "\n"
		}
		if err := renew(figures, part); err != nil {
			return err
		}
	}
	if part := stages(sessions); part != "" {
		return renew(profiles, part)
	}
	return nil
}

// renew replaces what is between the marks of a document.
func renew(file, part string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), mark)
	_, tail, closed := strings.Cut(rest, done)
	if !ok || !closed {
		return fmt.Errorf("%s: it has no place for what is generated: %s … %s", file, mark, done)
	}
	return os.WriteFile(file, []byte(head+mark+"\n\n"+part+done+tail), 0o644)
}

// stages is the profiles as Markdown, one for every shape.
func stages(sessions map[string]Session) string {
	var b strings.Builder
	for _, shape := range []string{Events, Six, Lineitem} {
		s, ok := sessions["profile-"+shape]
		if !ok || s.Profile == nil {
			continue
		}
		p := s.Profile
		fmt.Fprintf(&b, "### %s\n\n%s\n\n`go run ./testenv/bench/run profile --shapes %s --rows %d --every %s --memory %s --partitions %d`: %.0f k rows per CPU second, %.1f bytes a row\n\n%s\n%s\n",
			shape, s.Machine, shape, s.Options.Rows, s.Options.Every, s.Options.Memory, s.Options.Partitions, p.Run.PerCPU()/1e3, p.Run.PerRow(), p.StageTable(), p.TopTable())
	}
	return b.String()
}

// report is the sessions as Markdown.
func report(sessions map[string]Session) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[name]
		if len(s.Runs) == 0 {
			continue
		}
		fmt.Fprintf(&b, "### Throughput, %s\n\n%s\n\n`go run ./testenv/bench/run throughput --rows %d --runs %d --every %s --memory %s --partitions %d --shapes %s --programs %s`\n\n",
			strings.Join(s.Options.Shapes, " and "), s.Machine, s.Options.Rows, s.Options.Runs, s.Options.Every, s.Options.Memory, s.Options.Partitions, strings.Join(s.Options.Shapes, ","), strings.Join(s.Options.Programs, ","))
		b.WriteString(strings.ReplaceAll(Tables(s.Runs), "### ", "#### "))
	}
	if s, ok := sessions["freshness"]; ok && s.Freshness != nil {
		f := s.Freshness
		fmt.Fprintf(&b, "### Freshness\n\n%s\n\n`go run ./testenv/bench/run freshness --rate %d --length %.0fs --every %s --memory %s --partitions %d`\n\n",
			s.Machine, f.Rate, f.Duration, s.Options.Every, s.Options.Memory, s.Options.Partitions)
		fmt.Fprintf(&b, "| rows | commits | p50 s | p90 s | p99 s | most s | looked every ms | CPU s of sinker | peak MiB |\n|---|---|---|---|---|---|---|---|---|\n| %d | %d | %.2f | %.2f | %.2f | %.2f | %.0f | %.1f | %d |\n\n",
			f.Rows, f.Commits, f.P50, f.P90, f.P99, f.Most, f.Look*1e3, f.CPU, f.RSS>>20)
	}
	for _, on := range []string{REST, PostgreSQL} {
		s, ok := sessions["commits-"+on]
		if !ok || len(s.Costs) == 0 {
			continue
		}
		fmt.Fprintf(&b, "### Commits, %s\n\n%s\n\n`go run ./testenv/bench/run commits --catalogs %s --commits %d --partitions %d`\n\n", on, s.Machine, on, len(s.Costs), s.Options.Partitions)
		fmt.Fprintln(&b, "| commit | ms | CPU ms | against commit 10, wall | CPU | CPU ms of the servers | metadata KiB |\n|---|---|---|---|---|---|---|")
		first := Around(s.Costs, min(10, len(s.Costs)))
		numbers := []int{10, 100, 300, 1000, 2000, 3000, 5000, 10_000, len(s.Costs)}
		slices.Sort(numbers)
		for _, n := range slices.Compact(numbers) {
			if n <= len(s.Costs) {
				c := Around(s.Costs, n)
				fmt.Fprintf(&b, "| %d | %.1f | %.1f | %.2f × | %.2f × | %.1f | %.0f |\n", n, c.Wall*1e3, c.CPU*1e3, c.Wall/first.Wall, c.CPU/first.CPU, c.Others*1e3, float64(c.Metadata)/1024)
			}
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// String tells of a machine in a line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, commit %s, %s, %d × %s, %s, Linux %s", m.When, m.Commit, m.Go, m.Cores, m.CPU, m.Memory, m.Kernel)
}
