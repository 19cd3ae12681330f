package main

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/schema"
)

// printer writes lines and keeps the first error.
type printer struct {
	to  io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.to, format+"\n", args...)
	}
}

// print tells the report to people.
func (c *checking) print(to io.Writer) error {
	p, r := &printer{to: to}, &c.report
	p.line("configuration  %s: no fault, sink %s", r.File, c.cfg.Sink)
	for _, w := range r.Warnings {
		p.line("  warning: %s", w)
	}
	if k := r.Kafka; k != nil {
		p.line("kafka          %s, cluster %s", strings.Join(c.cfg.Kafka.Brokers, ", "), k.Cluster)
		for _, t := range k.Topics {
			p.line("  topic %s: %s, to %s", t.Name, plural(int(t.Partitions), "partition"), strings.Join(t.Tables, " and "))
		}
	} else {
		p.line("kafka          %s: could not be used, see below", strings.Join(c.cfg.Kafka.Brokers, ", "))
	}
	c.printCatalog(p)
	for _, t := range r.Tables {
		t.print(p, c.cfg.Kafka.Start)
	}
	p.line("permissions    what run needs, and no more")
	for _, part := range []struct {
		name  string
		lines []string
	}{{"kafka", r.Needs.Kafka}, {"storage", r.Needs.Storage}, {"catalog", r.Needs.Catalog}} {
		for _, l := range part.lines {
			p.line("  %-8s %s", part.name, l)
		}
	}
	if len(r.Problems) == 0 {
		p.line("run would work")
		return p.err
	}
	p.line("%s", plural(len(r.Problems), "problem"))
	for _, pr := range r.Problems {
		p.line("  %s: %s", pr.Step, pr.What)
	}
	return p.err
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (c *checking) printCatalog(p *printer) {
	k := c.report.Catalog
	if k == nil {
		p.line("catalog        %s %s: could not be used, see below", c.cfg.Catalog.Type, c.cfg.Catalog.URI)
		return
	}
	p.line("catalog        %s %s", c.cfg.Catalog.Type, c.cfg.Catalog.URI)
	if k.Missing != "" {
		p.line("  %s; run makes it", k.Missing)
	}
	if !k.Probed {
		p.line("  what it really keeps was not tried, nor writing: --probe does")
		return
	}
	for _, f := range k.Findings {
		verdict := "ok"
		if !f.OK {
			verdict = "NO"
		}
		p.line("  %-3s %s: %s", verdict, f.What, f.Found)
	}
}

func (t *tableReport) print(p *printer, start config.Start) {
	what := "from"
	if t.Letters {
		what = "dead letters of"
	}
	p.line("table          %s, branch %s, %s %s", t.Table, t.Branch, what, strings.Join(t.Topics, ", "))
	switch {
	case t.Error != "":
		p.line("  could not be looked at: %s", t.Error)
	case t.Stop != nil:
		p.line("  STOP(%s): %s", t.Stop.Reason, t.Stop.Found)
		p.line("  to go on: %s", t.Stop.Do)
	case t.Create != "":
		p.line("  does not exist; run would create it:")
		for _, l := range strings.Split(t.Create, "\n") {
			p.line("    %s", l)
		}
	case !t.Exists:
		p.line("  does not exist, and there is no create for it")
	case t.New:
		p.line("  exists; sink %s has not written to it yet", t.Sink)
	case t.Letters:
		p.line("  exists; dead letters of sink %s are in it, the last of them before", t.Sink)
	default:
		p.line("  exists; sink %s goes on where the table stands:", t.Sink)
	}
	for _, r := range t.Partitions {
		if r.Next >= 0 {
			p.line("    %s-%d  %d%s", r.Topic, r.Partition, r.Next, lagText(r))
		}
	}
	if len(t.Begin) > 0 {
		p.line("  new partitions, anchored at (start: %s):", start)
		for i, b := range t.Begin {
			if i == mostShown {
				p.line("    and %d more", len(t.Begin)-i)
				break
			}
			p.line("    %s-%d  %d", b.Topic, b.Partition, b.Offset)
		}
	}
}

func lagText(r partitionStanding) string {
	switch {
	case r.Log != "":
		return "  " + r.Log
	case r.Lag != nil:
		return fmt.Sprintf("  lag %d", *r.Lag)
	}
	return ""
}

// ddl spells a table to be made in the way of SQL; for reading, not for running.
func ddl(name string, sc *iceberg.Schema, c *config.Create) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", name)
	for i, f := range sc.Fields() {
		fmt.Fprintf(&b, "  %s %s", f.Name, schema.Describe(f.Type))
		if f.Required {
			b.WriteString(" NOT NULL")
		}
		if i < sc.NumFields()-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString(")")
	if len(c.PartitionBy) > 0 {
		fmt.Fprintf(&b, "\nPARTITIONED BY (%s)", strings.Join(c.PartitionBy, ", "))
	}
	version, _ := c.FormatVersion()
	props := []string{fmt.Sprintf("'format-version'='%d'", version)}
	for k, v := range c.Properties {
		if k != "format-version" {
			props = append(props, fmt.Sprintf("'%s'='%s'", k, v))
		}
	}
	sort.Strings(props)
	fmt.Fprintf(&b, "\nTBLPROPERTIES (%s)", strings.Join(props, ", "))
	return b.String()
}
