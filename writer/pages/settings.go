package pages

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/iceberg-go"
)

// Settings is what a table's properties say of its Parquet files.
type Settings struct {
	Codec      compress.Compression
	Level      int   // of the codec
	PageBytes  int64 // of a page before compression
	DictBytes  int64 // of a dictionary; what grows larger is written without
	GroupBytes int64 // of a row group, as columns in memory
	Compact    bool  // delta encodings where they pay; false: dictionaries and plain values only
	Bloom      map[string]bool
	BloomBytes int64
	BloomRate  map[string]float64
}

// Properties of tables that this package reads.
const (
	CodecKey      = "write.parquet.compression-codec"
	LevelKey      = "write.parquet.compression-level"
	PageKey       = "write.parquet.page-size-bytes"
	DictKey       = "write.parquet.dict-size-bytes"
	GroupKey      = "write.parquet.row-group-size-bytes"
	BloomKey      = "write.parquet.bloom-filter-enabled.column." // followed by the dotted name of a column
	BloomRateKey  = "write.parquet.bloom-filter-fpp.column."
	BloomBytesKey = "write.parquet.bloom-filter-max-bytes"
	// EncodingsKey is sinker's own. "plain" keeps to the two encodings that every reader knows; Iceberg's vectorised
	// reader for Spark cannot read delta encodings before version 1.11.
	EncodingsKey = "sinker.parquet.encodings"
)

// ReadSettings fails on what cannot be done, with all faults at once.
func ReadSettings(props iceberg.Properties) (Settings, error) {
	s := Settings{Level: compress.DefaultCompressionLevel, Compact: true, Bloom: map[string]bool{}, BloomRate: map[string]float64{}}
	var faults []string
	fault := func(key, want string) {
		faults = append(faults, fmt.Sprintf("table property %s: %q: want %s", key, props[key], want))
	}
	switch strings.ToLower(props.Get(CodecKey, "zstd")) {
	case "zstd":
		s.Codec, s.Level = compress.Codecs.Zstd, 1 // on encoded pages level 3 is slower and hardly smaller
	case "snappy":
		s.Codec = compress.Codecs.Snappy
	case "gzip":
		s.Codec = compress.Codecs.Gzip
	case "brotli":
		s.Codec = compress.Codecs.Brotli
	case "lz4", "lz4_raw":
		s.Codec = compress.Codecs.Lz4Raw
	case "uncompressed", "none":
		s.Codec = compress.Codecs.Uncompressed
	default:
		fault(CodecKey, "zstd, snappy, gzip, brotli, lz4 or uncompressed")
	}
	if text, ok := props[LevelKey]; ok && strings.ToLower(text) != "null" {
		level, err := strconv.Atoi(strings.TrimSpace(text))
		top := map[compress.Compression]int{compress.Codecs.Zstd: 22, compress.Codecs.Gzip: 9, compress.Codecs.Brotli: 11}[s.Codec]
		switch {
		case err != nil:
			fault(LevelKey, "a number")
		case top == 0: // the codec has no levels
		case level < 0 || level > top:
			fault(LevelKey, fmt.Sprintf("a number from 0 to %d", top))
		default:
			s.Level = level
		}
	}
	size := func(key string, def, least, most int64) int64 {
		text, ok := props[key]
		if !ok {
			return def
		}
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || n <= 0 {
			fault(key, "a number of bytes above 0")
		}
		return min(max(n, least), most)
	}
	// The bounds keep a page and a row group where every reader can hold them.
	s.PageBytes = size(PageKey, 1<<20, 4<<10, 64<<20)
	s.DictBytes = size(DictKey, 2<<20, 1<<10, 64<<20)
	s.GroupBytes = size(GroupKey, 128<<20, 64<<10, 1<<30)
	s.BloomBytes = size(BloomBytesKey, 1<<20, 64, 128<<20)
	switch strings.ToLower(props.Get(EncodingsKey, "compact")) {
	case "compact":
	case "plain":
		s.Compact = false
	default:
		fault(EncodingsKey, "compact or plain")
	}
	for key, text := range props {
		if col, ok := strings.CutPrefix(key, BloomKey); ok {
			s.Bloom[col] = strings.EqualFold(strings.TrimSpace(text), "true")
		}
		if col, ok := strings.CutPrefix(key, BloomRateKey); ok {
			rate, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil || !(rate > 0 && rate < 1) {
				fault(key, "a rate between 0 and 1")
				continue
			}
			s.BloomRate[col] = rate
		}
	}
	if len(faults) > 0 {
		return s, fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return s, nil
}
