package deep

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

const (
	brokerHost = "127.0.0.1"
	group      = "sim"
)

var (
	topics  = []string{"orders", "clicks"}
	brokers = []string{brokerHost + ":9092", brokerHost + ":9093"}
)

func tableOf(topic string) string { return "shop." + topic }

// cluster is the brokers, and who writes to them.
type cluster struct {
	*kfake.Cluster
	w     *world
	cl    *kgo.Client
	ids   int64
	parts map[string]int32
	batch int // records of one tick, for each partition

	handles []*kfake.FaultHandle

	mu    sync.Mutex
	heard map[string]time.Time // when the group last heard of a member

	preparing int32 // the generation after which a rebalance was last seen, and
	since     time.Time
}

func (w *world) startBrokers() error {
	c := &cluster{w: w, parts: map[string]int32{}, heard: map[string]time.Time{}}
	var err error
	c.Cluster, err = kfake.NewCluster(kfake.NumBrokers(len(brokers)), kfake.Ports(9092, 9093), kfake.ListenFn(w.net.Listen), kfake.ClusterID("sim"),
		kfake.SeedTopics(int32(w.c.Parts), topics...))
	if err != nil {
		return err
	}
	w.closers = append(w.closers, c.Close)
	for _, t := range topics {
		c.parts[t] = int32(w.c.Parts)
	}
	c.batch = max(1, (240+w.c.Ticks*len(topics)*w.c.Parts-1)/(w.c.Ticks*len(topics)*w.c.Parts))
	if c.cl, err = c.client(); err != nil {
		return err
	}
	w.closers = append(w.closers, c.cl.Close)
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.JoinGroup, kmsg.SyncGroup}, Group: group, Count: -1, Observe: true, When: c.hears})
	w.log = c
	return nil
}

func (c *cluster) client(opts ...kgo.Opt) (*kgo.Client, error) {
	host := c.w.net.Host("feeder")
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.Dialer(host.DialContext), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.MetadataMinAge(100 * time.Millisecond), kgo.DisableClientMetrics(), kgo.UnknownTopicRetries(-1)}, opts...)...)
}

// hears notes who asked.
func (c *cluster) hears(r kmsg.Request) bool {
	id := ""
	switch r := r.(type) {
	case *kmsg.HeartbeatRequest:
		id = r.MemberID
	case *kmsg.JoinGroupRequest:
		id = r.MemberID
	case *kmsg.SyncGroupRequest:
		id = r.MemberID
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[id] = time.Now()
	return false
}

// silence is how long the group bears with a member that says nothing: longer than one waits in a rebalance.
const silence = rebalance + session

// sweep sees to it that the group goes on where the broker of this world would not let it, as real ones do. It forgets to watch a
// member whose connection broke while it waited for the answer to a join; and it miscounts those who join when one is given up that
// waits for its assignment, and then waits for more than there are, anew with each who tries again. The first is taken out here; from
// the second it recovers when all try at the same time.
func (c *cluster) sweep() {
	info := c.GroupInfo(group)
	if info == nil {
		return
	}
	if info.State != "PreparingRebalance" || info.Epoch != c.preparing {
		c.preparing, c.since = info.Epoch, time.Now()
	}
	if time.Since(c.since) > rebalance+2*time.Second {
		c.w.tell("log", "the group has been in a rebalance for %s: all connections are broken", time.Since(c.since))
		c.since = time.Now()
		c.w.resetAll()
	}
	for _, m := range info.Members {
		c.mu.Lock()
		at, heard := c.heard[m.MemberID]
		if !heard {
			at = time.Now()
			c.heard[m.MemberID] = at
		}
		c.mu.Unlock()
		if time.Since(at) < silence {
			continue
		}
		c.w.tell("log", "the group gives up member %s", m.MemberID)
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group = group
		req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: m.MemberID}}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		_, err := req.RequestWith(ctx, c.cl)
		cancel()
		c.w.fail(err)
	}
}

