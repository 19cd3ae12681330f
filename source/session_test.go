package source_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/source"
)

// One time-out is configured; what the group is told of it, and how often it hears from us, follows.
func TestGroup_OneSessionTimeoutDecidesAboutTheOthers(t *testing.T) {
	for _, c := range []struct{ set, session, rebalance time.Duration }{
		{0, 45 * time.Second, time.Minute},
		{6 * time.Second, 6 * time.Second, time.Minute}, // a short session leaves the time that a last commit needs
		{2 * time.Minute, 2 * time.Minute, 2 * time.Minute},
		{30 * time.Minute, 30 * time.Minute, 5 * time.Minute}, // nobody waits a quarter of an hour for a commit that fails
	} {
		broker := fake(t, kfake.SeedTopics(1, "orders"))
		joins := make(chan *kmsg.JoinGroupRequest, 16)
		broker.ControlKey(int16(kmsg.JoinGroup), func(req kmsg.Request) (kmsg.Response, error, bool) {
			broker.KeepControl()
			joins <- req.(*kmsg.JoinGroupRequest)
			return nil, nil, false
		})
		g, err := source.Open(t.Context(), sessionConfig(broker, c.set))
		if err != nil {
			t.Fatal(err)
		}
		join := <-joins
		if err := g.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := time.Duration(join.SessionTimeoutMillis) * time.Millisecond; got != c.session {
			t.Errorf("session time-out set to %s: the group was told %s, want %s", c.set, got, c.session)
		}
		if got := time.Duration(join.RebalanceTimeoutMillis) * time.Millisecond; got != c.rebalance {
			t.Errorf("session time-out set to %s: a rebalance may take %s, want %s", c.set, got, c.rebalance)
		}
	}
}

func TestGroup_SessionTimeoutThatTheBrokersRefuseNamesTheKey(t *testing.T) {
	broker := fake(t, kfake.SeedTopics(1, "orders"), kfake.GroupMaxSessionTimeout(10*time.Second))
	if err := lost(t, sessionConfig(broker, 11*time.Second)); !strings.Contains(err.Error(), "kafka.session_timeout") {
		t.Errorf("the broker allows 10 s at most; the message does not say which key to change: %v", err)
	}
}

func sessionConfig(broker *kfake.Cluster, session time.Duration) source.Config {
	return source.Config{Brokers: broker.ListenAddrs(), Group: "g", Topics: []string{"orders"}, SessionTimeout: session, Budget: budget.New(64<<20, nil)}
}
