package sourcetest

import (
	"errors"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What follows needs a broker that does wrong at our word.
func fakeStage(t *testing.T, brokers int) (*stage, *kfake.Cluster) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return newStage(t, World{Brokers: c.ListenAddrs(), Session: time.Second, Replication: 1, Patience: 20 * time.Second}), c
}

func TestFault_TransientErrorsOfAFetchAreTriedAgain(t *testing.T) {
	s, c := fakeStage(t, 2)
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 20)
	s.produce(s.topic, 1, 0, 20)
	for _, e := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.LeaderNotAvailable, kerr.KafkaStorageError,
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.OffsetNotAvailable, kerr.UnknownServerError, kerr.CorruptMessage, kerr.OffsetOutOfRange} {
		c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: s.topic, Err: e})
	}
	r := s.open(nil)
	r.until("everything", func() bool { return len(r.held) == 2 && r.at[r.part(0)] == 20 && r.at[r.part(1)] == 20 })
	if len(r.faults) > 0 {
		t.Errorf("faults %v", r.faults)
	}
}

func TestFault_DeniedAndCorruptEndAPartition(t *testing.T) {
	for _, c := range []struct {
		err  *kerr.Error
		want source.FaultKind
	}{{kerr.TopicAuthorizationFailed, source.FaultDenied}, {kerr.UnsupportedCompressionType, source.FaultCorrupt}, {kerr.CorruptMessage, source.FaultCorrupt}} {
		s, cl := fakeStage(t, 1)
		s.create(s.topic, 2)
		s.produce(s.topic, 0, 0, 20)
		s.produce(s.topic, 1, 0, 20)
		h := cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: s.topic, Partitions: []int32{0}, Err: c.err, Count: -1})
		r := s.open(nil)
		r.until("a fault, and the other partition", func() bool { return len(r.faults) == 1 && len(r.held) == 2 && r.at[r.part(1)] == 20 })
		if f := r.faults[0]; f.Kind != c.want || f.Partition.Num != 0 || f.At != 0 || !errors.Is(f.Err, c.err) {
			t.Errorf("%v: fault %+v, want %s", c.err, f, c.want)
		}
		h.Remove()
		r.startAt(r.part(0), 0)
		r.until("it goes on", func() bool { return r.at[r.part(0)] == 20 })
	}
}

func TestLeader_MovesDoNotDisturb(t *testing.T) {
	s, c := fakeStage(t, 3)
	const parts, each = 8, 60
	s.create(s.topic, parts)
	r := s.open(func(c *source.Config) { c.RunBytes = 1 << 10 })
	r.until("partitions", func() bool { return len(r.held) == parts })
	for round := range each {
		for p := range int32(parts) {
			s.produce(s.topic, p, round, 1)
		}
		if round%5 == 0 {
			c.ShufflePartitionLeaders()
		}
		r.quiet(time.Duration(rand.Intn(20)) * time.Millisecond)
	}
	r.until("everything", func() bool {
		for p := range r.held {
			if r.at[p] != each {
				return false
			}
		}
		return true
	})
	for p := range r.held {
		wantValues(t, r.values(p), 0, each)
	}
	if len(r.faults) > 0 {
		t.Errorf("faults %v", r.faults)
	}
}

func TestLeader_ElectedUncleanlyIsATruncation(t *testing.T) {
	s, c := fakeStage(t, 2)
	s.create(s.topic, 1)
	s.produce(s.topic, 0, 0, 20)
	r := s.open(nil)
	r.until("all", func() bool { return r.at[r.part(0)] == 20 })
	p := r.part(0)
	// The new leader says that what was written under the old epoch ends at 15, and has other records there.
	c.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return epochAnswer(req, 15), nil, true
	})
	if err := c.MoveTopicPartition(s.topic, 0, 1-c.LeaderFor(s.topic, 0)); err != nil {
		t.Fatal(err)
	}
	s.produce(s.topic, 0, 20, 5)
	r.until("a fault", func() bool { return len(r.faults) == 1 })
	if f := r.faults[0]; f.Kind != source.FaultTruncation || f.At != 20 || !strings.Contains(f.Err.Error(), "15") {
		t.Errorf("fault %+v, want truncation at 20", f)
	}
	if n := len(r.recs[p]); n != 20 {
		t.Errorf("%d records: something was read of a log that was cut", n)
	}
	infos, err := r.g.Inspect(s.ctx, []offsets.Partition{p}, map[offsets.Partition]int32{p: 0})
	if err != nil || infos[0].EpochEnd != 15 {
		t.Fatalf("inspect %+v %v", infos, err)
	}
	ledger := offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{p: {Next: 20, LeaderEpoch: 0}}}
	if vs := source.Check("", ledger, infos); len(vs) != 1 || vs[0].Kind != source.FaultTruncation || vs[0].Diverged != 15 {
		t.Errorf("verdicts %+v", vs)
	}
	r.startAt(p, 15) // policy.truncation: rewind
	r.until("the rest", func() bool { return r.at[p] == 25 })
}

func epochAnswer(req kmsg.Request, end int64) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, t := range req.(*kmsg.OffsetForLeaderEpochRequest).Topics {
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			rp.Partition, rp.EndOffset, rp.LeaderEpoch = p.Partition, end, p.LeaderEpoch
			if end < 0 {
				rp.LeaderEpoch = -1
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

func TestLeader_ThatDoesNotKnowTheEpochIsBelieved(t *testing.T) {
	s, c := fakeStage(t, 2)
	s.create(s.topic, 1)
	s.produce(s.topic, 0, 0, 20)
	r := s.open(nil)
	r.until("all", func() bool { return r.at[r.part(0)] == 20 })
	c.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return epochAnswer(req, -1), nil, true
	})
	if err := c.MoveTopicPartition(s.topic, 0, 1-c.LeaderFor(s.topic, 0)); err != nil {
		t.Fatal(err)
	}
	s.produce(s.topic, 0, 20, 5)
	r.until("the rest", func() bool { return r.at[r.part(0)] == 25 })
	wantValues(t, r.values(r.part(0)), 0, 25)
}
