package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// change replaces words of the configuration.
func (s *story) change(from, to string) {
	s.t.Helper()
	text := readFile(s.t, s.file)
	if !strings.Contains(text, from) {
		s.t.Fatalf("the configuration has no %q:\n%s", from, text)
	}
	writeFile(s.t, s.file, strings.Replace(text, from, to, 1))
}

// With `start: latest` the beginning is in the table before anything is read: whoever is killed before the first commit has not moved it.
func TestRun_LatestIsWhatTheFirstStartFound(t *testing.T) {
	s := tell(t, "", "")
	s.change("kafka:\n", "kafka:\n  start: latest\n  session_timeout: 6s\n")
	s.change("every: 200ms", "every: 1h")
	s.send(0, `{"id":1}`, `{"id":2}`, `{"id":3}`)
	s.send(1, `{"id":4}`)
	r := s.run()
	s.until("orders-0 3, orders-1 1")
	s.send(0, `{"id":5}`, `{"id":6}`)
	s.send(1, `{"id":7}`)
	s.untilPage(`"fetched": "5"`) // it holds them, and commits within the hour
	if err := r.p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.p.Wait()
	s.send(1, `{"id":8}`)
	s.change("every: 1h", "every: 200ms")
	r = s.run()
	s.until("orders-0 5, orders-1 3")
	s.untilPage(`"rows": "4"`)
	r.ends(syscall.SIGTERM, exitDone)
}

// A sinker that has ended is nobody's member: the partitions are free at once, not after the session time-out.
func TestRun_LeavesTheGroupWhenItEnds(t *testing.T) {
	for _, how := range []string{"in order", "with a table stopped", "from the start on"} {
		t.Run(how, func(t *testing.T) {
			s := tell(t, "", "")
			want := exitDone
			switch how {
			case "with a table stopped":
				s.send(0, `{}`)
				want = exitStopped
			default:
				s.send(0, `{"id":1}`)
			}
			r := s.run()
			if how == "from the start on" { // the signal comes as soon as there is a member
				if _, err := s.world.Cluster.WaitGroupStable(s.ctx, "sinker-orders", 1); err != nil {
					t.Fatal(err)
				}
			} else if s.untilPage(`"ready": ` + fmt.Sprint(want == exitDone)); want == exitStopped {
				s.untilPage("bad record")
			}
			r.ends(syscall.SIGTERM, want)
			if left := s.world.Cluster.GroupInfo("sinker-orders"); left != nil && len(left.Members) > 0 {
				t.Errorf("the process has ended, and the group has %d members", len(left.Members))
			}
		})
	}
}

// A table that is there already and is not what `create` says is not written to: the STOP names each difference, and goes when the
// two agree.
func TestRun_TableThatDiffersFromCreate(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1}`)
	r := s.run()
	s.until("orders-0 1, orders-1 0")
	r.ends(syscall.SIGTERM, exitDone)

	const have, other = "{name: id, type: long, required: true}", "{name: id, type: string}, {name: region, type: string}"
	s.change(have, other)
	s.send(0, `{"id":2}`)
	r = s.run("--exit-on-stop")
	r.ends(0, exitStopped)
	for _, want := range []string{"incompatible table", "column id", "column region"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log of the stop has no %q:\n%s", want, r.log)
		}
	}
	s.until("orders-0 1, orders-1 0")
	s.change(other, have)
	r = s.run()
	s.until("orders-0 2, orders-1 0")
	r.ends(syscall.SIGTERM, exitDone)
}

// What a commit leaves behind does not add up: after a hundred more of them there are as many goroutines and open files.
func TestRun_ManyCommitsLeaveNothingBehind(t *testing.T) {
	s := tell(t, "", "")
	s.change("every: 200ms", "every: 100ms")
	r := s.run()
	sent := 0
	measure := func(until int64) (goroutines, files int64) {
		for s.metric("sinker_commits_total") < until {
			if s.ctx.Err() != nil {
				t.Fatalf("%d commits, want %d:\n%s", s.metric("sinker_commits_total"), until, r.log)
			}
			sent++
			s.send(int32(sent%2), fmt.Sprintf(`{"id":%d}`, sent))
		}
		// The least of several looks: requests come and go.
		goroutines, files = 1<<62, 1<<62
		for range 20 {
			goroutines, files = min(goroutines, s.metric("go_goroutines")), min(files, s.metric("process_open_fds"))
			time.Sleep(20 * time.Millisecond)
		}
		return goroutines, files
	}
	g1, f1 := measure(40)
	g2, f2 := measure(160)
	if g2 > g1+5 || f2 > f1+5 {
		t.Errorf("after 40 commits %d goroutines and %d open files, after 160 %d and %d", g1, f1, g2, f2)
	}
	r.ends(syscall.SIGTERM, exitDone)
}

// metric is the sum of a metric's series; 0 while the page does not answer.
func (s *story) metric(name string) (sum int64) {
	body, err := get(s.ctx, "http://"+s.page+"/metrics")
	if err != nil {
		return 0
	}
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(body, -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += int64(v)
	}
	return sum
}
