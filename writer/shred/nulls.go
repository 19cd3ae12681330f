package shred

import "github.com/sinker-io/sinker/decode"

// Nulls tells whether some row may have no value for the leaf: a null on the way to it, or a list or map around it,
// which may be empty.
func (l *Leaf) Nulls(rows *decode.Rows) bool {
	if l.MaxRep > 0 {
		return true
	}
	c := rows.Columns[l.top]
	for _, k := range l.down {
		if c.Nulls > 0 {
			return true
		}
		c = c.Children[k]
	}
	return c.Nulls > 0
}
