// Package sourcetest is the suite that a source.Group must pass on every broker: Run takes a broker that is up, and
// tells the story of a group on it, situation by situation. It knows nothing that only a fake broker can do.
package sourcetest

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

// World is a broker to run the suite on. Topics and groups get names of their own, so a shared one will do.
type World struct {
	Brokers     []string
	Opts        []kgo.Opt     // for every client
	Session     time.Duration // a session timeout the broker allows; default 6 s, Kafka's least
	Replication int16         // of the topics made; default 1
	Patience    time.Duration // how long to wait for what must come; default 60 s
}

// Run runs the suite.
func Run(t *testing.T, w World) {
	if w.Session == 0 {
		w.Session = 6 * time.Second
	}
	if w.Replication == 0 {
		w.Replication = 1
	}
	if w.Patience == 0 {
		w.Patience = 60 * time.Second
	}
	cases := []struct {
		name string
		run  func(*testing.T, *stage)
	}{
		{"FirstStart_NothingBeforeStartAt", firstStart},
		{"Restart_GoesOnWhereItWasTold", restart},
		{"StartAt_AgainDropsWhatWasRead", startAgain},
		{"Pause_DropsAndResumeReadsAgain", pause},
		{"Transactions_RangesTileOverWhatIsNoRecord", transactions},
		{"OpenTransaction_EndsAtLastStable", openTransaction},
		{"Codecs_AreAllRead", codecs},
		{"Compaction_LeavesHolesThatAreNoGap", compacted},
		{"Retention_IsAGap", gap},
		{"PositionBeyondTheEnd_IsATruncation", beyond},
		{"RecreatedTopic_IsAFaultAndANewAssignment", recreated},
		{"NewPartitions_ArePickedUp", newPartitions},
		{"NewTopics_MatchThePattern", newTopics},
		{"NamedTopic_MayComeLater", laterTopic},
		{"Members_HandOverWithoutOverlap", handOver},
		{"Members_ComeAndGo", churning},
		{"StaticMember_KeepsItsPartitions", static},
		{"SlowReader_StaysAMember", slowReader},
		{"Close_NeedsNoReader", closeUnread},
		{"Start_ResolvesPoints", points},
		{"GroupOffsets_NameTheTable", groupOffsets},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStage(t, w)) })
	}
}

// stage is one test's part of the world.
type stage struct {
	t     *testing.T
	w     World
	ctx   context.Context
	cl    *kgo.Client
	adm   *kadm.Client
	topic string
	group string
}

var counter atomic.Int64

func newStage(t *testing.T, w World) *stage {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DisableClientMetrics(), kgo.MetadataMinAge(50 * time.Millisecond)}, w.Opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	name := fmt.Sprintf("source-%d-%d", time.Now().UnixNano(), counter.Add(1))
	return &stage{t: t, w: w, ctx: ctx, cl: cl, adm: kadm.NewClient(cl), topic: name, group: name}
}

func (s *stage) create(topic string, partitions int32) {
	s.t.Helper()
	s.createWith(topic, partitions, nil)
}

func (s *stage) createWith(topic string, partitions int32, settings map[string]*string) {
	s.t.Helper()
	r, err := s.adm.CreateTopic(s.ctx, partitions, s.w.Replication, settings, topic)
	if err == nil {
		err = r.Err
	}
	if err != nil {
		s.t.Fatalf("create topic %s: %v", topic, err)
	}
	s.eventually("the topic has leaders", func() bool {
		ts, err := s.adm.ListTopics(s.ctx, topic)
		if err != nil || ts[topic].Err != nil || len(ts[topic].Partitions) != int(partitions) {
			return false
		}
		for _, p := range ts[topic].Partitions {
			if p.Leader < 0 {
				return false
			}
		}
		return true
	})
}

// produce writes n records v<from>… to a partition, and waits until they are in.
func (s *stage) produce(topic string, partition int32, from, n int) {
	s.t.Helper()
	s.produceWith(s.cl, topic, partition, from, n)
}

func (s *stage) produceWith(cl *kgo.Client, topic string, partition int32, from, n int) {
	s.t.Helper()
	var recs []*kgo.Record
	for i := range n {
		recs = append(recs, &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Appendf(nil, "v%d", from+i), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(from+i)*1000)})
	}
	if err := cl.ProduceSync(s.ctx, recs...).FirstErr(); err != nil {
		s.t.Fatalf("produce to %s-%d: %v", topic, partition, err)
	}
}

