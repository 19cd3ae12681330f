package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of docs")

const begin, end = "<!-- generated: the reference; go test ./config -run Docs -update -->\n", "<!-- end of the generated part -->\n"

func TestDocs_ReferenceIsWhatTheCodeSays(t *testing.T) {
	const file = "../docs/configuration.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks around its generated part", file)
	}
	want := "\n" + Reference() + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != want {
		t.Errorf("%s differs from the code: run go test ./config -run Docs -update", file)
	}
}

func TestDocs_SchemaIsWhatTheCodeSays(t *testing.T) {
	const file = "../docs/sinker.schema.json"
	if *update {
		if err := os.WriteFile(file, JSONSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, JSONSchema()) {
		t.Errorf("%s differs from the code: run go test ./config -run Docs -update", file)
	}
}

func TestDocs_ExampleIsSound(t *testing.T) {
	data, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/configuration.md has no example")
	}
	env := func(string) (string, bool) { return "a value", true }
	if _, err := Parse("example", []byte(example), env, nil); err != nil {
		t.Errorf("the example of docs/configuration.md has faults:\n%v", err)
	}
}

// Every key has an explanation, and every explanation a key.
func TestKeys_MatchTheConfig(t *testing.T) {
	paths := map[string]bool{}
	var walk func(rt reflect.Type, path string)
	walk = func(rt reflect.Type, path string) {
		for rt.Kind() == reflect.Pointer {
			rt = rt.Elem()
		}
		if path != "" {
			paths[path] = true
		}
		if _, ok := reflect.New(rt).Interface().(value); ok {
			return
		}
		if rt == reflect.TypeFor[Properties]() {
			paths[path+".*"] = true
			return
		}
		switch rt.Kind() {
		case reflect.Struct:
			for i := range rt.NumField() {
				if name := rt.Field(i).Tag.Get("yaml"); name != "" && name != "-" {
					walk(rt.Field(i).Type, join(path, name))
				}
			}
		case reflect.Slice:
			if _, ok := reflect.New(rt.Elem()).Interface().(value); !ok && rt.Elem().Kind() == reflect.Struct {
				walk(rt.Elem(), path+"[]")
				delete(paths, path+"[]")
			}
		case reflect.Map:
			walk(rt.Elem(), path+".*")
		}
	}
	walk(reflect.TypeFor[Config](), "")
	for p := range paths {
		if keyByPath[p] == nil || keyByPath[p].Doc == "" {
			t.Errorf("key %s is not explained in keys", p)
		}
	}
	for p := range keyByPath {
		if !paths[p] {
			t.Errorf("keys explains %s, which is no key", p)
		}
	}
}

func TestJSON_HoldsEveryKeyInTheOrderOfTheFile(t *testing.T) {
	c, err := parse(sound)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"sink":"orders","kafka":{"brokers":["127.0.0.1:9092"],"group":"sinker-orders","start":"earliest","refresh":"30s","session_timeout":"45s"`,
		`"s3":null`, `"topics":["orders"]`, `"max_bad_share":"off"`, `"every":"10s","target_file_size":"128MiB","history":{"age":"24h","snapshots":1000,"bytes":"4MiB"}`,
		`"memory":"256MiB","shutdown_timeout":"25s","admin":"127.0.0.1:9400"}`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the JSON form lacks %s:\n%s", want, out)
		}
	}
}
