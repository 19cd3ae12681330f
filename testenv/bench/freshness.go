package bench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/testenv/tools"
	"github.com/sinker-io/sinker/testenv/world"
)

//go:embed py/freshness.py
var freshnessScript string

// Freshness is how long rows took from being produced until another engine could have read them: from the time that is written in
// the row, just before it is handed to the producer, until the catalog named a snapshot that holds it, as a client of the
// catalog saw it from outside.
type Freshness struct {
	Rate     int     `json:"rate"`
	Rows     int64   `json:"rows"`
	Commits  int     `json:"commits"`
	P50      float64 `json:"p50_s"`
	P90      float64 `json:"p90_s"`
	P99      float64 `json:"p99_s"`
	Most     float64 `json:"most_s"`
	Look     float64 `json:"look_s"` // the median time between two looks at the catalog, by which a row may be told too old
	Counts   []int64 `json:"counts"` // rows by age, in steps of 50 ms
	CPU      float64 `json:"cpu_s"`
	RSS      int64   `json:"peak_rss"`
	Duration float64 `json:"duration_s"`
}

// Fresh produces events at a steady rate for some time, while sinker runs, and tells how old rows were when they became visible. Rows
// of the first ten seconds do not count: sinker starts with the first of them.
func Fresh(ctx context.Context, out io.Writer, o Options, rate int, length time.Duration) (f Freshness, err error) {
	r, err := start(ctx, out, o, real.RESTVersityGW)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, r.end()) }()
	const topic, table = "bench-fresh", namespace + ".fresh"
	if err := load.Topic(ctx, r.world.Kafka.Addr, topic, o.Partitions, nil); err != nil {
		return f, err
	}
	stream := data.Events(1)
	p, err := r.launch(ctx, "fresh", world.Config{Sink: "fresh", Every: o.Every, Memory: o.Memory, Tables: shape{columns: stream.Declared}.table(topic, table)})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	feed, err := load.StartStream(r.world.Kafka.Addr, topic, o.Partitions, rate, func(i int64) []byte {
		_, value := stream.RowAt(i, time.Now())
		return value
	})
	if err != nil {
		return f, err
	}
	began := time.Now()
	eye := look(ctx, r.world.Catalog.URI+"/v1/namespaces/"+namespace+"/tables/fresh")
	run, err := r.watchStream(ctx, p, feed, length)
	seen := eye.close()
	if err != nil {
		return f, err
	}
	r.say("%d rows are in the table", run.Rows)
	if f, err = r.ages(ctx, table, seen, began.Add(10*time.Second)); err != nil {
		return f, err
	}
	f.Rate, f.CPU, f.RSS, f.Duration = rate, run.CPU, run.RSS, length.Seconds()
	return f, nil
}

// watchStream lets the stream run for some time and waits until the table has all of it.
func (r *rig) watchStream(ctx context.Context, p *process, feed *load.Stream, length time.Duration) (Run, error) {
	var run Run
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
	n, err := feed.Stop(ctx)
	if err != nil {
		return run, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("the rest of the rows took more than two minutes"))
	defer cancel()
	run.Rows = n
	if err := p.carry(ctx, n, &run); err != nil {
		return run, err
	}
	return run, run.measure(p.Server)
}

// sight is when the catalog first named each snapshot.
type sight struct {
	mu    sync.Mutex
	first map[int64]time.Time
	looks []float64 // seconds between two of them
	stop  context.CancelFunc
	done  chan struct{}
}

// look asks a REST catalog for a table over and over, as a reader does that wants to know whether there is anything new.
func look(ctx context.Context, table string) *sight {
	ctx, stop := context.WithCancel(ctx)
	s := &sight{first: map[int64]time.Time{}, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for last := time.Now(); ctx.Err() == nil; {
			body, err := request(ctx, http.MethodGet, table, nil)
			now := time.Now()
			if err == nil { // else the table is not there yet
				s.note(body, now, now.Sub(last))
			}
			last = now
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return s
}

func (s *sight) note(body []byte, at time.Time, since time.Duration) {
	var loaded struct {
		Metadata struct {
			Snapshots []struct {
				ID int64 `json:"snapshot-id"`
			} `json:"snapshots"`
		} `json:"metadata"`
	}
	if json.Unmarshal(body, &loaded) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, snap := range loaded.Metadata.Snapshots {
		if _, known := s.first[snap.ID]; !known {
			s.first[snap.ID] = at
		}
	}
	s.looks = append(s.looks, since.Seconds())
}

func (s *sight) close() *sight {
	s.stop()
	<-s.done
	return s
}

// ages has pyiceberg and pyarrow read which snapshot brought which row, and when the row was produced.
func (r *rig) ages(ctx context.Context, table string, seen *sight, from time.Time) (f Freshness, err error) {
	t, err := judge.Of(ctx, r.world, table)
	if err != nil {
		return f, err
	}
	visible := map[string]int64{}
	for id, at := range seen.first {
		visible[fmt.Sprint(id)] = at.UnixMicro()
	}
	order, err := json.Marshal(map[string]any{"table": t, "visible": visible, "from": from.UnixMicro(), "looks": seen.looks})
	if err != nil {
		return f, err
	}
	python, err := tools.Python(ctx, tools.Readers)
	if err != nil {
		return f, err
	}
	cmd := exec.CommandContext(ctx, python, "-c", freshnessScript)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(order), &out, &complaint
	if err := cmd.Run(); err != nil {
		return f, fmt.Errorf("ages of rows: %w\n%s", err, complaint.String())
	}
	return f, json.Unmarshal(out.Bytes(), &f)
}

// String tells it in a line.
func (f Freshness) String() string {
	return fmt.Sprintf("%d rows in %d commits: p50 %.2f s, p90 %.2f s, p99 %.2f s, most %.2f s; looked every %.0f ms", f.Rows, f.Commits, f.P50, f.P90, f.P99, f.Most, f.Look*1e3)
}
