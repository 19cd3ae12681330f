package commit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// parts are enough partitions that whoever looks at one of them only is caught, in whatever order a map gives them.
var parts = several(8)

// A stop over dead letters says what was found, of which snapshot, and what an operator can do about it, each in its place.
func TestDeadLetters_StopsTellWhatToDo(t *testing.T) {
	back := standing("d", 2, nil)
	back.Dirty, back.Holder = true, 4711
	_, ready := commit.Ready(standing("t", 1, nil), back, ours)
	_, _, fate := commit.Stand(standing("t", 1, nil), standing("d", 2, map[offsets.Partition]int64{p0: 5}), nil).Fate(p0, 3, 0, commit.AsDead)
	_, mend := commit.Mend(commit.View{Head: 1, Snapshots: chain(1, link{4, "d"}).Snapshots}, "x", "d", nil)
	for name, c := range map[string]struct {
		err   error
		found []string
		do    string
	}{
		"rolled back": {ready, []string{"moved back", "snapshot 4711", "property is damaged", "may be gone"}, "move the branch of the table of dead letters forward"},
		"rolled back, and not to be mended": {mend, []string{"was rolled back", "cannot be made again", "mirror is damaged"},
			"move the branch of the table of dead letters forward"},
		"another fate": {fate, []string{"no dead letter when its fate was decided"}, "make the record decode again"},
	} {
		var s *commit.Stop
		if !errors.As(c.err, &s) || !strings.Contains(s.Do, c.do) {
			t.Errorf("%s: %v", name, c.err)
			continue
		}
		for _, part := range c.found {
			if !strings.Contains(s.Found, part) {
				t.Errorf("%s: %q does not tell of %q", name, s.Found, part)
			}
		}
	}
}

// A table that was never written to is anchored first, also under a configuration without a hash, which it seems to have already.
func TestReady_AnchorsWhatWasNeverWrittenTo(t *testing.T) {
	empty, full := commit.State{Empty: true}, standing("", 1, nil)
	for _, c := range []struct {
		t, d commit.State
		want commit.Anchor
	}{{empty, empty, commit.AnchorTable}, {full, empty, commit.AnchorLetters}, {full, full, commit.AnchorNone}} {
		if got, err := commit.Ready(c.t, c.d, commit.Hashes{}); got != c.want || err != nil {
			t.Errorf("anchor %d (%v), want %d", got, err, c.want)
		}
	}
}

// Where the leader epoch of a dead letter is not known, its offset tells.
func TestFate_OfALetterWithoutAnEpoch(t *testing.T) {
	f := commit.Stand(standing("t", 1, nil), standing("d", 2, map[offsets.Partition]int64{p0: 5}), commit.Held{p0: {3: offsets.NoEpoch}})
	if fate, fresh, err := f.Fate(p0, 3, 0, commit.AsRow); fate != commit.AsDead || fresh || err != nil {
		t.Errorf("%d, fresh %v, %v", fate, fresh, err)
	}
}

// Batches of many partitions, one behind the other: what is decided in one partition is decided in all, from where each of them stood, and it
// is told in whatever order, as often as it may be.
func TestDeadLetters_OfManyPartitions(t *testing.T) {
	const born, end = 100, 130 // T began here; partitions that D lacks begin here, too
	tab, d := standing("t", 1, nil), standing("d", 2, nil)
	first, second := spans{}, spans{}
	firstDead, secondDead := spans{}, spans{}
	for i, p := range parts {
		tab.Ledger.Marks[p] = offsets.Mark{Next: born, Origin: born, Upper: offsets.Unbounded, LeaderEpoch: 3}
		first[p], second[p] = offsets.Range{From: born, To: 110}, offsets.Range{From: 110, To: end}
		secondDead[p] = second[p]
		switch i % 4 {
		case 0: // D has settled the first batch, and not an offset more
			d.Ledger.Marks[p] = offsets.Mark{Next: 110, Origin: born, Upper: offsets.Unbounded, LeaderEpoch: 3}
		case 1: // and the beginning of the second
			d.Ledger.Marks[p] = offsets.Mark{Next: 115, Origin: born, Upper: offsets.Unbounded, LeaderEpoch: 3}
			secondDead[p] = offsets.Range{From: 115, To: end}
		default:
			firstDead[p] = first[p]
		}
	}
	open := commit.Settled(tab, d)
	for i, p := range parts {
		if want := ([]int64{110, 115, 0, 0})[i%4]; open[p].To != want {
			t.Errorf("decided of %s before the table accounts for it: %s, want it to end at %d", p, open[p], want)
		}
	}
	a, b := letters(1, first, firstDead), letters(1, second, secondDead)
	queue := []commit.Letters{a, b}
	f := commit.Stand(tab, d, nil)
	check := func(got commit.Folded, taken ...*manifest.Manifest) {
		t.Helper()
		if len(got.Taken) != len(taken) || len(got.Stale) != 0 {
			t.Fatalf("taken %d, want %d, stale %d", len(got.Taken), len(taken), len(got.Stale))
		}
		for _, p := range parts {
			if m := got.Next.Marks[p]; m.Next != end || m.Origin != born || m.Upper != offsets.Unbounded || m.LeaderEpoch != 3 {
				t.Errorf("%s: %+v", p, m)
			}
		}
	}
	check(commit.FoldLetters(f, tab, d, nil, nil, queue), a.Dead, b.Dead)

	d.Ledger = commit.FoldLetters(f, tab, d, nil, nil, queue[:1]).Next
	inD := map[uuid.UUID]bool{a.Dead.ID: true}
	check(commit.FoldLetters(f, tab, d, nil, inD, queue), b.Dead)

	f.Wrote(b.Dead, a.Dead)
	if ids := f.Cleared(queue); len(ids) != 2 {
		t.Errorf("%d of 2 batches may go to the table", len(ids))
	}
	for _, p := range parts {
		for _, o := range []int64{born, 109, 110, end - 1} {
			if _, _, err := f.Fate(p, o, 3, commit.AsDead); reason(err) != commit.FateChanged {
				t.Errorf("%s at %d is decided: %v", p, o, err)
			}
			if _, _, err := f.Fate(p, o, 4, commit.AsDead); !errors.Is(err, commit.ErrRewritten) {
				t.Errorf("%s at %d is decided about another record: %v", p, o, err)
			}
		}
	}
}

// A log that lost records parts from both tables in every partition, each at its own offset, and a worker finds the parting in each.
func TestDeadLetters_PartInEveryPartition(t *testing.T) {
	d := standing("d", 2, nil)
	parted := map[offsets.Partition]commit.Parting{}
	for i, p := range parts {
		d.Ledger.Marks[p] = offsets.Mark{Next: 50, LeaderEpoch: int32(10 + i), Upper: offsets.Unbounded}
		parted[p] = commit.Parting{At: int64(20 + i), LeaderEpoch: int32(i)}
	}
	f := commit.Stand(standing("t", 1, nil), d, nil)
	marks := commit.Rewound(d, parted)
	for i, p := range parts {
		for epoch, rewritten := range map[int32]bool{int32(10 + i): false, int32(11 + i): true} {
			if _, _, err := f.Fate(p, 40, epoch, commit.AsRow); errors.Is(err, commit.ErrRewritten) != rewritten {
				t.Errorf("%s, a record of epoch %d: %v", p, epoch, err)
			}
		}
		if want := (offsets.Mark{Next: int64(20 + i), LeaderEpoch: int32(i), Upper: offsets.Unbounded}); marks[p] != want {
			t.Errorf("%s: %+v, want %+v", p, marks[p], want)
		}
	}
}
