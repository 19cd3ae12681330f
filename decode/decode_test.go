package decode

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/schema"
)

func newDecoder(t testing.TB, format string, sc *iceberg.Schema, opts Options) Decoder {
	t.Helper()
	d, err := New(format, sc, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func codeOf(err error) string {
	var fault *RecordError
	if errors.As(err, &fault) {
		return fault.Code
	}
	return fmt.Sprint(err)
}

func TestJSON_AllocatesNothingPerRecord(t *testing.T) {
	sc := eventSchema()
	d := newDecoder(t, "json", sc, Options{})
	rows := NewRows(sc)
	recs := []*kgo.Record{
		{Value: event(1)}, {Value: event(2)},
		{Value: []byte(`{"id":1,"at":"2024-01-01T00:00:00+02:00","session":"caf\u00e9 \ud83d\ude00","z":{"k":[1,2],"\u0061":"b"},"price":12345678901234567.5,"geo":null}`)},
	}
	fill := func() {
		for i := range 100 {
			if err := d.Append(rows, recs[i%len(recs)]); err != nil {
				t.Fatal(err)
			}
		}
		rows.Reset()
	}
	fill()
	if n := testing.AllocsPerRun(100, fill); n > 0 {
		t.Errorf("%.2f allocations per 100 records", n)
	}
}

func TestAppend_TombstonesAreNoRows(t *testing.T) {
	raw := build(t, []schema.Column{{Name: "value", Type: "binary"}})
	for format, sc := range map[string]*iceberg.Schema{"json": eventSchema(), "raw": raw} {
		d, rows := newDecoder(t, format, sc, Options{}), NewRows(sc)
		if err := d.Append(rows, &kgo.Record{Key: []byte("k")}); !errors.Is(err, ErrTombstone) {
			t.Errorf("%s: %v", format, err)
		}
		checkLengths(t, format, rows, 0)
	}
}

func TestRaw_KeepsBytes(t *testing.T) {
	for _, typ := range []string{"binary", "string"} {
		sc := build(t, []schema.Column{{Name: "other", Type: "struct<a:int required>"}, {Name: "value", Type: typ, Required: true}})
		d, rows := newDecoder(t, "raw", sc, Options{MaxRecordBytes: 1000}), NewRows(sc)
		for _, v := range []string{"x", "", "\xff\x00\xfe", "größe", strings.Repeat("x", 1000), strings.Repeat("x", 1001)} {
			n := rows.N
			err := d.Append(rows, &kgo.Record{Value: []byte(v)})
			want := "<nil>"
			if len(v) > 1000 {
				want = CodeTooLarge
			} else if typ == "string" && v[:min(1, len(v))] == "\xff" {
				want = CodeBadUTF8
			}
			if codeOf(err) != want {
				t.Errorf("%s: %q: %v, want %s", typ, v, err, want)
			}
			if err == nil && (string(rows.Columns[1].Value(n)) != v || !rows.Columns[0].IsNull(n)) {
				t.Errorf("%s: %q became %s", typ, v, rows.Text(n))
			}
		}
		checkLengths(t, typ, rows, rows.N)
	}
}

func TestKafkaColumns_StandBesideThePayload(t *testing.T) {
	for _, format := range []string{"json", "raw"} {
		sc := build(t, []schema.Column{{Name: "value", Type: "string"}}, "topic", "partition", "offset", "timestamp", "key", "headers")
		tally := new(Tally)
		d, rows := newDecoder(t, format, sc, Options{KafkaColumns: schema.KafkaColumnNames, Tally: tally}), NewRows(sc)
		payload := `{"value":"x","_kafka_offset":1,"_kafka_topic":"forged"}`
		rec := kgo.Record{Value: []byte(payload), Topic: "orders", Partition: 3, Offset: 1<<53 + 1, Timestamp: time.UnixMilli(1700000000123), Key: []byte{0xff, 0},
			Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "", Value: []byte{}}}}
		bare := kgo.Record{Value: []byte(`{}`), Topic: "orders", Timestamp: time.UnixMilli(-1)}
		empty := kgo.Record{Value: []byte(`{"value":null}`), Topic: "orders", Key: []byte{}, Timestamp: time.UnixMilli(0)}
		odd := kgo.Record{Value: []byte(`{}`), Headers: []kgo.RecordHeader{{Key: "\xff"}}}
		for _, r := range []kgo.Record{rec, bare, empty} {
			if err := d.Append(rows, &r); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Append(rows, &odd); codeOf(err) != CodeBadUTF8 {
			t.Errorf("%s: header key that is not UTF-8: %v", format, err)
		}
		checkLengths(t, format, rows, 3)
		want := []string{
			`"_kafka_topic": "orders", "_kafka_partition": 3, "_kafka_offset": 9007199254740993, "_kafka_timestamp": "2023-11-14T22:13:20.123000Z", "_kafka_key": "ff00", "_kafka_headers": [{"key": "a", "value": "31"}, {"key": "a", "value": null}, {"key": "", "value": ""}]}`,
			`"_kafka_topic": "orders", "_kafka_partition": 0, "_kafka_offset": 0, "_kafka_timestamp": null, "_kafka_key": null, "_kafka_headers": []}`,
			`"_kafka_timestamp": "1970-01-01T00:00:00.000000Z", "_kafka_key": "", "_kafka_headers": []}`,
		}
		for i, w := range want {
			if !strings.HasSuffix(rows.Text(i), w) {
				t.Errorf("%s: row %d: %s, want …%s", format, i, rows.Text(i), w)
			}
		}
		if names, _ := tally.Unknown(); format == "json" && (names["_kafka_offset"] != 1 || names["_kafka_topic"] != 1) {
			t.Errorf("forged kafka columns were not counted as unknown: %v", names)
		}
		if v := rows.Columns[0].Text(0); format == "json" && v != `"x"` {
			t.Errorf("value: %s", v)
		}
	}
}

func TestKafkaColumns_RequiredByTheTable(t *testing.T) {
	key, _ := schema.KafkaColumn("key")
	key.Required = true
	sc := iceberg.NewSchema(0, iceberg.NestedField{ID: 2, Name: "a", Type: iceberg.StringType{}}, key)
	d, rows := newDecoder(t, "json", sc, Options{KafkaColumns: []string{"key"}}), NewRows(sc)
	if err := d.Append(rows, &kgo.Record{Value: []byte(`{"a":"x"}`)}); codeOf(err) != CodeNullRequired {
		t.Errorf("no key: %v", err)
	}
	if err := d.Append(rows, &kgo.Record{Value: []byte(`{"a":"x"}`), Key: []byte("k")}); err != nil {
		t.Error(err)
	}
	checkLengths(t, "rows", rows, 1)
}

func TestTally_CountsWhatBecameRows(t *testing.T) {
	sc := build(t, []schema.Column{{Name: "at", Type: "timestamptz"}, {Name: "s", Type: "struct<a:int>"}})
	tally := new(Tally)
	one, two := newDecoder(t, "json", sc, Options{Tally: tally}), newDecoder(t, "json", sc, Options{Tally: tally})
	rows := NewRows(sc)
	for i, payload := range []string{`{"x":1,"s":{"x":1,"y":{"z":1}}}`, `{"x":1}`, `{"x":1,"s":7}`, `{"at":"2024-01-01T00:00:00.1234567Z"}`, `{"at":"2024-01-01T00:00:00.123456000Z"}`, `{"at":1700000000000.0001}`, `{"at":"2024-01-01T00:00:00.1234567Z","s":1}`} {
		d := []Decoder{one, two}[i%2]
		_ = d.Append(rows, &kgo.Record{Value: []byte(payload)})
	}
	names, others := tally.Unknown()
	if fmt.Sprint(names) != "map[s.x:1 s.y:1 x:2]" || others != 0 || tally.Floored() != 2 {
		t.Errorf("%v, %d others, %d floored", names, others, tally.Floored())
	}
	for i := range 300 {
		_ = one.Append(rows, &kgo.Record{Value: fmt.Appendf(nil, `{"n%d":1,"%s":2}`, i, strings.Repeat("long", 40))})
	}
	names, others = tally.Unknown()
	if len(names) != 100 || others != 300+203 {
		t.Errorf("%d names, %d others", len(names), others)
	}
}

func TestNew_ReportsEveryFault(t *testing.T) {
	sc := build(t, []schema.Column{{Name: "a", Type: "int"}, {Name: "at", Type: "timestamptz"}, {Name: "t", Type: "time"}, {Name: "l", Type: "list<struct<x:date>>"}, {Name: "value", Type: "int", Required: true}, {Name: "r", Type: "int", Required: true}}, "topic")
	_, err := New("json", sc, Options{MaxDepth: 5000, KafkaColumns: []string{"topic", "topic", "offset", "ofset"}, Columns: map[string]ColumnOptions{
		"a": {Unit: "ms"}, "at": {Unit: "sec", Zone: "Europe/Berlin"}, "t": {Unit: "days", Zone: "UTC"}, "nosuch": {Unit: "s"}, "_kafka_topic": {Unit: "s"}, "l.element.x": {Unit: "days"}}})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"depth limit 5000", "kafka column topic: named twice", "kafka column offset: the table has no column _kafka_offset", `kafka column "ofset": no such column; did you mean offset?`,
		"column a: a unit is of use for date, time and timestamp", `column at: unit "sec"`, `column at: zone "Europe/Berlin"`, "column t: unit days", "column t: a zone is of use", "column nosuch: has options", "column _kafka_topic: has options"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if strings.Contains(err.Error(), "l.element.x") {
		t.Error(err)
	}
	_, err = New("raw", sc, Options{Columns: map[string]ColumnOptions{"a": {Unit: "s"}}})
	for _, want := range []string{"column value: is int, format raw needs binary or string", "column r: is required", "column a: has options"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s in %v", want, err)
		}
	}
	for format, want := range map[string]string{"raw": "no column value", "csv": `format "csv": sinker reads json, raw`} {
		if _, err := New(format, eventSchema(), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", format, err)
		}
	}
	mapped := iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "m", Type: &iceberg.MapType{KeyID: 2, KeyType: &iceberg.ListType{ElementID: 4, Element: iceberg.Int32Type{}}, ValueID: 3, ValueType: iceberg.Int32Type{}}})
	if _, err := New("json", mapped, Options{}); err == nil || !strings.Contains(err.Error(), "column m: keys of type list<int> cannot be read") {
		t.Errorf("%v", err)
	}
	wrong := iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "_kafka_offset", Type: iceberg.Int32Type{}})
	if _, err := New("json", wrong, Options{KafkaColumns: []string{"offset"}}); err == nil || !strings.Contains(err.Error(), "column _kafka_offset is int, must be long") {
		t.Errorf("%v", err)
	}
}

