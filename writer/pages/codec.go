package pages

import (
	"sync"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// zstdPools are the zstd encoders that are free, by level. They are shared by all tables: one has tables of some MiB.
var zstdPools [zstd.SpeedBestCompression + 1]sync.Pool

// press compresses src into dst, as far as it has room, and gives what came out.
func (s *Settings) press(dst, src []byte) ([]byte, error) {
	if s.Codec == compress.Codecs.Zstd {
		level := zstd.EncoderLevelFromZstd(s.Level)
		enc, ok := zstdPools[level].Get().(*zstd.Encoder)
		if !ok {
			var err error
			// Pages of codes and deltas have few matches and much to gain from shorter symbols. Pages have a checksum of their own.
			enc, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true),
				zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderCRC(false))
			if err != nil {
				return nil, err
			}
		}
		out := enc.EncodeAll(src, dst[:0])
		zstdPools[level].Put(enc)
		return out, nil
	}
	codec, err := compress.GetCodec(s.Codec)
	if err != nil {
		return nil, err
	}
	if most := codec.CompressBound(int64(len(src))); int64(cap(dst)) < most {
		dst = make([]byte, most)
	}
	return codec.EncodeLevel(dst[:cap(dst)], src, s.Level), nil
}
