package catalog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sinker-io/sinker/commit"
)

// dialect is what differs between the databases.
type dialect int

const (
	sqliteDialect dialect = iota
	postgresDialect
)

// openDB opens the pool; nothing is asked of the database yet, except that the folder of a SQLite file is made.
func openDB(cfg Config) (*sql.DB, dialect, error) {
	conns, err := strconv.Atoi(orElse(cfg.Properties["max-connections"], "4"))
	if err != nil || conns < 1 {
		return nil, 0, classed(commit.Rejected, "property max-connections is %q: want a number of at least 1", cfg.Properties["max-connections"])
	}
	path, isSQLite := strings.CutPrefix(cfg.URI, "sqlite:")
	var db *sql.DB
	var d dialect
	var dsn string
	switch {
	case isSQLite:
		if path == "" || strings.ContainsAny(path, "?\x00") || path == ":memory:" {
			return nil, 0, classed(commit.Rejected, "uri %q: want sqlite:PATH, the path of a file", plainURI(cfg.URI))
		}
		path = strings.TrimPrefix(path, "//") // sqlite:///abs, as SQLAlchemy spells it
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, 0, err
		}
		if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
			return nil, 0, fmt.Errorf("make the folder of the catalog's database: %w", err)
		}
		// One write at a time, begun as such, so that two never upgrade against each other; durable when it returns.
		q := "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"
		d, dsn = sqliteDialect, (&url.URL{Scheme: "file", Path: abs, RawQuery: q}).String()
		db, err = sql.Open("sqlite", dsn)
		if err != nil {
			return nil, 0, fmt.Errorf("open the catalog's database: %w", err)
		}
	case strings.HasPrefix(cfg.URI, "postgres://"), strings.HasPrefix(cfg.URI, "postgresql://"):
		d, dsn = postgresDialect, cfg.URI
		db, err = sql.Open("pgx", dsn)
		if err != nil {
			return nil, 0, classed(commit.Rejected, "uri %s cannot be read as a PostgreSQL address", plainURI(cfg.URI)) // the cause quotes the password
		}
	default:
		return nil, 0, classed(commit.Rejected, "uri %q: want sqlite:PATH or postgres://…", plainURI(cfg.URI))
	}
	if cfg.Connector != nil {
		by := opener{db.Driver(), dsn}
		if err := db.Close(); err != nil {
			return nil, 0, err
		}
		db = sql.OpenDB(cfg.Connector(by))
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db, d, nil
}

// opener opens connections as sql.Open would.
type opener struct {
	driver driver.Driver
	dsn    string
}

// Connect implements driver.Connector.
func (o opener) Connect(context.Context) (driver.Conn, error) { return o.driver.Open(o.dsn) }

// Driver implements driver.Connector.
func (o opener) Driver() driver.Driver { return o.driver }

// bind spells the parameters of a query, written as ?, as the database wants them.
func (d dialect) bind(query string) string {
	if d != postgresDialect {
		return query
	}
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// duplicate tells whether err says that a key, or a table being made, is there already.
func (d dialect) duplicate(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505" || pg.Code == "42P07"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
	}
	return false
}

// noTable tells whether a query failed because a table does not exist.
func (d dialect) noTable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "42P01"
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_ERROR && strings.Contains(lite.Error(), "no such table")
}

// class is what an error of the database means. A lost connection may hide a commit that was applied: unknown.
func (d dialect) class(err error) commit.Class {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return commit.Unknown
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case pg.Code == "40001" || pg.Code == "40P01": // serialization failure, deadlock: rolled back
			return commit.Conflict
		case strings.HasPrefix(pg.Code, "28"), pg.Code == "42501": // authorization, privilege
			return commit.Denied
		case strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "57P"), pg.Code == "55P03": // resources, shutting down, lock
			return commit.Busy
		case strings.HasPrefix(pg.Code, "22"): // value too long, and the like
			return commit.Rejected
		}
		return commit.Unknown
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return commit.Busy
		case sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH:
			return commit.Denied
		}
	}
	return commit.Unknown
}

// duration reads a property that is a Go duration.
func duration(props map[string]string, key string, def time.Duration) (time.Duration, error) {
	v := props[key]
	if v == "" {
		return def, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, classed(commit.Rejected, "property %s is %q: want a duration such as 30s", key, v)
	}
	return d, nil
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
