package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/config"
)

func (a *app) checkCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "check -c FILE",
		Short: "What is wrong with a configuration, and what run would do",
		Args:  noArguments,
		RunE:  func(c *cobra.Command, _ []string) error { return a.check(file) },
	}
	addConfig(c, &file)
	a.addOutput(c)
	return c
}

// checkReport is the result of check, in the order in which it is told.
type checkReport struct {
	File     string           `json:"file"`
	Faults   []config.Fault   `json:"faults"` // nothing else is known if there are any
	Warnings []config.Warning `json:"warnings"`
	Config   *config.Config   `json:"configuration,omitempty"` // with every default
}

func (a *app) check(file string) error {
	c, err := config.Load(file)
	var fs config.Faults
	if errors.As(err, &fs) && a.output == "json" {
		if err := writeJSON(a.out, checkReport{File: file, Faults: fs, Warnings: []config.Warning{}}); err != nil {
			return err
		}
		return &exit{status: exitUsage}
	}
	if c, err = a.load(file); err != nil {
		return err
	}
	if a.output == "json" {
		return writeJSON(a.out, checkReport{File: file, Faults: []config.Fault{}, Warnings: c.Warnings, Config: c})
	}
	_, err = fmt.Fprintf(a.out, "%s: no fault\n", file)
	return err
}
