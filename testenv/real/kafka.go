package real

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/testenv/tools"
)

// Kafka is one Apache Kafka broker that is its own controller (KRaft).
type Kafka struct {
	*Server
	Addr string // host:port
}

const brokerProperties = `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
controller.quorum.voters=1@%[2]s
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[3]s
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.hours=-1
log.cleaner.backoff.ms=500
log.segment.bytes=268435456
message.max.bytes=67108864
replica.fetch.max.bytes=67108864
`

// StartKafka starts a broker that keeps its data in dir. Nothing is created by itself: topics are made by those who need them.
func StartKafka(ctx context.Context, dir string) (*Kafka, error) {
	classPath, err := tools.ClassPath(ctx, tools.Kafka)
	if err != nil {
		return nil, err
	}
	java, err := tools.Java(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	addr, data, conf := loopback(ports[0]), filepath.Join(dir, "kafka"), filepath.Join(dir, "kafka.properties")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	if err := os.WriteFile(conf, fmt.Appendf(nil, brokerProperties, addr, loopback(ports[1]), data), 0o644); err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	if _, err := os.Stat(filepath.Join(data, "meta.properties")); err != nil {
		format := exec.CommandContext(ctx, java, "-XX:TieredStopAtLevel=1", "-cp", classPath, "kafka.tools.StorageTool",
			"format", "-t", clusterID(), "-c", conf)
		if out, err := format.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("format kafka's folder: %w\n%s", err, out)
		}
	}
	k := &Kafka{Addr: addr, Server: &Server{
		Name: "kafka", dir: dir,
		command: func() *exec.Cmd {
			return exec.Command(java, "-Xms256m", "-Xmx1g", "-cp", classPath, "kafka.Kafka", conf)
		},
		ready: pingKafka(addr),
	}}
	if err := k.start(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// pingKafka looks whether the broker answers.
func pingKafka(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DialTimeout(time.Second), kgo.RequestRetries(0))
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return client.Ping(ctx)
	}
}

// clusterID is a random id as Kafka spells them; its tools would take a leading dash for an option.
func clusterID() string {
	for {
		var raw [16]byte
		_, _ = rand.Read(raw[:]) // never fails
		if id := base64.RawURLEncoding.EncodeToString(raw[:]); !strings.HasPrefix(id, "-") {
			return id
		}
	}
}
