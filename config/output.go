package config

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// MarshalJSON gives every key of the configuration, defaults included, under the names and in the order of
// the file; secrets are redacted.
func (c Config) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := encode(&b, reflect.ValueOf(c)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func encode(b *bytes.Buffer, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			b.WriteString("null")
			return nil
		}
		v = v.Elem()
	}
	_, own := v.Interface().(json.Marshaler)
	if own && v.Type() != reflect.TypeFor[Config]() {
		return encodePlain(b, v)
	}
	switch v.Kind() {
	case reflect.Struct:
		b.WriteByte('{')
		first := true
		for i := range v.NumField() {
			name := v.Type().Field(i).Tag.Get("yaml")
			if name == "" || name == "-" {
				continue
			}
			if !first {
				b.WriteByte(',')
			}
			first = false
			b.WriteString(`"` + name + `":`)
			if err := encode(b, v.Field(i)); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := encode(b, v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case reflect.Map:
		b.WriteByte('{')
		m := map[string]reflect.Value{}
		for _, k := range v.MapKeys() {
			m[k.String()] = v.MapIndex(k)
		}
		for i, k := range sortedKeys(m) {
			if i > 0 {
				b.WriteByte(',')
			}
			name, _ := jsonText(k)
			b.Write(name)
			b.WriteByte(':')
			if err := encode(b, m[k]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	}
	return encodePlain(b, v)
}

func encodePlain(b *bytes.Buffer, v reflect.Value) error {
	out, err := jsonText(v.Interface())
	b.Write(out)
	return err
}

// jsonText is json.Marshal without escapes meant for web pages: & stays &.
func jsonText(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// String, GoString and Format keep %v and %+v from printing a configuration field by field.
func (c Config) String() string {
	out, err := c.MarshalJSON()
	if err != nil {
		return "configuration of sink " + c.Sink
	}
	return string(out)
}

// GoString is String.
func (c Config) GoString() string { return c.String() }
