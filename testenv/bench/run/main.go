// Command run measures sinker on real servers: see package bench.
//
//	go run ./testenv/bench/run commits [--commits 10000] [--catalogs rest,postgresql] [--partitions 64]
//	go run ./testenv/bench/run freshness [--rate 10000] [--length 1m]
//	go run ./testenv/bench/run profile [--shapes events]
//	go run ./testenv/bench/run report     docs/benchmarks.md and docs/performance.md, from what the others have measured
//	go run ./testenv/bench/run throughput [--rows 10000000] [--runs 3] [--shapes events,six,lineitem] [--programs sinker,duckdb-2,duckdb-1,connect]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) (err error) {
	var o bench.Options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Int64Var(&o.Rows, "rows", 10_000_000, "in a topic")
	flags.IntVar(&o.Runs, "runs", 3, "of every program, round by round")
	flags.StringVar(&o.Every, "every", "1s", "commit.every of sinker")
	flags.StringVar(&o.Memory, "memory", "256MiB", "memory of sinker")
	shapes := flags.String("shapes", bench.Events, "rows to measure with: "+strings.Join([]string{bench.Events, bench.Six, bench.Lineitem}, ", "))
	programs := flags.String("programs", strings.Join([]string{bench.Sinker, bench.DuckDB2, bench.DuckDB1, bench.Peer}, ","), "what to measure")
	partitions := flags.Int("partitions", 8, "of a topic")
	commits := flags.Int("commits", 10_000, "how many commits to make, of one small batch each")
	catalogs := flags.String("catalogs", bench.REST+","+bench.PostgreSQL, "where to commit")
	rate := flags.Int("rate", 10_000, "records per second, for freshness")
	length := flags.Duration("length", time.Minute, "how long to produce, for freshness")
	profiles := flags.String("profiles", filepath.Join(".cache", "profile"), "folder for profiles")
	figures := flags.String("figures", filepath.Join("docs", "benchmarks.md"), "document in which report renews the figures")
	stages := flags.String("stages", filepath.Join("docs", "performance.md"), "document in which report renews the profiles")
	flags.StringVar(&o.Dir, "dir", "", "where servers and runs keep what they leave; none: a temporary folder that is removed")
	flags.StringVar(&o.Binary, "binary", "", "of sinker; none: it is built")
	results := flags.String("results", filepath.Join(".cache", "bench"), "folder for the raw results")
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fmt.Fprintln(os.Stderr, "Say what to measure: throughput, commits, freshness, profile; or report. Then:")
		flags.PrintDefaults()
		return errors.New("nothing was measured")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	o.Partitions = int32(*partitions)
	o.Shapes, o.Programs = strings.Split(*shapes, ","), strings.Split(*programs, ",")
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "sinker-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	if o.Binary == "" && (args[0] == "throughput" || args[0] == "freshness") {
		if o.Binary, err = build(ctx, o.Dir); err != nil {
			return err
		}
	}
	switch args[0] {
	case "report":
		sessions, err := bench.Load(*results)
		if err != nil {
			return err
		}
		return bench.Write(*figures, *stages, sessions)
	case "commits":
		for _, on := range strings.Split(*catalogs, ",") {
			stop, err := profileOwn(filepath.Join(*profiles, "commits-"+on+".pprof"))
			if err != nil {
				return err
			}
			costs, err := bench.Commits(ctx, out, o, on, *commits)
			err = errors.Join(err, stop())
			err = errors.Join(err, bench.Save(*results, "commits-"+on, bench.Session{Options: o, Machine: bench.ThisMachine(), Costs: costs}))
			if err != nil {
				return err
			}
		}
		return nil
	case "freshness":
		f, err := bench.Fresh(ctx, out, o, *rate, *length)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, f)
		return bench.Save(*results, "freshness", bench.Session{Options: o, Machine: bench.ThisMachine(), Freshness: &f})
	case "profile":
		p, err := bench.Profile(ctx, out, o, *profiles)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s\n%s", p.StageTable(), p.TopTable())
		return bench.Save(*results, "profile-"+o.Shapes[0], bench.Session{Options: o, Machine: bench.ThisMachine(), Profile: &p})
	case "throughput":
		runs, err := bench.Throughput(ctx, out, o)
		if len(runs) > 0 {
			err = errors.Join(err, bench.Save(*results, "throughput-"+strings.Join(o.Shapes, "-"), bench.Session{Options: o, Machine: bench.ThisMachine(), Runs: runs}))
			fmt.Fprint(out, "\n", bench.Tables(runs))
		}
		return err
	}
	return fmt.Errorf("there is nothing called %q to measure", args[0])
}

// profileOwn profiles this process until what it returns is called: commits are made in it.
func profileOwn(file string) (stop func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// build makes the binary that is measured, as `make build` does.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "sinker")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", path, "github.com/sinker-io/sinker/cmd/sinker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sinker: %w\n%s", err, text)
	}
	return path, nil
}
