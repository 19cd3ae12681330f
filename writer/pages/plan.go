package pages

import (
	"math"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/writer/shred"
)

// Plan is which columns of a file have dictionaries, until one has grown too large. It is good for many files of the same
// table, one after the other, and remembers what did not pay.
type Plan struct {
	Rows       int // how many rows it was made from: a plan made from many more is better
	dictionary []bool
}

// Plan looks at a sample of the rows: a dictionary where few values repeat.
func (l *Layout) Plan(rows *decode.Rows, sel shred.Selection, sh *shred.Shredder, e *Encoder) *Plan {
	p := &Plan{Rows: sel.Len(), dictionary: make([]bool, len(l.Leaves))}
	sample := spread(sel)
	for i := range l.Leaves {
		p.dictionary[i] = l.forms[i].class != booleans && l.wantsDictionary(rows, sample, sel.Len(), i, sh, e)
	}
	return p
}

// sampleSize is how many rows are looked at.
const sampleSize = 4096

// spread takes rows from all over sel: neighbours are alike and would look like a dictionary.
func spread(sel shred.Selection) shred.Selection {
	n := min(sel.Len(), sampleSize)
	index := make([]int32, n)
	for k := range index {
		index[k] = int32(sel.Row(int(int64(k) * int64(sel.Len()) / int64(n))))
	}
	return shred.Selection{To: n, Index: index}
}

// wantsDictionary tells whether codes for the values of a leaf, and the values once, are shorter than the values.
func (l *Layout) wantsDictionary(rows *decode.Rows, sample shred.Selection, total, i int, sh *shred.Shredder, e *Encoder) bool {
	leaf, f := &l.Leaves[i], l.forms[i]
	values, size := 0, 0
	e.leaf, e.form = leaf, f
	e.dict.start()
	_ = sh.Each(rows, sample, leaf, step, func(b *shred.Batch) error {
		n := b.Values()
		values += n
		if f.class == numbers {
			e.codes = e.dict.addNumbers(e.codes[:0], e.widen(b, 0, n))
			return nil
		}
		for _, v := range b.Bytes {
			size += len(v)
		}
		for at := 0; at < n && e.dict.size(0) <= int(l.settings.DictBytes); at += hashedAtOnce {
			e.codes = e.dict.addText(e.codes[:0], b.Bytes[at:min(at+hashedAtOnce, n)], 0)
		}
		return nil
	})
	if values < 64 || e.dict.size(0) > int(l.settings.DictBytes) {
		return false
	}
	distinct := estimate(values, e.dict.n)
	var width float64
	switch {
	case f.class != numbers:
		width = float64(size)/float64(values) + 4
	case leaf.Kind == shred.F32 || leaf.Kind == shred.F64:
		width = float64(f.size)
	default: // whole numbers are cheap without: only where a code is much shorter than a delta
		return e.dict.n <= 1024 && distinct <= float64(total)/16
	}
	return distinct <= float64(total)/4 && distinct*width <= float64(l.settings.DictBytes)
}

// estimate is how many values there are if n draws gave d different ones: by the pairs that met.
func estimate(n, d int) float64 {
	repeats := n - d
	switch {
	case repeats < 8:
		return math.Inf(1)
	case d < n/2:
		return 1.3 * float64(d)
	}
	return float64(n) * float64(n) / (2 * float64(repeats))
}
