package catalog

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/fitness"
)

// Append implements commit.Table: one snapshot, one request. The manifest, the manifest list and, in a SQL catalog, the metadata
// file that it writes stay where they are whatever becomes of the request, since a late copy of it may still be applied.
func (t *Table) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	l, err := handle(base)
	if err != nil {
		return 0, err
	}
	id, err := t.append(ctx, l, base.Caps, c, nil)
	return id, wrap(err, "append to table %s", t.id)
}

// AppendWrongly implements fitness.Trial.
func (t *Table) AppendWrongly(ctx context.Context, base commit.View, c commit.Change, w fitness.Wrong) (int64, error) {
	l, err := handle(base)
	if err != nil {
		return 0, err
	}
	other := freshID(l)
	req := map[fitness.Wrong]icetable.Requirement{
		fitness.WrongHead:  icetable.AssertRefSnapshotID(t.branch, &other),
		fitness.WrongTable: icetable.AssertTableUUID(uuid.New()),
		fitness.NoBranch:   icetable.AssertRefSnapshotID(t.branch, nil),
		fitness.WrongTag:   icetable.AssertRefSnapshotID(tagPrefix+t.sink, &other),
		fitness.NoTag:      icetable.AssertRefSnapshotID(tagPrefix+t.sink, nil),
	}[w]
	id, err := t.append(ctx, l, base.Caps, c, []icetable.Requirement{req})
	return id, wrap(err, "append to table %s", t.id)
}

// append sends c on l; instead, if not nil, is required in place of what must hold.
func (t *Table) append(ctx context.Context, l *loaded, caps commit.Capabilities, c commit.Change, instead []icetable.Requirement) (int64, error) {
	if c.Sink != t.sink {
		return 0, classed(commit.Rejected, "the change is of sink %q, the table was opened for %q", c.Sink, t.sink)
	}
	if err := t.refsAllow(l); err != nil {
		return 0, err
	}
	groups, err := groupFiles(l, c.Batches)
	if err != nil {
		return 0, err
	}
	summary, ledger, err := encodeSummary(c)
	if err != nil {
		return 0, &commit.Error{Class: commit.Rejected, Err: err}
	}
	var parent *icetable.Snapshot
	if head := l.head(t.branch); head != nil {
		p, ok := l.snaps[*head]
		if !ok {
			return 0, classed(commit.Unknown, "the branch %s points to snapshot %d, which is not listed", t.branch, *head)
		}
		parent = &p
	}
	inherited, err := t.parentEntries(ctx, l, parent)
	if err != nil {
		return 0, err
	}
	schemaID := l.meta.CurrentSchema().ID
	s := &icetable.Snapshot{
		SnapshotID: freshID(l), SequenceNumber: l.meta.LastSequenceNumber() + 1, SchemaID: &schemaID,
		TimestampMs: max(t.now().UnixMilli(), l.newest()+1),
		Summary:     &icetable.Summary{Operation: icetable.OpAppend, Properties: summary},
	}
	if parent != nil {
		s.ParentSnapshotID = &parent.SnapshotID
	}
	maps.Copy(summary, counters(groups, parent))
	manifests, err := t.writeManifests(ctx, l, s.SnapshotID, groups)
	if err != nil {
		return 0, err
	}
	added, err := t.writeList(ctx, l, s, append(manifests, t.merged(ctx, l, s.SnapshotID, inherited)...))
	if err != nil {
		return 0, err
	}
	if l.meta.Version() >= 3 {
		first := l.meta.NextRowID()
		s.FirstRowID, s.AddedRows = &first, &added
	}

	reqs, ups := t.request(l, s, caps)
	if caps.Properties {
		ups = append(ups, icetable.NewSetPropertiesUpdate(iceberg.Properties{
			keyMirror + t.sink: encodeMirror(s.SnapshotID, l.meta.TableUUID(), c.Epoch, ledger),
		}))
	}
	if gone := t.expired(l, *s); len(gone) > 0 {
		ups = append(ups, icetable.NewRemoveSnapshotsUpdate(gone, false))
	}
	t.expectObsolete(l, s.SnapshotID)
	t.sent(s.SnapshotID, caps)
	if instead != nil {
		reqs = instead
	}
	if err := t.cat.back.commit(ctx, t.id, l, reqs, ups); err != nil {
		return 0, err
	}
	return s.SnapshotID, nil
}

// refsAllow refuses a table whose references have our names but not our kinds, and a branch that would have to be made beside
// others: nobody could say whether it was meant to hold their rows.
func (t *Table) refsAllow(l *loaded) error {
	if ref, ok := l.refs[tagPrefix+t.sink]; ok && ref.SnapshotRefType != icetable.TagRef {
		return classed(commit.Rejected, "%s is a branch, and the name is needed for sinker's tag: rename the branch", tagPrefix+t.sink)
	}
	switch ref, ok := l.refs[t.branch]; {
	case ok && ref.SnapshotRefType != icetable.BranchRef:
		return classed(commit.Rejected, "%s is a tag, not a branch", t.branch)
	case !ok && t.branch != mainBranch && len(l.refs) > 0:
		return classed(commit.Rejected, "it has no branch %s, and other branches hold rows: create the branch first (in Spark: ALTER TABLE %s CREATE BRANCH %s)", t.branch, t.id, t.branch)
	}
	return nil
}

