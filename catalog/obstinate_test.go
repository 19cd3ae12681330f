package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/schema"
)

// committing is a committer that does not wait.
func committing(tb *Table) *commit.Committer {
	return &commit.Committer{Table: tb, Name: tb.id.String(), Sink: tb.Sink(), Hash: "h", Rollback: commit.Replay, Sleep: quick}
}

// anchored commits the start of partition 0 and tells the epoch.
func anchored(t testing.TB, c *commit.Committer) uint64 {
	t.Helper()
	st, _, err := c.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		if !st.Empty {
			return nil, nil
		}
		return &commit.Edit{Cluster: "kc", Set: map[offsets.Partition]offsets.Mark{part(0): {Upper: offsets.Unbounded, LeaderEpoch: -1}}, NewEpoch: true}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return st.Epoch
}

// A catalog that takes no table properties refuses the copy of the offsets. The probe says what is lost by that and how to go on
// without it; then everything is committed, and a restart finds its place.
func TestREST_CatalogThatForbidsProperties(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	forbidden := 0
	s.onRequest(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.Contains(r.URL.Path, "/tables/") {
			return false
		}
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if !bytes.Contains(raw, []byte(`"set-properties"`)) {
			return false
		}
		forbidden++
		reply(w, 400, map[string]any{"error": map[string]any{"message": "unknown table property", "type": "BadRequestException", "code": 400}})
		return true
	})
	caps, found, err := s.open(t, nil).Probe(t.Context())
	if err != nil || caps != (commit.Capabilities{Tags: true, History: true}) {
		t.Fatalf("%+v, %v: %+v", caps, err, found)
	}
	said := ""
	for _, f := range found {
		if f.What == "table properties are kept" && !f.OK {
			said = f.Found
		}
	}
	for _, part := range []string{"unknown table property", "rollback", `sinker.properties: "false"`} {
		if !strings.Contains(said, part) {
			t.Errorf("the probe does not say %q: %s", part, said)
		}
	}

	w.create("shop.orders", nil, 2, nil)
	// Who has not asked the probe hears the same of the first commit, after few requests.
	tb, err := s.open(t, nil).Table("shop.orders", "", "s1")
	if err != nil {
		t.Fatal(err)
	}
	forbidden = 0
	var stop *commit.Stop
	_, _, err = committing(tb).Amend(t.Context(), func(commit.View, commit.State) (*commit.Edit, error) {
		return &commit.Edit{Cluster: "kc", Set: map[offsets.Partition]offsets.Mark{part(0): {Upper: offsets.Unbounded, LeaderEpoch: -1}}}, nil
	})
	if !errors.As(err, &stop) || stop.Reason != commit.RejectedCommit || forbidden != 5 {
		t.Fatalf("after %d requests: %v", forbidden, err)
	}
	for _, part := range []string{"unknown table property", `sinker.properties: "false"`, "catalog.properties", "sinker check --probe"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the stop does not say %q: %v", part, err)
		}
	}
	if v := load(t, tb); v.Head != 0 {
		t.Errorf("snapshot %d is there although every request was refused", v.Head)
	}

	c := s.open(t, func(cfg *Config) { cfg.Properties["sinker.properties"] = "false" })
	tb, err = c.Table("shop.orders", "", "s1")
	if err != nil {
		t.Fatal(err)
	}
	forbidden = 0
	first := committing(tb)
	e := anchored(t, first)
	for i := range int64(3) {
		if r, err := first.Commit(t.Context(), stage(t, tb, load(t, tb), e, i*10, i*10+10)); err != nil || len(r.Landed) != 1 || r.Attempts != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	w.foreignAppend("shop.orders", 1000, 1001)
	again, _ := c.Table("shop.orders", "", "s1")
	if st, _, err := committing(again).State(t.Context()); err != nil || st.Dirty || st.Ledger.Marks[part(0)].Next != 30 {
		t.Errorf("a restart finds %+v, %v", st, err)
	}
	if forbidden != 0 {
		t.Errorf("a property was sent %d times although it is known to be refused", forbidden)
	}
}

