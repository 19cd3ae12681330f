package catalog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

func TestAppend_FiveCommitsAreReadByAForeignReader(t *testing.T) {
	for _, version := range []int{2, 3} {
		t.Run(fmt.Sprint("v", version), func(t *testing.T) {
			w := newWorld(t)
			w.create("shop.orders", nil, version, nil)
			tb := w.table("shop.orders", "", "s1")
			if v := load(t, tb); !v.Empty || v.Head != 0 || v.LastSequence != 0 {
				t.Fatalf("a new table: %+v", v)
			}
			var last int64
			for i := range int64(5) {
				last = put(t, tb, 9, i*10, i*10+10)
			}
			wantIDs(t, w.ids("shop.orders", ""), 50)

			v := load(t, tb)
			st, err := commit.Resolve(v, "s1")
			if err != nil {
				t.Fatal(err)
			}
			if v.Head != last || st.Carrier != last || st.Dirty || st.Epoch != 9 || st.Ledger.Position()[part(0)] != 50 || st.Hash != "h1" {
				t.Errorf("head %d, want %d; state %+v", v.Head, last, st)
			}
			if m := v.Mirrors["s1"]; !m.Sound || m.Snapshot != last || !m.Ledger.Equal(st.Ledger) || m.Epoch != 9 {
				t.Errorf("mirror %+v", m)
			}
			if v.Tags["s1"] != last || v.LastSequence != 5 || len(v.Snapshots) != 5 {
				t.Errorf("tags %v, sequence %d, %d snapshots", v.Tags, v.LastSequence, len(v.Snapshots))
			}
			meta := w.foreign("shop.orders").Metadata()
			s := meta.CurrentSnapshot()
			for k, want := range map[string]string{"added-data-files": "1", "added-records": "10", "total-records": "50", "total-data-files": "5",
				"total-delete-files": "0", "changed-partition-count": "1", keyRanges: `{"orders#` + topic.String() + `":{"0":"40-50"}}`} {
				if got := s.Summary.Properties[k]; got != want {
					t.Errorf("summary %s is %q, want %q", k, got, want)
				}
			}
			if version == 3 && (meta.NextRowID() != 50 || *s.FirstRowID != 40 || *s.AddedRows != 10) {
				t.Errorf("row ids: next %d, first %d, added %d", meta.NextRowID(), *s.FirstRowID, *s.AddedRows)
			}
			for name, ref := range meta.Refs() {
				if name == "sinker_s1" && (ref.MaxRefAgeMs == nil || *ref.MaxRefAgeMs != 24*3600*1000) {
					t.Errorf("the tag's max-ref-age: %v", ref.MaxRefAgeMs)
				}
			}
		})
	}
}

func TestAppend_EmptySnapshotsMoveTheStateOnly(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	anchor, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, 5))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ids("shop.orders", ""); len(got) != 0 {
		t.Errorf("rows after an empty snapshot: %v", got)
	}
	put(t, tb, 1, 0, 20)
	if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 2, 20)); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, w.ids("shop.orders", ""), 20)
	v := load(t, tb)
	if st, err := commit.Resolve(v, "s1"); err != nil || st.Epoch != 2 {
		t.Errorf("state %+v, %v", st, err)
	}
	if s := v.Snapshots[anchor]; s.Parent != 0 || s.Ledger == nil || len(s.Batches) != 0 {
		t.Errorf("anchor %+v", s)
	}
}

func TestAppend_LosesAgainstWhoeverCameBetween(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	put(t, tb, 1, 0, 10)
	base := load(t, tb)
	batch := stage(t, tb, base, 1, 10, 20)

	t.Run("a foreign append", func(t *testing.T) {
		w.foreignAppend("shop.orders", 1000, 1003)
		_, err := tb.Append(t.Context(), base, change("s1", 1, 20, batch))
		wantClass(t, err, commit.Conflict)
	})
	t.Run("the same request twice", func(t *testing.T) {
		base := load(t, tb)
		if _, err := tb.Append(t.Context(), base, change("s1", 1, 20, batch)); err != nil {
			t.Fatal(err)
		}
		_, err := tb.Append(t.Context(), base, change("s1", 1, 20, batch))
		wantClass(t, err, commit.Conflict)
	})
	t.Run("only the tag moved", func(t *testing.T) {
		base := load(t, tb)
		first := int64(0)
		for id, s := range base.Snapshots {
			if s.Parent == 0 {
				first = id
			}
		}
		w.update("shop.orders", icetable.NewSetSnapshotRefUpdate("sinker_s1", first, icetable.TagRef, 0, 0, 0))
		_, err := tb.Append(t.Context(), base, change("s1", 1, 30, stage(t, tb, base, 1, 20, 30)))
		wantClass(t, err, commit.Conflict)
	})
	t.Run("a tag that was not there", func(t *testing.T) {
		w.create("shop.fresh", nil, 2, nil)
		a, b := w.table("shop.fresh", "", "s1"), w.table("shop.fresh", "other", "s1")
		base := load(t, b)
		put(t, a, 1, 0, 10)
		_, err := b.Append(t.Context(), base, change("s1", 1, 10, stage(t, b, base, 1, 0, 10)))
		wantClass(t, err, commit.Conflict)
	})
	t.Run("the table was made anew", func(t *testing.T) {
		base := load(t, tb)
		if err := w.cat.back.drop(t.Context(), tb.id); err != nil {
			t.Fatal(err)
		}
		_, err := tb.Append(t.Context(), base, change("s1", 1, 30))
		wantClass(t, err, commit.Missing)
		w.create("shop.orders", nil, 2, nil)
		_, err = tb.Append(t.Context(), base, change("s1", 1, 30))
		wantClass(t, err, commit.Conflict)
	})
}

