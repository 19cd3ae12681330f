package deep

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// others are those who write to the tables beside sinker: each change is made on one version of a table, swapped in if nobody
// was faster, and else made anew.
type others struct {
	w   *world
	ids int64 // of their rows, downwards from -1
	at  int64 // snapshot ids, far below sinker's
}

// meets carries out what somebody does to a table.
func (o *others) meets(name string, x fate.Fault) {
	for range 20 {
		base, err := o.w.shelf.newest(name)
		if errors.Is(err, errNoTable) {
			return
		}
		if err != nil {
			o.w.fail(err)
			return
		}
		ups, done, err := o.change(name, base.meta, x)
		if err != nil || len(ups) == 0 {
			o.w.fail(err)
			return
		}
		meta, err := table.UpdateTableMetadata(base.meta, ups, base.location)
		if err == nil {
			err = o.w.shelf.swap(name, base, meta)
		}
		if errors.Is(err, errMoved) {
			continue
		}
		o.w.fail(err)
		if err == nil && done != nil {
			done()
		}
		return
	}
}

// change is what an operation wants changed; done is to be called once it was.
func (o *others) change(name string, m table.Metadata, x fate.Fault) (ups []table.Update, done func(), err error) {
	head := m.CurrentSnapshot()
	if head == nil {
		return nil, nil, nil
	}
	tell := func(format string, args ...any) func() { return func() { o.w.tell(name, format, args...) } }
	switch x.Kind {
	case Append:
		ids := make([]int64, x.Amount)
		for i := range ids {
			o.ids--
			ids[i] = o.ids
		}
		file, err := o.file(m, ids)
		if err != nil {
			return nil, nil, err
		}
		old, err := o.w.store.manifests(head.ManifestList)
		if err != nil {
			return nil, nil, err
		}
		s, err := o.snapshot(m, head, table.OpAppend, []iceberg.DataFile{file}, old)
		if err != nil {
			return nil, nil, err
		}
		return s, tell("somebody appends %d rows", len(ids)), nil
	case Compact:
		return o.compact(name, m, head)
	case Expire:
		return o.expire(name, m, int(x.Amount))
	case Rollback:
		return o.rollback(name, m, head, int(x.Amount))
	case Untag:
		if _, tagged := refs(m)["sinker_"+sinkID]; !tagged {
			return nil, nil, nil
		}
		return []table.Update{table.NewRemoveSnapshotRefUpdate("sinker_" + sinkID)}, tell("somebody drops the tag"), nil
	}
	return nil, nil, nil
}

func refs(m table.Metadata) map[string]table.SnapshotRef {
	out := map[string]table.SnapshotRef{}
	for name, r := range m.Refs() {
		out[name] = r
	}
	return out
}

// compact puts all rows into one file.
func (o *others) compact(name string, m table.Metadata, head *table.Snapshot) ([]table.Update, func(), error) {
	files, err := o.w.store.files(head.ManifestList)
	if err != nil || len(files) < 2 {
		return nil, nil, err
	}
	var ids []int64
	for _, f := range files {
		some, err := o.w.store.ids(f.Path)
		if err != nil {
			return nil, nil, err
		}
		ids = append(ids, some...)
	}
	file, err := o.file(m, ids)
	if err != nil {
		return nil, nil, err
	}
	ups, err := o.snapshot(m, head, table.OpReplace, []iceberg.DataFile{file}, nil)
	return ups, func() { o.w.tell(name, "somebody compacts %d files with %d rows", len(files), len(ids)) }, err
}

// expire forgets all but the newest snapshots of the branch and what references hold, and removes the files that only they had.
func (o *others) expire(name string, m table.Metadata, keep int) ([]table.Update, func(), error) {
	kept := map[int64]bool{}
	by := map[int64]table.Snapshot{}
	for _, s := range m.Snapshots() {
		by[s.SnapshotID] = s
	}
	for ref, r := range refs(m) {
		kept[r.SnapshotID] = true
		if ref != "main" {
			continue
		}
		id := r.SnapshotID
		for range keep {
			kept[id] = true
			s, ok := by[id]
			if !ok || s.ParentSnapshotID == nil {
				break
			}
			id = *s.ParentSnapshotID
		}
	}
	var gone []int64
	live := map[string]bool{}
	for id, s := range by {
		if !kept[id] {
			gone = append(gone, id)
			continue
		}
		files, err := o.w.store.files(s.ManifestList)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range files {
			live[f.Path] = true
		}
	}
	if len(gone) == 0 {
		return nil, nil, nil
	}
	slices.Sort(gone)
	done := func() {
		removed := 0
		for _, id := range gone {
			files, err := o.w.store.files(by[id].ManifestList)
			if err != nil {
				continue // somebody has cleaned up before
			}
			for _, f := range files {
				if !live[f.Path] {
					o.w.removes(f.Path, "expire")
					removed++
				}
			}
			o.w.fail(o.w.store.remove(by[id].ManifestList))
		}
		o.w.tell(name, "somebody expires %d snapshots, and %d files with them", len(gone), removed)
	}
	return []table.Update{table.NewRemoveSnapshotsUpdate(gone, false)}, done, nil
}

