package world

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/testenv/tpch"
)

const partitions = 8

func TestWorld_RESTVersityGW(t *testing.T) {
	w := must(servers.World(t.Context(), real.RESTVersityGW))(t)
	carry(t, w, size.Rows, size.Messy)
}

func TestWorld_SQLiteFile(t *testing.T) {
	w := must(servers.World(t.Context(), real.SQLiteFile))(t)
	carry(t, w, size.SmallRows, size.Messy*size.SmallRows/size.Rows)
}

func TestWorld_PostgresMinIO(t *testing.T) {
	w := must(servers.World(t.Context(), real.PostgresMinIO))(t)
	carry(t, w, size.SmallRows, size.Messy*size.SmallRows/size.Rows)
}

// Nessie shows one snapshot of a table: enough for a sink that is alone on its table.
func TestWorld_Nessie(t *testing.T) {
	w := must(servers.World(t.Context(), real.NessieVersity))(t)
	carry(t, w, size.SmallRows, size.Messy*size.SmallRows/size.Rows)
}

// carry brings line items and nested events through a world, and has all readers say that every row is in its table once, as it
// was in the source.
func carry(t *testing.T, w *real.World, rows, messy int64) {
	name := strings.NewReplacer("+", "_").Replace(string(w.Kind))
	items := must(tpch.Make(t.Context(), rows))(t)
	events := data.Messy(1)
	itemTopic, eventTopic := "lineitem-"+name, "events-"+name
	noError(t, load.Topic(t.Context(), w.Kafka.Addr, itemTopic, partitions, nil))
	noError(t, load.Topic(t.Context(), w.Kafka.Addr, eventTopic, partitions, nil))

	began := time.Now()
	if n := must(load.File(t.Context(), w.Kafka.Addr, itemTopic, partitions, items.JSON))(t); n != rows {
		t.Fatalf("%d line items were loaded, want %d", n, rows)
	}
	noError(t, load.Values(t.Context(), w.Kafka.Addr, eventTopic, partitions, messy, values(events)))
	t.Logf("loaded %d line items and %d events in %s", rows, messy, time.Since(began).Round(time.Millisecond))

	s := prepare(t, "sinker-"+name, w, Config{Sink: "carry-" + name, Every: "5s", Tables: itemTable(itemTopic) + eventTable(events, eventTopic)})
	began = time.Now()
	noError(t, s.Start(t.Context()))
	wait := time.Minute + time.Duration(rows)*time.Second/5000
	if err := judge.Await(within(t, wait), w, "tpch.lineitem", rows); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d line items were in the table after %s", rows, time.Since(began).Round(time.Millisecond))
	noError(t, judge.Await(within(t, wait), w, "gh.events", messy))
	quit(t, s)

	question := judge.Question{Columns: tpch.Measured(), Distinct: []string{"id"}, Spans: spans,
		Filter: &judge.Filter{Column: "l_shipdate", Kind: "date", Op: ">=", Value: "1998-01-01"}}
	source := question
	source.Spans = nil
	want := must(judge.DuckDB.Ask(t.Context(), judge.Source(items.Parquet), source))(t)
	want.Spans, want.FilesRead = load.Spans(itemTopic, rows, partitions), nil
	everyReader(t, w, "tpch.lineitem", want, question)

	wantEvents, aboutEvents := factsOf(events, eventTopic, messy)
	everyReader(t, w, "gh.events", wantEvents, aboutEvents)
	sound(t, w, "tpch.lineitem", "carry-"+name)
	sound(t, w, "gh.events", "carry-"+name)
}

// spans asks for the offsets of each partition of the source.
var spans = &judge.Spans{By: []string{"_kafka_topic", "_kafka_partition"}, Of: "_kafka_offset"}

// everyReader asks all four and compares each answer with the facts; a filtered query must leave files unread.
func everyReader(t *testing.T, w *real.World, name string, want judge.Answer, q judge.Question) {
	t.Helper()
	table := must(judge.Of(t.Context(), w, name))(t)
	answers := map[string]judge.Answer{}
	var took []string
	ask := func(name string, how func(context.Context, judge.Table, judge.Question) (judge.Answer, error)) {
		began := time.Now()
		answers[name] = must(how(t.Context(), table, q))(t)
		took = append(took, fmt.Sprintf("%s %s", name, time.Since(began).Round(100*time.Millisecond)))
	}
	for _, r := range []judge.Reader{judge.DuckDB, judge.PyIceberg, judge.ClickHouse} {
		ask(string(r), r.Ask)
	}
	ask("spark", must(spark())(t).Ask)
	t.Logf("%s was read by %s", name, strings.Join(took, ", "))
	for reader, a := range answers {
		for _, d := range judge.Differ("the source", want, reader, a) {
			t.Errorf("%s: %s", name, d)
		}
	}
	if q.Filter == nil {
		return
	}
	all := answers[string(judge.PyIceberg)].Files
	for _, reader := range []judge.Reader{judge.PyIceberg, judge.DuckDB} {
		if read := answers[string(reader)].FilesRead; read == nil || all == nil || *read >= *all || *read == 0 {
			t.Errorf("%s: %s leaves no file unread under a filter: it reads %s of %s", name, reader, count(read), count(all))
		}
	}
}

func count(n *int) string {
	if n == nil {
		return "?"
	}
	return fmt.Sprint(*n)
}

// sound recounts a table from its files and history.
func sound(t *testing.T, w *real.World, name, sink string) judge.Count {
	t.Helper()
	c := must(judge.Recount(t.Context(), must(judge.Of(t.Context(), w, name))(t), sink))(t)
	for _, f := range c.Faults {
		t.Errorf("%s: %s", name, f)
	}
	if c.Files == 0 || len(c.Offsets) == 0 {
		t.Errorf("%s: the recount saw nothing: %+v", name, c)
	}
	t.Logf("%s: %d files, %d commits of %d snapshots", name, c.Files, c.Commits, c.Snapshots)
	return c
}

// values are those of a stream's rows.
func values(s *data.Stream) func(i int64) []byte {
	return func(i int64) []byte {
		_, value := s.Row(i)
		return value
	}
}

// factsOf turns what the generator knows of its rows into the answer that readers must give.
func factsOf(s *data.Stream, topic string, n int64) (judge.Answer, judge.Question) {
	q, want := judge.Question{Spans: spans}, judge.Answer{Rows: n, Columns: map[string]judge.Facts{}, Spans: load.Spans(topic, n, partitions)}
	for _, c := range s.Measured {
		q.Columns = append(q.Columns, judge.Column{Name: c.Name, Kind: c.Kind})
	}
	for name, f := range s.Facts(0, n).Columns {
		want.Columns[name] = judge.Facts{Nulls: &f.Nulls, Sum: f.Sum, Min: f.Min, Max: f.Max}
	}
	return want, q
}

func itemTable(topic string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - topics: [%s]\n    table: tpch.lineitem\n    format: json\n    kafka_columns: [topic, partition, offset]\n    create:\n      columns:\n", topic)
	for _, c := range tpch.Columns {
		fmt.Fprintf(&b, "        - {name: %s, type: %q}\n", c[0], c[1])
	}
	b.WriteString("      partition_by: [year(l_shipdate)]\n")
	return b.String()
}

func eventTable(s *data.Stream, topic string) string {
	return s.Table(topic, "gh.events") + "    kafka_columns: [topic, partition, offset]\n"
}
