package shred

import (
	"github.com/sinker-io/sinker/decode"
)

// Batch is a part of a leaf's stream. Its slices belong to the Shredder or to the columns and are valid until the
// next Batch.
type Batch struct {
	Rows int     // top-level rows
	N    int     // entries: len(Def) where there are definition levels, else the number of values
	Def  []int16 // nil if all entries have values
	Rep  []int16 // nil if Leaf.MaxRep is 0

	Bools []bool
	I32   []int32
	I64   []int64
	F32   []float32
	F64   []float64
	Bytes [][]byte // Bytes, Fixed, Decimal

	depth int16 // repeated fields passed so far
}

// Values is how many values are there.
func (b *Batch) Values() int {
	return len(b.Bools) + len(b.I32) + len(b.I64) + len(b.F32) + len(b.F64) + len(b.Bytes)
}

// Shredder keeps the memory between batches. It belongs to one goroutine.
type Shredder struct {
	out       Batch
	idx, idx2 []int32
	def, def2 []int16
	rep, rep2 []int16
	bools     []bool
	i32       []int32
	i64       []int64
	f32       []float32
	f64       []float64
	bytes     [][]byte
}

// Memory is how many bytes the shredder holds.
func (s *Shredder) Memory() int64 {
	return 2*int64(cap(s.def)+cap(s.def2)+cap(s.rep)+cap(s.rep2)) + 4*int64(cap(s.idx)+cap(s.idx2)) +
		int64(cap(s.bools)) + 4*int64(cap(s.i32)+cap(s.f32)) + 8*int64(cap(s.i64)+cap(s.f64)) + 24*int64(cap(s.bytes))
}

// Each calls fn with the stream of leaf over the rows of sel, at most step rows at a time.
func (s *Shredder) Each(rows *decode.Rows, sel Selection, leaf *Leaf, step int, fn func(*Batch) error) error {
	for sel.Len() > 0 {
		var part Selection
		part, sel = sel.Cut(min(step, sel.Len()))
		if err := fn(s.batch(rows, part, leaf)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shredder) batch(rows *decode.Rows, sel Selection, leaf *Leaf) *Batch {
	top := rows.Columns[leaf.top]
	s.out = Batch{Rows: sel.Len(), N: sel.Len()}
	if !leaf.Nulls(rows) { // the most common case: each row has its value
		c := top
		for _, k := range leaf.down {
			c = c.Children[k]
		}
		s.dense(c, sel, leaf.Kind)
		return &s.out
	}
	s.start(sel)
	c := top
	s.present(c)
	for _, k := range leaf.down {
		if c.Offsets != nil {
			s.expand(c)
		}
		c = c.Children[k]
		s.present(c)
	}
	s.out.N = len(s.idx)
	if leaf.MaxDef > 0 {
		s.out.Def = s.def
	}
	if leaf.MaxRep > 0 {
		s.out.Rep = s.rep
	}
	s.gather(c, leaf.Kind)
	return &s.out
}

// dense gives the values of a column where every row of sel has one.
func (s *Shredder) dense(c *decode.Column, sel Selection, kind Kind) {
	switch {
	case kind == Bytes && sel.Index == nil:
		s.bytes = s.bytes[:0]
		from := c.Offsets[sel.From]
		for _, to := range c.Offsets[sel.From+1 : sel.To+1] {
			s.bytes = append(s.bytes, c.Bytes[from:to])
			from = to
		}
		s.out.Bytes = s.bytes
	case sel.Index == nil && I32 <= kind && kind <= F64: // just as the column has them
		s.out.I32 = cut(c.I32, sel)
		s.out.I64 = cut(c.I64, sel)
		s.out.F32 = cut(c.F32, sel)
		s.out.F64 = cut(c.F64, sel)
	default:
		s.rows(sel)
		s.gather(c, kind)
	}
}

func cut[T any](values []T, sel Selection) []T {
	if len(values) == 0 {
		return nil
	}
	return values[sel.From:sel.To]
}

// start lists the entries of the top-level column. An entry of -1 is one that ended above: something on its way
// down was null or empty.
func (s *Shredder) start(sel Selection) {
	s.rows(sel)
	s.def, s.rep = grow(s.def, sel.Len()), grow(s.rep, sel.Len())
	clear(s.def)
	clear(s.rep)
}

func (s *Shredder) rows(sel Selection) {
	s.idx = grow(s.idx, sel.Len())
	for k := range s.idx {
		s.idx[k] = int32(sel.Row(k))
	}
}

func grow[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n, n+n/4)
	}
	return b[:n]
}

// present adds a definition level to the entries that are not null, and ends the others.
func (s *Shredder) present(c *decode.Column) {
	if c.Field.Required {
		return
	}
	if c.Nulls == 0 {
		for k, i := range s.idx {
			if i >= 0 {
				s.def[k]++
			}
		}
		return
	}
	for k, i := range s.idx {
		switch {
		case i < 0:
		case c.IsNull(int(i)):
			s.idx[k] = -1
		default:
			s.def[k]++
		}
	}
}

// expand replaces each entry of a list or map by those of its elements.
func (s *Shredder) expand(c *decode.Column) {
	s.idx2, s.def2, s.rep2 = s.idx2[:0], s.def2[:0], s.rep2[:0]
	s.out.depth++
	level := s.out.depth
	for k, i := range s.idx {
		from, to := 0, 0
		if i >= 0 {
			from, to = c.Range(int(i))
		}
		if from == to {
			s.idx2, s.def2, s.rep2 = append(s.idx2, -1), append(s.def2, s.def[k]), append(s.rep2, s.rep[k])
			continue
		}
		rep := s.rep[k]
		for e := from; e < to; e++ {
			s.idx2, s.def2, s.rep2 = append(s.idx2, int32(e)), append(s.def2, s.def[k]+1), append(s.rep2, rep)
			rep = level
		}
	}
	s.idx, s.idx2 = s.idx2, s.idx
	s.def, s.def2 = s.def2, s.def
	s.rep, s.rep2 = s.rep2, s.rep
}

// gather collects the values of the entries that are there.
func (s *Shredder) gather(c *decode.Column, kind Kind) {
	switch kind {
	case I32:
		s.i32 = pick(s.i32[:0], c.I32, s.idx)
		s.out.I32 = s.i32
	case I64:
		s.i64 = pick(s.i64[:0], c.I64, s.idx)
		s.out.I64 = s.i64
	case F32:
		s.f32 = pick(s.f32[:0], c.F32, s.idx)
		s.out.F32 = s.f32
	case F64:
		s.f64 = pick(s.f64[:0], c.F64, s.idx)
		s.out.F64 = s.f64
	case Bool:
		s.bools = s.bools[:0]
		for _, i := range s.idx {
			if i >= 0 {
				s.bools = append(s.bools, c.Bytes[i] != 0)
			}
		}
		s.out.Bools = s.bools
	default:
		s.bytes = s.bytes[:0]
		for _, i := range s.idx {
			if i >= 0 {
				s.bytes = append(s.bytes, c.Value(int(i)))
			}
		}
		s.out.Bytes = s.bytes
	}
}

func pick[T any](dst, src []T, idx []int32) []T {
	for _, i := range idx {
		if i >= 0 {
			dst = append(dst, src[i])
		}
	}
	return dst
}
