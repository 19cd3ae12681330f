package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/testenv/embedded"
)

// story is a world with one configuration, and the service as a process in it.
type story struct {
	t     *testing.T
	ctx   context.Context
	world *embedded.World
	file  string
	page  string
}

// tell starts a world with the topic orders of two partitions; more is added to its configuration.
func tell(t *testing.T, entry, more string) *story {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	t.Cleanup(cancel)
	w, err := embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), Topics: []embedded.Topic{{Name: "orders", Partitions: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	s := &story{t: t, ctx: ctx, world: w, page: fmt.Sprintf("127.0.0.1:%d", freePort(0))}
	s.file = file(t, "sinker.yaml", w.Config("orders")+`tables:
  - topics: [orders]
    table: shop.orders
    format: json
    kafka_columns: [partition, offset]
    create: {columns: [{name: id, type: long, required: true}]}
`+entry+"commit: {every: 200ms}\nadmin: "+s.page+"\n"+more)
	return s
}

// send produces values into a partition.
func (s *story) send(partition int32, values ...string) {
	s.t.Helper()
	var recs []*kgo.Record
	for _, v := range values {
		recs = append(recs, embedded.Record("orders", partition, nil, []byte(v)))
	}
	if err := s.world.Produce(s.ctx, recs...); err != nil {
		s.t.Fatal(err)
	}
}

// running is `sinker run` as a process.
type running struct {
	s   *story
	p   *exec.Cmd
	log *bytes.Buffer
}

func (s *story) run(args ...string) *running {
	s.t.Helper()
	r := &running{s: s, p: process(s.ctx, append([]string{"run", "-c", s.file}, args...)...), log: &bytes.Buffer{}}
	r.p.Stderr = r.log
	if err := r.p.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { r.p.Process.Kill(); r.p.Wait() })
	return r
}

// ends waits for the process to end by itself, or after the signal.
func (r *running) ends(sig syscall.Signal, want int) {
	r.s.t.Helper()
	if sig != 0 {
		if err := r.p.Process.Signal(sig); err != nil {
			r.s.t.Fatal(err)
		}
	}
	r.p.Wait()
	if got := r.p.ProcessState.ExitCode(); got != want {
		r.s.t.Fatalf("run ended with status %d, want %d; its log:\n%s", got, want, r.log)
	}
}

// shown is what `offsets show` says of the table.
type shown struct {
	New        bool
	Head       string
	Stop       *stopReport
	Partitions []struct {
		Topic     string
		TopicID   string `json:"topic_id"`
		Partition int32
		Next      string
		Skipped   string
		Dead      string
		Log       string
	}
}

func (s *story) show() shown {
	s.t.Helper()
	r := sinker(s.t, "offsets", "show", "-c", s.file, "--output", "json")
	var out struct{ Tables []shown }
	if err := json.Unmarshal([]byte(r.out), &out); err != nil || len(out.Tables) != 1 {
		s.t.Fatalf("offsets show: status %d, %v:\n%s", r.status, err, r.all())
	}
	return out.Tables[0]
}

