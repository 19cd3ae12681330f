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
	"github.com/sinker-io/sinker/source"
)

// order is what every answer of an operator says: about which table, as of which snapshot, and why.
type order struct {
	command       string // the last word of the command
	table, reason string
	expect        int64
}

// flags adds the flags of every order, and between them those of the command.
func (o *order) flags(c *cobra.Command, its func()) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.table, "table", "", "the `TABLE` (required)")
	its()
	f.Int64Var(&o.expect, "expect", 0, "refuse if the branch's head is not this `SNAPSHOT` any more")
	f.StringVar(&o.reason, "reason", "", "`WHY`, for those who come after (required)")
}

func (o *order) validate() error {
	switch {
	case o.table == "":
		return usage("offsets %s: say which table with --table", o.command)
	case strings.TrimSpace(o.reason) == "":
		return usage("offsets %s: say why with --reason; it is kept in the table's history", o.command)
	case o.expect < 0:
		return usage("offsets %s: --expect takes a snapshot id, as `sinker offsets show` prints it", o.command)
	}
	return nil
}

func (o *order) audit(words ...string) *commit.Audit {
	who := "unknown"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		who += "@" + host
	}
	return &commit.Audit{Who: who, When: time.Now().UTC().Format(time.RFC3339), Action: strings.Join(append([]string{o.command}, words...), " "), Reason: o.reason}
}

// scene is what an order is held against: the table as it was found, and the log, if a broker answers.
type scene struct {
	cfg    *config.Config
	target target
	before *standing
	look   *source.Look // nil: no broker answers
}

// ruling makes the change that an order comes to, of what the table says at each attempt. The error why is that of Resolve.
type ruling func(v commit.View, st commit.State, why error) (*commit.Edit, error)

// needsBrokers refuses an order that cannot be held against the log.
func (s *scene) needsBrokers(what string) error {
	if s.look == nil {
		return &exit{exitFailed, fmt.Errorf("%s needs the brokers, and none answered: give it again when they do", what)}
	}
	return nil
}

func refuse(format string, args ...any) error { return &exit{exitUsage, fmt.Errorf(format, args...)} }

// carryOut commits an order for the sink id of cfg. prepare looks at the scene, and may refuse; patient: it needs the brokers.
func (a *app) carryOut(ctx context.Context, cfg *config.Config, o *order, patient bool, prepare func(context.Context, *scene) (ruling, error)) error {
	try, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	look, topics := a.openLook(try, cfg, patient)
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
	if t.letters && o.command != "accept" {
		return refuse("table %s holds dead letters: only `sinker offsets accept` with --position start or --position mirror answers for it", t.name)
	}
	before := l.showing(try, t, look)
	if before.Error != "" || !before.Exists {
		return &exit{exitFailed, fmt.Errorf("table %s: %s", t.name, orText(before.Error, "does not exist"))}
	}
	rule, err := prepare(try, &scene{cfg: cfg, target: t, before: before, look: look})
	if err != nil {
		return err
	}
	// The configuration that shaped the rows stays that of the state: an order changes no rows.
	c := &commit.Committer{Table: before.table, Name: t.name, Sink: cfg.Sink, Hash: orText(before.state.Hash, t.hash), Rollback: commit.Replay,
		AllowNewSink: cfg.Policy.NewSink == "allow",
		Trouble: func(step string, err error, again time.Duration) {
			a.log.Warn("failed, will be tried again", "table", t.name, "step", step, "error", err, "again_in", again.Round(time.Millisecond))
		}}
	snapshot, err := c.Accept(try, o.expect, rule)
	if err != nil {
		return refused(err, t.name, cfg.File())
	}
	return a.carriedOut(ctx, l, t, look, snapshot)
}

// refused gives the error of an order its exit status, and its advice what it needs.
func refused(err error, table, file string) error {
	var e *exit
	var s *commit.Stop
	switch {
	case errors.As(err, &e):
		return err
	case errors.As(err, &s):
		s.Complete(table, file)
		return &exit{exitFailed, s}
	}
	return &exit{exitFailed, fmt.Errorf("table %s: %w", table, err)}
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// carriedOut shows what the table says now.
func (a *app) carriedOut(ctx context.Context, l *lake, t target, look *source.Look, snapshot int64) error {
	after := l.showing(ctx, t, look)
	if a.output == "json" {
		return writeJSON(a.out, map[string]any{"snapshot": strconv.FormatInt(snapshot, 10), "table": after})
	}
	p := &printer{to: a.out}
	p.line("accepted, as snapshot %d of table %s", snapshot, t.name)
	after.print(p)
	return p.err
}

// settled refuses answers about a part of the table while the whole of it is not clear.
func settled(st commit.State, why error) error {
	switch {
	case why != nil:
		return refuse("the table itself must be answered first: %v", why)
	case st.Empty:
		return refuse("the table holds no offsets of this sink yet")
	case st.Dirty:
		return refuse("the branch was rolled back: answer that first, with `sinker offsets accept` and --position start or --position mirror")
	}
	return nil
}

// readable refuses to overrule a state that a newer program has written.
func readable(why error) error {
	var s *commit.Stop
	if errors.As(why, &s) && s.Reason == commit.UnknownVersion {
		return refuse("%v", why)
	}
	return nil
}
