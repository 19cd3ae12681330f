package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/offsets"
)

// decodeAlone runs the decoder on what a broker is said to have sent for a position, and returns what it queued.
func decodeAlone(t interface{ Fatalf(string, ...any) }, from int64, p *kmsg.FetchResponseTopicPartition, runBytes int) (runs []Records, faults []Fault) {
	cfg, err := Config{Brokers: []string{"b:1"}, Group: "g", Topics: []string{"t"}, Budget: budget.New(1<<30, nil), RunBytes: runBytes, MaxBatchBytes: 1 << 20}.withDefaults()
	if err != nil {
		t.Fatalf("%v", err)
	}
	g := &Group{cfg: cfg, ctx: context.Background(), fetching: context.Background(), q: queue{kick: make(chan struct{}, 1)}}
	g.cond = sync.NewCond(&g.mu)
	c := newCursor(offsets.Partition{Topic: "t"})
	c.start(Start{Offset: from, LeaderEpoch: -1})
	un := new(inflater)
	for range corruptTries + 1 { // what does not add up is looked at again
		at := c.next
		batches, _ := walk(p.RecordBatches)
		for len(batches) > 0 && at > from && batches[0].last < at {
			batches = batches[1:]
		}
		g.decode(partAnswer{c: c, gen: c.gen, from: at, epoch: -1, data: p, batches: batches}, un)
		if c.phase == faulted || c.corrupt == 0 {
			break
		}
	}
	at := from
	for _, it := range g.q.items {
		switch ev := it.ev.(type) {
		case Records:
			if ev.Range.From != at || ev.Range.To <= at {
				t.Fatalf("run %s does not begin at %d", ev.Range, at)
			}
			last := ev.Range.From - 1
			for _, r := range ev.Recs {
				if r.Offset <= last || r.Offset >= ev.Range.To {
					t.Fatalf("record %d is out of order or outside of %s", r.Offset, ev.Range)
				}
				last = r.Offset
			}
			at = ev.Range.To
			runs = append(runs, ev)
			ev.Release()
		case Fault:
			faults = append(faults, ev)
		}
	}
	if used := cfg.Budget.Used(); used != 0 {
		t.Fatalf("%d bytes are not given back", used)
	}
	return runs, faults
}

