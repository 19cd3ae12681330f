package world

import (
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
)

// A long backlog in many partitions is read as fast as it can be, and the process stays within memory + 64 MiB.
func TestMemory_BacklogStaysWithinTheBudget(t *testing.T) {
	const wide, allowed = 64, (256 + 64) << 20
	w := must(servers.World(t.Context(), real.RESTVersityGW))(t)
	events := data.Events(1)
	rows := size.Backlog << 20 / 316
	noError(t, load.Topic(t.Context(), w.Kafka.Addr, "backlog", wide, nil))
	noError(t, load.Values(t.Context(), w.Kafka.Addr, "backlog", wide, rows, values(events)))

	s := prepare(t, "sinker-backlog", w, Config{Sink: "backlog", Every: "10s", Memory: "256MiB", Tables: events.Table("backlog", "bench.backlog")})
	began := time.Now()
	noError(t, s.Start(t.Context()))
	noError(t, judge.Await(within(t, time.Minute+time.Duration(rows)*time.Second/5000), w, "bench.backlog", rows))
	took := time.Since(began)
	peak := must(PeakMemory(s.PID()))(t)
	t.Logf("%d MiB of records in %d partitions: %s, %.0f rows/s, peak RSS %d MiB", size.Backlog, wide, took.Round(time.Millisecond), float64(rows)/took.Seconds(), peak>>20)
	if peak > allowed {
		t.Errorf("peak RSS is %d MiB, allowed are %d MiB", peak>>20, allowed>>20)
	}
	quit(t, s)
	sound(t, w, "bench.backlog", "backlog")
}
