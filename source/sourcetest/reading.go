package sourcetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

func wantValues(t *testing.T, got []string, from, n int) {
	t.Helper()
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("v%d", from+i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("read %d values %.10q…, want %d from v%d", len(got), got, n, from)
	}
}

func firstStart(t *testing.T, s *stage) {
	s.create(s.topic, 3)
	s.produce(s.topic, 1, 0, 50)
	r := s.open(nil)
	r.begin = nil
	r.until("three partitions", func() bool { return len(r.held) == 3 })
	r.quiet(2 * time.Second / 4)
	if len(r.recs) > 0 {
		t.Error("records came before StartAt")
	}
	for p := range r.held {
		if p.TopicID == (offsets.TopicID{}) {
			t.Errorf("%s has no topic id", p)
		}
	}
	p := r.part(1)
	r.startAt(p, 20)
	r.until("the end", func() bool { return r.at[p] == 50 })
	wantValues(t, r.values(p), 20, 30)
	if len(r.recs) != 1 {
		t.Error("a partition that was not started was read")
	}
	if r.epoch[p] < 0 {
		t.Errorf("the run has no leader epoch")
	}
	if e := r.g.Ends()[p]; e.LastStable != 50 || e.HighWater != 50 {
		t.Errorf("ends are %+v, want 50", e)
	}
	s.eventually("the ends of a partition that is not fetched", func() bool { return r.g.Ends()[r.part(0)].HighWater == 0 })
}

func restart(t *testing.T, s *stage) {
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 10)
	r := s.open(nil)
	r.until("the first ten", func() bool { return r.at[r.part(0)] == 10 })
	p := r.part(0)
	r.close()
	s.produce(s.topic, 0, 10, 10)
	again := s.open(nil)
	again.at[p] = 7 // the table stands there, whatever was read
	again.until("the rest", func() bool { return again.at[p] == 20 })
	wantValues(t, again.values(p), 7, 13)
}

func startAgain(t *testing.T, s *stage) {
	s.create(s.topic, 1)
	s.produce(s.topic, 0, 0, 2000)
	r := s.open(func(c *source.Config) { c.RunBytes = 4 << 10 }) // many runs are waiting at any time
	r.until("a beginning", func() bool { return r.at[r.part(0)] > 0 })
	p := r.part(0)
	for range 6 { // check() finds every stale run
		r.startAt(p, 100)
		r.until("a run", func() bool { return r.at[p] > 100 })
		r.startAt(p, 1000)
		r.until("two runs", func() bool { return r.at[p] > 1050 })
	}
	r.recs[p] = nil
	r.startAt(p, 0)
	r.until("all", func() bool { return r.at[p] == 2000 })
	wantValues(t, r.values(p), 0, 2000)
}

func pause(t *testing.T, s *stage) {
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 1000)
	s.produce(s.topic, 1, 0, 1000)
	r := s.open(func(c *source.Config) { c.RunBytes = 4 << 10 })
	r.until("a beginning", func() bool { return r.at[r.part(0)] > 0 })
	p, q := r.part(0), r.part(1)
	r.g.Pause([]offsets.Partition{p})
	stood := r.at[p]
	r.until("the other partition", func() bool { return r.at[q] == 1000 })
	r.quiet(500 * time.Millisecond)
	if r.at[p] != stood {
		t.Errorf("a paused partition went on from %d to %d", stood, r.at[p])
	}
	r.g.Resume([]offsets.Partition{p})
	r.until("the rest", func() bool { return r.at[p] == 1000 })
	wantValues(t, r.values(p), 0, 1000)
}

func (s *stage) transactional() *kgo.Client {
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.w.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DisableClientMetrics(), kgo.TransactionalID(s.topic + fmt.Sprint(counter.Add(1))), kgo.TransactionTimeout(time.Minute)}, s.w.Opts...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	return cl
}

