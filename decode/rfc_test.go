package decode

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/schema"
)

// rfcCase is a line of testdata/rfc8259.txt.
type rfcCase struct {
	fate string // yes, no, or the code of what is refused beyond the grammar
	text []byte
	part bool // may stand as a value inside of an object
}

func rfcCases(t testing.TB) []rfcCase {
	t.Helper()
	file, err := os.Open("testdata/rfc8259.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out []rfcCase
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fate, quoted, ok := strings.Cut(line, " ")
		text, err := strconv.Unquote(strings.TrimSpace(quoted))
		if !ok || err != nil {
			t.Fatalf("testdata/rfc8259.txt:%d: %v", n, err)
		}
		fate, document := strings.CutSuffix(fate, "/document")
		out = append(out, rfcCase{fate: fate, text: []byte(text), part: !document})
	}
	return out
}

// Each text stands as the whole payload, as a field without a column, as text of a string column and as an element: what the grammar says of it is
// said in every place.
func TestJSON_KeepsToRFC8259(t *testing.T) {
	sc := build(t, []schema.Column{{Name: "s", Type: "string"}, {Name: "l", Type: "list<string>"}})
	d, err := New("json", sc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := NewRows(sc)
	cases := rfcCases(t)
	if len(cases) < 200 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, c := range cases {
		places := []string{"%"}
		if c.part {
			places = append(places, `{"unknown":%}`, `{"s":%}`, `{"l":[%]}`, `{"l":[1, % ,2]}`, `{"unknown":[{"x":%}]}`)
		}
		for _, place := range places {
			before, after, _ := strings.Cut(place, "%")
			payload := append(append([]byte(before), c.text...), after...)
			n := rows.N
			err := d.Append(rows, &kgo.Record{Value: payload})
			code := ""
			var fault *RecordError
			if errors.As(err, &fault) {
				code = fault.Code
			}
			var ok bool
			switch c.fate {
			case "yes":
				ok = err == nil || place == "%" && code == CodeNotObject
			case "no":
				ok = code == CodeNotJSON || code == CodeBadUTF8 || place == "%" && len(strings.TrimSpace(string(c.text))) == 0 && code == CodeNotObject
			default:
				ok = code == c.fate
			}
			if !ok {
				t.Errorf("%q: %v, want %s", payload, err, c.fate)
			}
			if err != nil && rows.N != n {
				t.Errorf("%q: a row was left", payload)
			}
		}
	}
	checkLengths(t, "all", rows, rows.N)
}