// request is what must hold, and what changes then, without the properties.
func (t *Table) request(l *loaded, s *icetable.Snapshot, caps commit.Capabilities) ([]icetable.Requirement, []icetable.Update) {
	reqs := []icetable.Requirement{
		icetable.AssertTableUUID(l.meta.TableUUID()),
		icetable.AssertRefSnapshotID(t.branch, l.head(t.branch)),
	}
	var keep icetable.SnapshotRef // the branch's own retention, which setting it would otherwise drop
	if ref, ok := l.refs[t.branch]; ok {
		keep = ref
	}
	ups := []icetable.Update{
		icetable.NewAddSnapshotUpdate(s),
		icetable.NewSetSnapshotRefUpdate(t.branch, s.SnapshotID, icetable.BranchRef, deref(keep.MaxRefAgeMs), deref(keep.MaxSnapshotAgeMs), deref(keep.MinSnapshotsToKeep)),
	}
	if caps.Tags {
		tag := tagPrefix + t.sink
		var at *int64
		if ref, ok := l.refs[tag]; ok {
			at = &ref.SnapshotID
		}
		reqs = append(reqs, icetable.AssertRefSnapshotID(tag, at))
		ups = append(ups, icetable.NewSetSnapshotRefUpdate(tag, s.SnapshotID, icetable.TagRef, commit.TagAge.Milliseconds(), 0, 0))
	}
	return reqs, ups
}

// newest is the latest time that the metadata knows: a snapshot older than it may be refused for ever, whatever our clock says.
func (l *loaded) newest() int64 {
	at := l.meta.LastUpdatedMillis()
	for e := range l.meta.SnapshotLogs() {
		at = max(at, e.TimestampMs)
	}
	return at
}

// freshID is a positive snapshot id that the table does not have.
func freshID(l *loaded) int64 {
	for {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			panic(err) // crypto/rand does not fail
		}
		id := int64(binary.BigEndian.Uint64(b[:]) >> 1)
		if _, taken := l.snaps[id]; id != 0 && !taken {
			return id
		}
	}
}

// counters are Iceberg's own numbers of a snapshot: what it adds, and what the table has after it. A total that the parent
// does not tell is left out, as nobody can tell it.
func counters(groups []*fileGroup, parent *icetable.Snapshot) map[string]string {
	var files, rows, size int64
	partitions := map[string]bool{}
	for _, g := range groups {
		for _, f := range g.files {
			files++
			rows += f.Count()
			size += f.FileSizeBytes()
			partitions[partitionKey(g.spec, f)] = true
		}
	}
	out := map[string]string{"changed-partition-count": strconv.Itoa(len(partitions))}
	if files > 0 {
		out["added-data-files"] = strconv.FormatInt(files, 10)
		out["added-records"] = strconv.FormatInt(rows, 10)
		out["added-files-size"] = strconv.FormatInt(size, 10)
	}
	for key, plus := range map[string]int64{
		"total-data-files": files, "total-records": rows, "total-files-size": size,
		"total-delete-files": 0, "total-position-deletes": 0, "total-equality-deletes": 0,
	} {
		var before int64
		if parent != nil {
			if parent.Summary == nil {
				continue
			}
			var err error
			if before, err = strconv.ParseInt(parent.Summary.Properties[key], 10, 64); err != nil {
				continue
			}
		}
		out[key] = strconv.FormatInt(before+plus, 10)
	}
	return out
}

// partitionKey is a text that is the same for files of the same partition.
func partitionKey(spec iceberg.PartitionSpec, f iceberg.DataFile) string {
	values := f.Partition()
	key := strconv.Itoa(spec.ID())
	for _, id := range slices.Sorted(maps.Keys(values)) {
		key += fmt.Sprintf("|%d=%#v", id, values[id])
	}
	return key
}

// expectObsolete notes which metadata files the commit of snapshot will drop from the table's log, where those are ours
// to delete: the table asks for it, and the catalog has no server that does it.
func (t *Table) expectObsolete(l *loaded, snapshot int64) {
	p := l.meta.Properties()
	if !t.cat.back.deletesMetadata() || !p.GetBool(icetable.MetadataDeleteAfterCommitEnabledKey, icetable.MetadataDeleteAfterCommitEnabledDefault) {
		return
	}
	keep := max(1, p.GetInt(icetable.MetadataPreviousVersionsMaxKey, icetable.MetadataPreviousVersionsMaxDefault))
	log := slices.Collect(l.meta.PreviousFiles())
	drop := len(log) + 1 - keep // the base's own file joins the log
	if drop <= 0 {
		return
	}
	o := obsolete{snapshot: snapshot}
	for _, e := range log[:min(drop, len(log))] {
		o.files = append(o.files, e.MetadataFile)
	}
	t.mu.Lock()
	t.obsolete = append(t.obsolete, o)
	t.mu.Unlock()
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
