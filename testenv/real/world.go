package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Kind names a combination of broker, catalog and store.
type Kind string

// The worlds that sinker is tested in. The broker is Apache Kafka in all of them.
const (
	RESTVersityGW Kind = "rest+versitygw"   // Iceberg's REST catalog, S3
	SQLiteFile    Kind = "sqlite+file"      // a SQL catalog in a file, tables in a folder
	PostgresMinIO Kind = "postgresql+minio" // a SQL catalog in a database, the other S3
	NessieVersity Kind = "nessie+versitygw" // a REST catalog that hides history, S3
)

// World is everything that one sinker configuration names.
type World struct {
	Kind    Kind
	Kafka   *Kafka
	Catalog Catalog
	S3      *S3    // nil where tables are files
	Dir     string // a folder of its own
}

// Set starts servers when they are first needed and shares them between worlds.
type Set struct {
	dir string

	mu      sync.Mutex
	started []ender
	kafka   once[Kafka]
	versity once[S3]
	minio   once[S3]
	rest    once[Catalog]
	nessie  once[Catalog]
	pg      once[PostgreSQL]
}

type ender interface {
	Stop() error
	Log(n int64) string
}

// NewSet keeps everything in dir, which must exist.
func NewSet(dir string) *Set { return &Set{dir: dir} }

// once starts something at the first call and remembers how that went.
type once[T any] struct {
	mu  sync.Mutex
	val *T
	err error
}

func (o *once[T]) get(start func() (*T, error)) (*T, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.val == nil && o.err == nil {
		o.val, o.err = start()
	}
	return o.val, o.err
}

func (s *Set) note(e ender, err error) {
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, e)
}

// Kafka returns the set's broker.
func (s *Set) Kafka(ctx context.Context) (*Kafka, error) {
	return s.kafka.get(func() (*Kafka, error) {
		k, err := StartKafka(ctx, s.dir)
		s.note(k, err)
		return k, err
	})
}

// VersityGW returns the set's first store.
func (s *Set) VersityGW(ctx context.Context) (*S3, error) {
	return s.versity.get(func() (*S3, error) {
		x, err := StartVersityGW(ctx, s.dir)
		s.note(x, err)
		return x, err
	})
}

// MinIO returns the set's second store.
func (s *Set) MinIO(ctx context.Context) (*S3, error) {
	return s.minio.get(func() (*S3, error) {
		x, err := StartMinIO(ctx, s.dir)
		s.note(x, err)
		return x, err
	})
}

// PostgreSQL returns the set's database server.
func (s *Set) PostgreSQL(ctx context.Context) (*PostgreSQL, error) {
	return s.pg.get(func() (*PostgreSQL, error) {
		p, err := StartPostgreSQL(ctx, s.dir)
		s.note(p, err)
		return p, err
	})
}

// World brings up what is missing of a world and returns it.
func (s *Set) World(ctx context.Context, kind Kind) (*World, error) {
	w := &World{Kind: kind, Dir: filepath.Join(s.dir, strings.ReplaceAll(string(kind), "+", "-"))}
	if err := os.MkdirAll(w.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("world %s: %w", kind, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		w.Kafka, err = s.Kafka(ctx)
		return err
	})
	g.Go(func() error { return s.tables(ctx, w) })
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("world %s: %w", kind, err)
	}
	return w, nil
}

// tables brings up the catalog of a world and the store under it.
func (s *Set) tables(ctx context.Context, w *World) (err error) {
	switch w.Kind {
	case SQLiteFile:
		w.Catalog = Catalog{Type: "sql", URI: "sqlite:" + filepath.Join(w.Dir, "catalog.db"), Warehouse: "file://" + filepath.Join(w.Dir, "warehouse")}
		return nil
	case PostgresMinIO:
		var pg *PostgreSQL
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() (err error) { w.S3, err = s.MinIO(ctx); return err })
		g.Go(func() (err error) { pg, err = s.PostgreSQL(ctx); return err })
		if err := g.Wait(); err != nil {
			return err
		}
		w.Catalog = Catalog{Server: pg.Server, Type: "sql", URI: pg.URI(), Warehouse: "s3://" + w.S3.Bucket + "/pg"}
		return nil
	case RESTVersityGW, NessieVersity:
		if w.S3, err = s.VersityGW(ctx); err != nil {
			return err
		}
		c, err := s.restCatalog(ctx, w.Kind, w.S3)
		if err != nil {
			return err
		}
		w.Catalog = *c
		return nil
	}
	return fmt.Errorf("there is no world %q", w.Kind)
}

func (s *Set) restCatalog(ctx context.Context, kind Kind, s3 *S3) (*Catalog, error) {
	slot, start := &s.rest, StartREST
	if kind == NessieVersity {
		slot, start = &s.nessie, StartNessie
	}
	return slot.get(func() (*Catalog, error) {
		c, err := start(ctx, s.dir, s3)
		s.note(c, err)
		return c, err
	})
}

// Stop ends all servers, the newest first.
func (s *Set) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for i := len(s.started) - 1; i >= 0; i-- {
		errs = append(errs, s.started[i].Stop())
	}
	s.started = nil
	return errors.Join(errs...)
}

// Logs returns the end of what each server printed, for a test that failed.
func (s *Set) Logs(n int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.started {
		b.WriteString(e.Log(n))
		b.WriteByte('\n')
	}
	return b.String()
}
