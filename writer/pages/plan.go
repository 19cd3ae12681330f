package pages

import (
	"encoding/binary"
	"hash/maphash"
	"math"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/writer/shred"
)

// Plan is which columns of a file have dictionaries, as long as these do not grow too large. It is immutable, and good for
// many files.
type Plan struct {
	Rows       int // how many rows it was made from: a plan made from many more is better
	dictionary []bool
}

// Plan looks at a sample of the rows: a dictionary where few values repeat.
func (l *Layout) Plan(rows *decode.Rows, sel shred.Selection, sh *shred.Shredder) *Plan {
	p := &Plan{Rows: sel.Len(), dictionary: make([]bool, len(l.Leaves))}
	sample := spread(sel)
	for i := range l.Leaves {
		leaf := &l.Leaves[i]
		p.dictionary[i] = l.forms[i].class != booleans && l.wantsDictionary(rows, sample, sel.Len(), leaf, sh)
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

var seed = maphash.MakeSeed()

func (l *Layout) wantsDictionary(rows *decode.Rows, sample shred.Selection, total int, leaf *shred.Leaf, sh *shred.Shredder) bool {
	seen := make(map[uint64]struct{}, 64)
	values, size := 0, 0
	_ = sh.Each(rows, sample, leaf, step, func(b *shred.Batch) error {
		var buf [8]byte
		number := func(v uint64) {
			binary.LittleEndian.PutUint64(buf[:], v)
			seen[maphash.Bytes(seed, buf[:])] = struct{}{}
		}
		for _, v := range b.I32 {
			number(uint64(v))
		}
		for _, v := range b.I64 {
			number(uint64(v))
		}
		for _, v := range b.F32 {
			number(uint64(math.Float32bits(v)))
		}
		for _, v := range b.F64 {
			number(math.Float64bits(v))
		}
		for _, v := range b.Bytes {
			seen[maphash.Bytes(seed, v)] = struct{}{}
			size += len(v)
		}
		values += b.Values()
		return nil
	})
	if values < 64 {
		return false
	}
	distinct := estimate(values, len(seen))
	var width float64
	switch leaf.Kind {
	case shred.Bytes, shred.Fixed:
		width = float64(size)/float64(values) + 4
	case shred.F32, shred.F64:
		width = 8
	default: // whole numbers are cheap without: only where a code is much shorter than a delta
		return len(seen) <= 1024 && distinct <= float64(total)/16
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
