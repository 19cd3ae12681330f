package world

import (
	"fmt"
	"testing"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/schema"
	"github.com/sinker-io/sinker/testenv/judge"
)

// Decimals lie in files as 32 bits, 64 bits or bytes, by their precision, and floats may be NaN: a filter on any of them finds
// the rows that it should, for readers that are not ours, and leaves files unread that cannot have any.
func TestTypes_ReadersFilterDecimalsAndFloats(t *testing.T) {
	f := newFiles(t)
	const name = "types.filters"
	decimals := []string{"d9", "d18", "d38"}
	columns := []schema.Column{{Name: "d9", Type: "decimal(9,2)"}, {Name: "d18", Type: "decimal(18,2)"}, {Name: "d38", Type: "decimal(38,2)"},
		{Name: "f", Type: "float"}, {Name: "g", Type: "double"}}
	sc, spec, errs := schema.Build(columns, nil, nil, 2)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	row := func(v string) string {
		return fmt.Sprintf(`{"d9":%[1]s,"d18":%[1]s,"d38":%[1]s,"f":%[1]s,"g":%[1]s}`, v)
	}
	f.fill(name, 2, sc, spec, decode.Options{}, []string{row("-3.50"), row("-0.01"), row("0.00")})
	f.add(name, 3, decode.Options{}, []string{row("100.25"), row("9999999.99")})
	f.add(name, 5, decode.Options{}, []string{`{"f":"NaN","g":"NaN"}`, `{"f":"NaN"}`})
	at := must(judge.Of(t.Context(), f.world, name))(t)
	type filter struct {
		column, op, value string
		rows, files       int
	}
	var all []filter
	for _, d := range decimals {
		all = append(all, filter{d, ">", "100.00", 2, 1}, filter{d, "<", "-0.01", 1, 1})
	}
	for _, d := range []string{"f", "g"} { // whether NaN is above everything or nothing is each reader's own opinion
		all = append(all, filter{d, "<", "0.0", 2, -1})
	}
	for _, c := range all {
		q := judge.Question{Filter: &judge.Filter{Column: c.column, Kind: "decimal", Op: c.op, Value: c.value}}
		for _, r := range []judge.Reader{judge.DuckDB, judge.PyIceberg} {
			a := must(r.Ask(t.Context(), at, q))(t)
			if a.Rows != 7 || a.Filtered == nil || *a.Filtered != int64(c.rows) {
				t.Errorf("%s %s %s: %s finds %s of %d rows, want %d of 7", c.column, c.op, c.value, r, show(a.Filtered), a.Rows, c.rows)
			}
			most := c.files
			if r == judge.DuckDB {
				most++ // it opens files that have nothing but nulls, too
			}
			if c.files >= 0 && (a.FilesRead == nil || *a.FilesRead < c.files || *a.FilesRead > most) {
				t.Errorf("%s %s %s: %s reads %s files, want %d", c.column, c.op, c.value, r, count(a.FilesRead), c.files)
			}
		}
	}
}

func show(n *int64) string {
	if n == nil {
		return "an unknown number"
	}
	return fmt.Sprint(*n)
}
