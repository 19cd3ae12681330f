package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/iceberg-go"
)

// The oracle says what docs/types.md says, slowly and with other means than the decoder: encoding/json finds the parts of a
// record, regular expressions judge spellings, math/big and time do the arithmetic. It gives the row as text.

type oracle struct {
	options map[string]ColumnOptions
}

var errOracle = fmt.Errorf("bad record")

var escapes = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)

// loneSurrogates tells of a surrogate escape without its other half, in valid JSON.
func loneSurrogates(b []byte) bool {
	high := -1 // where the other half of a pair must begin
	for _, m := range escapes.FindAllIndex(b, -1) {
		unit := int64(0)
		if m[1]-m[0] == 6 {
			unit, _ = strconv.ParseInt(string(b[m[0]+2:m[1]]), 16, 32)
		}
		isLow := unit >= 0xdc00 && unit <= 0xdfff
		if high >= 0 && (m[0] != high || !isLow) || high < 0 && isLow {
			return true
		}
		high = -1
		if unit >= 0xd800 && unit <= 0xdbff {
			high = m[1]
		}
	}
	return high >= 0
}

// row gives the text of the row that a payload becomes, or an error.
func (o oracle) row(sc *iceberg.Schema, b []byte) (string, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(b) || !json.Valid(b) || loneSurrogates(b) {
		return "", errOracle
	}
	if err := o.walk(b, 0); err != nil {
		return "", err
	}
	b = bytes.TrimSpace(b)
	if b[0] != '{' {
		return "", errOracle
	}
	return o.structure(b, sc.Fields(), "")
}

type member struct {
	key   string
	value json.RawMessage
}

// members are the parts of an object, in order.
func members(b []byte) []member {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.Token()
	var out []member
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			panic(err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			panic(err)
		}
		out = append(out, member{key.(string), raw})
	}
	return out
}

func elements(b []byte) []json.RawMessage {
	var out []json.RawMessage
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// walk refuses keys that come twice in one object, at any place, and too much depth.
func (o oracle) walk(b []byte, depth int) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	type level struct {
		keys  map[string]bool
		isKey bool
	}
	var stack []level
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if d, ok := tok.(json.Delim); ok && (d == '}' || d == ']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack); n > 0 && stack[n-1].keys != nil {
			top := &stack[n-1]
			if top.isKey = !top.isKey; top.isKey {
				if top.keys[tok.(string)] {
					return errOracle
				}
				top.keys[tok.(string)] = true
				continue
			}
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, level{keys: map[string]bool{}})
		case json.Delim('['):
			stack = append(stack, level{})
		}
		if len(stack) > DefaultMaxDepth {
			return errOracle
		}
	}
}

func (o oracle) structure(b []byte, fields []iceberg.NestedField, path string) (string, error) {
	byKey := map[string]json.RawMessage{}
	for _, m := range members(b) {
		byKey[m.key] = m.value
	}
	var parts []string
	for _, f := range fields {
		raw, ok := byKey[f.Name]
		if !ok {
			raw = json.RawMessage("null")
		}
		s, err := o.field(raw, f, strings.TrimPrefix(path+"."+f.Name, "."))
		if err != nil {
			return "", err
		}
		parts = append(parts, quoted(f.Name)+": "+s)
	}
	return "{" + strings.Join(parts, ", ") + "}", nil
}

func quoted(s string) string {
	var b strings.Builder
	writeJSONString(&b, s)
	return b.String()
}

func (o oracle) field(b json.RawMessage, f iceberg.NestedField, path string) (string, error) {
	if string(b) == "null" {
		if f.Required {
			return "", errOracle
		}
		return "null", nil
	}
	switch t := f.Type.(type) {
	case *iceberg.StructType:
		if b[0] != '{' {
			return "", errOracle
		}
		return o.structure(b, t.FieldList, path)
	case *iceberg.ListType:
		if b[0] != '[' {
			return "", errOracle
		}
		var parts []string
		for _, e := range elements(b) {
			s, err := o.field(e, t.ElementField(), path+".element")
			if err != nil {
				return "", err
			}
			parts = append(parts, s)
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	case *iceberg.MapType:
		return o.mapping(b, t, path)
	case iceberg.StringType:
		if b[0] == '"' {
			return quoted(text(b)), nil
		}
		return quoted(string(b)), nil
	case iceberg.BooleanType:
		if b[0] != 't' && b[0] != 'f' {
			return "", errOracle
		}
		return string(b), nil
	}
	switch {
	case b[0] == '"':
		return o.fromString(text(b), f.Type, path, false)
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		return o.fromNumber(string(b), f.Type, path)
	}
	return "", errOracle
}

func text(b []byte) string {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		panic(err)
	}
	return s
}