func (s *stage) eventually(what string, ok func() bool) {
	s.t.Helper()
	until := time.Now().Add(s.w.Patience)
	for !ok() {
		if time.Now().After(until) {
			s.t.Fatalf("waited %s in vain: %s", s.w.Patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *stage) config() source.Config {
	return source.Config{
		Brokers: s.w.Brokers, Group: s.group, Topics: []string{s.topic}, Opts: s.w.Opts,
		Refresh: 200 * time.Millisecond, SessionTimeout: s.w.Session, RebalanceTimeout: 2 * s.w.Session,
		Budget: budget.New(64<<20, nil),
		Logger: slog.New(slog.NewTextHandler(testLog{s.t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// testLog shows the log where a test fails. A late line must not hurt, so it is kept from a test that has ended.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Logf("%s", b)
	}
	return len(b), nil
}

// reader drives a Group as the sink does, from one goroutine, and holds it to its promises.
type reader struct {
	s      *stage
	g      *source.Group
	bud    *budget.Budget
	held   map[offsets.Partition]bool // assigned and not revoked
	at     map[offsets.Partition]int64
	epoch  map[offsets.Partition]int32
	recs   map[offsets.Partition][]*kgo.Record
	faults []source.Fault
	lost   error
	ended  bool
	begin  func(offsets.Partition) source.Start // nil: nothing is started by itself
	onRun  func(source.Records)                 // before it is released
}

func (s *stage) open(change func(*source.Config)) *reader {
	s.t.Helper()
	cfg := s.config()
	if change != nil {
		change(&cfg)
	}
	g, err := source.Open(s.ctx, cfg)
	if err != nil {
		s.t.Fatalf("open: %v", err)
	}
	r := &reader{s: s, g: g, bud: cfg.Budget, held: map[offsets.Partition]bool{}, at: map[offsets.Partition]int64{},
		epoch: map[offsets.Partition]int32{}, recs: map[offsets.Partition][]*kgo.Record{}}
	r.begin = func(p offsets.Partition) source.Start { return source.Start{Offset: r.at[p], LeaderEpoch: -1} }
	s.t.Cleanup(r.close)
	return r
}

// close leaves, and checks that every byte came back.
func (r *reader) close() {
	if r.ended && r.g == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.g.Close(ctx); err != nil && r.lost == nil {
		r.s.t.Errorf("close: %v", err)
	}
	for ev := range r.g.Events() {
		r.take(ev)
	}
	if used := r.bud.Used(); used != 0 {
		r.s.t.Errorf("%d bytes of the budget are not given back after close", used)
	}
	r.g, r.ended = nil, true
}

func (r *reader) startAt(p offsets.Partition, o int64) {
	r.at[p] = o
	r.g.StartAt(map[offsets.Partition]source.Start{p: {Offset: o, LeaderEpoch: -1}})
}

func (r *reader) take(ev source.Event) {
	switch ev := ev.(type) {
	case source.Assigned:
		starts := map[offsets.Partition]source.Start{}
		for _, p := range ev.Partitions {
			if r.held[p] {
				r.s.t.Errorf("%s was assigned twice", p)
			}
			r.held[p] = true
			if r.begin != nil {
				starts[p] = r.begin(p)
				r.at[p] = starts[p].Offset
			}
		}
		if r.begin != nil && r.g != nil {
			r.g.StartAt(starts)
		}
	case source.Revoked:
		for _, p := range ev.Partitions {
			if !r.held[p] {
				r.s.t.Errorf("%s was revoked but is not ours", p)
			}
			delete(r.held, p)
		}
		ev.Done()
	case source.Records:
		r.check(ev)
		if r.onRun != nil {
			r.onRun(ev)
		}
		ev.Release()
	case source.Fault:
		r.faults = append(r.faults, ev)
	case source.Lost:
		r.lost = ev.Err
	}
}

// check is the invariant of every run: it is ours, it begins where the last ended, its records lie in it in order.
func (r *reader) check(ev source.Records) {
	p := ev.Partition
	if !r.held[p] {
		r.s.t.Errorf("records of %s %s, which is not ours", p, ev.Range)
	}
	if ev.Range.From != r.at[p] || ev.Range.To <= ev.Range.From {
		r.s.t.Errorf("run %s of %s does not begin at %d", ev.Range, p, r.at[p])
	}
	last := ev.Range.From - 1
	for _, rec := range ev.Recs {
		if rec.Offset <= last || rec.Offset >= ev.Range.To {
			r.s.t.Errorf("record %d of %s is out of order or not in its run %s", rec.Offset, p, ev.Range)
		}
		last = rec.Offset
		c := *rec
		r.recs[p] = append(r.recs[p], &c)
	}
	if len(ev.Recs) > 0 && ev.Bytes <= 0 {
		r.s.t.Errorf("run %s of %s holds records and no bytes", ev.Range, p)
	}
	r.at[p], r.epoch[p] = ev.Range.To, ev.LeaderEpoch
}

// until reads events until ok says so.
func (r *reader) until(what string, ok func() bool) {
	r.s.t.Helper()
	timeout := time.NewTimer(r.s.w.Patience)
	defer timeout.Stop()
	for !ok() {
		select {
		case ev, more := <-r.g.Events():
			if !more {
				r.s.t.Fatalf("the stream ended while waiting: %s (%v)", what, r.g.Err())
			}
			r.take(ev)
		case <-timeout.C:
			r.s.t.Fatalf("waited %s in vain: %s; held %v at %v faults %v", r.s.w.Patience, what, len(r.held), r.at, r.faults)
		}
	}
}

// quiet reads for a while.
func (r *reader) quiet(d time.Duration) {
	timeout := time.After(d)
	for {
		select {
		case ev, more := <-r.g.Events():
			if !more {
				return
			}
			r.take(ev)
		case <-timeout:
			return
		}
	}
}

// part finds what is held of the stage's topic.
func (r *reader) part(num int32) offsets.Partition {
	for p := range r.held {
		if p.Topic == r.s.topic && p.Num == num {
			return p
		}
	}
	return offsets.Partition{}
}

func (r *reader) values(p offsets.Partition) []string {
	var out []string
	for _, rec := range r.recs[p] {
		out = append(out, string(rec.Value))
	}
	return out
}
