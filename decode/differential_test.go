package decode

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/decode/hostile"
	"github.com/sinker-io/sinker/schema"
)

// matrix has a column of every type, and of those with options one for each way to read it.
var matrix = []schema.Column{
	{Name: "b", Type: "boolean"}, {Name: "i", Type: "int"}, {Name: "l", Type: "long"}, {Name: "f", Type: "float"}, {Name: "d", Type: "double"},
	{Name: "n", Type: "decimal(9,2)"}, {Name: "m", Type: "decimal(38,10)"}, {Name: "day", Type: "date"}, {Name: "t", Type: "time"},
	{Name: "ts", Type: "timestamp"}, {Name: "tz", Type: "timestamptz"}, {Name: "tn", Type: "timestamp_ns"}, {Name: "tzn", Type: "timestamptz_ns"},
	{Name: "u", Type: "uuid"}, {Name: "x", Type: "fixed[4]"}, {Name: "bin", Type: "binary"}, {Name: "s", Type: "string"},
	{Name: "st", Type: "struct<a:int required,b:string,c:struct<d:double,e:list<date>>>"}, {Name: "li", Type: "list<long>"}, {Name: "lr", Type: "list<int required>"},
	{Name: "ls", Type: "list<struct<a:int,b:string required>>"}, {Name: "ms", Type: "map<string,long>"}, {Name: "mi", Type: "map<int,string>"},
	{Name: "mt", Type: "map<timestamptz,list<boolean>>"}, {Name: "md", Type: "map<double,decimal(5,2) required>"}, {Name: "deep", Type: "list<struct<m:map<string,list<int>>>>"},
	{Name: "ds", Type: "date"}, {Name: "tus", Type: "time"}, {Name: "tss", Type: "timestamp"}, {Name: "tzu", Type: "timestamptz"}, {Name: "tnn", Type: "timestamp_ns"}, {Name: "größe", Type: "int"},
}

var matrixOptions = map[string]ColumnOptions{
	"ds": {Unit: "ms"}, "tus": {Unit: "us"}, "tss": {Unit: "days"}, "tzu": {Unit: "s", Zone: "UTC"}, "tnn": {Unit: "ns"}, "mt.key": {Zone: "UTC"}, "st.c.e.element": {Unit: "days"},
}

// seeds are the values of the hostile set as records of the matrix.
func seeds() []string {
	var out []string
	for _, v := range hostile.Values() {
		if len(v.JSON) > 2000 {
			continue
		}
		for _, c := range matrix {
			if strings.ReplaceAll(c.Type, " ", "") == strings.ReplaceAll(v.Type, " ", "") {
				out = append(out, `{"`+c.Name+`":`+v.JSON+`}`)
			}
		}
	}
	for _, c := range hostile.Records() {
		if len(c.Payload) < 2000 {
			out = append(out, string(c.Payload))
		}
	}
	return out
}

type world struct {
	sc     *iceberg.Schema
	dec    Decoder
	oracle oracle
}

func newWorld(t testing.TB) world {
	sc := build(t, matrix)
	dec, err := New("json", sc, Options{Columns: matrixOptions})
	if err != nil {
		t.Fatal(err)
	}
	return world{sc, dec, oracle{matrixOptions}}
}

// try appends a payload and compares with the oracle. It tells whether it became a row.
func (w world) try(t testing.TB, rows *Rows, payload []byte) bool {
	t.Helper()
	n := rows.N
	want, bad := w.oracle.row(w.sc, payload)
	err := w.dec.Append(rows, &kgo.Record{Value: payload})
	var fault *RecordError
	if err != nil && !errors.As(err, &fault) {
		t.Fatalf("%q: %v", payload, err)
	}
	switch {
	case (err == nil) != (bad == nil):
		t.Errorf("%q: decoder says %v, oracle %v", payload, err, bad)
	case err != nil && rows.N != n:
		t.Errorf("%q: %d rows were left", payload, rows.N-n)
	case err == nil && rows.Text(n) != want:
		t.Errorf("%q:\n have %s\n want %s", payload, rows.Text(n), want)
	}
	return err == nil
}

func TestOracle_AgreesWithTheHostileSet(t *testing.T) {
	for _, c := range hostile.Cases() {
		if len(c.Payload) > 100_000 || c.Code == CodeTooLarge {
			continue // limits of size are not the oracle's
		}
		o := oracle{map[string]ColumnOptions{"v": {Unit: c.Unit, Zone: c.Zone}}}
		row, err := o.row(build(t, c.Columns), c.Payload)
		if (err != nil) != c.Bad() || row != c.Want {
			t.Errorf("%s: oracle says %s, %v; want %s %s", c.Name, row, err, c.Want, c.Code)
		}
	}
}

// generator makes records of the matrix from a seed.
type generator struct {
	*rand.Rand
	values map[string][]string // JSON of the hostile set by type
	all    []string
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), values: map[string][]string{}}
	for _, v := range hostile.Values() {
		if len(v.JSON) < 200 {
			key := strings.ReplaceAll(v.Type, " ", "")
			g.values[key] = append(g.values[key], v.JSON)
			if v.Code == "" {
				g.all = append(g.all, v.JSON)
			}
		}
	}
	return g
}

