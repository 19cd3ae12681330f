package pages

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// mostEntries is how many entries a dictionary may have before it is given up: a code must fit beside a tag in a slot, and a
// page may still add to it.
const mostEntries = 1 << 20

// dict is the dictionary of one column chunk: each value that came, in the order in which it first came. Open addressing over
// slots of (part of the hash)<<21 | code+1; 0 is free.
type dict struct {
	slots   []uint32 // a power of two, at most half full
	n       int
	numbers []int64  // of a column of numbers, by code
	plain   []byte   // of any other column: the values as the dictionary page has them
	ends    []uint32 // of a column of text: where each value ends in plain
	hashes  [hashedAtOnce]uint64
}

const (
	hashedAtOnce = 128
	codeBits     = 21
	codeMask     = 1<<codeBits - 1
	leastSlots   = 256
)

// start empties the dictionary.
func (d *dict) start() {
	if cap(d.slots) < leastSlots {
		d.slots = make([]uint32, leastSlots)
	}
	d.slots = d.slots[:leastSlots]
	clear(d.slots)
	d.n, d.numbers, d.plain, d.ends = 0, d.numbers[:0], d.plain[:0], d.ends[:0]
}

func (d *dict) memory() int64 {
	return 4*int64(cap(d.slots)+cap(d.ends)) + 8*int64(cap(d.numbers)) + int64(cap(d.plain))
}

// size is the bytes of the dictionary page, before compression, of numbers of so many bytes, or of other values.
func (d *dict) size(number int) int { return len(d.plain) + number*len(d.numbers) }

// grow doubles the slots. rehash gives the hash of an entry.
func (d *dict) grow(rehash func(code int) uint64) {
	n := 2 * len(d.slots)
	if cap(d.slots) < n {
		d.slots = make([]uint32, n)
	}
	d.slots = d.slots[:n]
	clear(d.slots)
	mask := uint64(n - 1)
	for code := range d.n {
		h := rehash(code)
		at := h & mask
		for d.slots[at] != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = slot(h, code)
	}
}

func slot(hash uint64, code int) uint32 { return uint32(hash>>53)<<codeBits | uint32(code+1) }

var (
	hashSeed  = maphash.MakeSeed()
	hashKey   = maphash.String(hashSeed, "key") | 1
	hashStart = maphash.String(hashSeed, "start")
)

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func hashNumber(v int64) uint64 { return fold(uint64(v)^hashStart, hashKey) }

func hashBytes(b []byte) uint64 {
	h := hashStart ^ uint64(len(b))
	for len(b) > 16 {
		h = fold(binary.LittleEndian.Uint64(b)^h, binary.LittleEndian.Uint64(b[8:])^hashKey)
		b = b[16:]
	}
	var x, y uint64
	switch n := len(b); {
	case n >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		x, y = uint64(b[0])|uint64(b[n/2])<<8, uint64(b[n-1])
	}
	return fold(fold(x^h, y^hashKey), hashKey)
}

// addNumbers appends the codes of values to codes.
func (d *dict) addNumbers(codes []uint32, values []int64) []uint32 {
	for _, v := range values {
		h := hashNumber(v)
		mask := uint64(len(d.slots) - 1)
		at := h & mask
		for {
			s := d.slots[at]
			if s == 0 {
				codes = append(codes, uint32(d.n))
				d.slots[at] = slot(h, d.n)
				d.n++
				d.numbers = append(d.numbers, v)
				if 2*d.n > len(d.slots) {
					d.grow(func(code int) uint64 { return hashNumber(d.numbers[code]) })
				}
				break
			}
			if code := s&codeMask - 1; d.numbers[code] == v {
				codes = append(codes, code)
				break
			}
			at = (at + 1) & mask
		}
	}
	return codes
}

// addText appends the codes of values to codes. width is their length, or 0 if each has its own.
func (d *dict) addText(codes []uint32, values [][]byte, width int) []uint32 {
	for len(values) > 0 {
		part := values[:min(len(values), hashedAtOnce)]
		values = values[len(part):]
		for i, v := range part { // first all hashes: the processor works on many at a time
			d.hashes[i] = hashBytes(v)
		}
		for i, v := range part {
			h := d.hashes[i]
			s := d.slots[h&uint64(len(d.slots)-1)]
			if s != 0 && s>>codeBits == uint32(h>>53) {
				if code := s&codeMask - 1; string(d.value(int(code), width)) == string(v) { // most often
					codes = append(codes, code)
					continue
				}
			}
			codes = append(codes, d.code(v, h, width))
		}
	}
	return codes
}

func (d *dict) code(v []byte, h uint64, width int) uint32 {
	mask := uint64(len(d.slots) - 1)
	tag := uint32(h>>53) << codeBits
	for at := h & mask; ; at = (at + 1) & mask {
		s := d.slots[at]
		if s == 0 {
			code := d.n
			d.slots[at] = slot(h, code)
			d.n++
			if width == 0 {
				d.plain = binary.LittleEndian.AppendUint32(d.plain, uint32(len(v)))
			}
			d.plain = append(d.plain, v...)
			if width == 0 {
				d.ends = append(d.ends, uint32(len(d.plain)))
			}
			if 2*d.n > len(d.slots) {
				d.grow(func(code int) uint64 { return hashBytes(d.value(code, width)) })
			}
			return uint32(code)
		}
		if s&^codeMask == tag {
			if code := s&codeMask - 1; string(d.value(int(code), width)) == string(v) {
				return code
			}
		}
	}
}

// value is an entry that is no number.
func (d *dict) value(code, width int) []byte {
	if width > 0 {
		return d.plain[code*width : (code+1)*width]
	}
	from := uint32(4)
	if code > 0 {
		from += d.ends[code-1]
	}
	return d.plain[from:d.ends[code]]
}

// appendCodes appends a page's codes into a dictionary of n entries: the width, then one run of groups, or one
// repetition if all codes are the same. Where a code is less than a byte, whole gives it one: for a codec that
// shortens symbols the size is the same, and the symbols are there to see.
func appendCodes(b []byte, codes []uint32, n int, whole bool) []byte {
	width := uint(bits.Len32(uint32(n - 1)))
	same := true
	for _, c := range codes {
		if c != codes[0] {
			same = false
			break
		}
	}
	if same {
		b = appendUvarint(append(b, byte(width)), uint64(len(codes))<<1)
		for left, c := int(width), codes[0]; left > 0; left -= 8 {
			b = append(b, byte(c))
			c >>= 8
		}
		return b
	}
	if whole && width < 8 {
		width = 8
	}
	for len(codes)%8 != 0 {
		codes = append(codes, 0)
	}
	b = appendUvarint(append(b, byte(width)), uint64(len(codes)/8)<<1|1)
	return appendPacked(b, codes, width)
}
