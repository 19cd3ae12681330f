package catalog

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
)

func TestView_ExpiredParentsComeBackFromTheMetadataLog(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	a := put(t, tb, 1, 0, 10)
	f1 := w.foreignAppend("shop.orders", 1000, 1005)
	w.foreignAppend("shop.orders", 1005, 1006)
	w.update("shop.orders", icetable.NewRemoveSnapshotRefUpdate("sinker_s1"), icetable.NewRemovePropertiesUpdate([]string{keyMirror + "s1"}),
		icetable.NewRemoveSnapshotsUpdate([]int64{a, f1}, false))
	v := load(t, tb)
	if _, err := commit.Resolve(v, "s1"); err != commit.ErrNeedHistory {
		t.Fatalf("resolve without history: %v", err)
	}
	v, err := tb.History(t.Context(), v)
	if err != nil || !v.HistoryComplete {
		t.Fatal(err)
	}
	st, err := commit.Resolve(v, "s1")
	if err != nil || st.Carrier != a || st.Ledger.Position()[part(0)] != 10 {
		t.Errorf("with history: %+v, %v", st, err)
	}
	t.Run("files of it that are gone are passed over", func(t *testing.T) {
		l, _ := handle(v)
		for e := range l.meta.PreviousFiles() {
			if err := w.store.Remove(t.Context(), e.MetadataFile); err != nil {
				t.Fatal(err)
			}
		}
		v, err := tb.History(t.Context(), load(t, tb))
		if err != nil || !v.HistoryComplete {
			t.Fatal(err)
		}
		var stop *commit.Stop
		if _, err := commit.Resolve(v, "s1"); !asStop(err, &stop) || stop.Reason != commit.LineageLost {
			t.Errorf("without any history: %v", err)
		}
	})
}

// pyiceberg's expiry takes the parent from a snapshot that it keeps. The file of before still names it, and more are not read than it takes.
func TestView_ParentThatExpiryTookAwayComesBackFromTheMetadataLog(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	a := put(t, tb, 1, 0, 10)
	head := w.foreignAppend("shop.orders", 1000, 1005)
	w.update("shop.orders", icetable.NewRemoveSnapshotRefUpdate("sinker_s1"), icetable.NewRemoveSnapshotsUpdate([]int64{a}, false))
	l, _ := handle(load(t, tb))
	raw, err := w.store.ReadAll(t.Context(), l.location)
	if err != nil {
		t.Fatal(err)
	}
	parent := regexp.MustCompile(`,?"parent-snapshot-id":` + strconv.FormatInt(a, 10))
	if !parent.Match(raw) {
		t.Fatalf("no snapshot names %d as its parent: %s", a, raw)
	}
	if err := os.WriteFile(strings.TrimPrefix(l.location, "file://"), parent.ReplaceAll(raw, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if tb, err = w.open().Table("shop.orders", "", "s1"); err != nil {
		t.Fatal(err)
	}
	v := load(t, tb)
	if _, err := commit.Resolve(v, "s1"); err != commit.ErrNeedHistory {
		t.Fatalf("resolve without history: %v", err)
	}
	v, err = tb.History(t.Context(), v)
	if err != nil || v.Snapshots[head].Parent != a {
		t.Fatalf("%+v, %v; want the parent %d", v.Snapshots[head], err, a)
	}
	st, err := commit.Resolve(v, "s1")
	if err != nil || st.Carrier != a || st.Dirty || st.Ledger.Position()[part(0)] != 10 {
		t.Errorf("with history: %+v, %v", st, err)
	}
}

// A foreign snapshot may be a cherry-pick of rows of ours, so its source must be known before anything is believed. Where only older metadata
// files still list that source, they are asked although every parent is there: it was somebody else's, and all is well; or it was ours.
func TestView_ExpiredSourceOfACherryPickComesBackFromTheMetadataLog(t *testing.T) {
	for name, ours := range map[string]bool{"somebody else's": false, "ours": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.create("shop.orders", nil, 2, nil)
			tb := w.table("shop.orders", "", "s1")
			a := put(t, tb, 1, 0, 10)
			var source int64
			if ours {
				source = put(t, tb, 1, 10, 20)
			} else {
				source = w.foreignAppend("shop.orders", 1000, 1005)
			}
			w.update("shop.orders", icetable.NewSetSnapshotRefUpdate(mainBranch, a, icetable.BranchRef, 0, 0, 0))
			w.cherryPick("shop.orders", a, source)
			w.update("shop.orders", icetable.NewRemoveSnapshotRefUpdate("sinker_s1"), icetable.NewRemoveSnapshotsUpdate([]int64{source}, false))
			v := load(t, tb)
			if _, err := commit.Resolve(v, "s1"); err != commit.ErrNeedHistory {
				t.Fatalf("resolve without history: %v", err)
			}
			c := committing(tb)
			st, _, err := c.State(t.Context())
			if ours {
				var stop *commit.Stop
				if !asStop(err, &stop) || stop.Reason != commit.CherryPick || !strings.Contains(stop.Found, strconv.FormatInt(source, 10)) {
					t.Errorf("rows of ours came back without their offsets: %+v, %v", st, err)
				}
				return
			}
			if err != nil || st.Dirty || st.Buried || st.Ledger.Marks[part(0)].Next != 10 {
				t.Fatalf("a false alarm: %+v, %v", st, err)
			}
			if _, err := commit.Resolve(load(t, tb), "s1"); err != nil {
				t.Errorf("the answer that took older files was not anchored: %v", err)
			}
		})
	}
}

