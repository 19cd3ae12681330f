package main

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

// eventLog writes what happens in a sink to the log: one line for each thing that changed something, nothing for nothing.
type eventLog struct {
	log *slog.Logger

	mu    sync.Mutex
	skips map[string]*skipCount
	now   func() time.Time
}

// skipCount holds back lines about skipped records: the first ones of a kind are told, then one a minute, with the number.
type skipCount struct {
	untold int64
	first  int // told so far, up to skipsTold
	last   time.Time
}

const (
	skipsTold  = 5
	skipsEvery = time.Minute
	mostShown  = 16 // partitions named in one line
)

func newEventLog(log *slog.Logger) *eventLog {
	return &eventLog{log: log, skips: map[string]*skipCount{}, now: time.Now}
}

// events is the listener.
func (e *eventLog) events() sink.Events {
	return sink.Events{
		Assigned: func(table string, ps []offsets.Partition) {
			e.log.Info("partitions assigned", "table", table, "partitions", names(ps))
		},
		Revoked: func(table string, ps []offsets.Partition) {
			e.log.Info("partitions revoked", "table", table, "partitions", names(ps))
		},
		Positioned: func(table string, at offsets.Position) {
			e.log.Info("reading from where the table stands", "table", table, "offsets", positions(at))
		},
		Anchored: func(table string, at offsets.Position) {
			e.log.Info("beginning written to the table", "table", table, "offsets", positions(at))
		},
		Staged:    e.staged,
		Committed: e.committed,
		Attempt:   e.attempt,
		Fenced: func(f sink.FencedInfo) {
			e.log.Warn("batch given up: the table was moved by somebody else; its records are read again", "table", f.Table, "batch", f.Batch.String(), "why", f.Why)
		},
		Skipped: func(s sink.SkippedInfo) { e.passed("record skipped", s) },
		Dead: func(d sink.DeadInfo) {
			e.passed("dead letter", sink.SkippedInfo{Table: d.Table, Partition: d.Partition, Offset: d.Offset, Code: d.Code, Err: d.Err}, "to", d.Letters)
		},
		Stopped: e.stopped,
		Resumed: func(table string, p *offsets.Partition) {
			attrs := []any{"table", table}
			if p != nil {
				attrs = append(attrs, "partition", p.String())
			}
			e.log.Info("going on after a stop", attrs...)
		},
		Trouble: func(t sink.TroubleInfo) {
			attrs := []any{"step", t.Step, "error", t.Err, "again_in", t.Again.Round(time.Millisecond)}
			if t.Table != "" {
				attrs = append([]any{"table", t.Table}, attrs...)
			}
			e.log.Warn("failed, will be tried again", attrs...)
		},
	}
}

func (e *eventLog) staged(s sink.StagedInfo) {
	e.log.Debug("batch sealed", "table", s.Table, "batch", s.Batch.String(), "because", s.Trigger, "rows", s.Counts.Rows,
		"files", len(s.Files), "bytes", s.Bytes, "took", s.Took.Round(time.Millisecond))
}

func (e *eventLog) committed(c sink.CommitInfo) {
	attrs := []any{"table", c.Table, "snapshot", c.Snapshot, "rows", c.Counts.Rows}
	for _, extra := range []struct {
		name string
		n    int64
	}{{"dead", c.Counts.Dead}, {"skipped", c.Counts.Skipped}, {"without_record", c.Counts.Holes}} {
		if extra.n > 0 {
			attrs = append(attrs, extra.name, extra.n)
		}
	}
	attrs = append(attrs, "files", c.Files, "bytes", c.Bytes, "offsets", ranges(c.Ranges), "took", c.Took.Round(time.Millisecond), "age", c.Age.Round(time.Millisecond))
	if c.Attempts > 1 {
		attrs = append(attrs, "attempts", c.Attempts)
	}
	e.log.Info("committed", attrs...)
}

func (e *eventLog) attempt(a sink.AttemptInfo) {
	attrs := []any{"table", a.Table, "outcome", a.Class, "took", a.Took.Round(time.Millisecond)}
	if a.Err != nil {
		attrs = append(attrs, "error", a.Err)
	}
	e.log.Debug("commit requested", attrs...)
}

