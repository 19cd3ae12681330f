package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// setting is the order to put partitions to given offsets.
type setting struct {
	order
	partitions []string
	offsets    []int64
	mapping    string // file
}

func (a *app) offsetsSetCommand() *cobra.Command {
	var file string
	o := setting{order: order{command: "set"}}
	c := &cobra.Command{
		Use:   "set -c FILE --table TABLE --partition PARTITION --offset N|--mapping FILE --reason WHY",
		Short: "Put partitions to given offsets",
		Long: `Tells a table which record of a partition comes next. Rows that the table has stay as they are: going back reads
records again, and doubles those whose rows are there; going forward leaves records out. Both are written down in the
table's history as gaps. It is one commit for all the partitions given, empty of rows.

Where the table as a whole is in question (a STOP of the table, a rollback, another Kafka cluster, a table that this
sink has never written to), every partition of the table's topics has to be given. The offsets are those of the cluster
that the configuration names: so a table moves to a copy of its cluster, with the cluster's id and its topics' ids.

  --partition orders-3 --offset 4711   that partition; may be repeated, in pairs
  --mapping FILE                       lines of "topic partition offset"; blank ones and # comments do not count`,
		Example: `  sinker offsets set -c sinker.yaml --table shop.orders --partition orders-3 --offset 4711 --reason "rows deleted"
  sinker offsets set -c replica.yaml --table shop.orders --mapping offsets.txt --reason "moved to the replica"`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			to, err := o.positions()
			if err != nil {
				return err
			}
			cfg, err := a.load(file)
			if err != nil {
				return err
			}
			ctx, stop := a.untilSignal()
			defer stop()
			return a.carryOut(ctx, cfg, &o.order, true, func(ctx context.Context, s *scene) (ruling, error) {
				m := &move{scene: s, order: &o.order, to: offsets.Position{}}
				return m.decide, m.prepare(ctx, to)
			})
		},
	}
	addConfig(c, &file)
	o.flags(c, func() {
		f := c.Flags()
		f.StringArrayVar(&o.partitions, "partition", nil, "one `PARTITION`, as in orders-3; with --offset")
		f.Int64SliceVar(&o.offsets, "offset", nil, "the `OFFSET` that comes next in it")
		f.Lookup("offset").DefValue = ""
		f.StringVar(&o.mapping, "mapping", "", "`FILE` of partitions and offsets")
	})
	a.addOutput(c)
	return c
}

// named is a partition as people write it.
type named struct {
	topic string
	num   int32
}

func (n named) String() string { return fmt.Sprintf("%s-%d", n.topic, n.num) }

