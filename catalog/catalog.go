// Package catalog finds, creates and appends to Iceberg tables. It is the only room that knows how offsets are
// stored in a table.
//
// A Table is one branch of one table as one sink id sees it; it implements commit.Table: Load makes a commit.View of
// the table's metadata, Append turns a commit.Change into one snapshot and sends it in ONE request that the catalog
// applies only if the table is still as in the view. Nothing here retries, rebases or concludes anything from an
// answer: that is the business of package commit.
//
// What of iceberg-go is used: its model of table metadata (parsing, updates, requirements) and its Avro writers
// of manifests and manifest lists. What is not used: its transactions, because they rebase, and its catalog
// clients. The SQL one gives conflicts no class and opens a storage client per call; the REST one has no
// deadlines. What sinker needs of either is small, and is in sql.go and rest.go.
//
// How state is spelled is in state.go; every name that appears in a table is in names.go.
package catalog

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
)

// Config says which catalog, and where its tables' files are.
type Config struct {
	Type      string // rest | sql
	URI       string // rest: http(s)://host[/path] without the /v1; sql: sqlite:PATH or postgres://…
	Warehouse string // a location (s3://…, file:///…), or, for rest, what the server calls its warehouse
	// Properties are for the catalog's client, by the names that other Iceberg clients use. Of them sinker reads:
	//	catalog-name                 sql: the name under which tables are kept (catalog_name); default "ice"
	//	prefix, namespace-separator  rest: as the server's configuration would say
	//	token                        rest: bearer token
	//	credential                   rest: client_id:client_secret, or a secret alone
	//	oauth2-server-uri, scope, audience, resource   rest: where and how to ask for a token; scope defaults to "catalog"
	//	rest.sigv4-enabled, rest.signing-region, rest.signing-name, rest.access-key-id, rest.secret-access-key, rest.session-token
	//	header.NAME                  rest: sent with every request
	//	request-timeout              deadline of one request, a Go duration; default 60s
	//	dial-timeout                 rest: default 10s
	//	max-connections              sql: of the pool; default 4
	//	sinker.tags, sinker.properties, sinker.history   "false": what the catalog is known not to keep
	//	sinker.probe-namespace       where Probe makes its scratch table; default "sinker_probe"
	// Others are ignored; s3.* ones are the business of Store.
	Properties map[string]string
	// Store keeps the tables' files, unless the catalog hands out credentials of its own. It stays the caller's.
	Store storage.Store
	// S3 is how to reach the objects for which a REST catalog hands out credentials of its own: everything but the keys. Nil: such
	// credentials are neither asked for nor used.
	S3 *storage.S3Config
	// Transport is the bottom of the REST client, for tests and for TLS with own roots; nil: one with pooled
	// connections and timeouts.
	Transport http.RoundTripper
	// Connector, if not nil, is put around what opens the connections of a sql catalog, for tests and for tracing.
	Connector func(driver.Connector) driver.Connector
	// Log gets what is worth knowing but no error; nil: discarded.
	Log *slog.Logger
	// Look opens what is there and makes nothing: a sql catalog whose own tables are missing is an error of class Missing.
	Look bool
}

// Catalog is safe for concurrent use. It owns its connections; Close ends them.
type Catalog struct {
	cfg  Config
	back backend
	log  *slog.Logger

	mu   sync.Mutex
	caps commit.Capabilities
}

// ErrNoTable is returned, inside a *commit.Error of class Missing, when a table or its namespace does not exist.
var ErrNoTable = errors.New("table does not exist")

// Open connects to the catalog: for sql it makes the two catalog tables where they are missing, for rest it reads
// the server's configuration. Errors are *commit.Error where they were understood.
func Open(ctx context.Context, cfg Config) (*Catalog, error) {
	c := &Catalog{cfg: cfg, log: cfg.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Store == nil {
		return nil, errors.New("open catalog: no storage given")
	}
	c.caps = commit.Capabilities{
		Tags:       cfg.Properties["sinker.tags"] != "false",
		Properties: cfg.Properties["sinker.properties"] != "false",
		History:    cfg.Properties["sinker.history"] != "false",
	}
	var err error
	switch cfg.Type {
	case "sql":
		c.back, err = openSQL(ctx, cfg, c.log)
	case "rest":
		c.back, err = openREST(ctx, cfg, c.log)
	default:
		err = fmt.Errorf("type %q is not known: want rest or sql", cfg.Type)
	}
	if err != nil {
		return nil, wrap(err, "open catalog %s", plainURI(cfg.URI))
	}
	return c, nil
}

// Close ends the connections. Tables of the catalog must not be used after it.
func (c *Catalog) Close() error { return c.back.close() }

// Capabilities is what the catalog keeps, as far as it is known: by configuration, by Probe, or by Table.Learn.
func (c *Catalog) Capabilities() commit.Capabilities {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.caps
}

func (c *Catalog) setCapabilities(to commit.Capabilities) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.caps = to
}