func (o oracle) mapping(b json.RawMessage, t *iceberg.MapType, path string) (string, error) {
	if b[0] != '{' {
		return "", errOracle
	}
	var parts []string
	seen := map[string]bool{}
	for _, m := range members(b) {
		k, err := o.fromString(m.key, t.KeyType, path+".key", true)
		if err != nil || seen[k] {
			return "", errOracle
		}
		seen[k] = true
		v, err := o.field(m.value, t.ValueField(), path+".value")
		if err != nil {
			return "", err
		}
		parts = append(parts, "["+k+", "+v+"]")
	}
	return "[" + strings.Join(parts, ", ") + "]", nil
}

var (
	numberShape = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	dateShape   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	timeShape   = regexp.MustCompile(`^([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?$`)
	stampShape  = regexp.MustCompile(`^([0-9-]{10})[T ]([0-9:.]+)(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$`)
	uuidShape   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	base64Shape = regexp.MustCompile(`^[A-Za-z0-9+/]*={0,2}$`)
)

func (o oracle) fromString(s string, typ iceberg.Type, path string, isKey bool) (string, error) {
	isNumber := numberShape.MatchString(s)
	switch t := typ.(type) {
	case iceberg.StringType:
		return quoted(s), nil
	case iceberg.BooleanType:
		if isKey && (s == "true" || s == "false") {
			return s, nil
		}
	case iceberg.Int32Type, iceberg.Int64Type, iceberg.DecimalType:
		if isNumber {
			return o.fromNumber(s, typ, path)
		}
	case iceberg.Float32Type, iceberg.Float64Type:
		if s == "NaN" || s == "Infinity" || s == "-Infinity" {
			return quoted(s), nil
		}
		if isKey && isNumber {
			return o.fromNumber(s, typ, path)
		}
	case iceberg.DateType:
		if _, ok := day(s); ok {
			return quoted(s), nil
		}
	case iceberg.TimeType:
		if at, ok := clockTime(s); ok {
			return quoted(at.Truncate(time.Microsecond).Format("15:04:05.000000")), nil
		}
	case iceberg.UUIDType:
		if uuidShape.MatchString(s) {
			return quoted(strings.ToLower(s)), nil
		}
	case iceberg.BinaryType, iceberg.FixedType:
		raw, err := base64.StdEncoding.Strict().DecodeString(s)
		if fixed, ok := t.(iceberg.FixedType); ok && len(raw) != fixed.Len() {
			return "", errOracle
		}
		if err == nil && base64Shape.MatchString(s) {
			return quoted(hex.EncodeToString(raw)), nil
		}
	default:
		return o.stamp(s, typ, path)
	}
	return "", errOracle
}

// day reads a date.
func day(s string) (time.Time, bool) {
	at, err := time.Parse("2006-01-02", s)
	return at, err == nil && dateShape.MatchString(s) && at.Year() >= 1
}

// clockTime reads a time, as one of the year 0.
func clockTime(s string) (time.Time, bool) {
	if !timeShape.MatchString(s) {
		return time.Time{}, false
	}
	at, err := time.Parse("15:04:05", s)
	return at, err == nil
}

func (o oracle) stamp(s string, typ iceberg.Type, path string) (string, error) {
	m := stampShape.FindStringSubmatch(s)
	if m == nil {
		return "", errOracle
	}
	d, ok1 := day(m[1])
	c, ok2 := clockTime(m[2])
	if !ok1 || !ok2 {
		return "", errOracle
	}
	ahead := time.Duration(0)
	if zone := strings.ReplaceAll(m[3], ":", ""); len(zone) > 1 {
		if len(zone) == 3 {
			zone += "00"
		}
		h, _ := strconv.Atoi(zone[1:3])
		min, _ := strconv.Atoi(zone[3:])
		if h > 23 || min > 59 {
			return "", errOracle
		}
		ahead = time.Duration(h*60+min) * time.Minute
		if zone[0] == '-' {
			ahead = -ahead
		}
	}
	zoned := false
	switch typ.(type) {
	case iceberg.TimestampTzType, iceberg.TimestampTzNsType:
		zoned = true
	}
	if zoned && m[3] == "" && o.options[path].Zone != "UTC" || !zoned && ahead != 0 {
		return "", errOracle
	}
	midnight := time.Date(c.Year(), c.Month(), c.Day(), 0, 0, 0, 0, time.UTC)
	return moment(d.Add(c.Sub(midnight)).Add(-ahead), typ)
}

// moment writes an instant in a column's resolution.
func moment(at time.Time, typ iceberg.Type) (string, error) {
	at = at.UTC()
	form := "2006-01-02T15:04:05.000000"
	switch typ.(type) {
	case iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		form += "000"
		if at.Before(time.Unix(0, math.MinInt64)) || at.After(time.Unix(0, math.MaxInt64)) {
			return "", errOracle
		}
	}
	if at.Year() < 1 || at.Year() > 9999 {
		return "", errOracle
	}
	s := at.Format(form) // which cuts digits off, toward the past, since a Time counts up from its second
	switch typ.(type) {
	case iceberg.TimestampTzType, iceberg.TimestampTzNsType:
		s += "Z"
	}
	return quoted(s), nil
}
