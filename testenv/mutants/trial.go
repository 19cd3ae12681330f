package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Step is one package's tests, or some of them, as a judge of mutants.
type Step struct {
	Layer   string // unit | checker | L1 | L2 | suite | real
	Package string // "./commit"
	Run     string // regular expression of tests; empty means all
	Skip    string // regular expression of tests that are left to a later step; empty means none
}

func (s Step) String() string {
	if s.Run == "" {
		return s.Package
	}
	return s.Package + " " + s.Run
}

// program is a Step's test program, built under some overlay.
type program struct {
	Step
	path  string
	dir   string
	uses  map[string]bool // import paths that the tests are built of
	rapid bool
	limit time.Duration // of processor time; a mutant that takes longer hangs
}

// overlay writes the texts, by path, where the go command finds them, and returns its flag.
func overlay(scratch string, texts map[string]string) (string, error) {
	dir, err := os.MkdirTemp(scratch, "overlay")
	if err != nil {
		return "", fmt.Errorf("mutants: %w", err)
	}
	replace := map[string]string{}
	for path, text := range texts {
		to := filepath.Join(dir, strconv.Itoa(len(replace))+"-"+filepath.Base(path))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("mutants: %w", err)
		}
		replace[path] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("mutants: %w", err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, list, 0o600); err != nil {
		return "", fmt.Errorf("mutants: %w", err)
	}
	return "-overlay=" + name, nil
}

// build compiles a step's tests with other texts of some files; none means the code as it is.
func build(ctx context.Context, root, scratch string, s Step, texts map[string]string) (*program, error) {
	p := &program{Step: s, dir: filepath.Join(root, s.Package)}
	out, err := os.CreateTemp(scratch, "program")
	if err != nil {
		return nil, fmt.Errorf("mutants: %w", err)
	}
	p.path = out.Name()
	if err := out.Close(); err != nil {
		return nil, fmt.Errorf("mutants: %w", err)
	}
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", p.path}
	if len(texts) > 0 {
		flag, err := overlay(scratch, texts)
		if err != nil {
			return nil, err
		}
		args = append(args, flag)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, s.Package)...)
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mutants: build %s: %w\n%s", s.Package, err, said)
	}
	binary, err := os.ReadFile(p.path)
	if err != nil {
		return nil, fmt.Errorf("mutants: %w", err)
	}
	p.rapid = bytes.Contains(binary, []byte("rapid.nofailfile"))
	return p, nil
}

// depends lists the packages that a step's tests are built of.
func depends(ctx context.Context, root string, s Step) (map[string]bool, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-test", "-f", "{{.ImportPath}}", s.Package)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("mutants: go list %s: %w", s.Package, err)
	}
	uses := map[string]bool{}
	for _, line := range strings.Split(string(out), "\n") {
		path, _, _ := strings.Cut(line, " ") // a package built for a test has its name behind it
		uses[path] = true
	}
	return uses, nil
}

// Outcome is how a program ended.
type Outcome struct {
	Killed bool
	Test   string // that failed, or that was running
	How    string // fails | panics | hangs
	Took   time.Duration
	CPU    time.Duration
}

// seeds are how many worlds a simulation is given to find a mutant in.
var seeds = map[string]string{"L1": "1000", "L2": "200"}

// memory is how many KiB of address space a mutant may grow to.
const memory = 6 << 20

// run starts the program with one mutant active, 0 for none.
func (p *program) run(ctx context.Context, scratch string, mutant int) (Outcome, string, error) {
	wall := max(10*time.Second, 3*p.limit)
	if p.limit == 0 { // not measured yet
		wall = 10 * time.Minute
	}
	ctx, stop := context.WithTimeout(ctx, wall)
	defer stop()
	limits := fmt.Sprintf("ulimit -v %d", memory)
	if p.limit > 0 {
		limits += fmt.Sprintf(" && ulimit -t %d", int(p.limit.Seconds()))
	}
	args := []string{"-c", limits + ` && exec "$0" "$@"`, p.path, "-test.failfast", "-test.short", "-test.v", "-test.timeout=0"}
	if p.Run != "" {
		args = append(args, "-test.run="+p.Run)
	}
	if p.Skip != "" {
		args = append(args, "-test.skip="+p.Skip)
	}
	if p.rapid {
		args = append(args, "-rapid.nofailfile", "-rapid.shrinktime=0s")
	}
	cmd := exec.CommandContext(ctx, "sh", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), Switch+"="+strconv.Itoa(mutant), "TMPDIR="+scratch)
	if n := seeds[p.Layer]; n != "" {
		cmd.Env = append(cmd.Env, "SINKER_SEEDS="+n)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	err := cmd.Run()
	o := Outcome{Took: time.Since(begin)}
	if st := cmd.ProcessState; st != nil {
		o.CPU = st.UserTime() + st.SystemTime()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return o, out.String(), nil
	case ctx.Err() == nil && !errors.As(err, &exit):
		return o, out.String(), fmt.Errorf("mutants: run %s: %w", p.Step, err)
	}
	o.Killed = true
	o.Test, o.How = verdict(out.String())
	return o, out.String(), nil
}

// measure runs the program as it is: it must pass, and its time tells from when on a mutant hangs.
func (p *program) measure(ctx context.Context, scratch string) error {
	o, out, err := p.run(ctx, scratch, 0)
	if err != nil {
		return err
	}
	if o.Killed {
		return fmt.Errorf("mutants: %s %s without any mutant:\n%s", p.Step, o.How, out)
	}
	if !strings.Contains(out, "--- PASS") {
		return fmt.Errorf("mutants: %s holds no test", p.Step)
	}
	p.limit = max(time.Second, (8 * o.CPU).Round(time.Second))
	return nil
}

var (
	failed  = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)
	started = regexp.MustCompile(`(?m)^=== RUN\s+([^\s/]+)`)
)

// verdict reads which test noticed, and how, from the output of one that did not pass.
func verdict(out string) (test, how string) {
	if f := failed.FindStringSubmatch(out); f != nil {
		test = f[1]
		how = "fails"
	} else if all := started.FindAllStringSubmatch(out, -1); len(all) > 0 {
		test = all[len(all)-1][1]
		how = "hangs"
	}
	if strings.Contains(out, "all goroutines are asleep") {
		return test, "hangs"
	}
	if strings.Contains(out, "\npanic: ") || strings.Contains(out, "\nfatal error: ") {
		how = "panics"
	}
	return test, how
}

// tail keeps the beginning and the end of what a program says: a mutant may say the same for ever.
type tail struct{ head, end []byte }

const kept = 256 << 10

func (t *tail) Write(b []byte) (int, error) {
	n := len(b)
	if room := kept - len(t.head); room > 0 {
		k := min(room, len(b))
		t.head, b = append(t.head, b[:k]...), b[k:]
	}
	t.end = append(t.end, b...)
	if len(t.end) > 2*kept {
		t.end = append([]byte(nil), t.end[len(t.end)-kept:]...)
	}
	return n, nil
}

func (t *tail) String() string { return string(t.head) + string(t.end) }
