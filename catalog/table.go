package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
	"golang.org/x/sync/errgroup"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/schema"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/writer"
)

// Table is one branch of one table as one sink id sees it. It implements commit.Table and is safe for concurrent use.
type Table struct {
	// Retain is what Append keeps of the past; the zero value keeps everything. Set it before the first Append.
	Retain Retain

	cat    *Catalog
	id     ident
	branch string
	sink   string
	now    func() time.Time

	mu       sync.Mutex
	decoded  map[int64]commit.Snapshot // snapshots never change: those of the last load, read
	store    storage.Store             // of the last load
	lists    listCache
	lesson   lesson
	obsolete []obsolete // metadata files to delete once the commit that dropped them was seen

	toldLarge int64 // size of the metadata when it was last said to be large
}

var _ commit.Table = (*Table)(nil)

// Name is the table's name in the catalog: "shop.orders".
func (t *Table) Name() string { return t.id.String() }

// Sink is the sink id that the table is seen by.
func (t *Table) Sink() string { return t.sink }

// Branch is the branch that is written to.
func (t *Table) Branch() string { return t.branch }

// Load implements commit.Table.
func (t *Table) Load(ctx context.Context) (commit.View, error) {
	l, err := t.cat.back.load(ctx, t.id)
	if err != nil {
		return commit.View{}, wrap(err, "load table %s", t.id)
	}
	t.settle(ctx, l)
	t.tellLarge(l)
	return t.view(l), nil
}

// view makes a View of one load.
func (t *Table) view(l *loaded) commit.View {
	m := l.meta
	v := commit.View{
		TableUUID: m.TableUUID(), Branch: t.branch,
		Snapshots: make(map[int64]commit.Snapshot, len(l.snaps)), Mirrors: map[string]commit.Mirror{}, Tags: map[string]int64{},
		Empty: len(l.snaps) == 0 && len(l.refs) == 0, Caps: t.cat.Capabilities(),
		LastUpdated: time.UnixMilli(m.LastUpdatedMillis()), LastSequence: m.LastSequenceNumber(),
		MetadataSize: l.size, Location: l.location, Handle: l,
	}
	if head := l.head(t.branch); head != nil {
		v.Head = *head
	}
	v.Retention = milliseconds(m.Properties(), icetable.MaxSnapshotAgeMsKey)
	v.RetryMin = milliseconds(m.Properties(), icetable.CommitMinRetryWaitMsKey)
	v.RetryMax = milliseconds(m.Properties(), icetable.CommitMaxRetryWaitMsKey)
	t.mu.Lock()
	t.store = l.store
	for id, s := range l.snaps {
		d, ok := t.decoded[id]
		if !ok {
			d = decodeSnapshot(s)
		}
		v.Snapshots[id] = d
	}
	t.decoded = v.Snapshots // nobody changes a view
	t.mu.Unlock()
	for key, value := range m.Properties() {
		if sink, ok := strings.CutPrefix(key, keyMirror); ok {
			v.Mirrors[sink] = decodeMirror(value, v.TableUUID)
		}
	}
	for name, ref := range l.refs {
		if sink, ok := strings.CutPrefix(name, tagPrefix); ok && ref.SnapshotRefType == icetable.TagRef {
			v.Tags[sink] = ref.SnapshotID
		}
	}
	for _, s := range m.Schemas() {
		v.SchemaIDs = append(v.SchemaIDs, s.ID)
	}
	for _, s := range m.PartitionSpecs() {
		v.SpecIDs = append(v.SpecIDs, s.ID())
	}
	t.learn(l, &v)
	return v
}

// milliseconds is a table property as a duration; 0 if it is not set, is no number or is negative. "For ever" is often spelled as the
// largest number there is, which would overflow: it is a century.
func milliseconds(p iceberg.Properties, key string) time.Duration {
	const century = int64(100*365*24*time.Hour) / int64(time.Millisecond)
	return time.Duration(min(max(p.GetInt64(key, 0), 0), century)) * time.Millisecond
}

// handle is the load that v came from.
func handle(v commit.View) (*loaded, error) {
	l, ok := v.Handle.(*loaded)
	if !ok || l == nil {
		return nil, errors.New("the view was not made by this catalog")
	}
	return l, nil
}

// History implements commit.Table: it follows the log of older metadata files, newest first, until every parent is known or the
// log ends. A file that is gone is passed over; one that cannot be read for another reason is an error, since it may be readable later.
func (t *Table) History(ctx context.Context, v commit.View) (commit.View, error) {
	l, err := handle(v)
	if err != nil {
		return v, err
	}
	v.Snapshots = maps.Clone(v.Snapshots)
	log := slices.Collect(l.meta.PreviousFiles())
	seen := map[string]bool{l.location: true}
	first := map[int64]bool{} // snapshots that a file of before them does not list: no older one tells of them
	for len(log) > 0 && !(lineageWhole(v) && first[root(v)]) {
		entry := log[len(log)-1]
		log = log[:len(log)-1]
		if seen[entry.MetadataFile] {
			continue
		}
		seen[entry.MetadataFile] = true
		raw, err := l.store.ReadAll(ctx, entry.MetadataFile)
		if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrLocation) {
			continue
		}
		if err != nil {
			return v, wrap(err, "history of table %s: read %s", t.id, entry.MetadataFile)
		}
		old, _, err := parseMetadata(raw)
		if err != nil {
			return v, wrap(err, "history of table %s: parse %s", t.id, entry.MetadataFile)
		}
		if old.TableUUID() != v.TableUUID {
			continue // a file of another incarnation says nothing of this one
		}
		for _, s := range old.Snapshots() {
			now, known := v.Snapshots[s.SnapshotID]
			if !known || now.Parent == 0 && s.ParentSnapshotID != nil {
				v.Snapshots[s.SnapshotID] = decodeSnapshot(s)
			}
		}
		if r := root(v); old.SnapshotByID(r) == nil {
			first[r] = true
		}
		// The log of an older file reaches further back than ours, which is cut to a length.
		if len(log) == 0 {
			log = slices.Collect(old.PreviousFiles())
		}
	}
	v.HistoryComplete = true
	return v, nil
}

