package storage

import (
	"errors"
	"hash/crc32"
	"io"
)

const blockSize = 256 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blocks is a growing piece of an object, held in blocks of one size so that growth copies nothing and Held
// is exact. One goroutine writes it; when it is full it is read by another.
type blocks struct {
	free  *freeBlocks
	chain [][]byte
	size  int64
}

func (b *blocks) held() int64 { return int64(len(b.chain)) * blockSize }

// write takes at most up to bytes of p, and tells how many.
func (b *blocks) write(p []byte, upTo int64) int {
	took := 0
	for len(p) > 0 && upTo > 0 {
		at := int(b.size % blockSize)
		if at == 0 {
			b.chain = append(b.chain, b.free.get())
		}
		last := b.chain[len(b.chain)-1]
		n := copy(last[at:], p[:min(int64(len(p)), upTo)])
		p, took, upTo, b.size = p[n:], took+n, upTo-int64(n), b.size+int64(n)
	}
	return took
}

func (b *blocks) crc() uint32 {
	sum, left := uint32(0), b.size
	for _, block := range b.chain {
		n := min(left, blockSize)
		sum, left = crc32.Update(sum, castagnoli, block[:n]), left-n
	}
	return sum
}

// release gives the memory back. No reader may be in use.
func (b *blocks) release() {
	for _, block := range b.chain {
		b.free.put(block)
	}
	b.chain, b.size = nil, 0
}

func (b *blocks) reader() io.ReadSeeker { return &blockReader{of: b} }

// blockReader reads the blocks; the client rewinds it to sign and to send.
type blockReader struct {
	of *blocks
	at int64
}

func (r *blockReader) Read(p []byte) (int, error) {
	if r.at >= r.of.size {
		return 0, io.EOF
	}
	in := r.at % blockSize
	n := copy(p, r.of.chain[r.at/blockSize][in:min(blockSize, in+r.of.size-r.at)])
	r.at += int64(n)
	return n, nil
}

func (r *blockReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.of.size
	}
	if offset < 0 {
		return r.at, errors.New("seek before the beginning")
	}
	r.at = offset
	return offset, nil
}

// freeBlocks keeps a few blocks for the next upload.
type freeBlocks struct{ c chan []byte }

func newFreeBlocks(n int) *freeBlocks { return &freeBlocks{c: make(chan []byte, n)} }

func (f *freeBlocks) get() []byte {
	select {
	case b := <-f.c:
		return b
	default:
		return make([]byte, blockSize)
	}
}

func (f *freeBlocks) put(b []byte) {
	select {
	case f.c <- b:
	default:
	}
}
