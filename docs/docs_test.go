// Package docs holds no code. Its test keeps the documents honest.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// documents are all Markdown files that the project has.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"../*.md", "*.md", "../deploy/*.md", "../*/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	out = slices.DeleteFunc(out, func(f string) bool { return strings.HasPrefix(f, "../.") || strings.HasPrefix(f, "../bin") })
	if len(out) < 5 {
		t.Fatalf("found only %v", out)
	}
	return out
}

var (
	fence = regexp.MustCompile("(?ms)^```[^\n]*\n.*?^```\n")
	code  = regexp.MustCompile("`[^`\n]*`")
)

func TestLinks_LeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, file := range documents(t) {
		prose := code.ReplaceAllString(fence.ReplaceAllString(read(t, file), ""), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: link %q: %v", file, m[1], err)
				continue
			}
			if u.Scheme != "" {
				continue
			}
			target := file
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(file), u.Path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link %q leads nowhere", file, m[1])
				continue
			}
			if u.Fragment != "" && !slices.Contains(anchors(read(t, target)), u.Fragment) {
				t.Errorf("%s: link %q: %s has no such heading", file, m[1], target)
			}
		}
	}
}

// anchors are the names that the headings of a document can be reached by.
func anchors(text string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return out
}

func TestOperations_EveryStopHasItsSection(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../commit/stop.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "operations.md")
	_, reasons, _ := strings.Cut(text, "\n## Reasons\n")
	reasons, _, _ = strings.Cut(reasons, "\n## ")
	described := map[string]bool{}
	for _, section := range strings.Split(reasons, "\n### ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		described[name] = true
		for _, part := range []string{"**Found:**", "**Do:**"} {
			if !strings.Contains(body, part) {
				t.Errorf("the section %q lacks %s", name, part)
			}
		}
	}
	known := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != "Reason" {
			return true
		}
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		known++
		if !described[name] {
			t.Errorf("operations.md has no section %q", name)
		}
		delete(described, name)
		return true
	})
	if known < 15 {
		t.Fatalf("only %d reasons were found in commit/stop.go", known)
	}
	for name := range described {
		t.Errorf("operations.md has a section %q, and there is no such STOP", name)
	}
}

func TestOperations_EveryMetricExists(t *testing.T) {
	source := read(t, "../admin/metrics.go") + read(t, "../admin/gauges.go")
	for _, file := range documents(t) {
		for _, m := range regexp.MustCompile(`\bsinker_([a-z_]+[a-z])\b`).FindAllStringSubmatch(read(t, file), -1) {
			if !strings.Contains(source, `"`+m[1]+`"`) && !strings.Contains(source, `"sinker_`+m[1]+`"`) {
				t.Errorf("%s names the metric sinker_%s, which nothing makes", file, m[1])
			}
		}
	}
}

func TestReadme_TheTestCommandIsWhatCIRuns(t *testing.T) {
	const command = "make test"
	if !strings.Contains(read(t, "../README.md"), "\n"+command+"\n") {
		t.Errorf("README.md does not give %q on a line of its own", command)
	}
	if !strings.Contains(read(t, "../.ci/run"), " "+command+"\n") {
		t.Errorf(".ci/run does not run %q", command)
	}
}

// TestArchitecture_TheRulesOfImportAreTheLinters holds the table of rooms against the linter's configuration.
func TestArchitecture_TheRulesOfImportAreTheLinters(t *testing.T) {
	const module = "github.com/sinker-io/sinker/"
	lint := read(t, "../.golangci.yml")
	row := regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| [^|]+ \\| ([^|]+) \\|$")
	rows := row.FindAllStringSubmatch(read(t, "architecture.md"), -1)
	checked := 0
	for _, r := range rows {
		room, may := r[1], regexp.MustCompile("[a-z]+").FindAllString(strings.ReplaceAll(r[2], "`", " "), -1)
		_, rule, ok := strings.Cut(lint, "\n        "+room+":\n")
		if !ok || strings.Contains(r[2], "everything") {
			continue
		}
		_, rule, _ = strings.Cut(rule, "          allow:\n")
		var allowed []string
		for line := range strings.Lines(rule) {
			pkg, ok := strings.CutPrefix(strings.TrimSpace(line), "- "+module)
			if !ok {
				break
			}
			if pkg != room {
				allowed = append(allowed, pkg)
			}
		}
		slices.Sort(allowed)
		slices.Sort(may)
		if !slices.Equal(allowed, may) {
			t.Errorf("room %s may import %v by .golangci.yml, %v by architecture.md", room, allowed, may)
		}
		checked++
	}
	if checked < 13 {
		t.Errorf("only %d rooms were compared", checked)
	}
}
