package embedded_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/data"
	"github.com/sinker-io/sinker/testenv/embedded"
)

// Row i is record i/P of partition i%P: after a fill, after another, and after one that was cut off.
func TestFill_PutsEveryRowInItsPlace(t *testing.T) {
	const parts, end = 3, 5000
	w := start(t, embedded.Options{Topics: []embedded.Topic{{Name: "orders", Partitions: parts}}})
	s := data.Orders(1)
	// Partition 1 is ahead, as a feeder that was killed may leave it.
	k, v := s.Row(1)
	if err := w.Produce(t.Context(), embedded.Record("orders", 1, k, v)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{1000, 1000, end} {
		if err := w.Fill(t.Context(), "orders", s, n); err != nil {
			t.Fatal(err)
		}
	}
	total := int64(0)
	for p := range int32(parts) {
		recs, err := w.Read(t.Context(), "orders", p, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range recs {
			if _, want := s.Row(r.Offset*parts + int64(p)); !bytes.Equal(r.Value, want) {
				t.Fatalf("offset %d of partition %d holds %s", r.Offset, p, r.Value)
			}
			total++
		}
	}
	if total != end {
		t.Errorf("%d rows of %d", total, end)
	}
}

func TestFeed_GoesOnWhereItStopped(t *testing.T) {
	w := start(t, embedded.Options{Topics: []embedded.Topic{{Name: "orders", Partitions: 2}}})
	ends := func() (sum int64) {
		logs, err := w.Logs("orders")
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range logs {
			sum += l.End
		}
		return sum
	}
	for before := ends(); before < 30; before = ends() {
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		done := make(chan error, 1)
		go func() { done <- w.Feed(ctx, "orders", data.Orders(1), 200) }()
		for ends() < before+10 && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if ends() < before+10 {
			t.Fatal("nothing was fed")
		}
	}
	for p := range int32(2) {
		recs, err := w.Read(t.Context(), "orders", p, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range recs {
			want, _ := data.Orders(1).Row(r.Offset*2 + int64(p))
			if !bytes.Equal(r.Key, want) {
				t.Errorf("offset %d of partition %d has the key %s, want %s", r.Offset, p, r.Key, want)
			}
		}
	}
}
