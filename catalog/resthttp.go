package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sinker-io/sinker/commit"
)

// restClient sends requests, each once: no retry, no redirect, and nothing that would make net/http or a proxy
// send a POST again (no Idempotency-Key, no body that could be read twice).
type restClient struct {
	client   *http.Client
	auth     authorizer
	headers  http.Header
	deadline time.Duration
	secrets  []string
	owned    *http.Transport // nil: the caller's
}

// maxAnswer bounds the body of an answer.
const maxAnswer = 512 << 20

func newRESTClient(ctx context.Context, cfg Config, props map[string]string, uri string) (*restClient, error) {
	deadline, err := duration(props, "request-timeout", time.Minute)
	if err != nil {
		return nil, err
	}
	dial, err := duration(props, "dial-timeout", 10*time.Second)
	if err != nil {
		return nil, err
	}
	c := &restClient{deadline: deadline, headers: http.Header{}}
	transport := cfg.Transport
	if transport == nil {
		c.owned = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: dial, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: dial, ResponseHeaderTimeout: deadline, IdleConnTimeout: 50 * time.Second,
			MaxIdleConnsPerHost: 8, ForceAttemptHTTP2: true,
		}
		transport = c.owned
	}
	c.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.headers.Set("Accept", "application/json")
	c.headers.Set("User-Agent", "sinker")
	if cfg.S3 != nil {
		c.headers.Set("X-Iceberg-Access-Delegation", "vended-credentials")
	}
	for k, v := range props {
		if name, ok := strings.CutPrefix(k, "header."); ok {
			c.headers.Set(name, v)
			c.secrets = append(c.secrets, v)
		}
	}
	c.headers.Del("Idempotency-Key")
	c.headers.Del("X-Idempotency-Key")
	for _, k := range []string{"token", "credential", "rest.secret-access-key", "rest.session-token"} {
		c.secrets = append(c.secrets, props[k])
	}
	if _, secret, ok := strings.Cut(props["credential"], ":"); ok {
		c.secrets = append(c.secrets, secret)
	}
	if c.auth, err = newAuthorizer(ctx, c, props, uri); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *restClient) close() {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
}

// do sends one request and reads the answer into out, if that is not nil. Its error is a *commit.Error; only an answer of
// 2xx gives none. An answer of 2xx to a change is a yes, even if its body breaks off.
func (c *restClient) do(ctx context.Context, method, at string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("spell the request: %w", err)}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(raw))
	if err != nil {
		return &commit.Error{Class: commit.Rejected, Err: fmt.Errorf("%s %s: not a usable address", method, plainURI(at))}
	}
	for k, v := range c.headers {
		req.Header[k] = v
	}
	if body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	req.GetBody = nil
	if c.auth != nil {
		if err := c.auth.authorize(ctx, req, raw); err != nil {
			return &commit.Error{Class: classOf(err), Err: fmt.Errorf("authorize the request to the catalog: %w", c.clean(err))}
		}
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return &commit.Error{Class: commit.Unknown, Err: fmt.Errorf("%s %s: %w", method, plainURI(at), c.clean(bare(ctx, err)))}
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		if out == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection is used again
			return nil
		}
		err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out)
		if err != nil {
			return &commit.Error{Class: commit.Unknown, Err: fmt.Errorf("%s %s: read the answer: %w", method, plainURI(at), c.clean(bare(ctx, err)))}
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10))
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if c.auth != nil && (resp.StatusCode == 401 || resp.StatusCode == 419) {
		c.auth.refused()
	}
	return &commit.Error{Class: statusClass(resp), Err: fmt.Errorf("%s %s: %w", method, plainURI(at), c.clean(answerError(resp, text)))}
}

// statusClass is what an answer means, by its status alone.
func statusClass(r *http.Response) commit.Class {
	switch r.StatusCode {
	case 400, 413, 422:
		return commit.Rejected
	case 401, 403, 419:
		return commit.Denied
	case 404:
		return commit.Missing
	case 409:
		return commit.Conflict
	case 408, 425, 429:
		return commit.Busy
	case 503:
		if r.Header.Get("Retry-After") != "" {
			return commit.Busy
		}
	}
	return commit.Unknown
}

// answerError is what the server says of its refusal.
func answerError(r *http.Response, text []byte) error {
	var body struct {
		Error struct {
			Message string `json:"message"`
			Type    string `json:"type"`
		} `json:"error"`
	}
	said := ""
	if json.Unmarshal(text, &body) == nil && body.Error.Message != "" {
		said = body.Error.Message
		if body.Error.Type != "" {
			said = body.Error.Type + ": " + said
		}
	} else if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("<")) {
		said = strings.ToValidUTF8(string(text), "?")
	}
	said = strings.Join(strings.FieldsFunc(said, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(said) > 600 {
		said = strings.ToValidUTF8(said[:600], "") + "…"
	}
	msg := fmt.Sprintf("HTTP %d %s", r.StatusCode, http.StatusText(r.StatusCode))
	if loc := r.Header.Get("Location"); r.StatusCode/100 == 3 && loc != "" {
		msg += ", moved to " + plainURI(loc) + ": set that as the catalog's uri"
	}
	if said != "" {
		msg += ": " + said
	}
	switch r.StatusCode {
	case 404:
		if strings.Contains(r.Request.URL.Path, "/namespaces/") {
			return fmt.Errorf("%w (%s)", ErrNoTable, msg)
		}
	case 401:
		msg += "; check the catalog's token or credential"
	case 403:
		msg += "; the catalog's principal needs to read and write this table"
	}
	return errors.New(msg)
}

// bare takes the URL out of an error, which holds a query, and says which deadline passed.
func bare(ctx context.Context, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if late := ended(ctx, err); late != nil {
		return late
	}
	return err
}

// cleaned is an error whose text was cleaned of secrets; what it wraps is found by errors.Is, but not printed.
type cleaned struct {
	text string
	err  error
}

func (e *cleaned) Error() string { return e.text }
func (e *cleaned) Unwrap() error { return e.err }

func (c *restClient) clean(err error) error {
	text := err.Error()
	secrets := c.secrets
	if c.auth != nil {
		secrets = append(slices.Clone(secrets), c.auth.secret())
	}
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	if text == err.Error() {
		return err
	}
	return &cleaned{text: text, err: err}
}
