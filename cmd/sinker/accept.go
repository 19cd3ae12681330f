package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/offsets"
)

// answer is an operator's answer to a STOP, as the flags give it.
type answer struct {
	order
	position, skip, partition, topic string
}

func (a *app) offsetsAcceptCommand() *cobra.Command {
	var file string
	o := answer{order: order{command: "accept"}}
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
			patient := o.position == "start" || o.position == "log"
			return a.carryOut(ctx, cfg, &o.order, patient, func(ctx context.Context, s *scene) (ruling, error) {
				d := &decision{answer: o, scene: s}
				return d.decide, d.prepare(ctx)
			})
		},
	}
	addConfig(c, &file)
	o.flags(c, func() {
		f := c.Flags()
		f.StringVar(&o.position, "position", "", "`WHERE` to go on: mirror, start or log")
		f.StringVar(&o.skip, "skip", "", "pass over this `OFFSET`, or FIRST-LAST, of --partition")
		f.StringVar(&o.partition, "partition", "", "one `PARTITION`, as in orders-3")
		f.StringVar(&o.topic, "topic", "", "one `TOPIC`, with --position start")
	})
	a.addOutput(c)
	return c
}

func (o *answer) validate() error {
	if err := o.order.validate(); err != nil {
		return err
	}
	switch {
	case (o.position == "") == (o.skip == ""):
		return usage("offsets accept: give one of --position and --skip")
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
func (o *answer) skipped() (offsets.Range, error) {
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

// words are the order as it stands in the audit.
func (o *answer) words() (words []string) {
	for _, w := range [][2]string{{"--position", o.position}, {"--skip", o.skip}, {"--partition", o.partition}, {"--topic", o.topic}} {
		if w[1] != "" {
			words = append(words, w[0], w[1])
		}
	}
	return words
}
