// Package chaos makes networks behave as badly as they can. A [Proxy] stands between one client and one HTTP server, such as a
// catalog or an object store: it delays answers, loses requests or answers, cuts connections, and holds a chosen request at a
// chosen moment, so that a test can kill the client exactly then.
package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy is an HTTP server on 127.0.0.1 that passes everything on to another one. Headers go through as they are, the host's
// name included, since clients sign them. It is safe for concurrent use.
type Proxy struct {
	URL string // where clients connect to

	target    *url.URL
	server    *http.Server
	transport *http.Transport
	done      chan struct{}
	down      atomic.Bool
	closing   context.Context    // ends at Close
	close     context.CancelFunc // ends it
	copies    sync.WaitGroup     // copies on their way

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	rules []*Rule
}

// Rule says what happens to the requests that it matches. The first that matches decides.
type Rule struct {
	Match  func(*http.Request) bool // must not touch the body
	Delay  time.Duration            // between the server's answer and the client's
	Lose   Loss                     // what never arrives
	Status int                      // what the client is told instead of what is lost; 0: its connection is cut
	Reset  bool                     // a connection that is cut is reset, so that the client's next read fails
	Twice  Copy                     // what comes to the server a second time
	Times  int                      // how often the rule holds; 0: always
	Seen   *atomic.Int64            // counts how often it held; may be nil

	used int
	trap *Trap
}

// Loss is what a rule loses.
type Loss int

// A lost request never reaches the server; a lost answer never reaches the client, though the server did its work; of half an
// answer the client gets the beginning. The client's connection is cut, or it is told a status of the rule's.
const (
	Nothing Loss = iota
	LoseRequest
	LoseAnswer
	LoseHalf
)

// Copy is a second arrival of a request.
type Copy int

// At once: the server does the work twice before the client hears anything, and the client hears the second answer. Late: the
// client has got the first answer, and the copy arrives after the rule's delay, whatever has happened since.
const (
	NoCopy Copy = iota
	AtOnce
	Late
)

// NewProxy starts a proxy in front of the server at target, an http address without a path.
func NewProxy(target string) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", target, err)
	}
	p := &Proxy{URL: "http://" + l.Addr().String(), target: u, done: make(chan struct{}), conns: map[net.Conn]struct{}{},
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: 5 * time.Second}}
	p.closing, p.close = context.WithCancel(context.Background())
	p.server = &http.Server{Handler: p, ConnState: p.track}
	go func() {
		defer close(p.done)
		_ = p.server.Serve(l) // always ends with an error, at Close
	}()
	return p, nil
}

// Close ends the proxy and every connection through it.
func (p *Proxy) Close() error {
	p.SetRules()
	err := p.server.Close()
	<-p.done
	p.mu.Lock()
	p.close()
	p.mu.Unlock()
	p.copies.Wait()
	p.transport.CloseIdleConnections()
	return err
}

func (p *Proxy) track(c net.Conn, s http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch s {
	case http.StateNew:
		if p.down.Load() {
			_ = c.Close()
			return
		}
		p.conns[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(p.conns, c)
	}
}

// SetRules replaces all rules.
func (p *Proxy) SetRules(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rules {
		if r.trap != nil {
			r.trap.Release(PassOn)
		}
	}
	p.rules = nil
	for _, r := range rules {
		p.rules = append(p.rules, &r)
	}
}

// AddRule adds a rule behind those that are there, and returns what takes it away.
func (p *Proxy) AddRule(r Rule) (remove func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &r)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.rules = slices.DeleteFunc(p.rules, func(other *Rule) bool { return other == &r })
	}
}

// Cut breaks all connections that clients have open, by a reset or not, and tells how many there were.
func (p *Proxy) Cut(reset bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		sever(c, reset)
	}
	return len(p.conns)
}

// SetDown makes the server unreachable, or reachable again.
func (p *Proxy) SetDown(down bool) {
	p.down.Store(down)
	if down {
		p.Cut(false)
	}
}

// rule finds what applies to the request and counts its use.
func (p *Proxy) rule(r *http.Request) *Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, rule := range p.rules {
		if !rule.Match(r) {
			continue
		}
		if rule.used++; rule.used == rule.Times {
			p.rules = append(p.rules[:i:i], p.rules[i+1:]...)
		}
		if rule.Seen != nil {
			rule.Seen.Add(1)
		}
		return rule
	}
	return &Rule{}
}

