package sink_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/sink"
)

// bug is a table whose client has one.
type bug struct{ *table }

func (bug) Append(context.Context, commit.View, commit.Change) (int64, error) {
	panic("a bug in a client")
}

const inChild = "SINKER_TEST_PANICS"

// A panic that is not about one record ends the process: starting again is safe, going on may not be. A sink that swallowed it
// would stand still and look alive. The test runs itself as that process.
func TestSink_APanicEndsTheProcess(t *testing.T) {
	if os.Getenv(inChild) != "" {
		w := newWorld(t, 1, "orders")
		e := w.entry("orders", "shop.orders")
		e.Open = func(_ context.Context, name string) (sink.Table, error) { return bug{w.table(name)}, nil }
		w.start(nil, e)
		w.until("the end of the process", func() bool { return false })
		return
	}
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSink_APanicEndsTheProcess$")
	self.Env = append(os.Environ(), inChild+"=1")
	out, err := self.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: a bug in a client") || strings.Contains(string(out), "never: the end") {
		t.Errorf("the process went on: %v\n%s", err, out)
	}
}
