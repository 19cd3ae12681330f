package hostile

import (
	"strconv"
	"strings"

	"github.com/sinker-io/sinker/schema"
)

func columns(pairs ...string) []schema.Column {
	var out []schema.Column
	for i := 0; i < len(pairs); i += 2 {
		typ, required := strings.CutSuffix(pairs[i+1], " required")
		out = append(out, schema.Column{Name: pairs[i], Type: typ, Required: required})
	}
	return out
}

// Records are the cases of whole records.
func Records() []Case {
	id := columns("id", "long required", "name", "string")
	row := func(name string, cols []schema.Column, payload, want string) Case {
		return Case{Name: name, Columns: cols, Payload: []byte(payload), Want: want}
	}
	bad := func(name string, cols []schema.Column, payload, code string) Case {
		return Case{Name: name, Columns: cols, Payload: []byte(payload), Code: code}
	}
	odd := columns("order-date", "int", "größe", "int", "1st", "int", "with space", "int", "a.b", "int", "😎", "int", `q"t`, "int")
	out := []Case{
		row("plain", id, `{"id":7,"name":"x"}`, `{"id": 7, "name": "x"}`),
		row("other order", id, `{"name":"x","id":7}`, `{"id": 7, "name": "x"}`),
		row("white space", id, " \t\r\n{ \"id\" : 7 ,\n\"name\"\t:\r\"x\" } \r\n", `{"id": 7, "name": "x"}`),
		row("newline at the end", id, "{\"id\":7}\n", `{"id": 7, "name": null}`),
		row("byte order mark", id, "\xef\xbb\xbf{\"id\":7}", `{"id": 7, "name": null}`),
		bad("two byte order marks", id, "\xef\xbb\xbf\xef\xbb\xbf{\"id\":7}", "not_json"),
		bad("byte order mark alone", id, "\xef\xbb\xbf", "not_object"),
		bad("UTF-16", id, "\xfe\xff\x00{\x00}", "not_json"),
		bad("UTF-16 without a mark", id, "{\x00\"\x00i\x00", "not_json"),
		bad("missing required", id, `{"name":"x"}`, "missing_required"),
		bad("null in required", id, `{"id":null}`, "null_required"),
		bad("nothing at all", id, `{}`, "missing_required"),
		row("nothing needed", columns("a", "int"), `{}`, `{"a": null}`),
		bad("duplicate known", id, `{"id":1,"id":2}`, "duplicate_key"),
		bad("duplicate known, same value", id, `{"id":1,"name":"x","id":1}`, "duplicate_key"),
		bad("duplicate by escape", id, `{"id":1,"\u0069d":2}`, "duplicate_key"),
		bad("duplicate unknown", id, `{"id":1,"z":2,"z":3}`, "duplicate_key"),
		bad("duplicate unknown by escape", id, `{"id":1,"z":2,"\u007a":3}`, "duplicate_key"),
		bad("duplicate deep in unknown", id, `{"id":1,"z":[{"a":{"k":1,"k":2}}]}`, "duplicate_key"),
		row("same key in two objects", id, `{"id":1,"z":{"k":1},"y":{"k":1},"x":[{"k":1},{"k":1}]}`, `{"id": 1, "name": null}`),
		bad("second document", id, `{"id":1}{"id":2}`, "not_json"),
		bad("second document on a line", id, "{\"id\":1}\n{\"id\":2}", "not_json"),
		bad("brace behind", id, `{"id":1}}`, "not_json"),
		bad("NUL behind", id, "{\"id\":1}\x00", "not_json"),
		bad("comma behind", id, `{"id":1},`, "not_json"),
		bad("array", id, `[{"id":1}]`, "not_object"),
		bad("string", id, `"x"`, "not_object"),
		bad("number", id, `1`, "not_object"),
		bad("null", id, `null`, "not_object"),
		bad("true", id, `true`, "not_object"),
		bad("no bytes", id, ``, "not_object"),
		bad("blank", id, "  \n", "not_object"),
		bad("broken array", id, `[1,`, "not_json"),
		bad("array and more", id, `[] []`, "not_json"),
		bad("word", id, `hello`, "not_json"),
		bad("framed JSON", id, "\x00\x00\x00\x00\x2a{\"id\":1}", "framed"),
		bad("framed nothing", id, "\x00\x00\x00\x00\x2a", "framed"),
		bad("a zero byte", id, "\x00", "not_json"),
		bad("comment", id, `{"id":1/*x*/}`, "not_json"),
		bad("line comment", id, "{\"id\":1}//x", "not_json"),
		bad("trailing comma", id, `{"id":1,}`, "not_json"),
		bad("leading comma", id, `{,"id":1}`, "not_json"),
		bad("single quotes", id, `{'id':1}`, "not_json"),
		bad("no quotes", id, `{id:1}`, "not_json"),
		bad("no colon", id, `{"id"1}`, "not_json"),
		bad("two colons", id, `{"id"::1}`, "not_json"),
		bad("no value", id, `{"id":}`, "not_json"),
		bad("no end", id, `{"id":1`, "not_json"),
		bad("only a brace", id, `{`, "not_json"),
		bad("key without end", id, `{"id`, "not_json"),
		bad("form feed is no space", id, "{\"id\":\f1}", "not_json"),
		bad("no-break space is no space", id, "{\"id\":\u00a01}", "not_json"),
		bad("unknown truncated", id, `{"id":1,"b":{"c":`, "not_json"),
		bad("unknown with a bad number", id, `{"id":1,"b":01}`, "not_json"),
		bad("unknown with a bad escape", id, `{"id":1,"b":"\q"}`, "not_json"),
		bad("unknown with a lone surrogate", id, `{"id":1,"b":["\udfff"]}`, "lone_surrogate"),
		bad("unknown not UTF-8", id, "{\"id\":1,\"b\":{\"c\":\"\xff\"}}", "bad_utf8"),
		bad("unknown key not UTF-8", id, "{\"id\":1,\"\xff\":1}", "bad_utf8"),
		bad("unknown key with a lone surrogate", id, `{"id":1,"\ud800":1}`, "lone_surrogate"),
		bad("control character in a key", id, "{\"id\":1,\"a\x01\":1}", "not_json"),
		row("unknown of every kind", id, `{"a":null,"b":[1,2.5e3,"x",{"y":[]}],"id":1,"c":{"d":{"e":true}},"f":-0.0,"g":"\u00e9"}`, `{"id": 1, "name": null}`),
		row("huge number in unknown", id, `{"id":1,"n":1e999999999}`, `{"id": 1, "name": null}`),
		row("key escaped", id, `{"\u0069d":7,"n\u0061me":"x"}`, `{"id": 7, "name": "x"}`),
		row("every letter escaped", id, `{"\u0069\u0064":7}`, `{"id": 7, "name": null}`),
		row("key in another case is another key", id, `{"id":7,"ID":8,"Name":"x"}`, `{"id": 7, "name": null}`),
		row("key that begins like a column", id, `{"id":7,"idx":8,"i":9,"":10}`, `{"id": 7, "name": null}`),
		row("odd names", odd, `{"order-date":1,"größe":2,"1st":3,"with space":4,"a.b":5,"😎":6,"q\"t":7}`,
			`{"order-date": 1, "größe": 2, "1st": 3, "with space": 4, "a.b": 5, "😎": 6, "q\"t": 7}`),
		row("odd names escaped", odd, `{"gr\u00f6\u00dfe":2,"\ud83d\ude0e":6,"a\u002eb":5}`,
			`{"order-date": null, "größe": 2, "1st": null, "with space": null, "a.b": 5, "😎": 6, "q\"t": null}`),
		row("a dot is no path", columns("a.b", "int"), `{"a":{"b":1}}`, `{"a.b": null}`),
		row("two columns in case only", columns("k", "int", "K", "int"), `{"K":2,"k":1}`, `{"k": 1, "K": 2}`),
		row("null struct and struct of nulls", columns("s", "struct<a:int>", "t", "struct<a:int>"), `{"s":null,"t":{"a":null}}`, `{"s": null, "t": {"a": null}}`),
		row("required inside of null", columns("s", "struct<a:int required, t: struct<b:uuid required> required>", "x", "int"), `{"x":1}`, `{"s": null, "x": 1}`),
		bad("required deep down", columns("s", "list<struct<a:struct<b:int required>>>"), `{"s":[{"a":{"b":1}},{"a":{}}]}`, "missing_required"),
		bad("fault in the last column", columns("a", "list<string>", "b", "map<string,long>", "c", "struct<d:string,e:list<int>>", "z", "int"),
			`{"a":["x","y"],"b":{"k":1},"c":{"d":"x","e":[1,2]},"z":"no"}`, "bad_value"),
		bad("fault inside of a list", columns("a", "list<struct<x:string,y:int>>"), `{"a":[{"x":"p","y":1},{"x":"q","y":1e10}]}`, "out_of_range"),
		bad("100,000 brackets", id, `{"id":1,"b":`+strings.Repeat("[", 100_000), "too_deep"),
		bad("100,000 objects", id, `{"id":1,"b":`+strings.Repeat(`{"a":`, 100_000), "too_deep"),
		bad("100,000 brackets at the top", id, strings.Repeat("[", 100_000), "too_deep"),
		row("nested to the limit", id, `{"id":1,"b":`+strings.Repeat("[", 127)+strings.Repeat("]", 127)+`}`, `{"id": 1, "name": null}`),
		bad("nested beyond the limit", id, `{"id":1,"b":`+strings.Repeat("[", 128)+strings.Repeat("]", 128)+`}`, "too_deep"),
		row("a key of 100 kB", id, `{"id":1,"`+strings.Repeat("k", 100_000)+`":1}`, `{"id": 1, "name": null}`),
		bad("unknown duplicated after many", id, `{"id":1,`+manyKeys(5000)+`,"k77":1}`, "duplicate_key"),
		row("5,000 unknown keys", id, `{"id":1,`+manyKeys(5000)+`}`, `{"id": 1, "name": null}`),
		bad("a list of nulls in many columns", columns("s", "list<struct<"+manyFields(2000)+">>"), `{"s":[`+strings.Repeat("{},", 50_000)+`{}]}`, "too_large"),
	}
	return out
}

// manyKeys are n members with keys k0, k1, …
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + strconv.Itoa(i) + `":1`)
	}
	return b.String()
}

// manyFields are n fields of a struct.
func manyFields(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = "f" + strconv.Itoa(i) + ":long"
	}
	return strings.Join(parts, ",")
}
