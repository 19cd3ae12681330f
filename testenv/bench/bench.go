// Package bench measures sinker as its operators would run it: the binary, a real broker, a real catalog, a real store, all on
// this machine. Beside it, in the same session and on the same rows, it measures what sinker is compared with: the peer,
// Iceberg's own sink for Kafka Connect, and the limit, DuckDB, which only turns a file of JSON into one Parquet file.
//
// Rounds go through all programs one after the other, so that whatever else loads the machine loads all of them. What is
// reported is the median of the rounds, with every single run beside it. CPU seconds and peak memory are what the kernel
// says of a process; rows, files and bytes are what the table's metadata says; and after every run an engine that shares no code
// with sinker counts the rows and the distinct ids.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
)

// Programs that can be measured.
const (
	Sinker  = "sinker"
	Peer    = "connect"  // Iceberg's sink for Kafka Connect
	DuckDB2 = "duckdb-2" // with two threads
	DuckDB1 = "duckdb-1" // with one thread
)

// namespace is where all tables of the benchmark are made.
const namespace = "bench"

// Options say what is measured.
type Options struct {
	Binary     string // of sinker
	Dir        string // a folder for servers, data and logs
	Rows       int64  // in a topic
	Partitions int32  // of a topic
	Runs       int
	Every      string // commit.every of sinker
	Memory     string // memory of sinker
	Shapes     []string
	Programs   []string
}

// Run is one program on one topic or file, once.
type Run struct {
	Program string  `json:"program"`
	Shape   string  `json:"shape"`
	Rows    int64   `json:"rows"`
	Ready   float64 `json:"ready_s"`  // from the start of the process until it has partitions
	First   float64 `json:"first_s"`  // from then to the first commit with rows
	Wall    float64 `json:"wall_s"`   // from then to the last commit; of DuckDB, of the statement
	CPU     float64 `json:"cpu_s"`    // of the process, its start included; of DuckDB, of the statement
	RSS     int64   `json:"peak_rss"` // bytes
	Bytes   int64   `json:"bytes"`    // of data files
	Files   int     `json:"files"`
	Commits int     `json:"commits"` // with rows
	// Others is what the servers spent on it, in CPU seconds.
	Others map[string]float64 `json:"others,omitempty"`
}

// Rate is in rows per second of wall.
func (r Run) Rate() float64 { return float64(r.Rows) / r.Wall }

// PerCPU is in rows per CPU second.
func (r Run) PerCPU() float64 { return float64(r.Rows) / r.CPU }

// PerRow is the bytes of data files a row.
func (r Run) PerRow() float64 { return float64(r.Bytes) / float64(r.Rows) }

// rig is the servers, and what was made for them.
type rig struct {
	Options
	set     *real.Set
	world   *real.World
	more    []*real.Server // that are not of the set
	servers string         // the folder of all of them
	logs    string         // the folder of what the runs leave
	out     io.Writer
	began   time.Time
	runs    int // numbers tables, groups and log files
}

// start brings up a broker, a catalog and a store.
func start(ctx context.Context, out io.Writer, o Options, kind real.Kind) (*rig, error) {
	dir, err := os.MkdirTemp(o.Dir, "servers-")
	if err != nil {
		return nil, err
	}
	r := &rig{Options: o, set: real.NewSet(dir), servers: dir, out: out, began: time.Now()}
	if r.logs, err = os.MkdirTemp(o.Dir, "runs-"); err != nil {
		return nil, err
	}
	if r.world, err = r.set.World(ctx, kind); err != nil {
		return nil, errors.Join(err, r.set.Stop())
	}
	r.say("%s is up", kind)
	return r, nil
}

// end stops the servers and removes what they kept; the logs of the runs stay.
func (r *rig) end() error {
	var errs []error
	for _, s := range r.more {
		errs = append(errs, s.Stop())
	}
	return errors.Join(append(errs, r.set.Stop(), os.RemoveAll(r.servers))...)
}

