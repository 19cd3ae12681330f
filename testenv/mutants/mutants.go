// Package mutants breaks sinker on purpose and looks who notices.
//
// A test that no fault can turn red proves nothing. There are two kinds of faults here:
//
//   - every mutant that a generator makes of a package: comparisons shifted, conditions forced, operands, statements, cases, fields
//     and early returns dropped, values replaced (Generate). They measure how well the tests of the rules hold the rules.
//   - chosen ones, each a patch under patches/ with a header that says what it breaks and which layer of the proof must notice.
//
// Neither ever touches the tree: the go command is given an overlay. All generated mutants of a package are woven into ONE
// program, a copy of the function for each, chosen by an environment variable; so a package is compiled once, not once per mutant
// (Weave). Declarations, which no variable can choose, get a build each.
//
// A mutant is killed if a test fails, panics or hangs with it. One that survives is a missing test, or it is
// no fault at all: then survivors.txt says why (Arguments), and says so only as long as the mutant exists and survives.
package mutants

import (
	"fmt"
	"go/ast"
	"strings"
)

// Mutant is one small fault.
type Mutant struct {
	ID       int    // from 1, in one generation
	Package  string // import path
	File     string // from the root of the repository
	Line     int
	Where    string // function or method; "declaration" outside of them
	Operator string
	Before   string // the lines that differ, as one
	After    string
	Nth      int // which of the mutants that read the same, from 1

	file *file
	decl *ast.FuncDecl // nil outside functions
	edit edit
}

// edit replaces the bytes [from, to) of a file.
type edit struct {
	from, to int
	text     string
}

func (e edit) apply(text string) string { return text[:e.from] + e.text + text[e.to:] }

// Key names a mutant without its line, so that it means the same after code above it has changed.
func (m *Mutant) Key() string {
	k := fmt.Sprintf("%s | %s | %s => %s", m.File, m.Where, m.Before, m.After)
	if m.Nth > 1 {
		k += fmt.Sprintf(" #%d", m.Nth)
	}
	return k
}

func (m *Mutant) String() string {
	return fmt.Sprintf("%s:%d %s (%s)\n  - %s\n  + %s", m.File, m.Line, m.Where, m.Operator, m.Before, m.After)
}

// describe fills in what people read: the lines that the edit touches, before and after it.
func (m *Mutant) describe() {
	text := m.file.text
	from, to := strings.LastIndexByte(text[:m.edit.from], '\n')+1, len(text)
	if i := strings.IndexByte(text[m.edit.to:], '\n'); i >= 0 {
		to = m.edit.to + i
	}
	m.Line = 1 + strings.Count(text[:m.edit.from], "\n")
	m.Before = oneLine(text[from:to])
	m.After = oneLine(text[from:m.edit.from] + m.edit.text + text[m.edit.to:to])
	if m.After == "" {
		m.After = "(removed)"
	}
}

// oneLine folds lines and shortens in the middle: the ends tell most.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 160
	if r := []rune(s); len(r) > most {
		return string(r[:most/2]) + " … " + string(r[len(r)-most/2:])
	}
	return s
}
