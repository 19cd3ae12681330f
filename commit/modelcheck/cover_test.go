package modelcheck

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ruled are the functions that decide, by file. Covers and dead letters are reached by the models of their own.
var ruled = map[string]string{
	"resolve.go":   "Resolve heldBy acrossGap cherryPicked traceOf Sinks CarryOthers Lineage stop",
	"fold.go":      "Fold fits advance",
	"committer.go": "Reanchor Land",
	"amend.go":     "Change Endangered",
}

// Every statement of the rules is reached by the small set: this runs it again with the coverage profile of package commit.
// What the compiler counts cannot be forgotten, as a counter of ours could.
func TestRules_AreReachedToTheLastStatement(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "profile")
	const pkg = "github.com/sinker-io/sinker/commit"
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestQuick_HoldsAndReachesEveryBranch$", "-covermode=count", "-coverpkg="+pkg,
		"-coverprofile="+profile, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	times := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		file, rest, ok := strings.Cut(strings.TrimPrefix(lines.Text(), pkg+"/"), ":")
		functions, rules := ruled[file]
		if !ok || !rules {
			continue
		}
		var from, fromCol, to, toCol, statements, count int
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &from, &fromCol, &to, &toCol, &statements, &count); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		name := functionAt(t, filepath.Join("..", file), from)
		if !strings.Contains(" "+functions+" ", " "+name+" ") {
			continue
		}
		times[name] = max(times[name], count)
		if count == 0 {
			t.Errorf("commit/%s: lines %d to %d of %s were never reached", file, from, to, name)
		}
	}
	for _, functions := range ruled {
		for _, name := range strings.Fields(functions) {
			if times[name] == 0 {
				t.Errorf("%s was never reached, or is no more", name)
			}
			t.Logf("%10d  %s", times[name], name)
		}
	}
}

// functionAt names the function around a line.
func functionAt(t *testing.T, path string, line int) string {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fset.Position(fn.Pos()).Line <= line && line <= fset.Position(fn.End()).Line {
			return fn.Name.Name
		}
	}
	return ""
}