func (g *generator) space() string {
	if g.IntN(4) > 0 {
		return ""
	}
	return []string{" ", "\n", "\t", "  \r\n"}[g.IntN(4)]
}

// key writes a key, sometimes with escapes.
func (g *generator) key(name string) string {
	if g.IntN(10) > 0 {
		return `"` + name + `"`
	}
	var b strings.Builder
	for _, r := range name {
		if r < 0x10000 && g.IntN(2) == 0 {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

func (g *generator) value(typ string) string {
	pool := g.values[strings.ReplaceAll(typ, " ", "")]
	if len(pool) == 0 || g.IntN(40) == 0 {
		pool = g.all
	}
	return pool[g.IntN(len(pool))]
}

func (g *generator) record() []byte {
	var parts []string
	for range g.IntN(6) {
		var name, typ string
		switch g.IntN(8) {
		case 0:
			name, typ = []string{"zz", "", "B", "ü", "st.a"}[g.IntN(5)], "none"
		default:
			c := matrix[g.IntN(len(matrix))]
			name, typ = c.Name, c.Type
		}
		parts = append(parts, g.space()+g.key(name)+g.space()+":"+g.space()+g.value(typ)+g.space())
	}
	b := []byte(g.space() + "{" + strings.Join(parts, ",") + "}" + g.space())
	if g.IntN(4) == 0 {
		for range 1 + g.IntN(3) {
			g.spoil(&b)
		}
	}
	return b
}

// spoil changes a byte.
func (g *generator) spoil(b *[]byte) {
	if len(*b) == 0 {
		return
	}
	i := g.IntN(len(*b))
	switch g.IntN(3) {
	case 0:
		const bytes = "{}[]\",:0123456789eE+-.\\utrfn \x00\xff\xc3"
		(*b)[i] = bytes[g.IntN(len(bytes))]
	case 1:
		*b = append((*b)[:i], (*b)[i+1:]...)
	default:
		*b = (*b)[:i]
	}
}

// Whatever is mixed into a stream, its rows are those that the oracle takes, and a bad record leaves no trace in any column.
func TestJSON_AgreesWithTheOracleInAnyMixture(t *testing.T) {
	w := newWorld(t)
	rows := NewRows(w.sc)
	for seed := range uint64(60) {
		g := newGenerator(seed)
		rows.Reset()
		var want []string
		taken := 0
		for range 250 {
			payload := g.record()
			if w.try(t, rows, payload) {
				taken++
				row, _ := w.oracle.row(w.sc, payload)
				want = append(want, row)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
		if taken < 20 || taken > 240 {
			t.Errorf("seed %d: %d of 250 records became rows; the mixture is none", seed, taken)
		}
		checkLengths(t, fmt.Sprint("seed ", seed), rows, len(want))
		for i, s := range want {
			if rows.Text(i) != s {
				t.Fatalf("seed %d: row %d was changed by what came after it:\n have %s\n want %s", seed, i, rows.Text(i), s)
			}
		}
		checkTake(t, g, rows, want)
	}
}

// checkTake splits rows at random and compares each part.
func checkTake(t *testing.T, g *generator, rows *Rows, want []string) {
	t.Helper()
	parts := make([][]int32, 3)
	for i := range want {
		k := g.IntN(3)
		parts[k] = append(parts[k], int32(i))
	}
	g.Shuffle(len(parts[0]), func(i, j int) { parts[0][i], parts[0][j] = parts[0][j], parts[0][i] })
	for _, idx := range parts {
		part := NewRows(rows.Schema)
		rows.Take(part, idx[:len(idx)/2])
		rows.Take(part, idx[len(idx)/2:])
		checkLengths(t, "part", part, len(idx))
		for i, at := range idx {
			if part.Text(i) != want[at] {
				t.Fatalf("row %d of a part: %s, want %s", i, part.Text(i), want[at])
			}
		}
		part.Truncate(len(idx) / 3)
		checkLengths(t, "cut part", part, len(idx)/3)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	w := newWorld(f)
	rows := NewRows(w.sc)
	good := &kgo.Record{Value: []byte(`{"l":1,"s":"x","st":{"a":1,"c":{"e":["2024-01-01"]}},"ls":[{"b":"y"}],"ms":{"k":1}}`)}
	neighbour := func(t testing.TB) {
		if err := w.dec.Append(rows, good); err != nil {
			t.Fatal(err)
		}
	}
	w.try(f, rows, good.Value) // the oracle agrees to it once; then it is a yardstick
	before := rows.Text(0)
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 1<<10 {
			return
		}
		rows.Reset()
		neighbour(t)
		n := 2
		if w.try(t, rows, payload) {
			n++
		}
		neighbour(t)
		checkLengths(t, "rows", rows, n)
		if rows.Text(0) != before || rows.Text(n-1) != before {
			t.Errorf("%q changed its neighbours", payload)
		}
	})
}
