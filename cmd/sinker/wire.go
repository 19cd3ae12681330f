package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sort"
	"strings"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/catalog"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/schema"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/writer"
)

// sourceConfig is how the log is read. The budget is the caller's to add.
func sourceConfig(c *config.Config, log *slog.Logger) source.Config {
	out := source.Config{
		Brokers: c.Kafka.Brokers, Group: c.Kafka.Group, InstanceID: c.Kafka.InstanceID, Refresh: c.Kafka.Refresh.Std(),
		SessionTimeout: c.Kafka.SessionTimeout.Std(), Logger: log,
	}
	for _, t := range c.Tables {
		names, patterns := topicsOf(t)
		out.Topics, out.Patterns = append(out.Topics, names...), append(out.Patterns, patterns...)
	}
	if t := c.Kafka.TLS; t != nil {
		out.TLS = &source.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile}
	}
	if s := c.Kafka.SASL; s != nil {
		out.SASL = &source.SASL{
			Mechanism: s.Mechanism, Username: s.Username, Password: s.Password.Reveal(),
			TokenFile: s.TokenFile, TokenURL: s.TokenURL, ClientID: s.ClientID, ClientSecret: s.ClientSecret.Reveal(), Scope: s.Scope,
		}
	}
	return out
}

func topicsOf(t config.Table) (names []string, patterns []*regexp.Regexp) {
	for _, topic := range t.Topics {
		if topic.Pattern != nil {
			patterns = append(patterns, topic.Pattern)
		} else {
			names = append(names, topic.Name)
		}
	}
	return names, patterns
}

func startPoint(s config.Start) source.Point {
	switch s.At {
	case "latest":
		return source.Latest
	case "time":
		return source.At(s.Time)
	}
	return source.Earliest
}

// lake is the catalog and the storage of one configuration.
type lake struct {
	cfg   *config.Config
	store *storage.Router
	cat   *catalog.Catalog
	log   *slog.Logger
}

func s3Config(c *config.Config, log *slog.Logger) storage.S3Config {
	out := storage.S3Config{Log: log}
	if s := c.S3; s != nil {
		out.Endpoint, out.Region, out.PathStyle = s.Endpoint, s.Region, s.PathStyle
		out.AccessKey, out.SecretKey = s.AccessKey, s.SecretKey.Reveal()
	}
	return out
}

// openLake connects to the catalog; who only looks makes nothing, and gets an error of class Missing where the catalog itself has yet to
// be made. Close what it returns.
func openLake(ctx context.Context, c *config.Config, look bool, log *slog.Logger) (*lake, error) {
	s3 := s3Config(c, log)
	store, err := storage.Open(storage.Config{S3: s3})
	if err != nil {
		return nil, &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("storage: %w", err)}
	}
	cat, err := catalog.Open(ctx, catalog.Config{
		Type: c.Catalog.Type, URI: c.Catalog.URI.Reveal(), Warehouse: c.Catalog.Warehouse, Properties: c.Catalog.Properties.Reveal(),
		Store: store, S3: &s3, Log: log, Look: look,
	})
	if err != nil {
		store.Close()
		return nil, err
	}
	return &lake{cfg: c, store: store, cat: cat, log: log}, nil
}

// Close ends the connections.
func (l *lake) Close() {
	if err := l.cat.Close(); err != nil {
		l.log.Warn("catalog: close", "error", err)
	}
	l.store.Close()
}

// table is a table of the catalog that is held against what the configuration says of it.
type table struct {
	*catalog.Table
	declared *iceberg.Schema // nil: the configuration does not say
}

// Describe implements sink.Table: it also refuses a table that is not the one that the
// configuration would have made.
func (t *table) Describe(v commit.View) (writer.Table, error) {
	desc, err := t.Table.Describe(v)
	if err != nil {
		return desc, err
	}
	var found []string
	if t.declared != nil {
		for _, err := range schema.Fit(desc.Schema, t.declared) {
			found = append(found, err.Error())
		}
	}
	if len(found) > 0 {
		return desc, &commit.Stop{Reason: commit.Incompatible, Table: t.Name(), Found: strings.Join(found, "; "),
			Do: "change the table, or create in the configuration; sinker looks again every 30 s. `sinker check` holds the two against each other"}
	}
	return desc, nil
}

