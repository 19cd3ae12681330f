package judge

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/tools"
)

// Spark is one running Spark session, used for all cases of a test process: starting one takes ten seconds and more.
// It answers one request at a time; its methods may be called from several goroutines.
type Spark struct {
	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log string
}

// StartSpark starts a session that keeps its scratch files and its log in dir.
func StartSpark(ctx context.Context, dir string) (*Spark, error) {
	python, err := tools.Python(ctx, tools.Spark)
	if err != nil {
		return nil, err
	}
	jars, err := tools.Jars(ctx, tools.SparkJars)
	if err != nil {
		return nil, err
	}
	if _, err := tools.Java(ctx); err != nil {
		return nil, err
	}
	folder, err := unpacked()
	if err != nil {
		return nil, err
	}
	scratch := filepath.Join(dir, "spark")
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return nil, fmt.Errorf("start spark: %w", err)
	}
	s := &Spark{log: filepath.Join(dir, "spark.log")}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start spark: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(python, filepath.Join(folder, "spark_server.py"))
	cmd.Dir, cmd.Env, cmd.Stderr = scratch, environment(), log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // its Java ends when its Python does
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start spark: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start spark: %w", err)
	}
	s.out = bufio.NewReaderSize(out, 1<<20)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start spark: %w", err)
	}
	s.cmd = cmd
	var ready struct{ Ready bool }
	if err := s.request(ctx, map[string]any{"jars": jars, "scratch": scratch}, &ready); err != nil {
		return nil, fmt.Errorf("start spark: %w", err)
	}
	return s, nil
}

// Ask puts a question about a table to Spark, which finds the table through its catalog.
func (s *Spark) Ask(ctx context.Context, t Table, q Question) (Answer, error) {
	var a struct {
		Answer
		Error string
	}
	err := s.request(ctx, map[string]any{"do": "ask", "table": t, "question": q}, &a)
	if err == nil && a.Error != "" {
		err = fmt.Errorf("%s", a.Error)
	}
	if err != nil {
		return a.Answer, fmt.Errorf("spark reads %s: %w", t.Name, err)
	}
	return a.Answer, nil
}

// SQL runs statements in the catalog of a table, where the catalog's name is ice, and returns the rows of the last one as
// text, "" for null.
func (s *Spark) SQL(ctx context.Context, t Table, statements ...string) ([][]string, error) {
	var a struct {
		Rows  [][]string `json:"sql_rows"`
		Error string
	}
	err := s.request(ctx, map[string]any{"do": "sql", "table": t, "sql": statements}, &a)
	if err == nil && a.Error != "" {
		err = fmt.Errorf("%s", a.Error)
	}
	if err != nil {
		return nil, fmt.Errorf("spark: %q: %w", statements, err)
	}
	return a.Rows, nil
}

// Files lets Iceberg's reader for Spark read single Parquet files, like [Files]; beside each of them there is also n.schema, the schema
// in Iceberg's JSON.
func (s *Spark) Files(ctx context.Context, folder string, files int) ([]string, error) {
	var a struct {
		Faults []string
		Error  string
	}
	err := s.request(ctx, map[string]any{"do": "files", "folder": folder, "files": files}, &a)
	if err == nil && a.Error != "" {
		err = fmt.Errorf("%s", a.Error)
	}
	if err != nil {
		return nil, fmt.Errorf("spark reads the files in %s: %w", folder, err)
	}
	return a.Faults, nil
}

// request sends a line and reads one. A session that does not answer is killed.
func (s *Spark) request(ctx context.Context, request, answer any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return fmt.Errorf("the session is closed")
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.cmd.Process.Kill() })
	defer stop()
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%w; its log is %s", err, s.log)
	}
	text, err := s.out.ReadBytes('\n')
	if err != nil {
		printed, _ := os.ReadFile(s.log)
		return fmt.Errorf("no answer: %w (%v)\n%s", err, ctx.Err(), end(printed, 4000))
	}
	return json.Unmarshal(text, answer)
}

// Close ends the session.
func (s *Spark) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.cmd = nil
	_ = s.in.Close() // the end of its input is what ends it
	late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, s.out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("close spark: %w; its log is %s", err, s.log)
	}
	return nil
}
