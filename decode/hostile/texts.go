package hostile

import "strings"

func texts() []Value {
	return join(
		of("string").rows(
			`"abc"`, `"abc"`, `""`, `""`, `null`, `null`, `"\"\\\/\b\f\n\r\t"`, `"\"\\/\u0008\u000c\u000a\u000d\u0009"`, `"\u0000"`, `"\u0000"`, `"a\u0000b"`, `"a\u0000b"`, `"\ud83d\ude00"`, `"😀"`, `"\uD83D\uDE00"`, `"😀"`, `"😀"`, `"😀"`, `"\u00e9"`, `"é"`, `"\uffff"`, `"`+"\uffff"+`"`,
			`"\ud800"`, `!lone_surrogate`, `"\udc00\ud800"`, `!lone_surrogate`, `"x\uD83D"`, `!lone_surrogate`, `"\ud83dx"`, `!lone_surrogate`, `"\ud83d\u0041"`, `!lone_surrogate`, `"\ud83d\ud83d\ude00"`, `!lone_surrogate`, `"\ude00"`, `!lone_surrogate`, `"\ud83d\n"`, `!lone_surrogate`,
			`"\x41"`, `!not_json`, `"\u12"`, `!not_json`, `"\u12g4"`, `!not_json`, `"\U0041"`, `!not_json`, `"\'"`, `!not_json`, "\"a\nb\"", `!not_json`, "\"a\tb\"", `!not_json`, "\"a\x00b\"", `!not_json`, "\"\x1f\"", `!not_json`, "\"\x7f\"", `"\u007f"`, `'a'`, `!not_json`, `"a`, `!not_json`, `"a\"`, `!not_json`,
			"\"\xff\"", `!bad_utf8`, "\"\xc0\x80\"", `!bad_utf8`, "\"\xed\xa0\x80\"", `!bad_utf8`, "\"\xf4\x90\x80\x80\"", `!bad_utf8`, "\"\xc3\"", `!bad_utf8`, "\"\xe2\x82\"", `!bad_utf8`, "\"\xf0\x9f\x98\x80\"", `"😀"`, "\"\x80\"", `!bad_utf8`, "\"\\n\xff\"", `!bad_utf8`,
			`{"b":1,"a":1.0}`, `"{\"b\":1,\"a\":1.0}"`, `{ "b" : [ 1 , 2 ] }`, `"{ \"b\" : [ 1 , 2 ] }"`, `1.10`, `"1.10"`, `true`, `"true"`, `[]`, `"[]"`, `-0`, `"-0"`, `1e5`, `"1e5"`, `{"a":1,"a":2}`, `!duplicate_key`, `[1,]`, `!not_json`, `{"a":"\ud800"}`, `!lone_surrogate`, "[\"\xff\"]", `!bad_utf8`, "[\n1 ]", `"[\u000a1 ]"`,
			`"`+strings.Repeat("x", 100)+`"`, `"`+strings.Repeat("x", 100)+`"`, `"1234567\"890"`, `"1234567\"890"`, `"12345678é"`, `"12345678é"`, "\"1234567\xff\"", `!bad_utf8`, "\"12345678\x01\"", `!not_json`),
		of("uuid").rows(
			`"f79c3e09-677c-4bbd-a479-3f349cb785e7"`, `"f79c3e09-677c-4bbd-a479-3f349cb785e7"`, `"F79C3E09-677C-4BBD-A479-3F349CB785E7"`, `"f79c3e09-677c-4bbd-a479-3f349cb785e7"`, `"00000000-0000-0000-0000-000000000000"`, `"00000000-0000-0000-0000-000000000000"`,
			`"1-1-1-1-1"`, `!bad_value`, `"{f79c3e09-677c-4bbd-a479-3f349cb785e7}"`, `!bad_value`, `"urn:uuid:f79c3e09-677c-4bbd-a479-3f349cb785e7"`, `!bad_value`, `"f79c3e09677c4bbda4793f349cb785e7"`, `!bad_value`, `"g79c3e09-677c-4bbd-a479-3f349cb785e7"`, `!bad_value`, `"f79c3e0-9677c-4bbd-a479-3f349cb785e7"`, `!bad_value`, `"f79c3e09-677c-4bbd-a479-3f349cb785e7 "`, `!bad_value`, `"f79c3e09-677c-4bbd-a479-3f34bd-a4797"`, `!bad_value`, `"f79c3e09-677c-4bbd-a479-3f349cb785e-"`, `!bad_value`, `"-79c3e09-677c-4bbd-a479-3f349cb785e7"`, `!bad_value`, `1`, `!wrong_type`),
		of("binary").rows(
			`"AAEC/w=="`, `"000102ff"`, `""`, `""`, `"AAEC/w"`, `!bad_value`, `"AAEC_w=="`, `!bad_value`, `"+/+/"`, `"fbffbf"`, `"-_-_"`, `!bad_value`, `"AAEC/x=="`, `!bad_value`, `"AA EC"`, `!bad_value`, `"AAEC\n"`, `!bad_value`, `"AA\r\n=="`, `!bad_value`, `"A"`, `!bad_value`, `"===="`, `!bad_value`, `"AAEC/w==AA=="`, `!bad_value`, `"é"`, `!bad_value`, `"\u0041AEC"`, `"000102"`, `1`, `!wrong_type`, `[1,2]`, `!wrong_type`),
		of("fixed[4]").rows(`"AAECAw=="`, `"00010203"`, `"AAEC"`, `!bad_value`, `"AAECAwQ="`, `!bad_value`, `""`, `!bad_value`, `"00010203"`, `!bad_value`, `0`, `!wrong_type`),
	)
}

