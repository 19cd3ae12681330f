package main

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Somebody else's consumer in our group is a warning of check, and nothing that keeps run from working.
func TestCheck_NamesStrangersInTheGroup(t *testing.T) {
	s := tell(t, "", "")
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.world.Brokers...), kgo.ClientID("reports"), kgo.ConsumerGroup("sinker-orders"), kgo.ConsumeTopics("orders"),
		kgo.Balancers(kgo.CooperativeStickyBalancer()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for {
		r := sinker(t, "check", "-c", s.file)
		if strings.Contains(r.out, "the group sinker-orders has members that are no sinker: reports at 127.0.0.1") && r.status == 0 {
			return
		}
		if s.ctx.Err() != nil {
			t.Fatalf("check: status %d:\n%s", r.status, r.all())
		}
		time.Sleep(200 * time.Millisecond)
	}
}
