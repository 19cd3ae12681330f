package sink_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
	"github.com/sinker-io/sinker/source"
)

// scripted is a source that says what a test tells it to, and reports where it is asked to begin.
type scripted struct {
	events chan source.Event
	mu     sync.Mutex
	starts int
	last   map[offsets.Partition]source.Start
	id     offsets.TopicID // of the topic now, if it is not p0's

	logStart  int64
	end       int64  // of the log; 0: 10
	inspected func() // called at the next look at the log
}

func (s *scripted) topic() offsets.TopicID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != (offsets.TopicID{}) {
		return s.id
	}
	return p0.TopicID
}

// now changes what the source says.
func (s *scripted) now(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// begun is where p was begun last.
func (s *scripted) begun(p offsets.Partition) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[p].Offset
}

func (s *scripted) Events() <-chan source.Event { return s.events }
func (s *scripted) Err() error                  { return nil }
func (s *scripted) Refused() error              { return nil }
func (s *scripted) StartAt(at map[offsets.Partition]source.Start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts += len(at)
	s.last = at
}
func (s *scripted) started() int                              { s.mu.Lock(); defer s.mu.Unlock(); return s.starts }
func (s *scripted) Pause([]offsets.Partition)                 {}
func (s *scripted) Resume([]offsets.Partition)                {}
func (s *scripted) ClusterID(context.Context) (string, error) { return "c", nil }
func (s *scripted) Ends() map[offsets.Partition]source.End    { return nil }
func (s *scripted) Topics(context.Context) ([]source.Topic, error) {
	return []source.Topic{{Name: "orders", ID: s.topic()}}, nil
}
func (s *scripted) OffsetsAt(_ context.Context, ps []offsets.Partition, _ source.Point) (offsets.Position, error) {
	at := offsets.Position{}
	for _, p := range ps {
		at[p] = 0
	}
	return at, nil
}
func (s *scripted) Inspect(_ context.Context, ps []offsets.Partition, _ map[offsets.Partition]int32) ([]source.LogInfo, error) {
	var out []source.LogInfo
	s.mu.Lock()
	then, start, end := s.inspected, s.logStart, s.end
	s.inspected = nil
	s.mu.Unlock()
	if then != nil {
		then()
	}
	if end == 0 {
		end = 10
	}
	for _, p := range ps {
		p.TopicID = s.topic()
		out = append(out, source.LogInfo{Partition: p, LogStart: start, LastStable: end, HighWater: end, EpochEnd: -1, EpochAnswer: -1})
	}
	return out, nil
}
func (s *scripted) CommitGroup(context.Context, map[offsets.Partition]source.Start, map[offsets.Partition]string) error {
	return nil
}
func (s *scripted) GroupMetadata(context.Context) (map[offsets.Partition]string, error) {
	return nil, nil
}

