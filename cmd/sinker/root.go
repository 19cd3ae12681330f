package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/config"
)

// Exit statuses.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // wrong usage or configuration
	exitStopped = 3 // a table waits for the operator
)

// exit is an error with the status that the process ends with. An exit without err was reported already.
type exit struct {
	status int
	err    error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &exit{exitUsage, fmt.Errorf(format, args...)} }

// app is what all subcommands share: where they write, and the global flags.
type app struct {
	out, err *scrubber
	log      *slog.Logger

	logLevel, logFormat string
	output              string // text | json
}

// cli runs the command line and returns the exit status.
func cli(args []string, stdout, stderr io.Writer) int {
	a := &app{out: &scrubber{to: stdout}, err: &scrubber{to: stderr}}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	var e *exit
	if !errors.As(err, &e) {
		e = &exit{exitUsage, err} // cobra's own: unknown commands and flags
	}
	if e.err != nil {
		fmt.Fprintf(a.err, "sinker: %v\n", e.err)
		if e.status == exitUsage && !isFaults(e.err) {
			fmt.Fprintln(a.err, "`sinker --help` lists the commands, `sinker COMMAND --help` explains one.")
		}
	}
	return e.status
}

func isFaults(err error) bool {
	var fs config.Faults
	return errors.As(err, &fs)
}

func (a *app) root() *cobra.Command {
	c := &cobra.Command{
		Use:   "sinker",
		Short: "From Kafka into Iceberg tables, exactly once, whatever crashes",
		Long: `sinker reads Kafka topics and writes their records into Apache Iceberg tables. Each record is in its table
exactly once, whatever crashes, whoever else writes to the table, however often a request is lost.

Logs go to standard error, results to standard output.

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 a table waits for the operator.`,
		Example: `  sinker demo                          see it work, with nothing but this program
  sinker check -c sinker.yaml          what is wrong with a configuration, what run would do
  sinker run -c sinker.yaml            the service`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              noArguments,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.startLog() },
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage("%s: %w", c.CommandPath(), err) })
	f := c.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&a.logLevel, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	f.StringVar(&a.logFormat, "log-format", "text", "`FORM` of the log: text or json")
	c.SetHelpCommand(&cobra.Command{Hidden: true, Use: "no-help"})
	c.AddCommand(a.demoCommand(), a.runCommand(), a.checkCommand(), a.offsetsCommand(), a.deadlettersCommand(), a.versionCommand())
	return c
}

// noArguments refuses words that no flag takes, and guesses at the command that was meant.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		msg := fmt.Sprintf("%s has no command %q", c.CommandPath(), args[0])
		c.SuggestionsMinimumDistance = 2
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			msg += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage("%s", msg)
	}
	return usage("%s takes no arguments, got %q", c.CommandPath(), args[0])
}

// addOutput gives a command that reports the flag for the form of its report.
func (a *app) addOutput(c *cobra.Command) {
	c.Flags().StringVar(&a.output, "output", "text", "`FORM` of the report: text or json")
	a.checkBefore(c, func() error { return oneOfFlag("--output", a.output, "text", "json") })
}

// checkBefore runs test before the command does.
func (a *app) checkBefore(c *cobra.Command, test func() error) {
	next := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if err := test(); err != nil {
			return err
		}
		if next != nil {
			return next(c, args)
		}
		return nil
	}
}

func oneOfFlag(flag, value string, allowed ...string) error {
	for _, v := range allowed {
		if v == value {
			return nil
		}
	}
	return usage("%s %q: want %s", flag, value, strings.Join(allowed, " or "))
}

// addConfig gives a command the flag -c.
func addConfig(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", "", "configuration `FILE` (required)")
	next := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if *file == "" {
			return usage("%s: give the configuration file with -c FILE", c.CommandPath())
		}
		if next != nil {
			return next(c, args)
		}
		return nil
	}
}

// load reads the configuration; from then on, no output of the process shows its secrets.
func (a *app) load(file string) (*config.Config, error) {
	c, err := config.Load(file)
	if err != nil {
		var fs config.Faults
		if errors.As(err, &fs) {
			what := "fault"
			if len(fs) > 1 {
				what = "faults"
			}
			return nil, &exit{exitUsage, fmt.Errorf("%d %s in the configuration:\n%w", len(fs), what, fs)}
		}
		return nil, &exit{exitUsage, err}
	}
	a.out.hide(c.Secrets())
	a.err.hide(c.Secrets())
	return c, nil
}
