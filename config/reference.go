package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference is the table of every key, in Markdown: docs/configuration.md holds it.
func Reference() string {
	var b strings.Builder
	d := Defaults()
	d.Tables = []Table{defaultTable()}
	for _, section := range []struct{ title, path string }{
		{"Top level", ""}, {"`kafka`", "kafka"}, {"`catalog`", "catalog"}, {"`s3`", "s3"}, {"`tables`, each entry", "tables[]"}, {"`commit`", "commit"}, {"`policy`", "policy"},
	} {
		fmt.Fprintf(&b, "### %s\n\n", section.title)
		if k := keyByPath[strings.TrimSuffix(section.path, "[]")]; k != nil {
			b.WriteString(k.Doc + "\n\n")
		}
		b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
		for _, k := range keys {
			if sectionOf(k.Path) != section.path || k.Path == "" || strings.HasSuffix(k.Path, "properties.*") || k.Path == "tables[].columns.*" {
				continue
			}
			name := strings.TrimPrefix(strings.TrimPrefix(k.Path, section.path), ".")
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, valueCell(k), defaultCell(k, &d), strings.ReplaceAll(k.Doc, "|", `\|`))
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// sectionOf is the heading that a key stands under.
func sectionOf(path string) string {
	for _, s := range []string{"kafka", "catalog", "s3", "tables[]", "commit", "policy"} {
		if strings.HasPrefix(path, s+".") {
			return s
		}
	}
	return ""
}

func valueCell(k Key) string {
	if len(k.Values) > 0 {
		out := "`" + strings.Join(k.Values, "`, `") + "`"
		if typeOf(k.Path).Kind() == reflect.Slice {
			out = "list of " + out
		}
		if len(k.Later) > 0 {
			out += " (not yet: " + strings.Join(k.Later, ", ") + ")"
		}
		return out
	}
	out := kindName(typeOf(k.Path))
	switch {
	case k.Least != "" && k.Most != "":
		out += ", " + k.Least + " to " + k.Most
	case k.Least != "":
		out += ", at least " + k.Least
	}
	return out
}

func kindName(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v, ok := reflect.New(t).Interface().(value); ok {
		if t == reflect.TypeFor[Secret]() {
			return "text, secret"
		}
		if t == reflect.TypeFor[Start]() {
			return "`earliest`, `latest`, `time:…`"
		}
		return v.kind()
	}
	if t == reflect.TypeFor[Properties]() {
		return "names and texts"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "`true`, `false`"
	case reflect.Int:
		return "whole number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct && t.Elem() != reflect.TypeFor[Topic]() {
			return "list of sections"
		}
		return "list of texts"
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return "names and texts"
		}
		return "names and sections"
	case reflect.Struct:
		return "section"
	}
	return "text"
}

func defaultCell(k Key, d *Config) string {
	if k.Required {
		return "required"
	}
	if k.Default != "" {
		return k.Default
	}
	if v, ok := defaultOf(k.Path, d); ok {
		return "`" + v + "`"
	}
	if t := typeOf(k.Path); t.Kind() == reflect.Struct && t != reflect.TypeFor[Secret]() && t != reflect.TypeFor[URI]() && t != reflect.TypeFor[Properties]() {
		return "see below"
	}
	return "none"
}

// defaultOf spells the default of a key as the file would, if it has one that can be told without the file.
func defaultOf(path string, d *Config) (string, bool) {
	v := reflect.ValueOf(d).Elem()
	for _, part := range strings.Split(path, ".") {
		name, list := strings.CutSuffix(part, "[]")
		if v.Kind() == reflect.Pointer {
			v = reflect.New(v.Type().Elem()).Elem()
		}
		if name == "*" || v.Kind() != reflect.Struct {
			return "", false
		}
		v = field(v, name)
		if list {
			if v.Len() == 0 {
				v = reflect.New(v.Type().Elem()).Elem()
			} else {
				v = v.Index(0)
			}
		}
	}
	if v.Kind() == reflect.Int && v.Int() == 0 {
		return "", false
	}
	if s, ok := v.Interface().(fmt.Stringer); ok && v.Kind() != reflect.Struct {
		return s.String(), true
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), v.String() != ""
	case reflect.Bool:
		return fmt.Sprint(v.Bool()), true
	case reflect.Int:
		return fmt.Sprint(v.Int()), true
	}
	if s, ok := v.Interface().(Start); ok {
		return s.String(), true
	}
	return "", false
}

// typeOf is the Go type behind a key's path.
func typeOf(path string) reflect.Type {
	t := reflect.TypeFor[Config]()
	for _, part := range strings.Split(path, ".") {
		name, list := strings.CutSuffix(part, "[]")
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch {
		case name == "*" && t == reflect.TypeFor[Properties]():
			t = reflect.TypeFor[string]()
		case name == "*":
			t = t.Elem()
		default:
			t = field(reflect.New(t).Elem(), name).Type()
		}
		if list {
			t = t.Elem()
		}
	}
	return t
}

func field(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == name {
			return v.Field(i)
		}
	}
	panic("config: no key " + name + " in " + v.Type().String())
}
