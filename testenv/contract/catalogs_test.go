package contract

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/iceberg-go"
	sqlcat "github.com/apache/iceberg-go/catalog/sql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/sinker-io/sinker/catalog"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/commit/fitness"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/testenv/real"
)

const namespace = "contract"

var schema = iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64})

// kind is a catalog that the suite runs on, and what it is declared to keep.
type kind struct {
	name     string
	declared commit.Capabilities
	log      bool
	open     func(t *testing.T) *lake
}

// lake is a catalog that is up.
type lake struct {
	cfg     catalog.Config
	foreign func(t *testing.T, name string, create func() error) *Foreign
}

var kinds = []kind{
	{"SQLite", fitness.All, true, func(t *testing.T) *lake {
		dir := t.TempDir()
		file, warehouse := dir+"/catalog.db", "file://"+dir+"/wh"
		return &lake{catalog.Config{Type: "sql", URI: "sqlite:" + file, Warehouse: warehouse, Store: storage.NewFiles()},
			sqlForeign("sqlite", file+"?_pragma=busy_timeout(5000)&_txlock=immediate", sqlcat.SQLite, warehouse)}
	}},
	{"PostgreSQL", fitness.All, true, func(t *testing.T) *lake {
		pg, warehouse := must(servers.PostgreSQL(t.Context()))(t), "file://"+t.TempDir()+"/wh"
		return &lake{catalog.Config{Type: "sql", URI: pg.URI(), Warehouse: warehouse, Store: storage.NewFiles()},
			sqlForeign("pgx", pg.URI(), sqlcat.Postgres, warehouse)}
	}},
	{"Iceberg REST catalog", fitness.All, true, func(t *testing.T) *lake { return overREST(t, real.RESTVersityGW) }},
	{"Nessie", commit.Capabilities{Properties: true}, false, func(t *testing.T) *lake { return overREST(t, real.NessieVersity) }},
}

func overREST(t *testing.T, k real.Kind) *lake {
	w := must(servers.World(t.Context(), k))(t)
	s := must(storage.NewS3(t.Context(), s3Config(w.S3)))(t)
	t.Cleanup(s.Close)
	root := must(RESTRoot(t.Context(), w.Catalog.URI, w.Catalog.Warehouse))(t)
	return &lake{catalog.Config{Type: "rest", URI: w.Catalog.URI, Warehouse: w.Catalog.Warehouse, Store: s},
		func(t *testing.T, name string, create func() error) *Foreign {
			return RESTForeign(t.Context(), root, namespace, name, create)
		}}
}

func s3Config(s *real.S3) storage.S3Config {
	return storage.S3Config{Endpoint: s.Endpoint, Region: s.Region, PathStyle: true, AccessKey: s.AccessKey, SecretKey: s.SecretKey}
}

// sqlForeign is iceberg-go's own catalog on the same database.
func sqlForeign(driver, source string, dialect sqlcat.SupportedDialect, warehouse string) func(*testing.T, string, func() error) *Foreign {
	return func(t *testing.T, name string, create func() error) *Foreign {
		db := must(sql.Open(driver, source))(t)
		t.Cleanup(func() { db.Close() })
		cat := must(sqlcat.NewCatalog("ice", db, dialect, iceberg.Properties{"warehouse": warehouse}))(t)
		return SQLForeign(context.WithoutCancel(t.Context()), cat, namespace, name, create)
	}
}

var tables atomic.Int64

// subject makes a new table in the catalog.
func (k kind) subject(t *testing.T, l *lake) committest.Subject {
	name := fmt.Sprintf("t%d", tables.Add(1))
	d := &committest.Doubling{Next: http.DefaultTransport}
	open := func() *catalog.Catalog {
		cfg := l.cfg
		if cfg.Type == "rest" {
			cfg.Transport = d
		}
		c := must(catalog.Open(t.Context(), cfg))(t)
		t.Cleanup(func() { c.Close() })
		return c
	}
	own := open()
	create := func() error {
		created, err := own.Create(t.Context(), namespace+"."+name, schema, nil, 2, nil)
		if err == nil && !created {
			err = fmt.Errorf("table %s is there already", name)
		}
		return err
	}
	if err := create(); err != nil {
		t.Fatal(err)
	}
	s := committest.Subject{Declared: k.declared, Log: k.log, Foreign: l.foreign(t, name, create), Open: func(sink string) commit.Table {
		return must(open().Table(namespace+"."+name, "", sink))(t)
	}}
	if l.cfg.Type == "rest" {
		s.Doubled = d.On.Store
	}
	return s
}

// Every catalog keeps what it is declared to keep, and sinker keeps its promise on it.
func TestCatalogs_PassTheSuite(t *testing.T) {
	t.Parallel()
	reports := make([]committest.Report, len(kinds))
	for i, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			l := k.open(t)
			reports[i] = committest.Run(t, func(t *testing.T) committest.Subject { return k.subject(t, l) })
		})
	}
	if !t.Failed() {
		document(t, "catalogs", catalogTable(reports))
	}
}

// catalogTable is what was measured, a column a catalog.
func catalogTable(reports []committest.Report) string {
	var b strings.Builder
	b.WriteString("| what was tried |")
	for _, k := range kinds {
		b.WriteString(" " + k.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(kinds)) + "\n")
	rows, cells := []string{}, map[string][]string{}
	for i, r := range reports {
		for _, f := range r.Found {
			if cells[f.What] == nil {
				rows, cells[f.What] = append(rows, f.What), make([]string, len(reports))
			}
			cells[f.What][i] = map[bool]string{true: "yes", false: "no"}[f.OK]
		}
	}
	for _, what := range rows {
		b.WriteString("| " + what + " |")
		for _, c := range cells[what] {
			if c == "" {
				c = "–"
			}
			b.WriteString(" " + c + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