// empties are the empty string in every type but those that hold it.
func empties() []Value {
	var out []Value
	for _, t := range []string{"int", "long", "float", "double", "decimal(9,2)", "date", "time", "timestamp", "timestamptz", "timestamp_ns", "uuid"} {
		out = append(out, of(t).rows(`""`, `!bad_value`, `null`, `null`).values()...)
	}
	return append(out, of("boolean").rows(`""`, `!wrong_type`).values()...)
}

func nested() []Value {
	return join(
		of("list<long>").rows(`[]`, `[]`, `null`, `null`, `[null]`, `[null]`, `[1,null,"3"]`, `[1, null, 3]`, `[1,2,x]`, `!not_json`, `[1,]`, `!not_json`, `[,1]`, `!not_json`, `[1 2]`, `!not_json`, `[1`, `!not_json`, `1`, `!wrong_type`, `{}`, `!wrong_type`, `"[1]"`, `!wrong_type`, `[1.5]`, `!inexact`, `[[1]]`, `!wrong_type`, ` [ 1 , 2 ] `, `[1, 2]`),
		of("list<long required>").rows(`[]`, `[]`, `[1]`, `[1]`, `[null]`, `!null_required`, `[1,2,null]`, `!null_required`),
		of("struct<a:int,b:string>").rows(
			`{}`, `{"a": null, "b": null}`, `null`, `null`, `{"a":1}`, `{"a": 1, "b": null}`, `{"b":"x","a":1}`, `{"a": 1, "b": "x"}`, `{"a":null,"b":null}`, `{"a": null, "b": null}`, `{"a":1,"c":{"d":[1,{}]}}`, `{"a": 1, "b": null}`,
			`{"a":1,"a":2}`, `!duplicate_key`, `{"a":null,"a":2}`, `!duplicate_key`, `{"a":1,"\u0061":2}`, `!duplicate_key`, `{"c":1,"c":1}`, `!duplicate_key`, `{"c":{"x":1,"x":1}}`, `!duplicate_key`, `{"\u0062":"x"}`, `{"a": null, "b": "x"}`, `{"a":1,}`, `!not_json`, `{,}`, `!not_json`, `{"a" 1}`, `!not_json`, `{a:1}`, `!not_json`, `{"a":}`, `!not_json`, `[]`, `!wrong_type`, `"{}"`, `!wrong_type`, `{"a":"x"}`, `!bad_value`),
		of("struct<a:int required,b:int>").rows(`{"b":1}`, `!missing_required`, `{"a":null}`, `!null_required`, `null`, `null`, `{"a":1}`, `{"a": 1, "b": null}`, `{}`, `!missing_required`),
		of("map<string,int>").rows(
			`{}`, `[]`, `null`, `null`, `{"a":1,"b":null}`, `[["a", 1], ["b", null]]`, `{"a":1,"a":2}`, `!duplicate_key`, `{"a":1,"\u0061":2}`, `!duplicate_key`, `{"":1}`, `[["", 1]]`, `{"a":1}`, `[["a", 1]]`, `{"é":1,"\u00e9":2}`, `!duplicate_key`, `{"\ud800":1}`, `!lone_surrogate`, "{\"\xff\":1}", `!bad_utf8`, `[]`, `!wrong_type`, `{"a":"x"}`, `!bad_value`, `{"a":1,}`, `!not_json`),
		of("map<int,string>").rows(
			`{"1":"x","-5":"y"}`, `[[1, "x"], [-5, "y"]]`, `{"1":"x","01":"y"}`, `!bad_value`, `{"1":"x","1.0":"y"}`, `!duplicate_key`, `{"1":"x","1e0":"y"}`, `!duplicate_key`, `{"a":"x"}`, `!bad_value`, `{"":"x"}`, `!bad_value`, `{"2147483648":"x"}`, `!out_of_range`, `{"1.5":"x"}`, `!inexact`, `{"0":"x","-0":"y"}`, `!duplicate_key`),
		of("map<boolean,int>").rows(`{"true":1,"false":2}`, `[[true, 1], [false, 2]]`, `{"yes":1}`, `!bad_value`, `{"true":1,"tru\u0065":2}`, `!duplicate_key`),
		of("map<double,int>").rows(`{"1.5":1,"NaN":2}`, `[[1.5, 1], ["NaN", 2]]`, `{"1.5":1,"15e-1":2}`, `!duplicate_key`, `{"0":1,"-0.0":2}`, `[[0, 1], [-0, 2]]`, `{"NaN":1,"NaN":2}`, `!duplicate_key`, `{"x":1}`, `!bad_value`),
		of("map<date,int>").rows(`{"2024-02-29":1}`, `[["2024-02-29", 1]]`, `{"19782":1}`, `!bad_value`),
		of("map<timestamptz,int>").rows(`{"2024-02-29T12:00:00Z":1,"2024-02-29T14:00:00+02:00":2}`, `!duplicate_key`),
		of("map<decimal(5,2),int>").rows(`{"1.5":1,"1.50":2}`, `!duplicate_key`, `{"1.5":1,"-1.5":2}`, `[["1.50", 1], ["-1.50", 2]]`),
		of("map<uuid,int>").rows(`{"f79c3e09-677c-4bbd-a479-3f349cb785e7":1,"F79C3E09-677C-4BBD-A479-3F349CB785E7":2}`, `!duplicate_key`),
		of("map<binary,int>").rows(`{"AAEC":1,"":2}`, `[["000102", 1], ["", 2]]`),
		of("map<string,int required>").rows(`{"a":null}`, `!null_required`, `{"a":1}`, `[["a", 1]]`),
		of("list<struct<m:map<string,list<int>>>>").rows(
			`null`, `null`, `[]`, `[]`, `[null]`, `[null]`, `[{}]`, `[{"m": null}]`, `[{"m":{}}]`, `[{"m": []}]`, `[{"m":{"a":null}}]`, `[{"m": [["a", null]]}]`, `[{"m":{"a":[]}}]`, `[{"m": [["a", []]]}]`, `[{"m":{"a":[null]}}]`, `[{"m": [["a", [null]]]}]`,
			`[{"m":{"a":[1,2],"b":[3]}},null,{"m":{"c":[4]}}]`, `[{"m": [["a", [1, 2]], ["b", [3]]]}, null, {"m": [["c", [4]]]}]`, `[{"m":{"a":[1]}},{"m":{"a":[1],"a":[2]}}]`, `!duplicate_key`, `[{"m":{"a":[1]}},{"m":{"a":[1]}}]`, `[{"m": [["a", [1]]]}, {"m": [["a", [1]]]}]`),
	)
}