// rollback sets the branch to an earlier snapshot of its lineage, not before sinker's first.
func (o *others) rollback(name string, m table.Metadata, head *table.Snapshot, steps int) ([]table.Update, func(), error) {
	to := head
	for range steps {
		if to.ParentSnapshotID == nil {
			break
		}
		up := m.SnapshotByID(*to.ParentSnapshotID)
		if up == nil || !ours(m, up) {
			break
		}
		to = up
	}
	if to.SnapshotID == head.SnapshotID {
		return nil, nil, nil
	}
	done := func() {
		o.w.tell(name, "somebody rolls back from %d to %d", head.SnapshotID, to.SnapshotID)
		o.w.left(name, head.SnapshotID)
		if o.w.c.StopBack {
			o.w.event("rollback", strings.TrimPrefix(name, "shop."))
		}
	}
	return []table.Update{table.NewSetSnapshotRefUpdate("main", to.SnapshotID, table.BranchRef, 0, 0, 0)}, done, nil
}

// ours tells whether a snapshot has state of sinker in its lineage, as far as it is listed.
func ours(m table.Metadata, s *table.Snapshot) bool {
	for s != nil {
		if s.Summary != nil && s.Summary.Properties["sinker.sink"] != "" {
			return true
		}
		if s.ParentSnapshotID == nil {
			return false
		}
		s = m.SnapshotByID(*s.ParentSnapshotID)
	}
	return false
}

// file writes a data file of rows with these ids.
func (o *others) file(m table.Metadata, ids []int64) (iceberg.DataFile, error) {
	fields := []arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Metadata: arrow.MetadataFrom(map[string]string{"PARQUET:field_id": "1"})},
		{Name: "note", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: arrow.MetadataFrom(map[string]string{"PARQUET:field_id": "2"})},
	}
	as := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, as)
	defer b.Release()
	for _, id := range ids {
		b.Field(0).(*array.Int64Builder).Append(id)
		b.Field(1).AppendNull()
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	var buf bytes.Buffer
	pw, err := pqarrow.NewFileWriter(as, &buf, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(pw.Write(rec), pw.Close()); err != nil {
		return nil, err
	}
	at := fmt.Sprintf("%s/data/foreign-%s.parquet", m.Location(), uuid.New())
	if err := o.w.store.put(at, buf.Bytes()); err != nil {
		return nil, err
	}
	d, err := iceberg.NewDataFileBuilder(m.PartitionSpec(), iceberg.EntryContentData, at, iceberg.ParquetFile, nil, nil, nil, int64(len(ids)), int64(buf.Len()))
	if err != nil {
		return nil, err
	}
	return d.Build(), nil
}

// snapshot makes a snapshot on head of some new files, beside what older manifests hold.
func (o *others) snapshot(m table.Metadata, head *table.Snapshot, op table.Operation, files []iceberg.DataFile, old []iceberg.ManifestFile) ([]table.Update, error) {
	o.at++
	id, seq := o.at, m.LastSequenceNumber()+1
	entries := make([]iceberg.ManifestEntry, len(files))
	rows := int64(0)
	for i, f := range files {
		entries[i] = iceberg.NewManifestEntry(iceberg.EntryStatusADDED, nil, nil, nil, f)
		rows += f.Count()
	}
	path := fmt.Sprintf("%s/metadata/foreign-%s-m0.avro", m.Location(), uuid.New())
	var b bytes.Buffer
	mf, err := iceberg.WriteManifest(path, &b, m.Version(), m.PartitionSpec(), m.CurrentSchema(), id, entries)
	if err != nil {
		return nil, err
	}
	if err := o.w.store.put(path, b.Bytes()); err != nil {
		return nil, err
	}
	list := fmt.Sprintf("%s/metadata/foreign-snap-%d-%s.avro", m.Location(), id, uuid.New())
	var l bytes.Buffer
	if err := iceberg.WriteManifestList(m.Version(), &l, id, &head.SnapshotID, &seq, 0, append([]iceberg.ManifestFile{mf}, old...)); err != nil {
		return nil, err
	}
	if err := o.w.store.put(list, l.Bytes()); err != nil {
		return nil, err
	}
	schemaID := m.CurrentSchema().ID
	s := &table.Snapshot{SnapshotID: id, ParentSnapshotID: &head.SnapshotID, SequenceNumber: seq, TimestampMs: max(m.LastUpdatedMillis(), head.TimestampMs) + 1,
		ManifestList: list, SchemaID: &schemaID, Summary: &table.Summary{Operation: op, Properties: map[string]string{"added-records": strconv.FormatInt(rows, 10)}}}
	return []table.Update{table.NewAddSnapshotUpdate(s), table.NewSetSnapshotRefUpdate("main", id, table.BranchRef, 0, 0, 0)}, nil
}

// manifests reads a manifest list.
func (s *store) manifests(list string) ([]iceberg.ManifestFile, error) {
	raw, err := s.get(list)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", list, err)
	}
	return iceberg.ReadManifestList(bytes.NewReader(raw))
}

// files are the data files that a snapshot has, by its manifest list.
func (s *store) files(list string) ([]oracle.File, error) {
	all, err := s.manifests(list)
	if err != nil {
		return nil, err
	}
	var out []oracle.File
	for _, m := range all {
		raw, err := s.get(m.FilePath())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", m.FilePath(), err)
		}
		if int64(len(raw)) != m.Length() {
			return nil, fmt.Errorf("%s has %d bytes, %s says %d", m.FilePath(), len(raw), list, m.Length())
		}
		entries, err := iceberg.ReadManifest(m, bytes.NewReader(raw), true)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", m.FilePath(), err)
		}
		for _, e := range entries {
			f := e.DataFile()
			out = append(out, oracle.File{Path: f.FilePath(), Size: f.FileSizeBytes(), Rows: f.Count()})
		}
	}
	return out, nil
}

func (s *store) ids(path string) ([]int64, error) {
	raw, err := s.get(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return oracle.ReadIDs(raw, "id")
}
