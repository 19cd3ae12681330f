package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/source"
)

func (a *app) offsetsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "offsets",
		Short: "What the tables hold, and the operator's answers to a STOP",
		Args:  noArguments,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.offsetsShowCommand(), a.offsetsAcceptCommand(), a.offsetsSetCommand(), a.offsetsAdoptCommand(), a.offsetsEndCommand())
	return c
}

func (a *app) offsetsShowCommand() *cobra.Command {
	var file, table string
	c := &cobra.Command{
		Use:   "show -c FILE",
		Short: "Where every table stands, where that was found, and what a STOP is about",
		Long: `Prints, for every table of the configuration, the offsets that it holds: the table is the only place where
they are kept. Each line is a partition: the next offset to read, the same by the mirror property, and where the
log begins and ends if a broker answers. It changes nothing.

Exit status: 0, 1 a table could not be looked at, 3 a table or partition would wait for the operator.`,
		Example: `  sinker offsets show -c sinker.yaml
  sinker offsets show -c sinker.yaml --table shop.orders --output json`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load(file)
			if err != nil {
				return err
			}
			ctx, stop := a.untilSignal()
			defer stop()
			return a.showOffsets(ctx, cfg, table)
		},
	}
	addConfig(c, &file)
	c.Flags().StringVar(&table, "table", "", "this `TABLE` only")
	a.addOutput(c)
	return c
}

// openLook connects to the brokers; nil, after a warning, where none answers: the tables can be shown without. patient tries again
// until ctx ends, for those who can do nothing without.
func (a *app) openLook(ctx context.Context, cfg *config.Config, patient bool) (*source.Look, []source.Topic) {
	if !patient {
		var cancel context.CancelFunc
		ctx, cancel = trying(ctx)
		defer cancel()
	}
	var look *source.Look
	for wait := (backoff{}); look == nil; {
		var err error
		if look, err = source.OpenLook(ctx, sourceConfig(cfg, a.log)); err == nil {
			break
		}
		a.log.Warn("the log cannot be shown", "error", err)
		if !patient || !wait.pause(ctx) {
			return nil, nil
		}
	}
	topics, err := look.Topics(ctx)
	if err != nil {
		a.log.Warn("not every topic can be seen", "error", err)
	}
	return look, topics
}

func (a *app) showOffsets(ctx context.Context, cfg *config.Config, table string) error {
	look, topics := a.openLook(ctx, cfg, false)
	if look != nil {
		defer look.Close()
	}
	try, cancel := trying(ctx)
	defer cancel()
	chosen, err := choose(targets(cfg, topics), table)
	if err != nil {
		return err
	}
	l, err := openLake(try, cfg, true, a.log)
	missing := commit.ClassOf(err) == commit.Missing // the catalog itself is made by the first run
	if err != nil && !missing {
		return &exit{exitFailed, err}
	}
	if err == nil {
		defer l.Close()
	}
	var all []*standing
	for _, t := range chosen {
		if missing {
			all = append(all, absent(cfg, t))
		} else {
			all = append(all, l.showing(ctx, t, look))
		}
	}
	if a.output == "json" {
		err = writeJSON(a.out, map[string]any{"tables": all})
	} else {
		p := &printer{to: a.out}
		for i, s := range all {
			if i > 0 {
				p.line("")
			}
			s.print(p)
		}
		err = p.err
	}
	if err != nil {
		return &exit{exitFailed, err}
	}
	return standingStatus(all)
}

func (l *lake) showing(ctx context.Context, t target, look *source.Look) *standing {
	ctx, cancel := trying(ctx)
	defer cancel()
	s := l.stands(ctx, t)
	if look != nil && !t.letters {
		if err := s.compare(ctx, look); err != nil {
			l.log.Warn("the log cannot be shown", "table", t.name, "error", err)
		}
	}
	return s
}

// choose is the target of one table, or all of them.
func choose(all []target, table string) ([]target, error) {
	if table == "" {
		return all, nil
	}
	var names []string
	for _, t := range all {
		if t.name == table {
			return []target{t}, nil
		}
		names = append(names, t.name)
	}
	return nil, usage("--table %s: the configuration has no such table; it has %s", table, strings.Join(names, ", "))
}

func standingStatus(all []*standing) error {
	status := exitDone
	for _, s := range all {
		waits := s.Stop != nil
		for _, p := range s.Partitions {
			waits = waits || p.Log != "" && p.Next >= 0
		}
		switch {
		case s.Error != "":
			return &exit{exitFailed, errors.New("table " + s.Table + ": " + s.Error)}
		case waits:
			status = exitStopped
		}
	}
	if status == exitDone {
		return nil
	}
	return &exit{status: status}
}

func (s *standing) print(p *printer) {
	what := "table"
	if s.Letters {
		what = "dead letters in table"
	}
	p.line("%s %s, branch %s, sink %s", what, s.Table, s.Branch, s.Sink)
	switch {
	case !s.Exists && s.Error == "":
		p.line("  does not exist")
		return
	case s.Error != "":
		p.line("  could not be looked at: %s", s.Error)
		return
	}
	p.line("  uuid %s, head %s", s.UUID, snapshotText(s.Head))
	if s.Metadata != "" {
		p.line("  metadata %s", s.Metadata)
	}
	switch {
	case s.Stop != nil:
		p.line("  STOP(%s): %s", s.Stop.Reason, s.Stop.Found)
		p.line("  to go on: %s", s.Stop.Do)
	case s.New:
		p.line("  this sink has not written here yet")
	default:
		dirty := ""
		if s.RolledBack {
			dirty = "; the branch was rolled back since"
		}
		p.line("  carrier %s, found by %s, epoch %d%s", snapshotText(s.Carrier), s.Via, s.Epoch, dirty)
		if s.state.Held.Unix() > 0 {
			p.line("  last written %s", s.state.Held.UTC().Format(time.RFC3339))
		}
	}
	p.line("  mirror %s, tag %s", mirrorText(s.Mirror), snapshotText(s.Tag))
	if s.Cluster != "" {
		p.line("  Kafka cluster %s", s.Cluster)
	}
	s.printPartitions(p)
}

func (s *standing) printPartitions(p *printer) {
	if len(s.Partitions) == 0 {
		return
	}
	rows := [][]string{{"partition", "next", "mirror", "log start", "log end", "lag", "skipped", ""}}
	for _, r := range s.Partitions {
		next := "unknown"
		if r.Next >= 0 {
			next = fmt.Sprint(r.Next)
		}
		rows = append(rows, []string{r.id.String(), next, number(r.Mirror), number(r.LogStart), number(r.LogEnd), number(r.Lag), fmt.Sprint(r.Skipped), r.Log})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range rows {
		line := fmt.Sprintf("%-*s", widths[0], row[0])
		for i := 1; i < len(row)-1; i++ {
			line += fmt.Sprintf("  %*s", widths[i], row[i])
		}
		p.line("  %s", strings.TrimRight(line+"  "+row[len(row)-1], " "))
	}
}

func number(n *int64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

func snapshotText(id int64) string {
	if id == 0 {
		return "none"
	}
	return fmt.Sprint(id)
}

func mirrorText(m *mirrorReport) string {
	switch {
	case m == nil:
		return "none"
	case !m.Sound:
		return "damaged"
	}
	return "of " + snapshotText(m.Snapshot)
}
