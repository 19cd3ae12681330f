// Package pages writes Parquet files from decoded columns, row group by row group. It is the only room that knows
// which library makes the pages.
//
// The layout is the Iceberg specification's: a field id at every level, lists of three levels, decimals in as few
// bytes as their precision needs, times in microseconds with the right word on UTC.
package pages

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/writer/shred"
)

// Layout is a schema as Parquet has it, with the settings of its table. It is immutable.
type Layout struct {
	Leaves   []shred.Leaf
	root     *schema.GroupNode
	settings Settings
	shared   map[string]bool // paths that two leaves have: "a.b" and b in a
}

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
	l := &Layout{Leaves: leaves, root: root, settings: settings, shared: map[string]bool{}}
	seen := map[string]bool{}
	for i := range leaves {
		path := parquet.ColumnPath(leaves[i].Path).String()
		l.shared[path] = seen[path]
		seen[path] = true
	}
	return l, nil
}

// Writer writes one file. It belongs to one goroutine. After an error the file is lost.
type Writer struct {
	layout *Layout
	file   *file.Writer
	groups int
	buf    convert
}

// Footer is what the footer says that a manifest wants to know.
type Footer struct {
	ColumnSizes  map[int]int64 // compressed bytes by field id
	SplitOffsets []int64       // where row groups begin
}

// step is how many rows are turned into levels and values at a time.
const step = 4096

// Open begins a file.
func Open(w io.Writer, l *Layout, p *Plan) (*Writer, error) {
	f, err := file.NewParquetWriterWithError(w, l.root, file.WithWriterProps(p.props))
	if err != nil {
		return nil, fmt.Errorf("begin parquet file: %w", err)
	}
	return &Writer{layout: l, file: f}, nil
}

// Groups is how many row groups were written.
func (w *Writer) Groups() int { return w.groups }

// Group writes the rows of sel, which must not be empty, as one row group. Each batch of each leaf is shown to
// observe as well.
func (w *Writer) Group(rows *decode.Rows, sel shred.Selection, sh *shred.Shredder, observe func(leaf int, b *shred.Batch)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write row group %d: %v", w.groups, r)
		}
	}()
	group, err := w.file.AppendRowGroupChecked()
	if err != nil {
		return fmt.Errorf("begin row group %d: %w", w.groups, err)
	}
	for i := range w.layout.Leaves {
		leaf := &w.layout.Leaves[i]
		col, err := group.NextColumn()
		if err == nil {
			err = sh.Each(rows, sel, leaf, step, func(b *shred.Batch) error {
				observe(i, b)
				return w.write(col, leaf, b)
			})
		}
		if err != nil {
			return fmt.Errorf("write row group %d, column %s: %w", w.groups, leaf.Name, err)
		}
	}
	w.groups++
	if err := group.Close(); err != nil {
		return fmt.Errorf("end row group %d: %w", w.groups-1, err)
	}
	return nil
}

// Close writes the footer. The writer below is not closed.
func (w *Writer) Close() (f Footer, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write parquet footer: %v", r)
		}
	}()
	if err := w.file.Close(); err != nil {
		return f, fmt.Errorf("write parquet footer: %w", err)
	}
	meta, err := w.file.FileMetadata()
	if err != nil {
		return f, fmt.Errorf("read parquet footer: %w", err)
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