// root is the oldest snapshot of the branch that is known.
func root(v commit.View) (id int64) {
	for at := v.Head; at != 0; at = v.Snapshots[at].Parent {
		if _, known := v.Snapshots[at]; !known {
			break
		}
		id = at
	}
	return id
}

// lineageWhole tells whether nothing that the rules may ask for is missing: every parent up to the root, and every source.
func lineageWhole(v commit.View) bool {
	for id := v.Head; id != 0; {
		s, ok := v.Snapshots[id]
		if !ok {
			return false
		}
		id = s.Parent
	}
	for _, s := range v.Snapshots {
		if _, ok := v.Snapshots[s.Source]; s.Source != 0 && !ok {
			return false
		}
	}
	return true
}

// Verify implements commit.Table. commit.ErrFilesGone is its answer when a file is missing or has another size.
func (t *Table) Verify(ctx context.Context, m *manifest.Manifest) error {
	t.mu.Lock()
	store := t.store
	t.mu.Unlock()
	if store == nil {
		l, err := t.cat.back.load(ctx, t.id)
		if err != nil {
			return wrap(err, "verify files of table %s", t.id)
		}
		store = l.store
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, f := range m.Files {
		g.Go(func() error {
			switch info, err := store.Stat(ctx, f.FilePath()); {
			case errors.Is(err, storage.ErrNotFound):
				return fmt.Errorf("%w: %w", commit.ErrFilesGone, err)
			case err != nil:
				return err
			case info.Size != f.FileSizeBytes():
				return fmt.Errorf("%w: %s holds %d bytes, %d were written", commit.ErrFilesGone, f.FilePath(), info.Size, f.FileSizeBytes())
			}
			return nil
		})
	}
	return wrap(g.Wait(), "verify files of table %s, batch %s", t.id, m.ID)
}

// Describe is what a batch must know of the table, from the load that v came from. It refuses, with class Rejected and what to
// do, a table that sinker cannot write to.
func (t *Table) Describe(v commit.View) (writer.Table, error) {
	l, err := handle(v)
	if err != nil {
		return writer.Table{}, err
	}
	m := l.meta
	refuse := func(format string, args ...any) (writer.Table, error) {
		return writer.Table{}, wrap(classed(commit.Rejected, format, args...), "table %s", t.id)
	}
	if m.Version() < 2 {
		return refuse("has format version %d, sinker writes 2 and 3: upgrade it with the table property format-version=2", m.Version())
	}
	for range m.EncryptionKeys() {
		return refuse("is encrypted, which sinker does not write")
	}
	for _, verdict := range schema.RefusedProperties(m.Properties()) {
		return refuse("%s", verdict)
	}
	spec := m.PartitionSpec()
	if err := writableSpec(spec, m.CurrentSchema()); err != nil {
		return refuse("%w", err)
	}
	if err := schema.Writable(m.CurrentSchema()); err != nil {
		return refuse("%w", err)
	}
	if err := t.refsAllow(l); err != nil {
		return refuse("%w", err)
	}
	return writer.Table{
		Name: t.id.String(), UUID: m.TableUUID(), Location: strings.TrimRight(m.Location(), "/"), Schema: m.CurrentSchema(), Spec: spec,
		FormatVersion: m.Version(), Properties: m.Properties(), Store: l.store,
	}, nil
}

// Created tells whether sinker made the table, from the load that v came from.
func (t *Table) Created(v commit.View) bool {
	l, err := handle(v)
	return err == nil && l.meta.Properties()[propCreated] == "true"
}

// obsolete are metadata files that a commit of ours dropped from the log, to be deleted once that commit was seen.
type obsolete struct {
	snapshot int64
	files    []string
}

// settle deletes what has become obsolete by commits that l shows. Failures are logged, no more: the files are only litter.
func (t *Table) settle(ctx context.Context, l *loaded) {
	t.mu.Lock()
	var due []string
	t.obsolete = slices.DeleteFunc(t.obsolete, func(o obsolete) bool {
		_, seen := l.snaps[o.snapshot]
		if seen {
			due = append(due, o.files...)
		}
		return seen
	})
	if len(t.obsolete) > 64 { // commits that never showed
		t.obsolete = t.obsolete[len(t.obsolete)-64:]
	}
	t.mu.Unlock()
	if len(due) == 0 {
		return
	}
	named := map[string]bool{l.location: true}
	for e := range l.meta.PreviousFiles() {
		named[e.MetadataFile] = true
	}
	for _, f := range due {
		if named[f] {
			continue
		}
		if err := l.store.Remove(ctx, f); err != nil {
			t.cat.log.Warn("old metadata file stays", "table", t.id.String(), "file", f, "error", err)
		}
	}
}
