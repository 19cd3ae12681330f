package contract

import (
	"testing"
	"time"

	"github.com/sinker-io/sinker/source/sourcetest"
)

// Apache Kafka itself, whose sessions may be as short as two seconds here.
func TestKafka_PassesTheSuite(t *testing.T) {
	t.Parallel()
	k := must(servers.Kafka(t.Context()))(t)
	sourcetest.Run(t, sourcetest.World{Brokers: []string{k.Addr}, Session: 2 * time.Second})
}
