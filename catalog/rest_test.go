package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
)

func TestREST_CommitsLikeAnyOther(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	c := s.open(t, nil)
	if caps, found, err := c.Probe(t.Context()); err != nil || caps != all {
		t.Fatalf("%+v %v %+v", caps, err, found)
	}
	for range 2 {
		if _, err := c.Create(t.Context(), "a.b.orders", ordersSchema, nil, 3, nil); err != nil {
			t.Fatal(err)
		}
	}
	tb, err := c.Table("a.b.orders", "", "s1")
	if err != nil {
		t.Fatal(err)
	}
	put(t, tb, 1, 0, 10)
	base := load(t, tb)
	put(t, tb, 1, 10, 20)
	_, err = tb.Append(t.Context(), base, change("s1", 1, 30))
	wantClass(t, err, commit.Conflict)
	wantIDs(t, w.ids("a.b.orders", ""), 20)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if strings.HasSuffix(r.URL.Path, "/tables/orders") && r.Method == http.MethodGet && r.URL.Query().Get("snapshots") == "" {
			t.Errorf("a load that does not say which snapshots: %s", r.URL)
		}
	}
}

func TestREST_EveryAnswerHasItsClass(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	c := s.open(t, func(cfg *Config) { cfg.Properties["token"] = "very-secret-token" })
	w.create("shop.orders", nil, 2, nil)
	tb, _ := c.Table("shop.orders", "", "s1")
	for status, want := range map[int]commit.Class{
		400: commit.Rejected, 413: commit.Rejected, 422: commit.Rejected, 401: commit.Denied, 403: commit.Denied, 404: commit.Missing, 409: commit.Conflict,
		408: commit.Busy, 429: commit.Busy, 500: commit.Unknown, 502: commit.Unknown, 503: commit.Unknown, 504: commit.Unknown, 301: commit.Unknown, 307: commit.Unknown, 418: commit.Unknown,
	} {
		s.onCommit(func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			w.WriteHeader(status)
			fmt.Fprint(w, "no\n\x00 very-secret-token \x1b[31m")
			return true
		})
		before := load(t, tb)
		posts := s.count(http.MethodPost)
		_, err := tb.Append(t.Context(), before, change("s1", 1, 0))
		wantClass(t, err, want)
		if strings.Contains(err.Error(), "very-secret") || strings.ContainsAny(err.Error(), "\n\x00\x1b") {
			t.Errorf("%d: %q", status, err)
		}
		if n := s.count(http.MethodPost) - posts; n != 1 {
			t.Errorf("%d: the request was sent %d times", status, n)
		}
		// It was applied all the same, which only a load can tell.
		if after := load(t, tb); after.Snapshots[after.Head].Parent != before.Head || after.Head == before.Head {
			t.Errorf("%d: the load does not show the commit", status)
		}
	}
	s.onCommit(func(w http.ResponseWriter) bool {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(503)
		return true
	})
	_, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, 0))
	wantClass(t, err, commit.Busy)
}

