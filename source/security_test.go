package source_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/source"
)

// authority signs certificates into files of its folder.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, a.cert = a.sign("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) sign(name string, tmpl, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	tmpl.SerialNumber, tmpl.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	tmpl.NotBefore, tmpl.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, by = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return key, cert
}

// broker is the TLS side of a broker, which asks clients for a certificate if mutual.
func (a *authority) broker(mutual bool) *tls.Config {
	a.sign("broker", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"broker.example"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, a.cert, a.key)
	pair, err := tls.LoadX509KeyPair(a.file("broker.pem"), a.file("broker.key"))
	if err != nil {
		a.t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}}
	if mutual {
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		cfg.ClientCAs.AddCert(a.cert)
	}
	return cfg
}

func (a *authority) client() *source.TLS {
	a.sign("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, a.cert, a.key)
	return &source.TLS{CAFile: a.file("ca.pem"), CertFile: a.file("client.pem"), KeyFile: a.file("client.key")}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// open tries to reach a broker and read one record, and returns the error; log is everything that was logged.
func open(t *testing.T, c *kfake.Cluster, log *lockedBuffer, tl *source.TLS, sa *source.SASL) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cfg := source.Config{Brokers: c.ListenAddrs(), Group: "g", Topics: []string{"t"}, TLS: tl, SASL: sa, Budget: budget.New(32<<20, nil),
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	tries, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	g, err := source.Open(tries, cfg)
	if err != nil {
		return err
	}
	defer g.Close(ctx)
	for {
		select {
		case ev := <-g.Events():
			switch ev := ev.(type) {
			case source.Assigned:
				return nil
			case source.Lost:
				return ev.Err
			}
		case <-ctx.Done():
			t.Fatal("no assignment came")
		}
	}
}

func TestOpen_TLS(t *testing.T) {
	a := newAuthority(t)
	log := &lockedBuffer{}
	plainTLS := fake(t, kfake.TLS(a.broker(false)), kfake.SeedTopics(1, "t"))
	mutual := fake(t, kfake.TLS(a.broker(true)), kfake.SeedTopics(1, "t"))
	other := newAuthority(t)
	for _, c := range []struct {
		name  string
		at    *kfake.Cluster
		tls   *source.TLS
		works bool
	}{
		{"trusted CA", plainTLS, &source.TLS{CAFile: a.file("ca.pem")}, true},
		{"expected name", plainTLS, &source.TLS{CAFile: a.file("ca.pem"), ServerName: "broker.example"}, true},
		{"other name", plainTLS, &source.TLS{CAFile: a.file("ca.pem"), ServerName: "elsewhere.example"}, false},
		{"other CA", plainTLS, &source.TLS{CAFile: other.file("ca.pem")}, false},
		{"system roots", plainTLS, &source.TLS{}, false},
		{"client certificate", mutual, a.client(), true},
		{"no client certificate", mutual, &source.TLS{CAFile: a.file("ca.pem")}, false},
		{"client certificate of others", mutual, func() *source.TLS { c := other.client(); c.CAFile = a.file("ca.pem"); return c }(), false},
		{"plaintext to TLS", plainTLS, nil, false},
	} {
		if err := open(t, c.at, log, c.tls, nil); (err == nil) != c.works {
			t.Errorf("%s: %v, want it to work: %v", c.name, err, c.works)
		}
	}
}

const secret = "s3cr3t-pa55"

func TestOpen_SASL(t *testing.T) {
	log := &lockedBuffer{}
	var refusals []string
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		c := fake(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "user", secret), kfake.Superuser("PLAIN", "seed", "x"),
			kfake.SeedTopics(1, "t"))
		if err := open(t, c, log, nil, &source.SASL{Mechanism: mechanism, Username: "user", Password: secret}); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
		for _, wrong := range []*source.SASL{{Mechanism: mechanism, Username: "user", Password: secret + "wrong"}, {Mechanism: mechanism, Username: "nobody", Password: secret}, nil} {
			err := open(t, c, log, nil, wrong)
			if err == nil {
				t.Errorf("%s: %v was let in", mechanism, wrong)
				continue
			}
			refusals = append(refusals, err.Error())
		}
	}
	if all := strings.Join(refusals, "\n") + log.String(); strings.Contains(all, secret) {
		t.Errorf("the password is in an error or the log:\n%s", all)
	}
}

