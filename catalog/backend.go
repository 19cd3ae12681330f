package catalog

import (
	"context"
	"strings"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/storage"
)

// backend is a kind of catalog. Every method makes one attempt, within ctx and the backend's own deadline, and returns
// a *commit.Error with the class it understood.
type backend interface {
	exists(ctx context.Context, id ident) (bool, error)
	createNamespace(ctx context.Context, namespace []string) error // one that exists is no error
	dropNamespace(ctx context.Context, namespace []string) error   // must be empty
	create(ctx context.Context, id ident, t newTable) error        // class Conflict: exists already
	drop(ctx context.Context, id ident) error                      // its files stay
	load(ctx context.Context, id ident) (*loaded, error)
	// commit applies the updates in one step if every requirement holds. Class Conflict: one did not.
	commit(ctx context.Context, id ident, base *loaded, reqs []table.Requirement, ups []table.Update) error
	// deletesMetadata tells whether old metadata files are the client's to delete.
	deletesMetadata() bool
	close() error
}

// newTable is a table to be made.
type newTable struct {
	schema        *iceberg.Schema
	spec          *iceberg.PartitionSpec
	formatVersion int
	props         iceberg.Properties
}

// loaded is one load of a table's metadata; nobody changes it.
type loaded struct {
	meta     table.Metadata
	location string // of the metadata file; may be unusable as a place to read from (Nessie)
	size     int64  // bytes of the metadata as JSON
	store    storage.Store
	snaps    map[int64]table.Snapshot
	refs     map[string]table.SnapshotRef
}

func newLoaded(meta table.Metadata, location string, size int64, store storage.Store) *loaded {
	l := &loaded{meta: meta, location: location, size: size, store: store, snaps: map[int64]table.Snapshot{}, refs: map[string]table.SnapshotRef{}}
	for _, s := range meta.Snapshots() {
		l.snaps[s.SnapshotID] = s
	}
	for name, ref := range meta.Refs() {
		l.refs[name] = ref
	}
	return l
}

// head is the snapshot that the branch points to, nil if the branch does not exist.
func (l *loaded) head(branch string) *int64 {
	ref, ok := l.refs[branch]
	if !ok || ref.SnapshotRefType != table.BranchRef {
		return nil
	}
	id := ref.SnapshotID
	return &id
}

// metadataPath is where a new metadata file, manifest or manifest list of the table goes. Nothing in a location is ever
// encoded or decoded.
func metadataPath(meta table.Metadata, file string) string {
	if dir := meta.Properties()[table.WriteMetadataPathKey]; dir != "" {
		return strings.TrimRight(dir, "/") + "/" + file
	}
	return strings.TrimRight(meta.Location(), "/") + "/metadata/" + file
}