func TestREST_ABrokenConnectionIsNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	c := s.open(t, nil)
	w.create("shop.orders", nil, 2, nil)
	tb, _ := c.Table("shop.orders", "", "s1")
	hang := func(w http.ResponseWriter) bool {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
		return true
	}
	for _, when := range []string{"before", "after"} {
		base := load(t, tb) // on a connection that is kept and used again
		s.onRequest(nil)
		s.onCommit(hang)
		if when == "before" {
			s.onRequest(func(w http.ResponseWriter, r *http.Request) bool { return r.Method == http.MethodPost && hang(w) })
		}
		posts := s.count(http.MethodPost)
		_, err := tb.Append(t.Context(), base, change("s1", 1, 0))
		wantClass(t, err, commit.Unknown)
		if n := s.count(http.MethodPost) - posts; n != 1 {
			t.Errorf("%s it was applied: sent %d times", when, n)
		}
	}
	t.Run("a 200 that breaks off is a yes", func(t *testing.T) {
		s.onRequest(nil)
		s.onCommit(func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(200)
			fmt.Fprint(w, `{"metadata":`)
			return true
		})
		if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, 0)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a load that breaks off is none", func(t *testing.T) {
		s.onRequest(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"metadata":`)
			return true
		})
		_, err := tb.Load(t.Context())
		wantClass(t, err, commit.Unknown)
	})
}

func TestREST_ASilentServerIsLeftAfterTheDeadline(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	c := s.open(t, func(cfg *Config) { cfg.Properties["request-timeout"] = "50ms" })
	quiet := make(chan struct{})
	s.onRequest(func(w http.ResponseWriter, r *http.Request) bool { <-quiet; return true })
	defer close(quiet)
	_, err := c.Exists(context.Background(), "shop.orders")
	wantClass(t, err, commit.Unknown)
	if !strings.Contains(err.Error(), "no answer in time") {
		t.Error(err)
	}
}

func TestREST_TokensAreRenewed(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	var issued atomic.Int64
	revoked := atomic.Int64{}
	deny := atomic.Bool{}
	s.onRequest(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v1/oauth/tokens" {
			_ = r.ParseForm()
			if r.Form.Get("client_secret") != "s3cr3t-s3cr3t" || r.Form.Get("client_id") != "me" || r.Form.Get("scope") != "PRINCIPAL_ROLE:ALL" || r.Form.Get("grant_type") != "client_credentials" || deny.Load() {
				reply(w, 400, map[string]any{"error": "invalid_client", "error_description": "not " + r.Form.Get("client_secret")})
				return true
			}
			reply(w, 200, map[string]any{"access_token": fmt.Sprint("tok", issued.Add(1)), "token_type": "bearer", "expires_in": 3600})
			return true
		}
		var n int64
		if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer tok%d", &n); err != nil || n <= revoked.Load() {
			reply(w, 401, map[string]any{})
			return true
		}
		return false
	})
	c := s.open(t, func(cfg *Config) {
		cfg.Properties["credential"], cfg.Properties["scope"] = "me:s3cr3t-s3cr3t", "PRINCIPAL_ROLE:ALL"
	})
	exists := func() error { _, err := c.Exists(t.Context(), "shop.orders"); return err }
	for range 3 {
		if err := exists(); err != nil {
			t.Fatal(err)
		}
	}
	if issued.Load() != 1 {
		t.Errorf("%d tokens for four requests", issued.Load())
	}
	revoked.Store(issued.Load())
	wantClass(t, exists(), commit.Denied)
	if err := exists(); err != nil || issued.Load() != 2 {
		t.Errorf("after a refusal: %v, %d tokens", err, issued.Load())
	}
	c.back.(*restBackend).http.auth.(*oauth).now = func() time.Time { return time.Now().Add(59*time.Minute + time.Second) }
	if err := exists(); err != nil || issued.Load() != 3 {
		t.Errorf("before its end: %v, %d tokens", err, issued.Load())
	}
	deny.Store(true)
	c.back.(*restBackend).http.auth.refused()
	err := exists()
	wantClass(t, err, commit.Denied)
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the secret is in %v", err)
	}
}

func TestREST_SignsForAWS(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	c := s.open(t, func(cfg *Config) {
		for k, v := range map[string]string{"rest.sigv4-enabled": "true", "rest.signing-region": "eu-central-1", "rest.signing-name": "glue", "rest.access-key-id": "AKID",
			"rest.secret-access-key": "secretsecret", "rest.session-token": "sesssess"} {
			cfg.Properties[k] = v
		}
	})
	if _, err := c.Create(t.Context(), "shop.orders", ordersSchema, nil, 2, nil); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		a := r.Header.Get("Authorization")
		if !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential=AKID/") || !strings.Contains(a, "/eu-central-1/glue/aws4_request") || r.Header.Get("X-Amz-Security-Token") != "sesssess" || len(r.Header.Get("X-Amz-Content-Sha256")) != 64 {
			t.Errorf("%s %s: %s", r.Method, r.URL, a)
		}
	}
}

func TestREST_ServerConfiguration(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	s.conf = map[string]any{"defaults": map[string]string{"header.X-A": "default", "header.X-B": "default"}, "overrides": map[string]string{"header.X-C": "override"}}
	c := s.open(t, func(cfg *Config) {
		cfg.Warehouse, cfg.URI = "arn:a b/c", cfg.URI+"/v1/"
		cfg.Properties["header.X-B"], cfg.Properties["header.X-C"], cfg.Properties["header.Idempotency-Key"] = "mine", "mine", "1"
	})
	if _, err := c.Exists(t.Context(), "shop.orders"); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.requests[0].URL.Query().Get("warehouse"); got != "arn:a b/c" {
		t.Errorf("warehouse %q", got)
	}
	h := s.requests[len(s.requests)-1].Header
	if h.Get("X-A") != "default" || h.Get("X-B") != "mine" || h.Get("X-C") != "override" || h.Get("Idempotency-Key") != "" {
		t.Errorf("%v", h)
	}
	for in, want := range map[string]string{"main|lake": "main%7Clake", "main%7Clake": "main%7Clake", "a/b c": "a/b%20c"} {
		if got := escapePrefix(in); got != want {
			t.Errorf("prefix %s became %s, want %s", in, got, want)
		}
	}
}

func TestREST_OpenSaysWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	for name, edit := range map[string]func(*Config){
		"no address": func(c *Config) { c.URI = "localhost:8181" }, "another server": func(c *Config) { c.URI += "/elsewhere" },
		"nobody": func(c *Config) { c.URI = "http://127.0.0.1:1" }, "token server": func(c *Config) {
			c.Properties = map[string]string{"credential": "a:hunter2hunter2", "oauth2-server-uri": "nonsense"}
		},
		"password": func(c *Config) { c.URI = "http://me:hunter2hunter2@127.0.0.1:1" },
	} {
		cfg := Config{Type: "rest", URI: s.URL, Store: w.store}
		edit(&cfg)
		c, err := Open(t.Context(), cfg)
		if err == nil {
			c.Close()
			t.Errorf("%s: opened", name)
		} else if strings.Contains(err.Error(), "hunter2hunter2") || errors.Is(err, ErrNoTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestREST_VendedCredentialsAreUsedAndRenewed(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	s.conf = map[string]any{"endpoints": []string{"GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials"}}
	mem := s3mem.New()
	if err := mem.CreateBucket("lake"); err != nil {
		t.Fatal(err)
	}
	fake := gofakes3.New(mem).Server()
	accepted := atomic.Value{}
	accepted.Store("KEY1")
	s3 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential="+accepted.Load().(string)+"/") {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(403)
			fmt.Fprint(w, `<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>`)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(s3.Close)
	vend := func(key string, expires time.Time) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.config = map[string]string{"s3.endpoint": s3.URL, "client.region": "us-east-1", "s3.path-style-access": "true"}
		conf := map[string]string{"s3.access-key-id": key, "s3.secret-access-key": "secretsecret", "s3.session-token": "t", "s3.session-token-expires-at-ms": fmt.Sprint(expires.UnixMilli())}
		s.creds = []credential{{Prefix: "s3://lake/", Config: map[string]string{"s3.access-key-id": "WRONG", "s3.secret-access-key": "x"}}, {Prefix: "s3://lake/wh/", Config: conf}}
	}
	vend("KEY1", time.Now().Add(time.Hour))
	w.create("shop.orders", nil, 2, nil)
	c := s.open(t, func(cfg *Config) { cfg.S3 = &storage.S3Config{Attempts: 2} })
	tb, _ := c.Table("shop.orders", "", "s1")
	d, err := tb.Describe(load(t, tb))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Store.Put(t.Context(), "s3://lake/wh/a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	first := s.requests[len(s.requests)-1].Header.Get("X-Iceberg-Access-Delegation")
	s.mu.Unlock()
	if first != "vended-credentials" {
		t.Errorf("asked for %q", first)
	}
	if err := d.Store.Put(t.Context(), "file://"+w.dir+"/local", []byte("x")); err != nil {
		t.Errorf("a local file beside: %v", err)
	}
	// The keys are refused, and the catalog has others: the same store goes on with them.
	accepted.Store("KEY2")
	vend("KEY2", time.Now().Add(time.Hour))
	if err := d.Store.Put(t.Context(), "s3://lake/wh/b", []byte("x")); err != nil {
		t.Errorf("after a renewal: %v", err)
	}
	s.mu.Lock()
	n := s.renewals
	s.mu.Unlock()
	if n != 1 {
		t.Errorf("%d renewals", n)
	}
	if err := d.Store.Put(t.Context(), "s3://lake/other", []byte("x")); !errors.Is(err, storage.ErrDenied) && err == nil {
		t.Error("a location of another prefix used these keys")
	}
}

func TestREST_CreateDoesWithoutItsOwnProperty(t *testing.T) {
	w := newWorld(t)
	s := newRESTServer(t, w)
	c := s.open(t, nil)
	s.onRequest(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/tables") {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(propCreated)) {
			reply(w, 400, map[string]any{"error": map[string]any{"message": "unknown property"}})
			return true
		}
		return false
	})
	created, err := c.Create(t.Context(), "shop.orders", ordersSchema, nil, 2, nil)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	tb, _ := c.Table("shop.orders", "", "s1")
	if tb.Created(load(t, tb)) {
		t.Error("the table has a property that was refused")
	}
}
