package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
)

// restBackend speaks the Iceberg REST protocol: the few requests of it that sinker needs, each sent once.
type restBackend struct {
	http      *restClient
	base      string // …/v1[/prefix]
	separator string // between the parts of a namespace, as it stands in a path
	canRenew  bool   // the server has an endpoint for fresh storage credentials
	cfg       Config
	vault     *vault
}

type restConfig struct {
	Defaults  map[string]string `json:"defaults"`
	Overrides map[string]string `json:"overrides"`
	Endpoints []string          `json:"endpoints"`
}

// loadResponse is what a server answers to a load.
type loadResponse struct {
	Location    string            `json:"metadata-location"`
	Metadata    json.RawMessage   `json:"metadata"`
	Config      map[string]string `json:"config"`
	Credentials []credential      `json:"storage-credentials"`
}

func openREST(ctx context.Context, cfg Config, log *slog.Logger) (*restBackend, error) {
	root, err := url.Parse(cfg.URI)
	if err != nil || root.Host == "" || (root.Scheme != "http" && root.Scheme != "https") {
		return nil, classed(commit.Rejected, "uri %q: want http(s)://host[:port][/path]", plainURI(cfg.URI))
	}
	uri := restRoot(cfg.URI)
	client, err := newRESTClient(ctx, cfg, cfg.Properties, uri)
	if err != nil {
		return nil, err
	}
	at := uri + "/v1/config"
	if cfg.Warehouse != "" {
		at += "?warehouse=" + url.QueryEscape(cfg.Warehouse)
	}
	var told restConfig
	if err := client.do(ctx, http.MethodGet, at, nil, &told); err != nil {
		client.close()
		if class := classOf(err); class == commit.Missing || class == commit.Rejected {
			return nil, wrap(err, "no Iceberg REST catalog answers at this uri, or it does not know the warehouse")
		}
		return nil, wrap(err, "read the server's configuration")
	}
	// The server's defaults yield to ours, and its overrides do not.
	props := maps.Clone(told.Defaults)
	if props == nil {
		props = map[string]string{}
	}
	maps.Copy(props, cfg.Properties)
	maps.Copy(props, told.Overrides)
	if to := props["uri"]; to != "" {
		uri = restRoot(to)
	}
	if !maps.Equal(props, cfg.Properties) || uri != restRoot(cfg.URI) {
		client.close()
		if client, err = newRESTClient(ctx, cfg, props, uri); err != nil {
			return nil, err
		}
	}
	b := &restBackend{http: client, base: uri + "/v1", separator: "%1F", cfg: cfg}
	if p := strings.Trim(props["prefix"], "/"); p != "" {
		b.base += "/" + escapePrefix(p)
	}
	if s := props["namespace-separator"]; s != "" {
		b.separator = s
		if !strings.Contains(s, "%") {
			b.separator = url.PathEscape(s)
		}
	}
	b.canRenew = slices.ContainsFunc(told.Endpoints, func(e string) bool { return strings.HasSuffix(e, "/tables/{table}/credentials") })
	b.vault = newVault(b, log)
	return b, nil
}

// restRoot is an address without the /v1 that every path begins with, for those who wrote it.
func restRoot(uri string) string { return strings.TrimSuffix(strings.TrimRight(uri, "/"), "/v1") }

