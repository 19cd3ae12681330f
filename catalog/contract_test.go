package catalog

import (
	"testing"

	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
)

// foreigner does its work as another client of the same catalog.
type foreigner struct {
	w *world
	n int64
}

func (f *foreigner) Append() error {
	f.n++
	f.w.foreignAppend("shop.orders", 10_000+f.n, 10_001+f.n)
	return nil
}

func (f *foreigner) Rollback(id int64) error {
	f.w.update("shop.orders", icetable.NewSetSnapshotRefUpdate("main", id, icetable.BranchRef, 0, 0, 0))
	return nil
}

func (f *foreigner) Expire(id int64) error {
	f.w.update("shop.orders", icetable.NewRemoveSnapshotsUpdate([]int64{id}, false))
	return nil
}

func TestContract_SQL(t *testing.T) {
	committest.Run(t, func(t *testing.T) committest.Subject {
		w := newWorld(t)
		w.create("shop.orders", nil, 2, nil)
		return committest.Subject{Foreign: &foreigner{w: w}, Open: func(sink string) commit.Table { return openTable(t, w.open(), sink) }}
	})
}

func TestContract_REST(t *testing.T) {
	committest.Run(t, func(t *testing.T) committest.Subject {
		w := newWorld(t)
		w.create("shop.orders", nil, 3, nil)
		s := newRESTServer(t, w)
		return committest.Subject{Foreign: &foreigner{w: w}, Open: func(sink string) commit.Table { return openTable(t, s.open(t, nil), sink) }}
	})
}

func openTable(t *testing.T, c *Catalog, sink string) *Table {
	t.Helper()
	tb, err := c.Table("shop.orders", "", sink)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}
