package pages

import (
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// filter becomes the bloom filter of a column chunk, as large as its different values need. A nil filter takes everything
// and does nothing.
type filter struct {
	rate   float64
	most   int64 // bytes
	hasher metadata.Hasher
	hashes []uint64
	limit  int                         // of hashes, before they are looked through for repetitions
	full   metadata.BloomFilterBuilder // once there are more than mostHashes, or than a filter of most bytes can tell apart
}

const mostHashes = 1 << 20

func newFilter(rate float64, most int64) *filter {
	return &filter{rate: rate, most: most, limit: 1 << 12, hasher: metadata.NewBloomFilter(0, 0, memory.DefaultAllocator).Hasher()}
}

func (f *filter) memory() int64 {
	if f == nil {
		return 0
	}
	n := 8 * int64(cap(f.hashes))
	if f.full != nil {
		n += f.full.Size()
	}
	return n
}

func (f *filter) hash(h uint64) {
	if f.full != nil {
		f.full.InsertHash(h)
		return
	}
	f.hashes = append(f.hashes, h)
	if len(f.hashes) < f.limit {
		return
	}
	f.distinct()
	if len(f.hashes) >= int(min(f.most, mostHashes)) {
		f.full = metadata.NewBloomFilter(uint32(f.most), uint32(f.most), memory.DefaultAllocator)
		f.full.InsertBulk(f.hashes)
		f.hashes = nil
		return
	}
	f.limit = max(f.limit, 2*len(f.hashes))
}

func (f *filter) distinct() {
	slices.Sort(f.hashes)
	f.hashes = slices.Compact(f.hashes)
}

// numbers takes in numbers of size bytes.
func (f *filter) numbers(values []int64, size int) {
	if f == nil {
		return
	}
	var b [8]byte
	for _, v := range values {
		binary.LittleEndian.PutUint64(b[:], uint64(v))
		f.hash(f.hasher.Sum64(b[:size]))
	}
}

func (f *filter) bytes(v []byte) {
	if f != nil {
		f.hash(f.hasher.Sum64(v))
	}
}

func (f *filter) bools(values []bool) {
	if f == nil {
		return
	}
	for _, v := range values {
		f.hash(metadata.GetHash(f.hasher, v))
	}
}

// end is the filter of all that was taken in.
func (f *filter) end() metadata.BloomFilterBuilder {
	if f.full != nil {
		return f.full
	}
	f.distinct()
	b := metadata.NewBloomFilterFromNDVAndFPP(uint32(max(len(f.hashes), 1)), f.rate, f.most, memory.DefaultAllocator)
	b.InsertBulk(f.hashes)
	return b
}
