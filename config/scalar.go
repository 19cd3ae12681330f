package config

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// scalar reads one value of the named kind with parse, which may complain.
func (r *reader) scalar(node ast.Node, path, rule string, p position, kind string, parse func(string) *complaint) {
	var raw string
	number := false
	switch n := node.(type) {
	case *ast.StringNode:
		raw = n.Value
	case *ast.LiteralNode:
		raw = strings.TrimSuffix(n.Value.Value, "\n")
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		raw, number = node.GetToken().Value, true
	default:
		r.fault(p, path, "is "+describe(node), r.wantedKind(kind, rule), "")
		return
	}
	if number && (kind == "text" || kind == "address" || kind == "topic") {
		hint := `put it in quotes: "` + raw + `"`
		if isSecret(rule) {
			hint = "put it in quotes"
		}
		r.fault(p, path, "is "+describe(node)+" to YAML", r.wantedKind(kind, rule), hint)
		return
	}
	text, expanded, bad := r.expand(raw)
	if bad == nil {
		if expanded {
			r.written[path] = raw
		}
		if bad = parse(text); bad == nil {
			bad = r.inRange(text, rule, parse)
		}
		if bad != nil {
			shown := strconv.Quote(text)
			if expanded {
				shown, bad.guess = raw+" gives a value that", ""
			}
			if isSecret(rule) {
				shown, bad.guess = "the value", ""
			}
			bad.what = shown + " " + bad.what
		}
	}
	if bad == nil {
		return
	}
	hint := bad.hint
	if hint == "" {
		hint = didYouMean(bad.guess)
	}
	want := bad.want
	if want == "" {
		want = r.wantedKind(kind, rule)
	}
	r.fault(p, path, bad.what, want, hint)
}

// isSecret tells whether values of the key must not be quoted.
func isSecret(rule string) bool {
	for _, part := range []string{"password", "secret", "token", "catalog.properties", "catalog.uri"} {
		if strings.Contains(rule, part) {
			return true
		}
	}
	return false
}

// allowed complains of a word that is not among those of the key.
func (r *reader) allowed(s, rule string) *complaint {
	k := keyByPath[rule]
	if k == nil || len(k.Values) == 0 {
		if s == "" {
			return &complaint{what: "is empty"}
		}
		return nil
	}
	for _, v := range k.Values {
		if v == s {
			return nil
		}
	}
	for _, v := range k.Later {
		if v == s {
			return &complaint{what: "is not supported yet", want: oneOf(k.Values), hint: "a later version will know it"}
		}
	}
	return &complaint{what: "is not known here", want: oneOf(k.Values), guess: nearest(s, append(append([]string{}, k.Values...), k.Later...), wordsFor[rule])}
}

// wordsFor are values of other tools, by what they mean here.
var wordsFor = map[string]map[string]string{
	"kafka.sasl.mechanism":    {"scram": "SCRAM-SHA-512", "scram512": "SCRAM-SHA-512", "scram256": "SCRAM-SHA-256", "oauth": "OAUTHBEARER", "oauth2": "OAUTHBEARER", "sha512": "SCRAM-SHA-512", "sha256": "SCRAM-SHA-256"},
	"catalog.type":            {"sqlite": "sql", "jdbc": "sql", "postgres": "sql", "postgresql": "sql", "nessie": "rest", "polaris": "rest", "glue": "rest", "http": "rest"},
	"tables[].format":         {"bytes": "raw", "binary": "raw", "jsonl": "json", "schemaregistry": "json"},
	"tables[].on_bad_record":  {"fail": "stop", "error": "stop", "ignore": "skip", "drop": "skip", "dlq": "dead_letter"},
	"tables[].columns.*.unit": {"seconds": "s", "second": "s", "sec": "s", "millis": "ms", "milliseconds": "ms", "micros": "us", "microseconds": "us", "nanos": "ns", "nanoseconds": "ns", "day": "days", "d": "days", "µs": "us"},
	"tables[].kafka_columns":  {"ts": "timestamp", "time": "timestamp", "header": "headers", "_kafka_offset": "offset", "_kafka_topic": "topic", "_kafka_partition": "partition", "_kafka_timestamp": "timestamp", "_kafka_key": "key", "_kafka_headers": "headers"},
	"delivery":                {"eos": "exactly_once", "exactly": "exactly_once"},
	"policy.rollback":         {"rewind": "replay", "continue": "replay"},
	"policy.gap":              {"skip": "continue", "ignore": "continue"},
	"policy.truncation":       {"continue": "rewind", "replay": "rewind"},
	"policy.topic_recreated":  {"allow": "continue", "replay": "continue"},
	"policy.new_sink":         {"continue": "allow"},
	"tables[].columns.*.zone": {"Z": "UTC", "GMT": "UTC", "+00:00": "UTC", "Etc/UTC": "UTC"},
}

