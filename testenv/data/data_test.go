package data

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func streams(seed uint64) []*Stream { return []*Stream{Orders(seed), Events(seed), Messy(seed)} }

// The seed is the stream: here is what seed 1 gives. If this changes, so does every figure that was
// ever measured with it.
func TestStreams_AreAlwaysTheSame(t *testing.T) {
	want := map[string]string{"orders": "55048872", "events": "ce31f584", "messy": "5cdffce0"}
	for _, s := range streams(1) {
		sum := crc32.NewIEEE()
		for key, value := range s.Rows(0, 2000) {
			sum.Write(key)
			sum.Write([]byte{0})
			sum.Write(value)
		}
		if got := fmt.Sprintf("%08x", sum.Sum32()); got != want[s.Name] {
			t.Errorf("%s: %s, was %s", s.Name, got, want[s.Name])
		}
	}
}

func TestStreams_RowDoesNotDependOnItsNeighbours(t *testing.T) {
	for _, s := range streams(7) {
		var keys, values [][]byte
		for k, v := range s.Rows(0, 300) {
			keys, values = append(keys, k), append(values, v)
		}
		for _, i := range []int64{299, 0, 17, 123} {
			k, v := s.Row(i)
			if !bytes.Equal(k, keys[i]) || !bytes.Equal(v, values[i]) {
				t.Errorf("%s: row %d differs when it is made alone", s.Name, i)
			}
		}
		_, other := streams(8)[slices.IndexFunc(streams(8), func(o *Stream) bool { return o.Name == s.Name })].Row(5)
		if bytes.Equal(other, values[5]) {
			t.Errorf("%s: another seed gives the same row", s.Name)
		}
	}
}

func TestStreams_AreValidJSONWithoutDoubledKeys(t *testing.T) {
	for _, s := range streams(3) {
		for i := range int64(3000) {
			_, v := s.Row(i)
			if !json.Valid(v) || !utf8.Valid(v) {
				t.Fatalf("%s: row %d is not JSON: %s", s.Name, i, v)
			}
			d := json.NewDecoder(bytes.NewReader(v))
			if err := noDoubledKeys(d); err != nil {
				t.Fatalf("%s: row %d: %v: %s", s.Name, i, err, v)
			}
		}
	}
}

func noDoubledKeys(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return err
			}
			if seen[k.(string)] {
				return fmt.Errorf("key %q twice", k)
			}
			seen[k.(string)] = true
			if err := noDoubledKeys(d); err != nil {
				return err
			}
		}
		_, err = d.Token()
	case json.Delim('['):
		for d.More() {
			if err := noDoubledKeys(d); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

// The facts agree with what another reader of the JSON finds.
func TestFacts_AgreeWithAnotherReader(t *testing.T) {
	const from, to = 100, 2100
	for _, s := range streams(5) {
		facts := s.Facts(from, to)
		if facts.Rows != to-from || len(facts.Columns) != len(s.Measured) {
			t.Fatalf("%s: %d rows, %d columns", s.Name, facts.Rows, len(facts.Columns))
		}
		found := map[string]*reading{}
		for _, c := range s.Measured {
			found[c.Name] = &reading{sum: new(big.Rat)}
		}
		for _, v := range s.Rows(from, to) {
			var row map[string]json.RawMessage
			if err := json.Unmarshal(v, &row); err != nil {
				t.Fatal(err)
			}
			for _, c := range s.Measured {
				if err := found[c.Name].take(c.Kind, find(row, strings.Split(c.Name, "."))); err != nil {
					t.Fatalf("%s.%s: %v in %s", s.Name, c.Name, err, v)
				}
			}
		}
		for _, c := range s.Measured {
			f, got := facts.Columns[c.Name], found[c.Name]
			if f.Nulls != got.nulls {
				t.Errorf("%s.%s: the facts say %d nulls, a reader finds %d", s.Name, c.Name, f.Nulls, got.nulls)
			}
			if f.Nulls == facts.Rows {
				t.Errorf("%s.%s has only nulls: the stream says nothing of it", s.Name, c.Name)
			}
			if f.Sum == nil {
				continue
			}
			want, _ := new(big.Rat).SetString(*f.Sum)
			if c.Kind == "float" {
				a, _ := want.Float64()
				b, _ := got.sum.Float64()
				if a == 0 || (a-b)/a > 1e-6 || (b-a)/a > 1e-6 {
					t.Errorf("%s.%s: the facts say a sum of %v, a reader finds %v", s.Name, c.Name, a, b)
				}
			} else if want.Cmp(got.sum) != 0 {
				t.Errorf("%s.%s: the facts say a sum of %s, a reader finds %s", s.Name, c.Name, *f.Sum, got.sum.FloatString(10))
			}
		}
	}
}

type reading struct {
	nulls int64
	sum   *big.Rat
}

func find(row map[string]json.RawMessage, path []string) json.RawMessage {
	v := row[path[0]]
	if len(path) == 1 || len(v) == 0 || string(v) == "null" {
		return v
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal(v, &inner) != nil {
		return nil
	}
	return find(inner, path[1:])
}

func (r *reading) take(kind string, v json.RawMessage) error {
	if len(v) == 0 || string(v) == "null" {
		r.nulls++
		return nil
	}
	text := string(v)
	if v[0] == '"' {
		if err := json.Unmarshal(v, &text); err != nil {
			return err
		}
	}
	n := new(big.Rat)
	switch kind {
	case "int", "decimal", "float":
		if _, ok := n.SetString(text); !ok {
			return fmt.Errorf("number %s", text)
		}
	case "string":
		n.SetInt64(int64(len(text)))
	case "binary":
		var raw []byte
		if err := json.Unmarshal(v, &raw); err != nil {
			return err
		}
		n.SetInt64(int64(len(raw)))
	case "bool":
		if text == "true" {
			n.SetInt64(1)
		}
	case "list":
		var l []json.RawMessage
		if err := json.Unmarshal(v, &l); err != nil {
			return err
		}
		n.SetInt64(int64(len(l)))
	case "map":
		var m map[string]json.RawMessage
		if err := json.Unmarshal(v, &m); err != nil {
			return err
		}
		n.SetInt64(int64(len(m)))
	case "date":
		if t, err := time.Parse("2006-01-02", text); err == nil {
			n.SetInt64(t.Unix() / 86400)
		} else if d, err := strconv.ParseInt(text, 10, 64); err == nil {
			n.SetInt64(d)
		} else {
			return err
		}
	case "timestamp":
		if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
			n.SetInt64(ms * 1000)
			break
		}
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			if t, err = time.Parse("2006-01-02 15:04:05.999999-0700", text); err != nil {
				return err
			}
		}
		n.SetInt64(t.UnixMicro())
	}
	r.sum.Add(r.sum, n)
	return nil
}

