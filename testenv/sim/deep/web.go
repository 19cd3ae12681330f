package deep

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// serve opens an HTTP server on the network, at which faults happen to the requests of processes.
func (w *world) serve(address string, edge func(*http.Request) string, h http.Handler, refusals []refusal) error {
	l, err := w.net.Listen("wire", address)
	if err != nil {
		return err
	}
	f := &faulty{w: w, edge: edge, next: h, refusals: refusals}
	s := &http.Server{Handler: f, ReadHeaderTimeout: 5 * time.Minute}
	w.closers = append(w.closers, func() { s.Close() })
	w.running.Go(func() { _ = s.Serve(l) }) // ends with Close
	return nil
}

// refusal is an answer that a server, or something in front of it, may give in place of its own.
type refusal struct {
	status int
	body   string
	header string // Retry-After
}

var restRefusals = []refusal{
	{500, `{"error":{"message":"internal","type":"InternalServerError","code":500}}`, ""},
	{502, "<html>bad gateway</html>", ""},
	{503, `{"error":{"message":"busy","type":"ServiceUnavailable","code":503}}`, "1"},
	{504, "", ""},
	{429, "", "2"},
	{409, `{"error":{"message":"Requirement failed: branch main has changed","type":"CommitFailedException","code":409}}`, ""},
	{403, `{"error":{"message":"not now","type":"ForbiddenException","code":403}}`, ""},
	{401, "", ""},
	{404, `{"error":{"message":"Table does not exist","type":"NoSuchTableException","code":404}}`, ""},
	{408, "", ""},
	{400, `{"error":{"message":"malformed","type":"BadRequestException","code":400}}`, ""},
}

func s3Refusal(status int, code string) refusal {
	return refusal{status, fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>not now</Message></Error>`, code), ""}
}

var s3Refusals = []refusal{
	s3Refusal(500, "InternalError"), s3Refusal(503, "SlowDown"), s3Refusal(503, "ServiceUnavailable"), s3Refusal(400, "RequestTimeout"),
	s3Refusal(403, "AccessDenied"), {502, "bad gateway", ""}, {504, "", ""}, {429, "", ""},
}

// faulty is a server at which things go wrong.
type faulty struct {
	w        *world
	edge     func(*http.Request) string
	next     http.Handler
	refusals []refusal
}

// staleness is the key of how many versions too old an answer shall be.
type staleness struct{}

// ServeHTTP implements http.Handler.
func (f *faulty) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	actor, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !f.w.isWorker(actor) {
		f.next.ServeHTTP(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it broke off on the way here
	}
	what := r.Method + " " + short(r.URL.Path)
	apply := func(ctx context.Context) *httptest.ResponseRecorder {
		again := r.Clone(context.WithoutCancel(ctx)) // who asked may be gone, and it is done all the same
		again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		out := httptest.NewRecorder()
		f.next.ServeHTTP(out, again)
		f.w.tell(actor, "%s: %d", what, out.Code)
		return out
	}
	edge := f.edge(r)
	x, met := f.w.meet(actor+about(r.URL.Path), edge)
	if !met {
		give(rw, apply(r.Context()))
		return
	}
	f.w.tell(actor, "%s meets %s (%d)", what, x.Kind, x.Amount)
	f.fault(rw, r, actor, x, apply)
}

func (f *faulty) fault(rw http.ResponseWriter, r *http.Request, actor string, x fate.Fault, apply func(context.Context) *httptest.ResponseRecorder) {
	ctx, amount := r.Context(), time.Duration(x.Amount)*100*time.Millisecond
	switch x.Kind {
	case Crash:
		if x.Amount == 2 {
			apply(ctx)
		}
		f.w.crash(actor)
		cut(rw)
	case Zombie:
		if x.Amount%2 == 0 { // frozen with the answer on its way, else with the request
			out := apply(ctx)
			f.w.freeze(actor, amount)
			give(rw, out)
			return
		}
		f.w.freeze(actor, amount)
		f.w.sleep(ctx, amount)
		give(rw, apply(ctx))
	case Lost:
		f.quiet(rw, r, x.Amount)
	case AnswerLost:
		apply(ctx)
		f.quiet(rw, r, x.Amount)
	case Half:
		half(rw, apply(ctx))
	case Refused, RefusedDone:
		if x.Kind == RefusedDone {
			apply(ctx)
		}
		no := f.refusals[x.Amount%int64(len(f.refusals))]
		if x.Kind == Refused && (no.status == 400 || no.status == 422) && r.Method == http.MethodPost {
			f.w.rejected(r.URL.Path)
		}
		if no.header != "" {
			rw.Header().Set("Retry-After", no.header)
		}
		rw.WriteHeader(no.status)
		rw.Write([]byte(no.body))
	case Doubled:
		if x.Amount%2 == 0 { // the second copy's answer is the one that arrives
			apply(ctx)
			give(rw, apply(ctx))
			return
		}
		out := apply(ctx)
		f.w.later(amount, func() { apply(ctx) })
		give(rw, out)
	case Late:
		f.w.later(amount, func() { apply(ctx) })
		if x.Amount%2 == 0 {
			cut(rw)
			return
		}
		rw.WriteHeader(http.StatusGatewayTimeout)
	case Slow:
		f.w.sleep(ctx, amount/2)
		out := apply(ctx)
		f.w.sleep(ctx, amount/2)
		give(rw, out)
	case Stale:
		give(rw, apply(context.WithValue(ctx, staleness{}, int(x.Amount))))
	default:
		give(rw, apply(ctx))
	}
}

// quiet gives no answer: the connection breaks, or nothing comes until the client has had enough.
func (f *faulty) quiet(rw http.ResponseWriter, r *http.Request, how int64) {
	if how == 2 {
		f.w.sleep(r.Context(), 3*time.Minute)
	}
	cut(rw)
}

func give(rw http.ResponseWriter, out *httptest.ResponseRecorder) {
	for k, v := range out.Header() {
		rw.Header()[k] = v
	}
	rw.WriteHeader(out.Code)
	rw.Write(out.Body.Bytes())
}

// cut breaks the connection.
func cut(rw http.ResponseWriter) {
	if c, _, err := http.NewResponseController(rw).Hijack(); err == nil {
		c.Close()
	}
}

// half sends the head of an answer and half its body.
func half(rw http.ResponseWriter, out *httptest.ResponseRecorder) {
	c, buf, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	body := out.Body.Bytes()
	fmt.Fprintf(buf, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", out.Code, http.StatusText(out.Code), len(body)+1)
	for k, v := range out.Header() {
		if k != "Content-Length" {
			fmt.Fprintf(buf, "%s: %s\r\n", k, v[0])
		}
	}
	fmt.Fprintf(buf, "\r\n%s", body[:len(body)/2])
	_ = buf.Flush() // it is about to break anyway
}

// about is the topic whose table a text is about, as a part of who meets something: what happens to one table does not depend on what
// happens to another at the same time.
func about(text string) string {
	for _, t := range topics {
		if strings.Contains(text, t) {
			return "/" + t
		}
	}
	return ""
}

func short(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 && len(path) > 60 {
		return "…" + path[max(0, len(path)-50):]
	}
	return path
}

func restEdge(r *http.Request) string {
	if r.Method == http.MethodGet {
		return "load"
	}
	return "commit"
}

func s3Edge(r *http.Request) string {
	switch r.Method {
	case http.MethodGet:
		return "get"
	case http.MethodHead:
		return "head"
	}
	return "put"
}
