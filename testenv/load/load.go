// Package load fills topics: with the lines of a file as fast as the broker takes them, or with numbered records at a steady
// rate for as long as a test lasts.
//
// Record i goes to partition i % P, so what a partition holds follows from the number of records alone.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/testenv/judge"
)

// longest is the greatest record that a file may hold.
const longest = 64 << 20

// Topic creates a topic with as many partitions on a single broker. One that is there already is an error.
func Topic(ctx context.Context, broker, topic string, partitions int32, settings map[string]string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	defer cl.Close()
	values := map[string]*string{}
	for k, v := range settings {
		values[k] = &v
	}
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, 1, values, topic); err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	return nil
}

// client produces in order, once, compressed, to the partition that each record names.
func client(broker, topic string, linger time.Duration) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(linger), kgo.ProducerBatchMaxBytes(1<<20),
		kgo.MaxBufferedRecords(200_000), kgo.MaxBufferedBytes(256<<20), kgo.RecordDeliveryTimeout(5*time.Minute))
}

// File makes a record of every line of the file, without its end, and returns how many there were.
func File(ctx context.Context, broker, topic string, partitions int32, path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("fill topic %s: %w", topic, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<20), longest)
	n, err := fill(ctx, broker, topic, partitions, func(yield func([]byte) bool) {
		for lines.Scan() && yield(bytes.Clone(lines.Bytes())) {
		}
	})
	if err = errors.Join(err, lines.Err()); err != nil {
		return n, fmt.Errorf("fill topic %s from %s: %w", topic, path, err)
	}
	return n, nil
}

// Values makes n records; value makes the bytes of record i, which become the client's.
func Values(ctx context.Context, broker, topic string, partitions int32, n int64, value func(i int64) []byte) error {
	_, err := fill(ctx, broker, topic, partitions, func(yield func([]byte) bool) {
		for i := int64(0); i < n && yield(value(i)); i++ {
		}
	})
	if err != nil {
		return fmt.Errorf("fill topic %s: %w", topic, err)
	}
	return nil
}

// fill produces values in order and waits until the broker has all of them.
func fill(ctx context.Context, broker, topic string, partitions int32, values iter.Seq[[]byte]) (int64, error) {
	cl, err := client(broker, topic, 20*time.Millisecond)
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	var failed atomic.Pointer[error]
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	}
	var n int64
	for v := range values {
		if failed.Load() != nil {
			break
		}
		cl.Produce(ctx, &kgo.Record{Value: v, Partition: int32(n % int64(partitions))}, promise)
		n++
	}
	err = cl.Flush(ctx)
	if e := failed.Load(); e != nil {
		err = errors.Join(*e, err)
	}
	return n, err
}

// Spans is what a table must hold of a topic that got n records, all of them rows, in a topic of so many partitions.
func Spans(topic string, n int64, partitions int32) map[string]judge.Span {
	out := map[string]judge.Span{}
	for p := range int64(partitions) {
		if rows := (n - p + int64(partitions) - 1) / int64(partitions); rows > 0 {
			out[fmt.Sprintf("%s/%d", topic, p)] = judge.Span{Rows: rows, Distinct: rows, Min: 0, Max: rows - 1}
		}
	}
	return out
}

// Stream produces numbered records at a steady rate until it is stopped. It survives restarts of the broker.
type Stream struct {
	cl     *kgo.Client
	stop   context.CancelFunc
	done   chan struct{}
	sent   atomic.Int64
	mu     sync.Mutex
	failed error
}

// StartStream begins with record 0; value makes the bytes of record i. The rate is in records per second.
func StartStream(broker, topic string, partitions int32, rate int, value func(i int64) []byte) (*Stream, error) {
	cl, err := client(broker, topic, 5*time.Millisecond)
	if err != nil {
		return nil, fmt.Errorf("stream to %s: %w", topic, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Stream{cl: cl, stop: stop, done: make(chan struct{})}
	go s.run(ctx, partitions, rate, value)
	return s, nil
}

func (s *Stream) run(ctx context.Context, partitions int32, rate int, value func(int64) []byte) {
	defer close(s.done)
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.failed = errors.Join(s.failed, err)
		}
	}
	const beat = 20 * time.Millisecond
	tick := time.NewTicker(beat)
	defer tick.Stop()
	began, i := time.Now(), int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int64(time.Since(began).Seconds() * float64(rate)); i < due; i++ {
			// Not bound to ctx: what was numbered must arrive.
			s.cl.Produce(context.Background(), &kgo.Record{Value: value(i), Partition: int32(i % int64(partitions))}, promise)
		}
		s.sent.Store(i)
	}
}

// Sent is how many records were handed to the client so far.
func (s *Stream) Sent() int64 { return s.sent.Load() }

// Stop ends the stream and returns how many records are in the topic: 0 to n-1, each once.
func (s *Stream) Stop(ctx context.Context) (int64, error) {
	s.stop()
	<-s.done
	err := s.cl.Flush(ctx)
	s.cl.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = errors.Join(err, s.failed); err != nil {
		return s.sent.Load(), fmt.Errorf("stream: %w", err)
	}
	return s.sent.Load(), nil
}