// pack writes a batch; kind is ordinary, transactional or a marker.
func pack(base int64, lastDelta int32, attrs int16, producer int64, offsetsIn []int64, value func(int64) (key, val []byte)) []byte {
	var recs []byte
	for _, o := range offsetsIn {
		k, v := value(o)
		body := append([]byte{0}, binary.AppendVarint(nil, o)...)
		body = binary.AppendVarint(body, o-base)
		for _, b := range [][]byte{k, v} {
			if b == nil {
				body = binary.AppendVarint(body, -1)
				continue
			}
			body = append(binary.AppendVarint(body, int64(len(b))), b...)
		}
		body = binary.AppendVarint(body, o%3)
		for i := range o % 3 {
			h := fmt.Appendf(nil, "h%d", i)
			body = append(binary.AppendVarint(body, int64(len(h))), h...)
			body = binary.AppendVarint(body, -1)
		}
		recs = append(binary.AppendVarint(recs, int64(len(body))), body...)
	}
	be := binary.BigEndian
	rest := be.AppendUint16(nil, uint16(attrs))
	rest = be.AppendUint32(rest, uint32(lastDelta))
	rest = be.AppendUint64(rest, 1_700_000_000_000)
	rest = be.AppendUint64(rest, 1_800_000_000_000)
	rest = be.AppendUint64(rest, uint64(producer))
	rest = be.AppendUint16(rest, 3)
	rest = be.AppendUint32(rest, 0)
	rest = be.AppendUint32(rest, uint32(len(offsetsIn)))
	rest = append(rest, recs...)
	out := be.AppendUint64(nil, uint64(base))
	out = be.AppendUint32(out, uint32(9+len(rest)))
	out = be.AppendUint32(out, 5)
	out = append(out, 2)
	out = be.AppendUint32(out, crc32.Checksum(rest, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, rest...)
}

func keyValue(o int64) ([]byte, []byte) {
	switch o % 4 {
	case 0:
		return nil, fmt.Appendf(nil, "v%d", o)
	case 1:
		return []byte{}, nil
	}
	return fmt.Appendf(nil, "k%d", o), fmt.Appendf(nil, "v%d", o)
}

// TestDecode_TransactionsOfMany lets producers interleave transactions, with compaction taking records away, and
// reads from any position with any size of run: every committed record after it comes once, no other does.
func TestDecode_TransactionsOfMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type open struct {
			first int64
			recs  []int64
		}
		p := &kmsg.FetchResponseTopicPartition{}
		live := map[int64]*open{}
		var committed []int64
		next := int64(rapid.IntRange(0, 5).Draw(t, "base"))
		begin := next
		type aborted struct{ producer, first, last int64 }
		var ab []aborted
		for range rapid.IntRange(1, 25).Draw(t, "batches") {
			producer := int64(rapid.IntRange(1, 3).Draw(t, "producer"))
			switch what := rapid.IntRange(0, 4).Draw(t, "what"); {
			case what >= 3 && live[producer] != nil: // end the transaction
				commit := what == 3
				kind := []byte{0, 0, 0, 0}
				if commit {
					kind[3] = 1
					committed = append(committed, live[producer].recs...)
				} else {
					ab = append(ab, aborted{producer, live[producer].first, next})
				}
				p.RecordBatches = append(p.RecordBatches, pack(next, 0, 0x30, producer, []int64{next}, func(int64) ([]byte, []byte) { return kind, []byte{0, 0, 0, 0, 0, 0} })...)
				delete(live, producer)
				next++
			default:
				n := int64(rapid.IntRange(1, 6).Draw(t, "records"))
				var kept []int64
				for o := next; o < next+n; o++ {
					if rapid.IntRange(0, 3).Draw(t, "compacted") > 0 {
						kept = append(kept, o)
					}
				}
				attrs, pid := int16(0), int64(-1)
				if what > 0 {
					attrs, pid = 0x10, producer
					if live[producer] == nil {
						live[producer] = &open{first: next}
					}
					live[producer].recs = append(live[producer].recs, kept...)
				} else {
					committed = append(committed, kept...)
				}
				p.RecordBatches = append(p.RecordBatches, pack(next, int32(n-1), attrs, pid, kept, keyValue)...)
				next += n
			}
		}
		for producer, o := range live { // none is open below the last stable offset
			p.RecordBatches = append(p.RecordBatches, pack(next, 0, 0x30, producer, []int64{next}, func(int64) ([]byte, []byte) { return []byte{0, 0, 0, 1}, nil })...)
			committed = append(committed, o.recs...)
			next++
		}
		from := begin + rapid.Int64Range(0, next-begin-1).Draw(t, "from")
		first := begin // the batch that holds from is the first that is sent
		cutAt := 0
		batches, _ := walk(p.RecordBatches)
		for _, b := range batches {
			if b.last < from {
				cutAt += len(b.raw)
				first = b.last + 1
			}
		}
		p.RecordBatches = p.RecordBatches[cutAt:]
		for _, a := range ab { // the broker names those that end in what it sends
			if a.last >= first {
				at := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
				at.ProducerID, at.FirstOffset = a.producer, a.first
				p.AbortedTransactions = append(p.AbortedTransactions, at)
			}
		}
		runs, faults := decodeAlone(t, from, p, rapid.SampledFrom([]int{1, 400, 1 << 20}).Draw(t, "run"))
		if len(faults) > 0 {
			t.Fatalf("faults %v", faults)
		}
		var got []int64
		for _, r := range runs {
			for _, rec := range r.Recs {
				got = append(got, rec.Offset)
				if k, v := keyValue(rec.Offset); string(k) != string(rec.Key) || (k == nil) != (rec.Key == nil) || string(v) != string(rec.Value) || (v == nil) != (rec.Value == nil) ||
					rec.Timestamp.UnixMilli() != 1_700_000_000_000+rec.Offset || len(rec.Headers) != int(rec.Offset%3) {
					t.Fatalf("record %+v", rec)
				}
			}
		}
		var want []int64
		for _, o := range committed {
			if o >= from {
				want = append(want, o)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("from %d: got %v, want %v", from, got, want)
		}
		if to := runs[len(runs)-1].Range.To; to != next {
			t.Fatalf("the runs end at %d, the log at %d", to, next)
		}
	})
}