// on runs a sink of one topic on a scripted source and a table in memory, in time that costs nothing.
func on(t *testing.T, test func(t *testing.T, src *scripted, tab *table, s *sink.Sink, stops *atomic.Int32)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		src, stops := &scripted{events: make(chan source.Event)}, new(atomic.Int32)
		tab := &table{Memory: committest.NewMemory(nil), dir: t.TempDir(),
			properties: iceberg.Properties{"write.parquet.compression-codec": "uncompressed"}} // encoders are kept, and fake time ends with its test
		s := sink.New(sink.Config{Sink: "x", Source: src, Budget: budget.New(1<<20, nil), Every: time.Second, Shutdown: time.Second, Recheck: 5 * time.Second,
			Look: 10 * time.Second, Policy: sink.Policy{SkipGap: true}, Events: sink.Events{Stopped: func(sink.StopInfo) { stops.Add(1) }},
			Entries: []sink.Entry{{Topics: []string{"orders"}, Table: "shop.orders", Start: source.Earliest,
				Open:    func(context.Context, string) (sink.Table, error) { return tab, nil },
				Decoder: func(s *iceberg.Schema) (decode.Decoder, error) { return decode.New("json", s, decode.Options{}) }}}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		test(t, src, tab, s, stops)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

var p0 = offsets.Partition{Topic: "orders", TopicID: offsets.TopicID{1}}

// tell hands an event to the sink, and lets a second pass.
func (s *scripted) tell(ev source.Event) {
	s.events <- ev
	time.Sleep(1100 * time.Millisecond)
}

// records is a run of good records, or of bad ones.
func records(from, to int64, value string) source.Records {
	r := source.Records{Partition: p0, Range: offsets.Range{From: from, To: to}}
	for o := from; o < to; o++ {
		r.Recs = append(r.Recs, &kgo.Record{Topic: "orders", Offset: o, Value: []byte(value)})
	}
	return r
}

// A stopped partition that is looked at again, and meets something else before it has read one record, is begun again all the same: the
// old STOP does not hold it for ever.
func TestSink_StoppedPartitionThatMeetsAnotherFaultIsBegunAgain(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, _ *table, _ *sink.Sink, stops *atomic.Int32) {
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		src.tell(source.Fault{Partition: p0, Kind: source.FaultCorrupt, Err: errors.New("cut off")})
		time.Sleep(7 * time.Second)
		if n := src.started(); n != 2 || stops.Load() != 1 {
			t.Fatalf("begun %d times, %d stops: want one start, a stop, and a look at it", n, stops.Load())
		}
		src.tell(source.Fault{Partition: p0, Kind: source.FaultGap, Err: errors.New("retention")})
		time.Sleep(time.Minute)
		if n := src.started(); n < 3 {
			t.Errorf("begun %d times: after the second fault nobody has looked again", n)
		}
	})
}

// A table that is rolled back while nothing comes for it is seen all the same: what the rollback removed is read again.
func TestSink_RollbackOfAnIdleTableIsSeen(t *testing.T) {
	for _, properties := range []bool{true, false} {
		on(t, func(t *testing.T, src *scripted, tab *table, _ *sink.Sink, _ *atomic.Int32) {
			tab.Edit(func(v *commit.View) { v.Caps.Properties = properties })
			src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
			src.tell(records(0, 5, `{"id":1}`))
			before := tab.Head()
			src.tell(records(5, 7, `{"id":1}`))
			if tab.Head() == before {
				t.Fatal("the second batch is not in")
			}
			tab.Rollback(before)
			time.Sleep(30 * time.Second)
			if at := src.begun(p0); at != 5 {
				t.Errorf("properties %v: the table stands at 5, and reading was begun at %d last", properties, at)
			}
		})
	}
}

// A branch that is rolled back between the look at the log and the commit that passes over a gap, to before the partition was anchored, knows
// no gap of it: the partition is anchored again first, like any other.
func TestSink_GapOfAPartitionThatWasRolledBack(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, tab *table, _ *sink.Sink, _ *atomic.Int32) {
		other := p0
		other.Num = 1
		src.tell(source.Assigned{Partitions: []offsets.Partition{other}})
		before := tab.Head()
		src.now(func() { src.logStart, src.inspected = 8, func() { tab.Rollback(before) } })
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		time.Sleep(30 * time.Second)
		v, err := tab.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		st, err := commit.Resolve(v, "x")
		if m := st.Ledger.Marks[p0]; err != nil || m.Next != 8 || m.Upper != offsets.Unbounded {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

// A stopped partition that is looked at again while the branch is rolled back to before it was anchored is looked at once more: its STOP does
// not hold it for ever.
func TestSink_StoppedPartitionThatWasRolledBackMeanwhileIsBegunAgain(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, tab *table, s *sink.Sink, stops *atomic.Int32) {
		tab.Edit(func(v *commit.View) { v.Caps.Properties, v.Caps.Tags = false, false }) // nothing tells of the rollback
		other := p0
		other.Num = 1
		src.tell(source.Assigned{Partitions: []offsets.Partition{other}})
		before := tab.Head()
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		src.tell(records(0, 1, "no json"))
		if stops.Load() != 1 {
			t.Fatalf("%d stops", stops.Load())
		}
		src.now(func() { src.logStart, src.inspected = 8, func() { tab.Rollback(before) } })
		time.Sleep(time.Minute)
		if !s.Status().Ready() || src.begun(p0) != 8 {
			t.Errorf("begun at %d; %+v", src.begun(p0), s.Status().Tables[0])
		}
	})
}

// A STOP before a record that an election has cut off the log is over, also where nothing follows: while the record is there it lasts.
func TestSink_StopBeforeARecordThatTheLogLostIsOver(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, _ *table, s *sink.Sink, _ *atomic.Int32) {
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		src.tell(records(0, 3, `{"id":1}`))
		src.tell(records(3, 4, "no json"))
		src.now(func() { src.end = 4 })
		for range 3 {
			time.Sleep(10 * time.Second)
			if s.Status().Ready() {
				t.Error("the record is there, and its STOP is over")
			}
			src.tell(records(3, 4, "no json"))
		}
		src.now(func() { src.end = 3 })
		time.Sleep(10 * time.Second)
		if !s.Status().Ready() {
			t.Errorf("%+v", s.Status().Tables[0])
		}
	})
}

