package catalog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// lossy is a catalog whose answers cannot be trusted: it fails before or after it has done what it was asked, does things
// twice, and does late what it was asked long ago.
type lossy struct {
	backend
	mu   sync.Mutex
	rnd  *rand.Rand
	late []func()
}

var errLost = errors.New("connection reset")

func (f *lossy) roll(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rnd.IntN(n)
}

func (f *lossy) load(ctx context.Context, id ident) (*loaded, error) {
	if f.roll(15) == 0 {
		return nil, &commit.Error{Class: commit.Unknown, Err: errLost}
	}
	return f.backend.load(ctx, id)
}

func (f *lossy) commit(ctx context.Context, id ident, base *loaded, reqs []icetable.Requirement, ups []icetable.Update) error {
	again := func() { _ = f.backend.commit(context.WithoutCancel(ctx), id, base, reqs, ups) }
	switch f.roll(8) {
	case 0:
		return &commit.Error{Class: commit.Unknown, Err: errLost}
	case 1: // done, and the answer is lost
		again()
		return &commit.Error{Class: commit.Unknown, Err: errLost}
	case 2: // done twice, and the second answer arrives
		again()
	case 3: // done much later
		f.mu.Lock()
		f.late = append(f.late, again)
		f.mu.Unlock()
		return &commit.Error{Class: commit.Unknown, Err: errLost}
	}
	return f.backend.commit(ctx, id, base, reqs, ups)
}

// deliver does one of the things that were asked long ago.
func (f *lossy) deliver() {
	f.mu.Lock()
	var do func()
	if n := len(f.late); n > 0 {
		i := f.rnd.IntN(n)
		do = f.late[i]
		f.late = append(f.late[:i], f.late[i+1:]...)
	}
	f.mu.Unlock()
	if do != nil {
		do()
	}
}

// TestStory_EachRowOnceWhateverTheCatalogDoes lets two sinks of one id, each a zombie of the other, commit the same log through a
// lossy catalog while others append, roll back, expire and compact; at the end a foreign reader counts every row once.
// SINKER_STORIES sets how many seeds are tried.
func TestStory_EachRowOnceWhateverTheCatalogDoes(t *testing.T) {
	stories := 4
	if n, err := strconv.Atoi(os.Getenv("SINKER_STORIES")); err == nil {
		stories = n
	}
	for seed := range uint64(stories) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { tellStory(t, seed) })
	}
}

func tellStory(t *testing.T, seed uint64) {
	const rows = 60
	w := newWorld(t)
	w.create("shop.orders", nil, 2+int(seed%2), nil)
	bad := &lossy{backend: w.cat.back, rnd: rand.New(rand.NewPCG(seed, 1))}
	w.cat.back = bad
	quick := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	sinks := make([]*commit.Committer, 2)
	tables := make([]*Table, 2)
	for i := range sinks {
		tables[i] = w.table("shop.orders", "", "s1")
		sinks[i] = &commit.Committer{Table: tables[i], Name: "shop.orders", Sink: "s1", Hash: "h", Rollback: commit.Replay, Sleep: quick}
	}
	start := func(_ commit.View, st commit.State) (*commit.Edit, error) {
		if _, ok := st.Ledger.Marks[part(0)]; ok {
			return nil, nil
		}
		return &commit.Edit{Cluster: "kc", Set: map[offsets.Partition]offsets.Mark{part(0): {Upper: offsets.Unbounded, LeaderEpoch: -1}}, NewEpoch: true}, nil
	}
	for _, s := range sinks {
		if _, _, err := s.Amend(t.Context(), start); err != nil {
			t.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(seed, 2))
	foreign := int64(10_000)
	for step := 0; ; step++ {
		if step > 1500 {
			t.Fatal("the sinks make no progress")
		}
		who := rnd.IntN(2)
		st, v, err := sinks[who].State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at := st.Ledger.Marks[part(0)].Next
		if at >= rows {
			break
		}
		// A few batches of one sink that chain, committed together, perhaps after the other did the same.
		var batches []*manifest.Manifest
		for n := rnd.IntN(3) + 1; n > 0 && at < rows; n-- {
			to := min(rows, at+1+int64(rnd.IntN(3)))
			batches = append(batches, stage(t, tables[who], v, st.Epoch, at, to))
			at = to
		}
		switch rnd.IntN(9) {
		case 0:
			w.foreignAppend("shop.orders", foreign, foreign+2)
			foreign += 2
		case 1:
			w.rollback(bad.backend, rnd)
		case 2:
			w.expire(bad.backend)
		case 3, 4:
			if _, err := sinks[1-who].Commit(t.Context(), batches[0]); err != nil {
				t.Fatal(err)
			}
		case 5, 6:
			bad.deliver()
		}
		r, err := sinks[who].Commit(t.Context(), batches...)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Landed)+len(r.Stale) != len(batches) {
			t.Fatalf("%d landed and %d stale of %d", len(r.Landed), len(r.Stale), len(batches))
		}
	}
	w.cat.back = bad.backend
	got := w.ids("shop.orders", "")
	for id := range got {
		if id >= 10_000 {
			delete(got, id)
		}
	}
	wantIDs(t, got, rows)
	checkTiling(t, load(t, tables[0]))
}

