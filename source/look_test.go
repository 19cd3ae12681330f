package source_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/source"
)

// Who only looks sees topics and offsets, and leaves no trace in the group.
func TestLook_SeesTheClusterAndJoinsNoGroup(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := fake(t)
	if err := c.CreateTopic("orders", 2, nil); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("x")}, &kgo.Record{Topic: "orders", Value: []byte("y")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	l, err := source.OpenLook(ctx, source.Config{Brokers: c.ListenAddrs(), Group: "sinker-orders", Topics: []string{"orders", "missing"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	topics, err := l.Topics(ctx)
	if err != nil || len(topics) != 1 || topics[0].Partitions != 2 {
		t.Fatalf("topics: %v, %v; want orders with 2 partitions", topics, err)
	}
	if id, err := l.ClusterID(ctx); err != nil || id == "" {
		t.Errorf("cluster id %q, %v", id, err)
	}
	groups, err := kadm.NewClient(cl).ListGroups(ctx)
	if err != nil || len(groups) != 0 {
		t.Errorf("groups after a look: %v, %v; want none", groups, err)
	}
}

// In a cluster that never had a group, the brokers first make the topic that groups are kept in; nothing is wrong meanwhile.
func TestLook_FirstGroupOfACluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := fake(t)
	var asked atomic.Int32
	c.ControlKey(int16(kmsg.FindCoordinator), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if asked.Add(1) > 3 {
			return nil, nil, false
		}
		req := r.(*kmsg.FindCoordinatorRequest)
		resp := req.ResponseKind().(*kmsg.FindCoordinatorResponse)
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
		for _, k := range req.CoordinatorKeys {
			one := kmsg.NewFindCoordinatorResponseCoordinator()
			one.Key, one.NodeID, one.ErrorCode = k, -1, kerr.CoordinatorNotAvailable.Code
			resp.Coordinators = append(resp.Coordinators, one)
		}
		return resp, nil, true
	})
	l, err := source.OpenLook(ctx, source.Config{Brokers: c.ListenAddrs(), Group: "sinker-orders", Topics: []string{"orders"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if lacking := l.Lacking(ctx, nil); len(lacking) != 0 {
		t.Errorf("rights that are said to be lacking: %v", lacking)
	}
	if n := asked.Load(); n <= 3 {
		t.Errorf("the coordinator was asked for %d times only", n)
	}
}