// FuzzDecode feeds anything: nothing panics, ranges tile, bytes come back. Where the client's decoder reads all of
// it, ours reads the same or says what is wrong.
func FuzzDecode(f *testing.F) {
	good := append(pack(3, 4, 0, -1, []int64{3, 4, 6}, keyValue), pack(8, 1, 0x10, 7, []int64{8, 9}, keyValue)...)
	good = append(good, pack(10, 0, 0x30, 7, []int64{10}, func(int64) ([]byte, []byte) { return []byte{0, 0, 0, 0}, nil })...)
	f.Add(good, int64(3), int64(8))
	f.Add(good[:90], int64(4), int64(-1))
	f.Add(append(slices.Clone(good), 0xff, 0, 1), int64(0), int64(0))
	legacy := binary.BigEndian.AppendUint64(nil, 5)
	legacy = append(legacy, 0, 0, 0, 17, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	f.Add(legacy, int64(5), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, from, aborted int64) {
		if from < 0 || from > 1<<40 {
			return
		}
		fix(data)
		if splits(data, aborted) {
			return
		}
		p := &kmsg.FetchResponseTopicPartition{RecordBatches: data}
		if aborted >= 0 {
			a := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
			a.ProducerID, a.FirstOffset = 7, aborted
			p.AbortedTransactions = append(p.AbortedTransactions, a)
		}
		runs, faults := decodeAlone(t, from, p, 300)
		if len(faults) > 0 {
			return
		}
		theirs := &kmsg.FetchResponseTopicPartition{RecordBatches: slices.Clone(data), AbortedTransactions: p.AbortedTransactions}
		fp, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: "t"}, theirs, kgo.DefaultDecompressor(), nil)
		if whole, _ := walk(data); fp.Err != nil || len(whole) > 0 && next <= whole[len(whole)-1].last {
			return // it stopped before the end
		}
		var got, want []int64
		for _, r := range runs {
			for _, rec := range r.Recs {
				got = append(got, rec.Offset)
			}
		}
		for _, rec := range fp.Records {
			want = append(want, rec.Offset)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("we read %v, the client %v", got, want)
		}
	})
}

// fix gives the batches checksums that hold, so that fuzzing gets past them.
func fix(buf []byte) {
	for len(buf) >= headerSize && buf[magicAt] == 2 {
		size := int64(int32(binary.BigEndian.Uint32(buf[8:]))) + 12
		if size < headerSize || size > int64(len(buf)) {
			return
		}
		binary.BigEndian.PutUint32(buf[17:], crc32.Checksum(buf[21:size], castagnoli))
		buf = buf[size:]
	}
}

// splits tells whether an offset lies inside a batch. No transaction begins there; if one did, the client would go by the
// batch's first offset, and Kafka's own, as sinker, by its last.
func splits(buf []byte, at int64) bool {
	whole, _ := walk(buf)
	return slices.ContainsFunc(whole, func(b batch) bool { return b.base < at && at <= b.last })
}

