package decode

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/decode/hostile"
)

var update = flag.Bool("update", false, "write the examples of docs/types.md anew")

var (
	exampleRegion = regexp.MustCompile(`(?s)<!-- examples (.+?) -->\n(.*?)<!-- end -->`)
	codeRow       = regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\|")
)

// The page that says what types accept shows the cases that the tests run, no others, and lists the codes that there are.
func TestTypesDoc_ShowsWhatTheTestsRun(t *testing.T) {
	const path = "../docs/types.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	made := exampleRegion.ReplaceAllStringFunc(string(page), func(region string) string {
		typ := exampleRegion.FindStringSubmatch(region)[1]
		shown[typ] = true
		table := examples(typ)
		if table == "" {
			t.Errorf("%s: no examples of %s", path, typ)
		}
		return "<!-- examples " + typ + " -->\n" + table + "<!-- end -->"
	})
	if made != string(page) {
		if !*update {
			t.Errorf("%s is not what the cases say; run go test ./decode -run TypesDoc -update", path)
		} else if err := os.WriteFile(path, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, typ := range []string{"boolean", "int", "long", "float", "double", "decimal(9,2)", "date", "time", "timestamp", "timestamptz", "timestamp_ns", "timestamptz_ns", "string", "uuid", "binary", "fixed[4]", "list<long>", "map<string,int>", "struct<a:int,b:string>"} {
		if !shown[typ] {
			t.Errorf("%s: shows no examples of %s", path, typ)
		}
	}
	var codes []string
	_, section, _ := strings.Cut(made, "## Codes")
	for _, m := range codeRow.FindAllStringSubmatch(section, -1) {
		codes = append(codes, m[1])
	}
	if !slices.Equal(codes, Codes) {
		t.Errorf("%s lists codes %v, there are %v", path, codes, Codes)
	}
	met := map[string]bool{}
	for _, c := range hostile.Cases() {
		met[c.Code] = true
	}
	for _, code := range Codes {
		if !met[code] {
			t.Errorf("code %s: no record of the hostile set has it", code)
		}
	}
}

// examples are the values of a type as a table. Those that a page cannot show are left to the tests.
func examples(typ string) string {
	var b strings.Builder
	shown := map[string]bool{}
	for _, v := range hostile.Values() {
		if v.Type != typ || len(v.JSON) > 80 || strings.ContainsFunc(v.JSON, func(r rune) bool { return r < ' ' || r == 0xfffd || r == 0x7f || r == 0xffff }) || strings.ContainsRune(v.Want, 0xffff) {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("| JSON | becomes |\n|---|---|\n")
		}
		option := ""
		if v.Unit != "" {
			option = ", unit: " + v.Unit
		}
		if v.Zone != "" {
			option += ", zone: " + v.Zone
		}
		fate := code(v.Want)
		if v.Code != "" {
			fate = "bad: " + v.Code
		}
		row := fmt.Sprintf("| %s%s | %s |\n", code(v.JSON), option, fate)
		if !shown[row] {
			b.WriteString(row)
		}
		shown[row] = true
	}
	return b.String()
}

func code(s string) string {
	s = strings.ReplaceAll(s, "|", `\|`)
	if strings.Contains(s, "`") {
		return "`` " + s + " ``"
	}
	return "`" + s + "`"
}