// update applies updates as a foreign client without any requirement would.
func (w *world) update(name string, ups ...icetable.Update) {
	w.t.Helper()
	id, _ := parseIdent(name)
	l, err := w.cat.back.load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.cat.back.commit(w.t.Context(), id, l, nil, ups); err != nil {
		w.t.Fatal(err)
	}
}

func TestAppend_OneOfEightWins(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	put(t, tb, 1, 0, 10)
	base := load(t, tb)
	errs := make(chan error)
	for range 8 {
		go func() {
			other, err := w.cat.Table("shop.orders", "", "s1")
			if err == nil {
				_, err = other.Append(t.Context(), base, change("s1", 1, 20))
			}
			errs <- err
		}()
	}
	won := 0
	for range 8 {
		if err := <-errs; err == nil {
			won++
		} else if classOf(err) != commit.Conflict {
			t.Errorf("class %s: %v", classOf(err), err)
		}
	}
	if v := load(t, tb); won != 1 || len(v.Snapshots) != 2 {
		t.Errorf("%d won, %d snapshots", won, len(v.Snapshots))
	}
}

func TestBranch_OtherThanMain(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "ingest", "s1")
	put(t, tb, 1, 0, 10)
	put(t, tb, 1, 10, 20)
	wantIDs(t, w.ids("shop.orders", "ingest"), 20)
	meta := w.foreign("shop.orders").Metadata()
	if meta.CurrentSnapshot() != nil {
		t.Error("main was touched")
	}
	w.update("shop.orders", icetable.NewSetSnapshotRefUpdate("ingest", load(t, tb).Head, icetable.BranchRef, 111_000, 222_000, 3))
	put(t, tb, 1, 20, 30)
	for name, ref := range w.foreign("shop.orders").Metadata().Refs() {
		if name == "ingest" && (deref(ref.MaxRefAgeMs) != 111_000 || deref(ref.MaxSnapshotAgeMs) != 222_000 || deref(ref.MinSnapshotsToKeep) != 3) {
			t.Errorf("the branch lost its retention: %+v", ref)
		}
	}
	late := w.table("shop.orders", "late", "s1")
	if _, err := late.Describe(load(t, late)); err == nil || !strings.Contains(err.Error(), "CREATE BRANCH late") {
		t.Errorf("a branch beside others: %v", err)
	}
	_, err := late.Append(t.Context(), load(t, late), change("s1", 1, 0))
	wantClass(t, err, commit.Rejected)
	if _, err := w.cat.Table("shop.orders", "sinker_x", "s1"); err == nil {
		t.Error("a branch with the name of a tag of ours was taken")
	}
}

func TestAppend_AfterForeignWork(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	a := put(t, tb, 1, 0, 10)
	w.foreignAppend("shop.orders", 1000, 1005)
	put(t, tb, 1, 10, 20)
	got := w.ids("shop.orders", "")
	for id := int64(1000); id < 1005; id++ {
		if got[id] != 1 {
			t.Errorf("foreign id %d is in the table %d times", id, got[id])
		}
		delete(got, id)
	}
	wantIDs(t, got, 20)

	t.Run("rollback", func(t *testing.T) {
		w.update("shop.orders", icetable.NewSetSnapshotRefUpdate("main", a, icetable.BranchRef, 0, 0, 0))
		v := load(t, tb)
		st, err := commit.Resolve(v, "s1")
		if err != nil || !st.Dirty || st.Ledger.Position()[part(0)] != 10 || v.Tags["s1"] == a {
			t.Errorf("after a rollback: %+v, %v, tags %v", st, err, v.Tags)
		}
		if _, err := tb.Append(t.Context(), v, change("s1", 77, 10)); err != nil {
			t.Fatal(err)
		}
		if st, err := commit.Resolve(load(t, tb), "s1"); err != nil || st.Dirty || st.Epoch != 77 {
			t.Errorf("after the re-anchor: %+v, %v", st, err)
		}
	})
}

