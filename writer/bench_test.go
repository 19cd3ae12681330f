package writer

import (
	"context"
	"fmt"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/offsets"
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
