package offsets

import "maps"

// Unbounded is the Upper of a Mark without an upper bound.
const Unbounded int64 = -1

// NoEpoch is the leader epoch of a position whose epoch is not known.
const NoEpoch int32 = -1

// Mark is what a table knows of one partition. Of the offsets [Origin, Next) each became a row, a dead
// letter, a counted skip, or held no record; the last three are counted here since Origin.
type Mark struct {
	Next        int64 // next offset to read, never below Origin
	LeaderEpoch int32 // of the batch that holds Next-1 (control and aborted batches too); NoEpoch if unknown
	Origin      int64 // where the sink began
	Upper       int64 // the bound of a bounded sink, never read past; Unbounded otherwise
	Dead        int64 // records that became dead letters
	Skipped     int64 // records skipped by policy, and tombstones
	Holes       int64 // offsets that held no record: control records, aborted data, compaction
}

// Ledger is the whole state of one sink id in one table: always complete, never a part. Keys are never
// dropped, so a topic that was re-created has two keys, the old id and the new one.
type Ledger struct {
	Cluster string // Kafka's cluster id
	Marks   map[Partition]Mark
}

// Clone returns a copy that shares nothing.
func (l Ledger) Clone() Ledger {
	out := Ledger{Cluster: l.Cluster, Marks: maps.Clone(l.Marks)}
	if out.Marks == nil {
		out.Marks = map[Partition]Mark{}
	}
	return out
}

// Equal tells whether both say the same of the same partitions.
func (l Ledger) Equal(o Ledger) bool { return l.Cluster == o.Cluster && maps.Equal(l.Marks, o.Marks) }

// Position is the next offset per partition.
func (l Ledger) Position() Position {
	out := make(Position, len(l.Marks))
	for p, m := range l.Marks {
		out[p] = m.Next
	}
	return out
}

// HasTopic tells whether any partition of this incarnation of the topic is known.
func (l Ledger) HasTopic(name string, id TopicID) bool {
	for p := range l.Marks {
		if p.Topic == name && p.TopicID == id {
			return true
		}
	}
	return false
}

// Bounded tells whether every partition has an upper bound: a sink with such a ledger takes no partition that appears later. An
// empty ledger is not bounded.
func (l Ledger) Bounded() bool {
	for _, m := range l.Marks {
		if m.Upper == Unbounded {
			return false
		}
	}
	return len(l.Marks) > 0
}
