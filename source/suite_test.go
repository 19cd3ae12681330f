package source_test

import (
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

func TestGroup_OnAFakeBroker(t *testing.T) {
	c := fake(t)
	sourcetest.Run(t, sourcetest.World{Brokers: c.ListenAddrs(), Session: time.Second, Patience: 20 * time.Second})
}
