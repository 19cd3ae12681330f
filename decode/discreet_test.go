package decode

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/schema"
)

// Logs and status pages are seen by more people than the table is. What a producer wrote may be about persons, so
// that no message about a record holds any of it: neither values nor keys, not even three bytes.
func TestRecordError_QuotesNothingOfTheRecord(t *testing.T) {
	const name, digits = "Vogelsburg", "47586970"
	pieces := func(text string) (out []string) {
		for i := range len(text) - 2 {
			out = append(out, text[i:i+3])
		}
		return out
	}
	private := slices.Concat(pieces(name), pieces(digits))

	columns := []schema.Column{{Name: "b", Type: "boolean"}, {Name: "i", Type: "int"}, {Name: "l", Type: "long"}, {Name: "f", Type: "float"}, {Name: "d", Type: "double"},
		{Name: "dec", Type: "decimal(6,2)"}, {Name: "date", Type: "date"}, {Name: "t", Type: "time"}, {Name: "ts", Type: "timestamp"}, {Name: "tz", Type: "timestamptz"},
		{Name: "s", Type: "string"}, {Name: "u", Type: "uuid"}, {Name: "fix", Type: "fixed[3]"}, {Name: "bin", Type: "binary"},
		{Name: "list", Type: "list<int>"}, {Name: "map", Type: "map<string,int>"}, {Name: "days", Type: "map<date,int>"}, {Name: "st", Type: "struct<x:int>"}}
	payloads := []string{
		name, `{"s":"` + name + `"} ` + name, `{"s":"` + name, `{"s":` + name + `}`, `{"s":"` + name + `" ` + name, `{"l":` + digits + `x}`, `{"` + name + `"` + digits + `}`,
		`{"s":"` + name + "\x01" + `"}`, `{"s":"` + name + `\x"}`, `"` + name + `"`, digits, "\x00\x00\x00\x00\x07" + name,
		`{"s":"` + name + "\xff" + `"}`, `{"x":"` + name + "\xff" + `"}`, `{"` + name + "\xff" + `":1}`, `{"s":"` + name + `\ud800"}`,
		`{"` + name + `":1,"` + name + `":2}`, `{"map":{"` + name + `":1,"` + name + `":2}}`, `{"s":"` + name + `","s":"` + name + `"}`,
		`{"x":` + strings.Repeat("[", 200) + `"` + name + `"` + strings.Repeat("]", 200) + `}`,
		`{"i":` + digits + `999}`, `{"i":"` + digits + `999"}`, `{"l":` + digits + `.5}`, `{"dec":` + digits + `}`, `{"f":` + digits + `e99}`, `{"date":` + digits + `999999}`,
		`{"ts":` + digits + `}`, `{"t":` + digits + `999999}`, `{"tz":"4758-09-07T04:75:86"}`, `{"tz":"4758-09-07T04:05:06"}`, `{"ts":"4758-09-07T04:05:06+03:00"}`, `{"fix":"` + "Vm9nZWxzYnVyZw==" + `"}`,
		`{"days":{"` + name + `":1}}`,
	}
	for _, c := range columns {
		switch c.Name {
		case "s": // takes any value as text
		default:
			for _, v := range []string{`"` + name + `"`, `["` + name + `"]`, `{"` + name + `":"` + name + `"}`, digits + `.` + digits, `[` + digits + digits + `]`} {
				payloads = append(payloads, `{"`+c.Name+`":`+v+`}`)
			}
		}
	}
	d, rows := newDecoder(t, "json", build(t, columns), Options{}), NewRows(build(t, columns))
	seen := map[string]int{}
	check := func(payload string, err error) {
		var bad *RecordError
		if !errors.As(err, &bad) {
			return
		}
		seen[bad.Code]++
		for _, p := range append(private, "4758", "Vm9") {
			if strings.Contains(err.Error(), p) {
				t.Errorf("%q: the message holds %q of it: %v", payload, p, err)
			}
		}
	}
	for _, payload := range payloads {
		check(payload, d.Append(rows, &kgo.Record{Value: []byte(payload)}))
	}
	for code, least := range map[string]int{CodeNotJSON: 7, CodeNotObject: 2, CodeFramed: 1, CodeBadUTF8: 3, CodeLoneSurrogate: 1, CodeDuplicateKey: 3, CodeTooDeep: 1,
		CodeWrongType: 20, CodeBadValue: 12, CodeOutOfRange: 6, CodeInexact: 4, CodeUnclearUnit: 1, CodeZone: 2} {
		if seen[code] < least {
			t.Errorf("%d records were refused as %s, want %d at least", seen[code], code, least)
		}
	}

	raw := build(t, []schema.Column{{Name: "value", Type: "string"}, {Name: "_kafka_headers", Type: "list<struct<key:string,value:binary>>"}})
	d, rows = newDecoder(t, "raw", raw, Options{KafkaColumns: []string{"headers"}}), NewRows(raw)
	clear(seen)
	check("raw", d.Append(rows, &kgo.Record{Value: []byte(name + "\xff")}))
	check("header", d.Append(rows, &kgo.Record{Value: []byte(name), Headers: []kgo.RecordHeader{{Key: name + "\xff"}}}))
	if seen[CodeBadUTF8] != 2 {
		t.Errorf("format raw refused %v", seen)
	}
}