func TestRecordError_NamesColumnAndPlace(t *testing.T) {
	sc := build(t, []schema.Column{{Name: "a", Type: "list<struct<m:map<string,int>>>"}, {Name: "r", Type: "int", Required: true}})
	d, rows := newDecoder(t, "json", sc, Options{}), NewRows(sc)
	for payload, want := range map[string]string{
		`{"a":[{"m":{"k":"x"}}],"r":1}`:    `column a.element.m.value: a text of 1 byte does not read as int (an integer)`,
		`{"a":null}`:                       "column r: the field is required and missing",
		`{"r":null}`:                       "column r: null in a required field",
		`{"r":1} x`:                        `byte 8: a letter after the object; a record holds one JSON object and nothing more`,
		"\x00\x00\x00\x01\x02{}":           "the payload is framed for Confluent's schema registry (magic byte 0, schema id 258); format json reads plain JSON",
		`{"r":"` + "\xff" + `"}`:           "column r: byte 6: a string of 1 byte is not UTF-8",
		`{"r":[1,2,3]}`:                    `column r: byte 5: an array of 7 bytes where an integer must be`,
		`{"r":1,"u":{"secret":"x","secret`: "not JSON at byte 32: the end where the quote that closes a string must be",
	} {
		err := d.Append(rows, &kgo.Record{Value: []byte(payload)})
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", payload, err, want)
		}
	}
}

