package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/schema"
	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/testenv/tpch"
)

// Shapes of rows.
const (
	Events   = "events"   // twelve columns and two nested ones, about 316 bytes
	Six      = "six"      // six columns, about 130 bytes
	Lineitem = "lineitem" // seventeen columns of TPC-H
)

// shape is a kind of rows.
type shape struct {
	name    string
	columns []data.Declared
	id      string                                              // the column in which no two rows are alike
	append  func(to []byte, i int64) []byte                     // row i as JSON; nil where make is set
	make    func(ctx context.Context, rows int64) (file, error) // the rows, kept elsewhere
}

// file is rows as lines of JSON.
type file struct {
	path string
	size int64
}

func shapeOf(name string) (shape, error) {
	switch name {
	case Events:
		stream := data.Events(1)
		return shape{name: name, columns: stream.Declared, id: "id", append: func(to []byte, i int64) []byte {
			_, value := stream.Row(i)
			return append(to, value...)
		}}, nil
	case Six:
		return shape{name: name, columns: sixColumns, id: "id", append: appendSix}, nil
	case Lineitem:
		var columns []data.Declared
		for _, c := range tpch.Columns {
			columns = append(columns, data.Declared{Name: c[0], Type: c[1]})
		}
		return shape{name: name, columns: columns, id: "id", make: func(ctx context.Context, rows int64) (file, error) {
			made, err := tpch.Make(ctx, rows)
			if err != nil {
				return file{}, err
			}
			info, err := os.Stat(made.JSON)
			if err != nil {
				return file{}, err
			}
			return file{made.JSON, info.Size()}, nil
		}}, nil
	}
	return shape{}, fmt.Errorf("there is no shape %q: want %s, %s or %s", name, Events, Six, Lineitem)
}

var sixColumns = []data.Declared{
	{Name: "id", Type: "long", Required: true}, {Name: "at", Type: "timestamptz"}, {Name: "user", Type: "string"},
	{Name: "session", Type: "string"}, {Name: "action", Type: "string"}, {Name: "price", Type: "double"},
}

var sixActions = []string{"view", "search", "add_to_cart", "checkout"}

// appendSix writes a small event. Its numbers are scattered by a multiplication, so that row i is the same wherever it is made.
func appendSix(to []byte, i int64) []byte {
	scattered := uint64(i+1) * 0x9e3779b97f4a7c15
	scattered ^= scattered >> 29
	scattered *= 0xbf58476d1ce4e5b9
	to = strconv.AppendInt(append(to, `{"id":`...), i, 10)
	to = time.UnixMilli(1_767_225_600_000+7*i).UTC().AppendFormat(append(to, `,"at":"`...), "2006-01-02T15:04:05.000Z")
	to = fmt.Appendf(to, `","user":"user-%06d","session":"%016x","action":"%s","price":%d.%02d}`,
		scattered>>40%200_000, scattered, sixActions[scattered>>17&3], scattered>>20%500, scattered>>33%100)
	return to
}

// file writes the rows into dir, once.
func (s shape) file(ctx context.Context, dir string, rows int64) (file, error) {
	if s.make != nil {
		return s.make(ctx, rows)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.json", s.name, rows))
	if info, err := os.Stat(path); err == nil {
		return file{path, info.Size()}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return file{}, err
	}
	part := path + ".part"
	f, err := os.Create(part)
	if err != nil {
		return file{}, err
	}
	out := file{path: path}
	w := bufio.NewWriterSize(f, 1<<20)
	var line []byte
	for i := int64(0); i < rows && ctx.Err() == nil; i++ {
		line = append(s.append(line[:0], i), '\n')
		out.size += int64(len(line))
		if _, err = w.Write(line); err != nil {
			break
		}
	}
	if err = errors.Join(err, context.Cause(ctx), w.Flush(), f.Close()); err != nil {
		return file{}, fmt.Errorf("write %s: %w", part, err)
	}
	return out, os.Rename(part, path)
}

// schema is what the columns are in an Iceberg table that is not partitioned.
func (s shape) schema() (*iceberg.Schema, iceberg.PartitionSpec, error) {
	var columns []schema.Column
	for _, c := range s.columns {
		columns = append(columns, schema.Column{Name: c.Name, Type: c.Type, Required: c.Required})
	}
	sc, spec, errs := schema.Build(columns, nil, nil, 2)
	return sc, spec, errors.Join(errs...)
}

// table is the entry of sinker's configuration, which makes the table.
func (s shape) table(topic, table string) string {
	stream := data.Stream{Declared: s.columns}
	return stream.Table(topic, table)
}

// duckColumns names the columns and their types as DuckDB does.
func (s shape) duckColumns() map[string]string {
	out := map[string]string{}
	for _, c := range s.columns {
		out[c.Name] = duckType(c.Type)
	}
	return out
}

// duckType is DuckDB's name of an Iceberg type, as far as the shapes need it.
func duckType(t string) string {
	switch t {
	case "long":
		return "BIGINT"
	case "int":
		return "INTEGER"
	case "string":
		return "VARCHAR"
	case "struct<lat: double, lon: double>":
		return "STRUCT(lat DOUBLE, lon DOUBLE)"
	}
	return strings.ToUpper(t) // double, boolean, date, timestamptz, decimal(15,2)
}