// cherryPick puts a snapshot with the rows of source on the branch, as a foreign cherrypick_snapshot does.
func (w *world) cherryPick(name string, head, source int64) {
	w.t.Helper()
	id, _ := parseIdent(name)
	l, err := w.cat.back.load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	s := l.snaps[source]
	s.SnapshotID, s.ParentSnapshotID, s.SequenceNumber, s.TimestampMs = freshID(l), &head, l.meta.LastSequenceNumber()+1, l.newest()+1
	s.Summary = &icetable.Summary{Operation: icetable.OpAppend, Properties: map[string]string{keySource: strconv.FormatInt(source, 10)}}
	w.update(name, icetable.NewAddSnapshotUpdate(&s), icetable.NewSetSnapshotRefUpdate(mainBranch, s.SnapshotID, icetable.BranchRef, 0, 0, 0))
}

// State that a newer sinker wrote stops an older one before it changes anything: with the table as it is, and with foreigners on top.
func TestView_StateOfANewerSinkerStops(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	put(t, tb, 1, 0, 10)
	w.newer("shop.orders", "s1")
	for _, what := range []string{"as it is", "under a foreign snapshot"} {
		v := load(t, tb)
		c := committing(tb)
		for step, err := range map[string]error{
			"state":  errOf3(c.State(t.Context())),
			"look":   errOf3(c.Look(t.Context())),
			"commit": errOf2(c.Commit(t.Context(), stage(t, tb, v, 1, 10, 20))),
			"amend":  errOf3(c.Amend(t.Context(), func(commit.View, commit.State) (*commit.Edit, error) { t.Error("asked for a change"); return nil, nil })),
		} {
			var stop *commit.Stop
			if !asStop(err, &stop) || stop.Reason != commit.UnknownVersion || !strings.Contains(stop.Found, "format 2") || !strings.Contains(stop.Do, "newest sinker") {
				t.Errorf("%s, %s: %v", what, step, err)
			}
		}
		if now := load(t, tb); now.Head != v.Head || now.Location != v.Location {
			t.Errorf("%s: the table was changed", what)
		}
		w.foreignAppend("shop.orders", 1000, 1001)
	}
}

func errOf2[A any](_ A, err error) error         { return err }
func errOf3[A, B any](_ A, _ B, err error) error { return err }

// newer adds an empty snapshot as a sinker with another format of its state might write it.
func (w *world) newer(name, sink string) {
	w.t.Helper()
	id, _ := parseIdent(name)
	l, err := w.cat.back.load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	head := l.head(mainBranch)
	s := l.snaps[*head]
	s.SnapshotID, s.ParentSnapshotID, s.SequenceNumber, s.TimestampMs = freshID(l), head, l.meta.LastSequenceNumber()+1, l.newest()+1
	s.Summary = &icetable.Summary{Operation: icetable.OpAppend, Properties: map[string]string{
		keySink: sink, keyVersion: "2", keyOffsets + sink: `{"positions":"elsewhere"}`, "sinker.news": "1"}}
	w.update(name, icetable.NewAddSnapshotUpdate(&s), icetable.NewSetSnapshotRefUpdate(mainBranch, s.SnapshotID, icetable.BranchRef, 0, 0, 0))
}

func asStop(err error, to **commit.Stop) bool {
	s, ok := err.(*commit.Stop)
	*to = s
	return ok
}

func TestView_DamagedMirrors(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	put(t, tb, 1, 0, 10)
	good := w.foreign("shop.orders").Properties()[keyMirror+"s1"]
	for name, bad := range map[string]string{
		"cut": good[:len(good)-3], "empty": "", "other offsets": strings.Replace(good, "[10]", "[11]", 1), "other snapshot": strings.Replace(good, `"snapshot":`, `"snapshot":1`, 1),
		"other table": strings.Replace(good, `"uuid":"`, `"uuid":"0`, 1), "other epoch": strings.Replace(good, `"epoch":1`, `"epoch":2`, 1), "not json": "hello",
	} {
		w.update("shop.orders", icetable.NewSetPropertiesUpdate(iceberg.Properties{keyMirror + "s1": bad}))
		if m, ok := load(t, tb).Mirrors["s1"]; !ok || m.Sound || m.Snapshot != 0 {
			t.Errorf("%s: %+v, present %v", name, m, ok)
		}
	}
	w.update("shop.orders", icetable.NewSetPropertiesUpdate(iceberg.Properties{keyMirror + "s1": good}))
	if m := load(t, tb).Mirrors["s1"]; !m.Sound {
		t.Errorf("the good one: %+v", m)
	}
}

func TestView_ClocksOfOthersDoNotKeepUsBack(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	now := time.Now()
	tb.now = func() time.Time { return now.Add(5 * time.Hour) } // somebody whose clock is ahead
	put(t, tb, 1, 0, 10)
	tb.now = func() time.Time { return now.Add(-5 * time.Hour) }
	put(t, tb, 1, 10, 20)
	put(t, tb, 1, 20, 30)
	v := load(t, tb)
	s := v.Snapshots[v.Head]
	if p := v.Snapshots[s.Parent]; !s.Time.After(p.Time) {
		t.Errorf("snapshot of %s on top of one of %s", s.Time, p.Time)
	}
	wantIDs(t, w.ids("shop.orders", ""), 30)
}
