package decode

import (
	"errors"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/decode/hostile"
	"github.com/sinker-io/sinker/schema"
)

// build makes the schema of columns.
func build(t testing.TB, columns []schema.Column, kafka ...string) *iceberg.Schema {
	t.Helper()
	sc, err := tryBuild(columns, kafka...)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// tryBuild takes names that differ in case only, which tables of others have.
func tryBuild(columns []schema.Column, kafka ...string) (*iceberg.Schema, error) {
	sc, _, errs := schema.Build(columns, kafka, nil, 3)
	if len(errs) == 0 {
		return sc, nil
	}
	var fields []iceberg.NestedField
	for i, c := range columns {
		typ, err := schema.ParseType(c.Type)
		if err != nil {
			return nil, err
		}
		fields = append(fields, iceberg.NestedField{ID: i + 1, Name: c.Name, Type: typ, Required: c.Required})
	}
	return iceberg.NewSchema(0, fields...), nil
}

func decoderOf(t testing.TB, c hostile.Case) (Decoder, *Rows) {
	t.Helper()
	sc := build(t, c.Columns)
	opts := Options{}
	if c.Unit != "" || c.Zone != "" {
		opts.Columns = map[string]ColumnOptions{"v": {Unit: c.Unit, Zone: c.Zone}}
	}
	d, err := New("json", sc, opts)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return d, NewRows(sc)
}

func TestJSON_HostileRecordsHaveTheirFate(t *testing.T) {
	for _, c := range hostile.Cases() {
		d, rows := decoderOf(t, c)
		err := d.Append(rows, &kgo.Record{Value: c.Payload})
		var bad *RecordError
		switch {
		case !c.Bad() && err != nil:
			t.Errorf("%s: %v, want %s", c.Name, err, c.Want)
		case !c.Bad() && rows.Text(0) != c.Want:
			t.Errorf("%s: %s, want %s", c.Name, rows.Text(0), c.Want)
		case c.Bad() && err == nil:
			t.Errorf("%s: %s, want %s", c.Name, rows.Text(0), c.Code)
		case c.Bad() && (!errors.As(err, &bad) || bad.Code != c.Code):
			t.Errorf("%s: %#v, want %s", c.Name, err, c.Code)
		}
		wantRows := 1
		if c.Bad() {
			wantRows = 0
		}
		checkLengths(t, c.Name, rows, wantRows)
	}
}

// checkLengths fails unless each column has exactly the entries that n rows ask for.
func checkLengths(t testing.TB, name string, rows *Rows, n int) {
	t.Helper()
	if rows.N != n {
		t.Errorf("%s: %d rows, want %d", name, rows.N, n)
	}
	for _, c := range rows.Columns {
		checkColumn(t, &place{name: name}, c, n)
	}
}

// place is a column's place, spelled when it is needed: fuzzing checks columns by the thousand a second.
type place struct {
	up   *place
	name string
}

func (p *place) String() string {
	if p.up == nil {
		return p.name
	}
	return p.up.String() + "." + p.name
}

func checkColumn(t testing.TB, at *place, c *Column, n int) {
	name := &place{at, c.Field.Name}
	fail := func(what string, have, want int) {
		if have != want {
			t.Errorf("%s: %s: %d, want %d", name, what, have, want)
		}
	}
	fail("entries", c.Len, n)
	fail("null count", c.Nulls, c.nullsIn(0, c.Len))
	if c.Nulls == 0 && c.Valid != nil {
		t.Errorf("%s: a bitmap without nulls", name)
	}
	if c.Valid != nil {
		fail("bitmap", len(c.Valid), (n+7)/8)
	}
	below := n
	switch c.kind {
	case kindI32:
		fail("I32", len(c.I32), n)
	case kindI64:
		fail("I64", len(c.I64), n)
	case kindF32:
		fail("F32", len(c.F32), n)
	case kindF64:
		fail("F64", len(c.F64), n)
	case kindFixed:
		fail("Bytes", len(c.Bytes), n*c.width)
	case kindBytes, kindList, kindMap:
		fail("Offsets", len(c.Offsets), n+1)
		fail("first offset", int(c.Offsets[0]), 0)
		below = int(c.Offsets[n])
		if c.kind == kindBytes {
			fail("Bytes", len(c.Bytes), below)
		}
		for i := range n {
			if c.Offsets[i+1] < c.Offsets[i] || c.IsNull(i) && c.Offsets[i+1] != c.Offsets[i] {
				t.Errorf("%s: offset of entry %d", name, i)
			}
		}
	}
	for _, child := range c.Children {
		checkColumn(t, name, child, below)
		if c.kind == kindStruct {
			for i := range n {
				if c.IsNull(i) && child.IsNull(i) == child.Field.Required {
					t.Errorf("%s.%s: entry %d under a null is null: %v", name, child.Field.Name, i, child.IsNull(i))
				}
			}
		}
		if child.Field.Required && c.Nulls == 0 && child.Nulls > 0 {
			t.Errorf("%s.%s: null in a required field", name, child.Field.Name)
		}
	}
}
