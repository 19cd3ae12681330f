package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the expected outputs")

// The test binary is sinker as well: started with this variable set, it is the command itself.
const asSinker = "SINKER_TEST_AS_SINKER"

func TestMain(m *testing.M) {
	if os.Getenv(asSinker) != "" {
		main()
	}
	os.Exit(m.Run())
}

// result is how a process ended.
type result struct {
	status      int
	out, errors string
}

func (r result) all() string { return r.out + r.errors }

// sinker runs the command as a process of its own.
func sinker(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	p := process(ctx, args...)
	var out, errs bytes.Buffer
	p.Stdout, p.Stderr = &out, &errs
	err := p.Run()
	var e *exec.ExitError
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("sinker %v: %v", args, err)
	}
	return result{p.ProcessState.ExitCode(), out.String(), errs.String()}
}

func process(ctx context.Context, args ...string) *exec.Cmd {
	p := exec.CommandContext(ctx, os.Args[0], args...)
	p.Env = append(os.Environ(), asSinker+"=1", "AWS_EC2_METADATA_DISABLED=true")
	return p
}

// file writes a file into a temporary folder.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("output differs from %s (go test ./cmd/sinker -update, if it is meant):\n%s", path, got)
	}
}

func TestHelp_ReadsWell(t *testing.T) {
	for _, words := range []string{"", "demo", "run", "check", "offsets", "offsets show", "offsets accept", "offsets set", "offsets adopt", "offsets end", "version"} {
		r := sinker(t, append(strings.Fields(words), "--help")...)
		if r.status != 0 || r.errors != "" {
			t.Errorf("sinker %s --help: status %d, on standard error: %s", words, r.status, r.errors)
		}
		golden(t, "help/"+strings.ReplaceAll("sinker "+words, " ", "_")+".txt", r.out)
		for i, l := range strings.Split(r.out, "\n") {
			if len(l) > 120 {
				t.Errorf("sinker %s --help: line %d has %d characters", words, i+1, len(l))
			}
		}
	}
}

const faulty = "sink: My Sink\nkafka: {brokers: [here]}\ncatalog: {type: rest, uri: http://h}\ntables: [{topics: [a], table: s.a, format: json, colour: red}]\n"

func TestExit_StatusSaysWhatHappened(t *testing.T) {
	bad := file(t, "bad.yaml", faulty)
	for _, c := range []struct {
		args   string
		status int
		words  string // of standard error
	}{
		{"version", 0, ""},
		{"", 0, ""},
		{"verison", 2, "did you mean version?"},
		{"version extra", 2, `takes no arguments`},
		{"version --output yaml", 2, "want text or json"},
		{"version --log-level loud", 2, "--log-level"},
		{"run", 2, "-c FILE"},
		{"run -c", 2, "flag needs an argument"},
		{"run --config=nowhere.yaml", 2, "does not exist"},
		{"run -c " + bad, 2, "did you mean my-sink?"},
		{"check -c " + bad, 2, "3 faults in the configuration"},
		{"check -c " + bad + " --output json", 2, ""},
		{"offsets", 0, ""},
		{"offsets shwo", 2, "did you mean show?"},
		{"offsets show", 2, "-c FILE"},
		{"offsets accept -c " + bad, 2, "--table"},
		{"offsets accept -c " + bad + " --table a.b", 2, "--reason"},
		{"offsets accept -c " + bad + " --table a.b --reason x", 2, "one of --position and --skip"},
		{"offsets accept -c " + bad + " --table a.b --reason x --position end", 2, "mirror or start or log"},
		{"offsets accept -c " + bad + " --table a.b --reason x --position log", 2, "needs --partition"},
		{"offsets accept -c " + bad + " --table a.b --reason x --skip 5", 2, "--skip needs --partition"},
		{"offsets accept -c " + bad + " --table a.b --reason x --skip 9-5 --partition o-1", 2, "FIRST-LAST"},
		{"offsets adopt -c " + bad + " --table a.b", 2, "offsets adopt: say why"},
		{"offsets end -c " + bad + " --table a.b --reason x --expect -1", 2, "--expect takes a snapshot id"},
		{"offsets set -c " + bad + " --table a.b --reason x", 2, "either --partition with --offset, or --mapping"},
		{"offsets set -c " + bad + " --table a.b --reason x --partition o-1", 2, "there are 1 and 0"},
		{"offsets set -c " + bad + " --table a.b --reason x --partition o-1 --partition o-1 --offset 3,4", 2, "gives partition o-1 twice"},
		{"offsets set -c " + bad + " --table a.b --reason x --partition orders --offset 3", 2, "want a topic"},
		{"offsets set -c " + bad + " --table a.b --reason x --mapping " + bad, 2, "line 1: want"},
		{"demo --rate 0", 2, "--rate"},
		{"demo --port 99999", 2, "--port"},
	} {
		r := sinker(t, strings.Fields(c.args)...)
		if r.status != c.status || !strings.Contains(r.errors, c.words) {
			t.Errorf("sinker %s: status %d, want %d; standard error, want %q in it:\n%s", c.args, r.status, c.status, c.words, r.errors)
		}
	}
}

func TestCheck_FaultsAreAlsoJSON(t *testing.T) {
	bad := file(t, "bad.yaml", faulty)
	r := sinker(t, "check", "-c", bad, "--output", "json")
	golden(t, "check_faults.json", strings.ReplaceAll(r.out, bad, "bad.yaml"))
}

func TestVersion_SaysWhatItIs(t *testing.T) {
	r := sinker(t, "version")
	if !strings.HasPrefix(r.out, "sinker ") || !strings.Contains(r.out, "\ncommit ") || !strings.Contains(r.out, "\ngo1.") {
		t.Errorf("version says:\n%s", r.out)
	}
	if r := sinker(t, "version", "--output", "json"); !strings.Contains(r.out, `"version": "`) || !strings.Contains(r.out, `"go": "go1.`) {
		t.Errorf("version as JSON:\n%s", r.out)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
