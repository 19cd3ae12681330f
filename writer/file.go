package writer

import (
	"context"
	"fmt"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/writer/metrics"
	"github.com/sinker-io/sinker/writer/pages"
	"github.com/sinker-io/sinker/writer/partition"
)

// lane is one partition of the table.
type lane struct {
	key   string
	tuple partition.Tuple
	file  *dataFile // nil while none is open
}

// laneMemory is about how many bytes a lane takes.
const laneMemory = 1 << 10

// dataFile is a file that is being written.
type dataFile struct {
	number  int
	tuple   partition.Tuple
	out     *output
	pages   *pages.Writer
	metrics *metrics.Collector
	leaves  int
	rows    int64
	taken   int64 // held when the budget was last asked for it
}

// Rough sizes of what the page library keeps of an open file until its footer is written.
const (
	fileMemory  = 4 << 10
	chunkMemory = 1 << 10 // per column and row group
)

// held is the memory of the file.
func (f *dataFile) held() int64 {
	return fileMemory + f.out.held() + f.metrics.Memory() + int64(f.pages.Groups()*f.leaves)*chunkMemory
}

// abandon leaves nothing of the file.
func (f *dataFile) abandon() {
	if f.out.upload != nil {
		f.out.upload.Abort()
	}
}

// describe is the entry of the file in a manifest.
func (f *dataFile) describe(t *Table, foot pages.Footer, size int64) (iceberg.DataFile, error) {
	b, err := iceberg.NewDataFileBuilder(t.Spec, iceberg.EntryContentData, f.out.location, iceberg.ParquetFile,
		f.tuple.Values, f.tuple.Logical, nil, f.rows, size)
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", f.out.location, err)
	}
	m := f.metrics.Metrics()
	return b.ColumnSizes(foot.ColumnSizes).ValueCounts(m.Values).NullValueCounts(m.Nulls).NaNValueCounts(m.NaNs).
		LowerBoundValues(m.Lower).UpperBoundValues(m.Upper).SplitOffsets(foot.SplitOffsets).Build(), nil
}

// streamFrom is when a file is no longer kept in memory as a whole but goes to the store as it is written.
const streamFrom = 4 << 20

// output is where the bytes of a file go.
type output struct {
	ctx      context.Context // of the batch
	store    storage.Store
	location string
	size     int64
	buf      []byte         // while small
	upload   storage.Upload // when large
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.size += int64(len(p))
	if o.upload == nil {
		o.buf = append(o.buf, p...)
		if len(o.buf) < streamFrom {
			return len(p), nil
		}
		up, err := o.store.Create(o.ctx, o.location)
		if err != nil {
			return 0, fmt.Errorf("begin %s: %w", o.location, err)
		}
		o.upload = up
		whole := o.buf
		o.buf = nil
		if err := o.send(whole); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	if err := o.send(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (o *output) send(p []byte) error {
	n, err := o.upload.Write(p)
	if err == nil && n < len(p) {
		err = fmt.Errorf("the store took %d of %d bytes", n, len(p))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", o.location, err)
	}
	return nil
}

func (o *output) held() int64 {
	n := int64(cap(o.buf))
	if o.upload != nil {
		n += o.upload.Held()
	}
	return n
}

// finish makes the object durable, and checks with the store that it is as long as what was written.
func (o *output) finish(ctx context.Context) error {
	var got int64
	var err error
	if o.upload != nil {
		got, err = o.upload.Commit(ctx)
	} else if err = o.store.Put(ctx, o.location, o.buf); err == nil {
		var info storage.Info
		info, err = o.store.Stat(ctx, o.location)
		got = info.Size
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", o.location, err)
	}
	if got != o.size {
		return fmt.Errorf("store %s: %d bytes were written, the store has %d", o.location, o.size, got)
	}
	return nil
}
