package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/chaos"
	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
)

// A zombie sleeps for longer than the session after which the group gives its partitions away.
const (
	session = "6s"
	frozen  = 8 * time.Second
)

// window is a moment in the life of an instance at which it is killed.
type window string

const (
	uploadOpen  window = "upload open"           // the head of an upload has been sent, its bytes have not all
	notApplied  window = "commit not yet there"  // the request to commit is on its way
	noAnswer    window = "commit unanswered"     // the commit is done, nobody has told the instance
	answerHalf  window = "answer not processed"  // all of the answer but its last byte has come
	anyTime     window = "any time"              // whenever
	tableBirth  window = "first second of table" // its creation, its anchor
	zombieAwake window = "zombie"
)

// instance is one of several that share the partitions, each behind proxies of its own.
type instance struct {
	*Sinker
	catalog, store *chaos.Proxy
}

// crash is a run of the crash test.
type crash struct {
	t     *testing.T
	w     *real.World
	table string // without its namespace
	seen  map[window]int
	rng   *rand.Rand
}

// Instances are killed where it hurts most, frozen until the group has forgotten them, and their servers restarted, while
// records keep coming. In the end each record is in the table once.
func TestCrash_NothingLostNothingDoubled(t *testing.T) {
	t.Parallel()
	w := ownWorld(t) // its servers are taken down
	const topic, table, sink = "crash", "crash", "crash"
	noError(t, load.Topic(t.Context(), w.Kafka.Addr, topic, partitions, nil))
	c := &crash{t: t, w: w, table: table, seen: map[window]int{}, rng: rand.New(rand.NewPCG(1, 2))}
	stream := must(load.StartStream(w.Kafka.Addr, topic, partitions, 400, numbered))(t)
	var both []*instance
	for _, name := range []string{"crash-a", "crash-b"} {
		in := c.instance(name, Config{Sink: sink, InstanceID: name, Session: session, Tables: numberedTable(topic, "chaos."+table)})
		noError(t, in.Start(t.Context()))
		both = append(both, in)
	}
	noError(t, both[0].UntilRunning(within(t, 2*time.Minute), "chaos."+table))

	began, kills := time.Now(), 0
	for round := 0; round < size.Zombies || kills < size.Kills; round++ {
		zombie, other := both[round%2], both[1-round%2]
		wake := c.freeze(zombie, round)
		until := time.Now().Add(frozen)
		for time.Now().Before(until) {
			kills++
			c.kill(other, []window{uploadOpen, notApplied, noAnswer, answerHalf}[kills%4])
			pause(t, time.Duration(1000+c.rng.IntN(4000))*time.Millisecond)
		}
		wake()
		c.restartServer(round)
		noError(t, zombie.UntilRunning(within(t, 3*time.Minute), "chaos."+table))
		t.Logf("round %d: %d kills after %s", round+1, kills, time.Since(began).Round(time.Second))
	}

	n := must(stream.Stop(within(t, 2*time.Minute)))(t)
	noError(t, judge.Await(within(t, 4*time.Minute), w, "chaos."+table, n))
	for _, in := range both {
		quit(t, in.Sinker)
	}
	c.once("chaos."+table, topic, sink, n)
	c.report(began, n)
	for _, want := range []window{uploadOpen, notApplied, noAnswer, answerHalf} {
		if got := c.seen[want]; got < size.Kills/6 {
			t.Errorf("only %d kills hit the window %q, want %d", got, want, size.Kills/6)
		}
	}
}

// An instance that dies while its table is made or anchored leaves something from which the next one goes on.
func TestCrash_NewTable(t *testing.T) {
	w := must(servers.World(t.Context(), real.RESTVersityGW))(t)
	c := &crash{t: t, w: w, seen: map[window]int{}, rng: rand.New(rand.NewPCG(3, 4))}
	const rows = 1000
	noError(t, load.Topic(t.Context(), w.Kafka.Addr, "births", partitions, nil))
	stream := must(load.StartStream(w.Kafka.Addr, "births", partitions, rows, numbered))(t)
	pause(t, time.Second+100*time.Millisecond)
	n := must(stream.Stop(within(t, time.Minute)))(t)

	moments := []struct {
		match func(*http.Request) bool
		at    chaos.Moment
	}{{chaos.Creates, chaos.Arrived}, {chaos.Creates, chaos.Applied}, {nil, chaos.Arrived}, {nil, chaos.Applied}, {nil, chaos.Answering}}
	for i := range size.Births {
		c.table = fmt.Sprintf("birth%d", i)
		m := moments[i%len(moments)]
		if m.match == nil {
			m.match = chaos.Commits(c.table)
		}
		in := c.instance(c.table, Config{Sink: c.table, InstanceID: "i", Tables: numberedTable("births", "chaos."+c.table)})
		trap := in.catalog.SetTrap(m.match, m.at, false)
		noError(t, in.Start(t.Context()))
		noError(t, trap.Wait(within(t, time.Minute)))
		noError(t, in.Kill())
		trap.Release(chaos.Fate(c.rng.IntN(2)))
		c.seen[tableBirth]++
		noError(t, in.Start(t.Context()))
		noError(t, judge.Await(within(t, 2*time.Minute), w, "chaos."+c.table, n))
		quit(t, in.Sinker)
		c.once("chaos."+c.table, "births", c.table, n)
	}
	if c.seen[tableBirth] < size.Births {
		t.Errorf("%d kills, want %d", c.seen[tableBirth], size.Births)
	}
}

