package admin

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sinker-io/sinker/sink"
)

// maxPartitionSeries is of how many partitions positions are exported one by one; the tables' sums always
// cover all of them.
const maxPartitionSeries = 1000

// gauges turns the sink's status, asked for once per scrape, into measurements.
type gauges struct{ m *Metrics }

func desc(name, help string, by ...string) *prometheus.Desc {
	return prometheus.NewDesc("sinker_"+name, help, by, nil)
}

var (
	descAnswers   = desc("status_answered", "1 if the sink told its status in time; if 0, the other gauges are the last known.")
	descReady     = desc("ready", "1 if /readyz says so: every table runs or has nothing to do.")
	descStarted   = desc("start_time_seconds", "When the sink began, in seconds of Unix time.")
	descConnected = desc("source_connected", "1 if the source is in its consumer group without trouble.")
	descUsed      = desc("memory_budget_used_bytes", "Memory taken from the budget for records now, in bytes.")
	descPeak      = desc("memory_budget_peak_bytes", "The most that was taken from the budget at once, in bytes.")
	descLimit     = desc("memory_budget_limit_bytes", "The budget, in bytes.")

	descState     = desc("table_state", "1 for the state that the table is in.", "table", "state")
	descLag       = desc("table_lag_records", "Records of the assigned partitions that are not in the table yet.", "table")
	descOldest    = desc("table_lag_seconds", "Age of the oldest record that is not in the table yet; 0 if caught up.", "table")
	descFresh     = desc("table_freshness_seconds", "From receipt to visible, of the oldest record of the last commit.", "table")
	descRate      = desc("table_appended_rows_per_second", "Rows appended to open batches, over about the last ten seconds.", "table")
	descOpenRows  = desc("table_open_rows", "Rows in the open batch.", "table")
	descOpenBytes = desc("table_open_bytes", "Memory held by the open batch, in bytes.", "table")
	descOpenAge   = desc("table_open_age_seconds", "Age of the open batch; 0 if none is open.", "table")
	descLast      = desc("table_last_commit_timestamp_seconds", "When the last commit was seen, in seconds of Unix time; absent if there was none.", "table")
	descOpenTxn   = desc("table_open_transaction_records", "Offsets above the last stable one in the table's assigned partitions: records of open, or hanging, transactions.", "table")
	descUnknown   = desc("unknown_fields_total", "How often records had a field that the table has no column for, by dotted path; records read again are counted again.", "table", "field")
	descParts     = desc("table_assigned_partitions", "Partitions of the table that are assigned to this process.", "table")
	descStopped   = desc("stopped", "How many tables (1) and partitions wait for an operator now, by reason.", "table", "reason")

	descCommitted = desc("partition_committed_offset", "Next offset by the table's own state.", "table", "topic", "partition")
	descFetched   = desc("partition_fetched_offset", "Next offset to fetch.", "table", "topic", "partition")
	descStable    = desc("partition_last_stable_offset", "End of what may be read.", "table", "topic", "partition")
	descEnd       = desc("partition_log_end_offset", "End of the log; above the last stable offset there are open transactions.", "table", "topic", "partition")
	descPartLag   = desc("partition_lag_records", "Records of the partition that are not in the table yet.", "table", "topic", "partition")
	descHidden    = desc("partitions_not_exported", "Assigned partitions beyond the number that is exported one by one.")
)

func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descAnswers, descReady, descStarted, descConnected, descUsed, descPeak, descLimit, descState, descLag, descOldest, descFresh, descRate, descOpenRows,
		descOpenBytes, descOpenAge, descLast, descOpenTxn, descUnknown, descParts, descStopped, descCommitted, descFetched, descStable, descEnd, descPartLag, descHidden,
	} {
		ch <- d
	}
}

