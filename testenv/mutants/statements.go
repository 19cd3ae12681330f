package mutants

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

var reversed = map[token.Token]string{token.ADD_ASSIGN: "-=", token.SUB_ASSIGN: "+=", token.MUL_ASSIGN: "/=", token.QUO_ASSIGN: "*=",
	token.OR_ASSIGN: "&=", token.AND_ASSIGN: "|=", token.SHL_ASSIGN: ">>=", token.SHR_ASSIGN: "<<="}

func (m *mutator) statement(s ast.Stmt) {
	if comm, ok := m.parent().(*ast.CommClause); ok && comm.Comm == s {
		return // a channel operation that a select waits for
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		m.replace("statement removed", s, "")
	case *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt:
		m.replace("statement removed", s, "")
	case *ast.AssignStmt:
		m.assignment(s)
	case *ast.IncDecStmt:
		m.replace("statement removed", s, "")
		op := map[token.Token]string{token.INC: "--", token.DEC: "++"}[s.Tok]
		m.replace(s.Tok.String()+" is "+op, s, m.text(s.X)+op)
	case *ast.BranchStmt:
		m.replace("statement removed", s, "")
		if s.Label == nil && s.Tok == token.BREAK {
			m.replace("break is continue", s, "continue")
		} else if s.Label == nil && s.Tok == token.CONTINUE {
			m.replace("continue is break", s, "break")
		}
	case *ast.ReturnStmt:
		m.returned(s)
	case *ast.IfStmt:
		m.condition(s.Cond, true)
		if s.Else != nil {
			_, from := m.offset(s.Body)
			_, to := m.offset(s.Else)
			m.add("else removed", from, to, "")
		}
	case *ast.ForStmt:
		if s.Cond != nil {
			m.condition(s.Cond, false)
		}
		m.once(s.Body)
	case *ast.RangeStmt:
		m.replace("loop removed", s, "")
		m.once(s.Body)
	case *ast.CaseClause:
		m.clause(s)
	}
}

// condition forces a condition either way; what it does besides telling still happens.
func (m *mutator) condition(c ast.Expr, either bool) {
	text := m.text(c)
	m.replace("condition forced", c, "("+text+") && false")
	if either {
		m.replace("condition forced", c, "("+text+") || true")
	}
	if b, ok := c.(*ast.BinaryExpr); ok && len(others[b.Op]) > 0 && b.Op != token.LAND && b.Op != token.LOR {
		return // negated by its operator
	}
	if u, ok := c.(*ast.UnaryExpr); ok && u.Op == token.NOT {
		return
	}
	m.replace("condition negated", c, "!("+text+")")
}

// once ends a loop after its first turn.
func (m *mutator) once(body *ast.BlockStmt) {
	at := int(body.Rbrace) - int(m.f.ast.FileStart)
	m.add("loop ends after one turn", at, at, "\nbreak\n")
}

func (m *mutator) assignment(s *ast.AssignStmt) {
	if s.Tok != token.DEFINE {
		m.replace("statement removed", s, "")
		if op, ok := reversed[s.Tok]; ok {
			from := int(s.TokPos) - int(m.f.ast.FileStart)
			m.add(s.Tok.String()+" is "+op, from, from+len(s.Tok.String()), op)
			m.add(s.Tok.String()+" is =", from, from+len(s.Tok.String()), "=")
		}
	}
	if s.Tok != token.DEFINE && s.Tok != token.ASSIGN {
		return
	}
	if len(s.Rhs) == len(s.Lhs) {
		for i, r := range s.Rhs {
			t := m.typeOf(s.Lhs[i])
			if _, value := m.p.info.Types[r]; !value || m.isZero(r) {
				continue
			}
			if lit, ok := r.(*ast.CompositeLit); ok && len(lit.Elts) == 0 {
				continue
			}
			if z := m.zero(t); z != "" {
				m.replace("value replaced by zero", r, z)
			}
		}
		return
	}
	if len(s.Rhs) == 1 && len(s.Lhs) > 1 { // a call, or a look into a map
		var zeros []string
		for _, l := range s.Lhs {
			z := m.zero(m.typeOf(l))
			if id, ok := l.(*ast.Ident); ok && id.Name == "_" {
				z = "0"
			}
			if z == "" {
				return
			}
			zeros = append(zeros, z)
		}
		m.replace("values replaced by zero", s.Rhs[0], strings.Join(zeros, ", "))
	}
}

func (m *mutator) returned(s *ast.ReturnStmt) {
	m.replace("return removed", s, "")
	sig := m.signature()
	if sig == nil {
		return
	}
	if len(s.Results) == 1 && sig.Results().Len() > 1 {
		var zeros []string
		for r := range sig.Results().Variables() {
			zeros = append(zeros, m.zero(r.Type()))
		}
		m.replace("results replaced by zero", s.Results[0], strings.Join(zeros, ", "))
		return
	}
	for i, r := range s.Results {
		t := sig.Results().At(i).Type()
		id, isName := r.(*ast.Ident)
		switch {
		case isError(t) && isName && id.Name == "nil":
			m.replace("error made up", r, "errMutant")
		case isError(t):
			m.replace("error swallowed", r, "nil")
		case isBool(t) && isName && (id.Name == "true" || id.Name == "false"):
			// swapped as a name
		case isBool(t):
			m.replace("result forced", r, "("+m.text(r)+") && false")
			m.replace("result forced", r, "("+m.text(r)+") || true")
		case !m.isZero(r) && !m.resultBesideError(s, i):
			if z := m.zero(t); z != "" {
				m.replace("result replaced by zero", r, z)
			}
		}
	}
}

// resultBesideError is besideError of the i-th result of a return, before that is entered.
func (m *mutator) resultBesideError(s *ast.ReturnStmt, i int) bool {
	m.stack = append(m.stack, s)
	defer func() { m.stack = m.stack[:len(m.stack)-1] }()
	return m.besideError(s.Results[i])
}

// signature is that of the innermost function that the node is in.
func (m *mutator) signature() *types.Signature {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if lit, ok := m.stack[i].(*ast.FuncLit); ok {
			sig, _ := m.typeOf(lit).(*types.Signature)
			return sig
		}
	}
	if m.decl == nil {
		return nil
	}
	sig, _ := m.p.info.Defs[m.decl.Name].Type().(*types.Signature)
	return sig
}

// clause removes a branch of a switch: nothing happens in it, or it is not there and another one is taken.
func (m *mutator) clause(c *ast.CaseClause) {
	if len(c.Body) > 0 {
		from, _ := m.offset(c.Body[0])
		_, to := m.offset(c.Body[len(c.Body)-1])
		m.add("branch emptied", from, to, "")
	}
	m.replace("branch removed", c, "")
}
