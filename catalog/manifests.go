package catalog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
)

// listCache keeps the entries of the manifest list that was read or written last: the next snapshot's list
// is those and a few more. Manifest lists never change.
type listCache struct {
	mu      sync.Mutex
	path    string
	entries []iceberg.ManifestFile
}

func (c *listCache) get(path string) ([]iceberg.ManifestFile, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries, path != "" && c.path == path
}

func (c *listCache) put(path string, entries []iceberg.ManifestFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.path, c.entries = path, entries
}

// parentEntries is what the parent's manifest list names. parent is nil for the first snapshot of a branch.
func (t *Table) parentEntries(ctx context.Context, l *loaded, parent *icetable.Snapshot) ([]iceberg.ManifestFile, error) {
	if parent == nil {
		return nil, nil
	}
	if parent.ManifestList == "" {
		if len(parent.ManifestLocations) == 0 {
			return nil, nil
		}
		return nil, classed(commit.Rejected, "snapshot %d keeps its manifests in the metadata file, as old tables of format version 1 do: rewrite the table's manifests with another engine first", parent.SnapshotID)
	}
	if entries, ok := t.lists.get(parent.ManifestList); ok {
		return entries, nil
	}
	raw, err := l.store.ReadAll(ctx, parent.ManifestList)
	if err != nil {
		return nil, wrap(err, "read manifest list of snapshot %d", parent.SnapshotID)
	}
	entries, err := readList(raw)
	if err != nil {
		return nil, wrap(err, "parse manifest list %s of snapshot %d", parent.ManifestList, parent.SnapshotID)
	}
	t.lists.put(parent.ManifestList, entries)
	return entries, nil
}

// readList reads a manifest list that anybody may have written.
func readList(raw []byte) (entries []iceberg.ManifestFile, err error) {
	defer func() {
		if p := recover(); p != nil {
			entries, err = nil, fmt.Errorf("the file makes no sense: %v", p)
		}
	}()
	return iceberg.ReadManifestList(bytes.NewReader(raw))
}

// fileGroup is the files that go into one manifest: one spec, and one schema to which its sources are bound.
type fileGroup struct {
	spec   iceberg.PartitionSpec
	schema *iceberg.Schema
	files  []iceberg.DataFile
}

func groupFiles(l *loaded, batches []*manifest.Manifest) ([]*fileGroup, error) {
	groups := map[[2]int]*fileGroup{}
	for _, b := range batches {
		k := [2]int{b.SpecID, b.SchemaID}
		if groups[k] == nil {
			spec := l.meta.PartitionSpecByID(b.SpecID)
			i := slices.IndexFunc(l.meta.Schemas(), func(s *iceberg.Schema) bool { return s.ID == b.SchemaID })
			if spec == nil || i < 0 {
				return nil, classed(commit.Rejected, "batch %s was written with schema %d and partition spec %d, which the table does not have any more", b.ID, b.SchemaID, b.SpecID)
			}
			schema := l.meta.Schemas()[i]
			if err := writableSpec(*spec, schema); err != nil {
				return nil, &commit.Error{Class: commit.Rejected, Err: err}
			}
			groups[k] = &fileGroup{spec: *spec, schema: schema}
		}
		groups[k].files = append(groups[k].files, b.Files...)
	}
	out := make([]*fileGroup, 0, len(groups))
	for _, g := range groups {
		if len(g.files) > 0 {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *fileGroup) int {
		return cmp.Or(cmp.Compare(a.spec.ID(), b.spec.ID()), cmp.Compare(a.schema.ID, b.schema.ID))
	})
	return out, nil
}

// writeManifests writes one manifest per group. Their entries inherit snapshot id and sequence number from the commit.
func (t *Table) writeManifests(ctx context.Context, l *loaded, snapshot int64, groups []*fileGroup) ([]iceberg.ManifestFile, error) {
	run := uuid.NewString()
	out := make([]iceberg.ManifestFile, 0, len(groups))
	for i, g := range groups {
		entries := make([]iceberg.ManifestEntry, len(g.files))
		for j, f := range g.files {
			entries[j] = iceberg.NewManifestEntry(iceberg.EntryStatusADDED, nil, nil, nil, f)
		}
		path := metadataPath(l.meta, fmt.Sprintf("%s-m%d.avro", run, i))
		var b bytes.Buffer
		mf, err := iceberg.WriteManifest(path, &b, l.meta.Version(), avroSpec(g.spec), g.schema, snapshot, entries)
		if err != nil {
			return nil, &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("write manifest for partition spec %d: %w", g.spec.ID(), err)}
		}
		if mf.Length() != int64(b.Len()) {
			return nil, classed(commit.Rejected, "manifest of %d bytes came out as %d", mf.Length(), b.Len())
		}
		if err := l.store.Put(ctx, path, b.Bytes()); err != nil {
			return nil, wrap(err, "write manifest %s", path)
		}
		out = append(out, mf)
	}
	return out, nil
}