// bearer makes a broker accept OAUTHBEARER tokens that good says are good. The fake broker knows no such mechanism,
// so the two requests of an authentication are answered here.
func bearer(c *kfake.Cluster, good func(token string) bool) {
	c.ControlKey(int16(kmsg.SASLHandshake), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
		resp.SupportedMechanisms = []string{"OAUTHBEARER"}
		return resp, nil, true
	})
	c.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		said := string(req.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		_, token, _ := strings.Cut(said, "auth=Bearer ")
		token, _, _ = strings.Cut(token, "\x01")
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		if !good(token) {
			resp.ErrorCode = 58
			resp.ErrorMessage = kmsg.StringPtr("no")
		}
		return resp, nil, true
	})
}

func TestOpen_OAuthTokenFromAFile(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t"))
	var mu sync.Mutex
	valid := secret + "1"
	bearer(c, func(token string) bool { mu.Lock(); defer mu.Unlock(); return token == valid })
	log := &lockedBuffer{}
	file := filepath.Join(t.TempDir(), "token")
	sa := &source.SASL{Mechanism: "OAUTHBEARER", TokenFile: file}
	var refusals []string
	try := func(content string, works bool) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := open(t, c, log, nil, sa)
		if (err == nil) != works {
			t.Errorf("token file %q: %v, want it to work: %v", content, err, works)
		}
		refusals = append(refusals, fmt.Sprint(err))
	}
	try(secret+"1\n", true)
	try("", false)
	try(secret+"2", false)
	if last := refusals[len(refusals)-1]; !strings.Contains(last, "refuses this user, password or token: check kafka.sasl (OAUTHBEARER)") {
		t.Errorf("a refused token does not say what to check: %s", last)
	}
	mu.Lock()
	valid = secret + "2" // rotated
	mu.Unlock()
	try(secret+"2\n", true)
	if all := strings.Join(refusals, "\n") + log.String(); strings.Contains(all, secret) {
		t.Errorf("the token is in an error or the log:\n%s", all)
	}
}

func TestOpen_OAuthClientCredentials(t *testing.T) {
	c := fake(t, kfake.SeedTopics(1, "t"))
	bearer(c, func(token string) bool { return token == "tok-scope-a" })
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, pass, _ := r.BasicAuth()
		_ = r.ParseForm()
		if id == "" {
			id, pass = r.Form.Get("client_id"), r.Form.Get("client_secret")
		}
		w.Header().Set("Content-Type", "application/json")
		if id != "sinker" || pass != secret {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":"secret %s is wrong"}`, pass)
			return
		}
		fmt.Fprintf(w, `{"access_token":"tok-%s","token_type":"bearer","expires_in":3600}`, r.Form.Get("scope"))
	}))
	defer srv.Close()
	log := &lockedBuffer{}
	sa := source.SASL{Mechanism: "OAUTHBEARER", TokenURL: srv.URL, ClientID: "sinker", ClientSecret: secret, Scope: "scope-a"}
	if err := open(t, c, log, nil, &sa); err != nil {
		t.Error(err)
	}
	wrong := sa
	wrong.ClientSecret = secret + "x"
	err := open(t, c, log, nil, &wrong)
	if err == nil {
		t.Error("a wrong secret was let in")
	}
	if all := fmt.Sprint(err) + log.String(); strings.Contains(all, secret) {
		t.Errorf("the secret is in an error or the log:\n%s", all)
	}
	if !strings.Contains(fmt.Sprint(err), "client_secret") {
		t.Errorf("the error does not say what to check: %v", err)
	}
	srv.CloseClientConnections()
}

func TestConfig_TellsEveryFaultAtOnce(t *testing.T) {
	err := source.Config{
		Brokers: []string{"http://x"}, Topics: []string{""}, Refresh: time.Millisecond,
		TLS:  &source.TLS{CertFile: "only-this.pem"},
		SASL: &source.SASL{Mechanism: "GSSAPI"},
	}.Validate()
	for _, want := range []string{"brokers:", "group:", "topics:", "refresh:", "budget:", "tls:", "sasl:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the fault of %s is missing in: %v", want, err)
		}
	}
	for _, sa := range []source.SASL{{Mechanism: "PLAIN", Username: "u"}, {Mechanism: "OAUTHBEARER"}, {Mechanism: "OAUTHBEARER", TokenFile: "f", TokenURL: "https://x"},
		{Mechanism: "OAUTHBEARER", TokenURL: "https://x"}, {Mechanism: "OAUTHBEARER", TokenURL: "ftp://x", ClientID: "a", ClientSecret: "b"}} {
		err := source.Config{Brokers: []string{"b:1"}, Group: "g", Topics: []string{"t"}, Budget: budget.New(1<<20, nil), SASL: &sa}.Validate()
		if err == nil {
			t.Errorf("%+v was accepted", sa)
		}
	}
}
