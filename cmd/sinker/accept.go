package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

// answer is an operator's answer to a STOP, as the flags give it.
type answer struct {
	table, position, skip, partition, topic, reason string
	expect                                          int64
}

func (a *app) offsetsAcceptCommand() *cobra.Command {
	var file string
	var o answer
	c := &cobra.Command{
		Use:   "accept -c FILE --table TABLE --position WHERE|--skip OFFSET --reason WHY",
		Short: "The operator's answer to a STOP: where to go on",
		Long: `Tells a table where its sink goes on, after a STOP. It is one commit, empty of rows, with who, when and why in
its summary; a running sinker sees it at its next look. Look at ` + "`sinker offsets show`" + ` first: what you say here decides
whether rows are there twice, or not at all.

  --position mirror   the last offsets that this sink is known to have written: the rows up to them are in the table
  --position start    the rows are not in the table: read them (again). After a rollback: those that it removed;
                      with --topic: a topic that was created again, from its beginning; else from kafka.start
  --position log      with --partition: where the log begins now, or where it diverged from what was read
  --skip OFFSET       with --partition: pass over this record; FIRST-LAST passes over several

What is passed over is written down in the table's history as a gap.`,
		Example: `  sinker offsets accept -c sinker.yaml --table shop.orders --position mirror --reason "rows checked by hand"
  sinker offsets accept -c sinker.yaml --table shop.orders --partition orders-3 --skip 4711 --reason "test record"`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			cfg, err := a.load(file)
			if err != nil {
				return err
			}
			ctx, stop := a.untilSignal()
			defer stop()
			return a.accept(ctx, cfg, o)
		},
	}
	addConfig(c, &file)
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.table, "table", "", "the `TABLE` (required)")
	f.StringVar(&o.position, "position", "", "`WHERE` to go on: mirror, start or log")
	f.StringVar(&o.skip, "skip", "", "pass over this `OFFSET`, or FIRST-LAST, of --partition")
	f.StringVar(&o.partition, "partition", "", "one `PARTITION`, as in orders-3")
	f.StringVar(&o.topic, "topic", "", "one `TOPIC`, with --position start")
	f.Int64Var(&o.expect, "expect", 0, "refuse if the branch's head is not this `SNAPSHOT` any more")
	f.StringVar(&o.reason, "reason", "", "`WHY`, for those who come after (required)")
	a.addOutput(c)
	return c
}

func (o answer) validate() error {
	switch {
	case o.table == "":
		return usage("offsets accept: say which table with --table")
	case strings.TrimSpace(o.reason) == "":
		return usage("offsets accept: say why with --reason; it is kept in the table's history")
	case (o.position == "") == (o.skip == ""):
		return usage("offsets accept: give one of --position and --skip")
	case o.expect < 0:
		return usage("offsets accept: --expect takes a snapshot id, as `sinker offsets show` prints it")
	case o.skip != "":
		if o.partition == "" {
			return usage("offsets accept: --skip needs --partition")
		}
		_, err := o.skipped()
		return err
	}
	if err := oneOfFlag("--position", o.position, "mirror", "start", "log"); err != nil {
		return err
	}
	switch {
	case o.position == "log" && o.partition == "":
		return usage("offsets accept: --position log needs --partition")
	case o.position != "log" && o.partition != "":
		return usage("offsets accept: --partition goes with --position log and --skip only")
	case o.topic != "" && o.position != "start":
		return usage("offsets accept: --topic goes with --position start only")
	}
	return nil
}

// skipped is the range of --skip, half open.
func (o answer) skipped() (offsets.Range, error) {
	first, last, several := strings.Cut(o.skip, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	to := from
	if err == nil && several {
		to, err = strconv.ParseInt(last, 10, 64)
	}
	if err != nil || from < 0 || to < from || to-from >= 1_000_000 {
		return offsets.Range{}, usage("offsets accept: --skip %q: want an offset, or FIRST-LAST, both included, at most a million", o.skip)
	}
	return offsets.Range{From: from, To: to + 1}, nil
}

func (o answer) action() string {
	words := []string{"accept"}
	for _, w := range [][2]string{{"--position", o.position}, {"--skip", o.skip}, {"--partition", o.partition}, {"--topic", o.topic}} {
		if w[1] != "" {
			words = append(words, w[0], w[1])
		}
	}
	return strings.Join(words, " ")
}

func (o answer) audit() *commit.Audit {
	who := "unknown"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		who += "@" + host
	}
	return &commit.Audit{Who: who, When: time.Now().UTC().Format(time.RFC3339), Action: o.action(), Reason: o.reason}
}

// accept commits the answer.
func (a *app) accept(ctx context.Context, cfg *config.Config, o answer) error {
	try, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	look, topics := a.openLook(try, cfg, o.position == "start" || o.position == "log")
	if look != nil {
		defer look.Close()
	}
	l, err := openLake(try, cfg, true, a.log)
	if err != nil {
		return &exit{exitFailed, err}
	}
	defer l.Close()
	chosen, err := choose(targets(cfg, topics), o.table)
	if err != nil {
		return err
	}
	t := chosen[0]
	before := l.showing(try, t, look)
	if before.Error != "" || !before.Exists {
		return &exit{exitFailed, fmt.Errorf("table %s: %s", t.name, orText(before.Error, "does not exist"))}
	}
	d := &decision{answer: o, target: t, cfg: cfg, before: before, look: look}
	if err := d.prepare(try); err != nil {
		return err
	}
	c := &commit.Committer{Table: before.table, Name: t.name, Sink: cfg.Sink, Hash: t.hash, Rollback: commit.Replay,
		AllowNewSink: cfg.Policy.NewSink == "allow",
		Trouble: func(step string, err error, again time.Duration) {
			a.log.Warn("failed, will be tried again", "table", t.name, "step", step, "error", err, "again_in", again.Round(time.Millisecond))
		}}
	snapshot, err := c.Accept(try, o.expect, d.decide)
	if err != nil {
		var e *exit
		if errors.As(err, &e) {
			return err
		}
		return &exit{exitFailed, fmt.Errorf("table %s: %w", t.name, err)}
	}
	return a.accepted(ctx, l, t, look, snapshot)
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// accepted shows what the table says now.
func (a *app) accepted(ctx context.Context, l *lake, t target, look *source.Look, snapshot int64) error {
	after := l.showing(ctx, t, look)
	if a.output == "json" {
		return writeJSON(a.out, map[string]any{"snapshot": strconv.FormatInt(snapshot, 10), "table": after})
	}
	p := &printer{to: a.out}
	p.line("accepted, as snapshot %d of table %s", snapshot, t.name)
	after.print(p)
	return p.err
}