// inRange complains of a value beyond the bounds of the key.
func (r *reader) inRange(text, rule string, parse func(string) *complaint) *complaint {
	k := keyByPath[rule]
	if k == nil || k.Least == "" && k.Most == "" {
		return nil
	}
	less := func(a, b string) bool {
		var da, db Duration
		if da.parse(a) == nil && db.parse(b) == nil {
			return da < db
		}
		var sa, sb Size
		if sa.parse(a) == nil && sb.parse(b) == nil {
			return sa < sb
		}
		na, _ := strconv.ParseFloat(a, 64)
		nb, _ := strconv.ParseFloat(b, 64)
		return na < nb
	}
	want := k.Least + " to " + k.Most
	if k.Least != "" && less(text, k.Least) {
		_ = parse(k.Least) // keeps the value sane for the checks that follow
		return &complaint{what: "is too small", want: want, guess: k.Least}
	}
	if k.Most != "" && less(k.Most, text) {
		_ = parse(k.Most)
		return &complaint{what: "is too large", want: want, guess: k.Most}
	}
	return nil
}

func parseBool(s string, v reflect.Value) *complaint {
	switch s {
	case "true", "false":
		v.SetBool(s == "true")
		return nil
	}
	return &complaint{what: "is neither true nor false", guess: nearest(s, nil, map[string]string{"yes": "true", "on": "true", "1": "true", "y": "true", "no": "false", "off": "false", "0": "false", "n": "false"})}
}

func parseInt(s string, v reflect.Value) *complaint {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return &complaint{what: "is not a whole number", want: "a whole number"}
	}
	v.SetInt(n)
	return nil
}

// wantedKind says what a value of the key looks like.
func (r *reader) wantedKind(kind, rule string) string {
	if k := keyByPath[rule]; k != nil && len(k.Values) > 0 {
		return oneOf(k.Values)
	}
	switch kind {
	case "text", "address", "topic":
		return "a text"
	case "true or false":
		return kind
	}
	return "a " + kind
}

// wanted says what v is filled with.
func (r *reader) wanted(v reflect.Value, rule string) string {
	t := v.Type()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s, ok := reflect.New(t).Interface().(value); ok {
		return r.wantedKind(s.kind(), rule)
	}
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a section, {} for an empty one"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	}
	return r.wantedKind("text", rule)
}

func oneOf(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// suggestKey guesses which key was meant by an unknown one, here or in another section.
func (r *reader) suggestKey(name string, known []string, path, rule string) string {
	if path, ok := foreignWords[strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToLower(name))]; ok {
		for _, k := range known {
			if join(rule, k) == path {
				return didYouMean(k)
			}
		}
		if guess := nearest(name, known, nil); guess == "" {
			return didYouMean(path)
		}
	}
	if guess := nearest(name, known, nil); guess != "" {
		return didYouMean(guess)
	}
	for _, k := range keys {
		if i := strings.LastIndexByte(k.Path, '.'); k.Path[i+1:] == name && !strings.HasSuffix(k.Path, "*") {
			if i < 0 {
				return "it is a key of the top level: take it out of " + path
			}
			return didYouMean(k.Path)
		}
	}
	return ""
}
