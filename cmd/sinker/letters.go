package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strings"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/deadletter"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/schema"
	"github.com/sinker-io/sinker/sink"
)

// lettersOf is the table of dead letters of an entry, as an entry of its own: what it has for columns is not the configuration's to
// say. Its branch is main, whichever the records go to.
func lettersOf(t config.Table) config.Table {
	create := &config.Create{PartitionBy: []string{deadletter.PartitionBy}}
	for _, f := range deadletter.Schema().Fields() {
		create.Columns = append(create.Columns, config.CreateColumn{Name: f.Name, Type: schema.Describe(f.Type), Required: f.Required, Doc: f.Doc})
	}
	return config.Table{Topics: t.Topics, Table: t.DeadLetters, Branch: "main", Create: create}
}

// keepsLetters tells whether bad records of an entry become dead letters.
func keepsLetters(t config.Table) bool { return t.OnBadRecord == "dead_letter" }

// lettersHash is of all that decides what is in a table of dead letters: of every entry that it is shared by.
func lettersHash(c *config.Config, name string) string {
	var all []string
	for _, t := range c.Tables {
		if keepsLetters(t) && t.DeadLetters == name {
			all = append(all, entryHash(t))
		}
	}
	sort.Strings(all)
	sum := sha256.Sum256([]byte(strings.Join(all, " ")))
	return hex.EncodeToString(sum[:8])
}

// letters says to a sink where the dead letters of an entry go; nil if they go nowhere.
func (l *lake) letters(t config.Table) *sink.Letters {
	if !keepsLetters(t) {
		return nil
	}
	return &sink.Letters{Table: t.DeadLetters, Hash: lettersHash(l.cfg, t.DeadLetters),
		Open: func(ctx context.Context, name string) (sink.LetterTable, error) {
			tb, err := l.openOrCreate(ctx, lettersOf(t), name)
			if err != nil {
				return nil, err
			}
			return &letterTable{table: tb.(*table), sink: l.cfg.Sink}, nil
		}}
}

// letterTable is a table of dead letters as one sink id has it.
type letterTable struct {
	*table
	sink string
}

// Held implements sink.LetterTable. Rows that somebody has deleted since by delete files count as well: that they were dead letters stays
// true.
func (t *letterTable) Held(ctx context.Context, v commit.View, ranges offsets.Ranges) (commit.Held, error) {
	held := deadletter.Held{}
	if len(ranges) == 0 {
		return commit.Held(held), nil
	}
	err := t.read(ctx, v, ranges, deadletter.Places, func(l deadletter.Letter) error {
		held.Note(l, t.sink, ranges)
		return nil
	})
	return commit.Held(held), err
}

// read gives the letters of all files that may hold offsets of the ranges; nil: of all files.
func (t *letterTable) read(ctx context.Context, v commit.View, ranges offsets.Ranges, parts deadletter.Parts, give func(deadletter.Letter) error) error {
	desc, err := t.table.Table.Describe(v)
	if err != nil {
		return err
	}
	return t.Files(ctx, v, func(f iceberg.DataFile) error {
		if ranges != nil && !deadletter.Meets(f, desc.Schema, ranges) {
			return nil
		}
		file, err := t.Open(ctx, v, f.FilePath())
		if err != nil {
			return err
		}
		defer file.Close()
		return deadletter.Read(file, desc.Schema, parts, give)
	})
}