// positions are what the flags or the file give.
func (o *setting) positions() (map[named]int64, error) {
	to := map[named]int64{}
	add := func(topic, num, offset, where string) error {
		n, err1 := strconv.ParseInt(num, 10, 32)
		at, err2 := strconv.ParseInt(offset, 10, 64)
		p := named{topic, int32(n)}
		if _, twice := to[p]; twice {
			return usage("offsets set: %s gives partition %s twice", where, p)
		}
		if err1 != nil || err2 != nil || n < 0 || at < 0 || topic == "" {
			return usage("offsets set: %s: want a topic, the number of a partition and an offset", where)
		}
		to[p] = at
		return nil
	}
	switch {
	case (o.mapping == "") == (len(o.partitions) == 0):
		return nil, usage("offsets set: give either --partition with --offset, or --mapping")
	case o.mapping == "":
		if len(o.partitions) != len(o.offsets) {
			return nil, usage("offsets set: every --partition needs its --offset: there are %d and %d", len(o.partitions), len(o.offsets))
		}
		for i, p := range o.partitions {
			cut := strings.LastIndex(p, "-")
			if err := add(p[:max(cut, 0)], p[cut+1:], strconv.FormatInt(o.offsets[i], 10), "--partition "+p); err != nil {
				return nil, err
			}
		}
		return to, nil
	case len(o.offsets) > 0:
		return nil, usage("offsets set: --offset goes with --partition")
	}
	f, err := os.Open(o.mapping)
	if err != nil {
		return nil, usage("offsets set: --mapping: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		where := fmt.Sprintf("%s line %d", o.mapping, n)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case len(words) != 3:
			return nil, usage("offsets set: %s: want \"topic partition offset\"", where)
		default:
			if err := add(words[0], words[1], words[2], where); err != nil {
				return nil, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, usage("offsets set: --mapping: %w", err)
	}
	if len(to) == 0 {
		return nil, usage("offsets set: %s gives no partition", o.mapping)
	}
	return to, nil
}

// move turns a setting into a change of one table's state.
type move struct {
	*scene
	order   *order
	to      offsets.Position
	cluster string
	all     []offsets.Partition // that the cluster has of the table's topics
}

// prepare finds the partitions in the cluster, and refuses offsets that its log does not have.
func (m *move) prepare(ctx context.Context, to map[named]int64) error {
	if err := m.needsBrokers("offsets set"); err != nil {
		return err
	}
	var err error
	if m.cluster, err = m.look.ClusterID(ctx); err != nil {
		return &exit{exitFailed, err}
	}
	epochs := map[offsets.Partition]int32{}
	left := len(to)
	for _, t := range m.target.topics {
		for n := range t.Partitions {
			p := offsets.Partition{TopicID: t.ID, Topic: t.Name, Num: n}
			m.all = append(m.all, p)
			if at, given := to[named{t.Name, n}]; given {
				m.to[p], epochs[p] = at, offsets.NoEpoch
				left--
			}
		}
	}
	if left > 0 {
		for p := range to {
			if !m.has(p) {
				return refuse("the cluster has no partition %s of a topic of table %s", p, m.target.name)
			}
		}
	}
	infos, err := m.look.Inspect(ctx, offsets.Sorted(m.to), epochs)
	if err != nil {
		return &exit{exitFailed, err}
	}
	for _, i := range infos {
		switch at := m.to[i.Partition]; {
		case i.Err != nil:
			return &exit{exitFailed, fmt.Errorf("partition %s: %w", i.Partition, i.Err)}
		case at > i.HighWater:
			return refuse("partition %s: the log ends at %d, before %d", i.Partition, i.HighWater, at)
		case at < i.LogStart:
			return refuse("partition %s: the log begins at %d, after %d", i.Partition, i.LogStart, at)
		}
	}
	return nil
}

func (m *move) has(n named) bool {
	for _, p := range m.all {
		if p.Topic == n.topic && p.Num == n.num {
			return true
		}
	}
	return false
}

func (m *move) decide(v commit.View, st commit.State, why error) (*commit.Edit, error) {
	if err := readable(why); err != nil {
		return nil, err
	}
	was, certain := st.Ledger, why == nil && !st.Empty
	if why != nil {
		was, _ = lastKnown(v, m.cfg.Sink)
	}
	moved := was.Cluster != "" && was.Cluster != m.cluster
	if !certain || st.Dirty || moved {
		for _, p := range m.all {
			if _, given := m.to[p]; !given {
				return nil, refuse("where the table as a whole is in question every partition has to be given, and %s is not", p)
			}
		}
	}
	e := &commit.Edit{Set: map[offsets.Partition]offsets.Mark{}, NewEpoch: true}
	if was.Cluster != m.cluster {
		e.Cluster = m.cluster
	}
	if why != nil { // what is not moved stays as it was known last
		for p, mark := range was.Marks {
			e.Set[p] = mark
		}
	}
	var words []string
	changed := !certain || st.Dirty || moved
	for _, p := range offsets.Sorted(m.to) {
		to := m.to[p]
		mark, had := was.Marks[p]
		if mark.Upper != offsets.Unbounded && had {
			return nil, refuse("partition %s: sink %q has the upper bound %d there: it was ended, or is a bounded job", p, m.cfg.Sink, mark.Upper)
		}
		if !had {
			mark = offsets.Mark{Next: to, Origin: to, Upper: offsets.Unbounded}
		}
		if had && certain && !moved && to != mark.Next {
			e.Gaps = append(e.Gaps, gapOf(p, mark.Next, to))
			mark.Holes += max(0, to-mark.Next)
		}
		if !had || moved || to != mark.Next {
			mark.Next, mark.Origin, mark.LeaderEpoch, changed = to, min(mark.Origin, to), offsets.NoEpoch, true
		}
		e.Set[p] = mark
		words = append(words, p.String(), strconv.FormatInt(to, 10))
	}
	if !changed {
		return nil, refuse("the table stands there already")
	}
	if len(words) > 2*mostNamed {
		words = []string{strconv.Itoa(len(words) / 2), "partitions"}
	}
	e.Audit = m.order.audit(words...)
	return e, nil
}

// mostNamed is how many partitions an audit names; what becomes of each is in the state beside it.
const mostNamed = 32

// gapOf is what a move of a partition makes of the offsets between: they are left out, or read again.
func gapOf(p offsets.Partition, from, to int64) commit.Gap {
	if to < from {
		return commit.Gap{Partition: p, Range: offsets.Range{From: to, To: from}, Why: "reread"}
	}
	return commit.Gap{Partition: p, Range: offsets.Range{From: from, To: to}, Why: "operator"}
}