func (r *rig) say(format string, args ...any) {
	fmt.Fprintf(r.out, "%6.1f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// Throughput measures every program on every shape, round by round.
func Throughput(ctx context.Context, out io.Writer, o Options) (runs []Run, err error) {
	r, err := start(ctx, out, o, real.RESTVersityGW)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.end()) }()
	for _, name := range o.Shapes {
		shape, err := shapeOf(name)
		if err != nil {
			return runs, err
		}
		topic := "bench-" + name
		file, err := r.fill(ctx, topic, shape)
		if err != nil {
			return runs, err
		}
		for range o.Runs {
			for _, program := range o.Programs {
				run, err := r.one(ctx, program, topic, shape, file)
				if err != nil {
					return runs, fmt.Errorf("%s on %s: %w", program, name, err)
				}
				r.say("%-8s %s", program, run)
				runs = append(runs, run)
			}
		}
	}
	return runs, nil
}

// fill makes a topic of a shape's rows, and the file that they come from.
func (r *rig) fill(ctx context.Context, topic string, shape shape) (file, error) {
	from, err := shape.file(ctx, filepath.Join(r.Dir, "data"), r.Rows)
	if err != nil {
		return from, err
	}
	r.say("%s: %d rows, %d bytes a row", shape.name, r.Rows, from.size/r.Rows)
	if err := load.Topic(ctx, r.world.Kafka.Addr, topic, r.Partitions, nil); err != nil {
		return from, err
	}
	n, err := load.File(ctx, r.world.Kafka.Addr, topic, r.Partitions, from.path)
	switch {
	case err != nil:
		return from, fmt.Errorf("fill %s: %w", topic, err)
	case n != r.Rows:
		return from, fmt.Errorf("fill %s: %d records were sent, want %d", topic, n, r.Rows)
	}
	r.say("%s: the topic is filled", shape.name)
	return from, nil
}

func (r *rig) one(ctx context.Context, program, topic string, shape shape, file file) (Run, error) {
	r.runs++
	var run Run
	var err error
	switch program {
	case Sinker, Peer:
		table := fmt.Sprintf("%s.%s_%d", namespace, shape.name, r.runs)
		if program == Sinker {
			run, err = r.sinker(ctx, fmt.Sprintf("sinker-%d", r.runs), topic, table, shape, nil)
		} else {
			run, err = r.peer(ctx, topic, table, shape)
		}
		if err == nil {
			err = r.recount(ctx, table, shape)
		}
	case DuckDB1, DuckDB2:
		run, err = r.limit(ctx, map[string]int{DuckDB1: 1, DuckDB2: 2}[program], shape, file)
	default:
		err = fmt.Errorf("there is no program of that name")
	}
	run.Program, run.Shape, run.Rows = program, shape.name, r.Rows
	return run, err
}

// recount has DuckDB count what a run left in its table: every id, once.
func (r *rig) recount(ctx context.Context, table string, shape shape) error {
	t, err := judge.Of(ctx, r.world, table)
	if err != nil {
		return err
	}
	a, err := judge.DuckDB.Ask(ctx, t, judge.Question{Distinct: []string{shape.id}})
	if err != nil {
		return err
	}
	if a.Rows != r.Rows || a.Distinct[shape.id] != r.Rows {
		return fmt.Errorf("%s holds %d rows with %d different ids, want %d of both", table, a.Rows, a.Distinct[shape.id], r.Rows)
	}
	return nil
}

// String tells a run in a line.
func (r Run) String() string {
	s := fmt.Sprintf("%.0f k rows/s, %.0f k rows per CPU second, %.1f bytes a row, %d MiB", r.Rate()/1e3, r.PerCPU()/1e3, r.PerRow(), r.RSS>>20)
	if r.Commits > 0 {
		s += fmt.Sprintf(", ready after %.1f s, first commit %.1f s later, %d commits", r.Ready, r.First, r.Commits)
	}
	return s
}
