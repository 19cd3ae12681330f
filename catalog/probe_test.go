package catalog

import (
	"context"
	"errors"
	"strings"
	"testing"

	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/fitness"
)

var all = fitness.All

func TestProbe_SQLKeepsEverything(t *testing.T) {
	w := newWorld(t)
	caps, found, err := w.cat.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if caps != all {
		t.Errorf("capabilities %+v", caps)
	}
	for _, f := range found {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	if len(found) < 8 {
		t.Errorf("only %d findings", len(found))
	}
	var n int
	if err := w.cat.back.(*sqlBackend).db.QueryRow("SELECT (SELECT count(*) FROM iceberg_tables) + (SELECT count(*) FROM iceberg_namespace_properties)").Scan(&n); err != nil || n != 0 {
		t.Errorf("the probe left %d rows in the catalog, %v", n, err)
	}
}

// faulty is a catalog that keeps less than it should.
type faulty struct {
	backend
	ignoreRequirements bool
	dropTags           bool
	dropProperties     bool
	hideHistory        bool
}

func (f *faulty) commit(ctx context.Context, id ident, base *loaded, reqs []icetable.Requirement, ups []icetable.Update) error {
	if f.ignoreRequirements {
		reqs = nil
	}
	var kept []icetable.Update
	for _, u := range ups {
		switch {
		case f.dropProperties && u.Action() == icetable.UpdateSetProperties:
		case f.dropTags && u.Action() == icetable.UpdateSetSnapshotRef && len(kept) > 0 && kept[len(kept)-1].Action() == icetable.UpdateSetSnapshotRef:
		default:
			kept = append(kept, u)
		}
	}
	if f.dropTags && len(reqs) > 2 {
		reqs = reqs[:2]
	}
	return f.backend.commit(ctx, id, base, reqs, kept)
}

func (f *faulty) load(ctx context.Context, id ident) (*loaded, error) {
	l, err := f.backend.load(ctx, id)
	if err != nil || !f.hideHistory {
		return l, err
	}
	out := *l
	out.snaps = map[int64]icetable.Snapshot{}
	for _, ref := range l.refs {
		s := l.snaps[ref.SnapshotID]
		s.ParentSnapshotID = nil
		out.snaps[ref.SnapshotID] = s
	}
	return &out, nil
}

func TestProbe_FindsOutWhatIsNotKept(t *testing.T) {
	for name, c := range map[string]struct {
		bad   faulty
		want  commit.Capabilities
		unfit bool
	}{
		"no requirements": {bad: faulty{ignoreRequirements: true}, unfit: true},
		"no tags":         {bad: faulty{dropTags: true}, want: commit.Capabilities{Properties: true, History: true}},
		"no properties":   {bad: faulty{dropProperties: true}, want: commit.Capabilities{Tags: true, History: true}},
		"no history":      {bad: faulty{hideHistory: true}, want: commit.Capabilities{Tags: true, Properties: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.bad.backend = w.cat.back
			w.cat.back = &c.bad
			caps, found, err := w.cat.Probe(t.Context())
			if errors.Is(err, ErrUnfit) != c.unfit || (err != nil && !c.unfit) {
				t.Fatalf("%v; %+v", err, found)
			}
			if !c.unfit && (caps != c.want || w.cat.Capabilities() != c.want) {
				t.Errorf("%+v, want %+v; %+v", caps, c.want, found)
			}
		})
	}
}

func TestLearn_FromOurOwnCommits(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	w.cat.back = &faulty{backend: w.cat.back, dropTags: true, dropProperties: true}
	tb := w.table("shop.orders", "", "s1")
	commitOne := func() commit.Capabilities {
		t.Helper()
		if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, 0)); err != nil {
			t.Fatal(err)
		}
		return load(t, tb).Caps
	}
	if caps := commitOne(); caps != all {
		t.Errorf("after one miss: %+v", caps)
	}
	if caps := commitOne(); caps != (commit.Capabilities{History: true}) || w.cat.Capabilities() != caps {
		t.Errorf("after two: %+v", caps)
	}

	t.Run("somebody's hand is not the catalog", func(t *testing.T) {
		w := newWorld(t)
		w.create("shop.orders", nil, 2, nil)
		tb := w.table("shop.orders", "", "s1")
		for range 3 {
			put := func() {
				if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, 0)); err != nil {
					t.Fatal(err)
				}
			}
			put()
			w.update("shop.orders", icetable.NewRemoveSnapshotRefUpdate("sinker_s1"), icetable.NewRemovePropertiesUpdate([]string{keyMirror + "s1"}))
			load(t, tb)
			put()
			if caps := load(t, tb).Caps; caps != all {
				t.Errorf("%+v", caps)
			}
		}
	})
}

func TestCreate_EightAtOnceMakeOneTable(t *testing.T) {
	w := newWorld(t)
	type result struct {
		created bool
		err     error
	}
	out := make(chan result)
	for range 8 {
		c := w.open()
		go func() {
			created, err := c.Create(t.Context(), "deep.er.orders", ordersSchema, nil, 2, nil)
			out <- result{created, err}
		}()
	}
	n := 0
	for range 8 {
		r := <-out
		if r.err != nil {
			t.Error(r.err)
		}
		if r.created {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d created it", n)
	}
	if ok, err := w.cat.Exists(t.Context(), "deep.er.orders"); !ok || err != nil {
		t.Errorf("exists: %v, %v", ok, err)
	}
	if ok, err := w.cat.Exists(t.Context(), "deep.er.none"); ok || err != nil {
		t.Errorf("exists: %v, %v", ok, err)
	}
	_, err := w.table("deep.er.none", "", "s1").Load(t.Context())
	wantClass(t, err, commit.Missing)
	if !errors.Is(err, ErrNoTable) {
		t.Errorf("%v is not ErrNoTable", err)
	}
}

func TestOpen_SaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	for name, edit := range map[string]func(*Config){
		"type": func(c *Config) { c.Type = "hive" }, "warehouse": func(c *Config) { c.Warehouse = "" }, "no store": func(c *Config) { c.Store = nil },
		"uri": func(c *Config) { c.URI = "mysql://x" }, "no path": func(c *Config) { c.URI = "sqlite:" },
		"postgres": func(c *Config) { c.URI = "postgres://u:hunter2hunter2@127.0.0.1:1/x?connect_timeout=1" }, "bad postgres": func(c *Config) { c.URI = "postgres://u:hunter2hunter2@:x:y/%zz" },
		"timeout": func(c *Config) { c.Properties = map[string]string{"request-timeout": "soon"} },
		"folder":  func(c *Config) { c.URI = "sqlite:" + w.dir },
	} {
		cfg := w.cfg
		edit(&cfg)
		c, err := Open(t.Context(), cfg)
		if err == nil {
			c.Close()
			t.Errorf("%s: opened", name)
		} else if strings.Contains(err.Error(), "hunter2hunter2") {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
	}
}