// part is how the oracle calls a partition as it is now.
func (c *cluster) part(topic string, num int32) oracle.Part {
	p := oracle.Part{Topic: topic, Num: num}
	if info := c.TopicInfo(topic); info != nil {
		p.ID = topicID(info.TopicID)
	}
	return p
}

// record makes a record of its own id.
func (c *cluster) record(topic string, num int32, text string) (*kgo.Record, int64) {
	c.ids++
	if text == "" {
		text = fmt.Sprintf(`{"id":%d,"note":"n%d"}`, c.ids, c.ids%7)
	}
	return &kgo.Record{Topic: topic, Partition: num, Value: []byte(text)}, c.ids
}

// send writes records and enters them into the books.
func (c *cluster) send(cl *kgo.Client, topic string, num int32, n int, become oracle.Fate, text string) error {
	recs := make([]*kgo.Record, n)
	ids := make([]int64, n)
	for i := range recs {
		recs[i], ids[i] = c.record(topic, num, text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return fmt.Errorf("feed %s-%d: %w", topic, num, err)
	}
	at := c.part(topic, num)
	for i, r := range recs {
		c.w.books(ids[i], oracle.Record{Table: tableOf(topic), Sink: sinkID, Part: at, Offset: r.Offset, Fate: become})
	}
	return nil
}

// feed is what the topic's own writers send in one tick.
func (c *cluster) feed(topic string) {
	for p := range c.parts[topic] {
		c.w.fail(c.send(c.cl, topic, p, c.batch, oracle.Row, ""))
	}
}

// meets carries out what happened to a topic.
func (c *cluster) meets(topic string, x fate.Fault) {
	p := int32(x.Amount) % c.parts[topic]
	switch x.Kind {
	case Retention:
		info := c.PartitionInfo(topic, p)
		if info == nil || info.HighWatermark <= info.LogStartOffset {
			return
		}
		to := info.LogStartOffset + 1 + (info.HighWatermark-info.LogStartOffset-1)*x.Amount/100
		c.w.event("retention", topic)
		c.w.tell("log", "retention takes %s-%d up to %d of %d", topic, p, to, info.HighWatermark)
		at := c.part(topic, p)
		c.w.perhaps(func(r oracle.Record) bool { return r.Part == at && r.Offset < to })
		c.w.fail(c.DeleteRecords(topic, p, to))
	case Aborted, Hanging:
		cl, err := c.client(kgo.TransactionalID(fmt.Sprintf("txn-%s-%d-%d", topic, x.N, c.ids)), kgo.TransactionTimeout(time.Minute))
		if err != nil {
			c.w.fail(err)
			return
		}
		become := oracle.Row
		if x.Kind == Aborted {
			become = oracle.Never
		}
		c.w.fail(cl.BeginTransaction())
		c.w.fail(c.send(cl, topic, p, 1+int(x.Amount)%6, become, ""))
		end := func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			err := cl.EndTransaction(ctx, kgo.TransactionEndTry(x.Kind == Hanging))
			if err != nil && c.TopicInfo(topic) == nil {
				err = nil // it went with its topic
			}
			c.w.fail(err)
			cl.Close()
		}
		if x.Kind == Aborted {
			end()
			return
		}
		c.w.later(time.Duration(x.Amount)*100*time.Millisecond, end)
	case NewTopic:
		if c.w.hanging() {
			return
		}
		c.w.event("topic-recreated", topic)
		c.w.tell("log", "topic %s is deleted and made again", topic)
		id := c.part(topic, 0).ID
		c.w.perhaps(func(r oracle.Record) bool { return r.Part.Topic == topic && r.Part.ID == id })
		c.w.fail(c.DeleteTopic(topic))
		c.w.fail(c.CreateTopic(topic, c.parts[topic], nil))
		c.cl.PurgeTopicsFromClient(topic) // it remembers the old one's id
	case Grow:
		c.parts[topic]++
		c.w.tell("log", "topic %s has %d partitions", topic, c.parts[topic])
		_, err := kadm.NewClient(c.cl).UpdatePartitions(context.Background(), int(c.parts[topic]), topic)
		c.w.fail(err)
		for err == nil { // its writers hear of the new partition
			c.cl.ForceMetadataRefresh()
			time.Sleep(200 * time.Millisecond)
			if _, _, unknown := c.cl.PartitionLeader(topic, c.parts[topic]-1); unknown == nil {
				break
			}
		}
	case Poison:
		if !c.w.c.SkipBad {
			c.w.event("poison", topic)
		}
		c.w.fail(c.send(c.cl, topic, p, int(x.Amount), oracle.Never, `{"id":"none","note":1}`))
	}
}

