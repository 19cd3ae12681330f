package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sinker-io/sinker/testenv/embedded"
)

// planted are the secrets; every output is searched for "planted".
var planted = map[string]string{
	"PLANT_KAFKA": "planted-kafka", "PLANT_S3": "planted-s3-key", "PLANT_TOKEN": "planted-token", "PLANT_CREDENTIAL": "me:planted-credential", "PLANT_DB": "planted-db",
}

// parrot is a server that repeats everything that it is sent, in answers of the status.
func parrot(t *testing.T, status int) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		said := fmt.Sprintf("%s %s %v %s %s %s", r.Method, r.URL, r.Header, body, user, password)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q,"error_description":%q,"message":%q}`, "bad", said, said)
	}))
	t.Cleanup(s.Close)
	return s
}

// Whatever fails, and whoever repeats what it was sent, no secret is in a log, a report, an error, a page or a metric.
func TestSecrets_AppearNowhere(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	var env []string
	for k, v := range planted {
		env = append(env, k+"="+v)
	}
	start := func(ctx context.Context, args ...string) (*exec.Cmd, *output) {
		p, out := process(ctx, args...), &output{}
		p.Env, p.Stdout, p.Stderr = append(p.Env, env...), out, out
		p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) } // what tries for too long is told to end
		p.WaitDelay = 10 * time.Second
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		return p, out
	}
	w, err := embedded.Start(ctx, embedded.Options{Kafka: []kfake.Opt{kfake.EnableSASL(), kfake.User("SCRAM-SHA-256", "sinker", "planted-kafka")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	head := func(password string) string {
		return fmt.Sprintf("sink: orders\nkafka:\n  brokers: [%q]\n  sasl: {mechanism: SCRAM-SHA-256, username: sinker, password: %q}\n", w.Brokers[0], password)
	}
	tables := "tables:\n  - topics: [orders]\n    table: shop.orders\n    format: json\n    create: {columns: [{name: id, type: long}]}\ncommit: {every: 200ms}\n"
	s3 := func(url string) string {
		return fmt.Sprintf("s3: {endpoint: %q, path_style: true, access_key: minio, secret_key: \"${PLANT_S3}\"}\n", url)
	}
	bad, forbidden, broken := parrot(t, 400), parrot(t, 403), parrot(t, 500)
	rest := func(url, props string) string {
		return fmt.Sprintf("catalog: {type: rest, uri: %q, warehouse: \"s3://lake/w\", properties: {%s}}\n", url, props)
	}
	sqlite := fmt.Sprintf("catalog: {type: sql, uri: \"sqlite:%s\", warehouse: \"s3://lake/w\"}\n", w.CatalogDB)
	for name, text := range map[string]string{
		"token refused":      head("${PLANT_KAFKA}") + rest(bad.URL, `token: "${PLANT_TOKEN}"`) + s3(bad.URL),
		"credential refused": head("${PLANT_KAFKA}") + rest(forbidden.URL, `credential: "${PLANT_CREDENTIAL}", oauth2-server-uri: "`+forbidden.URL+`/token"`) + s3(forbidden.URL),
		"catalog broken":     head("${PLANT_KAFKA}") + rest(broken.URL, `token: "${PLANT_TOKEN}", header.X-Key: planted-header`) + s3(broken.URL),
		"store refuses":      head("${PLANT_KAFKA}") + sqlite + s3(forbidden.URL),
		"store broken":       head("${PLANT_KAFKA}") + sqlite + s3(broken.URL),
		"database away":      head("${PLANT_KAFKA}") + "catalog: {type: sql, uri: \"postgres://me:${PLANT_DB}@127.0.0.1:1/db?connect_timeout=1\", warehouse: \"file:///w\"}\n",
		"wrong password":     head("planted-wrong") + sqlite + s3(broken.URL),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := fmt.Sprintf("127.0.0.1:%d", freePort(0))
			f := file(t, "sinker.yaml", text+tables+"admin: "+page+"\n")
			for _, args := range [][]string{{"check", "-c", f}, {"check", "-c", f, "--output", "json", "--log-level", "debug"}, {"check", "-c", f, "--probe"}, {"offsets", "show", "-c", f, "--log-format", "json"},
				{"offsets", "accept", "-c", f, "--table", "shop.orders", "--position", "start", "--reason", "x"}} {
				ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
				p, out := start(ctx, args...)
				_ = p.Wait()
				cancel()
				clean(t, strings.Join(args, " "), out.String())
			}
			p, out := start(ctx, "run", "-c", f, "--log-level", "debug")
			time.Sleep(1500 * time.Millisecond)
			for _, path := range []string{"/", "/metrics", "/status.json", "/readyz"} {
				body, err := get(ctx, "http://"+page+path)
				if err == nil {
					clean(t, path, body)
				}
			}
			_ = p.Process.Signal(syscall.SIGTERM)
			_ = p.Wait()
			clean(t, "run", out.String())
		})
	}
}

func clean(t *testing.T, where, text string) {
	t.Helper()
	if text == "" {
		t.Errorf("%s says nothing at all", where)
	}
	for _, l := range strings.Split(text, "\n") {
		if strings.Contains(strings.ReplaceAll(l, "PLANT_", ""), "planted") {
			t.Errorf("%s holds a secret: %s", where, l)
		}
	}
}

// The last line of defence, by itself: a secret is found however it is written.
func TestScrubber_FindsSecretsInEverySpelling(t *testing.T) {
	var b strings.Builder
	s := &scrubber{to: &b}
	s.hide([]string{`pa"ss w/ord`})
	for _, form := range []string{`pa"ss w/ord`, `pa\"ss w/ord`, `pa%22ss+w%2Ford`, `pa%22ss%20w%2Ford`, `pa%22ss%20w/ord`} {
		b.Reset()
		fmt.Fprintf(s, "error: [%s]\n", form)
		if b.String() != "error: [(secret)]\n" {
			t.Errorf("%s is written as %s", form, b.String())
		}
	}
}