func (s *stage) transact(cl *kgo.Client, from, n int, how kgo.TransactionEndTry) {
	s.t.Helper()
	if err := cl.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
	s.produceWith(cl, s.topic, 0, from, n)
	if err := cl.EndTransaction(s.ctx, how); err != nil {
		s.t.Fatal(err)
	}
}

func transactions(t *testing.T, s *stage) {
	s.create(s.topic, 1)
	one, two := s.transactional(), s.transactional()
	s.transact(one, 0, 10, kgo.TryCommit)   // 0–9, marker 10
	s.transact(two, 1000, 5, kgo.TryAbort)  // 11–15, marker 16
	s.transact(one, 1000, 5, kgo.TryAbort)  // 17–21, marker 22
	s.transact(one, 10, 10, kgo.TryCommit)  // 23–32, marker 33
	s.produce(s.topic, 0, 20, 5)            // 34–38
	s.transact(two, 1000, 20, kgo.TryAbort) // 39–58, marker 59
	r := s.open(nil)
	r.until("the end, an abort marker", func() bool { return r.at[r.part(0)] == 60 })
	p := r.part(0)
	wantValues(t, r.values(p), 0, 25)
	if n := len(r.recs[p]); n != 25 {
		t.Errorf("%d records, want 25: control records and aborted ones are holes", n)
	}
	// Beginning inside an aborted transaction, whose beginning the broker must name.
	for _, from := range []int64{12, 16, 20, 40, 59} {
		r.recs[p] = nil
		r.startAt(p, from)
		r.until("the end", func() bool { return r.at[p] == 60 })
		for _, v := range r.values(p) {
			if len(v) > 4 { // v1000…
				t.Errorf("from %d: aborted value %s was delivered", from, v)
			}
		}
	}
}

func openTransaction(t *testing.T, s *stage) {
	s.create(s.topic, 1)
	s.produce(s.topic, 0, 0, 5)
	tx := s.transactional()
	if err := tx.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	s.produceWith(tx, s.topic, 0, 5, 5)
	r := s.open(nil)
	r.until("what is stable", func() bool { return r.at[r.part(0)] == 5 })
	p := r.part(0)
	s.eventually("both ends", func() bool { e := r.g.Ends()[p]; return e.LastStable == 5 && e.HighWater == 10 })
	infos, err := r.g.Inspect(s.ctx, []offsets.Partition{p}, nil)
	if err != nil || len(infos) != 1 || infos[0].Err != nil || infos[0].LastStable != 5 || infos[0].HighWater != 10 {
		t.Errorf("inspect: %+v, %v", infos, err)
	}
	at, err := r.g.OffsetsAt(s.ctx, []offsets.Partition{p}, source.Latest)
	if err != nil || at[p] != 5 {
		t.Errorf("latest is %v (%v), want the last stable offset 5", at, err)
	}
	if err := tx.EndTransaction(s.ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	r.until("the rest", func() bool { return r.at[p] == 11 })
	wantValues(t, r.values(p), 0, 10)
}

func (s *stage) deleteRecords(partition int32, before int64) {
	s.t.Helper()
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: s.topic, Partition: partition, At: before})
	rs, err := s.adm.DeleteRecords(s.ctx, o)
	if err == nil {
		err = rs.Error()
	}
	if err != nil {
		s.t.Fatalf("delete records: %v", err)
	}
}

func gap(t *testing.T, s *stage) {
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 30)
	s.produce(s.topic, 1, 0, 30)
	s.deleteRecords(0, 12)
	r := s.open(nil)
	r.until("a fault", func() bool { return len(r.faults) == 1 && r.at[r.part(1)] == 30 })
	p := r.part(0)
	if f := r.faults[0]; f.Partition != p || f.Kind != source.FaultGap || f.At != 0 || f.Err == nil {
		t.Errorf("fault %+v, want a gap of %s at 0", f, p)
	}
	if len(r.recs[p]) > 0 {
		t.Error("the client moved the position by itself")
	}
	r.startAt(p, 12) // policy.gap: continue
	r.until("the rest", func() bool { return r.at[p] == 30 })
	wantValues(t, r.values(p), 12, 18)

	// The whole log removed, up to a position that is good and to one that is not.
	s.deleteRecords(0, 30)
	r.startAt(p, 30)
	s.produce(s.topic, 0, 30, 1)
	r.until("one more", func() bool { return r.at[p] == 31 })
	r.startAt(p, 29)
	r.until("a second fault", func() bool { return len(r.faults) == 2 })
	if f := r.faults[1]; f.Kind != source.FaultGap || f.At != 29 {
		t.Errorf("fault %+v, want a gap at 29", f)
	}
}

