package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/spf13/cobra"

	"github.com/sinker-io/sinker/catalog"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/deadletter"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/storage"
)

func (a *app) checkCommand() *cobra.Command {
	var file string
	var probe bool
	c := &cobra.Command{
		Use:   "check -c FILE",
		Short: "What is wrong with a configuration, and what run would do",
		Long: `Reads the configuration and reports every fault of it at once. If there is none, tries the brokers, the
catalog, the storage and each table, and prints what run would do and the permissions it needs. It changes nothing
but with --probe, which makes and drops one scratch table to learn what the catalog really keeps.

Exit status: 0 run would work, 1 something could not be reached, 2 faults in the configuration, 3 a table would
wait for the operator.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := a.untilSignal()
			defer stop()
			return a.check(ctx, file, probe)
		},
	}
	addConfig(c, &file)
	c.Flags().BoolVar(&probe, "probe", false, "make and drop a scratch table to learn what the catalog keeps")
	a.addOutput(c)
	return c
}

// checkReport is the result of check, in the order in which it is told.
type checkReport struct {
	File     string           `json:"file"`
	Faults   []config.Fault   `json:"faults"` // nothing else is known if there are any
	Warnings []config.Warning `json:"warnings"`
	Problems []problem        `json:"problems"`
	Kafka    *kafkaReport     `json:"kafka,omitempty"`
	Catalog  *catalogReport   `json:"catalog,omitempty"`
	Tables   []*tableReport   `json:"tables,omitempty"`
	Needs    *needs           `json:"needs,omitempty"`
	Config   *config.Config   `json:"configuration,omitempty"` // with every default
}

// problem is something that keeps run from working now.
type problem struct {
	Step  string `json:"step"`
	What  string `json:"what"`
	Stops bool   `json:"waits_for_operator"`
}

type kafkaReport struct {
	Cluster string        `json:"cluster"`
	Topics  []topicReport `json:"topics"`
}

type topicReport struct {
	Name       string   `json:"name"`
	ID         string   `json:"id"`
	Partitions int32    `json:"partitions"`
	Tables     []string `json:"tables"`
}

type catalogReport struct {
	Missing    string            `json:"missing,omitempty"` // the catalog itself: run makes it
	Tags       bool              `json:"tags"`
	Properties bool              `json:"properties"`
	History    bool              `json:"history"`
	Probed     bool              `json:"probed"`
	Findings   []catalog.Finding `json:"findings,omitempty"`
}

// tableReport is one table: how it stands, and what run would do.
type tableReport struct {
	*standing
	Topics []string `json:"topics"`
	Create string   `json:"would_create,omitempty"`
	Begin  []begin  `json:"would_begin,omitempty"` // partitions that the table does not know yet
}

type begin struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset,string"`
}

// checking is one run of check.
type checking struct {
	app    *app
	cfg    *config.Config
	report checkReport
	look   *source.Look // nil: no broker answered
	topics []source.Topic
}

func (c *checking) problem(step string, err error) {
	var stop *commit.Stop
	c.report.Problems = append(c.report.Problems, problem{Step: step, What: err.Error(), Stops: errors.As(err, &stop)})
}

func (a *app) check(ctx context.Context, file string, probe bool) error {
	_, err := config.Load(file)
	var fs config.Faults
	if errors.As(err, &fs) && a.output == "json" {
		if err := writeJSON(a.out, checkReport{File: file, Faults: fs, Warnings: []config.Warning{}, Problems: []problem{}}); err != nil {
			return err
		}
		return &exit{status: exitUsage}
	}
	cfg, err := a.load(file)
	if err != nil {
		return err
	}
	c := &checking{app: a, cfg: cfg}
	need := needsOf(cfg)
	c.report = checkReport{File: file, Faults: []config.Fault{}, Warnings: append([]config.Warning{}, cfg.Warnings...), Problems: []problem{}, Needs: &need, Config: cfg}
	c.kafka(ctx)
	if c.look != nil {
		defer c.look.Close()
	}
	c.lake(ctx, probe)
	if a.output == "json" {
		err = writeJSON(a.out, c.report)
	} else {
		err = c.print(a.out)
	}
	if err != nil {
		return &exit{exitFailed, err}
	}
	return c.verdict()
}

// verdict is the exit status.
func (c *checking) verdict() error {
	status := exitDone
	for _, p := range c.report.Problems {
		switch {
		case !p.Stops:
			status = exitFailed
		case status == exitDone:
			status = exitStopped
		}
	}
	if status == exitDone {
		return nil
	}
	return &exit{status: status}
}

// kafka asks the brokers what there is to read.
func (c *checking) kafka(ctx context.Context) {
	ctx, cancel := trying(ctx)
	defer cancel()
	look, err := source.OpenLook(ctx, sourceConfig(c.cfg, c.app.log))
	if err != nil {
		c.problem("kafka", err)
		return
	}
	c.look = look
	report := &kafkaReport{Topics: []topicReport{}}
	if report.Cluster, err = look.ClusterID(ctx); err != nil {
		c.problem("kafka", err)
	}
	if c.topics, err = look.Topics(ctx); err != nil {
		c.problem("kafka", err)
	}
	c.report.Kafka = report
	for _, t := range c.topics {
		var to []string
		for _, e := range c.cfg.Tables {
			if e.Claims(t.Name) {
				to = append(to, e.NameFor(t.Name))
			}
		}
		if len(to) > 1 {
			c.problem("topic "+t.Name, &commit.Stop{Reason: commit.Route, Table: to[0], Found: "topic " + t.Name + " is matched by entries for " + strings.Join(to, " and "),
				Do: "change tables so that one entry takes it"})
		}
		report.Topics = append(report.Topics, topicReport{Name: t.Name, ID: t.ID.String(), Partitions: t.Partitions, Tables: to})
	}
	c.missingTopics()
	for _, err := range look.Lacking(ctx, c.topics) {
		c.problem("kafka", err)
	}
	c.strangers(ctx)
}

// missingTopics warns of names that no topic has: run waits for them, which may be meant.
func (c *checking) missingTopics() {
	there := map[string]bool{}
	for _, t := range c.topics {
		there[t.Name] = true
	}
	for _, e := range c.cfg.Tables {
		for _, w := range e.Topics {
			found := there[w.Name]
			for _, t := range c.topics {
				found = found || w.Matches(t.Name)
			}
			if !found {
				c.report.Warnings = append(c.report.Warnings, config.Warning{File: c.report.File, What: fmt.Sprintf("topic %s does not exist yet, or may not be seen", w.Text), Hint: "run waits for it"})
			}
		}
	}
}

// lake tries the catalog, the storage and the tables.
func (c *checking) lake(ctx context.Context, probe bool) {
	try, cancel := trying(ctx)
	defer cancel()
	l, err := openLake(try, c.cfg, !probe, c.app.log)
	if err != nil && commit.ClassOf(err) == commit.Missing {
		c.noCatalog(ctx, err)
		return
	}
	if err != nil {
		c.problem("catalog", err)
		return
	}
	defer l.Close()
	c.report.Catalog = &catalogReport{}
	if probe {
		c.report.Catalog.Probed = true
		long, cancel := context.WithTimeout(ctx, 2*time.Minute)
		_, found, err := l.cat.Probe(long)
		cancel()
		c.report.Catalog.Findings = found
		if err != nil {
			c.problem("probe", err)
		}
	}
	caps := l.cat.Capabilities()
	c.report.Catalog.Tags, c.report.Catalog.Properties, c.report.Catalog.History = caps.Tags, caps.Properties, caps.History
	c.warehouse(ctx, l)
	for _, t := range targets(c.cfg, c.topics) {
		c.report.Tables = append(c.report.Tables, c.table(ctx, l, t))
	}
}

// noCatalog is check where run would make the catalog's own tables first: no table exists yet.
func (c *checking) noCatalog(ctx context.Context, err error) {
	ctx, cancel := trying(ctx)
	defer cancel()
	c.report.Catalog = &catalogReport{Missing: err.Error()}
	for _, t := range targets(c.cfg, c.topics) {
		r := &tableReport{standing: absent(c.cfg, t), Topics: t.words}
		c.report.Tables = append(c.report.Tables, r)
		c.absent(r, t)
		if c.look != nil && !t.letters {
			c.wouldBegin(ctx, r, t)
		}
	}
}

// absent is a table that does not exist.
func (c *checking) absent(r *tableReport, t target) {
	r.New = true
	if t.entry.Create == nil {
		c.problem("table "+t.name, errors.New("it does not exist; make it, or add create to its entry in the configuration"))
		return
	}
	c.wouldCreate(r, t)
}

// warehouse asks for an object that is not there: an answer shows that the store is reached and the keys are right.
func (c *checking) warehouse(ctx context.Context, l *lake) {
	w := c.cfg.Catalog.Warehouse
	if !strings.Contains(w, "://") {
		return
	}
	ctx, cancel := trying(ctx)
	defer cancel()
	if _, err := l.store.Stat(ctx, strings.TrimRight(w, "/")+"/sinker-check"); err != nil && !errors.Is(err, storage.ErrNotFound) {
		c.problem("storage "+w, err)
	}
}

// table finds out what run would do with one table.
func (c *checking) table(ctx context.Context, l *lake, t target) *tableReport {
	ctx, cancel := trying(ctx)
	defer cancel()
	r := &tableReport{standing: l.stands(ctx, t), Topics: t.words}
	step := "table " + t.name
	switch {
	case r.Error != "":
		c.problem(step, errors.New(r.Error))
	case r.Stop != nil:
		c.report.Problems = append(c.report.Problems, problem{Step: step, What: r.Stop.Found + ". To go on: " + r.Stop.Do, Stops: true})
	case !r.Exists:
		c.absent(r, t)
	default:
		c.describe(ctx, r, t)
	}
	if c.look == nil || t.letters {
		return r
	}
	if err := r.compare(ctx, c.look); err != nil {
		c.problem(step, err)
	}
	for _, p := range r.Partitions {
		if p.Log != "" && p.Next >= 0 {
			c.report.Problems = append(c.report.Problems, problem{Step: step + " partition " + p.id.String(), What: p.Log, Stops: true})
		}
	}
	if r.Stop == nil && r.Error == "" {
		c.wouldBegin(ctx, r, t)
	}
	return r
}

func (c *checking) wouldCreate(r *tableReport, t target) {
	sc, _, err := declared(t.entry)
	if err == nil {
		err = fills(t, sc)
	}
	if err != nil {
		c.problem("table "+t.name, err)
		return
	}
	r.Create = ddl(t.name, sc, t.entry.Create)
}

// fills tells why what is configured cannot make rows of the schema; nil if it can.
func fills(t target, sc *iceberg.Schema) error {
	if t.letters {
		_, err := deadletter.NewEncoder(sc)
		return err
	}
	_, err := decode.New(t.entry.Format, sc, decoderOptions(t.entry, nil))
	return err
}

// describe asks whether rows of the configured format could be written to the table as it is.
func (c *checking) describe(ctx context.Context, r *tableReport, t target) {
	desc, err := r.table.Describe(r.view)
	if err == nil {
		if err = fills(t, desc.Schema); err != nil {
			err = &commit.Stop{Reason: commit.Incompatible, Table: t.name, Found: err.Error(), Do: "change the table or the configuration"}
		}
	}
	var stop *commit.Stop
	if errors.As(err, &stop) {
		r.Stop = reportStop(stop)
	}
	if err != nil {
		c.problem("table "+t.name, err)
		return
	}
	if _, err := desc.Store.Stat(ctx, r.Metadata); err != nil && strings.Contains(r.Metadata, "://") && !strings.HasPrefix(r.Metadata, "http") {
		c.problem("storage of table "+t.name, err)
	}
}

// wouldBegin resolves where run would begin the partitions that the table does not know.
func (c *checking) wouldBegin(ctx context.Context, r *tableReport, t target) {
	var unknown []offsets.Partition
	begins := offsets.Position{}
	for _, topic := range t.topics {
		for n := range topic.Partitions {
			p := offsets.Partition{TopicID: topic.ID, Topic: topic.Name, Num: n}
			if _, known := r.state.Ledger.Marks[p]; known {
				continue
			}
			if r.New || !r.state.Ledger.HasTopic(topic.Name, topic.ID) && r.state.Hash != t.hash {
				unknown = append(unknown, p)
			} else {
				begins[p] = 0
			}
		}
	}
	if len(unknown) > 0 {
		at, err := c.look.OffsetsAt(ctx, unknown, startPoint(c.cfg.Kafka.Start))
		if err != nil {
			c.problem("table "+t.name, err)
			return
		}
		for p, o := range at {
			begins[p] = o
		}
	}
	for p, o := range begins {
		r.Begin = append(r.Begin, begin{Topic: p.Topic, Partition: p.Num, Offset: o})
	}
	sort.Slice(r.Begin, func(i, j int) bool {
		a, b := r.Begin[i], r.Begin[j]
		return a.Topic < b.Topic || a.Topic == b.Topic && a.Partition < b.Partition
	})
}
