package deadletter_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/deadletter"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/writer"
)

var p = offsets.Partition{Topic: "orders", TopicID: offsets.TopicID{1, 2}, Num: 3}

// write makes files of faults, as a table of the schema has them, and gives them back opened.
func write(t *testing.T, sc *iceberg.Schema, spec iceberg.PartitionSpec, faults []deadletter.Fault, end int64) ([]*bytes.Reader, []iceberg.DataFile) {
	t.Helper()
	e, err := deadletter.NewEncoder(sc)
	if err != nil {
		t.Fatal(err)
	}
	e.Sink, e.Table, e.SchemaID = "x", "shop.orders", 7
	e.Now = func() time.Time { return time.UnixMicro(1_700_000_000_000_001) }
	tab := writer.Table{Name: "dead", UUID: uuid.New(), Location: "file://" + t.TempDir(), Schema: sc, Spec: spec, FormatVersion: 2, Store: storage.NewFiles()}
	b := writer.NewBatch(tab, writer.Config{Sink: "x", Decoder: e, Greedy: true}, 1, offsets.Position{p: 0})
	var recs []*kgo.Record
	for _, f := range faults {
		recs = append(recs, f.Record)
	}
	e.Take(p, faults)
	if err := b.Append(t.Context(), writer.Run{Partition: p, Range: offsets.Range{To: end}, Records: recs}); err != nil {
		t.Fatal(err)
	}
	m, err := b.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Spans[p]; s.Rows != int64(len(faults)) || s.Rows+s.Holes != end {
		t.Errorf("%+v", s)
	}
	var out []*bytes.Reader
	for _, f := range m.Files {
		data, err := os.ReadFile(strings.TrimPrefix(f.FilePath(), "file://"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.NewReader(data))
	}
	return out, m.Files
}

// hostile makes records of anything at all, with none, some or many headers.
func hostile(n int) (faults []deadletter.Fault, want []deadletter.Letter, end int64) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	noise := func() []byte {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	maybe := func(b []byte) []byte {
		if r.IntN(4) == 0 {
			return nil
		}
		return b
	}
	for range n {
		end += 1 + r.Int64N(5)
		l := deadletter.Letter{Partition: p, Offset: end - 1, LeaderEpoch: int32(r.IntN(3) - 1), Key: maybe(noise()), Value: maybe(noise()), Code: "not_json", Reason: "no JSON",
			Sink: "x", Table: "shop.orders", SchemaID: 7, Noted: time.UnixMicro(1_700_000_000_000_001).UTC()}
		rec := &kgo.Record{Topic: p.Topic, Partition: p.Num, Offset: l.Offset, LeaderEpoch: l.LeaderEpoch, Key: l.Key, Value: l.Value, Timestamp: time.UnixMilli(-1)}
		if r.IntN(5) > 0 {
			l.Timestamp = time.UnixMilli(r.Int64N(1 << 41)).UTC()
			rec.Timestamp = l.Timestamp
		}
		if r.IntN(2) == 0 {
			l.Column = "a.b"
		}
		for range r.IntN(3) * r.IntN(4) {
			h := deadletter.Header{Key: noise(), Value: maybe(noise())}
			l.Headers = append(l.Headers, h)
			rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: string(h.Key), Value: h.Value})
		}
		faults = append(faults, deadletter.Fault{Record: rec, Err: &decode.RecordError{Code: l.Code, Column: l.Column, Reason: l.Reason}})
		want = append(want, l)
	}
	return faults, want, end + 3
}

