package main

import (
	"context"
	"maps"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

// decision turns an answer into a change of one table's state. What the log says is found out before; decide looks only
// at that and at the state it is given.
type decision struct {
	*scene
	answer answer

	cluster string
	starts  offsets.Position // of --position start
	verdict *source.Verdict  // of --position log
}

// prepare asks the cluster what the answer needs.
func (d *decision) prepare(ctx context.Context) error {
	if d.target.letters && (d.answer.skip != "" || d.answer.position == "log" || d.answer.topic != "") {
		return refuse("table %s holds dead letters: only --position start and --position mirror answer for it", d.target.name)
	}
	if d.answer.position == "start" || d.answer.position == "log" {
		if err := d.needsBrokers("--position " + d.answer.position); err != nil {
			return err
		}
	}
	if d.look == nil {
		return nil
	}
	var err error
	if d.cluster, err = d.look.ClusterID(ctx); err != nil {
		return &exit{exitFailed, err}
	}
	switch {
	case d.target.letters:
	case d.answer.skip != "":
		return d.prepareSkip(ctx)
	case d.answer.position == "start":
		return d.prepareStart(ctx)
	case d.answer.position == "log":
		return d.prepareLog(ctx)
	}
	return nil
}

// prepareSkip refuses to pass over a record of a log that is not the one which was read: what is at these offsets now is
// something else, and a position behind it would hide that.
func (d *decision) prepareSkip(ctx context.Context) error {
	p, m, err := d.partition(d.before.state)
	if err != nil {
		return err
	}
	infos, err := d.look.Inspect(ctx, []offsets.Partition{p}, map[offsets.Partition]int32{p: m.LeaderEpoch})
	if err != nil {
		return &exit{exitFailed, err}
	}
	for _, v := range source.Check(d.cluster, d.before.state.Ledger, infos) {
		if v.Kind != "" {
			return refuse("partition %s: %s: answer that first, with --position log", p, v.Detail)
		}
	}
	return nil
}

// prepareStart resolves where every partition, or those of --topic, would begin.
func (d *decision) prepareStart(ctx context.Context) error {
	var ps []offsets.Partition
	for _, t := range d.target.topics {
		if d.answer.topic != "" && d.answer.topic != t.Name {
			continue
		}
		for n := range t.Partitions {
			ps = append(ps, offsets.Partition{TopicID: t.ID, Topic: t.Name, Num: n})
		}
	}
	if len(ps) == 0 {
		return refuse("no topic of table %s exists that --position start could read", d.target.name)
	}
	point := startPoint(d.cfg.Kafka.Start)
	if d.answer.topic != "" {
		point = source.Earliest
	}
	var err error
	if d.starts, err = d.look.OffsetsAt(ctx, ps, point); err != nil {
		return &exit{exitFailed, err}
	}
	return nil
}

// prepareLog finds out how log and table differ in the partition.
func (d *decision) prepareLog(ctx context.Context) error {
	p, m, err := d.partition(d.before.state)
	if err != nil {
		return err
	}
	infos, err := d.look.Inspect(ctx, []offsets.Partition{p}, map[offsets.Partition]int32{p: m.LeaderEpoch})
	if err != nil {
		return &exit{exitFailed, err}
	}
	if infos[0].Err != nil {
		return &exit{exitFailed, infos[0].Err}
	}
	for _, v := range source.Check(d.cluster, d.before.state.Ledger, infos) {
		if v.Kind == source.FaultGap || v.Kind == source.FaultTruncation && v.Diverged >= 0 {
			d.verdict = &v
			return nil
		}
		if v.Kind != "" {
			return refuse("partition %s: %s: --position log does not answer that", p, v.Detail)
		}
	}
	return refuse("partition %s: the table stands at %d and the log has that: there is nothing to accept", p, m.Next)
}

// partition finds the mark that --partition names: that of the topic as it is now, if it was created again.
func (d *decision) partition(st commit.State) (offsets.Partition, offsets.Mark, error) {
	var found []offsets.Partition
	for _, p := range offsets.Sorted(st.Ledger.Marks) {
		if p.String() == d.answer.partition {
			found = append(found, p)
		}
	}
	for _, p := range found {
		for _, t := range d.target.topics {
			if t.Name == p.Topic && t.ID == p.TopicID {
				return p, st.Ledger.Marks[p], nil
			}
		}
	}
	if len(found) == 0 {
		return offsets.Partition{}, offsets.Mark{}, refuse("the table's state has no partition %q; `sinker offsets show` lists those it has", d.answer.partition)
	}
	p := found[len(found)-1]
	return p, st.Ledger.Marks[p], nil
}

// decide is the change. st is what Resolve says, or why it says nothing.
func (d *decision) decide(v commit.View, st commit.State, why error) (*commit.Edit, error) {
	if err := readable(why); err != nil {
		return nil, err
	}
	switch {
	case d.answer.skip != "":
		return d.skip(st, why)
	case d.answer.position == "log":
		return d.log(st, why)
	case d.answer.position == "mirror":
		return d.mirror(v, st, why)
	case d.answer.topic != "":
		return d.topic(st, why)
	}
	return d.start(v, st, why)
}

func (d *decision) edit() *commit.Edit {
	return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{}, NewEpoch: true, Audit: d.answer.audit(d.answer.words()...)}
}

