package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
)

// sqlBackend keeps tables where Java's JdbcCatalog and pyiceberg's SqlCatalog keep them: one row per table in iceberg_tables,
// which names the newest metadata file. A commit writes a new metadata file and swaps the name, if the row
// still has the old one.
type sqlBackend struct {
	db       *sql.DB
	dialect  dialect
	name     string // catalog_name
	typed    bool   // iceberg_tables has the column iceberg_type (schema V1)
	root     string // warehouse
	store    storage.Store
	deadline time.Duration
	log      *slog.Logger

	// Metadata files never change, so the last one read of each table need not be read again while the row names it.
	mu   sync.Mutex
	last map[string]*loaded // by table name
}

const (
	tableType = "TABLE"
	nsExists  = "exists" // the property by which JdbcCatalog marks a namespace without properties
)

func openSQL(ctx context.Context, cfg Config, log *slog.Logger) (*sqlBackend, error) {
	if cfg.Warehouse == "" {
		return nil, classed(commit.Rejected, "warehouse is not set: tables need a place, such as s3://bucket/path or file:///path")
	}
	deadline, err := duration(cfg.Properties, "request-timeout", time.Minute)
	if err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(cfg.URI, "sqlite:"); ok && cfg.Look {
		if _, err := os.Stat(strings.TrimPrefix(path, "//")); errors.Is(err, os.ErrNotExist) {
			return nil, classed(commit.Missing, "the catalog's file does not exist yet")
		}
	}
	db, d, err := openDB(cfg)
	if err != nil {
		return nil, err
	}
	b := &sqlBackend{db: db, dialect: d, name: "ice", root: strings.TrimRight(cfg.Warehouse, "/"), store: cfg.Store,
		deadline: deadline, log: log, last: map[string]*loaded{}}
	if n := cfg.Properties["catalog-name"]; n != "" {
		b.name = n
	}
	if err := b.init(ctx, cfg.Look); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

func (b *sqlBackend) close() error { return b.db.Close() }

func (b *sqlBackend) deletesMetadata() bool { return true }

// init makes the catalog's tables where they are missing, unless it may only look, and finds out whether they have the column of
// V1. The tables of others are never altered, and who finds them needs no right to make any.
func (b *sqlBackend) init(ctx context.Context, look bool) error {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	switch err := b.find(ctx); {
	case err == nil:
		return nil
	case !b.dialect.noTable(err):
		return b.fault(err, "look at the catalog's tables")
	case look:
		return &commit.Error{Class: commit.Missing, Err: fmt.Errorf("the catalog's tables do not exist yet: %w", err)}
	}
	for _, ddl := range []string{
		`CREATE TABLE IF NOT EXISTS iceberg_tables (
			catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,
			metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
			PRIMARY KEY (catalog_name, table_namespace, table_name))`,
		`CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
			catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL,
			property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, property_key))`,
	} {
		if _, err := b.db.ExecContext(ctx, ddl); err != nil && !b.dialect.duplicate(err) {
			return b.fault(err, "make the catalog's tables")
		}
	}
	return b.fault(b.find(ctx), "look at the catalog's tables")
}

// find looks for the catalog's two tables.
func (b *sqlBackend) find(ctx context.Context) error {
	if err := b.db.QueryRowContext(ctx, "SELECT count(*) FROM iceberg_namespace_properties WHERE 1 = 0").Scan(new(int)); err != nil {
		return err
	}
	rows, err := b.db.QueryContext(ctx, "SELECT * FROM iceberg_tables WHERE 1 = 0")
	if err != nil {
		return err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return err
	}
	for _, c := range cols {
		b.typed = b.typed || strings.EqualFold(c, "iceberg_type")
	}
	return rows.Err()
}

// fault gives an error of the database its class; nil stays nil.
func (b *sqlBackend) fault(err error, step string) error {
	if err == nil {
		return nil
	}
	return &commit.Error{Class: b.dialect.class(err), Err: fmt.Errorf("%s: %w", step, err)}
}

func (b *sqlBackend) key(id ident) []any {
	return []any{b.name, strings.Join(id.namespace, "."), id.name}
}

// onlyTables keeps views, which share the table, out of a WHERE.
func (b *sqlBackend) onlyTables() string {
	if b.typed {
		return " AND (iceberg_type = '" + tableType + "' OR iceberg_type IS NULL)"
	}
	return ""
}

// locate is the row's metadata location.
func (b *sqlBackend) locate(ctx context.Context, id ident) (string, error) {
	var loc sql.NullString
	err := b.db.QueryRowContext(ctx, b.dialect.bind("SELECT metadata_location FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?"+
		b.onlyTables()), b.key(id)...).Scan(&loc)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", &commit.Error{Class: commit.Missing, Err: ErrNoTable}
	case err != nil:
		return "", b.fault(err, "read the catalog's row")
	case loc.String == "":
		return "", classed(commit.Unknown, "the catalog's row names no metadata file")
	}
	return loc.String, nil
}

func (b *sqlBackend) exists(ctx context.Context, id ident) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	_, err := b.locate(ctx, id)
	if classOf(err) == commit.Missing {
		return false, nil
	}
	return err == nil, err
}

func (b *sqlBackend) load(ctx context.Context, id ident) (*loaded, error) {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	loc, err := b.locate(ctx, id)
	if err != nil {
		return nil, err
	}
	return b.read(ctx, id, loc)
}

