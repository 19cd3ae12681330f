package engine

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"unsafe"
)

// fingerprint is 128 bits of a state's memory: a pure function of it, the same in every run.
type fingerprint struct{ hi, lo uint64 }

// fingerprintOf mixes two words at a time into two lanes by 64x64-bit multiplication, in the manner of wyhash.
func fingerprintOf[S any](s *S) fingerprint {
	b := bytesOf(s)
	h, g := uint64(0x9e3779b97f4a7c15), uint64(0xd1b54a32d192ed03)
	for len(b) >= 16 {
		h, g = lanes(h, g, binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
		b = b[16:]
	}
	var tail [16]byte
	copy(tail[:], b)
	h, g = lanes(h, g, binary.LittleEndian.Uint64(tail[:]), binary.LittleEndian.Uint64(tail[8:]))
	return fingerprint{mum(h^g, 0xa0761d6478bd642f), mum(g, h^0xe7037ed1a0b428db)}
}

func lanes(h, g, a, b uint64) (uint64, uint64) {
	return mum(a^0x2d358dccaa6c78a5, b^h) + bits.RotateLeft64(h, 23), mum(b^0x8bb84b93962eacc9, a^g) + bits.RotateLeft64(g, 41)
}

func mum(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func bytesOf[S any](s *S) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s)), unsafe.Sizeof(*s))
}

const shards = 1 << 10

// set is the fingerprints seen. Each shard is a table of its own and grows by a seventh when it is 86 % full: it is never emptier
// than 75 %, and growing needs little room.
type set struct{ shard [shards]shard }

type shard struct {
	mu   sync.Mutex
	slot []entry
	used int
	_    [24]byte // a cache line each
}

// entry is the 96 bits of a fingerprint that the shard's number does not tell; all zero means free.
type entry [3]uint32

func newSet() *set {
	s := &set{}
	for i := range s.shard {
		s.shard[i].slot = make([]entry, 16)
	}
	return s
}

// add tells whether f is new, and remembers it.
func (s *set) add(f fingerprint) bool {
	sh := &s.shard[f.hi>>54]
	e := entry{uint32(f.lo), uint32(f.lo >> 32), uint32(f.hi)}
	if e == (entry{}) {
		e[0] = 1
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	i, found := sh.find(e)
	if found {
		return false
	}
	sh.slot[i] = e
	if sh.used++; sh.used*100 > len(sh.slot)*86 {
		sh.grow()
	}
	return true
}

// find is where e is, or would be.
func (sh *shard) find(e entry) (int, bool) {
	home, _ := bits.Mul64(uint64(e[1])<<32|uint64(e[0]), uint64(len(sh.slot)))
	for i := int(home); ; {
		switch sh.slot[i] {
		case e:
			return i, true
		case entry{}:
			return i, false
		}
		if i++; i == len(sh.slot) {
			i = 0
		}
	}
}

func (sh *shard) grow() {
	old := sh.slot
	sh.slot = make([]entry, len(old)+max(len(old)/7, 1))
	for _, e := range old {
		if e != (entry{}) {
			i, _ := sh.find(e)
			sh.slot[i] = e
		}
	}
}

func (s *set) len() uint64 {
	n := 0
	for i := range s.shard {
		s.shard[i].mu.Lock()
		n += s.shard[i].used
		s.shard[i].mu.Unlock()
	}
	return uint64(n)
}

func (s *set) bytes() uint64 {
	n := 0
	for i := range s.shard {
		n += len(s.shard[i].slot)
	}
	return uint64(n) * uint64(unsafe.Sizeof(entry{}))
}

// preds is where each state came from, by id; ids are given out in blocks of chunkStates.
type preds struct{ block [][]origin }

// origin is a parent's id and the number of the successor among the parent's.
type origin struct {
	id      uint32
	ordinal uint32
}

const noParent = uint64(1<<32 - 1)

func (o origin) parent() uint64 { return uint64(o.id) }

func (p *preds) put(first uint64, from []origin) {
	n := int(first / chunkStates)
	for len(p.block) <= n {
		p.block = append(p.block, nil)
	}
	p.block[n] = from
}

func (p *preds) get(id uint64) origin { return p.block[id/chunkStates][id%chunkStates] }

func (p *preds) bytes() uint64 {
	n := 0
	for _, b := range p.block {
		n += cap(b)
	}
	return uint64(n) * uint64(unsafe.Sizeof(origin{}))
}
