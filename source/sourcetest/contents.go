package sourcetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What a log may hold, as the broker itself packs and tidies it.

func codecs(t *testing.T, s *stage) {
	s.create(s.topic, 1)
	names := []string{"none", "gzip", "snappy", "lz4", "zstd"}
	const each = 40
	for i, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.w.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.DisableClientMetrics(), kgo.ProducerBatchCompression(codec)}, s.w.Opts...)...)
		if err != nil {
			t.Fatal(err)
		}
		s.produceWith(cl, s.topic, 0, i*each, each)
		large := &kgo.Record{Topic: s.topic, Value: bytes.Repeat([]byte(names[i]), 100_000/len(names[i])), Headers: []kgo.RecordHeader{{Key: "codec", Value: []byte(names[i])}}}
		if err := cl.ProduceSync(s.ctx, large).FirstErr(); err != nil {
			t.Fatal(err)
		}
		cl.Close()
	}
	r := s.open(nil)
	r.until("the end", func() bool { return r.at[r.part(0)] == int64(len(names)*(each+1)) })
	p := r.part(0)
	for i, name := range names {
		recs := r.recs[p][i*(each+1) : (i+1)*(each+1)]
		for j, rec := range recs[:each] {
			if want := fmt.Sprintf("v%d", i*each+j); string(rec.Value) != want {
				t.Fatalf("%s: value %d is %q, want %q", name, j, rec.Value, want)
			}
		}
		if last := recs[each]; len(last.Value) < 99_000 || !bytes.Equal(last.Value, bytes.Repeat([]byte(name), len(last.Value)/len(name))) || len(last.Headers) != 1 || string(last.Headers[0].Value) != name {
			t.Errorf("%s: the large record came back with %d bytes and headers %v", name, len(last.Value), last.Headers)
		}
	}
}

// compacted waits until the broker has taken superseded records out of the log, and reads from offsets that are holes now.
func compacted(t *testing.T, s *stage) {
	settings := map[string]*string{"cleanup.policy": kadm.StringPtr("compact"), "segment.ms": kadm.StringPtr("200"), "min.cleanable.dirty.ratio": kadm.StringPtr("0.0001"),
		"min.compaction.lag.ms": kadm.StringPtr("0"), "max.compaction.lag.ms": kadm.StringPtr("100"), "delete.retention.ms": kadm.StringPtr("0")}
	s.createWith(s.topic, 1, settings)
	last := int64(-1)
	put := func(key string) {
		t.Helper()
		rec, err := s.cl.ProduceSync(s.ctx, &kgo.Record{Topic: s.topic, Key: []byte(key), Value: fmt.Appendf(nil, "of %s", key)}).First()
		if err != nil {
			t.Fatal(err)
		}
		last = rec.Offset
	}
	put("the first, which stays")
	for i := range 60 {
		put(fmt.Sprintf("k%d", i%3))
	}
	s.eventually("the log is compacted", func() bool {
		put("tick") // an active segment is never cleaned: it must roll
		return s.stored(last+1) < int(last)-40
	})
	r := s.open(nil)
	r.until("the end", func() bool { return r.at[r.part(0)] == last+1 }) // check() sees that the runs tile
	p, n := r.part(0), len(r.recs[r.part(0)])
	for _, from := range []int64{1, 20, 30} { // holes by now
		r.recs[p] = nil
		r.startAt(p, from)
		r.until("the end", func() bool { return r.at[p] == last+1 })
		for _, rec := range r.recs[p] {
			if rec.Offset < from {
				t.Errorf("record %d, begun at %d", rec.Offset, from)
			}
		}
	}
	if len(r.faults) > 0 || n == 0 || n >= int(last)-40 {
		t.Errorf("%d records, faults %v: a hole is no gap", n, r.faults)
	}
}

// stored counts the records of partition 0 below an offset, with a client of its own.
func (s *stage) stored(end int64) (n int) {
	s.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.w.Brokers...), kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: {0: kgo.NewOffset().At(0)}})}, s.w.Opts...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	defer cl.Close()
	for at := int64(0); at < end; {
		fs := cl.PollFetches(s.ctx)
		if err := fs.Err(); err != nil {
			s.t.Fatal(err)
		}
		fs.EachRecord(func(r *kgo.Record) { n, at = n+1, r.Offset+1 })
	}
	return n
}
