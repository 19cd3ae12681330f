// Package hostile is the records that sinks get wrong, each with the fate that sinker gives it: a row with this
// value, or a bad record with this code. It is data: tests of the decoder, of the writer and of whole runs read it, docs/types.md
// shows its values as examples, and fuzzing starts from it.
package hostile

import (
	"fmt"
	"strings"

	"github.com/sinker-io/sinker/schema"
)

// Case is one record.
type Case struct {
	Name       string
	Columns    []schema.Column
	Unit, Zone string // options of column v
	Payload    []byte // null: a tombstone
	Code       string // of the RecordError; empty: it becomes a row
	Want       string // the row, as decode.Rows.Text writes it
}

// Bad tells whether the record becomes no row.
func (c Case) Bad() bool { return c.Code != "" }

// Value is one JSON value in an optional column v.
type Value struct {
	Type       string // of the column
	Unit, Zone string
	JSON       string
	Code, Want string // one of them
	Note       string
}

// Case is the value as a record {"v":…}.
func (v Value) Case() Case {
	name := v.Type
	if v.Unit != "" {
		name += " unit " + v.Unit
	}
	if v.Zone != "" {
		name += " zone " + v.Zone
	}
	text := v.JSON
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	c := Case{Name: name + " " + text, Columns: []schema.Column{{Name: "v", Type: v.Type}}, Unit: v.Unit, Zone: v.Zone,
		Payload: []byte(`{"v":` + v.JSON + `}`), Code: v.Code}
	if v.Code == "" {
		c.Want = `{"v": ` + v.Want + `}`
	}
	return c
}

// Cases are all values and all records.
func Cases() []Case {
	var out []Case
	for _, v := range Values() {
		out = append(out, v.Case())
	}
	return append(out, Records()...)
}

// Values are the cases of single values, type by type.
func Values() []Value {
	var out []Value
	for _, part := range [][]Value{numbers(), floats(), decimals(), dates(), timestamps(), epochs(), texts(), nested(), empties()} {
		out = append(out, part...)
	}
	return out
}

// list builds values of one type: pairs of JSON and what becomes of it, a code of an error standing after "!".
type list struct {
	typ, unit, zone string
	out             []Value
}

func of(typ string) *list            { return &list{typ: typ} }
func (l *list) in(unit string) *list { l.unit = unit; return l }
func (l *list) at(zone string) *list { l.zone = zone; return l }
func (l *list) values() []Value      { return l.out }
func join(parts ...*list) (out []Value) {
	for _, p := range parts {
		out = append(out, p.values()...)
	}
	return out
}

func (l *list) rows(pairs ...string) *list {
	if len(pairs)%2 != 0 {
		panic(fmt.Sprintf("hostile: %s: a value without its fate", l.typ))
	}
	for i := 0; i < len(pairs); i += 2 {
		v := Value{Type: l.typ, Unit: l.unit, Zone: l.zone, JSON: pairs[i]}
		if code, bad := strings.CutPrefix(pairs[i+1], "!"); bad {
			v.Code = code
		} else {
			v.Want = pairs[i+1]
		}
		l.out = append(l.out, v)
	}
	return l
}