// escapePrefix leaves a prefix that the server has escaped already as it is.
func escapePrefix(p string) string {
	if strings.Contains(p, "%") {
		return p
	}
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func (b *restBackend) close() error {
	b.http.close()
	return nil
}

func (b *restBackend) deletesMetadata() bool { return false }

func (b *restBackend) namespaceURL(namespace []string) string {
	parts := make([]string, len(namespace))
	for i, p := range namespace {
		parts[i] = url.PathEscape(p)
	}
	return b.base + "/namespaces/" + strings.Join(parts, b.separator)
}

func (b *restBackend) tableURL(id ident) string {
	return b.namespaceURL(id.namespace) + "/tables/" + url.PathEscape(id.name)
}

func (b *restBackend) exists(ctx context.Context, id ident) (bool, error) {
	err := b.http.do(ctx, http.MethodGet, b.tableURL(id)+"?snapshots=refs", nil, nil)
	if classOf(err) == commit.Missing {
		return false, nil
	}
	return err == nil, err
}

func (b *restBackend) createNamespace(ctx context.Context, namespace []string) error {
	// Asked for first: a principal that may write tables need not be allowed to make namespaces.
	if err := b.http.do(ctx, http.MethodGet, b.namespaceURL(namespace), nil, nil); err == nil {
		return nil
	} else if classOf(err) != commit.Missing {
		return wrap(err, "look for namespace %s", strings.Join(namespace, "."))
	}
	err := b.http.do(ctx, http.MethodPost, b.base+"/namespaces", map[string]any{"namespace": namespace, "properties": map[string]string{}}, nil)
	if err != nil && b.http.do(ctx, http.MethodGet, b.namespaceURL(namespace), nil, nil) == nil {
		return nil // somebody was faster; some catalogs answer that with a 500
	}
	return wrap(err, "create namespace %s", strings.Join(namespace, "."))
}

func (b *restBackend) dropNamespace(ctx context.Context, namespace []string) error {
	return b.http.do(ctx, http.MethodDelete, b.namespaceURL(namespace), nil, nil)
}

func (b *restBackend) create(ctx context.Context, id ident, t newTable) error {
	// Ids are given here as the server will give them, so that what is sent is consistent in itself.
	props := maps.Clone(t.props)
	props[table.PropertyFormatVersion] = fmt.Sprint(t.formatVersion)
	meta, err := table.NewMetadata(t.schema, t.spec, table.UnsortedSortOrder, "", props)
	if err != nil {
		return &commit.Error{Class: commit.Rejected, Err: err}
	}
	spec := meta.PartitionSpec()
	order := meta.SortOrder()
	return b.http.do(ctx, http.MethodPost, b.namespaceURL(id.namespace)+"/tables", map[string]any{
		"name": id.name, "schema": meta.CurrentSchema(), "partition-spec": &spec, "write-order": &order, "stage-create": false, "properties": props,
	}, nil)
}

func (b *restBackend) drop(ctx context.Context, id ident) error {
	return b.http.do(ctx, http.MethodDelete, b.tableURL(id)+"?purgeRequested=false", nil, nil)
}

func (b *restBackend) load(ctx context.Context, id ident) (*loaded, error) {
	var r loadResponse
	if err := b.http.do(ctx, http.MethodGet, b.tableURL(id)+"?snapshots=all", nil, &r); err != nil {
		return nil, err
	}
	meta, size, err := parseMetadata(r.Metadata)
	if err != nil {
		return nil, fmt.Errorf("parse the metadata in the server's answer: %w", err)
	}
	store, err := b.vault.store(ctx, id, r)
	if err != nil {
		return nil, fmt.Errorf("use the storage credentials in the server's answer: %w", err)
	}
	return newLoaded(meta, r.Location, size, store), nil
}

func (b *restBackend) commit(ctx context.Context, id ident, _ *loaded, reqs []table.Requirement, ups []table.Update) error {
	return b.http.do(ctx, http.MethodPost, b.tableURL(id), map[string]any{
		"identifier":   map[string]any{"namespace": id.namespace, "name": id.name},
		"requirements": reqs, "updates": ups,
	}, nil)
}

// credentials asks for fresh storage credentials, by the endpoint for it or by another load.
func (b *restBackend) credentials(ctx context.Context, id ident) (loadResponse, error) {
	at := b.tableURL(id) + "?snapshots=refs"
	if b.canRenew {
		at = b.tableURL(id) + "/credentials"
	}
	var r loadResponse
	err := b.http.do(ctx, http.MethodGet, at, nil, &r)
	return r, err
}