func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	w := g.m.watch.Load()
	if w == nil {
		return // there is no server yet, so nobody to ask
	}
	v := w.status(context.Background())
	now := w.now()
	out := sender{ch: ch, sent: map[string]bool{}}
	out.send(descAnswers, truth(!v.Stale))
	out.send(descReady, truth(len(unready(v, time.Duration(g.m.stuck.Load()), now)) == 0))
	out.send(descConnected, truth(v.Connected))
	out.send(descUsed, float64(v.BudgetUsed))
	out.send(descPeak, float64(v.BudgetPeak))
	out.send(descLimit, float64(v.BudgetLimit))
	if !v.Started.IsZero() {
		out.send(descStarted, unix(v.Started))
	}
	series, hidden := 0, 0
	for _, t := range v.Tables {
		name := g.m.tables.of(t.Table)
		if !out.first(name) {
			continue // one of those that are "other": their sum would mean nothing
		}
		g.table(&out, name, t, now)
		for _, p := range t.Partitions {
			if series++; series > maxPartitionSeries {
				hidden++
				continue
			}
			partition(&out, name, p)
		}
	}
	out.send(descHidden, float64(hidden))
}

func (g *gauges) table(out *sender, name string, t sink.TableStatus, now time.Time) {
	for _, s := range []sink.State{sink.Idle, sink.Starting, sink.Running, sink.Waiting, sink.Stopped} {
		out.send(descState, truth(t.State == s), name, string(s))
	}
	out.send(descLag, float64(t.LagRecords), name)
	out.send(descOldest, t.LagSeconds, name)
	out.send(descFresh, t.Freshness, name)
	out.send(descRate, t.RowsPerSec, name)
	out.send(descOpenRows, float64(t.OpenRows), name)
	out.send(descOpenBytes, float64(t.OpenBytes), name)
	out.send(descParts, float64(len(t.Partitions)), name)
	open := int64(0)
	for _, p := range t.Partitions {
		if p.LastStable >= 0 {
			open += max(0, p.HighWater-p.LastStable)
		}
	}
	out.send(descOpenTxn, float64(open), name)
	g.unknown(out, name, t)
	age := 0.0
	if !t.OpenSince.IsZero() {
		age = max(0, now.Sub(t.OpenSince).Seconds())
	}
	out.send(descOpenAge, age, name)
	if len(t.Commits) > 0 {
		out.send(descLast, unix(t.Commits[0].At), name)
	}
	stopped := map[string]int{}
	if t.Stop != nil {
		stopped[g.m.reasons.of(string(t.Stop.Reason))]++
	}
	for _, p := range t.Partitions {
		if p.Stop != nil {
			stopped[g.m.reasons.of(string(p.Stop.Reason))]++
		}
	}
	for reason, n := range stopped {
		out.send(descStopped, float64(n), name, reason)
	}
}

// unknown counts fields under their names, as long as these are not too many in the whole process.
func (g *gauges) unknown(out *sender, name string, t sink.TableStatus) {
	sums := map[string]int64{} // by what is shown: long names may look alike
	for field, n := range t.Unknown {
		shown := otherField
		if field != "" {
			shown = g.m.fields.in(t.Table, field)
		}
		sums[shown] += n
	}
	for shown, n := range sums {
		out.ch <- prometheus.MustNewConstMetric(descUnknown, prometheus.CounterValue, float64(n), name, shown)
	}
}

func partition(out *sender, table string, p sink.PartitionStatus) {
	topic, num := word(p.Partition.Topic), strconv.Itoa(int(p.Partition.Num))
	if !out.first(table + "\x00" + topic + "\x00" + num) {
		return // two incarnations of a topic, for as long as the client shows both
	}
	at := func(d *prometheus.Desc, n int64) {
		if n >= 0 { // below zero it is not known
			out.send(d, float64(n), table, topic, num)
		}
	}
	at(descCommitted, p.Committed)
	at(descFetched, p.Fetched)
	at(descStable, p.LastStable)
	at(descEnd, p.HighWater)
	if p.LastStable >= 0 {
		at(descPartLag, p.Lag())
	}
}

// sender sends each series once: Prometheus refuses a whole scrape for one that comes twice.
type sender struct {
	ch   chan<- prometheus.Metric
	sent map[string]bool
}

func (s *sender) send(d *prometheus.Desc, v float64, by ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, by...)
}

// first tells whether key was not met before.
func (s *sender) first(key string) bool {
	if s.sent[key] {
		return false
	}
	s.sent[key] = true
	return true
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
