package admin

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

// busy feeds m one of everything.
func busy(m *Metrics, table string) {
	e := m.Events()
	p := offsets.Partition{Topic: "orders", Num: 1}
	e.Assigned(table, []offsets.Partition{p})
	e.Revoked(table, []offsets.Partition{p})
	e.Staged(sink.StagedInfo{Table: table, Files: []sink.FileInfo{{Bytes: 1 << 20, Rows: 1000}, {Bytes: 1 << 27, Rows: 9e6}}, Took: 2 * time.Second, Trigger: "age"})
	e.Attempt(sink.AttemptInfo{Table: table, Class: commit.Conflict.String(), Took: time.Second, Err: errors.New("409")})
	e.Attempt(sink.AttemptInfo{Table: table, Class: "ok", Took: 300 * time.Millisecond})
	e.Committed(sink.CommitInfo{Table: table, Counts: manifest.Counts{Rows: 900, Dead: 3, Skipped: 90, Holes: 7}, Files: 2, Bytes: 129 << 20, Took: time.Second, Attempts: 2, Age: 10 * time.Second})
	e.Fenced(sink.FencedInfo{Table: table})
	e.Skipped(sink.SkippedInfo{Table: table, Code: "not_json"})
	e.Dead(sink.DeadInfo{Table: table, Code: "bad_value"})
	e.Stopped(sink.StopInfo{Table: table, Stop: &commit.Stop{Reason: commit.CherryPick}})
	e.Trouble(sink.TroubleInfo{Step: "fetch"})
	e.Trouble(sink.TroubleInfo{Table: table, Step: "load"})
}

func gather(t *testing.T, m *Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	all, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.MetricFamily{}
	for _, f := range all {
		out[f.GetName()] = f
	}
	return out
}

// value is the one series of name that has the labels "k=v".
func value(t *testing.T, fs map[string]*dto.MetricFamily, name string, by ...string) float64 {
	t.Helper()
	var found []*dto.Metric
	for _, m := range fs[name].GetMetric() {
		have := map[string]bool{}
		for _, l := range m.GetLabel() {
			have[l.GetName()+"="+l.GetValue()] = true
		}
		fits := true
		for _, want := range by {
			fits = fits && have[want]
		}
		if fits {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s%v: %d series", name, by, len(found))
	}
	switch m := found[0]; {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Histogram != nil:
		return float64(m.Histogram.GetSampleCount())
	default:
		return m.Gauge.GetValue()
	}
}

func TestMetrics_FollowTheConventions(t *testing.T) {
	m := NewMetrics(Build{Version: "v0.1.0", Commit: "abc"})
	busy(m, "shop.orders")
	Handler(Options{Status: hardly, Metrics: m, Now: func() time.Time { return noon }})
	all, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(all).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	ours := 0
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "sinker_") {
			ours++
		}
	}
	if ours < 40 {
		t.Errorf("only %d families of ours", ours)
	}
}

