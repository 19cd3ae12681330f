package admin

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

// Bounds of what one process can add to a Prometheus server. Beyond them a value is counted under "other".
const (
	maxTables = 500
	maxWords  = 50   // codes, steps, triggers, reasons, classes: each a small closed set, unless there is a bug
	maxFields = 1000 // fields without a column, in all tables together
	maxLabel  = 200
)

// Metrics is one set of measurements on a registry of its own. It lives as long as the process, also where a
// sink ends and is run again, so that counters never fall.
type Metrics struct {
	registry *prometheus.Registry
	build    Build
	watch    atomic.Pointer[watch] // who is asked for the status when Prometheus comes; nil until there is a server
	stuck    atomic.Int64

	tables, codes, steps, triggers, reasons, classes, fields *labels

	rows, dead, skipped, holes, bytes, files, offsets        *prometheus.CounterVec // table
	batches                                                  *prometheus.CounterVec // table, trigger
	commits                                                  *prometheus.CounterVec // table, outcome
	attempts                                                 *prometheus.CounterVec // table, class
	skips, deaths                                            *prometheus.CounterVec // table, code
	stops                                                    *prometheus.CounterVec // table, reason
	troubles                                                 *prometheus.CounterVec // table, step
	assigned, revoked                                        *prometheus.CounterVec // table
	commitTime, attemptTime, stageTime, fresh, sizes, rowsIn *prometheus.HistogramVec
}

// NewMetrics makes the set, with the process's and the Go runtime's own beside it.
func NewMetrics(build Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), build: build,
		tables: newLabels(maxTables), codes: newLabels(maxWords), steps: newLabels(maxWords), triggers: newLabels(maxWords),
		reasons: newLabels(maxWords), classes: newLabels(maxWords), fields: &labels{limit: maxFields, rest: otherField, seen: map[string]string{}},
	}
	counter := func(name, help string, by ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sinker_" + name, Help: help}, append([]string{"table"}, by...))
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sinker_" + name, Help: help, Buckets: buckets}, []string{"table"})
		m.registry.MustRegister(v)
		return v
	}
	// 5 ms to 5 min; one commit or upload that takes longer is a case for the alarm, not for a finer scale.
	latency := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}

	m.rows = counter("rows_total", "Rows committed.")
	m.dead = counter("dead_letters_total", "Records committed as dead letters.")
	m.skipped = counter("skipped_records_total", "Records skipped by policy, and tombstones, in committed ranges.")
	m.holes = counter("offsets_without_record_total", "Offsets of committed ranges that held no record: control records, aborted transactions, compaction.")
	m.offsets = counter("offsets_total", "Offsets committed: rows, dead letters, skipped records, and offsets without a record.")
	m.bytes = counter("file_bytes_total", "Size of the committed data files in bytes.")
	m.files = counter("files_total", "Data files committed.")
	m.batches = counter("batches_total", "Batches sealed, by what made them due.", "trigger")
	m.commits = counter("commits_total", "Commits by outcome: committed, or fenced (a batch was given up because the table's state had moved; its records are read again).", "outcome")
	m.attempts = counter("commit_attempts_total", "Requests to the catalog to commit, by how the answer was understood.", "class")
	m.skips = counter("record_skips_total", "Records skipped by this process when they were read, by what was wrong with them; records read again are counted again.", "code")
	m.deaths = counter("record_dead_letters_total", "Records that this process found to be dead letters when they were read, by what was wrong with them; records read again are counted again.", "code")
	m.stops = counter("stops_total", "Times a table or partition stopped to wait for an operator, by reason.", "reason")
	m.troubles = counter("troubles_total", "Failures that are tried again, by step; table is empty for the source.", "step")
	m.assigned = counter("partitions_assigned_total", "Partitions assigned to this process.")
	m.revoked = counter("partitions_revoked_total", "Partitions taken from this process.")
	m.commitTime = histogram("commit_duration_seconds", "From the first request of a commit until its snapshot was seen in the table.", latency)
	m.attemptTime = histogram("commit_attempt_duration_seconds", "One request to the catalog to commit.", latency)
	m.stageTime = histogram("stage_duration_seconds", "From a batch being due until all its files were stored and checked.", latency)
	m.fresh = histogram("visible_duration_seconds", "From receipt of the oldest record of a commit until it was visible.", []float64{.1, .25, .5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600})
	m.sizes = histogram("file_size_bytes", "Size of data files in bytes.", prometheus.ExponentialBuckets(16<<10, 4, 9))
	m.rowsIn = histogram("file_rows", "Rows of data files.", prometheus.ExponentialBuckets(10, 10, 8))

	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &gauges{m},
	)
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sinker_build_info", Help: "Always 1; says which program this is."}, []string{"version", "commit", "goversion"})
	info.WithLabelValues(word(build.Version), word(build.Commit), runtime.Version()).Set(1)
	m.registry.MustRegister(info)
	return m
}

