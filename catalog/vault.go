package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sinker-io/sinker/storage"
)

// credential is what a REST catalog hands out for the objects below a prefix.
type credential struct {
	Prefix string            `json:"prefix"`
	Config map[string]string `json:"config"`
}

// vault keeps the storage credentials that the catalog hands out, per table, and makes stores of them that ask for fresh
// ones when theirs run out.
type vault struct {
	rest    *restBackend
	log     *slog.Logger
	clients storage.Clients

	mu     sync.Mutex
	tables map[string]*granted
}

func newVault(b *restBackend, log *slog.Logger) *vault {
	return &vault{rest: b, log: log, tables: map[string]*granted{}}
}

// store is the store for a table as the answer to its load says. Without credentials in the answer it is the configured one.
func (v *vault) store(ctx context.Context, id ident, r loadResponse) (storage.Store, error) {
	if v.rest.cfg.S3 == nil {
		return v.rest.cfg.Store, nil
	}
	creds := usable(r)
	v.mu.Lock()
	g := v.tables[id.String()]
	if g == nil && len(creds) > 0 {
		g = &granted{vault: v, id: id, fallback: v.rest.cfg.Store, by: map[string]*grant{}}
		v.tables[id.String()] = g
	}
	v.mu.Unlock()
	if g == nil {
		return v.rest.cfg.Store, nil
	}
	return g, g.take(ctx, creds)
}

// usable is the credentials of an answer that hold S3 keys; those in its config count for every location.
func usable(r loadResponse) []credential {
	var out []credential
	for _, c := range append(r.Credentials, credential{Config: r.Config}) {
		if c.Config["s3.access-key-id"] != "" && c.Config["s3.secret-access-key"] != "" {
			if len(c.Config) > 0 && c.Prefix != "" { // settings such as the endpoint may be in the config only
				merged := map[string]string{}
				for k, val := range r.Config {
					merged[k] = val
				}
				for k, val := range c.Config {
					merged[k] = val
				}
				c.Config = merged
			}
			out = append(out, c)
		}
	}
	return out
}

// granted is the store of one table, by the credentials of its catalog.
type granted struct {
	vault    *vault
	id       ident
	fallback storage.Store

	mu sync.Mutex
	by map[string]*grant // by prefix
}

// grant is what was handed out for one prefix, last.
type grant struct {
	table  *granted
	prefix string
	store  storage.Store
	shape  string // what else than the keys the store was made of

	mu      sync.Mutex // held while fresh keys are fetched
	keys    storage.Credentials
	fetched time.Time
}

// take keeps the newest credentials; a store is made only for a prefix, or an endpoint, that is new.
func (g *granted) take(ctx context.Context, creds []credential) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range creds {
		keys := keysOf(c.Config)
		cfg := shaped(*g.vault.rest.cfg.S3, c.Config)
		shape := fmt.Sprint(cfg.Endpoint, "|", cfg.Region, "|", cfg.PathStyle)
		at := g.by[c.Prefix]
		if at == nil || at.shape != shape {
			at = &grant{table: g, prefix: c.Prefix, shape: shape}
			cfg.Credentials = at.current
			s, err := g.vault.clients.S3(context.WithoutCancel(ctx), cfg)
			if err != nil {
				return err
			}
			at.store = storage.Store(s)
			g.by[c.Prefix] = at
		}
		at.set(keys)
	}
	return nil
}

func (g *grant) set(keys storage.Credentials) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys, g.fetched = keys, time.Now()
}

// renewBefore is how long before their end credentials are not handed on any more.
const renewBefore = 5 * time.Minute

// current is asked by the S3 client when it has no keys, or its keys are about to end or were refused. In the last case the ones
// kept here are old, so keys that were handed on once already are not handed on again.
func (g *grant) current(ctx context.Context) (storage.Credentials, error) {
	g.mu.Lock()
	keys, fresh := g.keys, !g.fetched.IsZero()
	g.fetched = time.Time{}
	g.mu.Unlock()
	if fresh && (keys.Expires.IsZero() || time.Until(keys.Expires) > renewBefore) {
		return keys, nil
	}
	r, err := g.table.vault.rest.credentials(ctx, g.table.id)
	if err != nil {
		return storage.Credentials{}, fmt.Errorf("renew the storage credentials of table %s: %w", g.table.id, err)
	}
	for _, c := range usable(r) {
		if c.Prefix == g.prefix {
			g.mu.Lock()
			g.keys = keysOf(c.Config)
			keys = g.keys
			g.mu.Unlock()
			return keys, nil
		}
	}
	return storage.Credentials{}, fmt.Errorf("renew the storage credentials of table %s: the catalog hands out none for %q any more", g.table.id, g.prefix)
}

func keysOf(c map[string]string) storage.Credentials {
	k := storage.Credentials{AccessKey: c["s3.access-key-id"], SecretKey: c["s3.secret-access-key"], SessionToken: c["s3.session-token"]}
	if ms, err := strconv.ParseInt(c["s3.session-token-expires-at-ms"], 10, 64); err == nil && ms > 0 {
		k.Expires = time.UnixMilli(ms)
	} else if k.SessionToken != "" {
		k.Expires = time.Now().Add(45 * time.Minute) // session keys end, by default after an hour
	}
	return k
}

// shaped is the configured way to S3 with what the catalog says of it.
func shaped(cfg storage.S3Config, c map[string]string) storage.S3Config {
	cfg.AccessKey, cfg.SecretKey, cfg.SessionToken = "", "", ""
	if v := c["s3.endpoint"]; v != "" {
		cfg.Endpoint = v
	}
	for _, k := range []string{"client.region", "s3.region"} {
		if v := c[k]; v != "" {
			cfg.Region = v
		}
	}
	if v, err := strconv.ParseBool(c["s3.path-style-access"]); err == nil {
		cfg.PathStyle = v
	}
	return cfg
}

// at is the store for a location: the one of the longest prefix that fits.
func (g *granted) at(location string) storage.Store {
	g.mu.Lock()
	defer g.mu.Unlock()
	var best *grant
	for prefix, gr := range g.by {
		if strings.HasPrefix(location, prefix) && (best == nil || len(prefix) > len(best.prefix)) && !strings.HasPrefix(location, "file:") && !strings.HasPrefix(location, "/") {
			best = gr
		}
	}
	if best == nil {
		return g.fallback
	}
	return best.store
}

func (g *granted) Create(ctx context.Context, location string) (storage.Upload, error) {
	return g.at(location).Create(ctx, location)
}

func (g *granted) Put(ctx context.Context, location string, data []byte) error {
	return g.at(location).Put(ctx, location, data)
}

func (g *granted) Stat(ctx context.Context, location string) (storage.Info, error) {
	return g.at(location).Stat(ctx, location)
}

func (g *granted) Open(ctx context.Context, location string) (storage.File, error) {
	return g.at(location).Open(ctx, location)
}

func (g *granted) ReadAll(ctx context.Context, location string) ([]byte, error) {
	return g.at(location).ReadAll(ctx, location)
}

func (g *granted) Remove(ctx context.Context, location string) error {
	return g.at(location).Remove(ctx, location)
}
