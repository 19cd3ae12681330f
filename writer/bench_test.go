package writer

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/writer/metrics"
	"github.com/sinker-io/sinker/writer/pages"
	"github.com/sinker-io/sinker/writer/shred"
)

// eventSchema is a typical event: 12 columns, the last a struct.
func eventSchema() *iceberg.Schema {
	return schemaOf(
		required(col(1, "id", iceberg.Int64Type{})), required(col(2, "at", iceberg.TimestampTzType{})), col(3, "user", iceberg.Int64Type{}),
		col(4, "session", iceberg.StringType{}), col(5, "action", iceberg.StringType{}), col(6, "price", iceberg.Float64Type{}),
		col(7, "currency", iceberg.StringType{}), col(8, "quantity", iceberg.Int32Type{}), col(9, "url", iceberg.StringType{}),
		col(10, "referrer", iceberg.StringType{}), col(11, "mobile", iceberg.BooleanType{}),
		col(12, "geo", &iceberg.StructType{FieldList: []iceberg.NestedField{col(13, "country", iceberg.StringType{}), col(14, "city", iceberg.StringType{})}}),
	)
}

func event(i int) []byte {
	return fmt.Appendf(nil, `{"id":%d,"at":"2026-03-%02dT%02d:%02d:%02d.%03dZ","user":%d,"session":"s-%016x","action":"add_to_cart","price":%d.%02d,"currency":"EUR",`+
		`"quantity":%d,"url":"https://shop.example.com/p/%08d?ref=home","referrer":"https://www.example.org/","mobile":%v,"geo":{"country":"DE","city":"Hamburg"}}`,
		1000000000+i, i%28+1, i%24, i%60, i*7%60, i%1000, 500000+i%100000, uint64(i)*0x9e3779b97f4a7c15, i%900+1, i%100, i%9+1, i*7919%20000, i%3 == 0)
}

// BenchmarkBatch decodes, encodes and seals 200,000 events per operation, to a store in memory.
func BenchmarkBatch(b *testing.B) {
	for _, bc := range []struct {
		name string
		spec iceberg.PartitionSpec
	}{
		{"plain", none},
		{"by hour", iceberg.NewPartitionSpecID(1, iceberg.PartitionField{SourceIDs: []int{2}, FieldID: 1000, Name: "at_hour", Transform: iceberg.HourTransform{}})},
	} {
		b.Run(bc.name, func(b *testing.B) {
			const rows, perRun = 200_000, 5000
			w := newWorld(b, eventSchema(), bc.spec, nil)
			var runs []Run
			for at := 0; at < rows; at += perRun {
				r := Run{Partition: orders, Range: offsets.Range{From: 100 + int64(at), To: 100 + int64(at+perRun)}}
				for i := at; i < at+perRun; i++ {
					r.Records = append(r.Records, &kgo.Record{Offset: 100 + int64(i), Value: event(i)})
				}
				runs = append(runs, r)
			}
			b.ReportAllocs()
			var size int64
			for b.Loop() {
				w.store.objects = map[string][]byte{}
				batch := w.batch()
				for _, r := range runs {
					if err := batch.Append(context.Background(), r); err != nil {
						b.Fatal(err)
					}
				}
				m, err := batch.Seal(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				size = m.Bytes
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(size)/rows, "B/row")
		})
	}
}

// encoding is rows of the speed measurements, decoded, to be made into a file that goes nowhere.
type encoding struct {
	tb     testing.TB
	format *format
	rows   *decode.Rows
	batch  Batch // for its memory
	size   count
}

func newEncoding(tb testing.TB, rows int64) *encoding {
	tb.Helper()
	events := data.Events(1)
	var fields []iceberg.NestedField
	for i, d := range events.Declared {
		var typ iceberg.Type = map[string]iceberg.Type{"long": iceberg.Int64Type{}, "timestamptz": iceberg.TimestampTzType{}, "string": iceberg.StringType{},
			"double": iceberg.Float64Type{}, "boolean": iceberg.BooleanType{}}[d.Type]
		if typ == nil {
			typ = &iceberg.StructType{FieldList: []iceberg.NestedField{col(101, "lat", iceberg.Float64Type{}), col(102, "lon", iceberg.Float64Type{})}}
		}
		fields = append(fields, iceberg.NestedField{ID: i + 1, Name: d.Name, Type: typ, Required: d.Required})
	}
	w := newWorld(tb, schemaOf(fields...), none, nil)
	format, err := newFormat(w.table, w.cfg)
	if err != nil {
		tb.Fatal(err)
	}
	e := &encoding{tb: tb, format: format, rows: decode.NewRows(w.table.Schema)}
	for i := range rows {
		_, value := events.Row(i)
		if err := w.cfg.Decoder.Append(e.rows, &kgo.Record{Offset: i, Value: value}); err != nil {
			tb.Fatal(err)
		}
	}
	return e
}

// write writes a file with one row group.
func (e *encoding) write() {
	e.size = 0
	all := shred.Selection{To: e.rows.N}
	plan := e.format.layout.Plan(e.rows, all, &e.batch.shredder, &e.batch.encoder)
	f, err := pages.Open(&e.size, e.format.layout, plan)
	if err != nil {
		e.tb.Fatal(err)
	}
	m := metrics.New(e.format.layout.Leaves, e.format.modes)
	if err := f.Group(e.rows, all, &e.batch.shredder, &e.batch.encoder, m.Observe); err != nil {
		e.tb.Fatal(err)
	}
	if _, err := f.Close(); err != nil {
		e.tb.Fatal(err)
	}
}

// BenchmarkEncode turns the rows of the speed measurements, decoded beforehand, into a row group.
func BenchmarkEncode(b *testing.B) {
	const rows = 200_000
	e := newEncoding(b, rows)
	e.write() // the memory that is kept
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		e.write()
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/rows, "cpu-ns/row")
	b.ReportMetric(float64(e.size)/rows, "B/row")
}

// Whatever is allocated is allocated per file, row group and column, not per row.
func TestEncode_AllocatesNothingPerRow(t *testing.T) {
	allocations := func(rows int64) float64 {
		e := newEncoding(t, rows)
		e.write()
		return testing.AllocsPerRun(5, e.write)
	}
	const few, many = 5_000, 50_000
	if n := (allocations(many) - allocations(few)) / (many - few); n > 0.01 {
		t.Errorf("%.3f allocations a row", n)
	}
}

// count is how many bytes were written to it.
type count int

func (c *count) Write(p []byte) (int, error) { *c += count(len(p)); return len(p), nil }

// processorTime is what the process has used so far, in nanoseconds: on a machine that others use it says more than time does.
func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
