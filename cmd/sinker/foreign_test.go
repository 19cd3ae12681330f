package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/iceberg-go"
	sqlcat "github.com/apache/iceberg-go/catalog/sql"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/testenv/contract"
	"github.com/sinker-io/sinker/testenv/embedded"
)

// stranger is somebody else who works on the table, by iceberg-go's own catalog on the same database.
type stranger struct {
	*contract.Foreign
	s   *story
	cat *sqlcat.Catalog
}

func (s *story) stranger() *stranger {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.world.CatalogDB+"?_pragma=busy_timeout(60000)&_txlock=immediate")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { db.Close() })
	cat, err := sqlcat.NewCatalog("ice", db, sqlcat.SQLite, iceberg.Properties{"warehouse": s.world.Warehouse})
	if err != nil {
		s.t.Fatal(err)
	}
	f := &stranger{s: s, cat: cat}
	f.Foreign = contract.SQLForeign(context.WithoutCancel(s.ctx), cat, "shop", "orders", f.create)
	return f
}

// create makes the table again, as its configuration would.
func (f *stranger) create() error {
	_, err := f.cat.CreateTable(f.s.ctx, icetable.Identifier{"shop", "orders"}, iceberg.NewSchema(0,
		iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64, Required: true},
		iceberg.NestedField{ID: 2, Name: "_kafka_partition", Type: iceberg.PrimitiveTypes.Int32, Required: true},
		iceberg.NestedField{ID: 3, Name: "_kafka_offset", Type: iceberg.PrimitiveTypes.Int64, Required: true}))
	return err
}

// must fails the test on an error of what the stranger does.
func (f *stranger) must(err error) {
	f.s.t.Helper()
	if err != nil {
		f.s.t.Fatal(err)
	}
}

func (f *stranger) metadata() icetable.Metadata {
	f.s.t.Helper()
	m, err := f.Load()
	f.must(err)
	return m
}

func (f *stranger) head() int64 { return f.metadata().CurrentSnapshot().SnapshotID }

// metadataFile is the newest metadata file of the table, and the older ones that its folder has.
func (f *stranger) metadataFile() (newest string, older []string) {
	f.s.t.Helper()
	tb, err := f.cat.LoadTable(f.s.ctx, icetable.Identifier{"shop", "orders"})
	f.must(err)
	newest = strings.TrimPrefix(tb.MetadataLocation(), "file://")
	all, err := filepath.Glob(filepath.Join(filepath.Dir(newest), "*.metadata.json"))
	f.must(err)
	return newest, slices.DeleteFunc(all, func(name string) bool { return name == newest })
}

// edit changes the summary of the branch's newest snapshot where it stands.
func (f *stranger) edit(key, value string) {
	f.s.t.Helper()
	file, _ := f.metadataFile()
	var m map[string]any
	head := fmt.Sprint(f.head())
	found := false
	d := json.NewDecoder(strings.NewReader(readFile(f.s.t, file)))
	d.UseNumber() // ids have more digits than a double
	f.must(d.Decode(&m))
	for _, s := range m["snapshots"].([]any) {
		if s := s.(map[string]any); fmt.Sprint(s["snapshot-id"]) == head {
			s["summary"].(map[string]any)[key] = value
			found = true
		}
	}
	if !found {
		f.s.t.Fatalf("snapshot %s is not in %s", head, file)
	}
	text, err := json.Marshal(m)
	f.must(err)
	f.must(os.WriteFile(file, text, 0o644))
}

// exact demands that each of the ids is in the table once, and nothing else.
func (s *story) exact(ids ...int64) {
	s.t.Helper()
	want := map[int64]int{}
	for _, id := range ids {
		want[id] = 1
	}
	if got := s.ids(); !maps.Equal(got, want) {
		s.t.Errorf("the table has the ids %v (how often), want %v", got, want)
	}
}

// ids are those of the table's rows, and how often each is there.
func (s *story) ids() map[int64]int {
	s.t.Helper()
	f := s.stranger()
	tb, err := f.cat.LoadTable(s.ctx, icetable.Identifier{"shop", "orders"})
	f.must(err)
	rows, err := tb.Scan(icetable.WithSelectedFields("id")).ToArrowTable(s.ctx)
	f.must(err)
	defer rows.Release()
	got := map[int64]int{}
	for _, chunk := range rows.Column(0).Data().Chunks() {
		for _, id := range chunk.(*array.Int64).Int64Values() {
			got[id]++
		}
	}
	return got
}

// stop is a STOP as the log tells it.
type stop struct{ Reason, To_go_on string }

// stops runs until every table is stopped, and says what was told of it.
func (s *story) stops(reason string) stop {
	s.t.Helper()
	r := s.run("--exit-on-stop", "--log-format", "json")
	r.ends(0, exitStopped)
	for line := range strings.Lines(r.log.String()) {
		var told stop
		if err := json.Unmarshal([]byte(line), &told); err == nil && told.Reason == reason {
			return told
		}
	}
	s.t.Fatalf("the log tells of no STOP(%s):\n%s", reason, r.log)
	return stop{}
}

// answer cuts the command with these words out of the advice and runs it as it stands there, but for WHY and FILE.
func (s *story) answer(told stop, words, mapping string) result {
	s.t.Helper()
	for i, part := range strings.Split(told.To_go_on, "`") {
		if i%2 == 0 || !strings.HasPrefix(part, "sinker ") || !strings.Contains(part, words) {
			continue
		}
		part = strings.ReplaceAll(strings.ReplaceAll(part, "WHY", "why"), "--mapping FILE", "--mapping "+mapping)
		r := sinker(s.t, strings.Fields(part)[1:]...)
		if r.status != 0 {
			s.t.Fatalf("%s: status %d:\n%s", part, r.status, r.all())
		}
		return r
	}
	s.t.Fatalf("STOP(%s) names no command with %q: %s", told.Reason, words, told.To_go_on)
	return result{}
}

// first runs a sinker until the records 1 and 2 of orders-0 and 3 of orders-1 are in the table, in two commits that add rows, and ends it.
// It returns the snapshot of the first.
func (s *story) first() (before int64) {
	s.t.Helper()
	s.send(0, `{"id":1}`)
	r := s.run()
	s.until("orders-0 1, orders-1 0")
	before = s.stranger().head()
	s.send(0, `{"id":2}`)
	s.send(1, `{"id":3}`)
	s.until("orders-0 2, orders-1 1")
	r.ends(syscall.SIGTERM, exitDone)
	return before
}

// goesOn runs again, with one record more, and demands that all of them are there once.
func (s *story) goesOn(next string, ids ...int64) {
	s.t.Helper()
	s.send(1, `{"id":4}`)
	r := s.run()
	s.until(next)
	r.ends(syscall.SIGTERM, exitDone)
	s.exact(ids...)
}

// another starts a second world with the same topic, of other ids, in a cluster of another id.
func (s *story) another() *embedded.World {
	s.t.Helper()
	w, err := embedded.Start(s.ctx, embedded.Options{Topics: []embedded.Topic{{Name: "orders", Partitions: 2}}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { w.Close() })
	return w
}
