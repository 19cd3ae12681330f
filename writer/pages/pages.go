// Package pages writes Parquet files from decoded columns, row group by row group. It makes the pages itself; schema and
// footer are put together by the Parquet library, which no other room knows.
//
// The layout is the Iceberg specification's: a field id at every level, lists of three levels, decimals in as few
// bytes as their precision needs, times in microseconds with the right word on UTC.
//
// A column chunk goes batch by batch through an Encoder: levels, values, a page when there is enough of them. Codes wait for
// their dictionary to be complete, all other pages go out as they are made. Pages are of version 1, with a checksum each.
package pages

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/writer/metrics"
	"github.com/sinker-io/sinker/writer/shred"
)

// Layout is a schema as Parquet has it, with the settings of its table. It is immutable.
type Layout struct {
	Leaves   []shred.Leaf
	forms    []form
	filtered []bool // leaves that get a bloom filter
	schema   *schema.Schema
	settings Settings
	props    *parquet.WriterProperties // for the footer
}

// createdBy has the form that readers take apart to find out whether to trust statistics.
const createdBy = "sinker version 1.0.0 (build arrow-go-18.8.0)"

// NewLayout fails on types that Parquet files of Iceberg tables cannot hold.
func NewLayout(sc *iceberg.Schema, settings Settings) (*Layout, error) {
	leaves, err := shred.Leaves(sc)
	if err != nil {
		return nil, err
	}
	root, err := rootNode(sc)
	if err != nil {
		return nil, err
	}
	l := &Layout{
		Leaves: leaves, schema: schema.NewSchema(root), settings: settings, filtered: make([]bool, len(leaves)),
		props: parquet.NewWriterProperties(parquet.WithCreatedBy(createdBy), parquet.WithVersion(parquet.V2_LATEST), parquet.WithCompression(settings.Codec)),
	}
	times := map[string]int{}
	for i := range leaves {
		l.forms = append(l.forms, formOf(&leaves[i]))
		times[parquet.ColumnPath(leaves[i].Path).String()]++
	}
	for i := range leaves {
		// The library tells columns apart by their path, and two may have the same: "a.b" and b in a.
		alone := times[parquet.ColumnPath(leaves[i].Path).String()] == 1
		l.filtered[i] = settings.Bloom[leaves[i].Name] && leaves[i].MaxRep == 0 && alone
	}
	return l, nil
}

// Writer writes one file. It belongs to one goroutine. After an error the file is lost.
type Writer struct {
	layout *Layout
	plan   *Plan
	out    output
	footer *metadata.FileMetaDataBuilder
	groups int
}

// Footer is what the footer says that a manifest wants to know.
type Footer struct {
	ColumnSizes  map[int]int64 // compressed bytes by field id
	SplitOffsets []int64       // where row groups begin
}

// step is how many rows are turned into levels and values at a time.
const step = 4096

var magic = []byte("PAR1")

// Open begins a file.
func Open(w io.Writer, l *Layout, p *Plan) (*Writer, error) {
	f := &Writer{layout: l, plan: p, out: output{w: w}, footer: metadata.NewFileMetadataBuilder(l.schema, l.props, nil)}
	if err := f.out.write(magic); err != nil {
		return nil, fmt.Errorf("begin parquet file: %w", err)
	}
	return f, nil
}

// Groups is how many row groups were written.
func (w *Writer) Groups() int { return w.groups }

// Group writes the rows of sel, which must not be empty, as one row group. Each chunk is shown to observe.
func (w *Writer) Group(rows *decode.Rows, sel shred.Selection, sh *shred.Shredder, e *Encoder, observe func(leaf int, c *metrics.Chunk)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write row group %d: %v", w.groups, r)
		}
	}()
	group := w.footer.AppendRowGroup()
	group.SetNumRows(sel.Len())
	filters := map[string]metadata.BloomFilterBuilder{}
	for i := range w.layout.Leaves {
		leaf := &w.layout.Leaves[i]
		var f *filter
		if w.layout.filtered[i] {
			f = w.layout.settings.filter(leaf.Name)
		}
		e.begin(&w.layout.settings, &w.out, leaf, w.layout.forms[i], sel.Len(), w.plan.dictionary[i], !leaf.Nulls(rows), f)
		err := sh.Each(rows, sel, leaf, step, e.add)
		if err == nil {
			err = e.end(group.NextColumnChunk())
		}
		if err != nil {
			return fmt.Errorf("write row group %d, column %s: %w", w.groups, leaf.Name, err)
		}
		w.plan.dictionary[i] = w.plan.dictionary[i] && e.dictionary // what was given up once is not tried again
		chunk := e.bounds.chunk(leaf, w.layout.forms[i], e.entries, e.values)
		observe(i, &chunk)
		if f != nil {
			filters[parquet.ColumnPath(leaf.Path).String()] = f.end()
		}
	}
	if err := group.Finish(0, int16(w.groups)); err != nil {
		return fmt.Errorf("end row group %d: %w", w.groups, err)
	}
	bloom := metadata.FileBloomFilterBuilder{Schema: w.layout.schema}
	bloom.AppendRowGroup(group, filters)
	if err := bloom.WriteTo(&w.out); err != nil {
		return fmt.Errorf("write the bloom filters of row group %d: %w", w.groups, err)
	}
	w.groups++
	return nil
}

func (s *Settings) filter(column string) *filter {
	rate, ok := s.BloomRate[column]
	if !ok {
		rate = parquet.DefaultBloomFilterFPP
	}
	return newFilter(rate, s.BloomBytes)
}

// Close writes the footer. The writer below is not closed.
func (w *Writer) Close() (f Footer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write parquet footer: %v", r)
		}
	}()
	meta, err := w.footer.Finish()
	if err != nil {
		return f, fmt.Errorf("make parquet footer: %w", err)
	}
	n, err := meta.WriteTo(&w.out, nil)
	if err == nil {
		err = w.out.write(binary.LittleEndian.AppendUint32(nil, uint32(n)), magic)
	}
	if err != nil {
		return f, fmt.Errorf("write parquet footer: %w", err)
	}
	f.ColumnSizes = make(map[int]int64, len(w.layout.Leaves))
	for g := range meta.NumRowGroups() {
		group := meta.RowGroup(g)
		for i := range w.layout.Leaves {
			chunk, err := group.ColumnChunk(i)
			if err != nil {
				return f, fmt.Errorf("read parquet footer: %w", err)
			}
			f.ColumnSizes[w.layout.Leaves[i].Field.ID] += chunk.TotalCompressedSize()
			if i > 0 {
				continue
			}
			at := chunk.DataPageOffset()
			if chunk.HasDictionaryPage() {
				at = min(at, chunk.DictionaryPageOffset())
			}
			f.SplitOffsets = append(f.SplitOffsets, at)
		}
	}
	return f, nil
}
