package chaos

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

// Moment is a point in the life of a request, as the network sees it.
type Moment string

// The moments, in their order.
const (
	Arrived   Moment = "arrived"   // the client has sent it, the server has not got it
	Applied   Moment = "applied"   // the server has done it and answered, the client has heard nothing
	Answering Moment = "answering" // the client has got all of the answer but its last byte
)

// Fate is what becomes of a held request.
type Fate int

// The fates of a held request.
const (
	PassOn Fate = iota // it goes on from where it was held, even if its client is gone meanwhile
	Drop               // it goes no further, and its connection is cut
)

// Trap catches one request and holds it at a moment.
type Trap struct {
	at     Moment
	early  bool // catch it before its body was read
	caught chan struct{}
	fate   chan Fate
	once   sync.Once
	end    sync.Once
}

// SetTrap lays a trap for the next request that matches. An early trap catches it as soon as its head has come, which is
// while an upload is open; it can hold at Arrived only.
func (p *Proxy) SetTrap(match func(*http.Request) bool, at Moment, early bool) *Trap {
	t := newTrap(at, early)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append([]*Rule{{Match: match, Times: 1, trap: t}}, p.rules...)
	return t
}

func newTrap(at Moment, early bool) *Trap {
	return &Trap{at: at, early: early, caught: make(chan struct{}), fate: make(chan Fate, 1)}
}

// Wait returns when a request is held, or with the context's error.
func (t *Trap) Wait(ctx context.Context) error {
	select {
	case <-t.caught:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Release decides the fate of the held request, or of the one that will be caught. Only the first call counts.
func (t *Trap) Release(f Fate) { t.end.Do(func() { t.fate <- f }) }

// hold waits for the release if this is the trap's moment, and tells whether the request goes on.
func (t *Trap) hold(m Moment) bool {
	if t == nil || t.at != m {
		return true
	}
	t.once.Do(func() { close(t.caught) })
	return <-t.fate == PassOn
}

// Commits matches requests to a REST catalog that change the table.
func Commits(table string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/tables/"+table)
	}
}

// Metadata matches requests that bring a metadata file of a table to a store, which is the step before a SQL catalog is asked to
// point at it.
func Metadata(table string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/"+table+"/metadata/") && strings.HasSuffix(r.URL.Path, ".metadata.json")
	}
}

// Creates matches requests to a REST catalog that make a table.
func Creates(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/tables")
}

// Uploads matches requests that bring bytes of data files of a table to a store.
func Uploads(table string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return (r.Method == http.MethodPut || r.Method == http.MethodPost) && strings.Contains(r.URL.Path, "/"+table+"/data/")
	}
}
