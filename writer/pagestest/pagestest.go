// Package pagestest makes random schemas and rows for the page writer, and knows the truth about them: what any reader must
// find in the file, in one spelling.
//
// A case follows from its seed alone.
package pagestest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/writer/metrics"
	"github.com/sinker-io/sinker/writer/pages"
	"github.com/sinker-io/sinker/writer/shred"
)

// Case is a schema with the rows of some row groups.
type Case struct {
	Seed   uint64
	Schema *iceberg.Schema
	Props  iceberg.Properties
	// Truth is the rows in the order of the file, each a JSON array of its columns. Whole numbers, days, and times in
	// their unit are text; decimals the text of their unscaled value; floats the hexadecimal of their bits, or "nan"; bytes
	// are hexadecimal; structs and lists are arrays, maps arrays of pairs.
	Truth []string

	groups []group
}

type group struct {
	rows *decode.Rows
	sel  shred.Selection
}

// Options are what a reader's limits ask for. The zero value is everything.
type Options struct {
	NoNanoseconds bool // timestamps in microseconds only
	Narrow        bool // what Spark and ClickHouse know: no times of day, days of the years 1 to 9999, no Brotli
}

// New makes the case of a seed.
func New(seed uint64, o Options) *Case {
	g := &gen{rng: rand.New(rand.NewPCG(seed, 7)), options: o}
	c := &Case{Seed: seed, Props: g.properties()}
	c.Schema = iceberg.NewSchema(1, g.fields(1+g.rng.IntN(8), 3)...)
	for range 1 + g.rng.IntN(3) {
		n := []int{1, 7, 64, 300, 5000}[g.rng.IntN(5)]
		if g.rng.IntN(40) == 0 {
			n = 70_000
		}
		rows := decode.NewRows(c.Schema)
		rows.N = n
		g.budget = 4 * n // elements of lists and maps
		columns := make([][]any, len(rows.Columns))
		for i, col := range rows.Columns {
			columns[i] = g.fill(col, n, nil)
		}
		sel := shred.Selection{To: n}
		if g.rng.IntN(2) == 0 { // any rows in any order
			sel.Index = make([]int32, n)
			for k := range sel.Index {
				sel.Index[k] = int32(g.rng.IntN(n))
			}
			sel.From = g.rng.IntN(n)
		}
		for k := range sel.Len() {
			row := make([]any, len(columns))
			for i := range columns {
				row[i] = columns[i][sel.Row(k)]
			}
			c.Truth = append(c.Truth, Spell(row))
		}
		c.groups = append(c.groups, group{rows, sel})
	}
	return c
}

// Spell is a value as JSON.
func Spell(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Write writes the case as a file.
func (c *Case) Write(w io.Writer) error { return write(w, c.Schema, c.Props, c.groups...) }

// Keep writes the case into a folder as n.parquet, and beside it what readers of other languages compare it with: the truth a line
// each row in n.rows, [Case.Kinds] in n.kinds, and the schema in n.schema.
func (c *Case) Keep(folder string, n int) error {
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		return err
	}
	base := filepath.Join(folder, strconv.Itoa(n))
	schema, err := json.Marshal(c.Schema)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(base+".parquet", out.Bytes(), 0o600),
		os.WriteFile(base+".rows", []byte(strings.Join(c.Truth, "\n")+"\n"), 0o600),
		os.WriteFile(base+".kinds", []byte(Spell(c.Kinds())), 0o600),
		os.WriteFile(base+".schema", schema, 0o600))
}

// File writes rows as a file with one row group.
func File(w io.Writer, schema *iceberg.Schema, props iceberg.Properties, rows *decode.Rows) error {
	return write(w, schema, props, group{rows, shred.Selection{To: rows.N}})
}

func write(w io.Writer, schema *iceberg.Schema, props iceberg.Properties, groups ...group) error {
	settings, err := pages.ReadSettings(props)
	if err != nil {
		return err
	}
	layout, err := pages.NewLayout(schema, settings)
	if err != nil {
		return err
	}
	var sh shred.Shredder
	var encoder pages.Encoder
	f, err := pages.Open(w, layout, layout.Plan(groups[0].rows, groups[0].sel, &sh, &encoder))
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := f.Group(g.rows, g.sel, &sh, &encoder, func(int, *metrics.Chunk) {}); err != nil {
			return err
		}
	}
	_, err = f.Close()
	return err
}

// Groups is how many row groups the file has.
func (c *Case) Groups() int { return len(c.groups) }

// Kinds says what each column is, for readers whose types are not as telling: bool, int, f32, f64, decimal, date, time,
// timestamp, string, bytes, uuid; or {"struct": [kinds]}, {"list": kind}, {"map": [key, value]}.
func (c *Case) Kinds() []any {
	var out []any
	for _, f := range c.Schema.Fields() {
		out = append(out, kindOf(f.Type))
	}
	return out
}

func kindOf(t iceberg.Type) any {
	switch t := t.(type) {
	case *iceberg.StructType:
		kinds := []any{}
		for _, f := range t.FieldList {
			kinds = append(kinds, kindOf(f.Type))
		}
		return map[string]any{"struct": kinds}
	case *iceberg.ListType:
		return map[string]any{"list": kindOf(t.Element)}
	case *iceberg.MapType:
		return map[string]any{"map": []any{kindOf(t.KeyType), kindOf(t.ValueType)}}
	case iceberg.BooleanType:
		return "bool"
	case iceberg.Int32Type, iceberg.Int64Type:
		return "int"
	case iceberg.Float32Type:
		return "f32"
	case iceberg.Float64Type:
		return "f64"
	case iceberg.DecimalType:
		return "decimal"
	case iceberg.DateType:
		return "date"
	case iceberg.TimeType:
		return "time"
	case iceberg.StringType:
		return "string"
	case iceberg.UUIDType:
		return "uuid"
	case iceberg.BinaryType, iceberg.FixedType:
		return "bytes"
	case iceberg.TimestampType, iceberg.TimestampTzType, iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return "timestamp"
	}
	panic(fmt.Sprintf("no kind for %s", t))
}
