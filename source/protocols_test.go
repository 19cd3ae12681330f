package source_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/source"
)

// Somebody else's consumer in our group may share partitions in another way than we do: eagerly, or by the protocol of Kafka 4. It is named
// before sinker runs, whichever it speaks; and a group that we cannot join says whom to end.
func TestStrangers_OfOtherProtocolsAreNamed(t *testing.T) {
	for _, c := range []struct {
		name  string
		speak []kgo.GroupOpt
	}{
		{"eager", []kgo.GroupOpt{kgo.Balancers(kgo.RangeBalancer())}},
		{"of Kafka 4", []kgo.GroupOpt{kgo.Balancers(kgo.RangeBalancer()), kgo.ServerSideBalancer()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			broker := fake(t, kfake.SeedTopics(4, "orders"))
			opts := []kgo.Opt{kgo.SeedBrokers(broker.ListenAddrs()...), kgo.ClientID("reports"), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("orders")}
			for _, o := range c.speak {
				opts = append(opts, o)
			}
			other, err := kgo.NewClient(opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if _, err := broker.WaitGroupStable(t.Context(), "g", 1); err != nil {
				t.Fatal(err)
			}
			look, err := source.OpenLook(t.Context(), sessionConfig(broker, 0))
			if err != nil {
				t.Fatal(err)
			}
			defer look.Close()
			if found, err := look.Strangers(t.Context()); err != nil || len(found) != 1 || !strings.HasPrefix(found[0], "reports at ") {
				t.Errorf("a look finds %v, %v", found, err)
			}
		})
	}
}

func TestGroup_EagerMembersAreNotJoined(t *testing.T) {
	broker := fake(t, kfake.SeedTopics(4, "orders"))
	other, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("orders"), kgo.Balancers(kgo.RangeBalancer()))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := broker.WaitGroupStable(t.Context(), "g", 1); err != nil {
		t.Fatal(err)
	}
	if err := lost(t, sessionConfig(broker, 0)); !strings.Contains(err.Error(), "end them, or give kafka.group a name of its own") {
		t.Errorf("the message does not say what to do: %v", err)
	}
	if info, err := broker.WaitGroupStable(t.Context(), "g", 1); err != nil || len(info.Members) != 1 {
		t.Errorf("the group after that: %+v, %v", info, err)
	}
}

// lost opens a group that must end by itself, and returns why it did.
func lost(t *testing.T, cfg source.Config) error {
	t.Helper()
	g, err := source.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close(context.Background()) }()
	deadline := time.After(time.Minute)
	for {
		select {
		case ev := <-g.Events():
			if lost, ok := ev.(source.Lost); ok {
				return lost.Err
			}
		case <-deadline:
			t.Fatal("the group goes on")
		}
	}
}
