package sourcetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

func TestLost_WhenTheGroupThrewUsOut(t *testing.T) {
	s, c := fakeStage(t, 1)
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 20)
	r := s.open(nil)
	r.until("all", func() bool { return len(r.held) == 2 && r.at[r.part(0)] == 20 })
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: s.group, TopLevel: true, Err: kerr.UnknownMemberID, Count: -1})
	r.until("lost", func() bool { return r.lost != nil })
	if _, more := <-r.g.Events(); more {
		t.Error("something follows Lost")
	}
	if err := r.g.Err(); err == nil || !strings.Contains(err.Error(), s.group) {
		t.Errorf("err is %v", err)
	}
	s.eventually("nobody is left in the group", func() bool {
		gs, err := s.adm.DescribeGroups(s.ctx, s.group)
		return err == nil && len(gs[s.group].Members) == 0
	})
}

func TestLost_WhenTheGroupIsForbidden(t *testing.T) {
	s, c := fakeStage(t, 1)
	s.create(s.topic, 1)
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Group: s.group, TopLevel: true, Err: kerr.GroupAuthorizationFailed, Count: -1})
	r := s.open(nil)
	r.until("lost", func() bool { return r.lost != nil })
	if !strings.Contains(r.lost.Error(), "GROUP_AUTHORIZATION_FAILED") {
		t.Errorf("lost: %v", r.lost)
	}
}

func TestRevoked_HoldsTheRebalanceUntilDone(t *testing.T) {
	s, _ := fakeStage(t, 1)
	s.create(s.topic, 2)
	one := s.open(func(c *source.Config) { c.RebalanceTimeout = 20 * time.Second })
	one.until("both", func() bool { return len(one.held) == 2 })
	two := s.open(func(c *source.Config) { c.RebalanceTimeout = 20 * time.Second })
	var revoked source.Revoked
	s.eventually("a revocation", func() bool {
		select {
		case ev := <-one.g.Events():
			if r, ok := ev.(source.Revoked); ok {
				revoked = r
				return true
			}
			one.take(ev)
		default:
		}
		return false
	})
	if left := time.Until(revoked.Deadline); left > 10*time.Second || left < 5*time.Second {
		t.Errorf("the deadline is in %s, want half of 20s", left)
	}
	p := revoked.Partitions[0]
	one.g.StartAt(map[offsets.Partition]source.Start{p: {Offset: 0}}) // too late: passed over
	two.quiet(3 * s.w.Session)
	if len(two.held) != 0 {
		t.Errorf("the other member got %v before it was let go", two.held)
	}
	s.produce(s.topic, p.Num, 0, 10)
	one.quiet(300 * time.Millisecond)
	if len(one.recs[p]) > 0 {
		t.Error("records of a partition that was revoked")
	}
	delete(one.held, p)
	revoked.Done()
	two.until("the partition", func() bool { return two.held[p] && two.at[p] == 10 })
}

func TestRevoked_ReaderThatNeverLetsGoIsNotWaitedForForever(t *testing.T) {
	s, _ := fakeStage(t, 1)
	s.create(s.topic, 2)
	one := s.open(func(c *source.Config) { c.RebalanceTimeout = 2 * time.Second })
	one.until("both", func() bool { return len(one.held) == 2 })
	two := s.open(func(c *source.Config) { c.RebalanceTimeout = 2 * time.Second })
	two.until("one of two, though the first reads nothing", func() bool { return len(two.held) == 1 })
	for p := range two.held {
		one.until("the revocation", func() bool { return !one.held[p] })
	}
}

func TestBudget_ReaderThatKeepsEverythingStopsTheFetching(t *testing.T) {
	s, _ := fakeStage(t, 2)
	const parts, perPart, size = 8, 200, 20 << 10 // 32 MB
	s.create(s.topic, parts)
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.w.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerLinger(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i := range perPart {
		for p := range int32(parts) {
			cl.Produce(s.ctx, &kgo.Record{Topic: s.topic, Partition: p, Value: bytes.Repeat(fmt.Appendf(nil, "%4d", i), size/4)}, nil)
		}
	}
	if err := cl.Flush(s.ctx); err != nil {
		t.Fatal(err)
	}
	short := make(chan struct{}, 1)
	bud := budget.New(8<<20, func() {
		select {
		case short <- struct{}{}:
		default:
		}
	})
	r := s.open(func(c *source.Config) { c.Budget, c.RunBytes = bud, 256<<10 })
	var kept []source.Records
	timeout := time.After(s.w.Patience)
	for read := 0; read < parts*perPart; {
		select {
		case ev := <-r.g.Events():
			run, ok := ev.(source.Records)
			if !ok {
				r.take(ev)
				continue
			}
			r.check(run)
			read += len(run.Recs)
			kept = append(kept, run)
		case <-short: // as the sink does: commit, and give back
			for _, k := range kept {
				k.Release()
			}
			kept = nil
		case <-timeout:
			t.Fatalf("stuck after %d records with %d of %d bytes used by %d runs", read, bud.Used(), bud.Limit(), len(kept))
		}
		if used := bud.Used(); used > bud.Limit() {
			t.Fatalf("%d bytes of %d are used", used, bud.Limit())
		}
	}
	for _, k := range kept {
		k.Release()
		k.Release() // twice is forgiven
	}
}

func TestBroker_CutsConnections(t *testing.T) {
	s, c := fakeStage(t, 2)
	s.create(s.topic, 4)
	r := s.open(nil)
	r.until("all", func() bool { return len(r.held) == 4 })
	for i := range 10 {
		c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) { return nil, fmt.Errorf("cut"), true })
		for p := range int32(4) {
			s.produce(s.topic, p, i, 1)
		}
		r.until("the next", func() bool { return r.at[r.part(0)] == int64(i+1) })
	}
	r.until("the others", func() bool { return r.at[r.part(1)] == 10 && r.at[r.part(2)] == 10 && r.at[r.part(3)] == 10 })
}

func TestOpen_WithNobodyThere(t *testing.T) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := source.Open(ctx, source.Config{Brokers: []string{"127.0.0.1:1"}, Group: "g", Topics: []string{"t"}, Budget: budget.New(32<<20, nil)})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
}
