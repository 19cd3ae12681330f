package catalog

import (
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
