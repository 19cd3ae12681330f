package catalog

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
)

// restServer speaks the REST protocol over a world's SQL catalog, so requirements mean what they mean there.
type restServer struct {
	*httptest.Server
	w    *world
	conf map[string]any // answer of /v1/config

	mu       sync.Mutex
	before   func(w http.ResponseWriter, r *http.Request) bool
	answer   func(w http.ResponseWriter) bool
	config   map[string]string // handed out with a load
	creds    []credential
	requests []*http.Request
	renewals int
	numbers  bool // gives snapshots the next sequence number itself, whatever they came with
}

func newRESTServer(t *testing.T, w *world) *restServer {
	s := &restServer{w: w, conf: map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/config", func(w http.ResponseWriter, r *http.Request) { reply(w, 200, s.conf) })
	mux.HandleFunc("GET /v1/p%2F1/namespaces/{ns}", s.getNamespace)
	mux.HandleFunc("GET /v1/namespaces/{ns}", s.getNamespace)
	mux.HandleFunc("POST /v1/namespaces", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Namespace []string }
		_ = json.NewDecoder(r.Body).Decode(&q)
		s.fail(w, s.w.cat.back.createNamespace(r.Context(), q.Namespace))
	})
	mux.HandleFunc("DELETE /v1/namespaces/{ns}", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, s.w.cat.back.dropNamespace(r.Context(), strings.Split(r.PathValue("ns"), "\x1f")))
	})
	mux.HandleFunc("POST /v1/namespaces/{ns}/tables", s.create)
	mux.HandleFunc("GET /v1/namespaces/{ns}/tables/{table}", s.load)
	mux.HandleFunc("GET /v1/namespaces/{ns}/tables/{table}/credentials", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.renewals++
		reply(w, 200, map[string]any{"storage-credentials": s.creds})
	})
	mux.HandleFunc("POST /v1/namespaces/{ns}/tables/{table}", s.commit)
	mux.HandleFunc("DELETE /v1/namespaces/{ns}/tables/{table}", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, s.w.cat.back.drop(r.Context(), s.ident(r)))
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(r.Context()))
		before := s.before
		s.mu.Unlock()
		if before == nil || !before(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// onRequest lets f see every request first; if it returns true it has answered. Nil ends that.
func (s *restServer) onRequest(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// onCommit lets f answer in place of the server after a commit was applied; if it returns true it has answered.
func (s *restServer) onCommit(f func(w http.ResponseWriter) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *restServer) open(t *testing.T, edit func(*Config)) *Catalog {
	t.Helper()
	cfg := Config{Type: "rest", URI: s.URL, Store: s.w.store, Properties: map[string]string{}}
	if edit != nil {
		edit(&cfg)
	}
	c, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// count is how many requests of the method were seen.
func (s *restServer) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if r.Method == method {
			n++
		}
	}
	return n
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *restServer) fail(w http.ResponseWriter, err error) {
	if err == nil {
		w.WriteHeader(204)
		return
	}
	status := map[commit.Class]int{commit.Conflict: 409, commit.Missing: 404, commit.Rejected: 400}[classOf(err)]
	if status == 0 {
		status = 500
	}
	reply(w, status, map[string]any{"error": map[string]any{"message": err.Error(), "type": "TestException", "code": status}})
}

func (s *restServer) ident(r *http.Request) ident {
	return ident{namespace: strings.Split(r.PathValue("ns"), "\x1f"), name: r.PathValue("table")}
}

func (s *restServer) getNamespace(w http.ResponseWriter, r *http.Request) {
	var n int
	db := s.w.cat.back.(*sqlBackend).db
	if err := db.QueryRow("SELECT count(*) FROM iceberg_namespace_properties WHERE namespace = ?", strings.ReplaceAll(r.PathValue("ns"), "\x1f", ".")).Scan(&n); err != nil || n == 0 {
		s.fail(w, classed(commit.Missing, "namespace %v", err))
		return
	}
	reply(w, 200, map[string]any{})
}

func (s *restServer) create(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Name   string
		Schema *iceberg.Schema
		Spec   *iceberg.PartitionSpec `json:"partition-spec"`
		Props  iceberg.Properties     `json:"properties"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		s.fail(w, classed(commit.Rejected, "%v", err))
		return
	}
	version := 2
	if q.Props["format-version"] == "3" {
		version = 3
	}
	err := s.w.cat.back.create(r.Context(), ident{namespace: strings.Split(r.PathValue("ns"), "\x1f"), name: q.Name}, newTable{schema: q.Schema, spec: q.Spec, formatVersion: version, props: q.Props})
	s.fail(w, err)
}

func (s *restServer) load(w http.ResponseWriter, r *http.Request) {
	l, err := s.w.cat.back.load(r.Context(), s.ident(r))
	if err != nil {
		s.fail(w, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, 200, map[string]any{"metadata-location": l.location, "metadata": l.meta, "config": maps.Clone(s.config), "storage-credentials": s.creds})
}

func (s *restServer) commit(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Requirements icetable.Requirements
		Updates      icetable.Updates
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		s.fail(w, classed(commit.Rejected, "%v", err))
		return
	}
	l, err := s.w.cat.back.load(r.Context(), s.ident(r))
	if err == nil && s.numbers {
		for i, u := range q.Updates {
			q.Updates[i], err = numbered(u, l.meta)
			if err != nil {
				break
			}
		}
	}
	if err == nil {
		err = s.w.cat.back.commit(r.Context(), s.ident(r), l, q.Requirements, q.Updates)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer != nil && answer(w) {
		return
	}
	if l, err = s.w.cat.back.load(r.Context(), s.ident(r)); err != nil {
		s.fail(w, err)
		return
	}
	reply(w, 200, map[string]any{"metadata-location": l.location, "metadata": l.meta})
}

// numbered gives a snapshot that is added the place behind all others, where only the request's requirements keep it from.
func numbered(u icetable.Update, m icetable.Metadata) (icetable.Update, error) {
	if u.Action() != icetable.UpdateAddSnapshot {
		return u, nil
	}
	raw, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	var add struct{ Snapshot icetable.Snapshot }
	if err := json.Unmarshal(raw, &add); err != nil {
		return nil, err
	}
	add.Snapshot.SequenceNumber, add.Snapshot.TimestampMs = m.LastSequenceNumber()+1, max(add.Snapshot.TimestampMs, m.LastUpdatedMillis()+1)
	if add.Snapshot.FirstRowID != nil {
		first := m.NextRowID()
		add.Snapshot.FirstRowID = &first
	}
	return icetable.NewAddSnapshotUpdate(&add.Snapshot), nil
}