// beaten lets a foreigner append right before each first attempt of a commit.
type beaten struct {
	backend
	first func() bool
	sent  int
}

func (b *beaten) commit(ctx context.Context, id ident, base *loaded, reqs []icetable.Requirement, ups []icetable.Update) error {
	b.first()
	b.sent++
	return b.backend.commit(ctx, id, base, reqs, ups)
}

// Somebody set commit.retry.num-retries on the table. Nothing repeats a request below us all the same: each attempt is one request on
// the base that it was decided on, so a foreigner who always comes first loses no row, and we write none twice.
func TestCommit_RetriesOfTheTableAreNotOurs(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, map[string]string{"commit.retry.num-retries": "10"})
	tb := w.table("shop.orders", "", "s1")
	c := committing(tb)
	e := anchored(t, c)
	foreign, fresh := int64(1000), false
	b := &beaten{backend: w.cat.back}
	b.first = func() bool {
		if fresh {
			fresh = false
			w.foreignAppend("shop.orders", foreign, foreign+1)
			foreign++
		}
		return true
	}
	w.cat.back = b
	asked := 0
	c.Attempted = func(time.Duration, error) { asked++ }
	const batches = 8
	for i := range int64(batches) {
		m := stage(t, tb, load(t, tb), e, i*10, i*10+10)
		fresh = true
		if r, err := c.Commit(t.Context(), m); err != nil || len(r.Landed) != 1 || r.Attempts != 2 {
			t.Fatalf("batch %d: %+v, %v", i, r, err)
		}
	}
	if b.sent != asked || asked != 2*batches {
		t.Errorf("%d attempts sent %d requests, want %d of both", asked, b.sent, 2*batches)
	}
	got := w.ids("shop.orders", "")
	for id := int64(1000); id < 1000+batches; id++ {
		if got[id] != 1 {
			t.Errorf("the foreign row %d is there %d times", id, got[id])
		}
		delete(got, id)
	}
	wantIDs(t, got, batches*10)
}

// manyFiles are data files that only the manifest tells of, with bounds of every column.
func manyFiles(t testing.TB, n, columns int) []iceberg.DataFile {
	t.Helper()
	out := make([]iceberg.DataFile, 0, n)
	for i := range n {
		counts, nulls, lower, upper := map[int]int64{}, map[int]int64{}, map[int][]byte{}, map[int][]byte{}
		for id := 1; id <= columns; id++ {
			counts[id], nulls[id] = 1, 0
			lower[id], upper[id] = binary.LittleEndian.AppendUint64(nil, uint64(i)), binary.LittleEndian.AppendUint64(nil, uint64(i+id))
		}
		b, err := iceberg.NewDataFileBuilder(*iceberg.UnpartitionedSpec, iceberg.EntryContentData, fmt.Sprintf("file:///none/%06d.parquet", i), iceberg.ParquetFile, nil, nil, nil, 1, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b.ValueCounts(counts).NullValueCounts(nulls).ColumnSizes(counts).LowerBoundValues(lower).UpperBoundValues(upper).Build())
	}
	return out
}

// What a batch has in files and columns goes to the store; the request to the catalog stays as small as that of any other batch, so no
// limit on the size of a message is in the way.
func TestREST_HugeBatchIsASmallRequest(t *testing.T) {
	const files, columns = 2000, 300
	w := newWorld(t)
	s := newRESTServer(t, w)
	c := s.open(t, nil)
	cols := make([]schema.Column, columns)
	for i := range cols {
		cols[i] = schema.Column{Name: fmt.Sprintf("column_%03d", i), Type: "long"}
	}
	w.made("shop.wide", 2, nil, cols...)
	tb, err := c.Table("shop.wide", "", "s1")
	if err != nil {
		t.Fatal(err)
	}
	largest := 0
	s.onRequest(func(_ http.ResponseWriter, r *http.Request) bool {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		largest = max(largest, len(raw))
		return false
	})
	com := committing(tb)
	m := &manifest.Manifest{ID: uuid.New(), Epoch: anchored(t, com), Files: manyFiles(t, files, columns), Bytes: files << 20,
		Spans: map[offsets.Partition]manifest.Span{part(0): {Range: offsets.Range{To: files}, LeaderEpoch: 3, Counts: manifest.Counts{Rows: files}}}}
	r, err := com.Commit(t.Context(), m)
	if err != nil || len(r.Landed) != 1 || r.Attempts != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if largest > 16<<10 {
		t.Errorf("the largest request has %d bytes", largest)
	}
	data, _ := w.named("shop.wide")
	if len(data) != files {
		t.Errorf("%d files are named, want %d", len(data), files)
	}
}

