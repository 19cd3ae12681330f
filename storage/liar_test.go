package storage_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// liar stands between the client and a true S3 server. For each request trick says what to do to it, or
// nothing; n counts the requests of the same kind, from 1.
type liar struct {
	*httptest.Server
	true_ *httptest.Server

	mu     sync.Mutex
	counts map[string]int
	trick  func(kind string, n int, r *http.Request) trick
}

// trick answers in the server's place, or lets pass, as it likes.
type trick func(w http.ResponseWriter, r *http.Request, pass http.Handler)

func newLiar(t *testing.T, do func(kind string, n int, r *http.Request) trick) *liar {
	t.Helper()
	l := &liar{true_: memoryS3(t), counts: map[string]int{}, trick: do}
	pass := l.true_.Config.Handler
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := kindOf(r)
		l.mu.Lock()
		l.counts[kind]++
		var do trick
		if l.trick != nil {
			do = l.trick(kind, l.counts[kind], r)
		}
		l.mu.Unlock()
		if do == nil {
			do = honest
		}
		do(w, r, pass)
	}))
	t.Cleanup(l.Server.Close)
	return l
}

func (l *liar) count(kind string) int { l.mu.Lock(); defer l.mu.Unlock(); return l.counts[kind] }

// openUploads asks the true server which multipart uploads it still keeps.
func (l *liar) openUploads(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(l.true_.URL + "/lake?uploads")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	b, _ := io.ReadAll(resp.Body)
	if strings.Contains(string(b), "<UploadId>") {
		return string(b)
	}
	return ""
}

// kindOf names the request as S3 does.
func kindOf(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "begin"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "part"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "complete"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "abort"
	}
	return strings.ToLower(r.Method) // put, get, head, delete
}

func honest(w http.ResponseWriter, r *http.Request, pass http.Handler) { pass.ServeHTTP(w, r) }

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close()
	}
}

// drop loses the request; doneButDropped carries it out and loses the answer.
func drop(w http.ResponseWriter, _ *http.Request, _ http.Handler) { cut(w) }
func doneButDropped(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	cut(w)
}

// says answers with an error of S3; doneButSays carries the request out before.
func says(status int, code, message string) trick {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
		}
	}
}

func doneButSays(status int, code string) trick {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(httptest.NewRecorder(), r)
		says(status, code, "a lie")(w, r, pass)
	}
}

// shortens stores less than was sent, and says that all is well.
func shortens(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	b, _ := io.ReadAll(r.Body)
	b = b[:len(b)/2]
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	r.Header.Set("Content-Length", fmt.Sprint(len(b)))
	pass.ServeHTTP(w, r)
}

// forgets says that all is well, and does nothing.
func forgets(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
	w.WriteHeader(http.StatusOK)
}

// halfAnswer sends the whole length, half the bytes, and hangs up.
func halfAnswer(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	rec := httptest.NewRecorder()
	pass.ServeHTTP(rec, r)
	c, out, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	body := rec.Body.Bytes()
	fmt.Fprintf(out, "HTTP/1.1 %d OK\r\nContent-Length: %d\r\n", rec.Code, len(body))
	if v := rec.Header().Get("Content-Range"); v != "" {
		fmt.Fprintf(out, "Content-Range: %s\r\n", v)
	}
	fmt.Fprint(out, "\r\n")
	out.Write(body[:len(body)/2])
	out.Flush()
}

// hangs never answers.
func hangs(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// hidesWhatIsMissing says 403 where 404 is true.
func hidesWhatIsMissing(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	rec := httptest.NewRecorder()
	pass.ServeHTTP(rec, r)
	if rec.Code == http.StatusNotFound {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	pass.ServeHTTP(w, r)
}

// stopsHalfWay sends half an answer and then nothing; trickles sends it all, in its own time.
func stopsHalfWay(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	rec := httptest.NewRecorder()
	pass.ServeHTTP(rec, r)
	w.Header().Set("Content-Length", fmt.Sprint(rec.Body.Len()))
	w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func trickles(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	rec := httptest.NewRecorder()
	pass.ServeHTTP(rec, r)
	w.Header().Set("Content-Length", fmt.Sprint(rec.Body.Len()))
	for range 10 {
		w.Write(rec.Body.Next(rec.Body.Len()/10 + 1))
		w.(http.Flusher).Flush()
		time.Sleep(80 * time.Millisecond)
	}
	w.Write(rec.Body.Bytes())
}

// ignores carries the request out as if a header had not been sent.
func ignores(header string) trick {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		r.Header.Del(header)
		pass.ServeHTTP(w, r)
	}
}

func location(key string) string { return "s3://lake/" + (&url.URL{Path: key}).Path }
