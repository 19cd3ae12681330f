package deadletter

import (
	"sort"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/offsets"
)

// Meets tells whether a data file may hold letters of these ranges, by the bounds of its offsets.
func Meets(f iceberg.DataFile, sc *iceberg.Schema, ranges offsets.Ranges) bool {
	at, err := find(sc, colOffset)
	if err != nil {
		return true
	}
	id := sc.Field(at[0]).ID
	low, hasLow := number(f.LowerBoundValues()[id])
	high, hasHigh := number(f.UpperBoundValues()[id])
	for _, r := range ranges {
		if (!hasLow || low < r.To) && (!hasHigh || high >= r.From) {
			return true
		}
	}
	return false
}

// number reads a bound of a long column: eight bytes, little endian.
func number(b []byte) (n int64, ok bool) {
	if len(b) != 8 {
		return 0, false
	}
	for i := 7; i >= 0; i-- {
		n = n<<8 | int64(b[i])
	}
	return n, true
}

// Held is the offsets of dead letters of some ranges, with the leader epoch of each; the youngest where there are several of an offset.
// It has the type of commit.Held, which is what it is made for.
type Held map[offsets.Partition]map[int64]int32

// Note adds a letter, if it is one that sink wrote, of the ranges.
func (h Held) Note(l Letter, sink string, ranges offsets.Ranges) {
	r, asked := ranges[l.Partition]
	if !asked || l.Sink != sink || l.Offset < r.From || l.Offset >= r.To {
		return
	}
	if h[l.Partition] == nil {
		h[l.Partition] = map[int64]int32{}
	}
	if epoch, has := h[l.Partition][l.Offset]; !has || l.LeaderEpoch > epoch {
		h[l.Partition][l.Offset] = l.LeaderEpoch
	}
}

// Sort puts letters into the order of the log.
func Sort(ls []Letter) {
	sort.SliceStable(ls, func(i, j int) bool {
		if ls[i].Partition != ls[j].Partition {
			return ls[i].Partition.Less(ls[j].Partition)
		}
		return ls[i].Offset < ls[j].Offset
	})
}
