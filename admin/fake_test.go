package admin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

const (
	bigSnapshot = int64(7_926_541_023_117_390_843) // far beyond 2^53
	bigOffset   = int64(1)<<62 + 1
	hostileName = "shop.<script>alert(1)</script>\u202egnp\"'&\n{{.}}" // markup, turned writing, a line end, a template
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// hard is a status with everything that a page can meet.
func hard(now time.Time, tick int64) sink.Status {
	part := func(topic string, n int32) offsets.Partition { return offsets.Partition{Topic: topic, Num: n} }
	commits := func(table, topic string, parts int, n int) (out []sink.CommitInfo) {
		for i := range n {
			c := sink.CommitInfo{
				Table: table, Snapshot: bigSnapshot - int64(i)*1_000_003, At: now.Add(-time.Duration(4+10*i) * time.Second), Batches: []uuid.UUID{{byte(i)}},
				Ranges: offsets.Ranges{}, Files: 2, Bytes: 18_345_678 + int64(i), Took: 312 * time.Millisecond, Attempts: 1 + i/3%2, Age: 10_300 * time.Millisecond,
				Counts: manifest.Counts{Rows: 120_345 + int64(i), Skipped: int64(i % 4), Holes: 12},
			}
			for p := range parts {
				from := 9_876_543_210 + int64(p*1000-i*2000) + tick
				c.Ranges[part(topic, int32(p))] = offsets.Range{From: from, To: from + 2000}
			}
			out = append(out, c)
		}
		return out
	}
	orders := sink.TableStatus{
		Table: "shop.orders", Topics: []string{"orders"}, State: sink.Running, Since: now.Add(-3 * time.Hour), Totals: manifest.Counts{Rows: 12_345_678 + tick, Skipped: 31, Holes: 4021},
		Unknown: map[string]int64{"debug": 12, "user.agent": 1 << 60, "": 3},
		Files:   1_204, Bytes: 6_123_456_789, RowsPerSec: 11_980.4, Commits: commits("shop.orders", "orders", 64, 20), OpenRows: 48_213, OpenBytes: 7_340_032,
		OpenSince: now.Add(-4 * time.Second), LagRecords: 48_213 + tick, LagSeconds: 4.2, Freshness: 10.3,
	}
	for p := range 64 {
		at := 9_876_545_210 + int64(p)*1000 + tick
		ps := sink.PartitionStatus{Partition: part("orders", int32(p)), Committed: at, Fetched: at + 760, LastStable: at + 800, HighWater: at + 800}
		if p == 7 {
			ps.HighWater += 12_000
		}
		if p == 9 {
			ps.LastStable, ps.HighWater = -1, -1
		}
		orders.Partitions = append(orders.Partitions, ps)
	}
	clicks := sink.TableStatus{
		Table: "web.clicks", Topics: []string{"clicks-eu", "clicks-us"}, State: sink.Waiting, Since: now.Add(-95 * time.Second), LagRecords: 1_203_441, LagSeconds: 97, Freshness: 12.7,
		LastError:  "commit web.clicks: catalog http://catalog.lake.svc:8181: POST /v1/namespaces/web/tables/clicks: 503 Service Unavailable; tried again in 8s",
		Commits:    commits("web.clicks", "clicks-eu", 1, 3),
		Partitions: []sink.PartitionStatus{{Partition: part("clicks-eu", 0), Committed: bigOffset, Fetched: bigOffset + 9, LastStable: bigOffset + 9, HighWater: bigOffset + 9}},
	}
	returns := part("returns", 3)
	refunds := sink.TableStatus{
		Table: "shop.returns", Topics: []string{"returns"}, State: sink.Running, Since: now.Add(-3 * time.Hour), RowsPerSec: 0.4, Freshness: 9.1, Commits: commits("shop.returns", "returns", 2, 6)[4:],
		Totals: manifest.Counts{Rows: 911},
		Partitions: []sink.PartitionStatus{{Partition: returns, Committed: 4_411, Fetched: 4_411, LastStable: 9_000, HighWater: 9_000, Stop: &commit.Stop{
			Reason: commit.GapInLog, Table: "shop.returns", Partition: &returns, Offset: 4_411,
			Found: "the table stands at offset 4411, but the log begins at 7000: retention removed 2589 records that were never read",
			Do:    "`sinker offsets accept --table shop.returns --partition returns-3 --position log --reason WHY` passes over them and writes the gap into the table, or set `policy.gap: continue`",
		}}},
	}
	replaced := sink.TableStatus{
		Table: hostileName, Topics: []string{"hostile"}, State: sink.Stopped, Since: now.Add(-26 * time.Hour),
		Stop: &commit.Stop{
			Reason: commit.ReplacedTable, Table: hostileName,
			Found: "the branch main has no snapshot that holds this sink's offsets, but the table's properties name snapshot 5577006791947779410 of this sink, which is not in the lineage. " +
				"The table was replaced (CREATE OR REPLACE) or rolled back to before the sink's first snapshot. What is in it now is not known to sinker, so neither going on from offset " +
				"9876543210 nor starting again is certain to be right",
			Do: "look at the table and at `sinker offsets show`, then tell sinker where to go on with `sinker offsets accept --table TABLE --position mirror|start --reason WHY` " +
				"(mirror: the rows up to the last known offsets are there; start: they are not)",
			Err: errors.New("resolve: root 8674665223082153551 has no state of sink orders"),
		},
	}
	return sink.Status{
		Sink: "orders", Started: now.Add(-75 * time.Hour), Group: "sinker-orders", Cluster: "MkU3OEVBNTcwNTJENDM2Qg", Connected: true,
		BudgetUsed: 148_897_792, BudgetPeak: 261_000_000, BudgetLimit: 256 << 20,
		Tables: []sink.TableStatus{
			orders, clicks, refunds, replaced,
			{Table: "audit.logins", Topics: []string{"logins"}, State: sink.Idle, Since: now.Add(-3 * time.Hour)},
			{Table: "audit.a_table_with_a_rather_long_name_that_somebody_generated_from_a_topic_regular_expression_v2", State: sink.Starting, Since: now.Add(-2 * time.Second)},
		},
	}
}

// calm is a sink on which all is well.
func calm(now time.Time, tick int64) sink.Status {
	s := hard(now, tick)
	s.Tables = s.Tables[:1]
	return s
}

// TestPreview serves the page for people who work on it: SINKER_ADMIN_PREVIEW=127.0.0.1:9400 go test -run Preview -timeout 0 ./admin
// shows / with everything, /calm with one healthy table, /many with two hundred. Without the variable it checks only that each can be made.
func TestPreview(t *testing.T) {
	var tick atomic.Int64
	many := func() sink.Status {
		s := hard(time.Now(), tick.Load())
		for i := range 200 {
			s.Tables = append(s.Tables, sink.TableStatus{Table: fmt.Sprintf("events.t%03d", i), State: sink.Running, Since: s.Started})
		}
		return s
	}
	mux := http.NewServeMux()
	for prefix, status := range map[string]func() sink.Status{
		"":      func() sink.Status { return hard(time.Now(), tick.Add(17)) },
		"/calm": func() sink.Status { return calm(time.Now(), tick.Add(17)) },
		"/many": many,
		"/new":  func() sink.Status { return sink.Status{} },
	} {
		mux.Handle(prefix+"/", http.StripPrefix(prefix, Handler(Options{Status: status, Config: "/etc/sinker/sinker.yaml", Build: Build{Version: "v0.1.0", Commit: "62e5e47"}})))
		if p := look(view{Status: status()}, "", time.Hour, "", Build{}, time.Now()); p.Verdict == "" {
			t.Errorf("%s/ has no verdict", prefix)
		}
	}
	addr := os.Getenv("SINKER_ADMIN_PREVIEW")
	if addr == "" {
		return
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("preview on http://%s/", ln.Addr())
	_ = http.Serve(ln, mux) //nolint:gosec // a preview on a developer's machine, ended by hand
}
