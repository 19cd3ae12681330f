package pages

import (
	"encoding/binary"
	"math/bits"
)

// Blocks of deltas: 128 values in four parts, each part with a width of its own.
const (
	deltaBlock = 128
	deltaParts = 4
	deltaPart  = deltaBlock / deltaParts
)

// appendDeltas appends numbers in DELTA_BINARY_PACKED. size is the bytes of a number, 4 or 8: differences wrap at it.
func appendDeltas(b []byte, values []int64, size int) []byte {
	b = appendUvarint(b, deltaBlock)
	b = appendUvarint(b, deltaParts)
	b = appendUvarint(b, uint64(len(values)))
	if len(values) == 0 {
		return appendZigzag(b, 0)
	}
	b = appendZigzag(b, values[0])
	var block [deltaBlock]uint64
	for at := 1; at < len(values); at += deltaBlock {
		n := min(deltaBlock, len(values)-at)
		least := int64(0)
		for i := range n {
			d := values[at+i] - values[at+i-1]
			if size == 4 {
				d = int64(int32(d))
			}
			block[i] = uint64(d)
			if i == 0 || d < least {
				least = d
			}
		}
		clear(block[n:])
		b = appendZigzag(b, least)
		widths := len(b)
		b = append(b, 0, 0, 0, 0)
		for part := 0; part*deltaPart < n; part++ {
			values := block[part*deltaPart : (part+1)*deltaPart]
			filled := min(deltaPart, n-part*deltaPart)
			var all uint64
			for i := range values[:filled] {
				values[i] -= uint64(least)
				all |= values[i]
			}
			width := bits.Len64(all)
			b[widths+part] = byte(width)
			b = appendPacked(b, values, uint(width))
		}
	}
	return b
}

// appendPacked appends numbers of width bits, least significant bit first. len(values)*width must be whole bytes.
func appendPacked[T uint32 | uint64](b []byte, values []T, width uint) []byte {
	switch {
	case width == 0:
		return b
	case width == 8:
		for _, v := range values {
			b = append(b, byte(v))
		}
		return b
	case width > 32:
		var acc uint64
		var n uint
		for _, v := range values {
			for v, left := uint64(v), width; left > 0; {
				take := min(left, 8-n)
				acc |= v & (1<<take - 1) << n
				v >>= take
				n += take
				left -= take
				if n == 8 {
					b = append(b, byte(acc))
					acc, n = 0, 0
				}
			}
		}
		return b
	}
	var acc uint64
	var n uint
	for _, v := range values {
		acc |= uint64(v) << n
		n += width
		if n >= 32 {
			b = binary.LittleEndian.AppendUint32(b, uint32(acc))
			acc >>= 32
			n -= 32
		}
	}
	for ; n > 0; n -= min(n, 8) {
		b = append(b, byte(acc))
		acc >>= 8
	}
	return b
}

// appendSplit appends numbers of size bytes in BYTE_STREAM_SPLIT: all first bytes, all second bytes, ….
func appendSplit(b []byte, values []int64, size int) []byte {
	n := len(values)
	at := len(b)
	b = append(b, make([]byte, n*size)...)
	for k := range size {
		plane, shift := b[at+k*n:at+(k+1)*n], uint(8*k)
		for i, v := range values {
			plane[i] = byte(uint64(v) >> shift)
		}
	}
	return b
}

// appendPlain appends numbers of size bytes as they are.
func appendPlain(b []byte, values []int64, size int) []byte {
	at := len(b)
	b = append(b, make([]byte, len(values)*size)...)
	out := b[at:]
	if size == 4 {
		for i, v := range values {
			binary.LittleEndian.PutUint32(out[4*i:], uint32(v))
		}
		return b
	}
	for i, v := range values {
		binary.LittleEndian.PutUint64(out[8*i:], uint64(v))
	}
	return b
}

// appendBits appends booleans, eight to a byte.
func appendBits(b []byte, values []bool) []byte {
	for len(values) > 0 {
		n := min(8, len(values))
		var v byte
		for i, bit := range values[:n] {
			if bit {
				v |= 1 << i
			}
		}
		b, values = append(b, v), values[n:]
	}
	return b
}