func TestRows_RefuseMoreThanOffsetsHold(t *testing.T) {
	sc := build(t, []schema.Column{{Name: "value", Type: "binary"}})
	d, rows := newDecoder(t, "raw", sc, Options{}), NewRows(sc)
	rows.volume = maxVolume - 4
	if err := d.Append(rows, &kgo.Record{Value: []byte("12345")}); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
	checkLengths(t, "full", rows, 0)
	rows.Reset()
	if err := d.Append(rows, &kgo.Record{Value: []byte("12345")}); err != nil {
		t.Error(err)
	}
	if m := rows.Memory(); m < 5+8 {
		t.Errorf("memory: %d", m)
	}
}

func TestJSON_ManyKeysAreFoundOutInTime(t *testing.T) {
	sc := build(t, []schema.Column{{Name: "m", Type: "map<string,int>"}})
	d, rows := newDecoder(t, "json", sc, Options{}), NewRows(sc)
	var b strings.Builder
	for i := range MaxKeys + 1 {
		fmt.Fprintf(&b, `"%d":1,`, i)
	}
	for name, want := range map[string]string{"m": CodeTooLarge, "u": CodeTooLarge} {
		payload := `{"` + name + `":{` + strings.TrimSuffix(b.String(), ",") + `}}`
		if err := d.Append(rows, &kgo.Record{Value: []byte(payload)}); codeOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Append(rows, &kgo.Record{Value: []byte(`{"m":{"a":1,"b":2}}`)}); err != nil {
		t.Error(err)
	}
	checkLengths(t, "rows", rows, 1)
}
