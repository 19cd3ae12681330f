package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/catalog"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/deadletter"
	"github.com/sinker-io/sinker/offsets"
)

func (a *app) deadlettersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "deadletters",
		Short: "What could not become a row, and why",
		Args:  noArguments,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.deadlettersListCommand(), a.deadlettersShowCommand())
	return c
}

// letterChoice says which dead letters are meant; empty fields mean all.
type letterChoice struct {
	table, partition string
	offset           int64
	raw              bool
}

func (a *app) deadlettersListCommand() *cobra.Command {
	var file string
	var o letterChoice
	c := &cobra.Command{
		Use:   "list -c FILE",
		Short: "How many dead letters there are, by table, topic and reason",
		Long: `Reads the tables of dead letters of the configuration and counts what is in them, by the table that the records were
for, their topic, and the code of what is wrong with them (docs/types.md), with the first and the last time, and the first record of each.
It changes nothing.`,
		Example: `  sinker deadletters list -c sinker.yaml
  sinker deadletters list -c sinker.yaml --table shop.orders --output json`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return a.withLetters(file, o.table, func(ctx context.Context, ts []*letterTable) error { return a.listLetters(ctx, ts, o.table) })
		},
	}
	addConfig(c, &file)
	c.Flags().StringVar(&o.table, "table", "", "dead letters of this `TABLE` only, or those in it")
	a.addOutput(c)
	return c
}

func (a *app) deadlettersShowCommand() *cobra.Command {
	var file string
	var o letterChoice
	c := &cobra.Command{
		Use:   "show -c FILE --partition PARTITION --offset OFFSET",
		Short: "One dead letter: the record as it was, and what is wrong with it",
		Long: `Prints one dead letter. Key, value and headers are printed as quoted text, or in base64 where they are no UTF-8, so that
nothing in them reaches the terminal as it is. --raw writes the value and nothing else, byte for byte. It changes nothing.`,
		Example: `  sinker deadletters show -c sinker.yaml --partition orders-3 --offset 4711
  sinker deadletters show -c sinker.yaml --partition orders-3 --offset 4711 --raw > record.bin`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if o.partition == "" || o.offset < 0 {
				return usage("deadletters show: say which with --partition and --offset")
			}
			return a.withLetters(file, o.table, func(ctx context.Context, ts []*letterTable) error { return a.showLetter(ctx, ts, o) })
		},
	}
	addConfig(c, &file)
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.partition, "partition", "", "the `PARTITION`, as in orders-3 (required)")
	f.Int64Var(&o.offset, "offset", -1, "the `OFFSET` (required)")
	f.StringVar(&o.table, "table", "", "look in the dead letters of this `TABLE` only")
	f.BoolVar(&o.raw, "raw", false, "write the value alone, byte for byte")
	a.addOutput(c)
	return c
}

// withLetters opens the tables of dead letters, or those of one table, which may be named itself.
func (a *app) withLetters(file, table string, do func(context.Context, []*letterTable) error) error {
	cfg, err := a.load(file)
	if err != nil {
		return err
	}
	ctx, stop := a.untilSignal()
	defer stop()
	names, err := a.letterNames(ctx, cfg, table)
	if err != nil {
		return err
	}
	l, err := openLake(ctx, cfg, true, a.log)
	if err != nil {
		return &exit{exitFailed, err}
	}
	defer l.Close()
	var ts []*letterTable
	for _, n := range names {
		tb, err := l.open(ctx, n.entry, n.name)
		switch {
		case errors.Is(err, catalog.ErrNoTable): // no run yet
		case err != nil:
			return &exit{exitFailed, err}
		default:
			ts = append(ts, &letterTable{table: tb, sink: cfg.Sink})
		}
	}
	if err := do(ctx, ts); err != nil {
		var e *exit
		if errors.As(err, &e) {
			return err
		}
		return &exit{exitFailed, err}
	}
	return nil
}

