// Package wire is a network in memory, for worlds under fake time: whoever waits on it waits on channels and timers of the bubble,
// so the clock moves on. Bytes take a little time, of their own for every write, so that no two things happen at once and a world
// comes out the same again; and each machine's link can be cut, mended, held and released.
//
// What it keeps of TCP: bytes arrive in order or not at all; a writer goes on until a window is full; bytes that were written
// before their writer closed arrive all the same, later, which is how a request is carried out that nobody waits for.
package wire

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// Errors of connections, as the operating system would tell them.
var (
	ErrReset   = errors.New("connection reset by peer")
	ErrRefused = errors.New("connection refused")
	ErrNoRoute = errors.New("no route to host")
)

// Network connects machines by address, host:port. It is safe for concurrent use.
type Network struct {
	seed uint64

	mu        sync.Mutex
	listeners map[string]*listener
}

// New is a network with nobody on it. The seed decides how long bytes take.
func New(seed uint64) *Network { return &Network{seed: seed, listeners: map[string]*listener{}} }

// Listen waits for connections to an address.
func (n *Network) Listen(_, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[address] != nil {
		return nil, fmt.Errorf("listen on %s: address already in use", address)
	}
	l := &listener{network: n, at: Addr(address), incoming: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

type listener struct {
	network  *Network
	at       Addr
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		defer l.network.mu.Unlock()
		delete(l.network.listeners, string(l.at))
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.at }

// Addr is the address of one end. Whoever dialled has the name of the machine as its host.
type Addr string

// Network implements net.Addr.
func (Addr) Network() string { return "wire" }

func (a Addr) String() string { return string(a) }

// Verdict is what becomes of one write.
type Verdict struct {
	Delay time.Duration // beside what bytes take anyway
	Cut   bool          // the connection breaks, after Part of the bytes
	Part  int
}

// Host is one machine on the network.
type Host struct {
	Name string
	// Meets, if set, decides what becomes of each write on a connection to an address: what the machine sends, or what it is answered.
	Meets func(to string, answer bool, size int) Verdict

	network *Network
	random  *rand.Rand

	mu    sync.Mutex
	conns map[*conn]bool
	made  map[string]int // connections, by address
	ports int
	cut   bool
	held  chan struct{} // closed by Release; nil: not held
}

// Host is a machine; each has its own link, which nobody else uses.
func (n *Network) Host(name string) *Host {
	return &Host{Name: name, network: n, random: fate.Stream(n.seed, "wire/"+name), conns: map[*conn]bool{}, made: map[string]int{}}
}

const (
	least  = 100 * time.Microsecond // that bytes take
	spread = 400 * time.Microsecond
)

func lag(r *rand.Rand) time.Duration { return least + time.Duration(r.Int64N(int64(spread))) }

// DialContext connects to an address, as net.Dialer does.
func (h *Host) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	h.mu.Lock()
	h.ports++
	h.made[address]++
	name, label := Addr(fmt.Sprintf("%s:%d", h.Name, h.ports)), fmt.Sprintf("wire/%s/%s/%d", h.Name, address, h.made[address])
	h.mu.Unlock()
	random := fate.Stream(h.network.seed, label)
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "wire", Addr: Addr(address), Err: err}
	}
	if err := sleep(ctx, lag(random)); err != nil {
		return fail(err)
	}
	if err := h.Passable(ctx); err != nil {
		return fail(err)
	}
	h.network.mu.Lock()
	l := h.network.listeners[address]
	h.network.mu.Unlock()
	if l == nil {
		return fail(ErrRefused)
	}
	near, far := h.pair(name, Addr(address), label)
	select {
	case l.incoming <- far:
	case <-l.closed:
		return fail(ErrRefused)
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	h.mu.Lock()
	h.conns[near] = true
	cut := h.cut
	h.mu.Unlock()
	if cut {
		near.reset(ErrNoRoute)
		return fail(ErrNoRoute)
	}
	return near, nil
}

// Passable waits while the link is held; the error is ErrNoRoute if it is cut, or ctx's. For those who reach something without a
// connection on this network.
func (h *Host) Passable(ctx context.Context) error {
	for {
		h.mu.Lock()
		held, cut := h.held, h.cut
		h.mu.Unlock()
		if cut {
			return ErrNoRoute
		}
		if held == nil {
			return nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reset breaks every connection that there is. New ones can be made.
func (h *Host) Reset() {
	h.mu.Lock()
	conns := h.conns
	h.conns = map[*conn]bool{}
	h.mu.Unlock()
	for c := range conns {
		c.reset(ErrReset)
	}
}

// Cut breaks every connection, and none can be made until Mend.
func (h *Host) Cut() {
	h.mu.Lock()
	h.cut = true
	if h.held != nil {
		close(h.held)
		h.held = nil
	}
	h.mu.Unlock()
	h.Reset()
}

// Mend ends Cut.
func (h *Host) Mend() { h.mu.Lock(); defer h.mu.Unlock(); h.cut = false }

// Hold stops everything on the link where it is, in both directions; the ends do not know. It goes on with Release.
func (h *Host) Hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held == nil && !h.cut {
		h.held = make(chan struct{})
	}
}

// Release ends Hold: what was written meanwhile arrives.
func (h *Host) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held != nil {
		close(h.held)
		h.held = nil
	}
}

func (h *Host) holding() chan struct{} { h.mu.Lock(); defer h.mu.Unlock(); return h.held }

func (h *Host) forget(c *conn) { h.mu.Lock(); defer h.mu.Unlock(); delete(h.conns, c) }

// Trip is how long something small takes on this link now.
func (h *Host) Trip() time.Duration { h.mu.Lock(); defer h.mu.Unlock(); return lag(h.random) }
