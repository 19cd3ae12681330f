package decode

import "hash/maphash"

// keySet tells the keys of the objects of one record apart: each object has a number, and a key may come once
// under it. It holds places in the record, not keys, so that nothing of a record outlives it.
type keySet struct {
	seed   maphash.Seed
	slots  []keySlot
	used   int
	epoch  uint32 // of the record; a slot of another epoch is free
	object uint32 // number of the last object
}

type keySlot struct {
	epoch, object uint32
	hash          uint32
	from, size    uint32 // of the key, in the record or, if from has the top bit, in the arena
}

const (
	inArena  = 1 << 31
	keySlots = 1 << 10
)

func newKeySet() keySet {
	return keySet{seed: maphash.MakeSeed(), slots: make([]keySlot, keySlots)}
}

// next forgets everything, for the next record.
func (s *keySet) next() {
	if len(s.slots) > keySlots && s.used < keySlots/4 {
		s.slots = make([]keySlot, keySlots)
	}
	s.used, s.object = 0, 0
	s.epoch++
	if s.epoch == 0 {
		clear(s.slots)
		s.epoch = 1
	}
}

// add notes a key of an object. It returns false if the object has it already. key is what stands at from;
// at gives the bytes of an earlier place.
func (s *keySet) add(object uint32, key []byte, from uint32, at func(from, size uint32) []byte) bool {
	h := maphash.Bytes(s.seed, key) + uint64(object)*0x9e3779b97f4a7c15
	short := uint32(h >> 32)
	mask := uint64(len(s.slots) - 1)
	i := h & mask
	for s.slots[i].epoch == s.epoch {
		e := &s.slots[i]
		if e.hash == short && e.object == object && int(e.size) == len(key) && string(at(e.from, e.size)) == string(key) {
			return false
		}
		i = (i + 1) & mask
	}
	s.slots[i] = keySlot{epoch: s.epoch, object: object, hash: short, from: from, size: uint32(len(key))}
	if s.used++; s.used > len(s.slots)/2 {
		s.grow(at)
	}
	return true
}

func (s *keySet) grow(at func(from, size uint32) []byte) {
	old := s.slots
	s.slots = make([]keySlot, 2*len(old))
	mask := uint64(len(s.slots) - 1)
	for _, e := range old {
		if e.epoch != s.epoch {
			continue
		}
		i := (maphash.Bytes(s.seed, at(e.from, e.size)) + uint64(e.object)*0x9e3779b97f4a7c15) & mask
		for s.slots[i].epoch == s.epoch {
			i = (i + 1) & mask
		}
		s.slots[i] = e
	}
}