func (d *decision) skip(st commit.State, why error) (*commit.Edit, error) {
	if err := settled(st, why); err != nil {
		return nil, err
	}
	over, err := d.answer.skipped()
	if err != nil {
		return nil, err
	}
	p, m, err := d.partition(st)
	switch {
	case err != nil:
		return nil, err
	case m.Next < over.From:
		return nil, refuse("partition %s: the table stands at %d, before %d: what is between is committed first; look again in a moment", p, m.Next, over.From)
	case m.Next > over.From:
		return nil, refuse("partition %s: the table stands at %d, past %d already", p, m.Next, over.From)
	case st.Epoch != d.before.state.Epoch: // the log was checked for another record
		return nil, commit.ErrMoved
	}
	m.Next, m.LeaderEpoch, m.Skipped = over.To, offsets.NoEpoch, m.Skipped+over.Len()
	e := d.edit()
	e.Set[p] = m
	e.Gaps = []commit.Gap{{Partition: p, Range: over, Why: "skipped"}}
	return e, nil
}

func (d *decision) log(st commit.State, why error) (*commit.Edit, error) {
	if err := settled(st, why); err != nil {
		return nil, err
	}
	p, m, err := d.partition(st)
	if err != nil {
		return nil, err
	}
	if m.Next != d.verdict.Position || st.Epoch != d.before.state.Epoch {
		return nil, commit.ErrMoved
	}
	e, g := d.edit(), commit.Gap{Partition: p}
	if d.verdict.Kind == source.FaultGap {
		g.Range, g.Why = offsets.Range{From: m.Next, To: d.verdict.LogStart}, "retention"
		m.Holes += g.Range.Len()
		m.Next, m.LeaderEpoch = d.verdict.LogStart, offsets.NoEpoch
	} else {
		g.Range, g.Why = offsets.Range{From: d.verdict.Diverged, To: m.Next}, "truncated"
		m.Next, m.LeaderEpoch = d.verdict.Diverged, d.verdict.Epoch
		m.Origin = min(m.Origin, m.Next)
	}
	e.Set[p], e.Gaps = m, []commit.Gap{g}
	return e, nil
}

// mirror takes the last offsets that the sink is known to have written. After a rollback, the rows that it removed stay out:
// a gap says so.
func (d *decision) mirror(v commit.View, st commit.State, why error) (*commit.Edit, error) {
	if why == nil && !st.Dirty && !st.Empty {
		return nil, refuse("the table's state is clear and needs no answer")
	}
	last, ok := lastKnown(v, d.cfg.Sink)
	if !ok {
		return nil, refuse("neither mirror nor tag nor any snapshot tells what sink %q has written here: only --position start is left", d.cfg.Sink)
	}
	e := d.edit()
	e.Cluster = last.Cluster
	maps.Copy(e.Set, last.Marks)
	for _, p := range offsets.Sorted(last.Marks) {
		if old, had := st.Ledger.Marks[p]; had && why == nil && old.Next < last.Marks[p].Next {
			e.Gaps = append(e.Gaps, commit.Gap{Partition: p, Range: offsets.Range{From: old.Next, To: last.Marks[p].Next}, Why: "operator"})
		}
	}
	return e, nil
}

// lastKnown is the newest state of the sink that the table shows anywhere: the mirror, if it is sound, or else the newest
// snapshot of the sink, on the branch or off it.
func lastKnown(v commit.View, sink string) (offsets.Ledger, bool) {
	if m, ok := v.Mirrors[sink]; ok && m.Sound {
		return m.Ledger, true
	}
	var best commit.Snapshot
	for _, s := range v.Snapshots {
		if s.Sink == sink && s.Ledger != nil && (best.Ledger == nil || s.Sequence > best.Sequence) {
			best = s
		}
	}
	if best.Ledger == nil {
		return offsets.Ledger{}, false
	}
	return *best.Ledger, true
}

// start reads again what is not in the table: what a rollback removed, or everything. No topic is forgotten: one that is not there
// now is put back to where it began, so that it is read again if it comes back, and its next life is told from this one.
func (d *decision) start(v commit.View, st commit.State, why error) (*commit.Edit, error) {
	e := d.edit()
	if why == nil && st.Dirty {
		return e, nil // the state that the rollback left, under a new epoch
	}
	if why == nil && !st.Empty {
		return nil, refuse("the table's state is clear and needs no answer; with --topic: for a topic that was created again")
	}
	e.Cluster = d.cluster
	if last, known := lastKnown(v, d.cfg.Sink); known && last.Cluster == d.cluster {
		for p, m := range last.Marks {
			e.Set[p] = offsets.Mark{Next: m.Origin, Origin: m.Origin, Upper: m.Upper, LeaderEpoch: offsets.NoEpoch}
		}
	}
	for p, o := range d.starts {
		e.Set[p] = offsets.Mark{Next: o, Origin: o, Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
	}
	return e, nil
}

// topic begins a topic that was created again.
func (d *decision) topic(st commit.State, why error) (*commit.Edit, error) {
	if err := settled(st, why); err != nil {
		return nil, err
	}
	e := d.edit()
	for p, o := range d.starts {
		if _, known := st.Ledger.Marks[p]; !known {
			e.Set[p] = offsets.Mark{Next: o, Origin: o, Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
		}
	}
	if len(e.Set) == 0 {
		return nil, refuse("the table knows every partition of topic %s already", d.answer.topic)
	}
	return e, nil
}
