package mutants

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"slices"
	"strconv"
)

// Generate makes every mutant of the packages that compiles. Their ids are unique among all.
func Generate(ps ...*Package) ([]*Mutant, error) {
	var all []*Mutant
	for _, p := range ps {
		ms, err := p.generate(len(all))
		if err != nil {
			return nil, err
		}
		all = append(all, ms...)
	}
	nth := map[string]int{}
	for i, m := range all {
		m.ID = i + 1
		m.describe()
		key := m.Key()
		nth[key]++
		m.Nth = nth[key]
	}
	return all, nil
}

func (p *Package) generate(after int) ([]*Mutant, error) {
	var ms []*Mutant
	for _, f := range p.files {
		for _, d := range f.ast.Decls {
			ms = append(ms, p.mutate(f, d)...)
		}
	}
	ms = distinct(ms)
	ms = slices.DeleteFunc(ms, func(m *Mutant) bool { return !m.parses() })
	for i, m := range ms {
		m.ID = after + i + 1
	}
	var inside, outside []*Mutant
	for _, m := range ms {
		if m.decl != nil {
			inside = append(inside, m)
			continue
		}
		at, err := p.faults(map[string]string{m.file.path: m.edit.apply(m.file.text)})
		if err != nil {
			return nil, err
		}
		if len(at) == 0 {
			outside = append(outside, m)
		}
	}
	for {
		n := len(inside)
		broken, err := p.broken(inside)
		if err != nil {
			return nil, err
		}
		inside = slices.DeleteFunc(inside, func(m *Mutant) bool { return broken[m.ID] })
		if len(inside) == n {
			break
		}
	}
	ms = append(inside, outside...)
	slices.SortStableFunc(ms, func(a, b *Mutant) int { return a.ID - b.ID })
	return ms, nil
}

// broken finds the mutants that do not compile, by one look at the woven package.
func (p *Package) broken(ms []*Mutant) (map[int]bool, error) {
	at, err := p.faults(p.Weave(ms))
	if err != nil {
		return nil, err
	}
	bad := map[int]bool{}
	for _, f := range p.files {
		w, _ := weave(f, ms)
	next:
		for _, offset := range at[f.path] {
			for _, c := range w.copies {
				if c.from <= offset && offset < c.to {
					bad[c.id] = true
					continue next
				}
			}
			return nil, fmt.Errorf("mutants: the woven %s does not compile at byte %d, outside of any mutant", f.name, offset)
		}
	}
	return bad, nil
}

// distinct drops mutants that different operators made of the same place in the same way, and those that change nothing.
func distinct(ms []*Mutant) []*Mutant {
	type place struct {
		file *file
		edit edit
	}
	seen := map[place]bool{}
	return slices.DeleteFunc(ms, func(m *Mutant) bool {
		at := place{m.file, m.edit}
		again := seen[at] || m.file.text[m.edit.from:m.edit.to] == m.edit.text
		seen[at] = true
		return again
	})
}

// mutator walks one declaration and collects its mutants.
type mutator struct {
	p     *Package
	f     *file
	decl  *ast.FuncDecl
	where string
	stack []ast.Node // from the declaration down to the node that is looked at, without it
	out   []*Mutant
}

func (p *Package) mutate(f *file, d ast.Decl) []*Mutant {
	m := &mutator{p: p, f: f, where: "declaration"}
	var root ast.Node = d
	if fd, ok := d.(*ast.FuncDecl); ok {
		if fd.Body == nil || fd.Name.Name == "init" || fd.Name.Name == "main" || fd.Name.Name == "_" {
			return nil
		}
		m.decl, m.where, root = fd, nameOf(fd), fd.Body
	}
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			m.stack = m.stack[:len(m.stack)-1]
			return true
		}
		switch n := n.(type) {
		case *ast.ImportSpec, *ast.TypeSpec, *ast.StructType:
			return false
		case ast.Expr:
			m.expression(n)
		case ast.Stmt:
			m.statement(n)
		}
		m.stack = append(m.stack, n)
		return true
	})
	return m.out
}