func (b *sqlBackend) read(ctx context.Context, id ident, loc string) (*loaded, error) {
	b.mu.Lock()
	l := b.last[id.String()]
	b.mu.Unlock()
	if l != nil && l.location == loc {
		return l, nil
	}
	raw, err := b.store.ReadAll(ctx, loc)
	if err != nil {
		return nil, wrap(err, "read metadata %s", loc)
	}
	meta, size, err := parseMetadata(raw)
	if err != nil {
		return nil, wrap(err, "parse metadata %s", loc)
	}
	l = newLoaded(meta, loc, size, b.store)
	b.mu.Lock()
	b.last[id.String()] = l
	b.mu.Unlock()
	return l, nil
}

func (b *sqlBackend) commit(ctx context.Context, id ident, base *loaded, reqs []table.Requirement, ups []table.Update) error {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	loc, err := b.locate(ctx, id)
	if err != nil {
		return err
	}
	if loc != base.location {
		if base, err = b.read(ctx, id, loc); err != nil {
			return err
		}
	}
	for _, r := range reqs {
		if err := r.Validate(base.meta); err != nil {
			return requirementFailed(err)
		}
	}
	meta, err := table.UpdateTableMetadata(base.meta, ups, base.location)
	if err != nil {
		return updateFailed(err)
	}
	next, raw, err := formatMetadata(meta, nextVersion(loc))
	if err != nil {
		return &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("spell metadata: %w", err)}
	}
	if err := b.store.Put(ctx, next, raw); err != nil {
		return wrap(err, "write metadata %s", next)
	}
	set, args := "metadata_location = ?, previous_metadata_location = ?", []any{next, loc}
	if b.typed {
		set += ", iceberg_type = '" + tableType + "'"
	}
	res, err := b.db.ExecContext(ctx, b.dialect.bind("UPDATE iceberg_tables SET "+set+
		" WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ?"+b.onlyTables()), append(append(args, b.key(id)...), loc)...)
	if err != nil {
		return b.fault(err, "swap the metadata file")
	}
	n, err := res.RowsAffected()
	if err != nil {
		return b.fault(err, "swap the metadata file")
	}
	if n == 0 {
		return classed(commit.Conflict, "somebody else swapped the metadata file first")
	}
	return nil
}

func (b *sqlBackend) create(ctx context.Context, id ident, t newTable) error {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	root, err := b.namespaceRoot(ctx, id.namespace)
	if err != nil {
		return err
	}
	props := maps.Clone(t.props)
	props[table.PropertyFormatVersion] = fmt.Sprint(t.formatVersion)
	meta, err := table.NewMetadata(t.schema, t.spec, table.UnsortedSortOrder, root+"/"+id.name, props)
	if err != nil {
		return &commit.Error{Class: commit.Rejected, Err: err}
	}
	if _, err := b.locate(ctx, id); err == nil {
		return classed(commit.Conflict, "table exists already")
	} else if classOf(err) != commit.Missing {
		return err
	}
	loc, raw, err := formatMetadata(meta, 0)
	if err != nil {
		return &commit.Error{Class: commit.Rejected, Err: err}
	}
	if err := b.store.Put(ctx, loc, raw); err != nil {
		return wrap(err, "write metadata %s", loc)
	}
	cols, vals, args := "catalog_name, table_namespace, table_name, metadata_location", "?, ?, ?, ?", append(b.key(id), loc)
	if b.typed {
		cols, vals = cols+", iceberg_type", vals+", '"+tableType+"'"
	}
	_, err = b.db.ExecContext(ctx, b.dialect.bind("INSERT INTO iceberg_tables ("+cols+") VALUES ("+vals+")"), args...)
	if err != nil && b.dialect.duplicate(err) {
		return classed(commit.Conflict, "table exists already")
	}
	return b.fault(err, "insert the catalog's row")
}

// namespaceRoot is the folder of a namespace's tables: its property location, or one of its own in the warehouse.
func (b *sqlBackend) namespaceRoot(ctx context.Context, namespace []string) (string, error) {
	ns := strings.Join(namespace, ".")
	var loc sql.NullString
	err := b.db.QueryRowContext(ctx, b.dialect.bind("SELECT property_value FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ? AND property_key = 'location'"),
		b.name, ns).Scan(&loc)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", b.fault(err, "read the namespace's location")
	}
	if loc.String != "" {
		return strings.TrimRight(loc.String, "/"), nil
	}
	return b.root + "/" + ns + ".db", nil
}

func (b *sqlBackend) createNamespace(ctx context.Context, namespace []string) error {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	ns := strings.Join(namespace, ".")
	var n int
	if err := b.db.QueryRowContext(ctx, b.dialect.bind("SELECT count(*) FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ?"),
		b.name, ns).Scan(&n); err != nil {
		return b.fault(err, "look for namespace "+ns)
	}
	if n > 0 {
		return nil
	}
	_, err := b.db.ExecContext(ctx, b.dialect.bind("INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value) VALUES (?, ?, ?, ?)"),
		b.name, ns, nsExists, "true")
	if err != nil && b.dialect.duplicate(err) {
		return nil
	}
	return b.fault(err, "create namespace "+ns)
}

func (b *sqlBackend) dropNamespace(ctx context.Context, namespace []string) error {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	ns := strings.Join(namespace, ".")
	_, err := b.db.ExecContext(ctx, b.dialect.bind(`DELETE FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ?
		AND NOT EXISTS (SELECT 1 FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ?)`), b.name, ns, b.name, ns)
	return b.fault(err, "drop namespace "+ns)
}

func (b *sqlBackend) drop(ctx context.Context, id ident) error {
	ctx, cancel := context.WithTimeout(ctx, b.deadline)
	defer cancel()
	_, err := b.db.ExecContext(ctx, b.dialect.bind("DELETE FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?"+b.onlyTables()), b.key(id)...)
	return b.fault(err, "drop table")
}