// ident is a table's name taken apart: namespace parts, then the table.
type ident struct {
	namespace []string
	name      string
}

func (i ident) String() string { return strings.Join(i.namespace, ".") + "." + i.name }

func parseIdent(name string) (ident, error) {
	parts := strings.Split(name, ".")
	for _, p := range parts {
		if p == "" || strings.ContainsAny(p, "\x00\x1f") {
			return ident{}, fmt.Errorf("table name %q: want namespace.table, with no empty part", name)
		}
	}
	if len(parts) < 2 {
		return ident{}, fmt.Errorf("table name %q has no namespace: want namespace.table", name)
	}
	return ident{namespace: parts[:len(parts)-1], name: parts[len(parts)-1]}, nil
}

// Exists tells whether the catalog has a table of this name ("namespace.table").
func (c *Catalog) Exists(ctx context.Context, name string) (bool, error) {
	id, err := parseIdent(name)
	if err != nil {
		return false, err
	}
	ok, err := c.back.exists(ctx, id)
	return ok, wrap(err, "look for table %s", name)
}

// Create makes the table, and its namespace where that is missing. created is false, without an error, if the
// table is there already: of two that create at once one wins, and the other has to look whether what is there suits it. The
// catalog gives the columns new ids, in order. formatVersion is 2 or 3. Partition field names that are no Avro
// names are refused.
func (c *Catalog) Create(ctx context.Context, name string, schema *iceberg.Schema, spec *iceberg.PartitionSpec, formatVersion int, properties map[string]string) (created bool, err error) {
	id, err := parseIdent(name)
	if err != nil {
		return false, err
	}
	defer func() { err = wrap(err, "create table %s", name) }()
	if formatVersion != 2 && formatVersion != 3 {
		return false, fmt.Errorf("format version %d: want 2 or 3", formatVersion)
	}
	if spec == nil {
		spec = iceberg.UnpartitionedSpec
	}
	for _, f := range spec.Fields() {
		if safe := avroName(f.Name); safe != f.Name {
			return false, &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("partition field name %q cannot be written to manifests as it is: name it %q", f.Name, safe)}
		}
	}
	if err := c.back.createNamespace(ctx, id.namespace); err != nil {
		return false, err
	}
	props := iceberg.Properties{propCreated: "true"}
	for k, v := range properties {
		props[k] = v
	}
	t := newTable{schema: schema, spec: spec, formatVersion: formatVersion, props: props}
	err = c.back.create(ctx, id, t)
	if classOf(err) == commit.Rejected { // some catalogs refuse properties that they do not know
		delete(props, propCreated)
		err = c.back.create(ctx, id, t)
	}
	switch {
	case err == nil:
		return true, nil
	case classOf(err) == commit.Conflict:
		return false, nil
	default:
		// The request may have been applied although the answer was an error: looking is the only way to know.
		if ok, lookErr := c.back.exists(ctx, id); lookErr == nil && ok {
			return false, nil
		}
		return false, err
	}
}

// Table is the branch of a table for the sink id; nothing is asked of the catalog yet. An empty branch is "main".
func (c *Catalog) Table(name, branch, sink string) (*Table, error) {
	id, err := parseIdent(name)
	if err != nil {
		return nil, err
	}
	if !ValidSink(sink) {
		return nil, fmt.Errorf("sink id %q: want 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit", sink)
	}
	if branch == "" {
		branch = mainBranch
	}
	if strings.HasPrefix(branch, tagPrefix) {
		return nil, fmt.Errorf("branch %q: names that begin with %q are kept for sinker's tags", branch, tagPrefix)
	}
	return &Table{cat: c, id: id, branch: branch, sink: sink, now: time.Now}, nil
}
