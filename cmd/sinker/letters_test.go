package main

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"
)

const keeping = "    on_bad_record: dead_letter\n"

// tables are what `offsets show` says of all tables, by name.
func (s *story) tables() map[string]shown {
	s.t.Helper()
	r := sinker(s.t, "offsets", "show", "-c", s.file, "--output", "json")
	var out struct {
		Tables []struct {
			Table string
			shown
		}
	}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		s.t.Fatalf("offsets show: status %d, %v:\n%s", r.status, err, r.all())
	}
	all := map[string]shown{}
	for _, t := range out.Tables {
		all[t.Table] = t.shown
	}
	return all
}

// The whole of it on a catalog and in a folder: check says what would be made, run makes it and keeps what cannot be a row, a second
// run goes on, and show tells of both tables.
func TestRun_KeepsDeadLetters(t *testing.T) {
	s := tell(t, keeping, "")
	if r := sinker(t, "check", "-c", s.file); r.status != 0 || !strings.Contains(r.out, "CREATE TABLE shop.orders__dead_letters") ||
		!strings.Contains(r.out, "PARTITIONED BY (day(time))") || !strings.Contains(r.out, "INSERT on both, to create tables") {
		t.Fatalf("check: status %d\n%s", r.status, r.all())
	}
	first := s.run()
	s.send(0, `{"id":1}`, `no`, `{"id":2}`, `{"x":1}`)
	s.arrives("orders-0 4, orders-1 0")
	first.ends(syscall.SIGTERM, 0)
	if !strings.Contains(first.log.String(), "dead letter") || !strings.Contains(first.log.String(), "not_json") {
		t.Errorf("the log does not tell of them:\n%s", first.log)
	}
	second := s.run()
	s.send(1, `no`, `{"id":3}`)
	s.arrives("orders-0 4, orders-1 2")
	second.ends(syscall.SIGTERM, 0)
	if r := sinker(t, "check", "-c", s.file); r.status != 0 || !strings.Contains(r.out, "dead letters of sink") {
		t.Errorf("check: status %d\n%s", r.status, r.all())
	}
	dead := s.tables()["shop.orders__dead_letters"]
	if got := dead.next(); got != "orders-0 4, orders-1 2" {
		t.Errorf("the dead letters stand at %s", got)
	}
}

// arrives waits until the first table stands there: "orders-0 3, orders-1 0".
func (s *story) arrives(want string) {
	s.t.Helper()
	for got := ""; got != want; {
		got = s.tables()["shop.orders"].next()
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("the table stands at %q, want %q", got, want)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
