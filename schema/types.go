package schema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go"
)

// simple are the types without parameters that a column may have.
var simple = map[string]iceberg.Type{
	"boolean": iceberg.BooleanType{}, "int": iceberg.Int32Type{}, "long": iceberg.Int64Type{}, "float": iceberg.Float32Type{},
	"double": iceberg.Float64Type{}, "date": iceberg.DateType{}, "time": iceberg.TimeType{}, "timestamp": iceberg.TimestampType{},
	"timestamptz": iceberg.TimestampTzType{}, "timestamp_ns": iceberg.TimestampNsType{}, "timestamptz_ns": iceberg.TimestampTzNsType{},
	"string": iceberg.StringType{}, "uuid": iceberg.UUIDType{}, "binary": iceberg.BinaryType{},
}

// typeNames are the types as they are written, parameters included, in the order of docs/types.md.
var typeNames = []string{
	"boolean", "int", "long", "float", "double", "decimal(P,S)", "date", "time", "timestamp", "timestamptz", "timestamp_ns", "timestamptz_ns",
	"string", "uuid", "fixed[N]", "binary", "struct<…>", "list<…>", "map<…>",
}

// foreign are names that other systems use, and what Iceberg calls the type.
var foreign = map[string]string{
	"bool": "boolean", "integer": "int", "int32": "int", "int64": "long", "bigint": "long", "smallint": "int", "short": "int", "tinyint": "int",
	"byte": "int", "float32": "float", "real": "float", "float64": "double", "number": "decimal(P,S)", "numeric": "decimal(P,S)", "text": "string", "varchar": "string", "char": "string",
	"str": "string", "bytes": "binary", "blob": "binary", "varbinary": "binary", "datetime": "timestamp", "timestamp_tz": "timestamptz",
	"timestamp with time zone": "timestamptz", "timestampltz": "timestamptz", "array": "list<…>", "object": "struct<…>", "record": "struct<…>", "row": "struct<…>", "json": "string, which keeps the text of an object",
	"timestamptz_s": "timestamptz", "timestamp_ms": "timestamp", "guid": "uuid", "uint64": "decimal(20,0)", "uint32": "long",
}

// notYet are types of Iceberg that sinker does not write, and why.
var notYet = map[string]string{
	"variant": "sinker does not write variant yet; a string column keeps the JSON text", "geometry": "sinker does not write geometry yet",
	"geography": "sinker does not write geography yet", "unknown": "a column of type unknown holds nothing; declare it when its type is known",
}

// ParseType reads a type as a configuration writes it:
//
//	long   decimal(12,2)   fixed[16]   list<string>   map<string,int>   struct<a:int, b:list<string>>
//
// Elements of lists, values of maps and fields of structs are optional unless "required" (or "not null") follows their
// type: list<long required>, struct<id: long required>. Names of fields that are not letters, digits, _ and - stand in
// backquotes, a backquote in them twice. Field ids in the result are 0; Build gives them.
func ParseType(text string) (iceberg.Type, error) {
	p := &typeParser{text: text}
	t, err := p.parse(0)
	if err == nil {
		if p.space(); p.at < len(text) {
			err = p.errorf("%q after the type", text[p.at:])
		}
	}
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", text, err)
	}
	return t, nil
}

// maxTypeDepth bounds how deep types nest: deeper ones are beyond what Parquet readers take.
const maxTypeDepth = 64

type typeParser struct {
	text string
	at   int
}

func (p *typeParser) errorf(format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", len([]rune(p.text[:p.at]))+1, fmt.Sprintf(format, args...))
}

func (p *typeParser) space() {
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
}

// word reads letters, digits and _.
func (p *typeParser) word() string {
	p.space()
	from := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		p.at++
	}
	return p.text[from:p.at]
}

// take reads one character if it is next.
func (p *typeParser) take(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *typeParser) need(c byte, where string) error {
	if p.take(c) {
		return nil
	}
	if p.at >= len(p.text) {
		return p.errorf("%c is missing %s", c, where)
	}
	return p.errorf("%q where %c must be, %s", p.text[p.at], c, where)
}

func (p *typeParser) parse(depth int) (iceberg.Type, error) {
	if depth > maxTypeDepth {
		return nil, p.errorf("nested deeper than %d", maxTypeDepth)
	}
	p.space()
	from := p.at
	written := p.word()
	name := strings.ToLower(written)
	switch name {
	case "decimal":
		return p.decimal()
	case "fixed":
		return p.fixed()
	case "list":
		return p.list(depth)
	case "map":
		return p.mapping(depth)
	case "struct":
		return p.structure(depth)
	}
	if t, ok := simple[name]; ok {
		return t, nil
	}
	p.at = from
	if written == "" {
		if p.at >= len(p.text) {
			return nil, p.errorf("a type is missing")
		}
		return nil, p.errorf("%q where a type must be", p.text[p.at])
	}
	if why, ok := notYet[name]; ok {
		return nil, p.errorf("%s", why)
	}
	if ours, ok := foreign[name]; ok {
		return nil, p.errorf("no type %s in Iceberg; it is called %s there", written, ours)
	}
	return nil, p.errorf("no type %s; %s", written, nearest(name, typeNames))
}

