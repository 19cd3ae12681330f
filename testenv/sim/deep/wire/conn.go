package wire

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// window is how much a writer may be ahead of its reader.
const window = 256 << 10

// stream is one direction of a connection.
type stream struct {
	to   string // the address that was dialled
	back bool   // from the listener to who dialled

	mu      sync.Mutex
	random  *rand.Rand
	chunks  []chunk
	size    int
	last    time.Time // when the newest chunk arrives
	ended   bool      // nothing more will be written
	broken  error     // nothing can be read or written any more
	changed chan struct{}
}

type chunk struct {
	at   time.Time // when it arrives
	data []byte
}

// change wakes whoever waits on the stream. The mutex is held.
func (s *stream) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken, s.chunks, s.size = err, nil, 0
		s.change()
	}
}

func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.change()
}

// conn is one end.
type conn struct {
	host        *Host
	near, far   Addr
	in, out     *stream
	read, write deadline
	closed      chan struct{}
	once        sync.Once
	dialled     bool
}

func (h *Host) pair(name, address Addr, label string) (near, far *conn) {
	there := &stream{to: string(address), random: fate.Stream(h.network.seed, label+"/there"), changed: make(chan struct{})}
	back := &stream{to: string(address), back: true, random: fate.Stream(h.network.seed, label+"/back"), changed: make(chan struct{})}
	near = &conn{host: h, near: name, far: address, in: back, out: there, closed: make(chan struct{}), dialled: true}
	far = &conn{host: h, near: address, far: name, in: there, out: back, closed: make(chan struct{})}
	for _, c := range []*conn{near, far} {
		c.read.init()
		c.write.init()
	}
	return near, far
}

func (c *conn) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: "wire", Source: c.near, Addr: c.far, Err: err}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	s := c.in
	for {
		late := c.read.passed()
		held := c.host.holding()
		s.mu.Lock()
		var due <-chan time.Time
		var timer *time.Timer
		switch {
		case isClosed(c.closed):
			s.mu.Unlock()
			return 0, c.fault("read", net.ErrClosed)
		case s.broken != nil:
			err := s.broken
			s.mu.Unlock()
			return 0, c.fault("read", err)
		case isClosed(late):
			s.mu.Unlock()
			return 0, c.fault("read", os.ErrDeadlineExceeded)
		case held != nil:
		case len(s.chunks) > 0:
			wait := time.Until(s.chunks[0].at)
			if wait <= 0 {
				n := copy(p, s.chunks[0].data)
				if s.chunks[0].data = s.chunks[0].data[n:]; len(s.chunks[0].data) == 0 {
					s.chunks = s.chunks[1:]
				}
				s.size -= n
				s.change()
				s.mu.Unlock()
				return n, nil
			}
			timer = time.NewTimer(wait)
			due = timer.C
		case s.ended:
			s.mu.Unlock()
			return 0, io.EOF
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-due:
		case <-late:
		case <-c.closed:
		case <-held: // nil, if it is not held
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	var v Verdict
	if meets := c.host.Meets; meets != nil {
		v = meets(c.out.to, c.out.back, len(p))
	}
	if v.Cut {
		n, err := c.send(p[:min(v.Part, len(p))], v.Delay)
		if err == nil && n > 0 { // what was sent arrives, and then the connection breaks
			c.host.later(2*spread+v.Delay, func() { c.reset(ErrReset) })
			return n, c.fault("write", ErrReset)
		}
		c.reset(ErrReset)
		return n, c.fault("write", ErrReset)
	}
	return c.send(p, v.Delay)
}

// later runs something in a while, in a goroutine of its own.
func (h *Host) later(d time.Duration, do func()) { time.AfterFunc(d, do) }

func (c *conn) send(p []byte, delay time.Duration) (int, error) {
	s, n := c.out, 0
	for {
		late := c.write.passed()
		s.mu.Lock()
		switch {
		case isClosed(c.closed) || s.ended:
			s.mu.Unlock()
			return n, c.fault("write", net.ErrClosed)
		case s.broken != nil:
			err := s.broken
			s.mu.Unlock()
			return n, c.fault("write", err)
		case isClosed(late):
			s.mu.Unlock()
			return n, c.fault("write", os.ErrDeadlineExceeded)
		case n == len(p):
			s.mu.Unlock()
			return n, nil
		case s.size < window:
			k := min(len(p)-n, window-s.size)
			at := time.Now().Add(lag(s.random) + delay)
			if at.Before(s.last) {
				at = s.last
			}
			s.last = at
			s.chunks = append(s.chunks, chunk{at, append([]byte(nil), p[n:n+k]...)})
			s.size += k
			n += k
			s.change()
			s.mu.Unlock()
			continue
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-late:
		case <-c.closed:
		}
	}
}

// Close implements net.Conn. What was written still arrives; what was not read is lost, and the other end cannot write any more.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.out.end()
		c.in.fail(ErrReset)
		if c.dialled {
			c.host.forget(c)
		}
	})
	return nil
}

func (c *conn) reset(err error) {
	c.in.fail(err)
	c.out.fail(err)
	c.host.forget(c)
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.near }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.far }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { c.read.set(t); return nil }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { c.write.set(t); return nil }

// deadline is a channel that is closed once a time has passed.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{}
}

func (d *deadline) init() { d.over = make(chan struct{}) }

func (d *deadline) passed() chan struct{} { d.mu.Lock(); defer d.mu.Unlock(); return d.over }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.over // it is about to be closed by the timer, or was
	}
	d.timer = nil
	if isClosed(d.over) {
		d.over = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	over := d.over
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { close(over) })
	} else {
		close(over)
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