// writeList writes the snapshot's manifest list: the new manifests, then the parent's. added is how many row ids
// the snapshot takes (format version 3).
func (t *Table) writeList(ctx context.Context, l *loaded, s *icetable.Snapshot, entries []iceberg.ManifestFile) (added int64, err error) {
	var (
		b bytes.Buffer
		w *iceberg.ManifestListWriter
	)
	first := l.meta.NextRowID()
	if l.meta.Version() >= 3 {
		w, err = iceberg.NewManifestListWriterV3(&b, s.SnapshotID, s.SequenceNumber, first, s.ParentSnapshotID)
	} else {
		w, err = iceberg.NewManifestListWriterV2(&b, s.SnapshotID, s.SequenceNumber, s.ParentSnapshotID)
	}
	if err == nil {
		err = errors.Join(w.AddManifests(entries), w.Close())
	}
	if err != nil {
		return 0, &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("write manifest list: %w", err)}
	}
	if next := w.NextRowID(); next != nil {
		added = *next - first
	}
	raw := b.Bytes()
	s.ManifestList = metadataPath(l.meta, fmt.Sprintf("snap-%d-1-%s.avro", s.SnapshotID, uuid.New()))
	if err := l.store.Put(ctx, s.ManifestList, raw); err != nil {
		return 0, wrap(err, "write manifest list %s", s.ManifestList)
	}
	// Read back what was written: sequence numbers and row ids were assigned on the way out.
	written, err := readList(raw)
	if err != nil || len(written) != len(entries) {
		return 0, &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("manifest list of %d entries came out with %d: %w", len(entries), len(written), err)}
	}
	t.lists.put(s.ManifestList, written)
	return added, nil
}

// writableSpec refuses a partition spec whose values sinker cannot compute or write down.
func writableSpec(spec iceberg.PartitionSpec, schema *iceberg.Schema) error {
	names := map[string]string{}
	fixed := map[int]string{} // by size: fields whose values are fixed-size bytes in Avro
	for _, f := range spec.Fields() {
		if typ, ok := schema.FindTypeByID(f.SourceID()); ok {
			if n := fixedSize(f.Transform.ResultType(typ)); n > 0 {
				fixed[n] = f.Name
			}
		}
		if u, ok := f.Transform.(iceberg.UnknownTransform); ok {
			return fmt.Errorf("partition field %q has the transform %s, which sinker does not know", f.Name, u)
		}
		if _, void := f.Transform.(iceberg.VoidTransform); void {
			if _, ok := schema.FindTypeByID(f.SourceID()); !ok {
				return fmt.Errorf("partition field %q is void and its column is gone: sinker cannot write its type; add a new partition spec without it", f.Name)
			}
		} else if typ, ok := schema.FindTypeByID(f.SourceID()); !ok {
			return fmt.Errorf("partition field %q: its column is gone", f.Name)
		} else if !f.Transform.CanTransform(typ) {
			return fmt.Errorf("partition field %q: %s does not take %s", f.Name, f.Transform, typ)
		}
		safe := avroName(f.Name)
		if other, taken := names[safe]; taken {
			return fmt.Errorf("partition fields %q and %q have the same name in Avro, %q: rename one of them", other, f.Name, safe)
		}
		names[safe] = f.Name
	}
	if len(fixed) > 1 { // the library gives every such type the same name in a manifest's Avro schema
		return fmt.Errorf("partition fields %s are fixed or decimal values of different sizes, which one manifest cannot hold yet: leave all but one out of the partition spec",
			strings.Join(slices.Sorted(maps.Values(fixed)), ", "))
	}
	return nil
}

// fixedSize is how many bytes a partition value takes in Avro, 0 if they are not fixed.
func fixedSize(t iceberg.Type) int {
	switch t := t.(type) {
	case iceberg.FixedType:
		return t.Len()
	case iceberg.DecimalType:
		return decimalSize(t.Precision())
	}
	return 0
}

// decimalSize is the least number of bytes that holds every unscaled value of the precision.
func decimalSize(precision int) int {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	return limit.BitLen()/8 + 1
}

// avroSpec is the spec with field names that Avro takes. Readers bind partition values by field id.
func avroSpec(spec iceberg.PartitionSpec) iceberg.PartitionSpec {
	fields := make([]iceberg.PartitionField, 0, spec.NumFields())
	for _, f := range spec.Fields() {
		f.Name = avroName(f.Name)
		fields = append(fields, f)
	}
	return iceberg.NewPartitionSpecID(spec.ID(), fields...)
}

// avroName spells a name as Avro takes it, in the way of Iceberg's Java writer: a digit at the front gets _ before it, any
// other foreign character becomes _x and its UTF-16 code units in hexadecimal.
func avroName(name string) string {
	var b strings.Builder
	for i, r := range name {
		letter := r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		digit := r >= '0' && r <= '9'
		switch {
		case letter, digit && i > 0:
			b.WriteRune(r)
		case digit:
			b.WriteByte('_')
			b.WriteRune(r)
		case r == utf8.RuneError:
			b.WriteString("_xFFFD")
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, "_x%X_x%X", 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&b, "_x%X", r)
		}
	}
	return b.String()
}
