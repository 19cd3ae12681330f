package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/embedded"
	"github.com/sinker-io/sinker/testenv/tools"
)

// output collects what a process writes, while others read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) { o.mu.Lock(); defer o.mu.Unlock(); return o.b.Write(p) }
func (o *output) String() string              { o.mu.Lock(); defer o.mu.Unlock(); return o.b.String() }

// demoRun is one start of the demo in dir.
func demoRun(t *testing.T, ctx context.Context, dir string) (*exec.Cmd, *output) {
	t.Helper()
	p, out := process(ctx, "demo", "--dir", dir, "--port", "0", "--rate", "500"), &output{}
	p.Stdout, p.Stderr = out, out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill(); p.Wait() })
	return p, out
}

// await waits until out has the words, and returns how long that took.
func await(t *testing.T, ctx context.Context, out *output, words string) time.Duration {
	t.Helper()
	began := time.Now()
	for !strings.Contains(out.String(), words) {
		if ctx.Err() != nil {
			t.Fatalf("the demo never says %q:\n%s", words, out)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

// Started, ended and killed again and again in one folder, the demo goes on exactly where it was. What is in the table is
// counted by the very commands that it prints.
func TestDemo_GoesOnWhereItStopped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "demo folder")
	var last *output
	for i, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT} {
		p, out := demoRun(t, ctx, dir)
		if took := await(t, ctx, out, "msg=committed"); took > 10*time.Second {
			t.Errorf("start %d: rows were visible after %s, want 10 s at most", i+1, took)
		}
		time.Sleep(time.Duration(300+200*i) * time.Millisecond) // so that each end meets another moment
		if err := p.Process.Signal(how); err != nil {
			t.Fatal(err)
		}
		p.Wait()
		if want := 0; how != syscall.SIGKILL && p.ProcessState.ExitCode() != want {
			t.Errorf("start %d, ended by %s: status %d, want %d:\n%s", i+1, how, p.ProcessState.ExitCode(), want, out)
		}
		last = out
	}
	sent := sentOrders(t, ctx, dir)
	commands := regexp.MustCompile(`(?m)^  (python3 .*)$`).FindAllStringSubmatch(last.String(), -1)
	if len(commands) != 2 {
		t.Fatalf("the demo prints %d commands, want 2:\n%s", len(commands), last)
	}
	shim := readersFirst(t, ctx)
	for _, c := range commands {
		sh := exec.CommandContext(ctx, "sh", "-c", c[1])
		sh.Env = append(os.Environ(), "PATH="+shim+":"+os.Getenv("PATH"))
		answer, err := sh.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c[1], err, answer)
		}
		want := []string{strconv.FormatInt(sent, 10)}
		if strings.Contains(c[1], "duckdb") {
			want = append(want, want[0]) // distinct ids
		}
		var got []string
		for _, n := range regexp.MustCompile(`[0-9]+`).FindAllString(string(answer), -1) {
			if n == want[0] {
				got = append(got, n)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d orders were sent; %s\nsays:\n%s", sent, c[1], answer)
		}
	}
}

// sentOrders counts the records of the demo's topic, and holds the offsets against the table's own.
func sentOrders(t *testing.T, ctx context.Context, dir string) int64 {
	t.Helper()
	w, err := embedded.Start(ctx, embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	logs, err := w.Logs(demoTopic)
	if err != nil {
		t.Fatal(err)
	}
	var sent int64
	ends := map[string]int64{}
	for p, l := range logs {
		sent += l.End - l.Start
		ends[p.String()] = l.End
	}
	r := sinker(t, "offsets", "show", "-c", filepath.Join(dir, "sinker.yaml"))
	for p, end := range ends {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^ +%s +%d `, p, end)).MatchString(r.out) {
			t.Errorf("partition %s ends at %d, the table stands elsewhere:\n%s", p, end, r.out)
		}
	}
	return sent
}

// readersFirst is a folder with a python3 that has DuckDB with its extension, and pyiceberg, and needs no network.
func readersFirst(t *testing.T, ctx context.Context) string {
	t.Helper()
	python, err := tools.Python(ctx, tools.Readers)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	prelude := `import duckdb, importlib.util as u, pathlib
for n in ("avro", "iceberg"):
    duckdb.execute("LOAD '" + str(pathlib.Path(u.find_spec("duckdb_extension_" + n).origin).parent) + "/extensions/v" + duckdb.__version__ + "/" + n + ".duckdb_extension'")
`
	writeFile(t, filepath.Join(dir, "prelude.py"), prelude)
	script := fmt.Sprintf("#!/bin/sh\ncode=\"$2\"\ncase \"$code\" in *duckdb*) code=\"$(cat %s/prelude.py)\n$code\";; esac\nexec %s -c \"$code\"\n", dir, python)
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDemo_TwoInOneFolder(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	_, out := demoRun(t, ctx, dir)
	await(t, ctx, out, "Ctrl-C ends it")
	r := sinker(t, "demo", "--dir", dir, "--port", "0", "--for", "1s")
	if r.status != exitFailed || !strings.Contains(r.errors, "another demo runs in") {
		t.Errorf("a second demo in the folder: status %d:\n%s", r.status, r.all())
	}
}
