package config

import (
	"encoding/json"
	"reflect"
	"strings"
)

// JSONSchema is the schema of the file for editors: docs/sinker.schema.json holds it. It knows forms and
// words; what only the keys together tell is left to `sinker check`.
func JSONSchema() []byte {
	d := Defaults()
	d.Tables = []Table{defaultTable()}
	root := schemaOf(reflect.TypeFor[Config](), "", &d)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "sinker configuration"
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of texts and lists of them
	}
	return append(out, '\n')
}

const variable = `\$\{[A-Za-z_][A-Za-z0-9_]*\}`

func schemaOf(t reflect.Type, path string, d *Config) map[string]any {
	s := map[string]any{}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	k := keyByPath[path]
	if k != nil {
		s["description"] = strings.ReplaceAll(k.Doc, "`", "")
		if v, ok := defaultOf(path, d); ok && !k.Required && k.Default == "" {
			s["default"] = typed(t, v)
		}
	}
	text := func(pattern string) map[string]any {
		s["type"] = "string"
		if pattern != "" {
			s["pattern"] = "^(" + pattern + ")$|" + variable
		}
		return s
	}
	switch t {
	case reflect.TypeFor[Duration]():
		return text(`([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+`)
	case reflect.TypeFor[Size]():
		return text(`[0-9]+(\.[0-9]+)? ?(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)`)
	case reflect.TypeFor[Share]():
		return text(`off|[0-9]+(\.[0-9]+)? ?%`)
	case reflect.TypeFor[Start]():
		return text(`earliest|latest|time:.+`)
	case reflect.TypeFor[Topic]():
		return text(`[a-zA-Z0-9._-]{1,249}|/.+/`)
	case reflect.TypeFor[Secret](), reflect.TypeFor[URI]():
		return text("")
	case reflect.TypeFor[Properties]():
		s["type"], s["additionalProperties"] = "object", map[string]any{"type": "string"}
		return s
	}
	switch t.Kind() {
	case reflect.String:
		if path == "sink" {
			return text(strings.Trim(sinkForm.String(), "^$"))
		}
		if k != nil && len(k.Values) > 0 {
			s["type"], s["enum"] = "string", k.Values
			return s
		}
		return text("")
	case reflect.Bool:
		s["type"] = "boolean"
	case reflect.Int:
		s["type"] = "integer"
	case reflect.Slice:
		item := path
		if t.Elem().Kind() == reflect.Struct && t.Elem() != reflect.TypeFor[Topic]() {
			item += "[]"
		}
		items := schemaOf(t.Elem(), item, d)
		delete(items, "description")
		s["type"], s["items"] = "array", items
		if k != nil && k.Required {
			s["minItems"] = 1
		}
	case reflect.Map:
		s["type"], s["additionalProperties"] = "object", schemaOf(t.Elem(), path+".*", d)
	case reflect.Struct:
		sectionSchema(s, t, path, d)
	}
	return s
}

func sectionSchema(s map[string]any, t reflect.Type, path string, d *Config) {
	props := map[string]any{}
	var required []string
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		p := join(path, name)
		props[name] = schemaOf(t.Field(i).Type, p, d)
		if k := keyByPath[p]; k != nil && k.Required {
			required = append(required, name)
		}
	}
	s["type"], s["properties"], s["additionalProperties"] = "object", props, false
	if required != nil {
		s["required"] = required
	}
}

func typed(t reflect.Type, v string) any {
	switch t.Kind() {
	case reflect.Bool:
		return v == "true"
	case reflect.Int:
		return json.Number(v)
	}
	return v
}
