package sim

import (
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// describe is the world as the oracle wants it.
func (w *world) describe() oracle.World {
	o := oracle.World{Records: w.cluster.truth.records, Ends: w.cluster.ends(), Objects: w.store.sizes(), Removed: w.store.removed,
		Stops: w.stops, Events: w.events, Held: w.held, Complete: true, Kept: w.letters != nil, Letters: w.dead(),
		IDs: func(path string) ([]int64, error) {
			found, err := w.store.get(path)
			if err != nil {
				return nil, err
			}
			return idsOf(found.data)
		}}
	for _, t := range w.tables {
		o.Tables = append(o.Tables, t.describe())
	}
	return o
}

func (t *table) describe() *oracle.Table {
	out := &oracle.Table{Name: t.name, Head: t.view.Head, Past: t.past, Live: map[int64]bool{}, Snapshots: map[int64]*oracle.Snapshot{}}
	for id := range t.view.Snapshots {
		out.Live[id] = true
	}
	for id, s := range t.snaps {
		n := &oracle.Snapshot{ID: id, Parent: s.Parent, Sequence: s.Sequence, Operation: s.Operation, Source: s.Source, WAP: s.WAP, Sink: s.Sink,
			Epoch: s.Epoch, Hash: s.Hash, Ranges: s.ranges, Gaps: s.gaps, Audited: s.audited, Seen: s.seen, Files: s.files, Replaced: s.replaced, Others: map[string]oracle.State{}}
		for _, b := range s.Batches {
			n.Batches = append(n.Batches, b.String())
		}
		if s.Ledger != nil {
			st := stateOf(id, s.Epoch, *s.Ledger)
			n.Own = &st
		}
		for sink, other := range s.Others {
			n.Others[sink] = stateOf(other.Carrier, other.Epoch, other.Ledger)
		}
		out.Snapshots[id] = n
	}
	return out
}

func stateOf(carrier int64, epoch uint64, l offsets.Ledger) oracle.State {
	st := oracle.State{Carrier: carrier, Epoch: epoch, Cluster: l.Cluster, Marks: make(map[oracle.Part]oracle.Mark, len(l.Marks))}
	for p, m := range l.Marks {
		st.Marks[partOf(p)] = oracle.Mark{Next: m.Next, Origin: m.Origin, Upper: m.Upper, Epoch: m.LeaderEpoch, Dead: m.Dead, Skipped: m.Skipped, Absent: m.Holes}
	}
	return st
}

// holds tells whether a table has any rows of a sink, and whether it lacks some, or has more, than a ledger says.
func (w *world) holds(t *table, sink string, l offsets.Ledger) (have, lack bool) {
	rows := map[int64]bool{}
	t.mu.Lock()
	files := t.headFiles()
	t.mu.Unlock()
	for _, f := range files {
		if o, err := w.store.get(f.Path); err == nil {
			ids, _ := idsOf(o.data) // the oracle tells of those that cannot be read
			for _, id := range ids {
				rows[id] = true
			}
		}
	}
	next := map[oracle.Part]int64{}
	for p, m := range l.Marks {
		next[partOf(p)] = m.Next
	}
	w.cluster.mu.Lock()
	defer w.cluster.mu.Unlock()
	for id, r := range w.cluster.truth.records {
		if r.Sink != sink || r.Table != t.name {
			continue
		}
		have = have || rows[id]
		lack = lack || r.Fate == oracle.Row && rows[id] != (r.Offset < next[r.Part])
	}
	return have, lack
}

// of are the partitions of a sink's topics that go to a table.
func (c *cluster) of(sink, table string) (out []offsets.Partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.sorted() {
		for n := range t.logs {
			if t.sink == sink && t.table == table {
				out = append(out, t.part(n))
			}
		}
	}
	return out
}

// stops tells whether what is at an offset now still is what stopped a sink there.
func (c *cluster) stops(p offsets.Partition, at int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, l := c.at(place{p.Topic, p.Num})
	return l != nil && t.id == p.TopicID && at < l.end() && (l.entries[at].corrupt || c.truth.records[l.entries[at].id].Fate == oracle.Never)
}

// unreadable tells whether a batch is there and cannot be read.
func (c *cluster) unreadable(p offsets.Partition, at int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, l := c.at(place{p.Topic, p.Num})
	return l != nil && t.id == p.TopicID && at < l.end() && l.entries[at].corrupt
}

// repair makes a batch readable that was not.
func (c *cluster) repair(p offsets.Partition, at int64) {
	c.mu.Lock()
	_, l := c.at(place{p.Topic, p.Num})
	l.entries[at].corrupt = false
	c.mu.Unlock()
	c.news()
}

// passed notes that an operator sends a word that passes over a record: it may be in force in some snapshot from then on, whatever the
// operator hears of it.
func (c *cluster) passed(p offsets.Partition, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, l := c.at(place{p.Topic, p.Num}); l != nil && t.id == p.TopicID && at < l.end() {
		c.truth.set(l.entries[at].id, oracle.Maybe)
		l.word = at + 1
	}
}

// lost notes that it is in force: nobody reads the record again, and if somebody does, it was restored.
func (c *cluster) lost(p offsets.Partition, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, l := c.at(place{p.Topic, p.Num}); l != nil && t.id == p.TopicID && at < l.end() {
		l.entries[at].corrupt = false
	}
}
