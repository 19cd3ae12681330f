package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// TLS is the encryption of the connections to the brokers. The zero value trusts the system's roots.
type TLS struct {
	CAFile     string // PEM; trusted instead of the system's roots
	CertFile   string // PEM, with KeyFile: the client shows itself (mutual TLS); read at every handshake
	KeyFile    string
	ServerName string // expected in the broker's certificate instead of its host name
}

// SASL is who we are to the brokers.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER

	Username, Password string // all but OAUTHBEARER

	TokenFile string // OAUTHBEARER: read at every authentication, so it may be rotated

	TokenURL, ClientID, ClientSecret, Scope string // OAUTHBEARER by client credentials; the token is renewed when due
}

func (t *TLS) validate() error {
	if t == nil {
		return nil
	}
	_, err := t.config()
	return err
}

func (t *TLS) config() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no PEM certificate", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("cert_file and key_file: one is given without the other")
	}
	if t.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("cert_file %s, key_file %s: %w", t.CertFile, t.KeyFile, err)
			}
			return &c, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return cfg, nil
}

func (s *SASL) validate() error {
	if s == nil {
		return nil
	}
	switch s.Mechanism {
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		if s.Username == "" || s.Password == "" {
			return fmt.Errorf("%s needs username and password", s.Mechanism)
		}
	case "OAUTHBEARER":
		if (s.TokenFile == "") == (s.TokenURL == "") {
			return errors.New("OAUTHBEARER needs one of token_file and token_url")
		}
		if s.TokenURL == "" {
			return nil
		}
		if u, err := url.Parse(s.TokenURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return errors.New("token_url is no http or https address")
		}
		if s.ClientID == "" || s.ClientSecret == "" {
			return errors.New("token_url needs client_id and client_secret")
		}
	default:
		return fmt.Errorf("mechanism %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER", s.Mechanism)
	}
	return nil
}

func (s *SASL) mechanism() sasl.Mechanism {
	switch s.Mechanism {
	case "PLAIN":
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()
	}
	if s.TokenFile != "" {
		return oauth.Oauth(func(context.Context) (oauth.Auth, error) { return fileToken(s.TokenFile) })
	}
	return oauth.Oauth((&credentials{sasl: s}).token)
}

func fileToken(path string) (oauth.Auth, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return oauth.Auth{}, fmt.Errorf("sasl: token_file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return oauth.Auth{}, fmt.Errorf("sasl: token_file: %s is empty", path)
	}
	return oauth.Auth{Token: token}, nil
}

// credentials gets tokens by OAuth2 client credentials and keeps one until it is about to expire.
type credentials struct {
	sasl *SASL
	once sync.Once
	src  oauth2.TokenSource // safe for concurrent use
}

func (c *credentials) token(ctx context.Context) (oauth.Auth, error) {
	c.once.Do(func() {
		cc := clientcredentials.Config{ClientID: c.sasl.ClientID, ClientSecret: c.sasl.ClientSecret, TokenURL: c.sasl.TokenURL}
		if c.sasl.Scope != "" {
			cc.Scopes = strings.Fields(c.sasl.Scope)
		}
		hc := &http.Client{Timeout: 15 * time.Second}
		c.src = cc.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, hc))
	})
	t, err := c.src.Token()
	if err != nil {
		return oauth.Auth{}, fmt.Errorf("sasl: get a token from %s: %w", hostOf(c.sasl.TokenURL), withoutBody(err))
	}
	if err := ctx.Err(); err != nil {
		return oauth.Auth{}, err
	}
	return oauth.Auth{Token: t.AccessToken}, nil
}

// withoutBody keeps what the token server sent out of our errors: it may repeat the secret.
func withoutBody(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		return fmt.Errorf("the server answered %d; check client_id, client_secret and scope", refused.Response.StatusCode)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return errors.New("the answer holds no token")
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "token_url"
	}
	return u.Host
}

func securityOpts(t *TLS, s *SASL) ([]kgo.Opt, error) {
	var opts []kgo.Opt
	if t != nil {
		cfg, err := t.config()
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		opts = append(opts, kgo.DialTLSConfig(cfg))
	}
	if s != nil {
		opts = append(opts, kgo.SASL(s.mechanism()))
	}
	return opts, nil
}
