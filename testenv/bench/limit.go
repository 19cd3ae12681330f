package bench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/sinker-io/sinker/testenv/tools"
)

//go:embed py/limit.py
var limitScript string

// limit measures DuckDB: it reads a file of JSON and writes one Parquet file with zstd, without a broker, a catalog or a store.
func (r *rig) limit(ctx context.Context, threads int, shape shape, from file) (Run, error) {
	python, err := tools.Python(ctx, tools.Readers)
	if err != nil {
		return Run{}, err
	}
	order, err := json.Marshal(map[string]any{"from": from.path, "to": filepath.Join(r.Dir, "limit.parquet"), "threads": threads,
		"columns": shape.duckColumns(), "id": shape.id})
	if err != nil {
		return Run{}, err
	}
	cmd := exec.CommandContext(ctx, python, "-c", limitScript, string(order))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return Run{}, fmt.Errorf("duckdb: %w\n%s", err, complaint.String())
	}
	var a struct {
		Rows, Distinct, Bytes, RSS int64
		Wall, CPU                  float64
	}
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		return Run{}, fmt.Errorf("duckdb: %w: %s", err, out.String())
	}
	if a.Rows != r.Rows || a.Distinct != r.Rows {
		return Run{}, fmt.Errorf("duckdb wrote %d rows with %d different ids, want %d of both", a.Rows, a.Distinct, r.Rows)
	}
	return Run{Wall: a.Wall, CPU: a.CPU, RSS: a.RSS, Bytes: a.Bytes, Files: 1}, nil
}
