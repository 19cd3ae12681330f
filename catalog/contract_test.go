package catalog

import (
	"net/http"
	"testing"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/commit/fitness"
)

// foreigner does its work as another client of the same catalog.
type foreigner struct {
	w *world
	n int64
}

const contractTable = "shop.orders"

func (f *foreigner) do(ups ...icetable.Update) error { f.w.update(contractTable, ups...); return nil }

func (f *foreigner) Append() error {
	f.n++
	f.w.foreignAppend(contractTable, 10_000+f.n, 10_001+f.n)
	return nil
}

func (f *foreigner) Point(id int64) error {
	return f.do(icetable.NewSetSnapshotRefUpdate("main", id, icetable.BranchRef, 0, 0, 0))
}

func (f *foreigner) Expire(ids ...int64) error {
	return f.do(icetable.NewRemoveSnapshotsUpdate(ids, false))
}

func (f *foreigner) CherryPick(id int64) error {
	f.w.cherryPick(contractTable, *f.loaded().head(mainBranch), id)
	return nil
}

func (f *foreigner) loaded() *loaded {
	id, _ := parseIdent(contractTable)
	l, err := f.w.cat.back.load(f.w.t.Context(), id)
	if err != nil {
		f.w.t.Fatal(err)
	}
	return l
}

func (f *foreigner) Replace() error {
	l := f.loaded()
	s := l.snaps[*l.head(mainBranch)]
	s.SnapshotID, s.ParentSnapshotID, s.SequenceNumber, s.TimestampMs = freshID(l), nil, l.meta.LastSequenceNumber()+1, l.newest()+1
	s.Summary = &icetable.Summary{Operation: icetable.OpAppend, Properties: map[string]string{}}
	return f.do(icetable.NewRemoveSnapshotRefUpdate("main"), icetable.NewAddSnapshotUpdate(&s),
		icetable.NewSetSnapshotRefUpdate("main", s.SnapshotID, icetable.BranchRef, 0, 0, 0))
}

func (f *foreigner) Recreate() error {
	id, _ := parseIdent(contractTable)
	if err := f.w.cat.back.drop(f.w.t.Context(), id); err != nil {
		return err
	}
	f.w.create(contractTable, nil, 2, nil)
	return nil
}

func (f *foreigner) Spoil(sink string) error {
	return f.Set([2]string{keyMirror + sink, "nonsense"})
}

func (f *foreigner) Forget(sink string) error {
	return f.do(icetable.NewRemoveSnapshotRefUpdate(tagPrefix+sink), icetable.NewRemovePropertiesUpdate([]string{keyMirror + sink}))
}

func (f *foreigner) Tag(name string, id int64) error {
	return f.do(icetable.NewSetSnapshotRefUpdate(name, id, icetable.TagRef, 0, 0, 0))
}

func (f *foreigner) Set(properties ...[2]string) error {
	p := iceberg.Properties{}
	for _, kv := range properties {
		p[kv[0]] = kv[1]
	}
	return f.do(icetable.NewSetPropertiesUpdate(p))
}

func TestContract_SQL(t *testing.T) {
	committest.Run(t, func(t *testing.T) committest.Subject {
		w := newWorld(t)
		w.create(contractTable, nil, 2, nil)
		return committest.Subject{Foreign: &foreigner{w: w}, Declared: fitness.All, Log: true,
			Open: func(sink string) commit.Table { return openTable(t, w.open(), sink) }}
	})
}

// The server numbers snapshots by itself, as some do: what keeps a request from being applied to another base is what it requires, and
// nothing else.
func TestContract_REST(t *testing.T) {
	committest.Run(t, func(t *testing.T) committest.Subject {
		w := newWorld(t)
		w.create(contractTable, nil, 3, nil)
		s := newRESTServer(t, w)
		s.numbers = true
		d := &committest.Doubling{Next: http.DefaultTransport}
		return committest.Subject{Foreign: &foreigner{w: w}, Declared: fitness.All, Log: true, Doubled: d.On.Store,
			Open: func(sink string) commit.Table {
				return openTable(t, s.open(t, func(c *Config) { c.Transport = d }), sink)
			}}
	})
}

func openTable(t *testing.T, c *Catalog, sink string) *Table {
	t.Helper()
	tb, err := c.Table(contractTable, "", sink)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}
