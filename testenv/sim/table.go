package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
	"github.com/sinker-io/sinker/writer"
)

// table is a table of a catalog: a request applies only to the base that it was made for.
type table struct {
	w    *world
	name string

	mu      sync.Mutex
	view    commit.View // as it is now; the maps in it are never changed, only replaced
	views   []commit.View
	snaps   map[int64]*snapshot       // every one that ever was in this table
	older   map[int64]commit.Snapshot // not listed any more, but in the metadata log
	past    []int64
	last    int64
	version int
	rejects int64 // requests still to be refused
}

// snapshot is what the rules do not read: files, and how it came to be.
type snapshot struct {
	commit.Snapshot
	files    []oracle.File
	replaced int64 // -1: not by a request of ours
	ranges   map[oracle.Part]oracle.Range
	gaps     []oracle.Gap
	audited  bool
	seen     map[int64]bool // of an operator's word: what the load that it was given on tells the states of
}

func newTable(w *world, name string) *table {
	t := &table{w: w, name: name}
	t.fresh()
	return t
}

// fresh makes the table empty, with another identity.
func (t *table) fresh() {
	c := t.w.c.Caps
	t.view = commit.View{TableUUID: uuid.New(), Branch: "main", Empty: true, Snapshots: map[int64]commit.Snapshot{}, Mirrors: map[string]commit.Mirror{},
		Tags: map[string]int64{}, Caps: commit.Capabilities{Tags: !c.NoTags, Properties: !c.NoProperties, History: true}, SchemaIDs: []int{0}, SpecIDs: []int{0}}
	t.snaps, t.older, t.past, t.views = map[int64]*snapshot{}, map[int64]commit.Snapshot{}, nil, nil
	t.change(func(*commit.View) {})
}

// change makes the next version of the metadata. The lock is held.
func (t *table) change(f func(v *commit.View)) {
	v := t.view
	v.Snapshots, v.Mirrors, v.Tags = maps.Clone(v.Snapshots), maps.Clone(v.Mirrors), maps.Clone(v.Tags)
	f(&v)
	t.version++
	v.Location = fmt.Sprintf("memory:%s/%05d.metadata.json", t.name, t.version)
	v.LastUpdated = time.Now()
	t.views = append(t.views, t.view)
	if len(t.views) > 12 {
		t.views = t.views[1:]
	}
	t.view = v
}

// newID is the id of a snapshot.
func (t *table) newID() int64 { t.mu.Lock(); defer t.mu.Unlock(); t.last++; return t.last }

func refuse(format string, args ...any) error {
	return &commit.Error{Class: commit.Conflict, Err: fmt.Errorf("requirement failed: "+format, args...)}
}

// append applies a request of sinker, if its requirements hold.
func (t *table) append(by string, base commit.View, c commit.Change, id int64) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.view
	switch {
	case t.rejects > 0:
		t.rejects--
		return 0, &commit.Error{Class: commit.Rejected, Err: errors.New("bad request")}
	case base.TableUUID != v.TableUUID:
		return 0, refuse("table uuid")
	case base.Head != v.Head:
		return 0, refuse("branch main is at %d, expected %d", v.Head, base.Head)
	case base.LastSequence != v.LastSequence: // another branch has moved on: the snapshot's sequence number is taken
		return 0, &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("sequence number %d is older than last sequence number %d", base.LastSequence+1, v.LastSequence)}
	case v.Caps.Tags && base.Tags[c.Sink] != v.Tags[c.Sink]:
		return 0, refuse("tag sinker_%s is at %d, expected %d", c.Sink, v.Tags[c.Sink], base.Tags[c.Sink])
	}
	ledger := c.Ledger.Clone()
	s := &snapshot{replaced: v.Head, ranges: map[oracle.Part]oracle.Range{}, audited: c.Audit != nil, Snapshot: commit.Snapshot{ID: id, Parent: base.Head,
		Sequence: v.LastSequence + 1, Time: time.Now(), Operation: "append", Sink: c.Sink, Version: 1, Epoch: c.Epoch, Hash: c.Hash, Ledger: &ledger, Others: c.Others}}
	if parent := t.snaps[v.Head]; parent != nil {
		s.files = append(s.files, parent.files...)
	}
	for _, b := range c.Batches {
		s.Batches = append(s.Batches, b.ID)
		for _, f := range b.Files {
			s.files = append(s.files, oracle.File{Path: f.FilePath(), Size: f.FileSizeBytes(), Rows: f.Count()})
		}
		for p, sp := range b.Spans {
			r, joined := s.ranges[partOf(p)]
			if !joined {
				r.From = sp.From
			}
			s.ranges[partOf(p)] = oracle.Range{From: r.From, To: sp.To}
		}
	}
	if s.audited {
		s.seen = seen(base, c.Sink)
	}
	for _, g := range c.Gaps {
		s.gaps = append(s.gaps, oracle.Gap{Part: partOf(g.Partition), Range: oracle.Range(g.Range), Why: g.Why})
	}
	t.put(s, func(v *commit.View) {
		if v.Caps.Tags {
			v.Tags[c.Sink] = id
		}
		if v.Caps.Properties {
			v.Mirrors[c.Sink] = commit.Mirror{Sound: true, Snapshot: id, Epoch: c.Epoch, Ledger: c.Ledger.Clone()}
		}
	})
	if len(c.Batches) > 0 {
		t.w.committed()
	}
	t.w.tell(by, "%s: snapshot %d on %d, %d batches, at %s", t.name, id, base.Head, len(c.Batches), at(ledger))
	return id, nil
}

