package bench

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Machine is where something was measured, and of what.
type Machine struct {
	When   string `json:"when"`
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Go     string `json:"go"`
	Commit string `json:"commit"`
}

// Session is everything that one call of the command measured.
type Session struct {
	Options   Options    `json:"options"`
	Machine   Machine    `json:"machine"`
	Runs      []Run      `json:"runs,omitempty"`
	Costs     []Cost     `json:"costs,omitempty"`
	Profile   *Profiled  `json:"profile,omitempty"`
	Freshness *Freshness `json:"freshness,omitempty"`
}

// ThisMachine describes the machine that this process runs on.
func ThisMachine() Machine {
	m := Machine{When: time.Now().UTC().Format("2006-01-02 15:04 UTC"), Cores: runtime.NumCPU(), Go: runtime.Version(), Commit: revision()}
	m.CPU = field("/proc/cpuinfo", "model name")
	m.Memory = field("/proc/meminfo", "MemTotal")
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	return m
}

// field is the value of the first line "key : value" of a file of the kernel's.
func field(file, key string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// Save keeps raw results for those who want to look closer, and for Write.
func Save(dir, name string, v any) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), append(text, '\n'), 0o644)
}

// revision names what is measured: the commit, and whether anything is not committed.
func revision() string {
	text, err := exec.Command("git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*").Output()
	if err != nil {
		return "unknown" // no repository, or no git
	}
	return strings.TrimSpace(string(text))
}

// median of what is asked of every run; the lower of two in the middle.
func median[T cmp.Ordered](runs []Run, of func(Run) T) T {
	var all []T
	for _, r := range runs {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// of the runs, those of one program on one shape.
func of(runs []Run, program, shape string) (out []Run) {
	for _, r := range runs {
		if r.Program == program && r.Shape == shape {
			out = append(out, r)
		}
	}
	return out
}

// distinct are the values in the order of their first appearance.
func distinct(runs []Run, of func(Run) string) (out []string) {
	for _, r := range runs {
		if v := of(r); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// Tables are the runs as Markdown: for every shape the medians, sinker against each of the others, and every single run.
func Tables(runs []Run) string {
	var b strings.Builder
	for _, shape := range distinct(runs, func(r Run) string { return r.Shape }) {
		fmt.Fprintf(&b, "### %s, %d rows\n\n", shape, of(runs, runs[0].Program, shape)[0].Rows)
		programs := distinct(runs, func(r Run) string { return r.Program })
		fmt.Fprintln(&b, "| median | k rows/s | k rows per CPU s | bytes a row | peak MiB | ready s | first commit s | commits | files |\n|---|---|---|---|---|---|---|---|---|")
		for _, p := range programs {
			if set := of(runs, p, shape); len(set) > 0 {
				fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.1f | %d | %s |\n", p, median(set, Run.Rate)/1e3, median(set, Run.PerCPU)/1e3, median(set, Run.PerRow),
					median(set, func(r Run) int64 { return r.RSS })>>20, steps(set))
			}
		}
		if ours := of(runs, Sinker, shape); len(ours) > 0 && len(programs) > 1 {
			fmt.Fprintln(&b, "\n| sinker against | rows/s | rows per CPU s | bytes | memory |\n|---|---|---|---|---|")
			for _, p := range programs {
				if set := of(runs, p, shape); len(set) > 0 && p != Sinker {
					fmt.Fprintf(&b, "| %s | %.2f × | %.2f × | %.2f × | %.2f × |\n", p, median(ours, Run.Rate)/median(set, Run.Rate), median(ours, Run.PerCPU)/median(set, Run.PerCPU),
						median(ours, Run.PerRow)/median(set, Run.PerRow), float64(median(ours, func(r Run) int64 { return r.RSS }))/float64(median(set, func(r Run) int64 { return r.RSS })))
				}
			}
		}
		fmt.Fprintln(&b, "\n| every run | wall s | CPU s | k rows/s | k rows per CPU s | bytes a row | peak MiB | others' CPU s |\n|---|---|---|---|---|---|---|---|")
		for _, r := range runs {
			if r.Shape == shape {
				fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.0f | %.0f | %.2f | %d | %s |\n", r.Program, r.Wall, r.CPU, r.Rate()/1e3, r.PerCPU()/1e3, r.PerRow(), r.RSS>>20, others(r.Others))
			}
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// steps are the columns that DuckDB has nothing to say about.
func steps(set []Run) string {
	if set[0].Commits == 0 {
		return "– | – | – | 1"
	}
	return fmt.Sprintf("%.2f | %.2f | %d | %d", median(set, func(r Run) float64 { return r.Ready }), median(set, func(r Run) float64 { return r.First }),
		median(set, func(r Run) int { return r.Commits }), median(set, func(r Run) int { return r.Files }))
}

func others(spent map[string]float64) string {
	var parts []string
	for name, s := range spent {
		parts = append(parts, fmt.Sprintf("%s %.1f", name, s))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}
