package source_test

import (
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sinker-io/sinker/source/sourcetest"
)

func fake(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.GroupMinSessionTimeout(100 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestGroup_KeepsItsPromises runs the suite on a fake broker, or on the one that SINKER_KAFKA names (host:port).
func TestGroup_KeepsItsPromises(t *testing.T) {
	if addr := os.Getenv("SINKER_KAFKA"); addr != "" {
		sourcetest.Run(t, sourcetest.World{Brokers: []string{addr}})
		return
	}
	// One topic is compacted, and for its sake the broker cleans all of them from then on; their records may be of any time.
	c := fake(t, kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "200", "log.retention.ms": "-1"}))
	sourcetest.Run(t, sourcetest.World{Brokers: c.ListenAddrs(), Session: time.Second, Patience: 20 * time.Second})
}
