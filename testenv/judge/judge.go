// Package judge asks programs that share no code with sinker what is in an Iceberg table: DuckDB, pyiceberg, ClickHouse and
// Spark. Each gets the exact metadata file that the catalog names, or the catalog, and never a folder to guess in.
//
// All four answer the same [Question] with an [Answer] in one spelling, so answers can be compared with each other and with
// the facts of the source. [Recount] checks files and recorded ranges; [Spark] and [Write] change tables as other teams' tools do.
package judge

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/testenv/tools"
)

//go:embed py java
var scripts embed.FS

// Table says where a table is, in words that all readers understand.
type Table struct {
	Name      string `json:"name"`               // namespace.table
	Metadata  string `json:"metadata,omitempty"` // exact location of the metadata file; empty: through the catalog
	Type      string `json:"type"`               // rest | sql
	URI       string `json:"uri"`
	Warehouse string `json:"warehouse"`
	S3        *Store `json:"s3,omitempty"` // nil where tables are files
}

// Store is an S3 store.
type Store struct {
	Endpoint  string `json:"endpoint"`
	Region    string `json:"region"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
	Bucket    string `json:"bucket"`
}

// Column is one to be measured.
type Column struct {
	Name string `json:"name"` // with dots into structs
	Kind string `json:"kind"` // int | decimal | float | string | binary | uuid | bool | date | timestamp | list | map
}

// Spans asks for the offsets in the table, per partition of the source.
type Spans struct {
	By []string `json:"by"` // key columns
	Of string   `json:"of"` // the column of offsets
}

// Filter is a comparison that readers should prune files by.
type Filter struct {
	Column string `json:"column"`
	Kind   string `json:"kind"` // int | string | date | timestamp
	Op     string `json:"op"`
	Value  string `json:"value"` // times as YYYY-MM-DD hh:mm:ss in UTC
}

// Question is what a reader is asked.
type Question struct {
	Columns  []Column `json:"columns,omitempty"`
	Distinct []string `json:"distinct,omitempty"`
	Spans    *Spans   `json:"spans,omitempty"`
	Filter   *Filter  `json:"filter,omitempty"`
}

// Answer is what a reader found.
type Answer struct {
	Rows      int64            `json:"rows"`
	Columns   map[string]Facts `json:"columns"`
	Distinct  map[string]int64 `json:"distinct"`
	Spans     map[string]Span  `json:"spans"` // by the key columns, joined with /
	Filtered  *int64           `json:"filtered"`
	FilesRead *int             `json:"files_read"` // under the filter; not every reader tells
	Files     *int             `json:"files"`      // without it
}

// Facts are one column's. Nil is null, or what a reader cannot tell.
type Facts struct {
	Nulls *int64  `json:"nulls"`
	Sum   *string `json:"sum"` // of values, days, microseconds or lengths
	Min   *string `json:"min"`
	Max   *string `json:"max"`
}

// Span is what a table holds of one partition.
type Span struct {
	Rows     int64 `json:"rows"`
	Distinct int64 `json:"distinct"`
	Min      int64 `json:"min"`
	Max      int64 `json:"max"`
}

// Reader is an independent program that answers questions.
type Reader string

// The readers that are started anew for each question. Spark is a process of its own: see [StartSpark].
const (
	DuckDB     Reader = "duckdb"
	PyIceberg  Reader = "pyiceberg"
	ClickHouse Reader = "clickhouse"
)

// askWithin bounds one question: millions of rows on two busy cores.
const askWithin = 10 * time.Minute

// Through names the table by its catalog alone, whether it exists or not.
func Through(w *real.World, name string) Table {
	t := Table{Name: name, Type: w.Catalog.Type, URI: w.Catalog.URI, Warehouse: w.Catalog.Warehouse}
	if w.S3 != nil {
		t.S3 = &Store{Endpoint: w.S3.Endpoint, Region: w.S3.Region, AccessKey: w.S3.AccessKey, SecretKey: w.S3.SecretKey, Bucket: w.S3.Bucket}
	}
	return t
}

// Of names the table as it is now: its catalog is asked for the metadata file, save where it has none to name.
func Of(ctx context.Context, w *real.World, name string) (Table, error) {
	t := Through(w, name)
	if w.Catalog.HidesHistory {
		return t, nil
	}
	var err error
	t.Metadata, err = locate(ctx, w.Catalog, name)
	return t, err
}

// Source names a Parquet file from which DuckDB tells the facts that a table made of its rows must show.
func Source(parquet string) Table { return Table{Name: parquet} }

// Await asks DuckDB until the table holds that many rows, and fails when the context ends. More rows than that fail
// at once. It tells when a sink is done; whether it did right is for the readers to say.
func Await(ctx context.Context, w *real.World, name string, rows int64) error {
	for {
		t, err := Of(ctx, w, name)
		var a Answer
		if err == nil {
			a, err = DuckDB.Ask(ctx, t, Question{})
		}
		if err == nil && a.Rows == rows {
			return nil
		}
		if err == nil && a.Rows > rows {
			return fmt.Errorf("%s holds %d rows, more than the %d that were produced", name, a.Rows, rows)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s holds %d rows: %w; it holds %d (%w)", name, rows, context.Cause(ctx), a.Rows, err)
		case <-time.After(time.Second):
		}
	}
}

// Ask puts a question about a table to the reader.
func (r Reader) Ask(ctx context.Context, t Table, q Question) (Answer, error) {
	part := tools.Readers
	if r == ClickHouse {
		part = tools.ClickHouse
	}
	var a Answer
	err := script(ctx, part, string(r)+"_reader.py", map[string]any{"table": t, "question": q}, &a)
	if err != nil {
		return a, fmt.Errorf("%s reads %s: %w", r, t.Name, err)
	}
	return a, nil
}

// Count is what a recount found.
type Count struct {
	Faults    []string         `json:"faults"`
	Files     int              `json:"files"`      // that any branch or tag reaches
	Snapshots int              `json:"snapshots"`  // in the lineage, as far as it is listed
	Commits   int              `json:"commits"`    // of the sink, with ranges
	RowsAdded int64            `json:"rows_added"` // by the sink's listed snapshots
	Offsets   map[string]int64 `json:"offsets"`    // next offset by "topic/partition", as the newest snapshot of the sink says
}

// Recount checks a table from its metadata and its files: everything named is there and as recorded, no file twice, and the
// ranges that the sink recorded tile each partition.
func Recount(ctx context.Context, t Table, sink string) (Count, error) {
	var c Count
	if err := script(ctx, tools.Readers, "recount.py", map[string]any{"table": t, "sink": sink}, &c); err != nil {
		return c, fmt.Errorf("recount %s: %w", t.Name, err)
	}
	return c, nil
}

// script runs one Python script with a request on its input and reads its answer.
func script(ctx context.Context, part tools.Part, name string, request, answer any) error {
	python, err := tools.Python(ctx, part)
	if err != nil {
		return err
	}
	dir, err := unpacked()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, askWithin, fmt.Errorf("no answer within %s", askWithin))
	defer cancel()
	in, err := json.Marshal(request)
	if err != nil {
		return err
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, python, filepath.Join(dir, name))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &errs
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return errors.Join(fmt.Errorf("%w\n%s", err, end(errs.Bytes(), 4000)), context.Cause(ctx))
	}
	if err := json.Unmarshal(out.Bytes(), answer); err != nil {
		return fmt.Errorf("the answer is no JSON: %w\n%s\n%s", err, end(out.Bytes(), 1000), end(errs.Bytes(), 1000))
	}
	return nil
}

// environment of the readers: this process's, without what could lead them to another account. Their zone is UTC, or SINKER_READERS_TZ.
func environment() []string {
	return append(os.Environ(), "TZ="+cmp.Or(os.Getenv("SINKER_READERS_TZ"), "UTC"), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=us-east-1")
}

// unpacked is a folder that holds the scripts, the same for the whole process.
var unpacked = sync.OnceValues(func() (string, error) {
	root, err := tools.Dir()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(root, "scripts-")
	if err != nil {
		return "", fmt.Errorf("unpack the readers' scripts: %w", err)
	}
	return filepath.Join(dir, "py"), os.CopyFS(dir, scripts)
})

// Close removes what the package unpacked. It belongs at the end of a TestMain.
func Close() error {
	dir, err := unpacked()
	if err != nil {
		return err
	}
	return os.RemoveAll(filepath.Dir(dir))
}

func end(b []byte, n int) []byte {
	if len(b) > n {
		b = b[len(b)-n:]
	}
	return bytes.TrimSpace(b)
}
