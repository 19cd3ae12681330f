package sink_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/budget"
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
}

func (s *scripted) Events() <-chan source.Event { return s.events }
func (s *scripted) Err() error                  { return nil }
func (s *scripted) Refused() error              { return nil }
func (s *scripted) StartAt(at map[offsets.Partition]source.Start) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts += len(at)
}
func (s *scripted) started() int                              { s.mu.Lock(); defer s.mu.Unlock(); return s.starts }
func (s *scripted) Pause([]offsets.Partition)                 {}
func (s *scripted) Resume([]offsets.Partition)                {}
func (s *scripted) ClusterID(context.Context) (string, error) { return "c", nil }
func (s *scripted) Ends() map[offsets.Partition]source.End    { return nil }
func (s *scripted) Topics(context.Context) ([]source.Topic, error) {
	return []source.Topic{{Name: "orders", Partitions: 1}}, nil
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
	for _, p := range ps {
		out = append(out, source.LogInfo{Partition: p, LastStable: 10, HighWater: 10, EpochEnd: -1, EpochAnswer: -1})
	}
	return out, nil
}
func (s *scripted) CommitGroup(context.Context, map[offsets.Partition]source.Start, map[offsets.Partition]string) error {
	return nil
}
func (s *scripted) GroupMetadata(context.Context) (map[offsets.Partition]string, error) {
	return nil, nil
}

// A stopped partition that is looked at again, and meets something else before it has read one record, is begun again all the same: the
// old STOP does not hold it for ever.
func TestSink_StoppedPartitionThatMeetsAnotherFaultIsBegunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := offsets.Partition{Topic: "orders"}
		src := &scripted{events: make(chan source.Event)}
		stops := 0
		tab := &table{Memory: committest.NewMemory(nil), dir: t.TempDir()}
		s := sink.New(sink.Config{Sink: "x", Source: src, Budget: budget.New(1<<20, nil), Every: time.Second, Shutdown: time.Second, Recheck: 5 * time.Second,
			Events: sink.Events{Stopped: func(sink.StopInfo) { stops++ }},
			Entries: []sink.Entry{{Topics: []string{"orders"}, Table: "shop.orders", Start: source.Earliest,
				Open:    func(context.Context, string) (sink.Table, error) { return tab, nil },
				Decoder: func(s *iceberg.Schema) (decode.Decoder, error) { return decode.New("json", s, decode.Options{}) }}}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		src.events <- source.Assigned{Partitions: []offsets.Partition{p}}
		time.Sleep(time.Second)
		src.events <- source.Fault{Partition: p, Kind: source.FaultCorrupt, Err: errors.New("cut off")}
		time.Sleep(7 * time.Second)
		if n := src.started(); n != 2 || stops != 1 {
			t.Fatalf("begun %d times, %d stops: want one start, a stop, and a look at it", n, stops)
		}
		src.events <- source.Fault{Partition: p, Kind: source.FaultGap, Err: errors.New("retention")}
		time.Sleep(time.Minute)
		if n := src.started(); n < 3 {
			t.Errorf("begun %d times: after the second fault nobody has looked again", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