func (e *eventLog) stopped(s sink.StopInfo) {
	attrs := []any{"table", s.Table}
	if st := s.Stop; st != nil {
		attrs = append(attrs, "reason", string(st.Reason))
		if st.Partition != nil {
			attrs = append(attrs, "partition", st.Partition.String(), "offset", st.Offset)
		}
		attrs = append(attrs, "found", st.Found)
		if st.Err != nil {
			attrs = append(attrs, "error", st.Err)
		}
		attrs = append(attrs, "to_go_on", st.Do)
	}
	e.log.Error("STOP", attrs...)
}

// passed tells of a record that became no row; of many of a kind the first ones, and then now and again how many.
func (e *eventLog) passed(what string, s sink.SkippedInfo, more ...any) {
	e.mu.Lock()
	key := kindOf(s)
	c := e.skips[key]
	if c == nil {
		c = &skipCount{}
		e.skips[key] = c
	}
	c.untold++
	now := e.now()
	tell := c.first < skipsTold || now.Sub(c.last) >= skipsEvery
	n := c.untold
	if tell {
		c.first, c.untold, c.last = min(c.first+1, skipsTold), 0, now
	}
	e.mu.Unlock()
	if !tell {
		return
	}
	attrs := []any{"table", s.Table, "partition", s.Partition.String(), "offset", s.Offset, "code", s.Code}
	if s.Err != nil {
		attrs = append(attrs, "error", s.Err)
	}
	if n > 1 {
		attrs = append(attrs, "since_last_line", n)
	}
	e.log.Warn(what, append(attrs, more...)...)
}

// kindOf tells faults apart: the same code in another column is another fault.
func kindOf(s sink.SkippedInfo) string {
	key := s.Table + "\x00" + s.Code
	var bad *decode.RecordError
	if errors.As(s.Err, &bad) {
		key += "\x00" + bad.Column
	}
	return key
}

// names lists partitions by topic: orders[0 1 2].
func names(ps []offsets.Partition) string {
	set := map[offsets.Partition]string{}
	for _, p := range ps {
		set[p] = strconv.Itoa(int(p.Num))
	}
	return byTopic(set, " ")
}

// positions lists offsets by topic: orders[0:12 1:40].
func positions(at offsets.Position) string {
	set := map[offsets.Partition]string{}
	for p, o := range at {
		set[p] = strconv.Itoa(int(p.Num)) + ":" + strconv.FormatInt(o, 10)
	}
	return byTopic(set, " ")
}

// ranges lists half-open ranges by topic: orders[0:12-40 1:7-9].
func ranges(rs offsets.Ranges) string {
	set := map[offsets.Partition]string{}
	for p, r := range rs {
		set[p] = strconv.Itoa(int(p.Num)) + ":" + strconv.FormatInt(r.From, 10) + "-" + strconv.FormatInt(r.To, 10)
	}
	return byTopic(set, " ")
}

func byTopic(set map[offsets.Partition]string, sep string) string {
	var b strings.Builder
	topic, n := "", 0
	for _, p := range offsets.Sorted(set) {
		if n == mostShown {
			b.WriteString(" and " + strconv.Itoa(len(set)-n) + " more")
			break
		}
		switch {
		case n == 0:
			b.WriteString(p.Topic + "[")
		case p.Topic != topic:
			b.WriteString("] " + p.Topic + "[")
		default:
			b.WriteString(sep)
		}
		b.WriteString(set[p])
		topic = p.Topic
		n++
	}
	if n > 0 {
		b.WriteByte(']')
	}
	return b.String()
}

// together makes one listener of two; each event goes to the first, then to the second.
func together(a, b sink.Events) sink.Events {
	return sink.Events{
		Assigned: both2(a.Assigned, b.Assigned), Revoked: both2(a.Revoked, b.Revoked),
		Positioned: both2(a.Positioned, b.Positioned), Anchored: both2(a.Anchored, b.Anchored),
		Staged: both(a.Staged, b.Staged), Committed: both(a.Committed, b.Committed), Attempt: both(a.Attempt, b.Attempt),
		Fenced: both(a.Fenced, b.Fenced), Skipped: both(a.Skipped, b.Skipped), Dead: both(a.Dead, b.Dead), Stopped: both(a.Stopped, b.Stopped),
		Resumed: both2(a.Resumed, b.Resumed), Trouble: both(a.Trouble, b.Trouble),
	}
}

func both[T any](a, b func(T)) func(T) {
	return func(v T) {
		if a != nil {
			a(v)
		}
		if b != nil {
			b(v)
		}
	}
}

func both2[T, U any](a, b func(T, U)) func(T, U) {
	return func(t T, u U) {
		if a != nil {
			a(t, u)
		}
		if b != nil {
			b(t, u)
		}
	}
}