// ServeHTTP passes one request on, as the rules say.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule := p.rule(r)
	out, body, err := p.outgoing(r, rule)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	if !rule.trap.hold(Arrived) || rule.Lose == LoseRequest {
		rule.cut(w)
		return
	}
	resp, err := p.transport.RoundTrip(out)
	if err == nil && rule.Twice == AtOnce {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		resp, err = p.transport.RoundTrip(again(out, body))
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	if rule.Twice == Late {
		p.later(again(out, body), rule.Delay)
	} else if !pause(r.Context(), rule.Delay) {
		panic(http.ErrAbortHandler)
	}
	if !rule.trap.hold(Applied) || rule.Lose == LoseAnswer {
		rule.cut(w)
		return
	}
	if rule.Lose == LoseHalf {
		_ = half(w, resp)
		rule.Status = 0 // the client has one already
		rule.cut(w)
		return
	}
	if err := answer(w, resp, rule.trap); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// cut tells the client what the rule wants it told, or breaks its connection.
func (rule *Rule) cut(w http.ResponseWriter) {
	if rule.Status != 0 {
		w.WriteHeader(rule.Status)
		return
	}
	if rule.Reset {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			sever(c, true)
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// sever ends a connection. By a reset, what is unsent is thrown away, and the peer's next read fails.
func sever(c net.Conn, reset bool) {
	if tcp, ok := c.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// again is a copy of a request that was sent. It lives as long as the proxy.
func again(out *http.Request, body []byte) *http.Request {
	r := out.Clone(context.WithoutCancel(out.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		r.Body = nil
	}
	return r
}

// later sends a copy after a while. Nobody hears the answer.
func (p *Proxy) later(r *http.Request, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing.Err() != nil {
		return
	}
	p.copies.Go(func() {
		if !pause(p.closing, delay) {
			return
		}
		if resp, err := p.transport.RoundTrip(r.WithContext(p.closing)); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
}

// outgoing is the request for the server. One that is trapped or copied is read to its end first and outlives its client;
// its body is the second result.
func (p *Proxy) outgoing(r *http.Request, rule *Rule) (*http.Request, []byte, error) {
	ctx := r.Context()
	whole := rule.trap != nil && !rule.trap.early || rule.Twice != NoCopy
	if rule.trap != nil || whole {
		ctx = context.WithoutCancel(ctx)
	}
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.RequestURI = p.target.Scheme, p.target.Host, ""
	for _, h := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Upgrade"} {
		out.Header.Del(h)
	}
	if out.Header.Get("User-Agent") == "" {
		out.Header["User-Agent"] = nil // or the transport would add its own
	}
	if r.ContentLength == 0 {
		out.Body = nil
	}
	if !whole {
		return out, nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	if len(body) == 0 {
		out.Body = nil
	}
	return out, body, nil
}

// answer copies the server's answer. A trap for answers holds it before its last byte.
func answer(w http.ResponseWriter, resp *http.Response, trap *Trap) error {
	for k, vs := range resp.Header {
		w.Header()[k] = vs
	}
	if trap == nil || trap.at != Answering {
		w.WriteHeader(resp.StatusCode)
		_, err := io.Copy(flusher{w}, resp.Body)
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(resp.StatusCode)
	all := max(0, len(body)-1)
	if _, err := w.Write(body[:all]); err != nil {
		return err
	}
	_ = http.NewResponseController(w).Flush()
	if !trap.hold(Answering) {
		return errors.New("dropped")
	}
	_, err = w.Write(body[all:])
	return err
}

// half sends the beginning of an answer: its head and half of its body.
func half(w http.ResponseWriter, resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	for k, vs := range resp.Header {
		w.Header()[k] = vs
	}
	w.Header().Set("Content-Length", fmt.Sprint(max(1, len(body))))
	w.WriteHeader(resp.StatusCode)
	if _, err := w.Write(body[:len(body)/2]); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// flusher sends every piece at once.
type flusher struct{ w http.ResponseWriter }

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err == nil {
		err = http.NewResponseController(f.w).Flush()
	}
	return n, err
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
