// Command run breaks the code, mutant by mutant, and reports who noticed.
//
//	go run ./testenv/mutants/run -generated            every mutant of the rules
//	go run ./testenv/mutants/run -chosen [-layers unit,checker] [-only REGEXP]
//	go run ./testenv/mutants/run -write docs/mutants.md   what the last runs came to, of each file the last that tried it as a whole
//
// It fails if a mutant survives that nobody argued for, if an argument is stale, if a patch does not apply, or if one is not killed by
// the layer that its header names.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/mutants"
)

// slow are the tests of commit that come after all others.
const slow = "RandomWalk|HoursLater"

// judges of the generated mutants, from the cheapest on.
var judges = []mutants.Step{
	{Layer: "unit", Package: "./offsets"},
	{Layer: "unit", Package: "./commit", Skip: slow},
	{Layer: "unit", Package: "./commit/committest"},
	{Layer: "unit", Package: "./commit", Run: slow},
}

type options struct {
	generated, chosen bool
	quick             bool
	write, only, keys string
	layers            string
	workers           int
}

func main() {
	var o options
	flag.BoolVar(&o.generated, "generated", false, "every mutant of commit and offsets")
	flag.BoolVar(&o.chosen, "chosen", false, "the patches")
	flag.BoolVar(&o.quick, "quick", false, "of the generated ones, only against the tests that take no time: what survives may not survive the others")
	flag.StringVar(&o.layers, "layers", strings.Join(mutants.Layers, ","), "of the patches, those whose killers are in these layers")
	flag.StringVar(&o.only, "only", "", "regular expression: only mutants of this name")
	flag.StringVar(&o.keys, "keys", "", "file with a mutant's key a line, as a survey prints them: only these of the generated ones")
	flag.StringVar(&o.write, "write", "", "file to write the tables to")
	flag.IntVar(&o.workers, "workers", 2, "mutants tried at the same time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	root, err := mutants.Root()
	if err != nil {
		return err
	}
	args, err := mutants.ReadArguments(filepath.Join(root, "testenv", "mutants", "survivors.txt"))
	if err != nil {
		return err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	ledger := mutants.ReadLedger(root)
	ledger.Prune(root)
	var faults []string
	if o.generated {
		f, err := generated(ctx, root, o, only, args, &ledger)
		if err != nil {
			return err
		}
		faults = append(faults, f...)
	}
	patches, err := mutants.Patches(mutants.Folder(root))
	if err != nil {
		return err
	}
	if o.chosen {
		f, err := chosen(ctx, root, o, only, patches, &ledger)
		if err != nil {
			return err
		}
		faults = append(faults, f...)
	}
	if err := ledger.Write(root); err != nil {
		return err
	}
	if o.write != "" {
		if err := os.WriteFile(o.write, []byte(ledger.Document(patches, args)), 0o644); err != nil {
			return err
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s", strings.Join(faults, "\n"))
	}
	return nil
}

func generated(ctx context.Context, root string, o options, only *regexp.Regexp, args mutants.Arguments, ledger *mutants.Ledger) ([]string, error) {
	begin := time.Now()
	ps, err := mutants.Load(ctx, root, "./offsets", "./commit")
	if err != nil {
		return nil, err
	}
	ms, err := mutants.Generate(ps...)
	if err != nil {
		return nil, err
	}
	var faults []string
	for _, k := range args.Stale(ms) {
		faults = append(faults, "argued, but there is no such mutant: "+k)
	}
	whole := o.only == "" && o.keys == ""
	made := perFile(ms)
	if o.keys != "" {
		text, err := os.ReadFile(o.keys)
		if err != nil {
			return nil, err
		}
		named := map[string]bool{}
		for _, line := range strings.Split(string(text), "\n") {
			named[strings.TrimSpace(line)] = true
		}
		ms = slices.DeleteFunc(ms, func(m *mutants.Mutant) bool { return !named[m.Key()] })
	}
	if !whole {
		ms = slices.DeleteFunc(ms, func(m *mutants.Mutant) bool { return !only.MatchString(m.Key()) })
	}
	fmt.Printf("%d mutants\n", len(ms))
	steps := judges
	if o.quick {
		steps = judges[:2]
	}
	survey := mutants.Survey{Root: root, Steps: steps, Workers: o.workers, Heard: func(done, of int, r mutants.Result) {
		switch {
		case !r.Killed && args[r.Key()] == "":
			fmt.Printf("%d/%d SURVIVES %s\n  key: %s\n", done, of, r.Mutant, r.Key())
		case done%100 == 0:
			fmt.Printf("%d/%d after %s\n", done, of, time.Since(begin).Round(time.Second))
		}
	}}
	rs, err := survey.Run(ctx, ps, ms)
	if err != nil {
		return nil, err
	}
	for _, k := range args.Apply(rs) {
		faults = append(faults, "argued, but it is killed: "+k)
	}
	scores := mutants.Scores(rs)
	for _, r := range rs {
		if !r.Killed && r.Argued == "" {
			faults = append(faults, "survives: "+r.Key())
		}
	}
	all := scores[""]
	fmt.Printf("%d mutants: %d killed (%d by hanging), %d argued, %d survived: %.1f %% in %s\n",
		all.Mutants, all.Killed, all.Hung, all.Argued, all.Survived, all.Share(), time.Since(begin).Round(time.Second))
	if o.quick {
		return faults, nil // others may notice what is left
	}
	if whole {
		ledger.Generated.Took, ledger.Generated.Scores = time.Since(begin), nil // files that are gone, too
	}
	tried := perFile(ms)
	maps.DeleteFunc(scores, func(file string, _ *mutants.Score) bool { return tried[file] < made[file] })
	ledger.Note(scores)
	return faults, nil
}

// perFile counts mutants.
func perFile(ms []*mutants.Mutant) map[string]int {
	n := map[string]int{}
	for _, m := range ms {
		n[m.File]++
	}
	return n
}

func chosen(ctx context.Context, root string, o options, only *regexp.Regexp, ps []*mutants.Patch, ledger *mutants.Ledger) ([]string, error) {
	layers := strings.Split(o.layers, ",")
	var faults []string
	tried, killed := 0, 0
	ps = slices.DeleteFunc(slices.Clone(ps), func(p *mutants.Patch) bool { return !only.MatchString(p.Name) })
	err := mutants.TryAll(ctx, root, ps, func(k mutants.Step) bool { return slices.Contains(layers, k.Layer) }, func(t mutants.Trial) {
		tried++
		verdict := t.How
		switch {
		case t.Err != nil:
			verdict = "ERROR"
			faults = append(faults, fmt.Sprintf("%s: %v", t.Patch.Name, t.Err))
		case !t.Killed:
			verdict = "SURVIVES"
			faults = append(faults, fmt.Sprintf("%s is not killed by %s", t.Patch.Name, t.Step))
		default:
			killed++
		}
		ledger.Chosen[t.Patch.Name+" "+t.Step.String()] = mutants.RowOf(t)
		fmt.Printf("%-32s %-8s %-70s %-8s %5.1f s\n", t.Patch.Name, t.Step.Layer, t.Step, verdict, t.Took.Seconds())
	})
	fmt.Printf("%d of %d killed by the layer that claims them\n", killed, tried)
	return faults, err
}