// accept is an operator's word about p0.
func accept(t *testing.T, tab *table, set map[offsets.Partition]offsets.Mark) {
	t.Helper()
	c := &commit.Committer{Table: tab, Name: "shop.orders", Sink: "x", Rollback: commit.Replay}
	_, err := c.Accept(t.Context(), 0, func(commit.View, commit.State, error) (*commit.Edit, error) {
		return &commit.Edit{Set: set, NewEpoch: true, Audit: &commit.Audit{Who: "operator"}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A STOP that was answered is over, also where no record follows that would show it.
func TestSink_AnsweredStopOfTheLastRecordIsOver(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, tab *table, s *sink.Sink, stops *atomic.Int32) {
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		src.tell(records(0, 1, "no json"))
		if stops.Load() != 1 || s.Status().Ready() {
			t.Fatalf("%d stops, ready: %v", stops.Load(), s.Status().Ready())
		}
		accept(t, tab, map[offsets.Partition]offsets.Mark{p0: {Next: 1, Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}})
		time.Sleep(20 * time.Second)
		if !s.Status().Ready() {
			t.Errorf("%+v", s.Status().Tables[0])
		}
	})
}

// An incarnation of a topic that is gone stops nobody: the next one does, until that is answered.
func TestSink_DeletedIncarnationIsNoStop(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, tab *table, s *sink.Sink, stops *atomic.Int32) {
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		src.tell(records(0, 3, `{"id":1}`))
		next := p0
		next.TopicID = offsets.TopicID{2}
		src.now(func() { src.id = next.TopicID })
		src.events <- source.Fault{Partition: p0, Kind: source.FaultRecreated, At: 3, Err: errors.New("another id")}
		src.tell(source.Assigned{Partitions: []offsets.Partition{next}})
		if stops.Load() != 1 || s.Status().Ready() {
			t.Fatalf("%d stops, ready: %v", stops.Load(), s.Status().Ready())
		}
		accept(t, tab, map[offsets.Partition]offsets.Mark{next: {Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}})
		time.Sleep(20 * time.Second)
		if !s.Status().Ready() {
			t.Errorf("%+v", s.Status().Tables[0])
		}
	})
}

// Who has lost all partitions of a table has no say in how it stands.
func TestSink_WithoutPartitionsIsIdle(t *testing.T) {
	on(t, func(t *testing.T, src *scripted, tab *table, s *sink.Sink, stops *atomic.Int32) {
		src.tell(source.Assigned{Partitions: []offsets.Partition{p0}})
		src.tell(records(0, 3, `{"id":1}`))
		tab.Replace()
		src.tell(records(3, 4, `{"id":1}`))
		if stops.Load() != 1 || s.Status().Tables[0].State != sink.Stopped {
			t.Fatalf("%d stops, %s", stops.Load(), s.Status().Tables[0].State)
		}
		src.tell(source.NewRevoked(source.Revoked{Partitions: []offsets.Partition{p0}}, func() {}))
		if st := s.Status(); st.Tables[0].State != sink.Idle || st.Tables[0].Stop != nil || !st.Ready() {
			t.Errorf("%+v", st.Tables[0])
		}
	})
}
