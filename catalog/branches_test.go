package catalog

import (
	"context"
	"sync"
	"testing"

	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Sequence numbers are the table's, not the branch's: a commit on another branch takes the one that ours was going to have, while our branch has
// not moved. That is a race that was lost, whichever way the catalog says it, and no request that would never be taken.
func TestAppend_AnotherBranchTakesTheSequenceNumber(t *testing.T) {
	for _, kind := range []string{"sql", "rest"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			w.create("shop.orders", nil, 3, nil) // with row ids, which are the table's too
			c := w.cat
			if kind == "rest" {
				c = newRESTServer(t, w).open(t, nil)
			}
			tb, err := c.Table("shop.orders", "", "s1")
			if err != nil {
				t.Fatal(err)
			}
			com := committing(tb)
			epoch := anchored(t, com)
			w.update("shop.orders", icetable.NewSetSnapshotRefUpdate("dev", load(t, tb).Head, icetable.BranchRef, 0, 0, 0))
			base := load(t, tb)
			dev := w.table("shop.orders", "dev", "d2")
			put(t, dev, 9, 1000, 1005)
			_, err = tb.Append(t.Context(), base, change("s1", epoch, 0))
			wantClass(t, err, commit.Conflict)

			m := &manifest.Manifest{ID: uuid.New(), Epoch: epoch, Spans: map[offsets.Partition]manifest.Span{
				part(0): {Range: offsets.Range{To: 5}, LeaderEpoch: 3, Counts: manifest.Counts{Skipped: 5}}}}
			com.Table = racing{tb, &sync.Once{}, func() { put(t, dev, 9, 1005, 1010) }}
			if r, err := com.Commit(t.Context(), m); err != nil || len(r.Landed) != 1 || r.Attempts != 2 {
				t.Errorf("%+v, %v", r, err)
			}
			wantIDs(t, w.ids("shop.orders", ""), 0)
		})
	}
}

// racing lets somebody commit between the first load and the request that is built on it.
type racing struct {
	*Table
	first *sync.Once
	do    func()
}

func (r racing) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	r.first.Do(r.do)
	return r.Table.Append(ctx, base, c)
}