func TestLetters_AreReadBackAsTheyWere(t *testing.T) {
	faults, want, end := hostile(5000)
	files, infos := write(t, deadletter.Schema(), deadletter.Spec(), faults, end)
	var got []deadletter.Letter
	for _, f := range files {
		if err := deadletter.Read(f, deadletter.Schema(), deadletter.Whole, func(l deadletter.Letter) error { got = append(got, l); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	deadletter.Sort(got)
	if len(got) != len(want) {
		t.Fatalf("%d letters, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("letter %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	held, ranges := deadletter.Held{}, offsets.Ranges{p: {From: want[10].Offset, To: want[20].Offset}}
	for _, f := range files {
		if err := deadletter.Read(f, deadletter.Schema(), deadletter.Places, func(l deadletter.Letter) error { held.Note(l, "x", ranges); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(held[p]) != 10 || held[p][want[19].Offset] != want[19].LeaderEpoch {
		t.Errorf("held: %v", held)
	}
	for _, c := range []struct {
		r    offsets.Range
		want bool
	}{{offsets.Range{From: 0, To: want[0].Offset}, false}, {offsets.Range{From: 0, To: want[0].Offset + 1}, true}, {offsets.Range{From: end - 4, To: end}, true}, {offsets.Range{From: end - 3, To: end}, false}} {
		meets := false
		for _, f := range infos {
			meets = meets || deadletter.Meets(f, deadletter.Schema(), offsets.Ranges{p: c.r})
		}
		if meets != c.want {
			t.Errorf("files may hold %s: %v, want %v", c.r, meets, c.want)
		}
	}
}

// Of two letters of an offset the younger one counts; those of others, and of offsets that were not asked for, do not.
func TestHeld_TheYoungestOfOurs(t *testing.T) {
	h, ranges := deadletter.Held{}, offsets.Ranges{p: {From: 5, To: 10}}
	for _, l := range []deadletter.Letter{{Partition: p, Offset: 7, LeaderEpoch: 2, Sink: "x"}, {Partition: p, Offset: 7, LeaderEpoch: 1, Sink: "x"}, {Partition: p, Offset: 8, Sink: "y"},
		{Partition: p, Offset: 10, Sink: "x"}, {Partition: p, Offset: 4, Sink: "x"}, {Partition: offsets.Partition{Topic: "orders", Num: 3}, Offset: 6, Sink: "x"}} {
		h.Note(l, "x", ranges)
	}
	if want := (deadletter.Held{p: {7: 2}}); !reflect.DeepEqual(h, want) {
		t.Errorf("%v", h)
	}
}

// A table that somebody has given another column, in another order, takes letters; one without what a letter needs does not.
func TestEncoder_TakesTablesThatWereAltered(t *testing.T) {
	fields := deadletter.Schema().Fields()
	turned := append([]iceberg.NestedField{{ID: 99, Name: "note", Type: iceberg.StringType{}}}, fields[3:]...)
	sc := iceberg.NewSchema(4, append(turned, fields[:3]...)...)
	faults, want, end := hostile(50)
	files, _ := write(t, sc, *iceberg.UnpartitionedSpec, faults, end)
	var got []deadletter.Letter
	if err := deadletter.Read(files[0], sc, deadletter.Whole, func(l deadletter.Letter) error { got = append(got, l); return nil }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for name, sc := range map[string]*iceberg.Schema{
		"without offset":     iceberg.NewSchema(0, fields[:3]...),
		"offset is a text":   iceberg.NewSchema(0, append([]iceberg.NestedField{{ID: 4, Name: "offset", Type: iceberg.StringType{}, Required: true}}, append(fields[:3:3], fields[4:]...)...)...),
		"needs another":      iceberg.NewSchema(0, append([]iceberg.NestedField{{ID: 99, Name: "note", Type: iceberg.StringType{}, Required: true}}, fields...)...),
		"headers are a text": iceberg.NewSchema(0, append([]iceberg.NestedField{{ID: 50, Name: "headers", Type: iceberg.StringType{}}}, append(fields[:8:8], fields[9:]...)...)...),
	} {
		if _, err := deadletter.NewEncoder(sc); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A record that is not among the faults is a bug, and no row.
func TestEncoder_TakesOnlyWhatWasTold(t *testing.T) {
	e, err := deadletter.NewEncoder(deadletter.Schema())
	if err != nil {
		t.Fatal(err)
	}
	rows := decode.NewRows(deadletter.Schema())
	e.Take(p, nil)
	if err := e.Append(rows, &kgo.Record{Topic: "orders"}); err == nil || rows.N != 0 {
		t.Errorf("%d rows, %v", rows.N, err)
	}
	broken := errors.New("enough")
	faults, _, end := hostile(10)
	files, _ := write(t, deadletter.Schema(), deadletter.Spec(), faults, end)
	if err := deadletter.Read(files[0], deadletter.Schema(), deadletter.Whole, func(deadletter.Letter) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("the reader's word is lost: %v", err)
	}
	if err := deadletter.Read(bytes.NewReader([]byte("no parquet at all")), deadletter.Schema(), deadletter.Whole, nil); err == nil {
		t.Error("no Parquet is read")
	}
}
