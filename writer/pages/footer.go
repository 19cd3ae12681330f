package pages

import (
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// output is the file below, with how far it has come.
type output struct {
	w  io.Writer
	at int64
}

func (o *output) write(parts ...[]byte) error {
	for _, p := range parts {
		if _, err := o.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.at += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// Tell is the offset of the next byte.
func (o *output) Tell() int64 { return o.at }

// describe writes down in the footer what the chunk that has ended is.
func (e *Encoder) describe(meta *metadata.ColumnChunkMetaDataBuilder) error {
	stats, exactMin, exactMax := e.bounds.statistics(e.leaf, e.form)
	stats.SetNullCount(e.entries - e.values)
	stats.Signed = meta.Descr().SortOrder() == schema.SortSIGNED
	meta.SetStats(stats)
	if s := meta.Contents().MetaData.Statistics; stats.HasMin || stats.HasMax {
		s.IsMinValueExact, s.IsMaxValueExact = &exactMin, &exactMax
	}
	encodings := metadata.EncodingStats{DataEncodingStats: e.pages}
	if e.dictAt > 0 {
		encodings.DictEncodingStats = map[parquet.Encoding]int32{parquet.Encodings.Plain: 1}
	}
	err := meta.Finish(metadata.ChunkMetaInfo{
		NumValues: e.entries, IndexPageOffset: -1, DictPageOffset: e.dictAt, DataPageOffset: e.dataAt,
		CompressedSize: e.out.at - e.first, UncompressedSize: e.plain,
	}, e.dictAt > 0, false, encodings)
	if err != nil {
		return fmt.Errorf("describe a column chunk: %w", err)
	}
	used := []parquet.Encoding{parquet.Encodings.Plain, parquet.Encodings.RLE} // of dictionaries, and of levels
	for encoding := range e.pages {
		if !slices.Contains(used, encoding) {
			used = append(used, encoding)
		}
	}
	if e.dictAt == 0 && e.pages[parquet.Encodings.Plain] == 0 {
		used = used[1:]
	}
	slices.Sort(used)
	setEncodings(&meta.Contents().MetaData.Encodings, used) // the library knows only those of the properties
	return nil
}

// setEncodings converts to the library's own type, which has no name outside of it.
func setEncodings[E ~int64](dst *[]E, encodings []parquet.Encoding) {
	*dst = (*dst)[:0]
	for _, e := range encodings {
		*dst = append(*dst, E(e))
	}
}
