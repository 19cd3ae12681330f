package wire_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/deep/wire"
)

// pair is a connection between a machine and a listener.
func pair(t *testing.T, n *wire.Network, h *wire.Host) (near, far net.Conn) {
	t.Helper()
	l, err := n.Listen("wire", "store:9000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		got <- c
	}()
	if near, err = h.DialContext(t.Context(), "wire", "store:9000"); err != nil {
		t.Fatal(err)
	}
	return near, <-got
}

func read(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	p := make([]byte, n)
	if _, err := io.ReadFull(c, p); err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func TestConn_BytesArriveInOrderAndTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := wire.New(1)
		near, far := pair(t, n, n.Host("w1"))
		began := time.Now()
		write(t, near, "one")
		write(t, near, "two")
		if got := read(t, far, 6); got != "onetwo" || time.Since(began) == 0 {
			t.Errorf("%q after %s", got, time.Since(began))
		}
		write(t, near, "last words")
		near.Close()
		if got := read(t, far, 10); got != "last words" {
			t.Errorf("%q", got)
		}
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if _, err := far.Write([]byte("too late")); !errors.Is(err, wire.ErrReset) {
			t.Error(err)
		}
	})
}

func TestConn_DeadlinesEndWaitsThatHaveBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := wire.New(1)
		near, far := pair(t, n, n.Host("w1"))
		defer near.Close()
		defer far.Close()
		began, ended := time.Now(), make(chan error, 1)
		go func() { _, err := near.Read(make([]byte, 1)); ended <- err }()
		synctest.Wait()
		if err := near.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if err := near.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		write(t, far, "x")
		read(t, near, 1)
	})
}

// A machine that is held does not know; what it sent meanwhile arrives when it is released, though it has hung up since.
func TestHost_WhatIsHeldArrivesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := wire.New(1)
		h := n.Host("w1")
		near, far := pair(t, n, h)
		h.Hold()
		write(t, near, "request")
		near.Close()
		if err := far.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%v while the link is held", err)
		}
		h.Release()
		if err := far.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if got := read(t, far, 7); got != "request" {
			t.Errorf("%q", got)
		}
		far.Close()
	})
}

func TestHost_ACutLinkBreaksWhatThereIsAndRefusesMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := wire.New(1)
		h := n.Host("w1")
		near, far := pair(t, n, h)
		write(t, near, "never read")
		h.Cut()
		for _, c := range []net.Conn{near, far} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, wire.ErrReset) {
				t.Error(err)
			}
		}
		if _, err := h.DialContext(t.Context(), "wire", "store:9000"); !errors.Is(err, wire.ErrNoRoute) {
			t.Error(err)
		}
		h.Mend()
		if _, err := h.DialContext(t.Context(), "wire", "nobody:1"); !errors.Is(err, wire.ErrRefused) {
			t.Error(err)
		}
	})
}

// A verdict cuts one connection in the middle of a message: what came before arrives.
func TestConn_CutInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := wire.New(1)
		h := n.Host("w1")
		near, far := pair(t, n, h)
		h.Meets = func(_ string, answer bool, _ int) wire.Verdict { return wire.Verdict{Cut: !answer, Part: 3} }
		if _, err := near.Write([]byte("message")); !errors.Is(err, wire.ErrReset) {
			t.Error(err)
		}
		if got := read(t, far, 3); got != "mes" {
			t.Errorf("%q", got)
		}
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, wire.ErrReset) {
			t.Error(err)
		}
	})
}
