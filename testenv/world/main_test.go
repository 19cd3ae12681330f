package world

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/real"
)

// What the tests of this package share: servers, one Spark session, a folder, and how much to do.
var (
	servers *real.Set
	scratch string
	size    Sizes
	spark   = sync.OnceValues(func() (*judge.Spark, error) { return judge.StartSpark(context.Background(), scratch) })
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (status int) {
	var err error
	if size, err = sizes(); err == nil {
		scratch, err = os.MkdirTemp("", "sinker-world-")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	servers = real.NewSet(scratch)
	sparkUsed := false
	start := spark
	spark = func() (*judge.Spark, error) { sparkUsed = true; return start() }
	defer func() {
		if status != 0 {
			fmt.Fprintln(os.Stderr, servers.Logs(2000))
		}
		if sparkUsed {
			if s, err := start(); err == nil {
				_ = s.Close()
			}
		}
		if err := servers.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		_, _ = judge.Close(), removeBinary()
		if status == 0 {
			_ = os.RemoveAll(scratch)
		} else {
			fmt.Fprintln(os.Stderr, "what the servers and instances left is in", scratch)
		}
	}()
	return m.Run()
}

// patience multiplies every bound of a wait: nothing is concluded from one, it only ends what hangs.
const patience = 3

// within bounds a wait: generous, as two cores may be busy, and far below the limit of the whole test.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	d *= patience
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, fmt.Errorf("not within %s", d))
	t.Cleanup(cancel)
	return ctx
}

// must fails the test at once on an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// prepare makes an instance whose log is shown if the test fails, and that does not outlive the test.
func prepare(t *testing.T, name string, w *real.World, c Config) *Sinker {
	t.Helper()
	s := must(Prepare(scratch+"/"+c.Sink, name, w, c))(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", s.Log(6000))
		}
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// quit ends an instance in peace.
func quit(t *testing.T, s *Sinker) {
	t.Helper()
	status, err := s.Quit(within(t, time.Minute))
	if err != nil || status != 0 {
		t.Errorf("%s ended with status %d: %v", s.Name, status, err)
	}
}