func TestFacts_AreSpelledAsTheReadersDo(t *testing.T) {
	for v, want := range map[float64]string{1: "1.0", 0.1: "0.1", 1e-5: "1e-05", 1e15: "1000000000000000.0", 1e16: "1e+16", 1.5e300: "1.5e+300", 0.0001: "0.0001", -2.5: "-2.5", float64(float32(0.1)): "0.10000000149011612"} {
		if got := pythonFloat(v); got != want {
			t.Errorf("%v: %s, Python says %s", v, got, want)
		}
	}
	for units, want := range map[int64]string{0: "0", 675: "6.75", -5: "-0.05", 1200: "12", 10: "0.1"} {
		if got := decimalText(big.NewInt(units), 2); got != want {
			t.Errorf("%d/100: %s, want %s", units, got, want)
		}
	}
	f := Orders(1).Facts(0, 1000).Columns
	if *f["id"].Sum != "499500" || *f["id"].Min != "0" || *f["id"].Max != "999" || f["id"].Nulls != 0 {
		t.Errorf("ids: %+v", f["id"])
	}
	if f["note"].Nulls < 700 || f["note"].Nulls > 900 {
		t.Errorf("%d of 1000 notes are null", f["note"].Nulls)
	}
}

func TestEvents_Are316BytesOnAverage(t *testing.T) {
	total := 0
	for _, v := range Events(1).Rows(1_000_000, 1_020_000) {
		total += len(v)
	}
	if mean := float64(total) / 20_000; mean < 314 || mean > 318 {
		t.Errorf("%.1f bytes", mean)
	}
}

func TestConfiguration_NamesEveryColumn(t *testing.T) {
	text := Messy(1).Table("in", "shop.messy")
	for _, want := range []string{"  - topics: [in]\n", "        - {name: id, type: \"long\", required: true}\n", "type: \"map<string, int>\"}", "partition_by: [day(created_at)]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if p, o := Place(17, 8); p != 1 || o != 2 {
		t.Errorf("row 17 of 8 partitions: %d, %d", p, o)
	}
	_, v := Orders(1).RowAt(5, time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC))
	if !strings.Contains(string(v), `"at":"2026-11-24T08:00:00.000Z"`) {
		t.Errorf("%s", v)
	}
}

func BenchmarkRow(b *testing.B) {
	for _, s := range streams(1) {
		b.Run(s.Name, func(b *testing.B) {
			n := int64(0)
			for b.Loop() {
				s.Row(n)
				n++
			}
		})
	}
}
