package mutants

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
)

// others is what an operator is mistaken for.
var others = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.SHL: {token.SHR}, token.SHR: {token.SHL}, token.AND: {token.OR}, token.OR: {token.AND}, token.XOR: {token.AND}, token.AND_NOT: {token.AND},
}

func (m *mutator) expression(e ast.Expr) {
	if m.decl == nil { // each of these is a build of its own: values only
		if lit, ok := e.(*ast.BasicLit); ok {
			m.literal(lit)
		}
		return
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		at := int(e.OpPos) - int(m.f.ast.FileStart)
		for _, op := range others[e.Op] {
			m.add(e.Op.String()+" is "+op.String(), at, at+len(e.Op.String()), op.String())
		}
		switch e.Op {
		case token.LAND, token.LOR, token.ADD, token.SUB, token.MUL, token.QUO, token.SHL, token.SHR, token.OR, token.AND:
			m.replace("operand dropped", e, m.text(e.X))
			if e.Op != token.SUB && e.Op != token.QUO && e.Op != token.SHL && e.Op != token.SHR {
				m.replace("operand dropped", e, m.text(e.Y))
			}
		}
	case *ast.UnaryExpr:
		if e.Op == token.NOT || e.Op == token.SUB {
			m.replace(e.Op.String()+" dropped", e, m.text(e.X))
		}
	case *ast.BasicLit:
		if !m.besideError(e) {
			m.literal(e)
		}
	case *ast.Ident:
		m.name(e)
	case *ast.SelectorExpr:
		m.constants(e, e.Sel, m.text(e.X)+".")
	case *ast.CallExpr:
		m.call(e)
	case *ast.SliceExpr:
		if e.Low != nil {
			m.replace("bound dropped", e.Low, "")
		}
		if e.High != nil && !e.Slice3 {
			m.replace("bound dropped", e.High, "")
		}
	case *ast.CompositeLit:
		m.fields(e)
	}
}

func (m *mutator) literal(e *ast.BasicLit) {
	switch e.Kind {
	case token.INT, token.CHAR:
		m.replace("constant moved", e, "("+e.Value+" + 1)")
		if e.Value != "0" {
			m.replace("constant moved", e, "("+e.Value+" - 1)")
		}
	case token.STRING:
		if s, ok := word(e.Value); ok {
			m.replace("constant emptied", e, strconv.Quote(s[:0]))
		}
	}
}

func (m *mutator) name(e *ast.Ident) {
	if parent, ok := m.parent().(*ast.SelectorExpr); ok && parent.Sel == e {
		return // its SelectorExpr was looked at
	}
	if kv, ok := m.parent().(*ast.KeyValueExpr); ok && kv.Key == ast.Expr(e) {
		return
	}
	switch m.p.info.Uses[e] {
	case types.Universe.Lookup("true"):
		m.replace("true is false", e, "false")
	case types.Universe.Lookup("false"):
		m.replace("false is true", e, "true")
	default:
		m.constants(e, e, "")
	}
}

// constants swaps a constant for another one of its kind: one of the same named type, or, of errors, another of the package.
func (m *mutator) constants(e ast.Expr, id *ast.Ident, prefix string) {
	used := m.p.info.Uses[id]
	if used == nil || used.Pkg() == nil {
		return
	}
	scope := used.Pkg().Scope()
	if scope.Lookup(used.Name()) != used {
		return // not a package's own
	}
	var alike []types.Object
	at := -1
	for _, name := range scope.Names() { // sorted
		o := scope.Lookup(name)
		if !o.Exported() && o.Pkg() != m.p.types {
			continue
		}
		switch used := used.(type) {
		case *types.Const:
			c, ok := o.(*types.Const)
			if _, named := types.Unalias(used.Type()).(*types.Named); !ok || !named || !types.Identical(c.Type(), used.Type()) {
				continue
			}
			if o != types.Object(used) && constant.Compare(c.Val(), token.EQL, used.Val()) {
				continue
			}
		case *types.Var:
			if v, ok := o.(*types.Var); !ok || !isError(v.Type()) || !isError(used.Type()) {
				continue
			}
		default:
			return
		}
		if o == used {
			at = len(alike)
		}
		alike = append(alike, o)
	}
	if at < 0 || len(alike) < 2 {
		return
	}
	m.replace("constant swapped", e, prefix+alike[(at+1)%len(alike)].Name())
}

func (m *mutator) call(e *ast.CallExpr) {
	if id, ok := e.Fun.(*ast.Ident); ok {
		switch m.p.info.Uses[id] {
		case types.Universe.Lookup("min"):
			m.replace("min is max", id, "max")
		case types.Universe.Lookup("max"):
			m.replace("max is min", id, "min")
		case types.Universe.Lookup("append"):
			m.replace("append dropped", e, m.text(e.Args[0]))
		}
	}
	sel, ok := e.Fun.(*ast.SelectorExpr)
	if ok && types.Identical(m.typeOf(sel.X), m.typeOf(e)) {
		m.replace("call skipped", e, m.text(sel.X))
	}
	if ok {
		if pkg, ok := m.p.info.Uses[sel.Sel]; ok && pkg.Pkg() != nil && pkg.Pkg().Path() == "fmt" {
			return // its arguments are for people
		}
	}
	for i := 1; i < len(e.Args); i++ {
		a, b := e.Args[i-1], e.Args[i]
		if t := m.typeOf(a); types.Identical(t, m.typeOf(b)) && m.text(a) != m.text(b) && !commutes(e) {
			from, _ := m.offset(a)
			_, to := m.offset(b)
			m.add("arguments swapped", from, to, m.text(b)+", "+m.text(a))
		}
	}
}

// commutes tells of calls whose arguments have no order.
func commutes(e *ast.CallExpr) bool {
	id, ok := e.Fun.(*ast.Ident)
	return ok && (id.Name == "min" || id.Name == "max")
}

// fields drops each field of a struct that is written down.
func (m *mutator) fields(e *ast.CompositeLit) {
	if _, ok := m.typeOf(e).Underlying().(*types.Struct); !ok {
		return
	}
	for i, el := range e.Elts {
		kv, ok := el.(*ast.KeyValueExpr)
		if !ok || m.isZero(kv.Value) {
			continue
		}
		from, to := m.offset(kv)
		switch {
		case i+1 < len(e.Elts):
			to, _ = m.offset(e.Elts[i+1])
		case i > 0:
			_, from = m.offset(e.Elts[i-1])
		default:
			to = int(e.Rbrace) - int(m.f.ast.FileStart)
		}
		m.add("field dropped", from, to, "")
	}
}
