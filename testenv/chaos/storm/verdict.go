package storm

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sinker-io/sinker/testenv/judge"
)

// finding is what is known of one table in the end.
type finding struct {
	table                  string
	records, rows          int64
	lost, doubled, strange int64
	files                  int
	snapshots              int
	readers                []string
}

// verdict asks those who share no code with sinker, and prints what they say.
func (s *Storm) verdict(ctx context.Context) error {
	var findings []finding
	for _, c := range s.camps {
		if err := c.readLogs(); err != nil {
			return err
		}
		for _, f := range c.fields {
			x, err := s.judge(ctx, c, f)
			if err != nil {
				return err
			}
			findings = append(findings, x)
		}
		for _, p := range c.parties {
			if n, err := p.cage.killed(); err != nil || n > 0 {
				s.broken("%s was killed for want of memory %d times (%v)", p.Name, n, err)
			}
		}
	}
	const allowed = memory + 64<<20
	if s.peak > allowed {
		s.broken("an instance has had %d MiB of memory, allowed are %d", s.peak>>20, allowed>>20)
	}
	s.enough()
	s.print(findings)
	if len(s.faults) > 0 {
		return fmt.Errorf("seed %d: %d promises are broken, the first: %s", s.size.Seed, len(s.faults), s.faults[0])
	}
	return nil
}

// judge has two readers count one table by the ids in it, and its files and history recounted.
func (s *Storm) judge(ctx context.Context, c *camp, f *field) (finding, error) {
	x := finding{table: c.name + " " + f.table, records: f.n}
	table, err := judge.Of(ctx, c.world, f.table)
	if err != nil {
		return x, err
	}
	// Rows of others have ids below 0, each once too, so all of them together must be distinct.
	q := judge.Question{Columns: []judge.Column{{Name: "id", Kind: "int"}}, Distinct: []string{"id"},
		Spans:  &judge.Spans{By: []string{"_kafka_topic", "_kafka_partition"}, Of: "_kafka_offset"},
		Filter: &judge.Filter{Column: "id", Kind: "int", Op: ">=", Value: "0"}}
	for _, r := range []judge.Reader{judge.DuckDB, judge.PyIceberg} {
		a, err := r.Ask(ctx, table, q)
		if err != nil {
			return x, err
		}
		x.rows, x.doubled, x.lost = a.Rows, a.Rows-a.Distinct["id"], f.n-*a.Filtered
		if x.doubled != 0 || x.lost != 0 {
			s.broken("%s: of %d records %d are lost, %d rows are doubled, says %s", x.table, f.n, x.lost, x.doubled, r)
		}
		if last := a.Columns["id"].Max; last == nil || *last != fmt.Sprint(f.n-1) {
			s.broken("%s: the last record is %d, %s says %v", x.table, f.n-1, r, last)
		}
		for p, end := range f.ends() {
			want := judge.Span{Rows: end, Distinct: end, Min: 0, Max: end - 1}
			if got := a.Spans[fmt.Sprintf("%s/%d", f.topic, p)]; got != want {
				x.strange++
				s.broken("%s: partition %d must hold %+v, %s says %+v", x.table, p, want, r, got)
			}
		}
		x.readers = append(x.readers, string(r))
	}
	if x.snapshots, err = s.oracle(ctx, c, f, table); err != nil {
		return x, err
	}
	x.readers = append(x.readers, "oracle")
	count, err := judge.Recount(ctx, table, c.sink())
	if err != nil {
		return x, err
	}
	x.files = count.Files
	for _, fault := range count.Faults {
		s.broken("%s: recount: %s", x.table, fault)
	}
	return x, nil
}

// enough says whether the storm was as strong as it was meant to be: what was planned must have happened, not only been tried.
func (s *Storm) enough() {
	for _, want := range []struct {
		what string
		got  int
		n    int
	}{
		{"kills", s.total(kill), s.size.Kills},
		{"zombies that lost their partitions before they woke", s.total(zombie), s.size.Zombies},
		{"faults", s.total(fault) + s.total(restart) + s.total(full), s.size.Faults},
		{"foreign operations", s.total(foreign), s.size.Foreign},
	} {
		if want.got < want.n*9/10 {
			s.broken("only %d %s, %d were planned", want.got, want.what, want.n)
		}
	}
}

func (s *Storm) print(findings []finding) {
	for _, line := range s.listed() {
		fmt.Fprintln(s.out, line)
	}
	for _, note := range s.notes {
		fmt.Fprintln(s.out, "note:", note)
	}
	var stops, unearned int
	for _, c := range s.camps {
		stops += len(c.stops)
	}
	for _, f := range s.faults {
		fmt.Fprintln(s.out, "BROKEN:", f)
	}
	unearned = len(s.faults)
	fmt.Fprintf(s.out, "\n%-24s %10s %10s %6s %8s %8s %9s\n", "table", "records", "rows", "lost", "doubled", "files", "snapshots")
	for _, x := range findings {
		fmt.Fprintf(s.out, "%-24s %10d %10d %6d %8d %8d %9d  %s\n", x.table, x.records, x.rows, x.lost, x.doubled, x.files, x.snapshots, strings.Join(x.readers, ", "))
	}
	verdict := "every record is in its table once"
	if unearned > 0 {
		verdict = fmt.Sprintf("%d promises are BROKEN", unearned)
	}
	fmt.Fprintf(s.out, "seed %d: %d kills, %d zombies, %d faults, %d foreign, %d STOPs shown; memory at most %d MiB; %s: %s\n", s.size.Seed,
		s.total(kill), s.total(zombie), s.total(fault)+s.total(restart)+s.total(full), s.total(foreign), stops, s.peak>>20, time.Since(s.began).Round(time.Second), verdict)
}