// until looks again and again until the table's next offsets are as wanted: "orders-0 3, orders-1 0".
func (s *story) until(want string) shown {
	s.t.Helper()
	for {
		got := s.show()
		if got.next() == want {
			return got
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("the table stands at %q, want %q", got.next(), want)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s shown) next() string {
	var parts []string
	for _, p := range s.Partitions {
		parts = append(parts, fmt.Sprintf("%s-%d %s", p.Topic, p.Partition, p.Next))
	}
	return strings.Join(parts, ", ")
}

// accept answers, and must be taken.
func (s *story) accept(args ...string) result {
	s.t.Helper()
	r := sinker(s.t, append([]string{"offsets", "accept", "-c", s.file, "--table", "shop.orders", "--reason", "a test"}, args...)...)
	if r.status != 0 {
		s.t.Fatalf("offsets accept %v: status %d:\n%s", args, r.status, r.all())
	}
	return r
}

// refuses is an answer that must not be taken.
func (s *story) refuses(words string, args ...string) {
	s.t.Helper()
	r := sinker(s.t, append([]string{"offsets", "accept", "-c", s.file, "--table", "shop.orders", "--reason", "a test"}, args...)...)
	if r.status == 0 || !strings.Contains(r.errors, words) {
		s.t.Errorf("offsets accept %v: status %d, want a refusal with %q:\n%s", args, r.status, words, r.all())
	}
}

// A signal drains: what was received is committed, and the status is 0.
func TestRun_SignalCommitsWhatThereIs(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1}`, `{"id":2}`)
	s.send(1, `{"id":3}`)
	r := s.run()
	s.until("orders-0 2, orders-1 1")
	r.ends(syscall.SIGTERM, exitDone)
	for _, want := range []string{"partitions assigned", "beginning written to the table", "committed", "sinker ended"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, r.log)
		}
	}
}

// The way out of a bad record: run says what to do, doing it works, and the run after it goes on.
func TestAccept_PassesOverABadRecord(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1}`, `no json`, `{"id":3}`)
	s.send(1, `{"id":4}`)
	r := s.run("--exit-on-stop") // one partition goes on, so it does not end
	s.until("orders-0 1, orders-1 1")
	r.ends(syscall.SIGTERM, exitStopped)
	s.refuses("past 0 already", "--partition", "orders-0", "--skip", "0")
	s.refuses("before 2", "--partition", "orders-0", "--skip", "2")
	s.refuses("no partition", "--partition", "orders-7", "--skip", "1")
	s.refuses("the table has moved", "--partition", "orders-0", "--skip", "1", "--expect", "1")
	s.refuses("clear and needs no answer", "--position", "mirror")
	s.refuses("nothing to accept", "--partition", "orders-0", "--position", "log")
	if r := s.accept("--partition", "orders-0", "--skip", "1"); !strings.Contains(r.out, "accepted, as snapshot") {
		t.Errorf("accept says:\n%s", r.out)
	}
	r = s.run()
	got := s.until("orders-0 3, orders-1 1")
	if got.Partitions[0].Skipped != "1" {
		t.Errorf("skipped records of orders-0: %s, want 1", got.Partitions[0].Skipped)
	}
	r.ends(syscall.SIGINT, exitDone)
}

// An answer is found by a sink that is up, at its next look, and it goes on without a restart.
func TestAccept_IsSeenByALivingSink(t *testing.T) {
	t.Parallel()
	s := tell(t, "", "")
	s.send(0, `{"id":1}`, `no json`, `{"id":3}`)
	s.send(1, `{"id":4}`)
	r := s.run()
	s.until("orders-0 1, orders-1 1")
	s.accept("--partition", "orders-0", "--skip", "1")
	s.send(1, `{"id":5}`)
	s.until("orders-0 3, orders-1 2")
	r.ends(syscall.SIGTERM, exitDone)
}

// A table that is stopped makes the status 3, at a signal as with --exit-on-stop.
func TestRun_StatusOfAStop(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `no json`)
	s.send(1, `no json either`)
	r := s.run("--exit-on-stop")
	r.ends(0, exitStopped)
	for _, want := range []string{"STOP", `reason="bad record"`, "--skip 0"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, r.log)
		}
	}
	r = s.run()
	for !strings.Contains(sinker(t, "offsets", "show", "-c", s.file).out, "table shop.orders") {
		time.Sleep(50 * time.Millisecond)
	}
	s.untilPage("bad record")
	r.ends(syscall.SIGTERM, exitStopped)
}

