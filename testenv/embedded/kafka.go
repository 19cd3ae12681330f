package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/offsets"
)

// Client makes a client of this world's broker. Records go to the partition that they name.
func (w *World) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0)}, opts...)...)
}

func (w *World) with(do func(cl *kgo.Client) error, opts ...kgo.Opt) error {
	cl, err := w.Client(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	return do(cl)
}

// Record is a record to be sent; Partition must be set.
func Record(topic string, partition int32, key, value []byte) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value}
}

// Produce writes records, and returns when the broker has them all: their offsets are set then.
func (w *World) Produce(ctx context.Context, recs ...*kgo.Record) error {
	return w.with(func(cl *kgo.Client) error { return cl.ProduceSync(ctx, recs...).FirstErr() })
}

// ProduceTxn writes records in one transaction, and commits or aborts it. Aborted records keep their
// offsets, and a control record follows in each partition.
func (w *World) ProduceTxn(ctx context.Context, id string, commit bool, recs ...*kgo.Record) error {
	return w.with(func(cl *kgo.Client) error {
		if err := cl.BeginTransaction(); err != nil {
			return err
		}
		err := cl.ProduceSync(ctx, recs...).FirstErr()
		return errors.Join(err, cl.EndTransaction(ctx, kgo.TransactionEndTry(commit && err == nil)))
	}, kgo.TransactionalID(id))
}

// OpenTxn writes records in a transaction that stays open until end is called: meanwhile readers of committed
// records cannot pass them.
func (w *World) OpenTxn(ctx context.Context, id string, recs ...*kgo.Record) (end func(commit bool) error, err error) {
	cl, err := w.Client(kgo.TransactionalID(id))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(ctx, recs...).FirstErr()); err != nil {
		cl.Close()
		return nil, err
	}
	return func(commit bool) error {
		defer cl.Close()
		return cl.EndTransaction(ctx, kgo.TransactionEndTry(commit))
	}, nil
}

// Log is what the broker has of one partition, [Start, End); End is the high watermark, Stable the end of
// what readers of committed records may see.
type Log struct{ Start, Stable, End int64 }

// Logs tells where every partition of a topic begins and ends.
func (w *World) Logs(topic string) (map[offsets.Partition]Log, error) {
	info := w.Cluster.TopicInfo(topic)
	if info == nil {
		return nil, fmt.Errorf("topic %s does not exist", topic)
	}
	out := map[offsets.Partition]Log{}
	for _, p := range w.Cluster.PartitionInfos(topic) {
		at := offsets.Partition{TopicID: info.TopicID, Topic: topic, Num: p.Partition}
		out[at] = Log{Start: p.LogStartOffset, Stable: p.LastStableOffset, End: p.HighWatermark}
	}
	return out, nil
}

// CreateTopic makes a topic.
func (w *World) CreateTopic(t Topic) error {
	return w.Cluster.CreateTopic(t.Name, max(t.Partitions, 1), t.Configs)
}

// DeleteTopic removes a topic with its records.
func (w *World) DeleteTopic(name string) error { return w.Cluster.DeleteTopic(name) }

// RecreateTopic removes a topic and makes one of the same name: it has another id, and begins at 0.
func (w *World) RecreateTopic(t Topic) error {
	return errors.Join(w.DeleteTopic(t.Name), w.CreateTopic(t))
}

// AddPartitions gives a topic so many more partitions.
func (w *World) AddPartitions(ctx context.Context, topic string, more int) error {
	return w.with(func(cl *kgo.Client) error {
		answers, err := kadm.NewClient(cl).CreatePartitions(ctx, more, topic)
		if err == nil {
			err = answers.Error()
		}
		return err
	})
}

// DeleteRecords removes the records of a partition before an offset, as retention would; -1: all.
func (w *World) DeleteRecords(topic string, partition int32, before int64) error {
	return w.Cluster.DeleteRecords(topic, partition, before)
}

// Read returns the records of a partition from an offset on that readers of committed records may see, up to
// the stable end as of now.
func (w *World) Read(ctx context.Context, topic string, partition int32, from int64) ([]*kgo.Record, error) {
	logs, err := w.Logs(topic)
	if err != nil {
		return nil, err
	}
	end, from := int64(-1), from
	for p, l := range logs {
		if p.Num == partition {
			end, from = l.Stable, max(from, l.Start)
		}
	}
	if end < 0 {
		return nil, fmt.Errorf("topic %s has no partition %d", topic, partition)
	}
	var out []*kgo.Record
	err = w.with(func(cl *kgo.Client) error {
		for at := from; at < end; {
			fetches := cl.PollFetches(ctx)
			if err := errors.Join(ctx.Err(), fetches.Err0()); err != nil {
				return err
			}
			for _, f := range fetches.Errors() {
				return f.Err
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if r.Offset < end && !r.Attrs.IsControl() {
					out = append(out, r)
				}
				at = r.Offset + 1
			})
		}
		return nil
	}, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(from)}}), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	return out, err
}
