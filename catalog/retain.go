package catalog

import (
	"maps"
	"slices"
	"time"

	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
)

// Retain bounds the past that a commit leaves behind: the oldest snapshots of the branch that go beyond any of the bounds are
// removed in the same request. A bound of 0 is none. Whatever the bounds, these are kept: the branch's head, what any
// reference points to, what another branch is made of, and what is younger than an hour; and the past is only ever cut below a
// snapshot that holds the state of every sink id of the table, so that from each snapshot that remains, a rolled-back branch
// included, every state can still be told. Where the listing comes to half as much again as Bytes, the hour gives way, down to
// three minutes: with many partitions and short intervals an hour is tens of megabytes, which every commit writes. Only the
// listing in the metadata goes; no file is deleted.
type Retain struct {
	Age       time.Duration
	Snapshots int
	Bytes     int64 // of the snapshots' listing in the metadata
	Least     int   // newest snapshots that are kept whatever the bounds say
}

// Ages below which no snapshot is removed: as long as the listing is bearable, so that compactions and incremental readers find
// the snapshot that they began with; and ever. The lesser one is beyond the time in which a committer looks for what was acknowledged.
const (
	youngest     = time.Hour
	youngestEver = commit.StaleLoads + time.Minute
)

// expired is the snapshots to remove when added is put on the branch.
func (t *Table) expired(l *loaded, added icetable.Snapshot) []int64 {
	head := l.head(t.branch)
	retain := t.Retain
	if retain == (Retain{Least: retain.Least}) || head == nil {
		return nil
	}
	line := l.lineage(*head)
	past := t.states(line)
	known := map[string]bool{t.sink: true}
	for _, s := range past {
		for _, sink := range holds(s) {
			known[sink] = true
		}
	}
	now := t.now()
	over, bytes := false, listingSize(added)
	cut, floor := -1, youngest
	for i, s := range line {
		age := now.Sub(time.UnixMilli(s.TimestampMs))
		bytes += listingSize(s)
		over = over || (retain.Age > 0 && age > retain.Age) || (retain.Snapshots > 0 && i+2 > retain.Snapshots) || (retain.Bytes > 0 && bytes > retain.Bytes)
		if retain.Bytes > 0 && bytes > retain.Bytes+retain.Bytes/2 {
			floor = youngestEver
		}
		if i > 0 && i+2 > retain.Least && over && age > floor && holdsAll(past[i-1], known) {
			cut = i
			break
		}
	}
	if cut < 0 {
		return nil
	}
	kept := map[int64]bool{}
	for name, ref := range l.refs {
		kept[ref.SnapshotID] = true
		if ref.SnapshotRefType == icetable.BranchRef && name != t.branch {
			for _, s := range l.lineage(ref.SnapshotID) {
				kept[s.SnapshotID] = true
			}
		}
	}
	var gone []int64
	for _, s := range line[cut:] {
		if !kept[s.SnapshotID] && now.Sub(time.UnixMilli(s.TimestampMs)) > floor {
			gone = append(gone, s.SnapshotID)
		}
	}
	return gone
}

// states is what the snapshots hold, in the order given.
func (t *Table) states(line []icetable.Snapshot) []commit.Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]commit.Snapshot, len(line))
	for i, s := range line {
		d, ok := t.decoded[s.SnapshotID]
		if !ok {
			d = decodeSnapshot(s)
		}
		out[i] = d
	}
	return out
}

// holds is the sink ids whose state a snapshot holds.
func holds(s commit.Snapshot) []string {
	out := slices.Collect(maps.Keys(s.Others))
	if s.Sink != "" {
		out = append(out, s.Sink)
	}
	return out
}

func holdsAll(s commit.Snapshot, sinks map[string]bool) bool {
	for sink := range sinks {
		_, carried := s.Others[sink]
		if !carried && (s.Sink != sink || s.Ledger == nil) {
			return false
		}
	}
	return true
}

// lineage is the listed snapshots from id to the root, or to where the listing breaks off.
func (l *loaded) lineage(id int64) []icetable.Snapshot {
	var out []icetable.Snapshot
	for range l.snaps { // no longer than there are snapshots, should the parents form a circle
		s, ok := l.snaps[id]
		if !ok {
			break
		}
		out = append(out, s)
		if s.ParentSnapshotID == nil {
			break
		}
		id = *s.ParentSnapshotID
	}
	return out
}

// listingSize is about how many bytes a snapshot takes in the metadata.
func listingSize(s icetable.Snapshot) int64 {
	n := int64(200 + len(s.ManifestList))
	if s.Summary != nil {
		for k, v := range s.Summary.Properties {
			n += int64(len(k) + len(v) + 6)
		}
	}
	return n
}
