package sink_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/writer"
)

// drifting is a table whose schema somebody else changes.
type drifting struct {
	*table
	mu     sync.Mutex
	schema *iceberg.Schema
}

func (d *drifting) Describe(v commit.View) (writer.Table, error) {
	desc, err := d.table.Describe(v)
	d.mu.Lock()
	defer d.mu.Unlock()
	desc.Schema = d.schema
	return desc, err
}

// alter makes a schema the table's current one.
func (d *drifting) alter(sc *iceberg.Schema) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.schema = sc
	d.Edit(func(v *commit.View) { v.SchemaIDs = append(v.SchemaIDs, sc.ID) })
}

func (w *world) drifting(name string, e *sink.Entry) *drifting {
	d := &drifting{table: w.table(name), schema: schema}
	e.Open = func(context.Context, string) (sink.Table, error) { return d, nil }
	return d
}

// withRegion is the schema after somebody added a column that every record must have.
var withRegion = iceberg.NewSchema(1, append(schema.Fields(),
	iceberg.NestedField{ID: 3, Name: "region", Type: iceberg.PrimitiveTypes.String, Required: true})...)

func TestSink_RequiredColumnAddedMeanwhileIsSkippedAndCounted(t *testing.T) {
	w := newWorld(t, 1, "orders")
	e := w.entry("orders", "shop.orders")
	e.SkipBad = true
	d := w.drifting("shop.orders", &e)
	var mu sync.Mutex
	faults := map[string]int{}
	w.start(func(c *sink.Config) {
		c.Events.Skipped = func(i sink.SkippedInfo) {
			mu.Lock()
			defer mu.Unlock()
			var bad *decode.RecordError
			if !errors.As(i.Err, &bad) {
				t.Errorf("offset %d: %v", i.Offset, i.Err)
				return
			}
			faults[i.Code+" "+bad.Column]++
		}
	}, e)
	w.produce("orders", 1, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	d.alter(withRegion)
	w.produce("orders", 1, 1) // its commit, or the one before, is where the change is noticed
	w.until("11 in", func() bool { return sum(w.state("shop.orders")) == 11 })
	w.until("the change is known", func() bool {
		w.produce("orders", 1, 5)
		mu.Lock()
		defer mu.Unlock()
		return len(faults) > 0
	})
	w.send("orders", 0, []byte(`{"id":1000,"region":"eu"}`))
	made := int64(w.made["orders"]) + 1
	w.until("all accounted for", func() bool { return sum(w.state("shop.orders")) == made })
	mu.Lock()
	defer mu.Unlock()
	skipped := int64(faults["missing_required region"])
	if skipped == 0 || len(faults) != 1 {
		t.Errorf("faults: %v", faults)
	}
	w.exact("shop.orders", made-skipped)
}

func TestSink_RequiredColumnAddedMeanwhileStopsAtTheFirstRecordWithoutIt(t *testing.T) {
	w := newWorld(t, 1, "orders")
	e := w.entry("orders", "shop.orders")
	d := w.drifting("shop.orders", &e)
	stops := make(chan sink.StopInfo, 10)
	r := w.start(func(c *sink.Config) { c.Events.Stopped = func(i sink.StopInfo) { stops <- i } }, e)
	w.produce("orders", 1, 10)
	w.until("10 in", func() bool { return sum(w.state("shop.orders")) == 10 })
	d.alter(withRegion)
	w.until("it is stopped", func() bool {
		w.produce("orders", 1, 1)
		return len(stops) > 0
	})
	s := (<-stops).Stop
	var bad *decode.RecordError
	if s.Reason != commit.BadRecord || s.Partition == nil || !errors.As(s.Err, &bad) || bad.Code != "missing_required" || bad.Column != "region" || s.Do == "" {
		t.Errorf("%+v", s)
	}
	w.until("all before it is committed", func() bool { return sum(w.state("shop.orders")) == s.Offset })
	w.exact("shop.orders", s.Offset)
	w.until("not ready", func() bool { return !r.Status().Ready() })
}

// One record, and then nothing: it is visible after `every`, no other record has to push it.
func TestSink_OneRecordOfAQuietTopicIsCommittedByItsAge(t *testing.T) {
	w := newWorld(t, 3, "orders")
	commits, triggers := make(chan sink.CommitInfo, 100), make(chan string, 100)
	r := w.start(func(c *sink.Config) {
		c.Events.Committed = func(i sink.CommitInfo) { commits <- i }
		c.Events.Staged = func(i sink.StagedInfo) { triggers <- i.Trigger }
	}, w.entry("orders", "shop.orders"))
	w.until("ready", func() bool { return r.Status().Ready() && len(r.Status().Tables[0].Partitions) == 3 })
	w.send("orders", 1, []byte(`{"id":1}`))
	c := <-commits
	if trigger := <-triggers; trigger != "age" || c.Counts.Rows != 1 || c.Age < 50*time.Millisecond || c.Attempts != 1 {
		t.Errorf("trigger %s, %+v", trigger, c)
	}
	w.exact("shop.orders", 1)
}

// While another table is busy, one without records is left alone: no snapshot, no event, no request.
func TestSink_NothingIsDoneForNothing(t *testing.T) {
	w := newWorld(t, 1, "quiet", "busy")
	var mu sync.Mutex
	var heard []string
	hear := func(table string, what any) {
		mu.Lock()
		defer mu.Unlock()
		if table == "shop.quiet" {
			heard = append(heard, fmt.Sprintf("%+v", what))
		}
	}
	var told atomic.Int64
	w.start(func(c *sink.Config) {
		c.Events = sink.Events{
			Staged:    func(i sink.StagedInfo) { hear(i.Table, i) },
			Committed: func(i sink.CommitInfo) { hear(i.Table, i); told.Add(i.Counts.Rows) },
			Attempt:   func(i sink.AttemptInfo) { hear(i.Table, i) }, Trouble: func(i sink.TroubleInfo) { hear(i.Table, i) },
			Fenced: func(i sink.FencedInfo) { hear(i.Table, i) },
		}
	}, w.entry("^quiet$", "shop.quiet"), w.entry("^busy$", "shop.busy"))
	w.produce("quiet", 1, 3)
	w.until("the quiet one is in", func() bool { return sum(w.state("shop.quiet")) == 3 })
	w.until("and it is told", func() bool { return told.Load() == 3 })
	head := w.table("shop.quiet").Head()
	mu.Lock()
	heard = nil
	mu.Unlock()
	for i := range int64(20) {
		w.produce("busy", 1, 1)
		w.until("the busy one goes on", func() bool { return sum(w.state("shop.busy")) == i+1 })
	}
	mu.Lock()
	defer mu.Unlock()
	if now := w.table("shop.quiet").Head(); now != head || len(heard) != 0 {
		t.Errorf("snapshot %d became %d while nothing came; heard %v", head, now, heard)
	}
}

// Fields that the table lacks are counted by their path; the row is there.
func TestSink_FieldsWithoutAColumnAreCounted(t *testing.T) {
	w := newWorld(t, 1, "orders")
	tally := &decode.Tally{}
	e := w.entry("orders", "shop.orders")
	d := w.drifting("shop.orders", &e)
	d.schema = iceberg.NewSchema(0, append(schema.Fields(), iceberg.NestedField{ID: 3, Name: "by", Type: &iceberg.StructType{
		FieldList: []iceberg.NestedField{{ID: 4, Name: "name", Type: iceberg.PrimitiveTypes.String}}}})...)
	e.Tally = tally
	e.Decoder = func(s *iceberg.Schema) (decode.Decoder, error) {
		return decode.New("json", s, decode.Options{Tally: tally})
	}
	r := w.start(nil, e)
	w.send("orders", 0, []byte(`{"id":1,"colour":"red","size":{"w":1,"h":2},"by":{"name":"x","mail":"y"}}`))
	w.send("orders", 0, []byte(`{"id":2,"colour":null}`))
	w.send("orders", 0, []byte(`{"id":3}`))
	w.until("all in", func() bool { return sum(w.state("shop.orders")) == 3 })
	w.exact("shop.orders", 3)
	got := fmt.Sprint(r.Status().Tables[0].Unknown)
	if want := fmt.Sprint(map[string]int64{"by.mail": 1, "colour": 2, "size": 1}); got != want {
		t.Errorf("unknown fields %s, want %s", got, want)
	}
}
