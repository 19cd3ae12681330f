package chaos

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Wire stands between clients and a server that speaks a protocol over plain TCP, such as a broker or a database. It passes
// pieces on in both directions; a [Harm] says what goes wrong with them. It is safe for concurrent use.
type Wire struct {
	Addr string // host:port where clients connect to

	target   string
	speech   func(*Wire) speech
	listener net.Listener
	down     atomic.Bool
	all      sync.WaitGroup

	mu    sync.Mutex
	conns map[*link]struct{}
	harms []*Harm
	ended bool
}

// Harm is what happens to the next piece from a client that matches. The first that matches decides.
type Harm struct {
	Match func(piece []byte) bool // a piece that a client sent; nil: any
	Lose  Loss                    // what never arrives; the connection is cut
	Reset bool                    // it is cut by a reset
	Delay time.Duration           // how long the piece is held up before the server gets it, and all behind it
	Times int                     // how often it holds; 0: always
	Seen  *atomic.Int64           // counts how often it held; may be nil

	used int
	trap *Trap
}

// speech splits what goes over one connection into pieces.
type speech interface {
	request(r io.Reader) ([]byte, error) // the next piece from the client
	answer(r io.Reader) ([]byte, error)  // the next piece from the server, as the client shall get it
}

// plain takes pieces as they come.
type plain struct{ up, back []byte }

func (p *plain) request(r io.Reader) ([]byte, error) { return some(r, p.up) }
func (p *plain) answer(r io.Reader) ([]byte, error)  { return some(r, p.back) }

func some(r io.Reader, buf []byte) ([]byte, error) {
	n, err := r.Read(buf)
	return buf[:n], err
}

// NewWire starts one in front of the server at target, a host:port.
func NewWire(target string) (*Wire, error) {
	return newWire(target, func(*Wire) speech { return &plain{make([]byte, 64<<10), make([]byte, 64<<10)} })
}

func newWire(target string, speech func(*Wire) speech) (*Wire, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("wire to %s: %w", target, err)
	}
	w := &Wire{Addr: l.Addr().String(), target: target, speech: speech, listener: l, conns: map[*link]struct{}{}}
	w.all.Go(w.accept)
	return w, nil
}

// Close ends the wire and every connection through it.
func (w *Wire) Close() error {
	err := w.listener.Close()
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.SetHarms()
	w.Cut(false)
	w.all.Wait()
	return err
}

// SetHarms replaces all harms. What a trap holds goes on.
func (w *Wire) SetHarms(harms ...Harm) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.harms {
		if h.trap != nil {
			h.trap.Release(PassOn)
		}
	}
	w.harms = nil
	for _, h := range harms {
		w.harms = append(w.harms, &h)
	}
}

// AddHarm adds one behind those that are there, and returns what takes it away.
func (w *Wire) AddHarm(h Harm) (remove func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.harms = append(w.harms, &h)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.harms = slices.DeleteFunc(w.harms, func(other *Harm) bool { return other == &h })
	}
}

// SetTrap lays a trap for the next piece that matches; it holds at Arrived or at Applied.
func (w *Wire) SetTrap(match func(piece []byte) bool, at Moment) *Trap {
	t := newTrap(at, false)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.harms = append([]*Harm{{Match: match, Times: 1, trap: t}}, w.harms...)
	return t
}

// Cut breaks all open connections, by a reset or not, and tells how many there were.
func (w *Wire) Cut(reset bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.conns {
		l.cut(reset)
	}
	return len(w.conns)
}

// SetDown makes the server unreachable, or reachable again.
func (w *Wire) SetDown(down bool) {
	w.down.Store(down)
	if down {
		w.Cut(false)
	}
}

func (w *Wire) harm(piece []byte) *Harm {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, h := range w.harms {
		if h.Match != nil && !h.Match(piece) {
			continue
		}
		if h.used++; h.used == h.Times {
			w.harms = append(w.harms[:i:i], w.harms[i+1:]...)
		}
		if h.Seen != nil {
			h.Seen.Add(1)
		}
		return h
	}
	return &Harm{}
}

func (w *Wire) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return // closed
		}
		if w.down.Load() {
			_ = c.Close()
			continue
		}
		w.all.Go(func() { w.join(c) })
	}
}

// link is one client's connection and its other half to the server.
type link struct {
	client, server net.Conn
	spoiled        atomic.Int32 // a Loss that the next answer suffers
	held           atomic.Pointer[Trap]
	reset          atomic.Bool
}

func (l *link) cut(reset bool) {
	sever(l.client, reset)
	_ = l.server.Close()
}

// join passes pieces until either side ends.
func (w *Wire) join(c net.Conn) {
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp4", w.target)
	if err != nil {
		_ = c.Close()
		return
	}
	l := &link{client: c, server: server}
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		l.cut(false)
		return
	}
	w.conns[l] = struct{}{}
	w.mu.Unlock()
	s := w.speech(w)
	var back sync.WaitGroup
	back.Go(func() { l.answers(s) })
	w.requests(l, s)
	l.cut(l.reset.Load())
	back.Wait()
	w.mu.Lock()
	delete(w.conns, l)
	w.mu.Unlock()
}

// requests carries what the client says.
func (w *Wire) requests(l *link, s speech) {
	for {
		piece, err := s.request(l.client)
		if err != nil {
			return
		}
		h := w.harm(piece)
		if h.Delay > 0 {
			time.Sleep(h.Delay)
		}
		l.reset.Store(h.Reset)
		if !h.trap.hold(Arrived) || h.Lose == LoseRequest {
			return
		}
		if h.trap != nil && h.trap.at == Applied {
			l.held.Store(h.trap)
		}
		if h.Lose != Nothing {
			l.spoiled.Store(int32(h.Lose))
		}
		if _, err := l.server.Write(piece); err != nil {
			return
		}
	}
}

// answers carries what the server says.
func (l *link) answers(s speech) {
	defer func() { l.cut(l.reset.Load()) }()
	for {
		piece, err := s.answer(l.server)
		if err != nil {
			return
		}
		if t := l.held.Swap(nil); t != nil && !t.hold(Applied) {
			return
		}
		switch Loss(l.spoiled.Load()) {
		case LoseAnswer:
			return
		case LoseHalf:
			_, _ = l.client.Write(piece[:len(piece)/2])
			return
		default:
		}
		if _, err := l.client.Write(piece); err != nil {
			return
		}
	}
}
