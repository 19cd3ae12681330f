package decode

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/apache/iceberg-go"
)

// op is how a value of a column is read.
type op uint8

const (
	opNone op = iota
	opBool
	opInt
	opLong
	opFloat
	opDouble
	opDecimal
	opDate
	opTime
	opTimestamp
	opTimestampNs
	opString
	opUUID
	opFixed
	opBinary
	opStruct
	opList
	opMap
)

// node is the plan for one field of the schema.
type node struct {
	op       op
	required bool
	path     string // dotted, for errors
	name     string
	what     string // the type, for errors
	key      string // `"name":`, what is expected where the field comes next; of no use if the name needs escapes

	precision, scale int // of a decimal
	width            int // of a fixed

	zoned    bool // timestamptz
	assume   bool // a timestamptz without zone is in UTC
	unit     int  // of numbers: power of ten per second, or unitDays
	declared bool // the unit was
	spread   int  // bytes that a null of it takes in all its columns

	fields  []*node // of a struct; element of a list; key and value of a map
	index   map[string]int32
	first   int32                    // field that came first in the last record
	next    int32                    // field of the parent that came after this one
	unknown map[string]*atomic.Int64 // counters of fields without a column
}

// planner compiles nodes and collects what is wrong.
type planner struct {
	options map[string]ColumnOptions
	used    map[string]bool
	fault   func(format string, args ...any)
}

func (pl *planner) compile(f iceberg.NestedField, path string) *node {
	n := &node{path: path, name: f.Name, what: f.Type.String(), required: f.Required, key: expectedKey(f.Name), spread: 8}
	switch t := f.Type.(type) {
	case iceberg.BooleanType:
		n.op = opBool
	case iceberg.Int32Type:
		n.op = opInt
	case iceberg.Int64Type:
		n.op = opLong
	case iceberg.Float32Type:
		n.op = opFloat
	case iceberg.Float64Type:
		n.op = opDouble
	case iceberg.DecimalType:
		n.op, n.precision, n.scale, n.spread = opDecimal, t.Precision(), t.Scale(), 16
	case iceberg.DateType:
		n.op = opDate
	case iceberg.TimeType:
		n.op = opTime
	case iceberg.TimestampType:
		n.op = opTimestamp
	case iceberg.TimestampTzType:
		n.op, n.zoned = opTimestamp, true
	case iceberg.TimestampNsType:
		n.op = opTimestampNs
	case iceberg.TimestampTzNsType:
		n.op, n.zoned = opTimestampNs, true
	case iceberg.StringType:
		n.op = opString
	case iceberg.UUIDType:
		n.op, n.spread = opUUID, 16
	case iceberg.FixedType:
		n.op, n.width, n.spread = opFixed, t.Len(), t.Len()
	case iceberg.BinaryType:
		n.op = opBinary
	case *iceberg.StructType:
		n.op = opStruct
		pl.compileStruct(n, t.FieldList)
	case *iceberg.ListType:
		n.op = opList
		n.fields = []*node{pl.compile(t.ElementField(), path+".element")}
	case *iceberg.MapType:
		n.op = opMap
		n.fields = []*node{pl.compile(t.KeyField(), path+".key"), pl.compile(t.ValueField(), path+".value")}
		if o := n.fields[0].op; o == opStruct || o == opList || o == opMap {
			pl.fault("column %s: keys of type %s cannot be read: the keys of a JSON object are strings", path, n.fields[0].what)
		}
	default:
		pl.fault("column %s: type %s cannot be written yet", path, f.Type)
	}
	pl.apply(n)
	return n
}

func (pl *planner) compileStruct(n *node, fields []iceberg.NestedField) {
	n.index = make(map[string]int32, len(fields))
	n.spread = 0
	for i, f := range fields {
		path := f.Name
		if n.path != "" {
			path = n.path + "." + f.Name
		}
		child := pl.compile(f, path)
		child.next = int32(min(i+1, len(fields)-1))
		n.spread += child.spread
		n.fields = append(n.fields, child)
		n.index[f.Name] = int32(i)
	}
}

// apply gives a temporal column its unit and zone, or says why it cannot have them.
func (pl *planner) apply(n *node) {
	switch n.op {
	case opDate:
		n.unit = unitDays
	case opTime, opTimestamp, opTimestampNs:
		n.unit = units["ms"]
	}
	o, ok := pl.options[n.path]
	if !ok {
		return
	}
	pl.used[n.path] = true
	temporal := n.op == opDate || n.op == opTime || n.op == opTimestamp || n.op == opTimestampNs
	if o.Unit != "" {
		u, known := units[o.Unit]
		switch {
		case !known:
			pl.fault("column %s: unit %q: must be s, ms, us, ns or days", n.path, o.Unit)
		case !temporal:
			pl.fault("column %s: a unit is of use for date, time and timestamp columns only, this one is %s", n.path, n.what)
		case u == unitDays && n.op == opTime:
			pl.fault("column %s: unit days: a time of day is counted in s, ms, us or ns", n.path)
		default:
			n.unit, n.declared = u, true
		}
	}
	if o.Zone != "" {
		switch {
		case !n.zoned:
			pl.fault("column %s: a zone is of use for timestamptz columns only, this one is %s", n.path, n.what)
		case o.Zone != "UTC":
			pl.fault("column %s: zone %q: only UTC has no hours that come twice or never", n.path, o.Zone)
		default:
			n.assume = true
		}
	}
}

// unusedOptions reports the options of columns that the schema does not have.
func (pl *planner) unusedOptions() {
	var names []string
	for name := range pl.options {
		if !pl.used[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		pl.fault("column %s: has options, but the payload fills no such column", name)
	}
}

// expectedKey is a name as most producers write it, quotes and colon included.
func expectedKey(name string) string {
	for i := 0; i < len(name); i++ {
		if name[i] < 0x20 || name[i] == '"' || name[i] == '\\' {
			return "\x00"
		}
	}
	return `"` + name + `":`
}

// describe names what stands at b[p], for messages: a sign of JSON's own as it is, anything else by its kind.
func describe(b []byte, p int) string {
	if p >= len(b) {
		return "the end"
	}
	switch c := b[p]; {
	case strings.IndexByte(`{}[]:,"\`, c) >= 0:
		return fmt.Sprintf("%q", c)
	case c-'0' < 10:
		return "a digit"
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return "a letter"
	case c < 0x20 || c == 0x7f:
		return fmt.Sprintf("byte 0x%02x", c)
	}
	return "another character"
}

// length is how long something is, for messages.
func length(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
