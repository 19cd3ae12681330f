package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testNamed is how a page names a test: its file, its function, and a situation of it if it has several.
var testNamed = regexp.MustCompile("`([a-z0-9_/]+_test\\.go): (Test\\w+)(?:/(\\w+))?`")

func TestCases_EveryTestExists(t *testing.T) {
	page := read(t, "cases.md")
	numbers := map[string]int{}
	for line := range strings.Lines(page) {
		m := regexp.MustCompile(`^\| ([A-Z][a-z]+) (\d+) \|`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		numbers[m[1]]++
		if m[2] != fmt.Sprint(numbers[m[1]]) {
			t.Errorf("case %s %s comes where %d should", m[1], m[2], numbers[m[1]])
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !testNamed.MatchString(cells[3]) || strings.TrimSpace(testNamed.ReplaceAllString(strings.ReplaceAll(cells[3], ", ", ""), "")) != "" {
			t.Errorf("%s %s has no tests as `file: name`: %s", m[1], m[2], cells[len(cells)-1])
		}
	}
	if len(numbers) != 8 {
		t.Errorf("cases of %v", numbers)
	}
	testsExist(t, page, 100)
}

// testsExist looks for each test that a page names, of which there are some.
func testsExist(t *testing.T, page string, least int) {
	t.Helper()
	named := testNamed.FindAllStringSubmatch(page, -1)
	if len(named) < least {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, m := range named {
		file := filepath.Join("..", m[1])
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), "\nfunc "+m[2]+"(t *testing.T)") {
			t.Errorf("%s has no %s", m[1], m[2])
		}
		if m[3] != "" && !situation(t, filepath.Dir(file), m[3]) {
			t.Errorf("%s: no situation of %s is called %s", m[1], m[2], m[3])
		}
	}
}

// situation tells whether a Go file in the folder or below it spells the name as a text.
func situation(t *testing.T, dir, name string) bool {
	t.Helper()
	found := false
	for _, pattern := range []string{"*.go", "*/*.go"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			found = found || strings.Contains(read(t, f), `"`+name+`"`)
		}
	}
	return found
}