func beyond(t *testing.T, s *stage) {
	s.create(s.topic, 1)
	s.produce(s.topic, 0, 0, 10)
	r := s.open(nil)
	r.begin = func(offsets.Partition) source.Start { return source.Start{Offset: 15, LeaderEpoch: -1} }
	r.until("a fault", func() bool { return len(r.faults) == 1 })
	p := r.part(0)
	if f := r.faults[0]; f.Kind != source.FaultTruncation || f.At != 15 {
		t.Errorf("fault %+v, want truncation at 15", f)
	}
	r.startAt(p, 10)
	s.produce(s.topic, 0, 10, 1)
	r.until("going on", func() bool { return r.at[p] == 11 })
}

func recreated(t *testing.T, s *stage) {
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 20)
	r := s.open(nil)
	r.until("all", func() bool { return len(r.held) == 2 && r.at[r.part(0)] == 20 })
	old := []offsets.Partition{r.part(0), r.part(1)}
	if d, err := s.adm.DeleteTopic(s.ctx, s.topic); errors.Join(err, d.Err) != nil {
		t.Fatal(err, d.Err)
	}
	s.eventually("the topic is gone", func() bool {
		ts, err := s.adm.ListTopics(s.ctx, s.topic)
		return err == nil && (ts[s.topic].Err != nil || len(ts) == 0)
	})
	s.create(s.topic, 3)
	s.cl.PurgeTopicsFromClient(s.topic) // the producer remembers the old id
	s.produce(s.topic, 0, 500, 30)
	fresh := func(num int32) (offsets.Partition, bool) {
		for p := range r.held {
			if p.Num == num && !slices.Contains(old, p) {
				return p, true
			}
		}
		return offsets.Partition{}, false
	}
	s.produce(s.topic, 2, 0, 5)
	r.until("the new incarnation, with a partition more", func() bool {
		p, ok := fresh(0)
		_, two := fresh(1)
		q, three := fresh(2)
		return ok && two && three && r.at[p] == 30 && r.at[q] == 5
	})
	p, _ := fresh(0)
	wantValues(t, r.values(p), 500, 30)
	wantValues(t, r.values(old[0]), 0, 20)
	told := map[offsets.Partition]bool{}
	for _, f := range r.faults {
		if f.Kind != source.FaultRecreated {
			t.Errorf("fault %+v", f)
		}
		told[f.Partition] = true
	}
	if !told[old[0]] || !told[old[1]] || len(told) != 2 {
		t.Errorf("faults for %v, want both of the old topic's partitions", told)
	}
	infos, err := r.g.Inspect(s.ctx, old[:1], nil)
	if err != nil || infos[0].Err != nil || infos[0].Partition != p {
		t.Errorf("inspect of the old incarnation: %+v %v, want the new id", infos, err)
	}
}

func newPartitions(t *testing.T, s *stage) {
	s.create(s.topic, 1)
	r := s.open(nil)
	r.until("one partition", func() bool { return len(r.held) == 1 })
	cs, err := s.adm.UpdatePartitions(s.ctx, 3, s.topic)
	if err == nil {
		err = cs.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.until("three partitions", func() bool { return len(r.held) == 3 })
	s.eventually("produce", func() bool {
		return s.cl.ProduceSync(s.ctx, &kgo.Record{Topic: s.topic, Partition: 2, Value: []byte("v0")}).FirstErr() == nil
	})
	r.until("its record", func() bool { return len(r.recs[r.part(2)]) == 1 })
}