func TestMetrics_EventsAndStatusAreCounted(t *testing.T) {
	m := NewMetrics(Build{})
	if fs := gather(t, m); fs["sinker_ready"] != nil {
		t.Errorf("without a server there is no status to tell of")
	}
	Handler(Options{Status: hardly, Metrics: m, Now: func() time.Time { return noon }})
	busy(m, "shop.orders")
	busy(m, "shop.orders")
	fs := gather(t, m)
	const table = "table=shop.orders"
	for _, c := range []struct {
		want float64
		name string
		by   []string
	}{
		{1800, "sinker_rows_total", []string{table}},
		{6, "sinker_dead_letters_total", []string{table}},
		{180, "sinker_skipped_records_total", []string{table}},
		{14, "sinker_offsets_without_record_total", []string{table}},
		{2000, "sinker_offsets_total", []string{table}},
		{4, "sinker_files_total", []string{table}},
		{258 << 20, "sinker_file_bytes_total", []string{table}},
		{2, "sinker_batches_total", []string{table, "trigger=age"}},
		{2, "sinker_commits_total", []string{table, "outcome=committed"}},
		{2, "sinker_commits_total", []string{table, "outcome=fenced"}},
		{2, "sinker_commit_attempts_total", []string{table, "class=conflict"}},
		{2, "sinker_commit_attempts_total", []string{table, "class=ok"}},
		{2, "sinker_record_skips_total", []string{table, "code=not_json"}},
		{2, "sinker_record_dead_letters_total", []string{table, "code=bad_value"}},
		{2, "sinker_stops_total", []string{table, "reason=cherry-pick"}},
		{2, "sinker_troubles_total", []string{"table=", "step=fetch"}},
		{2, "sinker_commit_duration_seconds", []string{table}},
		{4, "sinker_commit_attempt_duration_seconds", []string{table}},
		{2, "sinker_stage_duration_seconds", []string{table}},
		{2, "sinker_visible_duration_seconds", []string{table}},
		{4, "sinker_file_size_bytes", []string{table}},
		{4, "sinker_file_rows", []string{table}},
		{48_213, "sinker_table_lag_records", []string{table}},
		{12_000, "sinker_table_open_transaction_records", []string{table}},
		{12, "sinker_unknown_fields_total", []string{table, "field=debug"}},
		{3, "sinker_unknown_fields_total", []string{table, "field=(other)"}},
		{4.2, "sinker_table_lag_seconds", []string{table}},
		{1, "sinker_table_state", []string{table, "state=running"}},
		{0, "sinker_table_state", []string{table, "state=stopped"}},
		{1, "sinker_stopped", []string{"reason=gap", "table=shop.returns"}},
		{256 << 20, "sinker_memory_budget_limit_bytes", nil},
		{800, "sinker_partition_lag_records", []string{"partition=7"}}, // 12 000 more are behind an open transaction
		{0, "sinker_ready", nil},
		{1, "sinker_status_answered", nil},
	} {
		if got := value(t, fs, c.name, c.by...); got != c.want {
			t.Errorf("%s%v = %v, want %v", c.name, c.by, got, c.want)
		}
	}
}

func TestMetrics_NothingGrowsWithoutBound(t *testing.T) {
	m := NewMetrics(Build{})
	for i := range 3 * maxTables {
		busy(m, fmt.Sprintf("t%d", i))
	}
	busy(m, "bad \xff utf-8 "+strings.Repeat("é", 5000))
	e := m.Events()
	for i := range 1000 {
		e.Skipped(sink.SkippedInfo{Table: "t0", Code: fmt.Sprint("code", i)})
	}
	Handler(Options{Metrics: m, Status: func() sink.Status {
		s := sink.Status{Started: noon}
		for i := range 4 * maxTables {
			long := strings.Repeat("a.", maxLabel) // names that begin alike are one series
			s.Tables = append(s.Tables, sink.TableStatus{Table: fmt.Sprintf("t%d", i), Unknown: map[string]int64{
				"": 1, "x": 1, "y": 1, long + "x": 1, long + "y": 1, otherField: 1, "\xff": 1, "\xfe": 1,
			}})
		}
		twice := offsets.Partition{Topic: "again", Num: 0}
		for i := range 5 * maxPartitionSeries {
			p := offsets.Partition{Topic: "orders", Num: int32(i)}
			if i < 2 {
				p = twice // two incarnations of one topic
				p.TopicID[0] = byte(i)
			}
			s.Tables[0].Partitions = append(s.Tables[0].Partitions, sink.PartitionStatus{Partition: p})
		}
		return s
	}})
	fs := gather(t, m)
	for name, limit := range map[string]int{
		"sinker_rows_total": maxTables + 1, "sinker_record_skips_total": maxTables + maxWords + 2, "sinker_partition_committed_offset": maxPartitionSeries,
		"sinker_table_lag_records": maxTables + 1, "sinker_unknown_fields_total": maxTables + 1 + maxFields,
	} {
		if n := len(fs[name].GetMetric()); n == 0 || n > limit {
			t.Errorf("%s has %d series, at most %d are allowed", name, n, limit)
		}
	}
	if got := value(t, fs, "sinker_partitions_not_exported"); got != 4*maxPartitionSeries {
		t.Errorf("%v partitions are said to be left out", got)
	}
}
