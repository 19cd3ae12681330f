package sink

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

// anchor makes the table know every partition of the lane's topics before the first record of it is read: where it
// begins is decided once, and whoever comes later reads it from the table.
func (l *lane) anchor(ctx context.Context, r *started) error {
	src := l.s.cfg.Source
	cluster, err := src.ClusterID(ctx)
	if err != nil {
		return err
	}
	l.s.setCluster(cluster)
	if was := r.st.Ledger.Cluster; was != "" && cluster != "" && was != cluster {
		return l.otherCluster(was, cluster)
	}
	all, err := l.partitions(ctx, r)
	if err != nil {
		return err
	}
	missing := unknownTo(r.st, all)
	if len(missing) == 0 {
		return nil
	}
	if r.st.Empty {
		if err := l.tripwire(ctx, r.v.TableUUID); err != nil {
			return err
		}
	}
	begin, err := l.begins(ctx, r, missing)
	if err != nil || len(begin) == 0 {
		return err
	}
	added := offsets.Position{}
	r.st, r.v, err = r.committer.Amend(ctx, func(_ commit.View, st commit.State) (*commit.Edit, error) {
		clear(added)
		set := map[offsets.Partition]offsets.Mark{}
		for p, o := range begin {
			if _, known := st.Ledger.Marks[p]; !known {
				set[p] = offsets.Mark{Next: o, Origin: o, Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
				added[p] = o
			}
		}
		if len(set) == 0 {
			return nil, nil
		}
		// Where dead letters are kept, our hash must not come without an epoch of its own (commit.Ready).
		return &commit.Edit{Cluster: cluster, Set: set, NewEpoch: l.dead != nil && st.Hash != l.entry.Hash}, nil
	})
	if err == nil {
		call(l.s.cfg.Events.Anchored, l.name, begin)
	}
	return err
}

const doCluster = "point kafka.brokers to the cluster that filled the table. To go on from a copy of it, find where the copy has the first record of each " +
	"partition that the table lacks, and `sinker offsets set --table TABLE --mapping FILE --reason WHY`, with a line \"topic partition offset\" in FILE for each"

func (l *lane) otherCluster(was, is string) *commit.Stop {
	return &commit.Stop{Reason: commit.OtherCluster, Table: l.name,
		Found: fmt.Sprintf("the table's offsets are of Kafka cluster %s, this is cluster %s: the same offset is another record here", was, is),
		Do:    doCluster}
}

// partitions are all those that the cluster has of the lane's topics, and those we were asked for.
func (l *lane) partitions(ctx context.Context, r *started) ([]offsets.Partition, error) {
	topics, err := l.s.cfg.Source.Topics(ctx)
	if err != nil {
		return nil, err
	}
	all := map[offsets.Partition]bool{}
	for p := range r.asked {
		all[p] = true
	}
	for _, t := range topics {
		if l.s.route(t.Name) != l {
			continue
		}
		for n := range t.Partitions {
			all[offsets.Partition{TopicID: t.ID, Topic: t.Name, Num: n}] = true
		}
	}
	return offsets.Sorted(all), nil
}

func unknownTo(st commit.State, all []offsets.Partition) []offsets.Partition {
	var out []offsets.Partition
	for _, p := range all {
		if _, known := st.Ledger.Marks[p]; !known {
			out = append(out, p)
		}
	}
	return out
}

// begins resolves where partitions begin that the table does not know: at `start` if the table is new or the topic is new to
// the configuration, else at 0, for they appeared while we were reading. A topic that was created again waits for an operator, or
// follows the policy; those that wait are in r.stops and get no beginning.
func (l *lane) begins(ctx context.Context, r *started, missing []offsets.Partition) (offsets.Position, error) {
	begin := offsets.Position{}
	var resolve []offsets.Partition
	for _, p := range missing {
		old, was := incarnation(r.st.Ledger, p)
		switch {
		case was && !l.s.cfg.Policy.FollowRecreate:
			r.stops[p] = l.topicRecreated(p, old, r.st.Ledger.Marks[old])
		case r.st.Empty || (!was && !r.st.Ledger.HasTopic(p.Topic, p.TopicID) && r.st.Hash != "" && r.st.Hash != l.entry.Hash):
			resolve = append(resolve, p)
		default:
			begin[p] = 0
		}
	}
	if len(resolve) == 0 {
		return begin, nil
	}
	at, err := l.s.cfg.Source.OffsetsAt(ctx, resolve, l.entry.Start)
	if err != nil {
		return nil, err
	}
	for p, o := range at {
		begin[p] = o
	}
	return begin, nil
}

// incarnation finds an earlier life of p's topic in the ledger: the same name under another id, if the present id is
// not known at all.
func incarnation(known offsets.Ledger, p offsets.Partition) (offsets.Partition, bool) {
	if p.TopicID == (offsets.TopicID{}) || known.HasTopic(p.Topic, p.TopicID) {
		return offsets.Partition{}, false
	}
	for _, q := range offsets.Sorted(known.Marks) {
		if q.Topic == p.Topic && q.TopicID != (offsets.TopicID{}) {
			return q, true
		}
	}
	return offsets.Partition{}, false
}

func (l *lane) topicRecreated(p, old offsets.Partition, m offsets.Mark) *commit.Stop {
	return &commit.Stop{Reason: commit.TopicRecreated, Table: l.name, Partition: &p, Offset: m.Next,
		Found: fmt.Sprintf("topic %s was deleted and created again (id %s, was %s); whether records of the old one were lost unread cannot be told", p.Topic, p.TopicID, old.TopicID),
		Do: fmt.Sprintf("`sinker offsets accept --table %s --topic %s --position start --reason WHY` reads the new topic from its beginning, after what the table has; or policy.topic_recreated: continue",
			l.name, p.Topic)}
}

// tripwire stops at a virgin table where the consumer group remembers that we filled another one of this name.
func (l *lane) tripwire(ctx context.Context, is uuid.UUID) error {
	texts, err := l.s.cfg.Source.GroupMetadata(ctx)
	if err != nil {
		return err
	}
	for p, text := range texts {
		was, err := uuid.Parse(text)
		if err == nil && was != is && l.s.route(p.Topic) == l {
			return l.recreated(was, is)
		}
	}
	return nil
}

// inspect holds the table's positions against the log, and decides by policy where they do not fit.
func (l *lane) inspect(ctx context.Context, r *started) error {
	var ps []offsets.Partition
	epochs := map[offsets.Partition]int32{}
	for p := range r.asked {
		if m, known := r.st.Ledger.Marks[p]; known && r.stops[p] == nil {
			ps = append(ps, p)
			epochs[p] = m.LeaderEpoch
		}
	}
	infos, err := l.s.cfg.Source.Inspect(ctx, ps, epochs)
	if err != nil {
		return err
	}
	r.ends = offsets.Position{}
	for _, i := range infos {
		if i.Err != nil {
			return i.Err
		}
		r.ends[i.Partition] = i.HighWater
	}
	moves, parted := map[offsets.Partition]commit.Gap{}, map[offsets.Partition]int32{}
	for _, v := range source.Check(r.st.Ledger.Cluster, r.st.Ledger, infos) {
		p := v.Partition
		switch {
		case v.Kind == source.FaultGap && l.s.cfg.Policy.SkipGap:
			moves[p] = commit.Gap{Partition: p, Range: offsets.Range{From: v.Position, To: v.LogStart}, Why: "retention"}
		case v.Kind == source.FaultTruncation && l.s.cfg.Policy.Rewind && v.Diverged >= 0:
			moves[p] = commit.Gap{Partition: p, Range: offsets.Range{From: v.Diverged, To: v.Position}, Why: "truncated"}
			parted[p] = v.Epoch
		case v.Kind == source.FaultRecreated: // between two looks at the cluster: the source will say so
			old, _ := incarnation(r.st.Ledger, p)
			for q := range r.asked {
				if q.Topic == p.Topic && q.Num == p.Num {
					r.stops[q] = l.topicRecreated(p, old, r.st.Ledger.Marks[q])
				}
			}
		case v.Kind != "":
			r.stops[p] = l.logStop(v)
		}
	}
	if len(moves) == 0 {
		return nil
	}
	return l.move(ctx, r, moves, parted)
}

// move passes over what retention removed, or goes back to where the log diverged, in one commit that says so. parted are the leader
// epochs of the records before that: the next unclean election must be found by them.
func (l *lane) move(ctx context.Context, r *started, moves map[offsets.Partition]commit.Gap, parted map[offsets.Partition]int32) error {
	var err error
	seen := r.st.Epoch // of the state that the log was held against; a position that was rewound may have come back under another one
	r.st, r.v, err = r.committer.Amend(ctx, func(_ commit.View, st commit.State) (*commit.Edit, error) {
		e := &commit.Edit{Set: map[offsets.Partition]offsets.Mark{}, NewEpoch: true}
		for _, p := range offsets.Sorted(moves) {
			g := moves[p]
			m, known := st.Ledger.Marks[p]
			switch {
			case !known: // rolled back to before it was anchored, meanwhile
				continue
			case g.Why == "retention" && m.Next < g.Range.To:
				g.Range.From = m.Next
				m.Holes += g.Range.Len()
				m.Next, m.LeaderEpoch = g.Range.To, offsets.NoEpoch
			case g.Why == "truncated" && m.Next == g.Range.To && st.Epoch == seen:
				m.Next, m.LeaderEpoch = g.Range.From, parted[p]
				m.Origin = min(m.Origin, m.Next)
			default:
				continue
			}
			e.Set[p] = m
			e.Gaps = append(e.Gaps, g)
		}
		if len(e.Set) == 0 {
			return nil, nil
		}
		return e, nil
	})
	return err
}

func (l *lane) logStop(v source.Verdict) *commit.Stop {
	p := v.Partition
	s := &commit.Stop{Table: l.name, Partition: &p, Offset: v.Position, Found: v.Detail}
	accept := fmt.Sprintf("`sinker offsets accept --table %s --partition %s --position log --reason WHY`", l.name, p)
	switch v.Kind {
	case source.FaultGap:
		s.Reason, s.Do = commit.GapInLog, accept+" passes over what is gone and notes it; or policy.gap: continue"
	case source.FaultTruncation:
		s.Reason, s.Do = commit.LogTruncated, accept+" reads again from where the log diverged; or policy.truncation: rewind"
	case source.FaultCluster:
		s.Reason, s.Do = commit.OtherCluster, doCluster
	default:
		s.Reason, s.Do = commit.CorruptLog, "look at the partition on the broker and at `sinker offsets show --table TABLE`"
	}
	return s
}

func (s *Sink) setCluster(id string) { s.mu.Lock(); defer s.mu.Unlock(); s.cluster = id }
