package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/sinker-io/sinker/commit"
)

// authorizer says who we are.
type authorizer interface {
	// authorize adds to the request what the server wants to see. body is the request's.
	authorize(ctx context.Context, req *http.Request, body []byte) error
	// refused is told that the server did not accept it; the next request must not use the same again if it can be renewed.
	refused()
	// secret is what must not be printed, if there is such a thing now.
	secret() string
}

func newAuthorizer(ctx context.Context, c *restClient, props map[string]string, uri string) (authorizer, error) {
	switch {
	case strings.EqualFold(props["rest.sigv4-enabled"], "true") || strings.EqualFold(props["rest.auth.type"], "sigv4"):
		return newSigner(ctx, props)
	case props["token"] != "":
		return bearer(props["token"]), nil
	case props["credential"] != "":
		at := orElse(props["oauth2-server-uri"], uri+"/v1/oauth/tokens")
		if u, err := url.Parse(at); err != nil || u.Host == "" {
			return nil, classed(commit.Rejected, "property oauth2-server-uri is %q: want an http(s) address", plainURI(at))
		}
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {orElse(props["scope"], "catalog")}}
		id, secret, ok := strings.Cut(props["credential"], ":")
		if !ok {
			id, secret = "", props["credential"]
		}
		if id != "" {
			form.Set("client_id", id)
		}
		form.Set("client_secret", secret)
		for _, k := range []string{"audience", "resource"} {
			if v := props[k]; v != "" {
				form.Set(k, v)
			}
		}
		return &oauth{rest: c, at: at, form: form, now: time.Now}, nil
	}
	return nil, nil
}

// bearer is a token that does not change.
type bearer string

func (b bearer) authorize(_ context.Context, req *http.Request, _ []byte) error {
	req.Header.Set("Authorization", "Bearer "+string(b))
	return nil
}

func (bearer) refused() {}

func (b bearer) secret() string { return string(b) }

// oauth gets tokens for client credentials, and a new one before the old one ends or after it was refused.
type oauth struct {
	rest *restClient
	at   string
	form url.Values
	now  func() time.Time

	mu      sync.Mutex // held while a token is fetched: one request for all who wait
	token   string
	renewAt time.Time
}

func (o *oauth) authorize(ctx context.Context, req *http.Request, _ []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.token == "" || !o.now().Before(o.renewAt) {
		if err := o.fetch(ctx); err != nil {
			return err
		}
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	return nil
}

func (o *oauth) refused() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.token = ""
}

func (o *oauth) secret() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.token
}

func (o *oauth) fetch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.at, strings.NewReader(o.form.Encode()))
	if err != nil {
		return errors.New("the token server's address is not usable")
	}
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := o.rest.client.Do(req)
	if err != nil {
		return fmt.Errorf("get a token from %s: %w", plainURI(o.at), bare(ctx, err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("get a token from %s: %w", plainURI(o.at), bare(ctx, err))
	}
	if resp.StatusCode/100 != 2 {
		class := statusClass(resp)
		if class == commit.Rejected || class == commit.Missing { // RFC 6749: wrong credentials are a 400 too
			class = commit.Denied
		}
		var said struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(text, &said) // a server that says it otherwise says nothing
		return classed(class, "get a token from %s: HTTP %d %s %s; check the catalog's credential and scope", plainURI(o.at), resp.StatusCode, said.Error, said.Description)
	}
	var got struct {
		Token   string  `json:"access_token"`
		Type    string  `json:"token_type"`
		Expires float64 `json:"expires_in"`
	}
	if err := json.Unmarshal(text, &got); err != nil || got.Token == "" {
		return fmt.Errorf("get a token from %s: its answer holds no access_token", plainURI(o.at)) // the answer is not quoted: it may hold one
	}
	life := time.Hour
	if got.Expires > 0 {
		life = time.Duration(min(got.Expires, 30*86400) * float64(time.Second))
	}
	o.token, o.renewAt = got.Token, o.now().Add(life-min(life/4, time.Minute))
	return nil
}

// signer signs requests as AWS wants them (Glue, S3 Tables, API gateways).
type signer struct {
	sign    *v4.Signer
	creds   aws.CredentialsProvider
	service string
	region  string
}

func newSigner(ctx context.Context, props map[string]string) (*signer, error) {
	s := &signer{sign: v4.NewSigner(), service: orElse(props["rest.signing-name"], "execute-api"), region: props["rest.signing-region"]}
	if key := props["rest.access-key-id"]; key != "" {
		s.creds = credentials.NewStaticCredentialsProvider(key, props["rest.secret-access-key"], props["rest.session-token"])
	}
	if s.creds == nil || s.region == "" {
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("the AWS defaults: %w", err)
		}
		if s.creds == nil {
			s.creds = cfg.Credentials
		}
		s.region = orElse(s.region, cfg.Region)
	}
	if s.region == "" {
		return nil, classed(commit.Rejected, "no region to sign for: set the property rest.signing-region, or AWS_REGION")
	}
	return s, nil
}

func (s *signer) authorize(ctx context.Context, req *http.Request, body []byte) error {
	c, err := s.creds.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("find AWS credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	return s.sign.SignHTTP(ctx, c, req, hash, s.service, s.region, time.Now())
}

func (s *signer) refused() {
	if cache, ok := s.creds.(*aws.CredentialsCache); ok {
		cache.Invalidate()
	}
}

func (s *signer) secret() string { return "" }
