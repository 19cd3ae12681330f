package catalog

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// middlebox passes connections on to a server until it forgets those that it has: what is sent on them goes nowhere, and nobody is told.
type middlebox struct {
	net.Listener
	to   string
	wg   sync.WaitGroup
	mu   sync.Mutex
	past []net.Conn // of before it forgot, still open
	seen int
	live []*passed
}

// passed is one direction of a connection.
type passed struct {
	mu        sync.Mutex
	forgotten bool
}

func (p *passed) Read(b []byte, from net.Conn) (int, error) {
	n, err := from.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.forgotten {
		return 0, io.EOF
	}
	return n, err
}

// ended tells the other side of an end, unless the connection is forgotten.
func (p *passed) ended(way [2]net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.forgotten {
		way[0].Close()
		way[1].Close()
	}
}

func newMiddlebox(t *testing.T, url string) *middlebox {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &middlebox{Listener: ln, to: strings.TrimPrefix(url, "http://")}
	m.wg.Go(m.serve)
	t.Cleanup(func() {
		ln.Close()
		m.mu.Lock()
		for _, c := range m.past {
			c.Close()
		}
		m.mu.Unlock()
		m.wg.Wait()
	})
	return m
}

func (m *middlebox) serve() {
	for {
		in, err := m.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", m.to)
		if err != nil {
			in.Close()
			continue
		}
		p := &passed{}
		m.mu.Lock()
		m.seen++
		m.live, m.past = append(m.live, p), append(m.past, in, out)
		m.mu.Unlock()
		for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
			m.wg.Go(func() {
				b := make([]byte, 32<<10)
				for {
					n, err := p.Read(b, way[0])
					if err != nil {
						p.ended(way)
						return
					}
					if _, err := way[1].Write(b[:n]); err != nil {
						return
					}
				}
			})
		}
	}
}

// forget makes every connection of today a dead one.
func (m *middlebox) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.live {
		p.mu.Lock()
		p.forgotten = true
		p.mu.Unlock()
	}
	m.live = nil
}

// A table that had nothing to commit for two hours finds its connection to the catalog dead: closed by the server, or forgotten by something
// between that says nothing. The commit lands once, on a fresh connection.
func TestREST_AConnectionThatDiedWhileIdle(t *testing.T) {
	for _, how := range []string{"closed", "forgotten"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			s := newRESTServer(t, w)
			between := newMiddlebox(t, s.URL)
			c := s.open(t, func(cfg *Config) {
				cfg.URI = "http://" + between.Addr().String()
				cfg.Properties["request-timeout"] = "500ms"
			})
			w.create("shop.orders", nil, 2, nil)
			tb, err := c.Table("shop.orders", "", "s1")
			if err != nil {
				t.Fatal(err)
			}
			clock := time.Now()
			com := committing(tb)
			com.Now = func() time.Time { return clock }
			com.Sleep = func(ctx context.Context, d time.Duration) error { clock = clock.Add(d); return ctx.Err() }
			epoch := anchored(t, com)

			clock = clock.Add(2 * time.Hour)
			if how == "closed" {
				s.CloseClientConnections()
			} else {
				between.forget()
			}
			posts := s.count(http.MethodPost)
			m := &manifest.Manifest{ID: uuid.New(), Epoch: epoch, Spans: map[offsets.Partition]manifest.Span{
				part(0): {Range: offsets.Range{To: 5}, LeaderEpoch: 3, Counts: manifest.Counts{Skipped: 5}}}}
			r, err := com.Commit(t.Context(), m)
			if err != nil || len(r.Landed) != 1 || r.State.Ledger.Marks[part(0)].Next != 5 {
				t.Fatalf("%+v, %v", r, err)
			}
			if n := s.count(http.MethodPost) - posts; n != 1 {
				t.Errorf("the commit was sent %d times", n)
			}
			between.mu.Lock()
			defer between.mu.Unlock()
			if between.seen < 2 {
				t.Errorf("%d connections: none was made anew", between.seen)
			}
		})
	}
}