// brokerErrors are answers that are no sign of a loss, whatever asks.
var brokerErrors = []kfake.Fault{
	{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 3},
	{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.UnknownTopicOrPartition, Count: 2},
	{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.KafkaStorageError, Count: 2},
	{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.FencedLeaderEpoch, Count: 2},
	{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.OffsetOutOfRange, Count: 1},
	{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.UnknownServerError, Count: 2},
	{Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.LeaderNotAvailable, Count: 3},
	{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.NotLeaderForPartition, Count: 3},
	{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.LeaderNotAvailable, Count: 8},
	{Keys: []kmsg.Key{kmsg.OffsetForLeaderEpoch}, Err: kerr.NotLeaderForPartition, Count: 3},
	{Keys: []kmsg.Key{kmsg.OffsetForLeaderEpoch}, Err: kerr.UnknownLeaderEpoch, Count: 2},
	{Keys: []kmsg.Key{kmsg.OffsetFetch}, Group: group, Err: kerr.CoordinatorLoadInProgress, Count: 2},
	{Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: group, Err: kerr.RequestTimedOut, Count: 2},
	{Keys: []kmsg.Key{kmsg.JoinGroup}, Group: group, TopLevel: true, Err: kerr.CoordinatorNotAvailable, Count: 2},
	{Keys: []kmsg.Key{kmsg.SyncGroup}, Group: group, TopLevel: true, Err: kerr.RebalanceInProgress, Count: 1},
	{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: group, TopLevel: true, Err: kerr.NotCoordinator, Count: 2},
	{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: group, TopLevel: true, Err: kerr.RebalanceInProgress, Count: 1},
	{Keys: []kmsg.Key{kmsg.FindCoordinator}, Group: group, Err: kerr.CoordinatorNotAvailable, Count: 3},
}

// hour carries out what happened to the cluster as a whole.
func (c *cluster) hour(x fate.Fault) {
	switch x.Kind {
	case BrokerError:
		f := brokerErrors[x.Amount%int64(len(brokerErrors))]
		c.w.tell("log", "brokers answer %v with %s, %d times", f.Keys[0], f.Err.Message, f.Count)
		c.handles = append(c.handles, c.Fault(f))
	case Leaders:
		topic := topics[x.Amount%int64(len(topics))]
		p := int32(x.Amount>>8) % c.parts[topic]
		to := int32(1) - c.LeaderFor(topic, p)
		c.w.tell("log", "%s-%d moves to broker %d", topic, p, to)
		c.w.fail(c.MoveTopicPartition(topic, p, to))
	case Coordinator:
		c.w.tell("log", "the coordinators move")
		c.RehashCoordinators()
	case Session:
		c.w.tell("log", "the group forgets %d members", x.Amount)
		c.handles = append(c.handles, c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: group, TopLevel: true, Err: kerr.UnknownMemberID, Count: int(x.Amount)}))
	}
}

// ends are where everything that may be read ends.
func (c *cluster) ends() []oracle.End {
	var out []oracle.End
	for _, t := range topics {
		for _, p := range c.PartitionInfos(t) {
			out = append(out, oracle.End{Table: tableOf(t), Sink: sinkID, Part: c.part(t, p.Partition), Offset: p.LastStableOffset})
		}
	}
	slices.SortFunc(out, func(a, b oracle.End) int {
		if a.Part.String() < b.Part.String() {
			return -1
		}
		return 1
	})
	return out
}