// rollback moves the branch back a few snapshots, as an operator would.
func (w *world) rollback(back backend, rnd *rand.Rand) {
	l, err := back.load(w.t.Context(), ident{namespace: []string{"shop"}, name: "orders"})
	if err != nil {
		w.t.Fatal(err)
	}
	line := l.lineage(*l.head("main"))
	to := line[min(1+rnd.IntN(3), len(line)-1)]
	if st := decodeSnapshot(line[len(line)-1]); st.Sink == "" || len(line) < 3 {
		return // to before the anchor: a STOP, which is not this story
	}
	if err := back.commit(w.t.Context(), ident{namespace: []string{"shop"}, name: "orders"}, l, nil, []icetable.Update{icetable.NewSetSnapshotRefUpdate("main", to.SnapshotID, icetable.BranchRef, 0, 0, 0)}); err != nil {
		w.t.Fatal(err)
	}
}

// expire forgets all snapshots but those that a reference points to, as expire_snapshots keep 1 does.
func (w *world) expire(back backend) {
	id := ident{namespace: []string{"shop"}, name: "orders"}
	l, err := back.load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	kept := map[int64]bool{}
	for _, ref := range l.refs {
		kept[ref.SnapshotID] = true
	}
	var gone []int64
	for s := range l.snaps {
		if !kept[s] {
			gone = append(gone, s)
		}
	}
	if len(gone) == 0 {
		return
	}
	if err := back.commit(w.t.Context(), id, l, nil, []icetable.Update{icetable.NewRemoveSnapshotsUpdate(gone, false)}); err != nil {
		w.t.Fatal(err)
	}
}

// checkTiling walks our snapshots that are listed and demands that each begins where the one before it ended.
func checkTiling(t *testing.T, v commit.View) {
	t.Helper()
	l, err := handle(v)
	if err != nil {
		t.Fatal(err)
	}
	end := int64(-1)
	for _, s := range l.lineage(v.Head) {
		d := decodeSnapshot(s)
		if d.Sink == "" {
			continue
		}
		ranges, err := DecodeRanges(s.Summary.Properties[keyRanges])
		if err != nil {
			t.Fatal(err)
		}
		next := d.Ledger.Marks[part(0)].Next
		if end >= 0 && next != end {
			t.Errorf("snapshot %d ends at %d, the next of ours begins at %d", s.SnapshotID, next, end)
		}
		end = next
		if r, ok := ranges[part(0)]; ok {
			if r.To != next {
				t.Errorf("snapshot %d: range %s, state %d", s.SnapshotID, r, next)
			}
			end = r.From
		}
	}
}
