package decode

import (
	"fmt"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// eventSchema is the schema of a typical event of 316 bytes: 12 columns, the last a struct of two.
func eventSchema() *iceberg.Schema {
	return iceberg.NewSchema(0,
		iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.Int64Type{}, Required: true},
		iceberg.NestedField{ID: 2, Name: "at", Type: iceberg.TimestampTzType{}, Required: true},
		iceberg.NestedField{ID: 3, Name: "user", Type: iceberg.Int64Type{}},
		iceberg.NestedField{ID: 4, Name: "session", Type: iceberg.StringType{}},
		iceberg.NestedField{ID: 5, Name: "action", Type: iceberg.StringType{}},
		iceberg.NestedField{ID: 6, Name: "price", Type: iceberg.Float64Type{}},
		iceberg.NestedField{ID: 7, Name: "currency", Type: iceberg.StringType{}},
		iceberg.NestedField{ID: 8, Name: "quantity", Type: iceberg.Int32Type{}},
		iceberg.NestedField{ID: 9, Name: "url", Type: iceberg.StringType{}},
		iceberg.NestedField{ID: 10, Name: "referrer", Type: iceberg.StringType{}},
		iceberg.NestedField{ID: 11, Name: "mobile", Type: iceberg.BooleanType{}},
		iceberg.NestedField{ID: 12, Name: "geo", Type: &iceberg.StructType{FieldList: []iceberg.NestedField{
			{ID: 13, Name: "country", Type: iceberg.StringType{}},
			{ID: 14, Name: "city", Type: iceberg.StringType{}},
		}}},
	)
}

func event(i int) []byte {
	return fmt.Appendf(nil, `{"id":%d,"at":"2026-03-%02dT%02d:%02d:%02d.%03dZ","user":%d,"session":"s-%016x","action":"add_to_cart","price":%d.%02d,"currency":"EUR",`+
		`"quantity":%d,"url":"https://shop.example.com/p/%08d?ref=home","referrer":"https://www.example.org/","mobile":%v,"geo":{"country":"DE","city":"Hamburg"}}`,
		1000000000+i, i%28+1, i%24, i%60, i*7%60, i%1000, 500000+i%100000, uint64(i)*0x9e3779b97f4a7c15, i%900+1, i%100, i%9+1, i%100000000, i%3 == 0)
}

func BenchmarkJSON(b *testing.B) {
	sc := eventSchema()
	d, err := New("json", sc, Options{})
	if err != nil {
		b.Fatal(err)
	}
	recs := make([]*kgo.Record, 1000)
	size := 0
	for i := range recs {
		recs[i] = &kgo.Record{Value: event(i)}
		size += len(recs[i].Value)
	}
	rows := NewRows(sc)
	b.SetBytes(int64(size / len(recs)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if rows.N == 10000 {
			rows.Reset()
		}
		if err := d.Append(rows, recs[i%len(recs)]); err != nil {
			b.Fatal(err)
		}
	}
}

// Of 2,000 columns a record fills five.
func BenchmarkJSONWide(b *testing.B) {
	var fields []iceberg.NestedField
	for i := range 2000 {
		fields = append(fields, iceberg.NestedField{ID: i + 1, Name: fmt.Sprintf("c%d", i), Type: iceberg.Int64Type{}})
	}
	sc := iceberg.NewSchema(0, fields...)
	d, err := New("json", sc, Options{})
	if err != nil {
		b.Fatal(err)
	}
	rows := NewRows(sc)
	rec := &kgo.Record{Value: []byte(`{"c7":1,"c500":2,"c501":3,"c1200":4,"c1999":5}`)}
	b.ReportAllocs()
	for b.Loop() {
		if rows.N == 1000 {
			rows.Reset()
		}
		if err := d.Append(rows, rec); err != nil {
			b.Fatal(err)
		}
	}
}
