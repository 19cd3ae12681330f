package catalog

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// wide is a commit in which every one of n partitions moves.
func wide(sink string, n int32, i int64) commit.Change {
	c := change(sink, 1, 0)
	at := func(i int64, p int32) int64 { return i*7919 + int64(p)*104729 + i*int64(p)%613 }
	m := &manifest.Manifest{ID: uuid.New(), Epoch: 1, Spans: map[offsets.Partition]manifest.Span{}}
	for p := range n {
		from, to := at(i, p), at(i+1, p)
		c.Ledger.Marks[part(p)] = offsets.Mark{Next: to, LeaderEpoch: p % 7, Upper: offsets.Unbounded}
		m.Spans[part(p)] = manifest.Span{Range: offsets.Range{From: from, To: to}, LeaderEpoch: p % 7, Counts: manifest.Counts{Rows: to - from}}
	}
	c.Batches = []*manifest.Manifest{m}
	return c
}

// Half a day of commits with a thousand moving partitions, and slower ones until nothing changes any more, computed with what decides about each of them: the listing of
// snapshots stays below the size from which metadata is said to be large, at any pace, with the bounds that the configuration has by default.
func TestRetain_HalfADayOfFastCommitsStaysWithinTheBound(t *testing.T) {
	const partitions = 1000
	var summaries []map[string]string // they differ by the digits of their offsets only
	for i := range int64(16) {
		props, _, err := encodeSummary(wide("s1", partitions, 43_200-i))
		if err != nil {
			t.Fatal(err)
		}
		summaries = append(summaries, props)
	}
	for pace, commits := range map[time.Duration]int64{time.Second: 43_200, 2 * time.Second: 1500, 10 * time.Second: 1500} {
		t.Run(pace.String(), func(t *testing.T) {
			retain := Retain{Age: 24 * time.Hour, Snapshots: 1000, Bytes: 4 << 20}
			tb := &Table{sink: "s1", branch: mainBranch, Retain: retain, decoded: map[int64]commit.Snapshot{}}
			clock := time.UnixMilli(1_750_000_000_000)
			tb.now = func() time.Time { return clock }
			l := &loaded{snaps: map[int64]icetable.Snapshot{}, refs: map[string]icetable.SnapshotRef{}}
			largest, listing, decoded := int64(0), int64(0), decodeSnapshot(icetable.Snapshot{Summary: &icetable.Summary{Properties: summaries[0]}})
			for i := range commits {
				clock = clock.Add(pace)
				s := icetable.Snapshot{SnapshotID: i + 1, SequenceNumber: i + 1, TimestampMs: clock.UnixMilli(), ManifestList: "s3://lake/warehouse/shop/orders/metadata/snap-1-1.avro",
					Summary: &icetable.Summary{Operation: icetable.OpAppend, Properties: summaries[i%16]}}
				if i > 0 {
					parent := i
					s.ParentSnapshotID = &parent
				}
				for _, id := range tb.expired(l, s) {
					listing -= listingSize(l.snaps[id])
					delete(l.snaps, id)
					delete(tb.decoded, id)
				}
				l.snaps[s.SnapshotID], tb.decoded[s.SnapshotID] = s, decoded
				l.refs[mainBranch] = icetable.SnapshotRef{SnapshotID: s.SnapshotID, SnapshotRefType: icetable.BranchRef}
				listing += listingSize(s)
				largest = max(largest, listing)
			}
			if most := retain.Bytes + retain.Bytes/2; largest > most+listingSize(l.snaps[commits]) {
				t.Errorf("the listing reached %d bytes, want %d at most", largest, most)
			}
			oldest := clock
			for _, s := range l.snaps {
				if at := time.UnixMilli(s.TimestampMs); at.Before(oldest) {
					oldest = at
				}
			}
			if kept := clock.Sub(oldest); kept < youngestEver {
				t.Errorf("only %s of the past are left", kept)
			} else {
				t.Logf("%d snapshots of %d bytes, %s of the past, at most %.1f MiB", len(l.snaps), listing/int64(len(l.snaps)), kept, float64(largest)/(1<<20))
			}
			real, err := json.Marshal(l.snaps)
			if err != nil || int64(len(real)) > listing+listing/20 {
				t.Errorf("the listing is taken for %d bytes and has %d: %v", listing, len(real), err)
			}
		})
	}
}

// The same on a table: snapshots younger than an hour go where they must, and what is left tells where the table stands. Without need none goes.
func TestRetain_TheHourGivesWayToBytes(t *testing.T) {
	const partitions, bound = 300, 96 << 10
	for _, c := range []struct {
		bytes       int64
		least, most int // snapshots that are left of 60
	}{{bound, 9, 30}, {100 * bound, 60, 60}, {1, 9, 11}} {
		t.Run(fmt.Sprint(c.bytes), func(t *testing.T) {
			w := newWorld(t)
			w.create("shop.orders", nil, 2, nil)
			tb, tick := aging(t, w, "shop.orders", "s1", Retain{Age: 24 * time.Hour, Snapshots: 1000, Bytes: c.bytes}, 20*time.Second)
			var last commit.Change
			tagged := int64(0)
			for i := range int64(60) {
				tick()
				last = wide("s1", partitions, i)
				id, err := tb.Append(t.Context(), load(t, tb), last)
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					tagged = id
					w.update("shop.orders", icetable.NewSetSnapshotRefUpdate("audit", id, icetable.TagRef, 0, 0, 0))
				}
			}
			v := load(t, tb)
			if n := len(v.Snapshots); n < c.least || n > c.most+1 { // and the tagged one
				t.Errorf("%d snapshots are listed, want %d to %d", n, c.least, c.most)
			}
			if _, kept := v.Snapshots[tagged]; !kept {
				t.Error("the tagged snapshot is gone")
			}
			for id, s := range v.Snapshots {
				if _, has := v.Snapshots[s.Parent]; !has && s.Parent != 0 && id != tagged && tb.now().Sub(s.Time) < youngestEver-20*time.Second {
					t.Errorf("the parent of snapshot %d, which is %s old, is gone", id, tb.now().Sub(s.Time))
				}
			}
			if st, err := commit.Resolve(v, "s1"); err != nil || !st.Ledger.Equal(last.Ledger) {
				t.Errorf("the state after all that: %v", err)
			}
		})
	}
}
