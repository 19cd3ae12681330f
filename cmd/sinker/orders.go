package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/testenv/embedded"
)

// produceOrders sends orders at about rate a second until ctx ends. Row i of the stream is record i/n of partition
// i%n, so what the log already has says what comes next: whatever ended the process before, no order is left out and
// none is sent twice.
func produceOrders(ctx context.Context, w *embedded.World, orders *data.Stream, rate float64) error {
	next, err := nextRows(w)
	if err != nil {
		return fmt.Errorf("orders: %w", err)
	}
	client, err := w.Client()
	if err != nil {
		return fmt.Errorf("orders: %w", err)
	}
	defer client.Close()
	const tick = 100 * time.Millisecond
	beat := time.NewTicker(tick)
	defer beat.Stop()
	last, due := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
		}
		now := time.Now()
		due = min(due+rate*now.Sub(last).Seconds(), rate+1) // a machine that slept owes no more than a second
		last = now
		var batch []*kgo.Record
		for ; due >= 1; due-- {
			row, partition := lowest(next)
			key, value := orders.RowAt(row, now)
			batch = append(batch, embedded.Record(demoTopic, partition, key, value))
			next[partition] += demoPartitions
		}
		// What was begun is finished, also at the end: a record that is left out would stay out.
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		err := client.ProduceSync(sending, batch...).FirstErr()
		cancel()
		if err != nil {
			return fmt.Errorf("orders: produce: %w", err)
		}
	}
}

// nextRows is the next row of each partition.
func nextRows(w *embedded.World) ([]int64, error) {
	logs, err := w.Logs(demoTopic)
	if err != nil {
		return nil, err
	}
	next := make([]int64, demoPartitions)
	for p, l := range logs {
		if p.Num < 0 || p.Num >= demoPartitions {
			return nil, fmt.Errorf("topic %s has partition %d: it is not the demo's", demoTopic, p.Num)
		}
		next[p.Num] = l.End*demoPartitions + int64(p.Num)
	}
	return next, nil
}

func lowest(next []int64) (row int64, partition int32) {
	row = next[0]
	for p, r := range next {
		if r < row {
			row, partition = r, int32(p)
		}
	}
	return row, partition
}
