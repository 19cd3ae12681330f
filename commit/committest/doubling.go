package committest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// Doubling is the network of a REST catalog. While On, it sends each commit twice, as a proxy does that thinks the first was lost, and hands on the second answer.
type Doubling struct {
	Next http.RoundTripper // the real network
	On   atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (d *Doubling) RoundTrip(r *http.Request) (*http.Response, error) {
	if !d.On.Load() || r.Method != http.MethodPost || !strings.Contains(r.URL.Path, "/tables/") {
		return d.Next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	first := r.Clone(r.Context())
	first.Body, r.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	resp, err := d.Next.RoundTrip(first)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return d.Next.RoundTrip(r)
}
