package partition

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
)

// bucket hashes as appendix B of the specification says: whole numbers, dates and times as 8 bytes little endian
// (nanoseconds as microseconds), decimals as the fewest bytes of the unscaled value, the rest as it is.
func bucket(src iceberg.Type, n int32) function {
	of := func(h uint32) value { return value{n: int64(int32(h&math.MaxInt32) % n)} }
	if get := integer(src); get != nil {
		u := max(unit(src), 1)
		return func(c *decode.Column, i int) value {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], uint64(floorDiv(get(c, i), u)))
			return of(Hash(b[:]))
		}
	}
	switch src.(type) {
	case iceberg.DecimalType:
		return func(c *decode.Column, i int) value {
			var b [16]byte
			return of(Hash(minimal(c.Value(i), &b)))
		}
	case iceberg.UUIDType, iceberg.FixedType, iceberg.StringType, iceberg.BinaryType:
		return func(c *decode.Column, i int) value { return of(Hash(c.Value(i))) }
	}
	return nil
}

// Hash is the 32-bit Murmur3 hash of b, x86 variant, seed 0.
func Hash(b []byte) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	n := len(b)
	var h uint32
	for ; len(b) >= 4; b = b[4:] {
		k := binary.LittleEndian.Uint32(b) * c1
		h ^= bits.RotateLeft32(k, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	if len(b) > 0 {
		var tail [4]byte
		copy(tail[:], b)
		k := binary.LittleEndian.Uint32(tail[:]) * c1
		h ^= bits.RotateLeft32(k, 15) * c2
	}
	h ^= uint32(n)
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// minimal writes the 16 little endian bytes le to buf as big endian, and gives the fewest of them that keep the value
// and its sign.
func minimal(le []byte, buf *[16]byte) []byte {
	for i := range buf {
		buf[i] = le[15-i]
	}
	b := buf[:]
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	return b
}

// truncateDecimal rounds an unscaled value down to a multiple of w. Both are 16 bytes, little endian.
func truncateDecimal(le []byte, w int64) []byte {
	v := unscaled(le)
	width := big.NewInt(w)
	rest := new(big.Int).Mod(v, width) // Euclidean: never negative
	v.Sub(v, rest)
	out := make([]byte, 16)
	if v.Sign() < 0 {
		v.Add(v, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	v.FillBytes(out)
	slices.Reverse(out)
	return out
}

// unscaled reads 16 bytes of two's complement, little endian.
func unscaled(le []byte) *big.Int {
	var b [16]byte
	for i := range b {
		b[i] = le[15-i]
	}
	v := new(big.Int).SetBytes(b[:])
	if b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	return v
}
