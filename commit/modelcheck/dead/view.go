package dead

import (
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

const sink = "x"

var partitions = [2]offsets.Partition{{Topic: "a"}, {Topic: "b"}}

func id(batch uint8) uuid.UUID { return uuid.UUID{15: batch} }

func hashName(h uint8) string { return "h" + string('0'+rune(h)) }

// below is the set of offsets [from, to).
func between(from, to uint8) uint8 {
	if to <= from {
		return 0
	}
	return (1<<to - 1) &^ (1<<from - 1)
}

// feeds tells whether partition p goes to table i, or is in D's map.
func (c Config) feeds(p, i int) bool {
	return p < c.Partitions && (i == letters || c.tableOf(p) == i)
}

func (c Config) tableOf(p int) int {
	if c.Shared {
		return p
	}
	return 0
}

// marks is the map of a table; D has no mark for a partition that never had a dead letter.
func (c Config) marks(i int, next pair, life uint8) map[offsets.Partition]offsets.Mark {
	out := map[offsets.Partition]offsets.Mark{}
	for p := range next {
		if c.feeds(p, i) && (i != letters || next[p] > 0) {
			m := offsets.Mark{Next: int64(next[p]), Upper: offsets.Unbounded}
			if p == 0 {
				m.LeaderEpoch = int32(life)
			}
			out[partitions[p]] = m
		}
	}
	return out
}

func (c Config) view(i int, t *table) commit.View {
	v := commit.View{Head: int64(t.Head), Snapshots: map[int64]commit.Snapshot{}, HistoryComplete: true,
		Caps:    commit.Capabilities{Tags: true, Properties: true, History: true},
		Mirrors: map[string]commit.Mirror{sink: {Sound: true, Snapshot: int64(t.Newest), Epoch: uint64(t.Snaps[t.Newest-1].Epoch), Ledger: offsets.Ledger{Marks: c.marks(i, t.Snaps[t.Newest-1].Next, t.Snaps[t.Newest-1].Life)}}},
		Tags:    map[string]int64{sink: int64(t.Newest)}}
	for n := range t.N {
		if t.Live&(1<<(n+1)) == 0 {
			continue
		}
		s := &t.Snaps[n]
		out := commit.Snapshot{ID: int64(n + 1), Parent: int64(s.Parent)}
		if s.Epoch > 0 {
			out.Sink, out.Version, out.Epoch, out.Hash = sink, 1, uint64(s.Epoch), hashName(s.Hash)
			out.Ledger = &offsets.Ledger{Marks: c.marks(i, s.Next, s.Life)}
			for b := range uint8(8) {
				if s.Batches&(1<<b) != 0 {
					out.Batches = append(out.Batches, id(b))
				}
			}
		}
		v.Snapshots[out.ID] = out
	}
	return v
}

func positions(l offsets.Ledger) pair {
	var out pair
	for p := range out {
		out[p] = uint8(l.Marks[partitions[p]].Next)
	}
	return out
}

// lifeOf is the leader epoch of partition 0's mark.
func lifeOf(l offsets.Ledger) uint8 { return uint8(max(0, l.Marks[partitions[0]].LeaderEpoch)) }

// verdict is what the rules say of one table.
type verdict struct {
	id   int32
	view commit.View
	st   commit.State
	in   map[uuid.UUID]bool
	stop bool
	next pair
	life uint8
}