// open finds the table of an entry, without making it; the error is of class Missing if it is not there.
func (l *lake) open(ctx context.Context, t config.Table, name string) (*table, error) {
	tb, err := l.cat.Table(name, t.Branch, l.cfg.Sink)
	if err != nil {
		return nil, &commit.Error{Class: commit.Rejected, Err: err}
	}
	out := &table{Table: tb}
	if t.Create != nil {
		if out.declared, _, err = declared(t); err != nil {
			return nil, &commit.Error{Class: commit.Rejected, Err: err}
		}
	}
	there, err := l.cat.Exists(ctx, name)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, &commit.Error{Class: commit.Missing, Err: fmt.Errorf("table %s: %w", name, catalog.ErrNoTable)}
	}
	return out, nil
}

// openOrCreate is open for those who write: it makes a missing table if the configuration says how.
func (l *lake) openOrCreate(ctx context.Context, t config.Table, name string) (sink.Table, error) {
	tb, err := l.open(ctx, t, name)
	if errors.Is(err, catalog.ErrNoTable) {
		if t.Create == nil {
			return nil, fmt.Errorf("%w; make it, or add create to its entry in the configuration", err)
		}
		if err := l.create(ctx, t, name); err != nil {
			return nil, err
		}
		tb, err = l.open(ctx, t, name)
	}
	if err != nil {
		return nil, err
	}
	v, err := tb.Load(ctx)
	if err != nil {
		return nil, err
	}
	tb.Retain = l.retain(tb.Created(v), tableProperties(tb, v))
	return tb, nil
}

func (l *lake) create(ctx context.Context, t config.Table, name string) error {
	sc, spec, err := declared(t)
	if err != nil {
		return &commit.Error{Class: commit.Rejected, Err: err}
	}
	version, _ := t.Create.FormatVersion()
	props := map[string]string{}
	for k, v := range t.Create.Properties {
		if k != "format-version" {
			props[k] = v
		}
	}
	made, err := l.cat.Create(ctx, name, sc, &spec, version, props)
	if err == nil && made {
		l.log.Info("table created", "table", name)
	}
	return err
}

// declared is the schema and the partition spec that the configuration gives a table.
func declared(t config.Table) (*iceberg.Schema, iceberg.PartitionSpec, error) {
	version, _ := t.Create.FormatVersion()
	sc, spec, errs := schema.Build(t.Create.Declared(), t.KafkaColumns, t.Create.PartitionBy, version)
	return sc, spec, errors.Join(errs...)
}

func decoderOptions(t config.Table, tally *decode.Tally) decode.Options {
	columns := map[string]decode.ColumnOptions{}
	for name, c := range t.Columns {
		columns[name] = decode.ColumnOptions{Unit: c.Unit, Zone: c.Zone}
	}
	return decode.Options{KafkaColumns: t.KafkaColumns, Columns: columns, Tally: tally}
}

// entries are the configuration's tables as a sink takes them.
func (l *lake) entries() []sink.Entry {
	out := make([]sink.Entry, 0, len(l.cfg.Tables))
	for _, t := range l.cfg.Tables {
		names, patterns := topicsOf(t)
		tally := new(decode.Tally)
		opts := decoderOptions(t, tally)
		out = append(out, sink.Entry{
			Topics: names, Patterns: patterns, Table: t.Table, Start: startPoint(l.cfg.Kafka.Start), Hash: entryHash(t), SkipBad: t.OnBadRecord == "skip",
			MaxBadShare: max(float64(t.MaxBadShare), 0), Tally: tally, Letters: l.letters(t),
			Open:    func(ctx context.Context, name string) (sink.Table, error) { return l.openOrCreate(ctx, t, name) },
			Decoder: func(sc *iceberg.Schema) (decode.Decoder, error) { return decode.New(t.Format, sc, opts) },
		})
	}
	return out
}

// entryHash is of all that decides which rows a record gives: another hash is another configuration (protocol line 1).
func entryHash(t config.Table) string {
	var topics []string
	for _, topic := range t.Topics {
		topics = append(topics, topic.Text)
	}
	sort.Strings(topics)
	kafka := append([]string{}, t.KafkaColumns...)
	sort.Strings(kafka)
	text, err := json.Marshal([]any{topics, t.Table, t.Format, t.Columns, kafka, t.OnBadRecord})
	if err != nil {
		panic(err) // texts and maps of texts
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func policy(p config.Policy) sink.Policy {
	return sink.Policy{
		Rollback: commit.Rollback(p.Rollback), SkipGap: p.Gap == "continue", Rewind: p.Truncation == "rewind",
		FollowRecreate: p.TopicRecreated == "continue", AllowNewSink: p.NewSink == "allow",
	}
}