func TestInflate_SizesAroundTheBuffers(t *testing.T) {
	const most = 5 << 20
	packers := map[kgo.CompressionCodecType]func([]byte) []byte{
		kgo.CodecSnappy: func(b []byte) []byte { return s2.EncodeSnappy(nil, b) },
		kgo.CodecGzip: func(b []byte) []byte {
			var out bytes.Buffer
			w := gzip.NewWriter(&out)
			_, _ = w.Write(b)
			w.Close()
			return out.Bytes()
		},
		kgo.CodecLz4: func(b []byte) []byte {
			var out bytes.Buffer
			w := lz4.NewWriter(&out)
			_, _ = w.Write(b)
			w.Close()
			return out.Bytes()
		},
		kgo.CodecZstd: func(b []byte) []byte {
			w, _ := zstd.NewWriter(nil)
			defer w.Close()
			return w.EncodeAll(b, nil)
		},
		-kgo.CodecZstd: func(b []byte) []byte { // without the size in its header, and with a window beyond all bounds
			var out bytes.Buffer
			w, _ := zstd.NewWriter(&out, zstd.WithWindowSize(256<<20))
			_, _ = w.Write(b)
			w.Close()
			return out.Bytes()
		},
	}
	d := new(inflater)
	for _, compressible := range []bool{true, false} {
		data := make([]byte, most+2)
		for i := range data {
			data[i] = byte(i >> 12)
			if !compressible {
				data[i] = byte(uint32(i) * 2654435761 >> 13)
			}
		}
		for codec, pack := range packers {
			for _, n := range []int{0, 1, 511, 128 << 10, scratchSize - 1, scratchSize, scratchSize + 1, scratchSize + 100, 2*scratchSize - 1, 2 * scratchSize, 4*scratchSize + 1, most - 200_000, most + 1} {
				var taken int64
				d.max, d.take, d.give = most, func(n int64) error { taken += n; return nil }, func(n int64) { taken -= n }
				out, err := d.inflate(pack(data[:n]), max(codec, -codec))
				if n > most {
					if err == nil {
						t.Errorf("codec %d: %d bytes came out, allowed are %d", codec, len(out), most)
					}
					continue
				}
				if err != nil || !bytes.Equal(out, data[:n]) || taken != int64(cap(out)) && taken != int64(len(out)) {
					t.Errorf("codec %d of %d bytes: %v, %d came out, %d were taken", codec, n, err, len(out), taken)
				}
			}
		}
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x00"), int8(1))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04\x00\x19\x00\x00abc"), int8(4))
	f.Add([]byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05\x03\x08abc"), int8(2))
	f.Add([]byte("\x04\x22\x4d\x18\x60\x40\x82"), int8(3))
	f.Fuzz(func(t *testing.T, data []byte, codec int8) {
		const most = 1 << 20
		var taken, peak int64
		d := &inflater{max: most, take: func(n int64) error { taken += n; peak = max(peak, taken); return nil }, give: func(n int64) { taken -= n }}
		out, err := d.inflate(data, kgo.CompressionCodecType(codec))
		if len(out) > most && codec != 0 {
			t.Fatalf("%d bytes came out", len(out))
		}
		if err == nil && codec != 0 && (int64(len(out)) > taken || taken > int64(len(out)+len(out)/8)+1) {
			t.Fatalf("%d bytes came out, %d were taken", len(out), taken)
		}
		if peak > 2*most+2 {
			t.Fatalf("%d bytes were taken at once, %d allowed", peak, most)
		}
	})
}

// TestReceive_EmptyAnswerForgivesNothing that is still being decoded: a partition whose next batch is broken answered
// with nothing behind it, was thought sound, and was fetched again for ever.
func TestReceive_EmptyAnswerForgivesNothing(t *testing.T) {
	g := &Group{}
	c := newCursor(offsets.Partition{Topic: "t"})
	c.start(Start{Offset: 5})
	c.corrupt, c.failures = 2, 2
	empty := &kmsg.FetchResponseTopicPartition{HighWatermark: 9}
	c.undecoded = 1
	if _, news := g.receive(want{c: c, from: 5}, empty, time.Now()); news || c.corrupt != 2 {
		t.Errorf("news %v, corrupt %d, want 2", news, c.corrupt)
	}
	c.undecoded = 0
	if _, news := g.receive(want{c: c, from: 5}, empty, time.Now()); news || c.corrupt != 0 || c.failures != 0 {
		t.Errorf("news %v, corrupt %d, want 0", news, c.corrupt)
	}
}
