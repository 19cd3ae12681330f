package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/sinker-io/sinker/config"
)

// strangers warns of members of the group that are no sinker. Who may not ask does without.
func (c *checking) strangers(ctx context.Context) {
	found, err := c.look.Strangers(ctx)
	if err != nil || len(found) == 0 {
		return
	}
	c.report.Warnings = append(c.report.Warnings, config.Warning{File: c.report.File,
		What: fmt.Sprintf("the group %s has members that are no sinker: %s", c.cfg.Kafka.Group, strings.Join(found, ", ")),
		Hint: "the partitions they hold reach no table: end them, or give kafka.group a name of its own"})
}
