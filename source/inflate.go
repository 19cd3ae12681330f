package source

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// inflater unpacks one record batch, and asks for memory as the output grows: a small batch that unpacks to
// gigabytes is stopped at max, having taken no more than that.
type inflater struct {
	max  int
	take func(bytes int64) error
	err  error // why it failed; the client's own errors hide it
}

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
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		return d.read(r, len(src), 0)
	case kgo.CodecLz4:
		r := lz4Readers.Get().(*lz4.Reader)
		defer lz4Readers.Put(r)
		r.Reset(bytes.NewReader(src))
		return d.read(r, len(src), 0)
	case kgo.CodecZstd:
		return d.zstd(src)
	}
	return nil, fmt.Errorf("unknown compression %d", codec)
}

var lz4Readers = sync.Pool{New: func() any { return lz4.NewReader(nil) }}

// grow makes room for one more byte at least, taking the memory first.
func (d *inflater) grow(buf []byte, to int) ([]byte, error) {
	if to > d.max {
		to = d.max + 1 // one byte too many is the proof
	}
	if to <= cap(buf) {
		return nil, errTooLarge
	}
	if err := d.take(int64(to - cap(buf))); err != nil {
		return nil, err
	}
	return append(make([]byte, 0, to), buf...), nil
}

// read unpacks a stream whose length nobody vouches for; hint is what its header claims, 0 if nothing.
func (d *inflater) read(r io.Reader, packed, hint int) ([]byte, error) {
	first := 4 * packed
	if hint > 0 {
		first = min(hint, d.max) + 1 // with room to see that it ends
	}
	buf, err := d.grow(nil, max(min(first, d.max), 512))
	if err != nil {
		return nil, err
	}
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if len(buf) > d.max {
			return nil, fmt.Errorf("%w: it unpacks to more than %d bytes", errTooLarge, d.max)
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
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

// zstdDecoders stream, with windows of at most 8 MiB as the format recommends readers to support.
var zstdDecoders = sync.Pool{New: func() any {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		panic(err) // the options are constants
	}
	return r
}}

func (d *inflater) zstd(src []byte) ([]byte, error) {
	var h zstd.Header
	hint := 0
	if err := h.Decode(src); err == nil && h.HasFCS && !h.Skippable {
		if h.FrameContentSize > uint64(d.max) {
			return nil, fmt.Errorf("%w: it unpacks to %d bytes", errTooLarge, h.FrameContentSize)
		}
		hint = int(h.FrameContentSize)
	}
	r := zstdDecoders.Get().(*zstd.Decoder)
	defer zstdDecoders.Put(r)
	if err := r.Reset(bytes.NewReader(src)); err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return d.read(r, len(src), hint)
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
			return nil, fmt.Errorf("%w: it unpacks to more than %d bytes", errTooLarge, d.max)
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
