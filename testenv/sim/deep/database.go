package deep

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/iceberg-go/table"
	_ "modernc.org/sqlite" // driver "sqlite"
)

// database is a SQLite catalog, and the way around its client.
type database struct {
	path  string
	store *store
	db    *sql.DB
	busy  error // what SQLite says when somebody else writes
}

func newDatabase(dir string, s *store) (*database, error) {
	d := &database{path: filepath.Join(dir, "catalog.db"), store: s}
	var err error
	if d.db, err = sql.Open("sqlite", "file:"+d.path); err != nil {
		return nil, err
	}
	if d.busy, err = locked(filepath.Join(dir, "busy.db")); err != nil {
		return nil, errors.Join(err, d.db.Close())
	}
	return d, nil
}

// locked brings SQLite to say that it is busy: with its own wait, which is real time that the bubble's clock knows nothing of, no
// process could be let run into it.
func locked(path string) (busy, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	other, busy := db.Begin()
	if busy == nil {
		return nil, errors.Join(errors.New("two write transactions at once"), other.Rollback())
	}
	return busy, nil
}

func split(name string) (namespace, table string) {
	i := strings.LastIndexByte(name, '.')
	return name[:i], name[i+1:]
}

// newest implements shelf.
func (d *database) newest(name string) (version, error) {
	ns, tb := split(name)
	var at string
	err := d.db.QueryRow("SELECT metadata_location FROM iceberg_tables WHERE table_namespace = ? AND table_name = ?", ns, tb).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) || err != nil && strings.Contains(err.Error(), "no such table") {
		return version{}, errNoTable
	}
	if err != nil {
		return version{}, err
	}
	raw, err := d.store.get(at)
	if err != nil {
		return version{}, err
	}
	meta, err := table.ParseMetadataBytes(raw)
	return version{at, meta}, err
}

// swap implements shelf.
func (d *database) swap(name string, base version, meta table.Metadata) error {
	n := 0
	_, _ = fmt.Sscanf(base.location[strings.LastIndexByte(base.location, '/')+1:], "%d-", &n) // a name without a number: from 0 on
	at, err := d.store.putMetadata(meta, n+1)
	if err != nil {
		return err
	}
	ns, tb := split(name)
	r, err := d.db.Exec("UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ? WHERE table_namespace = ? AND table_name = ? AND metadata_location = ?",
		at, base.location, ns, tb, base.location)
	if err != nil {
		return err
	}
	if moved, err := r.RowsAffected(); err != nil || moved == 1 {
		return err
	}
	return errMoved
}

// around puts a process's link between it and the database.
func (d *database) around(w *world, k *worker) func(driver.Connector) driver.Connector {
	return func(c driver.Connector) driver.Connector { return &connector{Connector: c, w: w, k: k, busy: d.busy} }
}

type connector struct {
	driver.Connector
	w    *world
	k    *worker
	busy error
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.k.host.Passable(ctx); err != nil {
		return nil, err
	}
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(fullConn)
	if !ok {
		return nil, errors.Join(errors.New("the driver's connection lacks a method that is counted on"), conn.Close())
	}
	return &dbConn{fullConn: full, by: c}, nil
}

// fullConn is what database/sql looks for in a connection.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type dbConn struct {
	fullConn
	by *connector
}

var errGone = errors.New("the connection to the database is gone")

// ExecContext implements driver.ExecerContext.
func (c *dbConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	var out driver.Result
	err := c.by.call(ctx, "exec", query, args, func() (err error) { out, err = c.fullConn.ExecContext(ctx, query, args); return err })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// QueryContext implements driver.QueryerContext.
func (c *dbConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	var out driver.Rows
	err := c.by.call(ctx, "query", query, args, func() (err error) { out, err = c.fullConn.QueryContext(ctx, query, args); return err })
	if err != nil {
		if out != nil {
			err = errors.Join(err, out.Close())
		}
		return nil, err
	}
	return out, nil
}

// call is one statement. It takes a moment on its way there and back, as everything does on the network.
func (c *connector) call(ctx context.Context, edge, query string, args []driver.NamedValue, apply func() error) error {
	w, name, host := c.w, c.k.name, c.k.host
	trip := func() error { w.sleep(ctx, host.Trip()); return host.Passable(ctx) }
	if err := trip(); err != nil {
		return err
	}
	who := name
	for _, a := range args {
		if text, ok := a.Value.(string); ok && who == name {
			who += about(text)
		}
	}
	x, met := w.meet(who, edge)
	if !met {
		return errors.Join(apply(), trip())
	}
	amount := time.Duration(x.Amount) * 100 * time.Millisecond
	w.tell(name, "%.40s meets %s (%d)", query, x.Kind, x.Amount)
	switch x.Kind {
	case Crash:
		if x.Amount == 2 {
			_ = apply() // nobody is there to hear of it
		}
		w.crash(name)
		return errGone
	case Zombie:
		if x.Amount%2 == 0 {
			err := apply()
			w.freeze(name, amount)
			return errors.Join(err, trip())
		}
		w.freeze(name, amount)
		if err := trip(); err != nil {
			return err
		}
		return apply()
	case Lost:
		return errGone
	case AnswerLost:
		_ = apply()
		return errGone
	case Refused:
		return c.busy
	case Slow:
		w.sleep(ctx, amount/2)
		err := apply()
		w.sleep(ctx, amount/2)
		return errors.Join(err, ctx.Err())
	}
	return apply()
}
