package catalog

import (
	"testing"
	"time"

	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
)

// aging is a table whose clock goes on by step with each commit.
func aging(t *testing.T, w *world, name, sink string, retain Retain, step time.Duration) (*Table, func()) {
	tb := w.table(name, "", sink)
	tb.Retain = retain
	clock := time.Now()
	tb.now = func() time.Time { return clock }
	return tb, func() { clock = clock.Add(step) }
}

func TestRetain_KeepsThePastWithinItsBounds(t *testing.T) {
	for name, c := range map[string]struct {
		retain Retain
		most   int
	}{
		"age":                        {Retain{Age: 3 * time.Hour}, 10},
		"snapshots":                  {Retain{Snapshots: 5}, 6},
		"bytes":                      {Retain{Bytes: 5000}, 10},
		"never younger than an hour": {Retain{Snapshots: 1, Age: time.Second, Bytes: 1 << 20}, 6},
		"none":                       {Retain{}, 30},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.create("shop.orders", nil, 2, nil)
			tb, tick := aging(t, w, "shop.orders", "s1", c.retain, 25*time.Minute)
			for i := range int64(30) {
				tick()
				if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, i)); err != nil {
					t.Fatal(err)
				}
			}
			v := load(t, tb)
			if n := len(v.Snapshots); n > c.most || n < 3 {
				t.Errorf("%d snapshots are listed", n)
			}
			if _, err := commit.Resolve(v, "s1"); err != nil {
				t.Error(err)
			}
			for id, s := range v.Snapshots {
				if age := tb.now().Sub(s.Time); name == "never younger than an hour" && age > 100*time.Minute {
					t.Errorf("snapshot %d is %s old", id, age)
				}
			}
		})
	}
}

func TestRetain_TheLeastStay(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb, tick := aging(t, w, "shop.orders", "s1", Retain{Age: time.Second, Least: 7}, 2*time.Hour)
	for i := range int64(20) {
		tick()
		if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(load(t, tb).Snapshots); n != 7 {
		t.Errorf("%d snapshots are listed, want 7", n)
	}
}

func TestRetain_NeverCutsWhatSomebodyNeeds(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb, tick := aging(t, w, "shop.orders", "s1", Retain{Snapshots: 2}, 2*time.Hour)
	tagged := put(t, tb, 1, 0, 1)
	branched := put(t, tb, 1, 1, 2)
	w.update("shop.orders", icetable.NewSetSnapshotRefUpdate("audit", tagged, icetable.TagRef, 0, 0, 0), icetable.NewSetSnapshotRefUpdate("dev", branched, icetable.BranchRef, 0, 0, 0))
	// Another sink id whose state nobody carries: the chain to it must stay whole.
	tick()
	other, _ := aging(t, w, "shop.orders", "y2", Retain{}, 0)
	other.now = tb.now
	y, err := other.Append(t.Context(), load(t, other), change("y2", 9, 7))
	if err != nil {
		t.Fatal(err)
	}
	for i := int64(2); i < 12; i++ {
		tick()
		put(t, tb, 1, i, i+1)
	}
	v := load(t, tb)
	st, err := commit.Resolve(v, "y2")
	if err != nil || st.Carrier != y {
		t.Errorf("the other's state: %+v, %v", st, err)
	}
	for what, id := range map[string]int64{"tagged": tagged, "branched": branched} {
		if _, ok := v.Snapshots[id]; !ok {
			t.Errorf("the %s snapshot is gone", what)
		}
	}
	// Once a commit carries the other's state, the chain may be cut below it.
	c := change("s1", 1, 12)
	c.Others = map[string]commit.Other{"y2": {Carrier: y, Epoch: 9, Ledger: st.Ledger}}
	for range 4 {
		tick()
		if _, err := tb.Append(t.Context(), load(t, tb), c); err != nil {
			t.Fatal(err)
		}
	}
	v = load(t, tb)
	if st, err = commit.Resolve(v, "y2"); err != nil || st.Carrier != y {
		t.Errorf("the carried state: %+v, %v", st, err)
	}
	if n := len(v.Snapshots); n > 6 {
		t.Errorf("%d snapshots are still listed", n)
	}
}

func TestRetain_ManyCommitsStaySmall(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, map[string]string{"write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "10"})
	tb, tick := aging(t, w, "shop.orders", "s1", Retain{Snapshots: 20}, 10*time.Minute)
	var early int64
	for i := range commits(120) {
		tick()
		if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, i)); err != nil {
			t.Fatal(err)
		}
		if i == 40 {
			early = load(t, tb).MetadataSize
		}
	}
	if late := load(t, tb).MetadataSize; late > early+early/5 || late > 2<<20 {
		t.Errorf("the metadata grew from %d bytes after 40 commits to %d at the end", early, late)
	}
	if n := len(w.stored(".metadata.json")); n > 13 {
		t.Errorf("%d metadata files are left, the table wants 10", n)
	}
}