func nameOf(fd *ast.FuncDecl) string {
	if fd.Recv == nil || len(fd.Recv.List) == 0 {
		return fd.Name.Name
	}
	t := fd.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if ix, ok := t.(*ast.IndexExpr); ok {
		t = ix.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + fd.Name.Name
	}
	return fd.Name.Name
}

// parent is the node above the one that is looked at.
func (m *mutator) parent() ast.Node {
	if len(m.stack) == 0 {
		return nil
	}
	return m.stack[len(m.stack)-1]
}

func (m *mutator) offset(n ast.Node) (from, to int) {
	base := int(m.f.ast.FileStart)
	return int(n.Pos()) - base, int(n.End()) - base
}

func (m *mutator) text(n ast.Node) string {
	from, to := m.offset(n)
	return m.f.text[from:to]
}

// add makes a mutant by putting text in the place of bytes.
func (m *mutator) add(operator string, from, to int, text string) {
	m.out = append(m.out, &Mutant{Package: m.p.Path, File: m.f.name, Where: m.where, Operator: operator, file: m.f, decl: m.decl, edit: edit{from, to, text}})
}

// replace makes a mutant by putting text in the place of a node.
func (m *mutator) replace(operator string, n ast.Node, text string) {
	from, to := m.offset(n)
	m.add(operator, from, to, text)
}

func (m *mutator) typeOf(e ast.Expr) types.Type {
	if t := m.p.info.TypeOf(e); t != nil {
		return t
	}
	if id, ok := e.(*ast.Ident); ok {
		if o := m.p.info.ObjectOf(id); o != nil {
			return o.Type()
		}
	}
	return types.Typ[types.Invalid]
}

// spell writes a type as this package would.
func (m *mutator) spell(t types.Type) string {
	return types.TypeString(t, func(other *types.Package) string {
		if other == m.p.types {
			return ""
		}
		return other.Name()
	})
}

// zero is the zero value of a type; empty where it has no spelling here.
func (m *mutator) zero(t types.Type) string {
	switch u := types.Unalias(t).Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Kind() == types.Invalid || u.Kind() == types.UntypedNil:
			return ""
		case u.Info()&types.IsUntyped != 0:
			return m.zero(types.Default(t))
		case u.Info()&types.IsBoolean != 0:
			return "false"
		}
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Signature, *types.Interface:
		if _, param := types.Unalias(t).(*types.TypeParam); !param {
			return "(" + m.spell(t) + ")(nil)"
		}
	}
	return "*new(" + m.spell(t) + ")"
}

// isZero tells whether an expression is zero, in so many words or by the value of a constant.
func (m *mutator) isZero(e ast.Expr) bool {
	if v := m.p.info.Types[e].Value; v != nil {
		switch v.Kind() {
		case constant.Int, constant.Float:
			return constant.Sign(v) == 0
		case constant.String:
			return constant.StringVal(v) == ""
		case constant.Bool:
			return !constant.BoolVal(v)
		default:
			return false
		}
	}
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "nil"
	case *ast.CompositeLit:
		return len(e.Elts) == 0
	}
	return false
}

// besideError tells whether an expression is a result that is returned beside an error that is made there: no caller may look at it.
func (m *mutator) besideError(e ast.Expr) bool {
	ret, ok := m.parent().(*ast.ReturnStmt)
	if !ok {
		return false
	}
	last := ret.Results[len(ret.Results)-1]
	if last == e {
		return false
	}
	switch last := last.(type) {
	case *ast.CallExpr:
		t := m.typeOf(last)
		return isError(t) || types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface))
	case *ast.Ident:
		b, literal := e.(*ast.BasicLit)
		return literal && b.Value == "0" && last.Name != "nil" && isError(m.typeOf(last))
	}
	return false
}

func isError(t types.Type) bool {
	return types.Identical(t, types.Universe.Lookup("error").Type())
}

func isBool(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// word tells whether a string literal is a name rather than a message for people.
func word(lit string) (string, bool) {
	s, err := strconv.Unquote(lit)
	return s, err == nil && s != "" && !slices.Contains([]byte(s), ' ')
}
