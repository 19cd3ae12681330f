package source_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/source"
)

// Who only looks sees topics and offsets, and leaves no trace in the group.
func TestLook_SeesTheClusterAndJoinsNoGroup(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
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
