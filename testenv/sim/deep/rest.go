package deep

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
)

// rest is an Iceberg REST catalog. What it keeps of a table is what its metadata says; a commit is checked and applied under one
// lock, and leaves a metadata file in the store.
type rest struct {
	store *store
	root  string

	mu         sync.Mutex
	namespaces map[string]bool
	tables     map[string][]version // the newest last
}

// version is one state of a table.
type version struct {
	location string
	meta     table.Metadata
}

func newREST(s *store, root string) *rest {
	return &rest{store: s, root: root, namespaces: map[string]bool{}, tables: map[string][]version{}}
}

// refused is an error with the answer that it leads to.
type refused struct {
	status int
	kind   string
	err    error
}

func (r *refused) Error() string { return r.err.Error() }

func no(status int, kind, format string, args ...any) error {
	return &refused{status, kind, fmt.Errorf(format, args...)}
}

// handler speaks what sinker needs of the protocol.
func (c *rest) handler() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, do func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c.mu.Lock()
			defer c.mu.Unlock()
			out, err := do(r)
			status := http.StatusOK
			if err != nil {
				why := &refused{http.StatusInternalServerError, "InternalServerError", err}
				_ = errors.As(err, &why) // else it stays what it is
				status, out = why.status, map[string]any{"error": map[string]any{"message": why.Error(), "type": why.kind, "code": why.status}}
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			if err := json.NewEncoder(w).Encode(out); err != nil {
				panic(err) // of a buffer
			}
		})
	}
	on("GET /v1/config", func(*http.Request) (any, error) {
		return map[string]any{"defaults": map[string]string{}, "overrides": map[string]string{}}, nil
	})
	on("GET /v1/namespaces/{ns}", func(r *http.Request) (any, error) {
		if !c.namespaces[r.PathValue("ns")] {
			return nil, no(http.StatusNotFound, "NoSuchNamespaceException", "namespace %s", r.PathValue("ns"))
		}
		return map[string]any{"namespace": []string{r.PathValue("ns")}}, nil
	})
	on("POST /v1/namespaces", c.makeNamespace)
	on("POST /v1/namespaces/{ns}/tables", c.makeTable)
	on("GET /v1/namespaces/{ns}/tables/{table}", c.load)
	on("POST /v1/namespaces/{ns}/tables/{table}", c.commit)
	return mux
}

func (c *rest) makeNamespace(r *http.Request) (any, error) {
	var q struct{ Namespace []string }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return nil, no(http.StatusBadRequest, "BadRequestException", "%w", err)
	}
	name := strings.Join(q.Namespace, "\x1f")
	if c.namespaces[name] {
		return nil, no(http.StatusConflict, "AlreadyExistsException", "namespace %s exists", name)
	}
	c.namespaces[name] = true
	return map[string]any{"namespace": q.Namespace}, nil
}

func (c *rest) makeTable(r *http.Request) (any, error) {
	var q struct {
		Name   string
		Schema *iceberg.Schema
		Spec   *iceberg.PartitionSpec `json:"partition-spec"`
		Props  iceberg.Properties     `json:"properties"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return nil, no(http.StatusBadRequest, "BadRequestException", "%w", err)
	}
	name := r.PathValue("ns") + "." + q.Name
	if len(c.tables[name]) > 0 {
		return nil, no(http.StatusConflict, "AlreadyExistsException", "table %s exists", name)
	}
	meta, err := table.NewMetadata(q.Schema, q.Spec, table.UnsortedSortOrder, c.root+"/"+strings.ReplaceAll(name, ".", "/"), q.Props)
	if err != nil {
		return nil, no(http.StatusBadRequest, "BadRequestException", "%w", err)
	}
	return c.keep(name, meta)
}

// keep makes meta the newest version of a table.
func (c *rest) keep(name string, meta table.Metadata) (any, error) {
	at, err := c.store.putMetadata(meta, len(c.tables[name]))
	if err != nil {
		return nil, err
	}
	c.tables[name] = append(c.tables[name], version{at, meta})
	return answer(c.tables[name][len(c.tables[name])-1]), nil
}

func answer(v version) any {
	return map[string]any{"metadata-location": v.location, "metadata": v.meta, "config": map[string]string{}}
}

func (c *rest) load(r *http.Request) (any, error) {
	name := r.PathValue("ns") + "." + r.PathValue("table")
	all := c.tables[name]
	if len(all) == 0 {
		return nil, no(http.StatusNotFound, "NoSuchTableException", "table %s", name)
	}
	back, _ := r.Context().Value(staleness{}).(int)
	return answer(all[max(0, len(all)-1-back)]), nil
}

func (c *rest) commit(r *http.Request) (any, error) {
	var q struct {
		Requirements table.Requirements
		Updates      table.Updates
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return nil, no(http.StatusBadRequest, "BadRequestException", "%w", err)
	}
	name := r.PathValue("ns") + "." + r.PathValue("table")
	if len(c.tables[name]) == 0 {
		return nil, no(http.StatusNotFound, "NoSuchTableException", "table %s", name)
	}
	base := c.tables[name][len(c.tables[name])-1]
	for _, must := range q.Requirements {
		if err := must.Validate(base.meta); err != nil {
			return nil, no(http.StatusConflict, "CommitFailedException", "%w", err)
		}
	}
	meta, err := table.UpdateTableMetadata(base.meta, q.Updates, base.location)
	if err != nil {
		return nil, no(http.StatusBadRequest, "BadRequestException", "%w", err)
	}
	return c.keep(name, meta)
}

// newest implements shelf.
func (c *rest) newest(name string) (version, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if all := c.tables[name]; len(all) > 0 {
		return all[len(all)-1], nil
	}
	return version{}, errNoTable
}

// swap implements shelf.
func (c *rest) swap(name string, base version, meta table.Metadata) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.tables[name]
	if len(all) == 0 || all[len(all)-1].location != base.location {
		return errMoved
	}
	_, err := c.keep(name, meta)
	return err
}