// commits is how many a long story has; SINKER_COMMITS makes it longer.
func commits(n int) int64 {
	if m, err := strconv.Atoi(os.Getenv("SINKER_COMMITS")); err == nil {
		n = m
	}
	return int64(n)
}

// A thousand partitions in every snapshot: the metadata reaches its bound and stays there, however many commits follow.
func TestRetain_ThousandPartitionsStayWithinTheBound(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	const bound = 512 << 10
	tb, tick := aging(t, w, "shop.orders", "s1", Retain{Age: 24 * time.Hour, Snapshots: 1000, Bytes: bound}, 10*time.Minute)
	c := change("s1", 1, 0)
	full := int64(0)
	for i := range commits(80) {
		tick()
		for p := range int32(1000) {
			c.Ledger.Marks[part(p)] = offsets.Mark{Next: i*7919 + int64(p)*104729, LeaderEpoch: p % 7, Upper: offsets.Unbounded}
		}
		if _, err := tb.Append(t.Context(), load(t, tb), c); err != nil {
			t.Fatal(err)
		}
		full = max(full, load(t, tb).MetadataSize)
	}
	v := load(t, tb)
	if full > bound+bound/4 {
		t.Errorf("the metadata reached %d bytes, with %d snapshots at the end", full, len(v.Snapshots))
	}
	if len(v.Snapshots) < 7 {
		t.Errorf("only %d snapshots are left: less than an hour", len(v.Snapshots))
	}
	st, err := commit.Resolve(v, "s1")
	if err != nil || !st.Ledger.Equal(c.Ledger) {
		t.Errorf("the state after all that: %v", err)
	}
}

// Large metadata is told of, and again when it has doubled.
func TestLoad_TellsOfLargeMetadata(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	var log bytes.Buffer
	w.cat.log = slog.New(slog.NewTextHandler(&log, nil))
	tb := w.table("shop.orders", "", "s1")
	for _, c := range []struct{ size, lines int }{{largeMetadata - 1, 0}, {largeMetadata, 1}, {largeMetadata + 1, 1}, {2 * largeMetadata, 2}, {largeMetadata, 2}} {
		tb.tellLarge(&loaded{size: int64(c.size)})
		if n := strings.Count(log.String(), "table=shop.orders"); n != c.lines {
			t.Errorf("after %d bytes %d lines, want %d: %s", c.size, n, c.lines, &log)
		}
	}
}

// A table of format version 1 is refused with what to do, and is not upgraded by the way.
func TestDescribe_FormatVersionOneIsNotUpgraded(t *testing.T) {
	w := newWorld(t)
	id, _ := parseIdent("shop.old")
	if err := w.cat.back.createNamespace(t.Context(), id.namespace); err != nil {
		t.Fatal(err)
	}
	if err := w.cat.back.create(t.Context(), id, newTable{schema: ordersSchema, spec: iceberg.UnpartitionedSpec, formatVersion: 1, props: iceberg.Properties{}}); err != nil {
		t.Fatal(err)
	}
	tb := w.table("shop.old", "", "s1")
	_, err := tb.Describe(load(t, tb))
	wantClass(t, err, commit.Rejected)
	if !strings.Contains(err.Error(), "format-version=2") {
		t.Error(err)
	}
	if v := w.foreign("shop.old").Metadata().Version(); v != 1 {
		t.Errorf("it has format version %d now", v)
	}
}
