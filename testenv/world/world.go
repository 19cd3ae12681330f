// Package world runs sinker as its operators do: the binary, a configuration file, a real broker, catalog and store. It tests the
// whole; everything that it concludes about tables comes from readers that share no code with sinker.
//
// Sizes come from the environment, so the same tests serve a quick check and a long proof: see [Sizes].
package world

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/real"
)

// Binary builds sinker, once for this process, and returns where it is. SINKER_BIN names one that was built before.
var Binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("SINKER_BIN"); path != "" {
		return filepath.Abs(path)
	}
	dir, err := os.MkdirTemp("", "sinker-bin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sinker")
	build := exec.Command("go", "build", "-o", path, "github.com/sinker-io/sinker/cmd/sinker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sinker: %w\n%s", err, out)
	}
	return path, nil
})

// removeBinary removes what Binary built.
func removeBinary() error {
	if os.Getenv("SINKER_BIN") != "" {
		return nil
	}
	path, err := Binary()
	if err != nil {
		return nil // nothing was built
	}
	return os.RemoveAll(filepath.Dir(path))
}

// Config is what differs between the configurations of the tests.
type Config struct {
	Sink       string
	InstanceID string
	Session    string // "" is 45s
	Every      string // "" is 1s
	Memory     string // "" is 256MiB
	Policy     string // lines below policy:, indented by two
	Tables     string // entries of tables:, indented by two
	Start      string // "" is earliest
}

// YAML is the configuration of one instance in a world whose catalog and store may be behind proxies.
func (c Config) YAML(w *real.World, admin string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	or := func(v, other string) string {
		if v == "" {
			return other
		}
		return v
	}
	line("sink: %s", c.Sink)
	line("kafka:\n  brokers: [%q]\n  start: %s\n  refresh: 2s", w.Kafka.Addr, or(c.Start, "earliest"))
	if c.InstanceID != "" {
		line("  instance_id: %s", c.InstanceID)
	}
	if c.Session != "" {
		line("  session_timeout: %s", c.Session)
	}
	line("catalog:\n  type: %s\n  uri: %q\n  warehouse: %q", w.Catalog.Type, w.Catalog.URI, w.Catalog.Warehouse)
	if s := w.S3; s != nil {
		line("s3:\n  endpoint: %q\n  region: %s\n  path_style: true\n  access_key: %s\n  secret_key: ${SINKER_TEST_SECRET}", s.Endpoint, s.Region, s.AccessKey)
	}
	line("tables:\n%s", strings.TrimRight(c.Tables, "\n"))
	line("commit:\n  every: %s", or(c.Every, "1s"))
	if c.Policy != "" {
		line("policy:\n%s", strings.TrimRight(c.Policy, "\n"))
	}
	line("memory: %s\nadmin: %s", or(c.Memory, "256MiB"), admin)
	return b.String()
}

// Sinker is one running instance of the service.
type Sinker struct {
	*real.Server
	Admin  string // http address of the status page
	Config string // file
}

// Prepare writes the configuration of an instance into dir and returns the instance, not yet started. w may be behind proxies.
func Prepare(dir, name string, w *real.World, c Config) (*Sinker, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	port, err := real.FreePort()
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	admin := fmt.Sprintf("127.0.0.1:%d", port)
	file := filepath.Join(dir, name+".yaml")
	if err := os.WriteFile(file, []byte(c.YAML(w, admin)), 0o644); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	s := &Sinker{Admin: "http://" + admin, Config: file}
	s.Server = real.New(name, dir, func() *exec.Cmd {
		cmd := exec.Command(binary, "run", "-c", file, "--log-format", "json", "--log-level", "debug")
		cmd.Env = environment(w)
		return cmd
	}, func(context.Context) error { return nil }) // started is enough: tests kill it before it serves
	return s, nil
}

func environment(w *real.World) []string {
	env := append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true")
	if w.S3 != nil {
		env = append(env, "SINKER_TEST_SECRET="+w.S3.SecretKey)
	}
	return env
}

// Command runs another command of sinker with this instance's configuration and returns its output and exit status.
func (s *Sinker) Command(ctx context.Context, w *real.World, words ...string) (out string, status int, err error) {
	binary, err := Binary()
	if err != nil {
		return "", 0, err
	}
	cmd := exec.CommandContext(ctx, binary, withConfig(words, s.Config)...)
	cmd.Env = environment(w)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return text.String(), exit.ExitCode(), nil
	}
	return text.String(), 0, err
}

// Quit asks the instance to end as an operator would, and returns its exit status.
func (s *Sinker) Quit(ctx context.Context) (int, error) {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return s.Wait(ctx)
}

// Status is the part of an instance's own report that tests steer by. Nothing is proven by it.
type Status struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons"`
	Tables  []struct {
		Table      string `json:"table"`
		State      string `json:"state"`
		Stop       *Stop  `json:"stop"`
		Partitions []struct {
			Partition int32 `json:"partition"`
			Committed int64 `json:"committed,string"`
			Stop      *Stop `json:"stop"`
		} `json:"partitions"`
	} `json:"tables"`
}

// Stop is why a table or a partition waits for the operator.
type Stop struct {
	Reason string `json:"reason"`
	Found  string `json:"found"`
	Do     string `json:"do"`
}

// Status asks the instance how it stands.
func (s *Sinker) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var st Status
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Admin+"/status.json", nil)
	if err != nil {
		return st, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return st, fmt.Errorf("status of %s: %w: %.200s", s.Name, err, body)
	}
	return st, nil
}

// Until asks again until the status is as wanted, and fails when the context ends.
func (s *Sinker) Until(ctx context.Context, what string, as func(Status) bool) (Status, error) {
	for {
		st, err := s.Status(ctx)
		if err == nil && as(st) {
			return st, nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return st, fmt.Errorf("%s is not %s: %w; it says %+v (%v)\n%s", s.Name, what, context.Cause(ctx), st, err, s.Log(4000))
		}
	}
}

// UntilRunning waits until a table runs with partitions of this instance.
func (s *Sinker) UntilRunning(ctx context.Context, table string) error {
	_, err := s.Until(ctx, "running", func(st Status) bool {
		for _, t := range st.Tables {
			if t.Table == table && t.State == "running" && len(t.Partitions) > 0 {
				return true
			}
		}
		return false
	})
	return err
}

// withConfig names the configuration, unless the words do.
func withConfig(words []string, file string) []string {
	if slices.Contains(words, "-c") {
		return words
	}
	return append(words, "-c", file)
}

// PeakMemory is the most resident memory that a process has had, in bytes.
func PeakMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: its status has no VmHWM", pid)
}
