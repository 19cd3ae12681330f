package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/commit"
)

func (a *app) offsetsEndCommand() *cobra.Command {
	var file, sink string
	o := order{command: "end"}
	c := &cobra.Command{
		Use:   "end -c FILE --table TABLE --reason WHY",
		Short: "End a sink id on a table, so that another one can follow",
		Long: `Gives a sink id an upper bound in every partition of a table: where it stands now. It takes no batch after that,
says so with STOP(ended), and another sink id on the same topics can begin exactly there. It is one commit, empty
of rows; what a running sink has not committed yet is left to its successor. There is no way back for this sink id.`,
		Example: `  sinker offsets end -c sinker.yaml --table shop.orders --reason "renamed to orders-eu"
  sinker offsets end -c new.yaml --table shop.orders --sink orders-old --reason "renamed"`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			cfg, err := a.load(file)
			if err != nil {
				return err
			}
			its := *cfg
			if sink != "" {
				its.Sink = sink
			}
			ctx, stop := a.untilSignal()
			defer stop()
			return a.carryOut(ctx, &its, &o, false, func(_ context.Context, s *scene) (ruling, error) {
				return func(_ commit.View, st commit.State, why error) (*commit.Edit, error) { return s.end(&o, st, why) }, nil
			})
		},
	}
	addConfig(c, &file)
	o.flags(c, func() {
		f := c.Flags()
		f.StringVar(&sink, "sink", "", "the sink `ID` to end; default: that of the configuration")
	})
	a.addOutput(c)
	return c
}

func (s *scene) end(o *order, st commit.State, why error) (*commit.Edit, error) {
	if err := settled(st, why); err != nil {
		return nil, err
	}
	bounds := commit.Ended(st)
	if len(bounds) == 0 {
		return nil, refuse("sink %q has an upper bound in every partition already", s.cfg.Sink)
	}
	return &commit.Edit{Set: bounds, NewEpoch: true, Audit: o.audit("--sink", s.cfg.Sink)}, nil
}
