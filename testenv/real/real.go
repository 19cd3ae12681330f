// Package real runs the outside world that sinker meets in production: Apache Kafka, Iceberg catalogs, object stores. Each
// server is a process of its own on a free port of 127.0.0.1, so a test can stop it, kill it, freeze it and start it again on
// the same data.
//
// No server outlives the process that started it: the kernel kills it when its parent dies. Servers are ended by process id
// and never by name. What a server prints is kept in its folder, and its end is part of every error about it.
//
// A [Set] starts each server at most once and combines them into a [World]: one broker, one catalog and one store, with the
// addresses and keys that a sinker configuration needs.
package real

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"math/rand/v2"
)

// Times a server may take, far above what it needs: a machine with two cores may be busy with something else.
const (
	readyWithin = 120 * time.Second
	stopWithin  = 30 * time.Second
)

// Server is one process. Its methods may be called from any goroutine, one at a time.
type Server struct {
	Name    string
	dir     string // its logs and data
	command func() *exec.Cmd
	ready   func(ctx context.Context) error // one quick look; nil means that it serves
	stop    syscall.Signal                  // what asks it to end; SIGTERM if 0

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been waited for
}

// New describes a process that has not been started: command makes it, ready looks once whether it serves. Its log is
// kept in dir. What is started by [Server.Start] must be ended by the caller.
func New(name, dir string, command func() *exec.Cmd, ready func(ctx context.Context) error) *Server {
	return &Server{Name: name, dir: dir, command: command, ready: ready}
}

// start runs the process and waits until it serves.
func (s *Server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return fmt.Errorf("start %s: it runs already as process %d", s.Name, s.cmd.Process.Pid)
	}
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	defer log.Close()
	cmd := s.command()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A group of its own, so that an interrupt at the terminal ends the test and not the server under it. The kernel kills it
	// with the thread that started it; the Go runtime keeps its threads until the process ends.
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is in its log; that it ended is what done tells
	}()
	s.cmd, s.done = cmd, done
	if err := s.await(ctx); err != nil {
		_ = s.end(syscall.SIGKILL, stopWithin)
		return fmt.Errorf("start %s: %w\n%s", s.Name, err, s.Log(4000))
	}
	return nil
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("it does not serve after %s", readyWithin))
	defer cancel()
	var last error
	for {
		if last = s.ready(ctx); last == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-s.done:
			return errors.New("the process ended before it served")
		case <-ctx.Done():
			return fmt.Errorf("%w; last look: %w", context.Cause(ctx), last)
		}
	}
}

// end sends sig and waits; s.mu is held.
func (s *Server) end(sig syscall.Signal, within time.Duration) error {
	if s.cmd == nil {
		return nil
	}
	pid := s.cmd.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGCONT) // a frozen process would not hear
	_ = syscall.Kill(pid, sig)             // it may be gone already, which is what is wanted
	select {
	case <-s.done:
		s.cmd = nil
		return nil
	case <-time.After(within):
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-s.done
	s.cmd = nil
	return fmt.Errorf("stop %s: process %d did not end within %s and was killed\n%s", s.Name, pid, within, s.Log(2000))
}

// Stop asks the process to end and waits for it. Stopping what does not run is no error.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sig := s.stop
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	return s.end(sig, stopWithin)
}

// Kill ends the process at once, as a crash would.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(syscall.SIGKILL, stopWithin)
}

// Start runs a stopped or killed server again, on the same port and data.
func (s *Server) Start(ctx context.Context) error { return s.start(ctx) }

// Restart stops the server and starts it again, on the same port and data.
func (s *Server) Restart(ctx context.Context) error {
	return errors.Join(s.Stop(), s.start(ctx))
}

// Freeze stops the process in its tracks until Thaw: its connections stay open and nothing answers.
func (s *Server) Freeze() error { return s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (s *Server) Thaw() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return fmt.Errorf("send %s to %s: it does not run", sig, s.Name)
	}
	return syscall.Kill(s.cmd.Process.Pid, sig)
}

// Wait waits until the process has ended by itself and returns its exit status, -1 if a signal ended it.
func (s *Server) Wait(ctx context.Context) (int, error) {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.mu.Unlock()
	if cmd == nil {
		return 0, fmt.Errorf("wait for %s: it does not run", s.Name)
	}
	select {
	case <-done:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cmd = nil
		return cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for %s to end: %w", s.Name, context.Cause(ctx))
	}
}

// Signal sends any other signal to the process.
func (s *Server) Signal(sig syscall.Signal) error { return s.signal(sig) }

// PID is the id of the process, 0 if it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// LogFile is where everything is that the server printed, over all its runs.
func (s *Server) LogFile() string { return filepath.Join(s.dir, s.Name+".log") }

// Log returns the last n bytes of what the server printed.
func (s *Server) Log(n int64) string {
	f, err := os.Open(s.LogFile())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > n {
		_, _ = f.Seek(-n, io.SeekEnd)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("--- end of %s\n%s", s.LogFile(), text)
}

// FreePort finds a port of loopback that nobody listens on. It lies below the range from which the kernel takes ports for outgoing
// connections, so that it is still free when a killed server comes back.
func FreePort() (int, error) {
	for range 200 {
		port := 15000 + rand.IntN(17000)
		l, err := net.Listen("tcp4", loopback(port))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("find a free port: 200 ports between 15000 and 32000 are all taken")
}

// freePorts finds n different ones.
func freePorts(n int) ([]int, error) {
	var ports []int
	seen := map[int]bool{}
	for len(ports) < n {
		p, err := FreePort()
		if err != nil {
			return nil, err
		}
		if !seen[p] {
			seen[p] = true
			ports = append(ports, p)
		}
	}
	return ports, nil
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// answers looks whether a GET is answered with status 200.
func answers(url string) func(context.Context) error {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, resp.Status)
		}
		return nil
	}
}
