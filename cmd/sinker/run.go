package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/admin"
	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
)

func (a *app) runCommand() *cobra.Command {
	var file string
	var exitOnStop bool
	c := &cobra.Command{
		Use:   "run -c FILE",
		Short: "The service: carry records into the tables until told to end",
		Long: `Carries records from Kafka into the tables of the configuration until SIGTERM or SIGINT: then what is
buffered is committed, the group is left, and the process ends, within shutdown_timeout. A second signal ends it
at once, which is safe at any moment.

A table that stops for the operator does not hold the others back; it is looked at again every 30 s. The
process ends with status 3 if it is told to end while a table or partition is stopped.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load(file)
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings {
				a.log.Warn("configuration: " + w.String())
			}
			ctx, stop := a.untilSignal()
			defer stop()
			return a.run(ctx, cfg, exitOnStop, nil)
		},
	}
	addConfig(c, &file)
	c.Flags().BoolVar(&exitOnStop, "exit-on-stop", false, "end with status 3 as soon as every table is stopped")
	return c
}

// sameSignal is within what time two signals are one: who signals a process and then its group, as timeout does, means one.
const sameSignal = 200 * time.Millisecond

// untilSignal gives a context that the first SIGTERM or SIGINT ends; the second one ends the process.
func (a *app) untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	done := make(chan struct{})
	go func() {
		var first time.Time
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				if !first.IsZero() && time.Since(first) < sameSignal {
					continue
				}
				if !first.IsZero() {
					a.log.Warn("second signal: ending at once", "signal", s.String())
					os.Exit(exitFailed)
				}
				first = time.Now()
				a.log.Info("ending: what is buffered is committed first; a second signal ends at once", "signal", s.String())
				cancel()
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel() }
}

// service is one process of run.
type service struct {
	app     *app
	cfg     *config.Config
	budget  *budget.Budget
	events  sink.Events
	now     atomic.Pointer[sink.Sink] // the sink that runs, or ran last; nil: none yet
	trouble atomic.Pointer[string]    // why none runs
	started time.Time
}

// run is the service until ctx ends. serving, if not nil, is called once the status page can be seen.
func (a *app) run(ctx context.Context, cfg *config.Config, exitOnStop bool, serving func(page string, status func() sink.Status)) (err error) {
	limitMemory(cfg)
	metrics := admin.NewMetrics(build())
	s := &service{app: a, cfg: cfg, events: together(newEventLog(a.log).events(), metrics.Events()), started: time.Now()}
	s.budget = budget.New(buffers(cfg), func() {
		if now := s.now.Load(); now != nil {
			now.Short()
		}
	})
	page, err := s.serve(metrics, serving)
	if err != nil {
		return &exit{exitFailed, err}
	}
	defer page()
	a.log.Info("sinker starts", "version", build().Version, "sink", cfg.Sink, "group", cfg.Kafka.Group, "tables", len(cfg.Tables), "memory", cfg.Memory.String())

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() { defer close(watched); newFieldLog(a.log).watch(ctx, s.status) }()
	defer func() { cancel(); <-watched }()
	var allStopped atomic.Bool
	if exitOnStop {
		watching := make(chan struct{})
		go func() { defer close(watching); allStopped.Store(s.untilAllStopped(ctx)); cancel() }()
		defer func() { cancel(); <-watching }()
	}
	err = s.supervise(ctx)
	if now := s.now.Load(); err == nil && now != nil && (allStopped.Load() || anyStopped(now.Status())) {
		err = &exit{exitStopped, errors.New("ended while a table waits for the operator: see `sinker offsets show`")}
	}
	a.log.Info("sinker ended", "after", time.Since(s.started).Round(time.Second))
	return err
}

// buffers is what of the configured memory is given out for records: three sixteenths are left for what the garbage
// collector has not taken back yet.
func buffers(cfg *config.Config) int64 { return int64(cfg.Memory) / 16 * 13 }

// limitMemory tells the garbage collector how large the heap may grow, unless the environment does. The process is larger by
// the pages of the program itself, about 62 MiB when all have been used.
func limitMemory(cfg *config.Config) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(cfg.Memory) - 8<<20)
	}
}

// serve opens the status page, and returns what closes it.
func (s *service) serve(metrics *admin.Metrics, serving func(string, func() sink.Status)) (closePage func(), err error) {
	if s.cfg.Admin == "off" {
		return func() {}, nil
	}
	server, err := admin.New(admin.Options{Addr: s.cfg.Admin, Status: s.status, Metrics: metrics, Logger: s.app.log, Config: s.cfg.File()})
	if err != nil {
		return nil, err
	}
	s.app.log.Info("status page", "url", server.URL())
	if serving != nil {
		serving(server.URL(), s.status)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			s.app.log.Warn("status page", "error", err)
		}
	}, nil
}

// status is the sink's own; between two sinks, why none runs.
func (s *service) status() sink.Status {
	st := sink.Status{Sink: s.cfg.Sink, Group: s.cfg.Kafka.Group, Started: s.started, BudgetLimit: s.budget.Limit(), BudgetUsed: s.budget.Used(), BudgetPeak: s.budget.Peak()}
	if now := s.now.Load(); now != nil {
		st = now.Status()
		st.Started = s.started
	}
	if why := s.trouble.Load(); why != nil {
		st.Connected, st.Trouble = false, *why
	}
	return st
}

// supervise runs sinks, one after the other, until ctx ends. The error is of the last one's end, or of something that
// trying again does not mend.
func (s *service) supervise(ctx context.Context) error {
	lake, err := s.openLake(ctx)
	if lake == nil {
		return err
	}
	defer lake.Close()
	entries := lake.entries()
	for wait := (backoff{}); ; {
		began := time.Now()
		err := s.once(ctx, entries)
		if ctx.Err() != nil {
			return err
		}
		if time.Since(began) > time.Minute {
			wait = backoff{}
		}
		if !s.pause(ctx, &wait, "run", err) {
			return nil
		}
	}
}

// openLake connects to the catalog, again and again until it answers; a refusal ends it. nil without an error: ctx ended.
func (s *service) openLake(ctx context.Context) (*lake, error) {
	for wait := (backoff{}); ; {
		lake, err := openLake(ctx, s.cfg, false, s.app.log)
		if err == nil {
			return lake, nil
		}
		if ctx.Err() != nil {
			return nil, nil
		}
		switch commit.ClassOf(err) {
		case commit.Denied, commit.Rejected, commit.Missing:
			return nil, &exit{exitFailed, err}
		}
		if !s.pause(ctx, &wait, "open catalog", err) {
			return nil, nil
		}
	}
}

// once is the life of one sink and its source. While ctx lasts it returns only by an error.
func (s *service) once(ctx context.Context, entries []sink.Entry) error {
	from := sourceConfig(s.cfg, s.app.log)
	from.Budget = s.budget.Part(s.budget.Limit() / 2) // the other half is for what becomes of the records
	group, err := source.Open(ctx, from)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	now := sink.New(sink.Config{
		Sink: s.cfg.Sink, Group: s.cfg.Kafka.Group, Source: group, Entries: entries, Budget: s.budget,
		Every: s.cfg.Commit.Every.Std(), TargetFileSize: s.targetFileSize(), Shutdown: s.cfg.ShutdownTimeout.Std(),
		Policy: policy(s.cfg.Policy), Events: s.events, File: s.cfg.File(),
	})
	s.now.Store(now)
	s.trouble.Store(nil)
	err = now.Run(ctx)
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if closeErr := group.Close(leave); closeErr != nil {
		s.app.log.Warn("leave the group", "error", closeErr)
	}
	if err != nil && ctx.Err() != nil {
		return &exit{exitFailed, err}
	}
	return err
}

// targetFileSize is 0, the table's own size, unless the file gives one.
func (s *service) targetFileSize() int64 {
	if s.cfg.IsSet("commit.target_file_size") {
		return int64(s.cfg.Commit.TargetFileSize)
	}
	return 0
}

// backoff is the time between attempts: full jitter below a bound that doubles, 0.5 s to 30 s.
type backoff struct{ tries int }

func (b *backoff) next() time.Duration {
	bound := min(30*time.Second, 500*time.Millisecond<<min(b.tries, 10))
	b.tries++
	return time.Duration(rand.Int64N(int64(bound))) + 50*time.Millisecond
}

// pause waits as long as is due; false if ctx ended.
func (b *backoff) pause(ctx context.Context) bool { return sleep(ctx, b.next()) }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// pause says what failed and waits; false if ctx ended.
func (s *service) pause(ctx context.Context, wait *backoff, step string, err error) bool {
	d := wait.next()
	why := fmt.Sprintf("%s: %v", step, err)
	s.trouble.Store(&why)
	s.events.Trouble(sink.TroubleInfo{Step: step, Err: err, Again: d})
	return sleep(ctx, d)
}

// untilAllStopped waits until every table is stopped, and is true then; false if ctx ended before.
func (s *service) untilAllStopped(ctx context.Context) bool {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-look.C:
		}
		now := s.now.Load()
		if now == nil {
			continue
		}
		if st := now.Status(); len(st.Tables) > 0 && allStopped(st) {
			return true
		}
	}
}

// allStopped tells whether every table that has work waits for an operator, whole or in every partition.
func allStopped(st sink.Status) bool {
	stopped := 0
	for _, t := range st.Tables {
		if t.Stop != nil {
			stopped++
			continue
		}
		for _, p := range t.Partitions {
			if p.Stop == nil {
				return false
			}
		}
		if len(t.Partitions) > 0 {
			stopped++
		}
	}
	return stopped > 0
}

func anyStopped(st sink.Status) bool {
	for _, t := range st.Tables {
		if t.Stop != nil {
			return true
		}
		for _, p := range t.Partitions {
			if p.Stop != nil {
				return true
			}
		}
	}
	return false
}
