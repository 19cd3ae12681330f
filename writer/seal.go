package writer

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Seal closes all files, waits until the store confirms their sizes, and gives what the batch accounts for. A batch
// without rows has no files, but its manifest moves offsets all the same. After an error nothing is left of the batch:
// it is as if it had been aborted.
func (b *Batch) Seal(ctx context.Context) (*manifest.Manifest, error) {
	if b.ended != "" {
		return nil, b.check()
	}
	m, err := b.seal(ctx)
	if err != nil {
		err = b.fail(err)
		b.ended = "given up"
		b.discard()
		return nil, err
	}
	b.ended = "sealed"
	b.forget()
	b.cancel()
	return m, nil
}

func (b *Batch) seal(ctx context.Context) (*manifest.Manifest, error) {
	if b.broken != nil {
		return nil, b.broken
	}
	defer context.AfterFunc(ctx, b.cancel)()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.drain(ctx, true); err != nil {
		return nil, err
	}
	for _, l := range b.lanes {
		if l.file != nil {
			if err := b.ship(ctx, l); err != nil {
				return nil, err
			}
		}
	}
	b.spare()
	b.shipping.wait()
	if err := b.shipping.failed(); err != nil {
		return nil, err
	}
	m := b.manifest()
	if err := m.Audit(); err != nil {
		return nil, fmt.Errorf("audit (this is a bug): %w", err)
	}
	return m, nil
}

// spare hands on the buffers that have done their work, or gives them up.
func (b *Batch) spare() {
	b.settle()
	done := b.buffers
	b.buffers = buffers{}
	held := done.memory()
	if done.pool.rows != nil && held <= mostSpare*b.most && b.cfg.Spares.keep(&done, b.budget, held) {
		b.held -= held
	}
	b.settle()
}

func (b *Batch) manifest() *manifest.Manifest {
	m := &manifest.Manifest{
		ID: b.id, Epoch: b.epoch, TableUUID: b.table.UUID, SchemaID: b.table.Schema.ID, SpecID: b.table.Spec.ID(),
		Spans: make(map[offsets.Partition]manifest.Span, len(b.spans)), Born: b.started,
	}
	slices.SortFunc(b.shipping.files, func(x, y shipped) int { return cmp.Compare(x.number, y.number) })
	for _, f := range b.shipping.files {
		m.Files = append(m.Files, f.file)
		m.Bytes += f.file.FileSizeBytes()
	}
	for p, s := range b.spans {
		if s.Len() > 0 {
			m.Spans[p] = *s
		}
	}
	return m
}