// seen is the snapshots whose states a load tells of a sink.
func seen(v commit.View, sink string) map[int64]bool {
	out := make(map[int64]bool, len(v.Snapshots)+1)
	for id := range v.Snapshots {
		out[id] = true
	}
	if m := v.Mirrors[sink]; m.Sound {
		out[m.Snapshot] = true
	}
	return out
}

// put makes s the head. The lock is held.
func (t *table) put(s *snapshot, more func(v *commit.View)) {
	t.snaps[s.ID] = s
	t.change(func(v *commit.View) {
		v.Snapshots[s.ID], v.Head, v.LastSequence, v.Empty = s.Snapshot, s.ID, s.Sequence, false
		if more != nil {
			more(v)
		}
	})
}

// at tells where a ledger stands, in few words; it is put into words only when it is read.
type at offsets.Ledger

func (a at) String() string {
	out := ""
	for _, p := range offsets.Sorted(a.Marks) {
		out += fmt.Sprintf("%s=%d ", partOf(p), a.Marks[p].Next)
	}
	return out
}

func partOf(p offsets.Partition) oracle.Part {
	return oracle.Part{Topic: p.Topic, ID: p.TopicID.String(), Num: p.Num}
}

// at is where the table stands for a sink, by the newest state in its lineage; -1 if there is none.
func (t *table) at(sink string, p oracle.Part) int64 {
	if m, known := t.mark(sink, p); known {
		return m.Next
	}
	return -1
}

func (t *table) mark(sink string, p oracle.Part) (offsets.Mark, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := t.view.Head; id != 0; {
		s := t.snaps[id]
		var l *offsets.Ledger
		if o, carried := s.Others[sink]; carried {
			l = &o.Ledger
		}
		if s.Sink == sink {
			l = s.Ledger
		}
		if l != nil {
			for q, m := range l.Marks {
				if partOf(q) == p {
					return m, true
				}
			}
			return offsets.Mark{}, false
		}
		id = s.Parent
	}
	return offsets.Mark{}, false
}

// blind tells whether the table knows a position behind at, and not its leader epoch, or is about to: word is the end of what an operator
// passes over.
func (t *table) blind(sink string, p offsets.Partition, at, word int64) bool {
	m, known := t.mark(sink, partOf(p))
	return known && (m.Next > at && m.LeaderEpoch == offsets.NoEpoch || m.Next <= word && word > at)
}

// remote is the table as one process reaches it.
type remote struct {
	*table
	e *wire
}

var _ commit.Table = remote{}

// Load implements commit.Table.
func (r remote) Load(ctx context.Context) (commit.View, error) {
	return call(ctx, r.e, "load", func(k fate.Kind, amount int64) (commit.View, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := int(amount); k == Stale && n <= len(r.views) {
			return r.views[len(r.views)-n], nil
		}
		return r.view, nil
	})
}

