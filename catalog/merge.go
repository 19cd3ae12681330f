package catalog

import (
	"bytes"
	"context"
	"fmt"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// Every commit adds a manifest, and a reader opens them all. So from time to time many small manifests of the parent
// are written as one, as the table's properties commit.manifest.* say; the commit's own manifest is never among them.

// merged is the parent's manifests with small ones joined. Where that cannot be done the parent's are returned as they are: a
// merge only saves readers work, and never keeps a commit back.
func (t *Table) merged(ctx context.Context, l *loaded, snapshot int64, parents []iceberg.ManifestFile) []iceberg.ManifestFile {
	p := l.meta.Properties()
	least := p.GetInt(icetable.ManifestMinMergeCountKey, icetable.ManifestMinMergeCountDefault)
	target := p.GetInt64(icetable.ManifestTargetSizeBytesKey, icetable.ManifestTargetSizeBytesDefault)
	if !p.GetBool(icetable.ManifestMergeEnabledKey, true) || len(parents) < max(least, 2) {
		return parents
	}
	var tried = map[int32]bool{}
	for _, m := range parents {
		spec := m.PartitionSpecID()
		if tried[spec] {
			continue
		}
		tried[spec] = true
		run := smallOnes(parents, spec, l.meta.Version(), max(least, 2), target)
		if len(run) == 0 {
			continue
		}
		one, err := t.mergeRun(ctx, l, snapshot, int(spec), run)
		if err != nil {
			t.cat.log.Warn("manifests stay unmerged", "table", t.id.String(), "spec", spec, "manifests", len(run), "error", err)
			continue
		}
		parents = replace(parents, run, one)
	}
	return parents
}

// smallOnes is the newest manifests of the spec that together stay below the target, if there are enough of them.
func smallOnes(ms []iceberg.ManifestFile, spec int32, version, least int, target int64) []iceberg.ManifestFile {
	var run []iceberg.ManifestFile
	var size int64
	for _, m := range ms {
		if m.PartitionSpecID() != spec || m.ManifestContent() != iceberg.ManifestContentData {
			continue
		}
		// Older formats keep what a newer one needs in other places, and counts may be unknown: such manifests stay.
		if m.Version() != version || (version >= 3 && m.FirstRowID() == nil) || m.AddedDataFiles() < 0 || m.ExistingDataFiles() < 0 {
			continue
		}
		if size+m.Length() > target {
			break
		}
		size += m.Length()
		run = append(run, m)
	}
	if len(run) < least {
		return nil
	}
	return run
}

// replace puts one in the place of the first of run and takes the others out.
func replace(ms, run []iceberg.ManifestFile, one iceberg.ManifestFile) []iceberg.ManifestFile {
	gone := map[string]bool{}
	for _, m := range run {
		gone[m.FilePath()] = true
	}
	out := make([]iceberg.ManifestFile, 0, len(ms)-len(run)+1)
	put := false
	for _, m := range ms {
		switch {
		case !gone[m.FilePath()]:
			out = append(out, m)
		case !put && one != nil:
			out, put = append(out, one), true
		}
	}
	return out
}

// mergeRun writes the live entries of the manifests into one, as existing entries with the sequence numbers, snapshots and row ids that
// they have. It is nil if none is live.
func (t *Table) mergeRun(ctx context.Context, l *loaded, snapshot int64, specID int, run []iceberg.ManifestFile) (iceberg.ManifestFile, error) {
	spec := l.meta.PartitionSpecByID(specID)
	if spec == nil {
		return nil, fmt.Errorf("the table has no partition spec %d", specID)
	}
	schema := l.meta.CurrentSchema()
	if err := writableSpec(*spec, schema); err != nil {
		return nil, err
	}
	raws := make([][]byte, len(run))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, m := range run {
		g.Go(func() (err error) {
			raws[i], err = l.store.ReadAll(gctx, m.FilePath())
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	path := metadataPath(l.meta, uuid.NewString()+"-m0.avro")
	var b bytes.Buffer
	mf, err := joinManifests(&b, path, l.meta.Version(), avroSpec(*spec), schema, snapshot, run, raws)
	if err != nil || mf == nil {
		return nil, err
	}
	if err := l.store.Put(ctx, path, b.Bytes()); err != nil {
		return nil, fmt.Errorf("write manifest %s: %w", path, err)
	}
	return mf, nil
}

func joinManifests(b *bytes.Buffer, path string, version int, spec iceberg.PartitionSpec, schema *iceberg.Schema, snapshot int64, run []iceberg.ManifestFile, raws [][]byte) (mf iceberg.ManifestFile, err error) {
	defer func() { // the library meets whatever others wrote
		if p := recover(); p != nil {
			mf, err = nil, fmt.Errorf("a manifest makes no sense: %v", p)
		}
	}()
	w, err := iceberg.NewManifestWriter(version, b, spec, schema, snapshot)
	if err != nil {
		return nil, err
	}
	var entries, expected int64
	for i, m := range run {
		expected += int64(m.AddedDataFiles()) + int64(m.ExistingDataFiles())
		es, err := iceberg.ReadManifest(m, bytes.NewReader(raws[i]), true)
		if err != nil {
			return nil, fmt.Errorf("read manifest %s: %w", m.FilePath(), err)
		}
		for _, e := range es {
			if version >= 3 && e.DataFile().FirstRowID() == nil {
				return nil, fmt.Errorf("manifest %s: file %s has no row id", m.FilePath(), e.DataFile().FilePath())
			}
			if err := w.Existing(e); err != nil {
				return nil, fmt.Errorf("manifest %s: %w", m.FilePath(), err)
			}
			entries++
		}
	}
	if entries != expected {
		return nil, fmt.Errorf("%d manifests are said to hold %d live files, and hold %d", len(run), expected, entries)
	}
	if entries == 0 {
		return nil, nil
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return w.ToManifestFile(path, int64(b.Len()))
}
