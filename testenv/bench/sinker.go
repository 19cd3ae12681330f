package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/testenv/world"
)

// word is a line of sinker's log, as far as it is read here. Nothing is proven by it but when something happened.
type word struct {
	Time  time.Time `json:"time"`
	Level string    `json:"level"`
	Msg   string    `json:"msg"`
	Rows  int64     `json:"rows"`
	line  string
}

// process is a running sinker whose log is followed.
type process struct {
	*real.Server
	log   *bufio.Reader
	file  *os.File
	rest  []byte // of a line that is not complete yet
	began time.Time
}

// launch runs sinker on one table.
func (r *rig) launch(ctx context.Context, name string, c world.Config, more ...string) (*process, error) {
	conf := filepath.Join(r.logs, name+".yaml")
	if err := os.WriteFile(conf, []byte(c.YAML(r.world, "off")), 0o644); err != nil {
		return nil, err
	}
	p := &process{Server: real.New(name, r.logs, func() *exec.Cmd {
		cmd := exec.Command(r.Binary, "run", "-c", conf, "--log-format", "json")
		cmd.Env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true", "SINKER_TEST_SECRET="+r.world.S3.SecretKey)
		cmd.Env = append(cmd.Env, more...)
		return cmd
	}, func(context.Context) error { return nil }), began: time.Now()}
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	f, err := os.Open(p.LogFile())
	if err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	p.file, p.log = f, bufio.NewReader(f)
	return p, nil
}

// end asks the process to end, and waits.
func (p *process) end() error { return errors.Join(p.Stop(), p.file.Close()) }

// next waits for the next line of the log.
func (p *process) next(ctx context.Context) (word, error) {
	for {
		part, err := p.log.ReadBytes('\n')
		p.rest = append(p.rest, part...)
		if err == nil {
			w := word{line: string(p.rest)}
			err := json.Unmarshal(p.rest, &w)
			p.rest = p.rest[:0]
			if err != nil {
				return w, fmt.Errorf("log of %s: %w: %s", p.Name, err, w.line)
			}
			return w, nil
		}
		if err != io.EOF {
			return word{}, err
		}
		if err := pause(ctx, 20*time.Millisecond, p.Server); err != nil { // its end was reached
			return word{}, err
		}
	}
}

// sinker measures one run of sinker, from the topic's beginning to its end. then, if not nil, is called before the process ends.
func (r *rig) sinker(ctx context.Context, name, topic, table string, shape shape, then func(context.Context, *process) error, more ...string) (run Run, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Minute, errors.New("it took more than half an hour"))
	defer cancel()
	before, err := r.spent()
	if err != nil {
		return run, err
	}
	p, err := r.launch(ctx, name, world.Config{Sink: name, Every: r.Every, Memory: r.Memory, Tables: shape.table(topic, table)}, more...)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, p.end()) }()
	if err := p.carry(ctx, r.Rows, &run); err != nil {
		return run, err
	}
	if err := run.measure(p.Server); err != nil {
		return run, err
	}
	if run.Others, err = r.spentSince(before); err != nil {
		return run, err
	}
	if err := r.contents(ctx, table, &run); err != nil || then == nil {
		return run, err
	}
	return run, then(ctx, p)
}

// carry follows the log until all rows are committed, and notes when what happened.
func (p *process) carry(ctx context.Context, rows int64, run *Run) error {
	var assigned time.Time
	for left := rows; left > 0; {
		w, err := p.next(ctx)
		if err != nil {
			return err
		}
		switch {
		case w.Level == "ERROR":
			return fmt.Errorf("%s says: %s", p.Name, w.line)
		case w.Msg == "partitions assigned" && assigned.IsZero():
			assigned = w.Time
			run.Ready = assigned.Sub(p.began).Seconds()
		case w.Msg == "committed" && w.Rows > 0:
			run.Wall = w.Time.Sub(assigned).Seconds()
			if run.First == 0 {
				run.First = run.Wall
			}
			left -= w.Rows
		}
	}
	return nil
}

// measure asks the kernel what a process has used.
func (r *Run) measure(s *real.Server) (err error) {
	if r.CPU, err = cpuSeconds(s.PID()); err != nil {
		return err
	}
	r.RSS, err = world.PeakMemory(s.PID())
	return err
}
