package sourcetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/source"
)

// wire builds a record batch byte by byte; pack compresses its records.
func wire(base int64, codec int16, pack func([]byte) []byte, values ...[]byte) []byte {
	var recs []byte
	for i, v := range values {
		var body []byte
		body = append(body, 0)
		body = binary.AppendVarint(body, 0)
		body = binary.AppendVarint(body, int64(i))
		body = binary.AppendVarint(body, -1)
		body = binary.AppendVarint(body, int64(len(v)))
		body = append(body, v...)
		body = binary.AppendVarint(body, 0)
		recs = append(binary.AppendVarint(recs, int64(len(body))), body...)
	}
	if pack != nil {
		recs = pack(recs)
	}
	be := binary.BigEndian
	rest := be.AppendUint16(nil, uint16(codec))
	rest = be.AppendUint32(rest, uint32(len(values)-1))
	rest = be.AppendUint64(rest, 1_700_000_000_000)
	rest = be.AppendUint64(rest, 1_700_000_000_000)
	rest = be.AppendUint64(rest, ^uint64(0))
	rest = be.AppendUint16(rest, 0xffff)
	rest = be.AppendUint32(rest, 0xffffffff)
	rest = be.AppendUint32(rest, uint32(len(values)))
	rest = append(rest, recs...)
	out := be.AppendUint64(nil, uint64(base))
	out = be.AppendUint32(out, uint32(9+len(rest)))
	out = be.AppendUint32(out, 0)
	out = append(out, 2)
	out = be.AppendUint32(out, crc32.Checksum(rest, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, rest...)
}

// feed answers the fetches of partition 0 with what next returns for a position, which may be nothing.
func feed(c *kfake.Cluster, next func(at int64) []byte) {
	c.ControlKey(int16(kmsg.Fetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := kreq.(*kmsg.FetchRequest)
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewFetchResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewFetchResponseTopicPartition()
				rp.Partition, rp.HighWatermark, rp.LastStableOffset, rp.LogStartOffset = p.Partition, 1000, 1000, 0
				rp.RecordBatches = next(p.FetchOffset)
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		time.Sleep(time.Millisecond) // an answer with nothing in it at once would be asked for again at once
		return resp, nil, true
	})
}

func abc(n int) (out [][]byte) {
	for i := range n {
		out = append(out, fmt.Appendf(nil, "v%d", i))
	}
	return out
}

func TestBatch_BeforeThePositionIsATruncation(t *testing.T) {
	s, c := fakeStage(t, 1)
	s.create(s.topic, 1)
	feed(c, func(at int64) []byte {
		switch at {
		case 0:
			return wire(0, 0, nil, abc(10)...)
		case 10:
			return wire(3, 0, nil, abc(4)...) // ends at 6
		}
		return nil
	})
	r := s.open(nil)
	r.until("a fault", func() bool { return len(r.faults) == 1 })
	if f := r.faults[0]; f.Kind != source.FaultTruncation || f.At != 10 {
		t.Errorf("fault %+v, want truncation at 10", f)
	}
	wantValues(t, r.values(r.part(0)), 0, 10)
}

func TestBatch_ThatIsBroken(t *testing.T) {
	good := wire(0, 0, nil, abc(10)...)
	flip := func(at int) []byte { b := wire(10, 0, nil, abc(3)...); b[at] ^= 0x55; return b }
	recount := func(b []byte) []byte { // with a checksum that holds
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	with := func(change func([]byte)) []byte { b := wire(10, 0, nil, abc(3)...); change(b); return recount(b) }
	bomb := func(in []byte) []byte {
		w, _ := zstd.NewWriter(nil)
		defer w.Close()
		return w.EncodeAll(in, nil)
	}
	huge := wire(10, 4, bomb, make([]byte, 40<<20))
	unsized := wire(10, 4, func(in []byte) []byte {
		var b bytes.Buffer
		w, _ := zstd.NewWriter(&b)
		_, _ = w.Write(in)
		_ = w.Close()
		return b.Bytes()
	}, make([]byte, 40<<20))
	for name, bad := range map[string][]byte{
		"flipped bit":            flip(76), // in a value
		"unknown codec":          with(func(b []byte) { b[22] = 6 }),
		"not what the codec is":  with(func(b []byte) { b[22] = 4 }),
		"more records than said": with(func(b []byte) { b[60] = 2 }),
		"fewer records":          with(func(b []byte) { b[60] = 9 }),
		"negative count":         with(func(b []byte) { b[57] = 0xff }),
		"absurd count":           with(func(b []byte) { b[57] = 0x7f }),
		"length beyond":          with(func(b []byte) { b[61] = 0x7e }),
		"unknown magic":          with(func(b []byte) { b[16] = 7 }),
		"bomb":                   huge,
		"bomb that says nothing": unsized,
		"larger than allowed":    append(wire(10, 0, nil, make([]byte, 20<<20))[:200], make([]byte, 100)...),
		"negative size":          {0, 0, 0, 0, 0, 0, 0, 10, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0},
		"rubbish":                bytes.Repeat([]byte{0x5a}, 300),
	} {
		t.Run(name, func(t *testing.T) {
			s, c := fakeStage(t, 1)
			s.create(s.topic, 1)
			feed(c, func(at int64) []byte {
				switch {
				case at == 0:
					return append(slices.Clone(good), bad...)
				case at == 10:
					return bad
				case at == 13:
					return wire(13, 0, nil, abc(2)...)
				}
				return nil
			})
			r := s.open(nil) // a budget of 64 MiB: batches of 16
			r.until("a fault", func() bool { return len(r.faults) == 1 })
			if f := r.faults[0]; f.Kind != source.FaultCorrupt || f.At != 10 || f.Err == nil {
				t.Errorf("fault %+v, want corrupt at 10", f)
			}
			p := r.part(0)
			wantValues(t, r.values(p), 0, 10)
			r.startAt(p, 13) // the operator passes over it
			r.until("what comes after", func() bool { return r.at[p] == 15 })
			if peak := r.bud.Peak(); peak > r.bud.Limit() {
				t.Errorf("%d bytes were taken of %d", peak, r.bud.Limit())
			}
		})
	}
}

func TestBatch_DamagedOnTheWayIsFetchedAgain(t *testing.T) {
	s, c := fakeStage(t, 1)
	s.create(s.topic, 1)
	var tries atomic.Int32
	feed(c, func(at int64) []byte {
		if at != 0 {
			return nil
		}
		b := wire(0, 0, nil, abc(10)...)
		if tries.Add(1) <= 2 {
			b[85] ^= 1 // in a value: nothing but the checksum tells
		}
		return b
	})
	r := s.open(nil)
	r.until("all", func() bool { return r.at[r.part(0)] == 10 })
	wantValues(t, r.values(r.part(0)), 0, 10)
	if len(r.faults) > 0 {
		t.Errorf("faults %v", r.faults)
	}
}

func TestBatch_LargerThanAskedForIsAskedForWhole(t *testing.T) {
	s, c := fakeStage(t, 1)
	s.create(s.topic, 1)
	feed(c, func(at int64) []byte {
		if at == 0 {
			return wire(0, 0, nil, bytes.Repeat([]byte("x"), 9<<20)) // of 16 that may be held, 2 are asked for
		}
		return nil
	})
	r := s.open(nil)
	r.until("it", func() bool { return r.at[r.part(0)] == 1 })
	if n := len(r.recs[r.part(0)][0].Value); n != 9<<20 {
		t.Errorf("the value has %d bytes", n)
	}
}

func TestCodecs_AllUnpackTheSame(t *testing.T) {
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		t.Run(name, func(t *testing.T) {
			s, _ := fakeStage(t, 1)
			s.create(s.topic, 1)
			cl, err := kgo.NewClient(kgo.SeedBrokers(s.w.Brokers...), kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(5*time.Millisecond), kgo.DefaultProduceTopic(s.topic))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			var want []*kgo.Record
			for i := range 3000 {
				want = append(want, &kgo.Record{Key: fmt.Appendf(nil, "k%d", i), Value: bytes.Repeat(fmt.Appendf(nil, "%d;", i), 1+i%300),
					Headers: []kgo.RecordHeader{{Key: "h", Value: fmt.Appendf(nil, "%d", i)}}})
			}
			if err := cl.ProduceSync(s.ctx, want...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			r := s.open(func(c *source.Config) { c.RunBytes = 64 << 10 })
			var runs, largest int64
			r.onRun = func(ev source.Records) {
				var n int64
				for _, rec := range ev.Recs {
					n += int64(len(rec.Key) + len(rec.Value))
				}
				runs, largest = runs+1, max(largest, n)
				if ev.Bytes < n {
					t.Errorf("a run of %d bytes took %d of the budget", n, ev.Bytes)
				}
			}
			r.until("all", func() bool { return r.at[r.part(0)] == 3000 })
			if largest > 2*64<<10 {
				t.Errorf("a run has %d bytes, want about %d", largest, 64<<10)
			}
			for i, got := range r.recs[r.part(0)] {
				if w := want[i]; !bytes.Equal(got.Key, w.Key) || !bytes.Equal(got.Value, w.Value) || len(got.Headers) != 1 || !bytes.Equal(got.Headers[0].Value, w.Headers[0].Value) {
					t.Fatalf("record %d differs", i)
				}
			}
		})
	}
}
