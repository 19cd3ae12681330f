package mutants_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/testenv/mutants"
)

const header = "Breaks: the greater\nLaw: none\nKiller: unit ./small TestMax_IsTheGreater\n\n"

func diff(old, new string) string {
	return header + "--- a/small/small.go\n+++ b/small/small.go\n@@ -21,3 +21,3 @@\n func Max[V int | float64](a, b V) V {\n-" + old + "\n+" + new + "\n \t\treturn a\n"
}

func patch(t *testing.T, root, text string) (*mutants.Patch, error) {
	t.Helper()
	dir := filepath.Join(root, "patches")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "one.patch"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ps, err := mutants.Patches(dir)
	if err != nil {
		return nil, err
	}
	return ps[0], nil
}

func trial(t *testing.T, root string, p *mutants.Patch) (out mutants.Trial) {
	t.Helper()
	err := mutants.TryAll(t.Context(), root, []*mutants.Patch{p}, func(mutants.Step) bool { return true }, func(r mutants.Trial) { out = r })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPatch_IsKilledOrSurvivesOrNoLongerApplies(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		killed bool
		fault  string
	}{
		"a fault that the test holds":    {diff("\tif a > b {", "\tif a < b {"), true, ""},
		"no fault":                       {diff("\tif a > b {", "\tif a >= b {"), false, ""},
		"lines that are not there":       {diff("\tif a > c {", "\tif a < c {"), false, "does not apply"},
		"what does not compile":          {diff("\tif a > b {", "\tif a > c {"), false, "does not compile"},
		"what is no program":             {diff("\tif a > b {", "\tif a > {"), false, "is no Go"},
		"a test that is not there":       {strings.Replace(diff("\tif a > b {", "\tif a < b {"), "TheGreater", "TheSmaller", 1), false, "has no test"},
		"a switch that its test throws":  {header, true, ""},
		"a switch whose test is missing": {strings.Replace(header, "TheGreater", "TheSmaller", 1), false, "has no test"},
	} {
		t.Run(name, func(t *testing.T) {
			root := write(t, small)
			p, err := patch(t, root, c.text)
			if err != nil {
				t.Fatal(err)
			}
			r := trial(t, root, p)
			if (r.Err != nil) != (c.fault != "") || r.Err != nil && !strings.Contains(r.Err.Error(), c.fault) {
				t.Fatalf("%v, want %q", r.Err, c.fault)
			}
			if r.Err == nil && r.Killed != c.killed {
				t.Errorf("killed: %v by %q", r.Killed, r.Test)
			}
		})
	}
}

func TestPatch_HeadersAreWhole(t *testing.T) {
	for _, bad := range []string{
		"Breaks: x\nLaw: y\n", "Breaks: x\nKiller: unit ./small TestA\n", "Law: x\nKiller: unit ./small TestA\n", header + "Note: x\n",
		"Breaks: x\nLaw: y\nKiller: somewhere ./small TestA\n", "Breaks: x\nLaw: y\nKiller: unit small TestA\n", "Breaks: x\nLaw: y\nKiller: unit ./small\n",
		header + "--- a/x.go\n+++ b/y.go\n", header + "--- a/x.go\n+++ b/x.go\n", header + "--- a/x.go\n+++ b/x.go\n@@ -1 +1 @@\n*\n",
	} {
		if _, err := patch(t, t.TempDir(), bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// Every chosen mutant is a change of the code as it is now, and each test that is to kill it is there. A sample is tried.
func TestChosen_ApplyAndASampleIsKilled(t *testing.T) {
	root, err := mutants.Root()
	if err != nil {
		t.Fatal(err)
	}
	ps, err := mutants.Patches(mutants.Folder(root))
	if err != nil {
		t.Fatal(err)
	}
	code, protocol := 0, 0
	for _, p := range ps {
		if strings.HasPrefix(p.Law, "protocol mutant ") {
			protocol++
		} else {
			code++
		}
		if _, err := p.Apply(root); err != nil {
			t.Error(err)
		}
		for _, k := range p.Killers {
			name, _, _ := strings.Cut(strings.Trim(k.Run, "^$"), "/")
			if !declared(t, filepath.Join(root, k.Package), name) {
				t.Errorf("%s: there is no %s in %s", p.Name, name, k.Package)
			}
		}
	}
	if code < 25 || protocol < 12 {
		t.Errorf("%d mutants of the code and %d of the protocol, want 25 and 12", code, protocol)
	}
	var sample []*mutants.Patch
	for _, p := range ps {
		if k := p.Killers[0]; !p.Inside() && (k.Package == "./commit" || k.Package == "./manifest") {
			one := *p
			one.Killers = one.Killers[:1]
			sample = append(sample, &one)
		}
	}
	err = mutants.TryAll(t.Context(), root, sample, func(mutants.Step) bool { return true }, func(r mutants.Trial) {
		if r.Err != nil || !r.Killed {
			t.Errorf("%s is not killed by %s: %v", r.Patch.Name, r.Step, r.Err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d patches of the code, %d of the protocol, %d tried", code, protocol, len(sample))
}

func declared(t *testing.T, dir, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && strings.Contains(string(text), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}

// No argument outlives the mutant that it was made for.
func TestArguments_NoneIsStale(t *testing.T) {
	root, err := mutants.Root()
	if err != nil {
		t.Fatal(err)
	}
	a, err := mutants.ReadArguments(filepath.Join(root, "testenv", "mutants", "survivors.txt"))
	if err != nil {
		t.Fatal(err)
	}
	ps, err := mutants.Load(t.Context(), root, "./offsets", "./commit")
	if err != nil {
		t.Fatal(err)
	}
	ms, err := mutants.Generate(ps...)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range a.Stale(ms) {
		t.Errorf("no such mutant: %s", k)
	}
	t.Logf("%d mutants, %d argued", len(ms), len(a))
}
