package mutants_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/testenv/mutants"
)

// small is a module with a package that has one promise too many: nobody tests Sum of nothing, or Max of equals.
var small = map[string]string{
	"go.mod": "module example.com/small\n\ngo 1.26\n",
	"small/small.go": `package small

import "errors"

const Limit = 10

var ErrMany = errors.New("too many")

type Tally struct{ N, Total int }

func (t *Tally) Add(_ string, ns ...int) error {
	if len(ns) > Limit {
		return ErrMany
	}
	for i := 0; i < len(ns); i++ {
		t.N++
		t.Total += ns[i]
	}
	return nil
}

func Max[V int | float64](a, b V) V {
	if a > b {
		return a
	}
	return b
}

func kind(n int) (kind string) {
	switch {
	case n < 0:
		kind = "negative"
	default:
		kind = "rest"
	}
	return
}
`,
	"small/small_test.go": `package small

import (
	"errors"
	"testing"
)

func TestTally_AddsUp(t *testing.T) {
	var a Tally
	if err := a.Add("", 1, 2, 3); err != nil || a.N != 3 || a.Total != 6 {
		t.Errorf("%+v %v", a, err)
	}
	if err := a.Add("", make([]int, 10)...); err != nil || a.N != 13 {
		t.Errorf("%+v %v", a, err)
	}
	if err := a.Add("", make([]int, 11)...); !errors.Is(err, ErrMany) || a.N != 13 {
		t.Errorf("%+v %v", a, err)
	}
}

func TestMax_IsTheGreater(t *testing.T) {
	if Max(1, 2) != 2 || Max(2.5, 1) != 2.5 {
		t.Error("the smaller")
	}
}

func TestKind_OfNegatives(t *testing.T) {
	if kind(-1) != "negative" {
		t.Error(kind(-1))
	}
}
`,
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func survey(t *testing.T, root string) []mutants.Result {
	t.Helper()
	ps, err := mutants.Load(t.Context(), root, "./small")
	if err != nil {
		t.Fatal(err)
	}
	ms, err := mutants.Generate(ps...)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := mutants.Survey{Root: root, Steps: []mutants.Step{{Layer: "unit", Package: "./small"}}, Workers: 2}.Run(t.Context(), ps, ms)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// What no test of the small package holds survives, what one holds is killed under its name, and a loop without end is ended.
func TestSurvey_TellsWhatATestHolds(t *testing.T) {
	root := write(t, small)
	rs := survey(t, root)
	got := map[string]mutants.Result{}
	for _, r := range rs {
		got[r.Before+" => "+r.After] = r
	}
	for key, want := range map[string]string{
		"if a > b { => if a >= b {":                                        "", // equals are as good either way
		"if a > b { => if a <= b {":                                        "TestMax_IsTheGreater",
		"if len(ns) > Limit { => if len(ns) >= Limit {":                    "TestTally_AddsUp",
		"return ErrMany => return nil":                                     "TestTally_AddsUp",
		"return nil => return errMutant":                                   "TestTally_AddsUp",
		"t.N++ => t.N--":                                                   "TestTally_AddsUp",
		"t.N++ => (removed)":                                               "TestTally_AddsUp",
		"t.Total += ns[i] => t.Total -= ns[i]":                             "TestTally_AddsUp",
		"const Limit = 10 => const Limit = (10 + 1)":                       "TestTally_AddsUp",
		"const Limit = 10 => const Limit = (10 - 1)":                       "TestTally_AddsUp",
		`kind = "rest" => (removed)`:                                       "", // nobody asks for the rest
		`kind = "negative" => (removed)`:                                   "TestKind_OfNegatives",
		"for i := 0; i < len(ns); i++ { => for i := 0; i < len(ns); { ":    "",
		"for i := 0; i < len(ns); i++ { => for i := 0; i < len(ns); i-- {": "TestTally_AddsUp",
	} {
		r, made := got[key]
		if !made {
			if !strings.HasSuffix(key, "{ ") {
				t.Errorf("no such mutant: %s", key)
			}
			continue
		}
		if r.Test != want || r.Killed != (want != "") {
			t.Errorf("%s\n%s by %q, want %q", key, r.How, r.Test, want)
		}
	}
	hung := slices.IndexFunc(rs, func(r mutants.Result) bool { return r.How == "hangs" })
	if hung < 0 {
		t.Error("no mutant hangs, though one drops the step of a loop")
	}
	all := mutants.Scores(rs)[""]
	if all.Mutants != len(rs) || all.Killed+all.Survived != len(rs) || all.Survived < 2 || all.Share() < 70 {
		t.Errorf("%+v", all)
	}
	for _, r := range rs {
		if text, err := os.ReadFile(filepath.Join(root, "small/small.go")); err != nil || string(text) != small["small/small.go"] {
			t.Fatalf("the tree was touched by %s", r)
		}
	}
}

// A run over some files takes the place of what was known of these, and only of these; the sum is that of all.
func TestLedger_KeepsTheLastRunOfEachFile(t *testing.T) {
	score := func(killed, survived int) *mutants.Score {
		return &mutants.Score{Mutants: killed + survived, Killed: killed, Survived: survived, Layers: map[string]int{"unit": killed}}
	}
	var l mutants.Ledger
	l.Note(map[string]*mutants.Score{"": score(12, 8), "a.go": score(5, 5), "b.go": score(7, 3)})
	l.Note(map[string]*mutants.Score{"": score(9, 0), "b.go": score(9, 0)})
	all := l.Generated.Scores[""]
	if all.Mutants != 19 || all.Killed != 14 || all.Survived != 5 || all.Layers["unit"] != 14 || len(l.Generated.Scores) != 3 {
		t.Errorf("%+v", all)
	}
	if text := l.Document(nil, nil); !strings.Contains(text, "| `b.go` | 9 | 9 | 0 | 0 | 0 | 100.0 % |") || !strings.Contains(text, "| **all** | 19 | 14 | 0 | 0 | 5 | 73.7 % |") {
		t.Error(text)
	}
}

// An argument for a mutant that is killed, or that does not exist, is a fault of the list.
func TestArguments_HoldOnlyForWhatSurvives(t *testing.T) {
	root := write(t, map[string]string{"list.txt": "# for readers\nwhy: equals\n  small/small.go | Max | if a > b { => if a >= b {\n  small/small.go | Tally.Add | t.N++ => t.N--\n\nwhy: gone\n  no/such.go | F | a => b\n"})
	a, err := mutants.ReadArguments(filepath.Join(root, "list.txt"))
	if err != nil || len(a) != 3 {
		t.Fatalf("%v %v", a, err)
	}
	lived := &mutants.Mutant{File: "small/small.go", Where: "Max", Before: "if a > b {", After: "if a >= b {", Nth: 1}
	died := &mutants.Mutant{File: "small/small.go", Where: "Tally.Add", Before: "t.N++", After: "t.N--", Nth: 1}
	rs := []mutants.Result{{Mutant: lived}, {Mutant: died, Outcome: mutants.Outcome{Killed: true, Test: "TestX"}}}
	if refuted := a.Apply(rs); len(refuted) != 1 || !strings.Contains(refuted[0], "t.N--") || rs[0].Argued != "equals" {
		t.Errorf("%v %+v", refuted, rs[0])
	}
	if stale := a.Stale([]*mutants.Mutant{lived, died}); len(stale) != 1 || !strings.Contains(stale[0], "no/such.go") {
		t.Errorf("%v", stale)
	}
	for _, bad := range []string{"  a mutant without a reason\n", "why: x\nnot indented\n", "why: x\n  twice\n  twice\n"} {
		path := filepath.Join(write(t, map[string]string{"list.txt": bad}), "list.txt")
		if _, err := mutants.ReadArguments(path); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