// History implements commit.Table.
func (r remote) History(ctx context.Context, v commit.View) (commit.View, error) {
	return call(ctx, r.e, "history", func(fate.Kind, int64) (commit.View, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		v.Snapshots = maps.Clone(v.Snapshots)
		for id, s := range r.older {
			if s.Sequence > v.LastSequence {
				continue // no file before this load lists it
			}
			if now, listed := v.Snapshots[id]; !listed || now.Parent == 0 && s.Parent != 0 {
				v.Snapshots[id] = s
			}
		}
		v.HistoryComplete = true
		return v, nil
	})
}

// Verify implements commit.Table.
func (r remote) Verify(ctx context.Context, m *manifest.Manifest) error {
	for _, f := range m.Files {
		i, err := bucket{r.w.store, r.e}.Stat(ctx, f.FilePath())
		switch {
		case err != nil && isGone(err):
			return fmt.Errorf("%w: %s: %w", commit.ErrFilesGone, f.FilePath(), err)
		case err != nil:
			return err
		case i.Size != f.FileSizeBytes():
			return fmt.Errorf("%w: %s has %d bytes, not %d", commit.ErrFilesGone, f.FilePath(), i.Size, f.FileSizeBytes())
		}
	}
	return nil
}

// Append implements commit.Table.
func (r remote) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	id := r.newID()
	if err := r.e.pass(ctx); err != nil {
		return 0, err
	}
	if r.table != r.w.letters { // nobody touches the dead letters
		if x, met := r.w.meet(r.e.actor, "race"); met && r.w.foreign(r.table, x) {
			r.w.happened(x.Kind)
		}
	}
	return call(ctx, r.e, "append", func(k fate.Kind, amount int64) (int64, error) {
		if k == Rejected {
			r.mu.Lock()
			r.rejects = amount
			r.mu.Unlock()
			r.w.event(string(Rejected), r.name)
		}
		return r.append(r.e.actor, base, c, id)
	})
}

var schemas = []*iceberg.Schema{
	iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64, Required: true},
		iceberg.NestedField{ID: 2, Name: "note", Type: iceberg.PrimitiveTypes.String}),
	iceberg.NewSchema(1, iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64, Required: true},
		iceberg.NestedField{ID: 2, Name: "note", Type: iceberg.PrimitiveTypes.String},
		iceberg.NestedField{ID: 3, Name: "more", Type: iceberg.PrimitiveTypes.Int64}),
}

// Describe tells the writer of the newest schema of the load.
func (r remote) Describe(v commit.View) (writer.Table, error) {
	return writer.Table{Name: r.name, UUID: v.TableUUID, Location: "mem://lake/" + r.name, Schema: schemas[len(v.SchemaIDs)-1], Spec: *iceberg.UnpartitionedSpec,
		FormatVersion: 2, Store: bucket{r.w.store, r.e}, Properties: properties}, nil
}

var properties = iceberg.Properties{"write.parquet.compression-codec": "uncompressed"}

// restore puts the branch back to the newest listed snapshot of a sink, or empties it. Where another sink has rows too, it is one
// that no pick led to: what is right for this sink and wrong for the other would be put right in turn, for ever.
func (t *table) restore(sink string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	best, shared := int64(0), false
	for _, s := range t.view.Snapshots {
		shared = shared || s.Sink != "" && s.Sink != sink
	}
	for id, s := range t.view.Snapshots {
		if s.Sink == sink && id > best && !(shared && t.picked(id)) {
			best = id
		}
	}
	if best == 0 {
		t.replace(false)
	} else {
		t.move(best)
	}
	t.w.event("set-current", t.name)
	t.w.tell(operatorName, "%s is put back to %d", t.name, best)
}

// picked tells whether a cherry-pick is in the lineage of a snapshot.
func (t *table) picked(id int64) bool {
	for ; id != 0 && t.snaps[id] != nil; id = t.snaps[id].Parent {
		if t.snaps[id].Source != 0 {
			return true
		}
	}
	return false
}
