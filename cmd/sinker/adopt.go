package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/commit"
)

func (a *app) offsetsAdoptCommand() *cobra.Command {
	var file string
	o := order{command: "adopt"}
	c := &cobra.Command{
		Use:   "adopt -c FILE --table TABLE --reason WHY",
		Short: "Take over the offsets of rows that came without them, where the table proves which",
		Long: `Answers a STOP of a table whose own history tells what its rows account for:

  cherry-pick       snapshots of this sink were picked into the branch, and their ranges follow on what it has
  state unreadable  the offsets of a snapshot cannot be read, and the mirror names that very snapshot

It is one commit, empty of rows. Where the history proves nothing, or that rows are there twice or are missing, it
changes nothing and says what it found; then look at the table, and use ` + "`sinker offsets accept`" + ` or ` + "`set`" + `.`,
		Example: `  sinker offsets adopt -c sinker.yaml --table shop.orders --reason "picked back after the rollback of Tuesday"`,
		Args:    noArguments,
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
			return a.carryOut(ctx, cfg, &o, false, func(_ context.Context, s *scene) (ruling, error) {
				return func(v commit.View, _ commit.State, why error) (*commit.Edit, error) { return s.adopt(&o, v, why) }, nil
			})
		},
	}
	addConfig(c, &file)
	o.flags(c, func() {})
	a.addOutput(c)
	return c
}

func (s *scene) adopt(o *order, v commit.View, why error) (*commit.Edit, error) {
	if why == nil {
		return nil, refuse("the table's state is clear and needs no answer")
	}
	ledger, err := commit.Adopted(v, s.cfg.Sink, why)
	var stop *commit.Stop
	switch {
	case errors.As(err, &stop):
		stop.Complete(s.target.name, s.cfg.File())
		return nil, refuse("nothing can be adopted: %w", stop)
	case err != nil:
		return nil, err
	}
	return &commit.Edit{Cluster: ledger.Cluster, Set: ledger.Marks, NewEpoch: true, Audit: o.audit()}, nil
}