// letterNames are the tables of dead letters of the configuration. The brokers are asked only where names of topics make them.
func (a *app) letterNames(ctx context.Context, cfg *config.Config, table string) ([]target, error) {
	known := targets(cfg, nil)
	for _, t := range cfg.Tables {
		if keepsLetters(t) && t.PerTopic() {
			look, topics := a.openLook(ctx, cfg, false)
			if look != nil {
				look.Close()
			}
			known = targets(cfg, topics)
			break
		}
	}
	var out []target
	there := false
	for _, t := range known {
		switch {
		case t.letters && (table == "" || t.name == table || sharedBy(known, t, table)):
			out = append(out, t)
		case t.name == table:
			there = true
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case there:
		return nil, usage("--table %s: no dead letters are kept of it: on_bad_record is not dead_letter", table)
	case table != "":
		return nil, usage("--table %s: the configuration has no such table", table)
	}
	return nil, usage("no table of the configuration keeps dead letters: on_bad_record is dead_letter for none")
}

// sharedBy tells whether the dead letters of a table go to d.
func sharedBy(known []target, d target, table string) bool {
	for _, t := range known {
		if t.letters || t.name != table || !keepsLetters(t.entry) {
			continue
		}
		if t.entry.DeadLetters == d.name {
			return true
		}
		for _, topic := range append(wordsOf(t), "") {
			if t.entry.LettersFor(topic) == d.name {
				return true
			}
		}
	}
	return false
}

// wordsOf are the topics that a target is known to have.
func wordsOf(t target) []string {
	out := append([]string{}, t.words...)
	for _, topic := range t.topics {
		out = append(out, topic.Name)
	}
	return out
}

// each gives the dead letters of all tables.
func eachLetter(ctx context.Context, ts []*letterTable, parts deadletter.Parts, ranges offsets.Ranges, give func(t *letterTable, l deadletter.Letter) error) error {
	for _, t := range ts {
		v, err := t.Load(ctx)
		if err != nil {
			return err
		}
		if err := t.read(ctx, v, ranges, parts, func(l deadletter.Letter) error { return give(t, l) }); err != nil {
			return fmt.Errorf("table %s: %w", t.Name(), err)
		}
	}
	return nil
}

// letterGroup is the dead letters of one table, topic and code.
type letterGroup struct {
	In     string    `json:"in"`
	Table  string    `json:"table"`
	Topic  string    `json:"topic"`
	Code   string    `json:"code"`
	Count  int64     `json:"count,string"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Part   int32     `json:"first_partition"`
	Offset int64     `json:"first_offset,string"`
}

func (a *app) listLetters(ctx context.Context, ts []*letterTable, table string) error {
	groups := map[[4]string]*letterGroup{}
	err := eachLetter(ctx, ts, deadletter.Places, nil, func(t *letterTable, l deadletter.Letter) error {
		if table != "" && table != t.Name() && table != l.Table {
			return nil
		}
		k := [4]string{t.Name(), l.Table, l.Partition.Topic, l.Code}
		g := groups[k]
		if g == nil {
			g = &letterGroup{In: k[0], Table: k[1], Topic: k[2], Code: k[3], First: l.Noted, Part: l.Partition.Num, Offset: l.Offset}
			groups[k] = g
		}
		g.Count++
		if l.Noted.Before(g.First) || l.Noted.Equal(g.First) && (l.Partition.Num < g.Part || l.Partition.Num == g.Part && l.Offset < g.Offset) {
			g.First, g.Part, g.Offset = l.Noted, l.Partition.Num, l.Offset
		}
		if l.Noted.After(g.Last) {
			g.Last = l.Noted
		}
		return nil
	})
	if err != nil {
		return err
	}
	all := make([]*letterGroup, 0, len(groups))
	for _, g := range groups {
		all = append(all, g)
	}
	sort.Slice(all, func(i, j int) bool {
		x, y := all[i], all[j]
		return x.In < y.In || x.In == y.In && (x.Table < y.Table || x.Table == y.Table && (x.Topic < y.Topic || x.Topic == y.Topic && (x.Count > y.Count || x.Count == y.Count && x.Code < y.Code)))
	})
	if a.output == "json" {
		return writeJSON(a.out, map[string]any{"dead_letters": all})
	}
	p := &printer{to: a.out}
	in := ""
	for _, g := range all {
		if at := "dead letters of " + g.Table + " in " + g.In; at != in {
			in = at
			p.line("%s", in)
		}
		p.line("  %-24s %-18s %8d  from %s to %s, first %s-%d offset %d", strconv.Quote(g.Topic), g.Code, g.Count, g.First.Format(time.RFC3339), g.Last.Format(time.RFC3339), g.Topic, g.Part, g.Offset)
	}
	if len(all) == 0 {
		p.line("no dead letters")
	}
	return p.err
}

// shownLetter is one dead letter for programs. Bytes are base64.
type shownLetter struct {
	In          string        `json:"in"`
	Topic       string        `json:"topic"`
	TopicID     string        `json:"topic_id"`
	Partition   int32         `json:"partition"`
	Offset      int64         `json:"offset,string"`
	LeaderEpoch int32         `json:"leader_epoch"`
	Timestamp   *time.Time    `json:"timestamp"`
	Key         []byte        `json:"key"`
	Value       []byte        `json:"value"`
	Headers     []shownHeader `json:"headers"`
	Code        string        `json:"code"`
	Column      string        `json:"column,omitempty"`
	Reason      string        `json:"reason"`
	Sink        string        `json:"sink"`
	Table       string        `json:"table"`
	SchemaID    int32         `json:"schema_id"`
	Noted       time.Time     `json:"time"`
}

type shownHeader struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

func (a *app) showLetter(ctx context.Context, ts []*letterTable, o letterChoice) error {
	var found []shownLetter
	// The partition's name does not tell its topic id, so only the offset is looked for in the bounds of files.
	ranges := offsets.Ranges{{}: {From: o.offset, To: o.offset + 1}}
	err := eachLetter(ctx, ts, deadletter.Whole, ranges, func(t *letterTable, l deadletter.Letter) error {
		if l.Offset != o.offset || l.Partition.String() != o.partition {
			return nil
		}
		s := shownLetter{In: t.Name(), Topic: l.Partition.Topic, TopicID: l.Partition.TopicID.String(), Partition: l.Partition.Num, Offset: l.Offset, LeaderEpoch: l.LeaderEpoch,
			Key: l.Key, Value: l.Value, Headers: []shownHeader{}, Code: l.Code, Column: l.Column, Reason: l.Reason, Sink: l.Sink, Table: l.Table, SchemaID: l.SchemaID, Noted: l.Noted}
		if !l.Timestamp.IsZero() {
			s.Timestamp = &l.Timestamp
		}
		for _, h := range l.Headers {
			s.Headers = append(s.Headers, shownHeader(h))
		}
		found = append(found, s)
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return fmt.Errorf("no dead letter of partition %s at offset %d", o.partition, o.offset)
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].Noted.After(found[j].Noted) })
	switch {
	case o.raw:
		_, err = a.out.Write(found[0].Value)
		return err
	case a.output == "json":
		return writeJSON(a.out, map[string]any{"dead_letters": found})
	}
	p := &printer{to: a.out}
	for _, s := range found { // several: the topic was made again, or lost its end, or other sinks read it
		s.print(p)
	}
	return p.err
}

func (s *shownLetter) print(p *printer) {
	p.line("dead letter in %s, partition %s-%d, offset %d", s.In, s.Topic, s.Partition, s.Offset)
	where := "the record as a whole"
	if s.Column != "" {
		where = "column " + strconv.Quote(s.Column)
	}
	p.line("  %s, %s: %s", s.Code, where, strconv.Quote(s.Reason))
	p.line("  for table %s (schema %d), by sink %s, at %s", s.Table, s.SchemaID, s.Sink, s.Noted.Format(time.RFC3339Nano))
	at := "none"
	if s.Timestamp != nil {
		at = s.Timestamp.Format(time.RFC3339Nano)
	}
	p.line("  topic id %s, leader epoch %d, timestamp %s", s.TopicID, s.LeaderEpoch, at)
	p.line("  key    %s", safely(s.Key))
	for _, h := range s.Headers {
		p.line("  header %s: %s", safely(h.Key), safely(h.Value))
	}
	p.line("  value  %s", safely(s.Value))
}

// mostPrinted is how many bytes of a value a person is shown; --raw writes all.
const mostPrinted = 4096

// safely spells bytes so that a terminal takes nothing of them for a command.
func safely(b []byte) string {
	if b == nil {
		return "null"
	}
	cut := ""
	if len(b) > mostPrinted {
		cut = fmt.Sprintf(" and %d more bytes: --raw writes all", len(b)-mostPrinted)
		b = b[:mostPrinted]
		for len(b) > 0 && !utf8.Valid(b) && len(b) > mostPrinted-utf8.UTFMax {
			b = b[:len(b)-1]
		}
	}
	if !utf8.Valid(b) {
		return "base64 " + base64.StdEncoding.EncodeToString(b) + cut
	}
	return strconv.Quote(string(b)) + cut
}
