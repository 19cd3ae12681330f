package schema

import (
	"strings"
	"testing"
)

func TestParseType_ReadsWhatDescribeWrites(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"boolean", ""}, {"int", ""}, {"long", ""}, {"float", ""}, {"double", ""}, {"date", ""}, {"time", ""}, {"timestamp", ""},
		{"timestamptz", ""}, {"timestamp_ns", ""}, {"timestamptz_ns", ""}, {"string", ""}, {"uuid", ""}, {"binary", ""}, {"fixed[16]", ""},
		{"decimal(12,2)", ""}, {"decimal( 38 , 38 )", "decimal(38,38)"}, {"DECIMAL(1,0)", "decimal(1,0)"}, {"fixed(4)", "fixed[4]"}, {" Long ", "long"},
		{"list<string>", ""}, {"list<string required>", ""}, {"list< string not null >", "list<string required>"}, {"list<int optional>", "list<int>"},
		{"map<string,int>", "map<string, int>"}, {"map<long, list<double> required>", ""}, {"map<string required, int>", "map<string, int>"},
		{"struct<a:int,b:list<string>>", "struct<a: int, b: list<string>>"}, {"struct<a: int required>", ""},
		{"struct<order-date: date, größe: double, 1st: int>", ""}, {"struct<`with space`: int, `a``b`: int, `x:y`: int>", ""},
		{"struct<`a`:int>", "struct<a: int>"}, {"list<list<map<int, struct<a: struct<b: uuid>>>>>", ""},
	} {
		got, err := ParseType(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		want := c.want
		if want == "" {
			want = c.text
		}
		if Describe(got) != want {
			t.Errorf("%s: read as %s, want %s", c.text, Describe(got), want)
		}
		if again, err := ParseType(Describe(got)); err != nil || Describe(again) != want {
			t.Errorf("%s: its description %s does not read back: %v", c.text, Describe(got), err)
		}
	}
}

func TestParseType_SaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "a type is missing"}, {"lnog", "did you mean long?"}, {"bigint", "it is called long"}, {"strin", "did you mean string?"},
		{"decimal", "( is missing"}, {"decimal(39,2)", "from 1 to 38"}, {"decimal(0,0)", "from 1 to 38"}, {"decimal(5,6)", "from 0 to its precision"},
		{"decimal(a,2)", "precision of a decimal must be a whole number"}, {"decimal(5;2)", "between precision and scale"}, {"decimal(5,2", ") is missing"},
		{"fixed", "( is missing"}, {"fixed[0]", "from 1"}, {"fixed[16)", "where ] must be"}, {"fixed[99999999999999999999]", "whole number"},
		{"list", "< is missing"}, {"list<>", "where a type must be"}, {"list<string", "> is missing"}, {"list<string>x", `"x" after the type`},
		{"map<string>", "where , must be"}, {"map<list<int>,int>", "the key of a map cannot be list<int>"}, {"map<string,int,int>", "where > must be"},
		{"struct<>", "name of a field is missing"}, {"struct<a>", "where : must be"}, {"struct<a:int,>", "name of a field is missing"},
		{"struct<a:int b:int>", "where > must be"}, {"struct<``:int>", "name of a field is empty"}, {"struct<`a:int>", "backquote"},
		{"variant", "does not write variant yet"}, {"geometry", "not write geometry"}, {"string not", `"not" after the type`}, {"int?", `"?" after`},
		{"zzzzzzzz", "known are boolean, int"}, {strings.Repeat("list<", 70) + "int", "nested deeper than 64"}, {"array<int>", "it is called list"},
	} {
		got, err := ParseType(c.text)
		if err == nil {
			t.Errorf("%q: read as %s", c.text, Describe(got))
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want mention of %q", c.text, err, c.want)
		}
	}
}

func FuzzParseType(f *testing.F) {
	for _, s := range []string{"long", "decimal(12,2)", "struct<a:int required,b:map<string,list<fixed[3]>>>", "struct<`a``b`:int>", "list<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseType(s)
		if err != nil {
			return
		}
		again, err := ParseType(Describe(got))
		if err != nil || !again.Equals(got) {
			t.Errorf("%q: described as %q, which reads as %v, %v", s, Describe(got), again, err)
		}
	})
}

func TestNearest_IsNearOrLists(t *testing.T) {
	known := []string{"topic", "partition", "offset"}
	for name, want := range map[string]string{"ofset": "did you mean offset?", "topci": "did you mean topic?", "zz": "known are topic, partition, offset"} {
		if got := nearest(name, known); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