func TestAppend_ManyPartitionsAndOtherSinks(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	c := change("s1", 1<<63, 0)
	for i := range int32(1000) {
		c.Ledger.Marks[part(i)] = offsets.Mark{Next: 1<<53 + int64(i), LeaderEpoch: i, Origin: int64(i), Upper: offsets.Unbounded, Dead: 1, Skipped: 2, Holes: 3}
	}
	c.Others = map[string]commit.Other{"y2": {Carrier: 12, Epoch: 5, Ledger: c.Ledger.Clone()}}
	c.Gaps = []commit.Gap{{Partition: part(3), Range: offsets.Range{From: 1, To: 4}, Why: "retention"}}
	c.Audit = &commit.Audit{Who: "me", When: "2026-01-01T00:00:00Z", Action: "accept", Reason: "why not"}
	id, err := tb.Append(t.Context(), load(t, tb), c)
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, tb).Snapshots[id]
	if s.Ledger == nil || !s.Ledger.Equal(c.Ledger) || s.Epoch != 1<<63 || s.Broken != "" {
		t.Errorf("the state came back otherwise: %s", s.Broken)
	}
	if o := s.Others["y2"]; o.Carrier != 12 || o.Epoch != 5 || !o.Ledger.Equal(c.Ledger) {
		t.Error("the other's state came back otherwise")
	}
	raw := w.foreign("shop.orders").CurrentSnapshot().Summary.Properties
	if n := len(raw[keyOffsets+"s1"]); n > 12_000 {
		t.Errorf("1,000 partitions take %d bytes", n)
	}
	if !strings.Contains(raw[keyGaps], `"range":"1-4"`) || !strings.Contains(raw[keyAudit], `"who":"me"`) {
		t.Errorf("gaps %s, audit %s", raw[keyGaps], raw[keyAudit])
	}
}

func TestDescribe_Refuses(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	put(t, tb, 1, 0, 10)
	head := load(t, tb).Head
	if d, err := tb.Describe(load(t, tb)); err != nil || d.FormatVersion != 2 || d.Name != "shop.orders" || !strings.HasSuffix(d.Location, "/wh/shop.db/orders") {
		t.Errorf("%+v, %v", d, err)
	}
	if !tb.Created(load(t, tb)) {
		t.Error("the table does not say that sinker made it")
	}
	w.update("shop.orders", icetable.NewRemoveSnapshotRefUpdate("sinker_s1"), icetable.NewSetSnapshotRefUpdate("sinker_s1", head, icetable.BranchRef, 0, 0, 0))
	_, err := tb.Describe(load(t, tb))
	wantClass(t, err, commit.Rejected)
	_, err = tb.Append(t.Context(), load(t, tb), change("s1", 1, 10))
	wantClass(t, err, commit.Rejected)
	w.create("shop.orc", nil, 2, map[string]string{"write.format.default": "orc", "history.expire.max-snapshot-age-ms": "60000"})
	orc := w.table("shop.orc", "", "s1")
	v := load(t, orc)
	if _, err = orc.Describe(v); err == nil || !strings.Contains(err.Error(), "write.format.default") || classOf(err) != commit.Rejected {
		t.Errorf("a table of ORC files: %v", err)
	}
	if v.Retention != time.Minute {
		t.Errorf("retention %s", v.Retention)
	}
	if _, err := tb.Describe(commit.View{}); err == nil {
		t.Error("a view of nobody was described")
	}
}

func TestVerify_LooksAtEveryFile(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	m := stage(t, tb, load(t, tb), 1, 0, 10)
	if err := tb.Verify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Remove(t.Context(), m.Files[0].FilePath()); err != nil {
		t.Fatal(err)
	}
	if err := tb.Verify(t.Context(), m); !errors.Is(err, commit.ErrFilesGone) {
		t.Errorf("a file that is gone: %v", err)
	}
	if err := w.store.Put(t.Context(), m.Files[0].FilePath(), []byte("short")); err != nil {
		t.Fatal(err)
	}
	if err := tb.Verify(t.Context(), m); !errors.Is(err, commit.ErrFilesGone) || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a cut file: %v", err)
	}
}

func TestSettle_OldMetadataFilesGoOnlyAfterTheCommitWasSeen(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, map[string]string{"write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "3"})
	tb := w.table("shop.orders", "", "s1")
	var locations []string
	for i := range int64(8) {
		locations = append(locations, load(t, tb).Location)
		put(t, tb, 1, i, i+1)
	}
	there := func(i int) bool { _, err := w.store.Stat(t.Context(), locations[i]); return err == nil }
	if !there(4) {
		t.Error("the file that the last commit dropped went before that commit was seen")
	}
	load(t, tb)
	for i := range locations {
		if want := i >= 5; there(i) != want {
			t.Errorf("metadata file %d there: %s, want %v", i, strconv.FormatBool(there(i)), want)
		}
	}
	wantIDs(t, w.ids("shop.orders", ""), 8)
}
