package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

// plainLog writes lines without their time.
func plainLog(to *bytes.Buffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// One of each event, as an operator reads it.
func TestEventLog_TellsAStory(t *testing.T) {
	var b bytes.Buffer
	ev := newEventLog(plainLog(&b, slog.LevelDebug)).events()
	p0, p1 := offsets.Partition{Topic: "orders", Num: 0}, offsets.Partition{Topic: "orders", Num: 1}
	batch := uuid.MustParse("11111111-2222-3333-4444-555555555555")
	ev.Assigned("shop.orders", []offsets.Partition{p0, p1})
	ev.Anchored("shop.orders", offsets.Position{p0: 0, p1: 40})
	ev.Positioned("shop.orders", offsets.Position{p0: 0, p1: 40})
	ev.Skipped(sink.SkippedInfo{Table: "shop.orders", Partition: p1, Offset: 41, Code: "not_json", Err: errors.New("unexpected letter x")})
	ev.Staged(sink.StagedInfo{Table: "shop.orders", Batch: batch, Files: make([]sink.FileInfo, 1), Bytes: 12345, Counts: manifest.Counts{Rows: 9, Skipped: 1}, Took: 21 * time.Millisecond, Trigger: "age"})
	ev.Attempt(sink.AttemptInfo{Table: "shop.orders", Class: "conflict", Took: 5 * time.Millisecond, Err: errors.New("branch has changed")})
	ev.Attempt(sink.AttemptInfo{Table: "shop.orders", Class: "ok", Took: 6 * time.Millisecond})
	ev.Committed(sink.CommitInfo{Table: "shop.orders", Snapshot: 7, Batches: []uuid.UUID{batch}, Ranges: offsets.Ranges{p0: {From: 0, To: 5}, p1: {From: 40, To: 45}},
		Counts: manifest.Counts{Rows: 9, Skipped: 1}, Files: 1, Bytes: 12345, Took: 30 * time.Millisecond, Attempts: 2, Age: 2 * time.Second})
	ev.Fenced(sink.FencedInfo{Table: "shop.orders", Batch: batch, Why: "orders-0 stands at 7, the batch begins at 5"})
	ev.Trouble(sink.TroubleInfo{Step: "open source", Err: errors.New("connection refused"), Again: 1500 * time.Millisecond})
	ev.Stopped(sink.StopInfo{Table: "shop.orders", Stop: &commit.Stop{Reason: commit.GapInLog, Table: "shop.orders", Partition: &p1, Offset: 45, Found: "the log begins at 50", Do: "accept it"}})
	ev.Resumed("shop.orders", &p1)
	ev.Revoked("shop.orders", []offsets.Partition{p0, p1})
	golden(t, "events.log", b.String())
}

func TestEventLog_ManySkipsAreFewLines(t *testing.T) {
	var b bytes.Buffer
	e := newEventLog(plainLog(&b, slog.LevelInfo))
	now := time.Unix(1000, 0)
	e.now = func() time.Time { return now }
	ev := e.events()
	for i := range int64(1000) {
		ev.Skipped(sink.SkippedInfo{Table: "t", Offset: i, Code: "tombstone"})
	}
	if n := strings.Count(b.String(), "\n"); n != skipsTold {
		t.Errorf("1000 skips at once are %d lines, want %d", n, skipsTold)
	}
	b.Reset()
	now = now.Add(skipsEvery)
	ev.Skipped(sink.SkippedInfo{Table: "t", Offset: 1000, Code: "tombstone"})
	if !strings.Contains(b.String(), "since_last_line=996") {
		t.Errorf("a minute later the line does not say how many there were: %s", b.String())
	}
}

// A column that somebody made required is a few lines and a number, not a line for each record; the next such column is told at once.
func TestEventLog_DriftIsFewLines(t *testing.T) {
	var b bytes.Buffer
	ev := newEventLog(plainLog(&b, slog.LevelInfo)).events()
	p := offsets.Partition{Topic: "orders"}
	for _, column := range []string{"region", "by.name"} {
		for i := range int64(10_000) {
			ev.Skipped(sink.SkippedInfo{Table: "shop.orders", Partition: p, Offset: i, Code: "missing_required",
				Err: &decode.RecordError{Code: "missing_required", Column: column, Reason: "is required and missing"}})
		}
		ev.Committed(sink.CommitInfo{Table: "shop.orders", Ranges: offsets.Ranges{p: {From: 0, To: 10_000}}, Counts: manifest.Counts{Skipped: 10_000}})
		if n := strings.Count(b.String(), "\n"); n != skipsTold+1 || !strings.Contains(b.String(), column) || !strings.Contains(b.String(), "skipped=10000") {
			t.Errorf("10,000 records without %s are %d lines:\n%s", column, n, b.String())
		}
		b.Reset()
	}
}

func TestEventLog_ManyPartitionsAreOneShortLine(t *testing.T) {
	at := offsets.Position{}
	for i := range int32(1000) {
		at[offsets.Partition{Topic: "orders", Num: i}] = int64(i)
	}
	if s := positions(at); len(s) > 200 || !strings.HasSuffix(s, " and 984 more]") {
		t.Errorf("1000 partitions are %q", s)
	}
}

func TestTogether_BothHearEveryEvent(t *testing.T) {
	var heard []string
	listener := func(name string) sink.Events {
		return sink.Events{
			Committed: func(sink.CommitInfo) { heard = append(heard, name+" committed") },
			Resumed:   func(string, *offsets.Partition) { heard = append(heard, name+" resumed") },
		}
	}
	both := together(listener("a"), listener("b"))
	both.Committed(sink.CommitInfo{})
	both.Resumed("t", nil)
	both.Stopped(sink.StopInfo{}) // nobody listens
	if got := strings.Join(heard, ", "); got != "a committed, b committed, a resumed, b resumed" {
		t.Errorf("heard: %s", got)
	}
}
