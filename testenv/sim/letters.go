package sim

import (
	"bytes"
	"context"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/deadletter"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
	"github.com/sinker-io/sinker/writer"
)

// lettersName is the table of dead letters that all tables of a world share, where bad records are kept.
const lettersName = "dead"

// drawLetters makes some of the cases that have bad records keep them. It has a stream of chance of its own, so that the worlds of
// other cases stay what they were.
func (c *Case) drawLetters() {
	if fate.Stream(c.Seed, "dead letters").IntN(4) == 0 && c.has(Poison) {
		c.Policy.Letters, c.Policy.SkipBad, c.Policy.MaxBadShare = true, false, 0
	}
}

// letters is where a sink of the world keeps dead letters; nil: nowhere.
func (wk *worker) letters(p *process) *sink.Letters {
	if wk.w.letters == nil {
		return nil
	}
	return &sink.Letters{Table: lettersName, Hash: "d", Open: func(ctx context.Context, _ string) (sink.LetterTable, error) {
		return call(ctx, p.wire, "open", func(fate.Kind, int64) (sink.LetterTable, error) {
			return letterTable{remote{wk.w.letters, p.wire}, wk.sink}, nil
		})
	}}
}

// letterTable is the dead letters as one process reaches them.
type letterTable struct {
	remote
	sink string
}

// Describe implements sink.Table.
func (t letterTable) Describe(v commit.View) (writer.Table, error) {
	d, err := t.remote.Describe(v)
	d.Schema, d.Spec = deadletter.Schema(), *iceberg.UnpartitionedSpec
	return d, err
}

// Held implements sink.LetterTable.
func (t letterTable) Held(ctx context.Context, v commit.View, ranges offsets.Ranges) (commit.Held, error) {
	held := deadletter.Held{}
	if len(ranges) == 0 {
		return commit.Held(held), nil
	}
	var files []oracle.File
	t.mu.Lock()
	if head := t.snaps[v.Head]; head != nil {
		files = head.files
	}
	t.mu.Unlock()
	for _, f := range files {
		data, err := bucket{t.w.store, t.e}.ReadAll(ctx, f.Path)
		if err != nil {
			return nil, err
		}
		err = deadletter.Read(bytes.NewReader(data), deadletter.Schema(), deadletter.Places, func(l deadletter.Letter) error { held.Note(l, t.sink, ranges); return nil })
		if err != nil {
			return nil, err
		}
	}
	return commit.Held(held), nil
}

// dead is what the table of dead letters holds, for the oracle: its columns are read one by one, without the reader under test.
func (w *world) dead() (out []oracle.Letter) {
	if w.letters == nil {
		return nil
	}
	for _, f := range w.letters.headFiles() {
		o, err := w.store.get(f.Path)
		if err != nil {
			w.fault("dead letters: %v", err)
			continue
		}
		ls, err := oracle.ReadLetters(o.data)
		if err != nil || int64(len(ls)) != f.Rows {
			w.fault("dead letters: %s has %d, is said to have %d: %v", f.Path, len(ls), f.Rows, err)
		}
		out = append(out, ls...)
	}
	return out
}