func (p *typeParser) integer(what string) (int, error) {
	p.space()
	from := p.at
	w := p.word()
	n, err := strconv.Atoi(w)
	if err != nil {
		p.at = from
		return 0, p.errorf("%s must be a whole number", what)
	}
	return n, nil
}

func (p *typeParser) decimal() (iceberg.Type, error) {
	if err := p.need('(', "after decimal: decimal(P,S), as decimal(12,2)"); err != nil {
		return nil, err
	}
	precision, err := p.integer("the precision of a decimal")
	if err != nil {
		return nil, err
	}
	if err := p.need(',', "between precision and scale"); err != nil {
		return nil, err
	}
	scale, err := p.integer("the scale of a decimal")
	if err != nil {
		return nil, err
	}
	if precision < 1 || precision > 38 {
		return nil, p.errorf("precision %d of a decimal: must be from 1 to 38", precision)
	}
	if scale < 0 || scale > precision {
		return nil, p.errorf("scale %d of a decimal: must be from 0 to its precision, %d", scale, precision)
	}
	return iceberg.DecimalTypeOf(precision, scale), p.need(')', "after the scale")
}

func (p *typeParser) fixed() (iceberg.Type, error) {
	shut := byte(']')
	if !p.take('[') {
		if err := p.need('(', "after fixed: fixed[N], as fixed[16]"); err != nil {
			return nil, err
		}
		shut = ')'
	}
	n, err := p.integer("the length of fixed")
	if err != nil {
		return nil, err
	}
	if n < 1 || n > 1<<20 {
		return nil, p.errorf("length %d of fixed: must be from 1 to %d bytes", n, 1<<20)
	}
	return iceberg.FixedTypeOf(n), p.need(shut, "after the length")
}

// required reads the mark behind a type.
func (p *typeParser) required() bool {
	from := p.at
	switch strings.ToLower(p.word()) {
	case "required":
		return true
	case "not":
		if strings.EqualFold(p.word(), "null") {
			return true
		}
	case "optional":
		return false
	}
	p.at = from
	return false
}

func (p *typeParser) list(depth int) (iceberg.Type, error) {
	if err := p.need('<', "after list: list<TYPE>, as list<string>"); err != nil {
		return nil, err
	}
	element, err := p.parse(depth + 1)
	if err != nil {
		return nil, err
	}
	return &iceberg.ListType{Element: element, ElementRequired: p.required()}, p.need('>', "after the element of a list")
}

func (p *typeParser) mapping(depth int) (iceberg.Type, error) {
	if err := p.need('<', "after map: map<KEY,VALUE>, as map<string,long>"); err != nil {
		return nil, err
	}
	from := p.at
	key, err := p.parse(depth + 1)
	if err != nil {
		return nil, err
	}
	if _, nested := key.(iceberg.NestedType); nested {
		p.at = from
		return nil, p.errorf("the key of a map cannot be %s: the keys of a JSON object are strings", Describe(key))
	}
	p.required() // keys always are
	if err := p.need(',', "between key and value of a map"); err != nil {
		return nil, err
	}
	value, err := p.parse(depth + 1)
	if err != nil {
		return nil, err
	}
	return &iceberg.MapType{KeyType: key, ValueType: value, ValueRequired: p.required()}, p.need('>', "after the value of a map")
}

func (p *typeParser) structure(depth int) (iceberg.Type, error) {
	if err := p.need('<', "after struct: struct<NAME:TYPE,…>, as struct<a:int>"); err != nil {
		return nil, err
	}
	s := &iceberg.StructType{}
	for {
		name, err := p.fieldName()
		if err != nil {
			return nil, err
		}
		if err := p.need(':', "after the name of a field"); err != nil {
			return nil, err
		}
		t, err := p.parse(depth + 1)
		if err != nil {
			return nil, err
		}
		s.FieldList = append(s.FieldList, iceberg.NestedField{Name: name, Type: t, Required: p.required()})
		if p.take(',') {
			continue
		}
		return s, p.need('>', "after the fields of a struct")
	}
}

func (p *typeParser) fieldName() (string, error) {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == '`' {
		return p.quotedName()
	}
	from := p.at
	for p.at < len(p.text) && !strings.ContainsRune(" \t\r\n:<>,()[]`", rune(p.text[p.at])) {
		p.at++
	}
	if p.at == from {
		return "", p.errorf("the name of a field is missing")
	}
	return p.text[from:p.at], nil
}

// quotedName reads a name in backquotes.
func (p *typeParser) quotedName() (string, error) {
	from := p.at
	var name strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != '`' {
			name.WriteByte(p.text[p.at])
			continue
		}
		if p.at+1 < len(p.text) && p.text[p.at+1] == '`' {
			name.WriteByte('`')
			p.at++
			continue
		}
		p.at++
		if name.Len() == 0 {
			p.at = from
			return "", p.errorf("the name of a field is empty")
		}
		return name.String(), nil
	}
	p.at = from
	return "", p.errorf("the backquote that closes a name is missing")
}
