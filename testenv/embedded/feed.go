package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/testenv/data"
)

// feeder writes the rows of a stream into a topic so that row i is always record i/P of partition i%P, whatever
// came before: the ends of the partitions alone say which rows are there. The topic must hold nothing else.
type feeder struct {
	cl     *kgo.Client
	topic  string
	stream *data.Stream
	next   []int64 // per partition: the row to write next
}

func (w *World) feeder(topic string, stream *data.Stream, opts ...kgo.Opt) (*feeder, error) {
	logs, err := w.Logs(topic)
	if err != nil {
		return nil, err
	}
	f := &feeder{topic: topic, stream: stream, next: make([]int64, len(logs))}
	for p, l := range logs {
		f.next[p.Num] = int64(p.Num) + l.End*int64(len(logs))
	}
	f.cl, err = w.Client(opts...)
	return f, err
}

// rows makes the next n rows, the missing ones first, but none from the row end on.
func (f *feeder) rows(n, end int64, at time.Time) []*kgo.Record {
	recs := make([]*kgo.Record, 0, n)
	for range n {
		least := 0
		for p, i := range f.next {
			if i < f.next[least] {
				least = p
			}
		}
		if f.next[least] >= end {
			break
		}
		key, value := f.stream.RowAt(f.next[least], at)
		recs = append(recs, Record(f.topic, int32(least), key, value))
		f.next[least] += int64(len(f.next))
	}
	return recs
}

// Fill writes those of the rows [0, end) of a stream that the topic does not have yet, as fast as it goes, each into
// the partition and at the offset that data.Place says. The topic must hold nothing but rows of this stream.
func (w *World) Fill(ctx context.Context, topic string, stream *data.Stream, end int64) error {
	f, err := w.feeder(topic, stream)
	if err != nil {
		return err
	}
	defer f.cl.Close()
	for {
		recs := f.rows(10_000, end, time.Time{})
		if len(recs) == 0 {
			return nil
		}
		if err := f.cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
			return fmt.Errorf("fill %s: %w", topic, err)
		}
	}
}

// Feed writes a stream into a topic for ever, perSecond rows a second that happen now, going on where the topic
// ends, even if the last feeder was killed. It returns nil when ctx ends.
func (w *World) Feed(ctx context.Context, topic string, stream *data.Stream, perSecond float64) error {
	if perSecond <= 0 {
		<-ctx.Done()
		return nil
	}
	f, err := w.feeder(topic, stream)
	if err != nil {
		return err
	}
	defer f.cl.Close()
	const beat = 50 * time.Millisecond
	tick := time.NewTicker(beat)
	defer tick.Stop()
	due := 1.0 // the first row at once
	last := time.Now()
	for {
		if n := int64(due); n > 0 {
			recs := f.rows(n, 1<<62, time.Now())
			due -= float64(n)
			// What was begun is finished: the ends of the partitions must tell the truth.
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			err := f.cl.ProduceSync(bounded, recs...).FirstErr()
			cancel()
			if err != nil {
				if ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
					return nil
				}
				return fmt.Errorf("feed %s: %w", topic, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := time.Now()
		due = min(due+perSecond*now.Sub(last).Seconds(), max(perSecond, 1)) // one second's worth at most, after a pause
		last = now
	}
}
