package catalog

import (
	"bytes"
	"context"
	"fmt"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
)

// Files gives each live data file of the branch as of the load that v came from, until give returns an error, which it returns. Files of
// deletes are not among them, so who reads the files reads rows as well that a delete file has taken away. One manifest is in memory at a
// time.
func (t *Table) Files(ctx context.Context, v commit.View, give func(iceberg.DataFile) error) error {
	l, err := handle(v)
	if err != nil {
		return err
	}
	head, there := l.snaps[v.Head]
	if !there {
		return nil // the branch has no snapshot
	}
	list, err := t.parentEntries(ctx, l, &head)
	if err != nil {
		return wrap(err, "files of table %s", t.id)
	}
	for _, m := range list {
		if m.ManifestContent() != iceberg.ManifestContentData {
			continue
		}
		raw, err := l.store.ReadAll(ctx, m.FilePath())
		if err != nil {
			return wrap(err, "files of table %s: read manifest %s", t.id, m.FilePath())
		}
		files, err := liveFiles(m, raw)
		if err != nil {
			return wrap(err, "files of table %s: manifest %s", t.id, m.FilePath())
		}
		for _, f := range files {
			if err := give(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// liveFiles reads a manifest that anybody may have written.
func liveFiles(m iceberg.ManifestFile, raw []byte) (files []iceberg.DataFile, err error) {
	defer func() {
		if p := recover(); p != nil {
			files, err = nil, fmt.Errorf("the file makes no sense: %v", p)
		}
	}()
	entries, err := iceberg.ReadManifest(m, bytes.NewReader(raw), true)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		files = append(files, e.DataFile())
	}
	return files, nil
}

// Open opens a file of the table for reading, from where the load that v came from says that its files are. Close what it returns.
func (t *Table) Open(ctx context.Context, v commit.View, location string) (storage.File, error) {
	l, err := handle(v)
	if err != nil {
		return nil, err
	}
	f, err := l.store.Open(ctx, location)
	return f, wrap(err, "open a file of table %s", t.id)
}
