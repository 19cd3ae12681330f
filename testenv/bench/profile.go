package bench

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/real"
)

//go:embed overlay/profile.txt
var profileOverlay string

// Profiled is one run under a profiler, by stage.
type Profiled struct {
	Run    Run     `json:"run"`
	Stages []Stage `json:"stages"`
	Tops   []Top   `json:"tops"`
}

// Profile carries a topic once with a binary that profiles itself, at full rate, and leaves cpu.pprof and allocs.pprof in keep. The binary
// is the program's own code with one file laid over it at build time.
func Profile(ctx context.Context, out io.Writer, o Options, keep string) (p Profiled, err error) {
	if keep, err = filepath.Abs(keep); err != nil {
		return p, err
	}
	if err := os.MkdirAll(keep, 0o755); err != nil {
		return p, err
	}
	if err := os.Remove(filepath.Join(keep, "allocs.pprof")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return p, err // its coming is what tells the end
	}
	if o.Binary, err = buildProfiled(ctx, o.Dir); err != nil {
		return p, err
	}
	r, err := start(ctx, out, o, real.RESTVersityGW)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, r.end()) }()
	shape, err := shapeOf(o.Shapes[0])
	if err != nil {
		return p, err
	}
	const topic, table = "bench-profile", namespace + ".profile"
	if _, err := r.fill(ctx, topic, shape); err != nil {
		return p, err
	}
	written := func(ctx context.Context, sinker *process) error {
		if err := sinker.Signal(syscall.SIGUSR2); err != nil {
			return err
		}
		for {
			if _, err := os.Stat(filepath.Join(keep, "allocs.pprof")); err == nil {
				return nil
			}
			if err := pause(ctx, 50*time.Millisecond, sinker.Server); err != nil {
				return err
			}
		}
	}
	if p.Run, err = r.sinker(ctx, "profile", topic, table, shape, written, "SINKER_PROFILE="+keep); err != nil {
		return p, err
	}
	p.Run.Program, p.Run.Shape, p.Run.Rows = Sinker, shape.name, o.Rows
	r.say("%s", p.Run)
	p.Stages, p.Tops, err = Stages(ctx, o.Binary, keep, o.Rows)
	return p, err
}

// buildProfiled builds the program with the file that profiles it.
func buildProfiled(ctx context.Context, dir string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	source, overlay, binary := filepath.Join(dir, "profile.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sinker-profiled")
	if err := os.WriteFile(source, []byte(profileOverlay), 0o644); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(strings.TrimSpace(string(root)), "cmd", "sinker", "profile.go"): source}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, text, 0o644); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", binary, "github.com/sinker-io/sinker/cmd/sinker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sinker to be profiled: %w\n%s", err, text)
	}
	return binary, nil
}
