package sink_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/deadletter"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/writer"
)

// letterTable is a table of dead letters in memory, with its files in a folder.
type letterTable struct {
	*committest.Memory
	name, dir string
	files     *sync.Map // of batches, by id
}

func (w *world) letterTable(name string) *letterTable {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.letters == nil {
		w.letters = map[string]*letterTable{}
	}
	if w.letters[name] == nil {
		w.letters[name] = &letterTable{Memory: committest.NewMemory(nil), name: name, dir: w.dir + "/" + name, files: &sync.Map{}}
	}
	return w.letters[name]
}

func (t *letterTable) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	for _, b := range c.Batches {
		var paths []string
		for _, f := range b.Files {
			paths = append(paths, strings.TrimPrefix(f.FilePath(), "file://"))
		}
		t.files.Store(b.ID, paths)
	}
	return t.Memory.Append(ctx, base, c)
}

func (t *letterTable) Describe(v commit.View) (writer.Table, error) {
	return writer.Table{Name: t.name, UUID: v.TableUUID, Location: "file://" + t.dir, Schema: deadletter.Schema(), Spec: deadletter.Spec(), FormatVersion: 2,
		Properties: iceberg.Properties{}, Store: storage.NewFiles()}, nil
}

// read gives the letters of batches.
func (t *letterTable) read(batches map[uuid.UUID]bool, give func(deadletter.Letter) error) error {
	for id := range batches {
		paths, known := t.files.Load(id)
		if !known {
			return fmt.Errorf("batch %s has no files", id)
		}
		for _, path := range paths.([]string) {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			err = deadletter.Read(f, deadletter.Schema(), deadletter.Whole, give)
			f.Close()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *letterTable) Held(_ context.Context, v commit.View, ranges offsets.Ranges) (commit.Held, error) {
	held := deadletter.Held{}
	if len(ranges) == 0 {
		return commit.Held(held), nil
	}
	err := t.read(commit.Lineage(v), func(l deadletter.Letter) error { held.Note(l, "x", ranges); return nil })
	return commit.Held(held), err
}

// now is the letters that the table holds, in order.
func (w *world) dead(name string) []deadletter.Letter {
	w.t.Helper()
	t := w.letterTable(name)
	v, err := t.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var out []deadletter.Letter
	if err := t.read(commit.Lineage(v), func(l deadletter.Letter) error { out = append(out, l); return nil }); err != nil {
		w.t.Fatal(err)
	}
	deadletter.Sort(out)
	return out
}

// keeping is an entry that keeps dead letters.
func (w *world) keeping(topics, name, letters string) sink.Entry {
	e := w.entry(topics, name)
	e.Letters = &sink.Letters{Table: letters, Hash: "d", Open: func(_ context.Context, name string) (sink.LetterTable, error) { return w.letterTable(name), nil }}
	return e
}

// whole fails unless each of a topic's offsets below end has one fate: hostile ones are one dead letter, all others are rows of the table.
func (w *world) whole(topic, name, letters string, hostile map[int64]bool, end int64) {
	w.t.Helper()
	got := map[int64]int{}
	for _, l := range w.dead(letters) {
		if l.Partition.Topic == topic {
			got[l.Offset]++
		}
	}
	for o := range end {
		want := 0
		if hostile[o] {
			want = 1
		}
		if got[o] != want {
			w.t.Errorf("offset %d of %s is %d dead letters, want %d", o, topic, got[o], want)
		}
		delete(got, o)
	}
	for o, n := range got {
		w.t.Errorf("offset %d of %s, beyond the end, is %d dead letters", o, topic, n)
	}
	w.exact(name, end-int64(len(hostile)))
	for p, m := range w.state(name).Ledger.Marks {
		if p.Topic == topic && (m.Next != end || m.Dead != int64(len(hostile))) {
			w.t.Errorf("%s: the table stands at %d with %d dead, want %d with %d", p, m.Next, m.Dead, end, len(hostile))
		}
	}
}
