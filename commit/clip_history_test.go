package commit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// What another sink id claims may stand in older metadata only, while our own state is at hand. Then the older metadata are read; to try
// again what cannot become true would be to wait for ever.
func TestAmend_ClaimsOfOthersInOlderMetadata(t *testing.T) {
	other := offsets.Partition{Topic: "payments"}
	later := offsets.Partition{Topic: "payments", Num: 1}
	w := newWorld(t)
	w.anchor(w.x, other)
	y := w.sink("y")
	w.anchor(y, p0)
	st, err := w.resolve("y")
	if err != nil {
		t.Fatal(err)
	}
	w.mem.Foreign("append", st.Carrier) // somebody picks a snapshot of y: nobody can tell y's offsets, and x carries them no longer
	xs, err := w.resolve("x")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.x.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		if st.Epoch != xs.Epoch {
			return nil, nil
		}
		return &commit.Edit{NewEpoch: true}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.mem.Expire(true, st.Carrier)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waits := 0
	for _, c := range []*commit.Committer{w.x, y} {
		c.Sleep = func(ctx context.Context, d time.Duration) error {
			if w.now = w.now.Add(d); waits > 20 {
				cancel()
			}
			waits++
			return ctx.Err()
		}
	}
	add := func(p offsets.Partition) func(commit.View, commit.State) (*commit.Edit, error) {
		return func(_ commit.View, st commit.State) (*commit.Edit, error) {
			if _, has := st.Ledger.Marks[p]; has {
				return nil, nil
			}
			return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{p: {Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}}}, nil
		}
	}
	if st, _, err := w.x.Amend(ctx, add(later)); err != nil || len(st.Ledger.Marks) != 2 || waits > 0 {
		t.Fatalf("a partition found later: %v after %d waits, %v", st.Ledger.Marks, waits, err)
	}
	if _, _, err := w.x.Amend(ctx, add(p0)); reason(err) != commit.NewSink {
		t.Errorf("a partition of y: %v", err)
	}
	_, err = w.x.Accept(ctx, 0, func(_ commit.View, st commit.State, _ error) (*commit.Edit, error) {
		m := st.Ledger.Marks[later]
		m.Origin, m.Next = 7, 7
		return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{later: m}, NewEpoch: true, Audit: &commit.Audit{Who: "o", Reason: "r"}}, nil
	})
	if err != nil || errors.Is(err, commit.ErrNeedHistory) {
		t.Errorf("an operator's word: %v", err)
	}
}