// ownWorld starts servers for one test alone.
func ownWorld(t *testing.T) *real.World {
	t.Helper()
	dir := filepath.Join(scratch, "own-"+t.Name())
	noError(t, os.MkdirAll(dir, 0o755))
	set := real.NewSet(dir)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(set.Logs(2000))
		}
		if err := set.Stop(); err != nil {
			t.Error(err)
		}
	})
	return must(set.World(t.Context(), real.RESTVersityGW))(t)
}

// instance prepares one that reaches catalog and store through proxies; the catalog answers commits late.
func (c *crash) instance(name string, cfg Config) *instance {
	c.t.Helper()
	in := &instance{catalog: must(chaos.NewProxy(c.w.Catalog.URI))(c.t), store: must(chaos.NewProxy(c.w.S3.Endpoint))(c.t)}
	c.t.Cleanup(func() { _ = errors.Join(in.catalog.Close(), in.store.Close()) })
	c.slow(in)
	behind := *c.w
	behind.Catalog = c.w.Catalog.At(in.catalog.URL)
	store := c.w.S3.At(in.store.URL)
	behind.S3 = &store
	in.Sinker = prepare(c.t, name, &behind, cfg)
	return in
}

func (c *crash) slow(in *instance) {
	in.catalog.SetRules(chaos.Rule{Match: chaos.Commits(c.table), Delay: 300 * time.Millisecond})
}

// kill ends an instance within a window, and starts it again. What was in the air may still arrive, or not.
func (c *crash) kill(in *instance, at window) {
	c.t.Helper()
	var trap *chaos.Trap
	switch at {
	case uploadOpen:
		trap = in.store.SetTrap(chaos.Uploads(c.table), chaos.Arrived, true)
	case notApplied:
		trap = in.catalog.SetTrap(chaos.Commits(c.table), chaos.Arrived, false)
	case noAnswer:
		trap = in.catalog.SetTrap(chaos.Commits(c.table), chaos.Applied, false)
	case answerHalf:
		trap = in.catalog.SetTrap(chaos.Commits(c.table), chaos.Answering, false)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	if err := trap.Wait(ctx); err != nil {
		at = anyTime // it was busy with something else: a kill is a kill
	}
	noError(c.t, in.Kill())
	trap.Release(chaos.Fate(c.rng.IntN(2)))
	c.slow(in)
	c.seen[at]++
	noError(c.t, in.Start(c.t.Context()))
}

// freeze stops an instance while a commit of its is in the air, and returns what wakes it: the commit then goes on.
func (c *crash) freeze(in *instance, round int) (wake func()) {
	c.t.Helper()
	at := []chaos.Moment{chaos.Arrived, chaos.Applied}[round%2]
	trap := in.catalog.SetTrap(chaos.Commits(c.table), at, false)
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	if err := trap.Wait(ctx); err != nil {
		c.t.Logf("%s is frozen with no commit in the air", in.Name)
	}
	noError(c.t, in.Freeze())
	c.seen[zombieAwake]++
	return func() {
		noError(c.t, in.Thaw())
		trap.Release(chaos.PassOn)
		c.slow(in)
	}
}

// restartServer takes one of the servers down and up again: broker, catalog, store in turn.
func (c *crash) restartServer(round int) {
	c.t.Helper()
	server := []*real.Server{c.w.Kafka.Server, c.w.Catalog.Server, c.w.S3.Server}[round%3]
	if round%2 == 0 {
		noError(c.t, server.Kill())
	} else {
		noError(c.t, server.Stop())
	}
	pause(c.t, time.Second)
	noError(c.t, server.Start(within(c.t, 2*time.Minute)))
	c.seen[window("restart of "+server.Name)]++
}

// once asks two readers whether the table holds each of n records once, and recounts its files.
func (c *crash) once(name, topic, sink string, n int64) {
	c.t.Helper()
	table := must(judge.Of(c.t.Context(), c.w, name))(c.t)
	q := judge.Question{Columns: []judge.Column{{Name: "id", Kind: "int"}}, Distinct: []string{"id"}, Spans: spans}
	for _, r := range []judge.Reader{judge.DuckDB, judge.PyIceberg} {
		a := must(r.Ask(c.t.Context(), table, q))(c.t)
		lost, doubled := n-a.Distinct["id"], a.Rows-a.Distinct["id"]
		if lost != 0 || doubled != 0 {
			c.t.Errorf("%s: of %d records %d are lost and %d doubled, says %s", name, n, lost, doubled, r)
		}
		want := judge.Answer{Rows: n, Spans: load.Spans(topic, n, partitions)}
		for _, d := range judge.Differ("the source", want, string(r), a) {
			c.t.Errorf("%s: %s", name, d)
		}
	}
	sound(c.t, c.w, name, sink)
}

func (c *crash) report(began time.Time, n int64) {
	total := 0
	for _, w := range slices.Sorted(maps.Keys(c.seen)) {
		c.t.Logf("%4d × %s", c.seen[w], w)
		total += c.seen[w]
	}
	c.t.Logf("%d blows in %s, %d records", total, time.Since(began).Round(time.Second), n)
}

// numbered is record i: its id, and enough beside it that a commit has something to upload.
func numbered(i int64) []byte {
	return fmt.Appendf(nil, `{"id":%d,"at":"%s","note":"%064x"}`, i, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), uint64(i)*0x9e3779b97f4a7c15)
}

func numberedTable(topic, table string) string {
	return fmt.Sprintf("  - topics: [%s]\n    table: %s\n    format: json\n    kafka_columns: [topic, partition, offset]\n    create:\n"+
		"      columns:\n        - {name: id, type: long, required: true}\n        - {name: at, type: timestamptz}\n        - {name: note, type: string}\n", topic, table)
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