// Gatherer is the registry, for tests and for those who push instead of being asked.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Events is the listener that feeds the counters and histograms. It may be given to several sinks in turn.
func (m *Metrics) Events() sink.Events {
	return sink.Events{
		Assigned: func(table string, ps []offsets.Partition) {
			m.assigned.WithLabelValues(m.tables.of(table)).Add(float64(len(ps)))
		},
		Revoked: func(table string, ps []offsets.Partition) {
			m.revoked.WithLabelValues(m.tables.of(table)).Add(float64(len(ps)))
		},
		Staged:    m.staged,
		Committed: m.committed,
		Attempt: func(a sink.AttemptInfo) {
			t := m.tables.of(a.Table)
			m.attempts.WithLabelValues(t, m.classes.of(a.Class)).Inc()
			m.attemptTime.WithLabelValues(t).Observe(a.Took.Seconds())
		},
		Fenced: func(f sink.FencedInfo) { m.commits.WithLabelValues(m.tables.of(f.Table), "fenced").Inc() },
		Skipped: func(s sink.SkippedInfo) {
			m.skips.WithLabelValues(m.tables.of(s.Table), m.codes.of(s.Code)).Inc()
		},
		Dead: func(d sink.DeadInfo) {
			m.deaths.WithLabelValues(m.tables.of(d.Table), m.codes.of(d.Code)).Inc()
		},
		Stopped: func(s sink.StopInfo) {
			t, reason := m.tables.of(s.Table), "unknown"
			if s.Stop != nil {
				reason = m.reasons.of(string(s.Stop.Reason))
			}
			m.stops.WithLabelValues(t, reason).Inc()
		},
		Trouble: func(t sink.TroubleInfo) {
			table := ""
			if t.Table != "" {
				table = m.tables.of(t.Table)
			}
			m.troubles.WithLabelValues(table, m.steps.of(t.Step)).Inc()
		},
	}
}

func (m *Metrics) staged(s sink.StagedInfo) {
	t := m.tables.of(s.Table)
	m.batches.WithLabelValues(t, m.triggers.of(s.Trigger)).Inc()
	m.stageTime.WithLabelValues(t).Observe(s.Took.Seconds())
	for _, f := range s.Files {
		m.sizes.WithLabelValues(t).Observe(float64(f.Bytes))
		m.rowsIn.WithLabelValues(t).Observe(float64(f.Rows))
	}
}

func (m *Metrics) committed(c sink.CommitInfo) {
	t := m.tables.of(c.Table)
	m.commits.WithLabelValues(t, "committed").Inc()
	m.rows.WithLabelValues(t).Add(plus(c.Counts.Rows))
	m.dead.WithLabelValues(t).Add(plus(c.Counts.Dead))
	m.skipped.WithLabelValues(t).Add(plus(c.Counts.Skipped))
	m.holes.WithLabelValues(t).Add(plus(c.Counts.Holes))
	m.offsets.WithLabelValues(t).Add(plus(c.Counts.Sum()))
	m.files.WithLabelValues(t).Add(plus(int64(c.Files)))
	m.bytes.WithLabelValues(t).Add(plus(c.Bytes))
	m.commitTime.WithLabelValues(t).Observe(c.Took.Seconds())
	if c.Age > 0 {
		m.fresh.WithLabelValues(t).Observe(c.Age.Seconds())
	}
}

// otherField stands for the fields without a column beyond those that are counted by name; no word in parentheses is likely to be one.
const otherField = "(other)"

// plus keeps a counter from falling, which the client answers with a panic.
func plus(n int64) float64 { return float64(max(0, n)) }

// labels bounds the values of one label: the first limit values are themselves, later ones are "other".
type labels struct {
	mu    sync.Mutex
	limit int
	rest  string            // stands for all later values
	seen  map[string]string // scope and raw to shown
}

func newLabels(limit int) *labels {
	return &labels{limit: limit, rest: "other", seen: map[string]string{}}
}

func (l *labels) of(raw string) string { return l.in("", raw) }

// in is of where the same value in two scopes counts as two.
func (l *labels) in(scope, raw string) string {
	key := scope + "\x00" + raw
	l.mu.Lock()
	defer l.mu.Unlock()
	if shown, ok := l.seen[key]; ok {
		return shown
	}
	if len(l.seen) >= l.limit {
		return l.rest
	}
	shown := word(raw)
	l.seen[key] = shown
	return shown
}

// word makes any text a label's value: valid UTF-8, of bounded length.
func word(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > maxLabel {
		s = strings.ToValidUTF8(s[:maxLabel], "") + "…"
	}
	return s
}
