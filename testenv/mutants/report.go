package mutants

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Score is what became of the mutants of one file, or of all.
type Score struct {
	Mutants, Killed, Hung, Argued, Survived int
	Layers                                  map[string]int // killed, by the layer that did it
}

func (s *Score) add(r Result) {
	s.Mutants++
	switch {
	case r.Killed:
		s.Killed++
		if s.Layers == nil {
			s.Layers = map[string]int{}
		}
		s.Layers[r.Layer]++
		if r.How == "hangs" {
			s.Hung++
		}
	case r.Argued != "":
		s.Argued++
	default:
		s.Survived++
	}
}

// Share is how many of a hundred were killed. Those that were argued away do not count as faults.
func (s Score) Share() float64 {
	if s.Mutants == s.Argued {
		return 100
	}
	return 100 * float64(s.Killed) / float64(s.Mutants-s.Argued)
}

// Scores are the scores per file; "" is all of them.
func Scores(rs []Result) map[string]*Score {
	out := map[string]*Score{"": {}}
	for _, r := range rs {
		if out[r.File] == nil {
			out[r.File] = &Score{}
		}
		out[r.File].add(r)
		out[""].add(r)
	}
	return out
}

// Ledger is what the last runs came to, kept between them so that one document can hold both.
type Ledger struct {
	Generated struct {
		Took   time.Duration     // of the last run over all files
		Scores map[string]*Score // each of its file's last run
	}
	Chosen map[string]Row // by patch and killer
}

// Note puts the scores of whole files into the ledger, in place of what it had of them, and sums all files up anew.
func (l *Ledger) Note(scores map[string]*Score) {
	if l.Generated.Scores == nil {
		l.Generated.Scores = map[string]*Score{}
	}
	for file, s := range scores {
		if file != "" {
			l.Generated.Scores[file] = s
		}
	}
	all := &Score{Layers: map[string]int{}}
	for file, s := range l.Generated.Scores {
		if file == "" {
			continue
		}
		all.Mutants, all.Killed, all.Hung = all.Mutants+s.Mutants, all.Killed+s.Killed, all.Hung+s.Hung
		all.Argued, all.Survived = all.Argued+s.Argued, all.Survived+s.Survived
		for layer, n := range s.Layers {
			all.Layers[layer] += n
		}
	}
	l.Generated.Scores[""] = all
}

// Row is one line of the table of chosen mutants.
type Row struct {
	Name, Breaks, Law, Layer, Test, How string
	Killed                              bool
	Took                                time.Duration
}

// RowOf sums up a trial.
func RowOf(t Trial) Row {
	return Row{Name: t.Patch.Name, Breaks: t.Patch.Breaks, Law: t.Patch.Law, Layer: t.Step.Layer,
		Test: t.Step.Package + " " + strings.Trim(t.Step.Run, "^$"), How: t.How, Killed: t.Killed, Took: t.Took}
}

func ledgerPath(root string) string { return filepath.Join(root, ".cache", "mutants", "ledger.json") }

// ReadLedger reads the last runs'; an empty one if there were none.
func ReadLedger(root string) Ledger {
	l := Ledger{}
	if b, err := os.ReadFile(ledgerPath(root)); err == nil {
		_ = json.Unmarshal(b, &l) // a damaged one is as good as none
	}
	if l.Chosen == nil {
		l.Chosen = map[string]Row{}
	}
	return l
}

// Write keeps the ledger.
func (l Ledger) Write(root string) error {
	b, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(ledgerPath(root)), 0o755); err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	if err := os.WriteFile(ledgerPath(root), b, 0o644); err != nil {
		return fmt.Errorf("mutants: %w", err)
	}
	return nil
}

// Document is docs/mutants.md.
func (l Ledger) Document(ps []*Patch, a Arguments) string {
	var b strings.Builder
	b.WriteString(`# Mutants

Faults that were put into the code on purpose, and what noticed them. Made by ` + "`go run ./testenv/mutants/run -write docs/mutants.md`" + ` from the last runs; package
` + "`testenv/mutants`" + ` says how.

## Chosen ones

Each is a patch under ` + "`testenv/mutants/patches`" + `, or a switch of a model where it is the world around the code that errs. The test named must fail with
the patch and pass without it; of a switch, the test must find it. Seconds are those of one trial on two cores, compiling included.

| mutant | what is wrong then | law, hazard or promise | layer | killed by | seconds |
|---|---|---|---|---|---|
`)
	var rows []Row
	for _, p := range ps {
		for _, k := range p.Killers {
			r := RowOf(Trial{Patch: p, Step: k})
			if ran, ok := l.Chosen[p.Name+" "+k.String()]; ok {
				r.Killed, r.How, r.Took = ran.Killed, ran.How, ran.Took
			}
			rows = append(rows, r)
		}
	}
	slices.SortStableFunc(rows, func(x, y Row) int { return slices.Index(Layers, x.Layer) - slices.Index(Layers, y.Layer) })
	for _, r := range rows {
		took := "**not killed**"
		if r.How == "" {
			took = "not tried in the last runs"
		}
		if r.Killed {
			took = fmt.Sprintf("%.0f", max(1, r.Took.Seconds()))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s` | %s |\n", r.Name, r.Breaks, r.Law, r.Layer, r.Test, took)
	}
	g := l.Generated
	b.WriteString("\n## All that a generator makes\n\n")
	if len(g.Scores) == 0 {
		b.WriteString("Not run yet.\n")
		return b.String()
	}
	fmt.Fprintf(&b, `Every mutant of the rules that compiles: comparisons shifted, conditions forced and negated, operands, statements, branches, fields and early returns dropped,
constants moved or swapped, loops ended after one turn, values and results replaced by zero, errors swallowed or made up. Of the functions of `+"`commit` and `offsets`"+`, each file as of its last run; all files at once took %s. Argued: a mutant that
changes nothing a caller could see; the reasons are in `+"`testenv/mutants/survivors.txt`"+`, %d mutants in all. The share counts the killed among those not argued.

| file | mutants | killed | of these by hanging | argued | survived | share |
|---|---|---|---|---|---|---|
`, g.Took.Round(time.Second), len(a))
	line := func(name string, s *Score) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %.1f %% |\n", name, s.Mutants, s.Killed, s.Hung, s.Argued, s.Survived, s.Share())
	}
	for _, f := range slices.Sorted(maps.Keys(g.Scores)) {
		if f != "" {
			line("`"+f+"`", g.Scores[f])
		}
	}
	if all := g.Scores[""]; all != nil {
		line("**all**", all)
		var by []string
		for _, layer := range Layers {
			if n := all.Layers[layer]; n > 0 {
				by = append(by, fmt.Sprintf("%s %d", layer, n))
			}
		}
		fmt.Fprintf(&b, "\nKilled by layer: %s.\n", strings.Join(by, ", "))
	}
	return b.String()
}

// Prune forgets what is known of patches that are gone.
func (l Ledger) Prune(root string) {
	ps, err := Patches(Folder(root))
	if err != nil {
		return
	}
	there := map[string]bool{}
	for _, p := range ps {
		for _, k := range p.Killers {
			there[p.Name+" "+k.String()] = true
		}
	}
	maps.DeleteFunc(l.Chosen, func(k string, _ Row) bool { return !there[k] })
}
