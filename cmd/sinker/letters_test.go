package main

import (
	"encoding/json"
	"fmt"
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

// Processes that are killed, again and again, at whatever point they have come to, double no dead letter and lose none: the next one finds
// in the files of the real table what was decided.
func TestRun_DeadLettersSurviveKills(t *testing.T) {
	s := tell(t, keeping, "")
	s.change("kafka:\n", "kafka:\n  session_timeout: 6s\n  instance_id: one\n")
	n, hostile := 0, 0
	for round := range 5 {
		r := s.run()
		for range 30 {
			value := fmt.Sprintf(`{"id":%d}`, n)
			if n%7 == 0 {
				value, hostile = "no", hostile+1
			}
			s.send(0, value)
			n++
		}
		for moved := false; !moved; { // not all of it, as often as not
			got := s.tables()["shop.orders"]
			moved = len(got.Partitions) > 0 && got.Partitions[0].Next != fmt.Sprint(30*round) && got.Partitions[0].Next != "0"
			if s.ctx.Err() != nil {
				t.Fatalf("round %d: the table does not move; its log:\n%s", round, r.log)
			}
		}
		r.p.Process.Kill()
		r.p.Wait()
	}
	last := s.run()
	s.arrives(fmt.Sprintf("orders-0 %d, orders-1 0", n))
	last.ends(syscall.SIGTERM, 0)
	var out struct {
		Letters []letterGroup `json:"dead_letters"`
	}
	r := sinker(t, "deadletters", "list", "-c", s.file, "--output", "json")
	if err := json.Unmarshal([]byte(r.out), &out); err != nil || len(out.Letters) != 1 || out.Letters[0].Count != int64(hostile) {
		t.Errorf("%d hostile records: %+v %v", hostile, out.Letters, err)
	}
	for _, p := range s.tables()["shop.orders"].Partitions {
		if want := fmt.Sprint(hostile); p.Partition == 0 && p.Dead != want {
			t.Errorf("the table counts %s dead, want %s", p.Dead, want)
		}
	}
}

// What is kept is told: how many of which kind, and each record byte for byte; nothing of it reaches a terminal as it is.
func TestDeadletters_AreListedAndShown(t *testing.T) {
	s := tell(t, keeping, "")
	if r := sinker(t, "deadletters", "list", "-c", s.file); r.status == 0 {
		t.Errorf("without a catalog: status %d\n%s", r.status, r.all())
	}
	run := s.run()
	hostile := "no\x1b[31m\n\u202e"
	s.send(0, `{"id":1}`, hostile, `{"x":1}`, "also no", "\xff\x00")
	s.arrives("orders-0 5, orders-1 0")
	run.ends(syscall.SIGTERM, 0)
	r := sinker(t, "deadletters", "list", "-c", s.file, "--output", "json")
	var out struct {
		Letters []letterGroup `json:"dead_letters"`
	}
	if err := json.Unmarshal([]byte(r.out), &out); err != nil || r.status != 0 {
		t.Fatalf("list: status %d, %v\n%s", r.status, err, r.all())
	}
	total := int64(0)
	for _, g := range out.Letters {
		total += g.Count
		if g.Table != "shop.orders" || g.In != "shop.orders__dead_letters" || g.Topic != "orders" || g.First.IsZero() || g.Last.Before(g.First) {
			t.Errorf("%+v", g)
		}
		if g.Code == "missing_required" && (g.Count != 1 || g.Offset != 2) {
			t.Errorf("%+v", g)
		}
	}
	if total != 4 {
		t.Errorf("%d dead letters: %+v", total, out.Letters)
	}
	for _, table := range []string{"shop.orders", "shop.orders__dead_letters"} {
		if r := sinker(t, "deadletters", "list", "-c", s.file, "--table", table); r.status != 0 || !strings.Contains(r.out, "missing_required") {
			t.Errorf("list --table %s: status %d\n%s", table, r.status, r.all())
		}
	}
	r = sinker(t, "deadletters", "show", "-c", s.file, "--partition", "orders-0", "--offset", "1")
	if r.status != 0 || strings.ContainsAny(r.out, "\x1b\u202e") || !strings.Contains(r.out, `value  "no\x1b[31m\n\u202e"`) || !strings.Contains(r.out, "not_json") {
		t.Errorf("show: status %d\n%q", r.status, r.all())
	}
	if r := sinker(t, "deadletters", "show", "-c", s.file, "--partition", "orders-0", "--offset", "4"); !strings.Contains(r.out, "value  base64 /wA=") {
		t.Errorf("show of bytes: status %d\n%s", r.status, r.all())
	}
	if r := sinker(t, "deadletters", "show", "-c", s.file, "--partition", "orders-0", "--offset", "4", "--raw"); r.out != "\xff\x00" {
		t.Errorf("show --raw: %q", r.out)
	}
	for _, c := range []struct {
		status int
		args   []string
	}{{1, []string{"--partition", "orders-0", "--offset", "0"}}, {1, []string{"--partition", "orders-1", "--offset", "1"}}, {2, []string{"--offset", "1"}}, {2, []string{"--partition", "orders-0", "--offset", "1", "--table", "shop.none"}}} {
		if r := sinker(t, append([]string{"deadletters", "show", "-c", s.file}, c.args...)...); r.status != c.status {
			t.Errorf("show %v: status %d, want %d\n%s", c.args, r.status, c.status, r.all())
		}
	}
}
