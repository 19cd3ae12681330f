// Package tpch makes the line items of the TPC-H benchmark: rows of a shape that somebody else thought of, the same on every
// machine, as a topic's records and as a file from which any reader can recount them.
package tpch

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/tools"
)

// perScale is about how many line items scale factor 1 has; the exact number is 6,001,215.
const perScale = 6_000_000

// Lineitem is the first Rows line items, in two spellings of the same rows. Column id counts them from 0.
type Lineitem struct {
	Rows    int64
	JSON    string // one object a line, in the order of id
	Parquet string // the same rows, never touched by sinker: the source of the facts
}

// Columns is how sinker is told to create the table: name and Iceberg type.
var Columns = [][2]string{
	{"id", "long"}, {"l_orderkey", "long"}, {"l_partkey", "long"}, {"l_suppkey", "long"}, {"l_linenumber", "int"},
	{"l_quantity", "decimal(15,2)"}, {"l_extendedprice", "decimal(15,2)"}, {"l_discount", "decimal(15,2)"}, {"l_tax", "decimal(15,2)"},
	{"l_returnflag", "string"}, {"l_linestatus", "string"}, {"l_shipdate", "date"}, {"l_commitdate", "date"}, {"l_receiptdate", "date"},
	{"l_shipinstruct", "string"}, {"l_shipmode", "string"}, {"l_comment", "string"},
}

// Measured is every column, as the readers are asked for it.
func Measured() []judge.Column {
	var out []judge.Column
	for _, c := range Columns {
		kind, _, _ := strings.Cut(c[1], "(")
		if kind == "long" {
			kind = "int"
		}
		out = append(out, judge.Column{Name: c[0], Kind: kind})
	}
	return out
}

// Make returns the first n line items, keeping them in the tools' folder for the next time.
func Make(ctx context.Context, n int64) (Lineitem, error) {
	root, err := tools.Dir()
	if err != nil {
		return Lineitem{}, err
	}
	stem := filepath.Join(root, "data", fmt.Sprintf("lineitem-%d", n))
	out := Lineitem{Rows: n, JSON: stem + ".json", Parquet: stem + ".parquet"}
	if _, err := os.Stat(out.JSON); err == nil { // it is the last that is made
		return out, nil
	}
	if n < 1 || n > 100*perScale {
		return Lineitem{}, fmt.Errorf("line items: %d rows asked for, want 1 to %d", n, 100*perScale)
	}
	if err := lay(ctx, n, filepath.Join(root, "data"), out); err != nil {
		return Lineitem{}, fmt.Errorf("make %d line items: %w", n, err)
	}
	return out, nil
}

func lay(ctx context.Context, n int64, dir string, out Lineitem) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, "making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program, err := tools.TPCH(ctx)
	if err != nil {
		return err
	}
	// A little more than n rows, then exactly n: a scale gives about that many.
	scale := math.Ceil(float64(n)*1.02/perScale*1000) / 1000
	if err := run(ctx, exec.CommandContext(ctx, program, "parquet", "-q", "-s", fmt.Sprint(scale), "--tables", "lineitem", "--output-dir", work)); err != nil {
		return err
	}
	python, err := tools.Python(ctx, tools.Readers)
	if err != nil {
		return err
	}
	raw, parquet, json := filepath.Join(work, "lineitem.parquet"), filepath.Join(work, "out.parquet"), filepath.Join(work, "out.json")
	const script = `import sys, duckdb
raw, parquet, json, n = sys.argv[1:]
con = duckdb.connect(config={"threads": "2"})
con.execute("SET preserve_insertion_order = true")
con.execute(f"COPY (SELECT file_row_number AS id, * EXCLUDE (file_row_number) FROM read_parquet('{raw}', file_row_number = true) LIMIT {n}) TO '{parquet}' (FORMAT parquet)")
con.execute(f"COPY (SELECT * FROM read_parquet('{parquet}')) TO '{json}' (FORMAT json)")
made = con.execute(f"SELECT count(*) FROM read_parquet('{parquet}')").fetchone()[0]
assert made == int(n), f"{made} rows made"
`
	if err := run(ctx, exec.CommandContext(ctx, python, "-c", script, raw, parquet, json, fmt.Sprint(n))); err != nil {
		return err
	}
	if err := os.Rename(parquet, out.Parquet); err != nil {
		return err
	}
	return os.Rename(json, out.JSON)
}

func run(ctx context.Context, cmd *exec.Cmd) error {
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w (%v)\n%s", filepath.Base(cmd.Path), err, context.Cause(ctx), text.String())
	}
	return nil
}
