package contract

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/sinker-io/sinker/testenv/real"
)

// What the tests of this package share: servers, started when the first asks for them.
var (
	servers *real.Set
	scratch string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (status int) {
	// They wait for servers, and one for a clock, more than they compute.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var err error
	if scratch, err = os.MkdirTemp("", "sinker-contract-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	servers = real.NewSet(scratch)
	defer func() {
		if status != 0 {
			fmt.Fprintln(os.Stderr, servers.Logs(2000))
		}
		if err := servers.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		removeBinary()
		_ = os.RemoveAll(scratch)
	}()
	return m.Run()
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