// Retention that was faster than sinker: a gap is accepted, and what is left is read.
func TestAccept_GoesOnWhereTheLogBegins(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1}`)
	r := s.run()
	s.until("orders-0 1, orders-1 0")
	r.ends(syscall.SIGTERM, exitDone)
	s.send(0, `{"id":2}`, `{"id":3}`, `{"id":4}`)
	if err := s.world.DeleteRecords("orders", 0, 3); err != nil {
		t.Fatal(err)
	}
	if got := s.show(); !strings.Contains(got.Partitions[0].Log, "gap") {
		t.Errorf("offsets show says of the gap: %q", got.Partitions[0].Log)
	}
	c := sinker(t, "check", "-c", s.file)
	if c.status != exitStopped || !strings.Contains(c.out, "gap") {
		t.Errorf("check: status %d, want 3 and the gap:\n%s", c.status, c.all())
	}
	s.accept("--partition", "orders-0", "--position", "log")
	r = s.run()
	s.until("orders-0 4, orders-1 0")
	r.ends(syscall.SIGTERM, exitDone)
}

// A topic that was created again is read from its beginning, after what the table has.
func TestAccept_TopicCreatedAgain(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1}`, `{"id":2}`)
	r := s.run()
	s.until("orders-0 2, orders-1 0")
	r.ends(syscall.SIGTERM, exitDone)
	if err := s.world.RecreateTopic(embedded.Topic{Name: "orders", Partitions: 2}); err != nil {
		t.Fatal(err)
	}
	s.send(0, `{"id":3}`)
	s.run("--exit-on-stop").ends(0, exitStopped)
	s.accept("--topic", "orders", "--position", "start")
	r = s.run()
	defer r.ends(syscall.SIGTERM, exitDone)
	for {
		got, now := s.show(), ""
		for _, p := range got.Partitions {
			if p.Partition == 0 {
				now += " " + p.Next
			}
		}
		if now == " 2 1" || now == " 1 2" {
			return
		}
		if s.ctx.Err() != nil {
			t.Fatalf("both lives of orders-0 stand at%s, want 2 and 1", now)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// A catalog that does not answer yet is waited for; one that is unusable ends the process.
func TestRun_UnusableCatalog(t *testing.T) {
	s := tell(t, "", "")
	text := strings.Replace(readFile(t, s.file), s.world.CatalogURI, "sqlite:"+s.world.Dir, 1)
	f := filepath.Join(t.TempDir(), "sinker.yaml")
	writeFile(t, f, text)
	r := sinker(t, "run", "-c", f)
	if r.status != exitFailed || !strings.Contains(r.errors, "catalog") {
		t.Errorf("run on a folder as the catalog's file: status %d, want 1:\n%s", r.status, r.errors)
	}
}

func TestCheck_SaysWhatRunWouldDo(t *testing.T) {
	s := tell(t, "", "")
	s.send(0, `{"id":1}`, `{"id":2}`)
	before := sinker(t, "check", "-c", s.file)
	if before.status != 0 {
		t.Fatalf("check before anything is there: status %d:\n%s", before.status, before.all())
	}
	for _, want := range []string{"no fault", "topic orders: 2 partitions, to shop.orders", "run would create it", "id long NOT NULL", "_kafka_offset long NOT NULL", "anchored at (start: earliest)", "READ, DESCRIBE on topic orders", "run would work"} {
		if !strings.Contains(before.out, want) {
			t.Errorf("check lacks %q:\n%s", want, before.out)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(s.world.Dir, "catalog.db*")); len(found) > 0 {
		t.Errorf("check made %v", found)
	}
	r := s.run()
	s.until("orders-0 2, orders-1 0")
	r.ends(syscall.SIGTERM, exitDone)
	after := sinker(t, "check", "-c", s.file, "--probe")
	for _, want := range []string{"goes on where the table stands", "orders-0  2  lag 0", "of eight commits on one base one wins", "run would work"} {
		if !strings.Contains(after.out, want) {
			t.Errorf("check of a live table lacks %q:\n%s", want, after.all())
		}
	}
	asJSON := sinker(t, "check", "-c", s.file, "--output", "json")
	var report map[string]any
	if err := json.Unmarshal([]byte(asJSON.out), &report); err != nil {
		t.Fatalf("check --output json: %v:\n%s", err, asJSON.out)
	}
	cfg, _ := report["configuration"].(map[string]any)
	for _, key := range []string{"sink", "kafka", "catalog", "s3", "tables", "commit", "policy", "delivery", "memory", "shutdown_timeout", "admin"} {
		if _, ok := cfg[key]; !ok {
			t.Errorf("the JSON report lacks %s of the configuration", key)
		}
	}
}

// untilPage asks the status page until it has the words.
func (s *story) untilPage(words string) {
	s.t.Helper()
	for s.ctx.Err() == nil {
		if body, err := get(s.ctx, "http://"+s.page+"/status.json"); err == nil && strings.Contains(body, words) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("the status page never says %q", words)
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
