package mutants

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// Switch is the environment variable whose value, a Mutant.ID, chooses the mutant in a woven program.
const Switch = "SINKER_MUTANT"

// woven is one file that holds its mutants too, and where each of them stands in it.
type woven struct {
	text   string
	copies []span
}

type span struct {
	from, to int
	id       int
}

// Weave returns the texts, by path, of an overlay under which the package holds all of ms that are in functions.
func (p *Package) Weave(ms []*Mutant) map[string]string {
	texts := map[string]string{filepath.Join(p.Dir, "mutant_switch.go"): p.switchFile()}
	for _, f := range p.files {
		if w, any := weave(f, ms); any {
			texts[f.path] = w.text
		}
	}
	return texts
}

func (p *Package) switchFile() string {
	return fmt.Sprintf(`package %s

import (
	"errors"
	"os"
	"strconv"
)

var mutantActive = func() int { n, _ := strconv.Atoi(os.Getenv(%q)); return n }()

var errMutant = errors.New("an error that a mutant made")
`, p.name, Switch)
}

// weave puts a choice at the head of each function that has mutants, and the mutants, as copies of it, at the end of the file.
func weave(f *file, ms []*Mutant) (woven, bool) {
	of := map[*ast.FuncDecl][]*Mutant{}
	for _, m := range ms {
		if m.file == f && m.decl != nil {
			of[m.decl] = append(of[m.decl], m)
		}
	}
	var edits []edit
	var tail strings.Builder
	var w woven
	for _, d := range f.ast.Decls {
		fd, ok := d.(*ast.FuncDecl)
		if !ok || len(of[fd]) == 0 {
			continue
		}
		base := int(f.ast.FileStart)
		edits = append(edits, signature(fd, base)...)
		brace := int(fd.Body.Lbrace) - base + 1
		edits = append(edits, edit{brace, brace, choice(fd, of[fd])})
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var head strings.Builder
	at := 0
	for _, e := range edits {
		head.WriteString(f.text[at:e.from])
		head.WriteString(e.text)
		at = e.to
	}
	head.WriteString(f.text[at:])
	for _, d := range f.ast.Decls {
		fd, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		for _, m := range of[fd] {
			tail.WriteString("\n")
			from := head.Len() + tail.Len()
			tail.WriteString(m.copy())
			tail.WriteString("\n")
			w.copies = append(w.copies, span{from, head.Len() + tail.Len(), m.ID})
		}
	}
	w.text = head.String() + tail.String()
	return w, len(w.copies) > 0
}

// copy is the text of the mutant's function, under its own name.
func (m *Mutant) copy() string {
	base := int(m.file.ast.FileStart)
	from, to, name := int(m.decl.Pos())-base, int(m.decl.End())-base, int(m.decl.Name.End())-base
	text := m.file.text
	return text[from:name] + suffix(m.ID) + text[name:m.edit.from] + m.edit.text + text[m.edit.to:to]
}

func suffix(id int) string { return fmt.Sprintf("Mutant%d", id) }

// parses tells whether the mutant is a program at all.
func (m *Mutant) parses() bool {
	text := m.edit.apply(m.file.text)
	if m.decl != nil {
		text = "package p\n" + m.copy()
	}
	_, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
	return err == nil
}

// signature gives names to parameters and a receiver that have none, so that they can be handed on.
func signature(fd *ast.FuncDecl, base int) []edit {
	var edits []edit
	named := func(list *ast.FieldList, prefix string) {
		if list == nil {
			return
		}
		n := 0
		for _, field := range list.List {
			if len(field.Names) == 0 {
				at := int(field.Type.Pos()) - base
				edits = append(edits, edit{at, at, fmt.Sprintf("%s%d ", prefix, n)})
				n++
			}
			for _, id := range field.Names {
				if id.Name == "_" {
					edits = append(edits, edit{int(id.Pos()) - base, int(id.End()) - base, fmt.Sprintf("%s%d", prefix, n)})
				}
				n++
			}
		}
	}
	named(fd.Recv, "mutantR")
	named(fd.Type.Params, "mutantP")
	return edits
}

// choice hands the call on to the mutant that is active.
func choice(fd *ast.FuncDecl, ms []*Mutant) string {
	var args []string
	n := 0
	for _, field := range fd.Type.Params.List {
		dots := ""
		if _, variadic := field.Type.(*ast.Ellipsis); variadic {
			dots = "..."
		}
		if len(field.Names) == 0 {
			args = append(args, fmt.Sprintf("mutantP%d%s", n, dots))
			n++
		}
		for _, id := range field.Names {
			name := id.Name
			if name == "_" {
				name = fmt.Sprintf("mutantP%d", n)
			}
			args = append(args, name+dots)
			n++
		}
	}
	callee := fd.Name.Name
	if fd.Recv != nil {
		recv := "mutantR0"
		if names := fd.Recv.List[0].Names; len(names) > 0 && names[0].Name != "_" {
			recv = names[0].Name
		}
		callee = recv + "." + callee
	}
	inst := ""
	if fd.Type.TypeParams != nil {
		var names []string
		for _, field := range fd.Type.TypeParams.List {
			for _, id := range field.Names {
				names = append(names, id.Name)
			}
		}
		inst = "[" + strings.Join(names, ", ") + "]"
	}
	var b strings.Builder
	fmt.Fprintf(&b, " if mutantActive >= %d && mutantActive <= %d { switch mutantActive { ", ms[0].ID, ms[len(ms)-1].ID)
	for _, m := range ms {
		call := fmt.Sprintf("%s%s%s(%s)", callee, suffix(m.ID), inst, strings.Join(args, ", "))
		if fd.Type.Results == nil {
			fmt.Fprintf(&b, "case %d: %s; return; ", m.ID, call)
		} else {
			fmt.Fprintf(&b, "case %d: return %s; ", m.ID, call)
		}
	}
	b.WriteString("} };")
	return b.String()
}
