package source

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// inflater unpacks record batches, and asks for memory as the output grows: a small batch that unpacks to gigabytes
// is stopped at max, having taken little more than that. What it returns is as large as what is in it.
type inflater struct {
	max     int
	take    func(bytes int64) error
	give    func(bytes int64)
	scratch []byte // of scratchSize, used again and again; most batches fit
	err     error  // why it failed; the client's own errors hide it
}

// scratchSize is what one decoder keeps beside the budget.
const scratchSize = 1 << 20

// Decompress is called by the client's decoder of old message sets.
func (d *inflater) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	out, err := d.inflate(src, codec)
	if err != nil {
		d.err = err
	}
	return out, err
}

func (d *inflater) inflate(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	switch codec {
	case kgo.CodecNone:
		return src, nil
	case kgo.CodecSnappy:
		return d.snappy(src)
	case kgo.CodecGzip:
		r := gzipReaders.Get().(*gzip.Reader)
		defer gzipReaders.Put(r)
		if err := r.Reset(bytes.NewReader(src)); err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return d.read(r)
	case kgo.CodecLz4:
		r := lz4Readers.Get().(*lz4.Reader)
		defer lz4Readers.Put(r)
		r.Reset(bytes.NewReader(src))
		return d.read(r)
	case kgo.CodecZstd:
		return d.zstd(src)
	}
	return nil, fmt.Errorf("unknown compression %d", codec)
}

var (
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
	lz4Readers  = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
)

// buffer is the first place for output.
func (d *inflater) buffer() []byte {
	if d.scratch == nil {
		d.scratch = make([]byte, scratchSize)
	}
	return d.scratch[:0:min(scratchSize, d.max+1)]
}

func (d *inflater) ours(buf []byte) bool {
	return cap(buf) > 0 && cap(d.scratch) > 0 && &buf[:1][0] == &d.scratch[:1][0]
}

// grow gives a larger buffer with the same content, taking the memory first. A byte more than max is enough to
// prove that there is too much.
func (d *inflater) grow(buf []byte, to int) ([]byte, error) {
	to = min(to, d.max+1)
	if to <= cap(buf) {
		return nil, d.tooMuch()
	}
	if err := d.take(int64(to)); err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, to), buf...)
	if !d.ours(buf) {
		d.give(int64(cap(buf)))
	}
	return out, nil
}

func (d *inflater) tooMuch() error {
	return fmt.Errorf("%w: it unpacks to more than %d bytes", errTooLarge, d.max)
}

// fit returns the content in memory of its own size.
func (d *inflater) fit(buf []byte) ([]byte, error) {
	if len(buf) > d.max {
		return nil, d.tooMuch()
	}
	if !d.ours(buf) && cap(buf)-len(buf) <= len(buf)/8 {
		return buf, nil
	}
	if err := d.take(int64(len(buf))); err != nil {
		return nil, err
	}
	out := slices.Clone(buf)
	if !d.ours(buf) {
		d.give(int64(cap(buf)))
	}
	return out, nil
}

// read unpacks a stream whose length nobody vouches for.
func (d *inflater) read(r io.Reader) ([]byte, error) {
	buf := d.buffer()
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return d.fit(buf)
		}
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		if len(buf) == cap(buf) {
			if buf, err = d.grow(buf, 2*cap(buf)); err != nil {
				return nil, err
			}
		}
	}
}

// zstdDecoder writes to the buffer it is given and not beyond, so it needs no memory for the window, which a frame
// may declare to be far larger than its content.
var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(1<<31))
	if err != nil {
		panic(err) // the options are constants
	}
	return r
})

func (d *inflater) zstd(src []byte) ([]byte, error) {
	buf := d.buffer()
	var h zstd.Header
	if err := h.Decode(src); err == nil && h.HasFCS && !h.Skippable {
		if h.FrameContentSize > uint64(d.max) {
			return nil, d.tooMuch()
		}
		if n := int(h.FrameContentSize); n > cap(buf) {
			if buf, err = d.grow(buf, n); err != nil {
				return nil, err
			}
		}
	}
	for {
		out, err := zstdDecoder().DecodeAll(src, buf)
		if err == nil {
			return d.fit(out)
		}
		// The decoder has several names for a buffer that is too small, some of which it gives to broken input too.
		if cap(buf) > d.max && !errors.Is(err, zstd.ErrDecoderSizeExceeded) {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		if buf, err = d.grow(buf, 4*cap(buf)); err != nil {
			return nil, err
		}
	}
}

var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// snappy comes bare, or in the frames of the Java client. Both say how long the output is before it is made.
func (d *inflater) snappy(src []byte) ([]byte, error) {
	chunks := [][]byte{src}
	if len(src) > 16 && bytes.HasPrefix(src, xerialMagic) {
		chunks = nil
		for rest := src[16:]; len(rest) > 0; {
			if len(rest) < 4 || uint64(binary.BigEndian.Uint32(rest)) > uint64(len(rest)-4) {
				return nil, errors.New("snappy: broken framing")
			}
			n := binary.BigEndian.Uint32(rest)
			chunks = append(chunks, rest[4:4+n])
			rest = rest[4+n:]
		}
	}
	total := 0
	for _, c := range chunks {
		n, err := s2.DecodedLen(c)
		if err != nil {
			return nil, fmt.Errorf("snappy: %w", err)
		}
		if total += n; total > d.max {
			return nil, d.tooMuch()
		}
	}
	if err := d.take(int64(total)); err != nil {
		return nil, err
	}
	out := make([]byte, 0, total)
	for _, c := range chunks {
		n, _ := s2.DecodedLen(c)
		if _, err := s2.Decode(out[len(out):len(out)+n], c); err != nil {
			return nil, fmt.Errorf("snappy: %w", err)
		}
		out = out[:len(out)+n]
	}
	return out, nil
}
