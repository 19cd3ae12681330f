package storm

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// field is one topic and the table that it fills. Record i has id i, and goes to partition i % partitions, so its offset is
// i / partitions.
type field struct {
	topic, table, base string
	id                 string // of the topic, as Kafka's tools spell it
	n                  int64  // how many records there are in the end

	cl   *kgo.Client
	sent atomic.Int64
	rush chan struct{} // closed when there is no more reason to be slow
	stop context.CancelFunc
	done chan struct{}

	mu     sync.Mutex
	failed error
}

func (f *field) config() string {
	return fmt.Sprintf("  - topics: [%s]\n    table: %s\n    format: json\n    kafka_columns: [topic, partition, offset]\n    create:\n"+
		"      properties: {commit.retry.num-retries: \"20\"}\n"+ // of others: they race with two instances that commit every other second
		"      columns:\n        - {name: id, type: long, required: true}\n        - {name: at, type: timestamptz}\n        - {name: small, type: int}\n        - {name: note, type: string}\n", f.topic, f.table)
}

// record is record i: its id, and enough beside it that a commit has something to upload.
func record(i int64) []byte {
	return fmt.Appendf(nil, `{"id":%d,"at":"%s","small":%d,"note":"%032x"}`, i, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), i%1000, uint64(i)*0x9e3779b97f4a7c15)
}

// topicID asks the broker.
func topicID(ctx context.Context, broker, topic string) (string, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		return "", err
	}
	defer cl.Close()
	for {
		topics, err := kadm.NewClient(cl).ListTopics(ctx, topic)
		if err == nil {
			err = topics.Error()
		}
		if err == nil {
			id := topics[topic].ID
			return base64.RawURLEncoding.EncodeToString(id[:]), nil
		}
		if e := pause(ctx, 100*time.Millisecond); e != nil { // a new topic is not known everywhere at once
			return "", errors.Join(e, err)
		}
	}
}

// feed begins to produce n records: two thirds of them within a time of that length, then ever slower, so that some are left for
// as long as the storm lasts.
func (f *field) feed(broker string, n int64, length time.Duration) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic(f.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(100_000),
		kgo.RecordDeliveryTimeout(5*time.Minute))
	if err != nil {
		return fmt.Errorf("feed %s: %w", f.topic, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	f.cl, f.n, f.stop, f.rush, f.done = cl, n, stop, make(chan struct{}), make(chan struct{})
	go f.run(ctx, length)
	return nil
}

func (f *field) run(ctx context.Context, length time.Duration) {
	defer close(f.done)
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.failed = errors.Join(f.failed, err)
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	began, i, rush := time.Now(), int64(0), f.rush
	for i < f.n {
		due := f.n
		select {
		case <-ctx.Done():
			return
		case <-rush:
			rush = nil
		case <-tick.C:
			if rush != nil {
				due = int64(float64(f.n) * (1 - math.Exp(-time.Since(began).Seconds()/length.Seconds())))
			}
		}
		for ; i < due && ctx.Err() == nil; i++ {
			f.cl.Produce(ctx, &kgo.Record{Value: record(i), Partition: int32(i % partitions)}, promise)
		}
		f.sent.Store(i)
	}
}

// finish produces what is missing as fast as it can be, and waits until the broker has all of it.
func (f *field) finish(ctx context.Context) error {
	close(f.rush)
	select {
	case <-f.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := f.cl.Flush(ctx); err != nil {
		return fmt.Errorf("feed %s: %w", f.topic, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return fmt.Errorf("feed %s: %w", f.topic, f.failed)
	}
	return nil
}

// abandon ends the stream, wherever it is.
func (f *field) abandon() {
	if f.cl == nil {
		return
	}
	f.stop()
	<-f.done
	f.cl.Close()
}

// ends is the offset behind the last record, by partition.
func (f *field) ends() [partitions]int64 {
	var out [partitions]int64
	for p := range int64(partitions) {
		out[p] = (f.n - p + partitions - 1) / partitions
	}
	return out
}
