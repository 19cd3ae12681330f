package data

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Facts are what a table must hold that was filled with some rows of a stream, each once.
type Facts struct {
	Rows    int64
	Columns map[string]Fact
}

// Fact is what must be found of one column. The spelling is the readers' own: whole numbers and decimals in full and without
// trailing zeros, dates as days and times as microseconds since 1970, binary as hex, floats as Python writes
// them, sums of floats to nine digits. What is summed is the value, or 1 for true, or the length in bytes or
// elements. nil: there is none.
type Fact struct {
	Kind          string
	Nulls         int64
	Sum, Min, Max *string
}

// Facts makes the rows [from, to) to learn their facts.
func (s *Stream) Facts(from, to int64) Facts {
	c := newCollector(s.Measured)
	for i := from; i < to; i++ {
		g := gen{i: i, rng: seeded(s.seed, uint64(i)), facts: c, value: c.scratch[:0]}
		s.make(&g)
		c.scratch = g.value
	}
	out := Facts{Rows: to - from, Columns: map[string]Fact{}}
	for _, a := range c.columns {
		out.Columns[a.Name] = a.fact(to - from)
	}
	return out
}

type collector struct {
	columns map[string]*account
	scratch []byte
}

// account is the running total of one column. What is not noted in a row is null there.
type account struct {
	Column
	noted       int64
	sum         big.Int
	scale       int
	fsum, frest float64 // a compensated sum
	low, high   big.Int
	flow, fhigh float64
	first, last []byte // strings, binary, uuid
	tmp         big.Int
}

func newCollector(columns []Column) *collector {
	c := &collector{columns: map[string]*account{}}
	for _, col := range columns {
		c.columns[col.Name] = &account{Column: col}
	}
	return c
}

func (g *gen) account(name string) *account {
	if g.facts == nil {
		return nil
	}
	a := g.facts.columns[name]
	if a == nil {
		panic("data: nobody measures the column " + name)
	}
	a.noted++
	return a
}

// noteInt is for int, date, timestamp, bool, list and map: a number, days, microseconds, 1 for true, elements.
func (g *gen) noteInt(name string, v int64) {
	if a := g.account(name); a != nil {
		a.whole(a.tmp.SetInt64(v))
	}
}

func (g *gen) noteBool(name string, v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	g.noteInt(name, n)
}

// noteDecimal takes the value as so many units of 10^-scale.
func (g *gen) noteDecimal(name string, units *big.Int, scale int) {
	if a := g.account(name); a != nil {
		a.scale = scale
		a.whole(units)
	}
}

func (g *gen) noteCents(name string, units int64, scale int) {
	if g.facts != nil {
		g.noteDecimal(name, big.NewInt(units), scale)
	}
}

func (a *account) whole(v *big.Int) {
	a.sum.Add(&a.sum, v)
	if a.noted == 1 || v.Cmp(&a.low) < 0 {
		a.low.Set(v)
	}
	if a.noted == 1 || v.Cmp(&a.high) > 0 {
		a.high.Set(v)
	}
}

func (g *gen) noteFloat(name string, v float64) {
	a := g.account(name)
	if a == nil {
		return
	}
	if t := a.fsum + v; abs(a.fsum) >= abs(v) {
		a.frest += a.fsum - t + v
		a.fsum = t
	} else {
		a.frest += v - t + a.fsum
		a.fsum = t
	}
	if a.noted == 1 || v < a.flow {
		a.flow = v
	}
	if a.noted == 1 || v > a.fhigh {
		a.fhigh = v
	}
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}

// noteText is for string, binary and uuid.
func (g *gen) noteText(name string, v []byte) {
	a := g.account(name)
	if a == nil {
		return
	}
	a.sum.Add(&a.sum, a.tmp.SetInt64(int64(len(v))))
	if a.noted == 1 || bytes.Compare(v, a.first) < 0 {
		a.first = append(a.first[:0], v...)
	}
	if a.noted == 1 || bytes.Compare(v, a.last) > 0 {
		a.last = append(a.last[:0], v...)
	}
}

func (g *gen) noteString(name, v string) {
	if g.facts != nil {
		g.noteText(name, []byte(v))
	}
}

func (a *account) fact(rows int64) Fact {
	f := Fact{Kind: a.Kind, Nulls: rows - a.noted}
	if a.noted == 0 {
		return f
	}
	say := func(s string) *string { return &s }
	switch a.Kind {
	case "int", "date", "timestamp":
		f.Sum, f.Min, f.Max = say(a.sum.String()), say(a.low.String()), say(a.high.String())
	case "decimal":
		f.Sum, f.Min, f.Max = say(decimalText(&a.sum, a.scale)), say(decimalText(&a.low, a.scale)), say(decimalText(&a.high, a.scale))
	case "float":
		f.Sum, f.Min, f.Max = say(fmt.Sprintf("%.8e", a.fsum+a.frest)), say(pythonFloat(a.flow)), say(pythonFloat(a.fhigh))
	case "bool", "list", "map":
		f.Sum = say(a.sum.String())
	case "string":
		f.Sum, f.Min, f.Max = say(a.sum.String()), say(string(a.first)), say(string(a.last))
	case "binary":
		f.Sum, f.Min, f.Max = say(a.sum.String()), say(hex.EncodeToString(a.first)), say(hex.EncodeToString(a.last))
	case "uuid":
		f.Min, f.Max = say(string(a.first)), say(string(a.last))
	default:
		panic("data: unknown kind " + a.Kind)
	}
	return f
}

// decimalText writes units of 10^-scale in full and without trailing zeros.
func decimalText(units *big.Int, scale int) string {
	s := new(big.Int).Abs(units).String()
	if len(s) <= scale {
		s = strings.Repeat("0", scale-len(s)+1) + s
	}
	s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if units.Sign() < 0 {
		s = "-" + s
	}
	return s
}

// pythonFloat writes a number as Python's repr does.
func pythonFloat(v float64) string {
	s := strconv.FormatFloat(v, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	if e, _ := strconv.Atoi(exponent); e < -4 || e >= 16 {
		return mantissa + "e" + exponent
	}
	s = strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
