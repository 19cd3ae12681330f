package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/embedded"
)

// A broker that goes away and comes back, with the port that it had, is found again; the page says what is wrong meanwhile.
func TestRun_BrokerGoesAwayAndComesBack(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1}`)
	r := s.run()
	s.until("orders-0 1, orders-1 0")
	dir := s.world.Dir
	var port int
	if _, err := fmt.Sscanf(s.world.Brokers[0][strings.LastIndexByte(s.world.Brokers[0], ':')+1:], "%d", &port); err != nil {
		t.Fatal(err)
	}
	if err := s.world.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	w, err := embedded.Start(s.ctx, embedded.Options{Dir: dir, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	s.world = w
	t.Cleanup(func() { w.Close() })
	s.send(1, `{"id":2}`)
	s.until("orders-0 1, orders-1 1")
	r.ends(syscall.SIGTERM, exitDone)
}

// A catalog that is not up yet is waited for, and the page says so; a signal ends the waiting.
func TestRun_WaitsForTheCatalog(t *testing.T) {
	s := tell(t, "", "")
	away := fmt.Sprintf("http://127.0.0.1:%d", freePort(0))
	text := readFile(t, s.file)
	text = strings.Replace(strings.Replace(text, "type: sql", "type: rest", 1), fmt.Sprintf("%q", s.world.CatalogURI), away, 1)
	writeFile(t, s.file, text)
	r := s.run()
	s.untilPage("connection refused")
	if body, err := get(s.ctx, "http://"+s.page+"/readyz"); err != nil || !strings.Contains(body, "open catalog") {
		t.Errorf("/readyz says %q, %v; want the catalog in it", body, err)
	}
	r.ends(syscall.SIGTERM, exitDone)
	if !strings.Contains(r.log.String(), "failed, will be tried again") {
		t.Errorf("the log does not say that it waits:\n%s", r.log)
	}
}

// The second signal ends the process at once, whatever hangs.
func TestRun_SecondSignalEndsAtOnce(t *testing.T) {
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/v1/config") {
			fmt.Fprint(w, `{"defaults":{},"overrides":{}}`)
			return
		}
		<-release
	}))
	defer hangs.Close()
	defer close(release)
	s := tell(t, "", "shutdown_timeout: 60s\n")
	text := readFile(t, s.file)
	text = strings.Replace(strings.Replace(text, "type: sql", "type: rest", 1), fmt.Sprintf("%q", s.world.CatalogURI), hangs.URL, 1)
	writeFile(t, s.file, text)
	s.send(0, `{"id":1}`)
	r := s.run()
	s.untilPage(`"partition`)
	began := time.Now()
	if err := r.p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	_ = r.p.Process.Signal(syscall.SIGTERM) // it may have ended by itself: nothing was buffered
	r.p.Wait()
	if took := time.Since(began); took > 50*time.Second {
		t.Errorf("two signals took %s; the log:\n%s", took, r.log)
	}
}

// An address that is taken is said before anything is read.
func TestRun_PageAddressIsTaken(t *testing.T) {
	s := tell(t, "", "")
	first := s.run()
	s.untilPage("orders")
	r := sinker(t, "run", "-c", s.file)
	if r.status != exitFailed || !strings.Contains(r.errors, "choose another address with admin:") {
		t.Errorf("run on a taken address: status %d:\n%s", r.status, r.errors)
	}
	first.ends(syscall.SIGTERM, exitDone)
}

// A record that stops its partition is named by offset and column; what the producer wrote stays in Kafka.
func TestRun_WhatARecordHoldsIsNotShown(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":"Vogelsburg, born 4758"}`)
	r := s.run()
	s.untilPage("bad record")
	for _, at := range []string{"", "readyz", "status.json", "metrics"} {
		body, err := get(s.ctx, "http://"+s.page+"/"+at)
		if err != nil || strings.Contains(body, "Vogelsburg") {
			t.Errorf("/%s: %v:\n%s", at, err, body)
		}
	}
	r.ends(syscall.SIGTERM, exitStopped)
	if log := r.log.String(); strings.Contains(log, "Vogelsburg") || !strings.Contains(log, "column id: a text of 21 bytes does not read as long") {
		t.Errorf("the log:\n%s", log)
	}
}

// An answer that needs the brokers is not refused because they hung up at first: the operator has no more time than they.
func TestAccept_WaitsForTheBrokers(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1}`)
	r := s.run()
	s.until("orders-0 1, orders-1 0")
	r.ends(syscall.SIGTERM, exitDone)
	s.send(0, `{"id":2}`, `{"id":3}`)
	if err := s.world.DeleteRecords("orders", 0, 2); err != nil {
		t.Fatal(err)
	}
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	go func() {
		for n := 0; ; n++ {
			c, err := at.Accept()
			if err != nil {
				return
			}
			if n < 4 {
				c.Close()
				continue
			}
			broker, err := net.Dial("tcp", s.world.Brokers[0])
			if err != nil {
				c.Close()
				continue
			}
			go func() { io.Copy(broker, c); broker.Close() }()
			go func() { io.Copy(c, broker); c.Close() }()
		}
	}()
	writeFile(t, s.file, strings.Replace(readFile(t, s.file), s.world.Brokers[0], at.Addr().String(), 1))
	got := s.accept("--partition", "orders-0", "--position", "log")
	if !strings.Contains(got.errors, "the log cannot be shown") {
		t.Errorf("nobody hung up:\n%s", got.errors)
	}
	s.until("orders-0 2, orders-1 0")
}
