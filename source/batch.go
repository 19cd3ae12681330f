package source

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/offsets"
)

// batch is one record batch as its header tells; message sets of old logs count as batches of one message.
type batch struct {
	raw        []byte
	base, last int64 // offsets, both included; base is not known of an old message set
	epoch      int32
	magic      int8
	attrs      int16
	producer   int64
	records    int
}

func (b batch) codec() kgo.CompressionCodecType { return kgo.CompressionCodecType(b.attrs & 7) }
func (b batch) transactional() bool             { return b.attrs&0x10 != 0 }
func (b batch) control() bool                   { return b.attrs&0x20 != 0 }

const (
	headerSize   = 61 // of a batch, up to its records
	magicAt      = 16
	legacyHeader = 18 // of a message, at least: offset, size, crc, magic, attributes
)

// walk finds the whole batches in what a broker sent. The last one may have been cut off and is left out; missing
// is its full size if it is the first.
func walk(buf []byte) (whole []batch, missing int) {
	for len(buf) > magicAt {
		size := int64(int32(binary.BigEndian.Uint32(buf[8:]))) + 12
		if size < legacyHeader || size > int64(len(buf)) {
			if len(whole) == 0 {
				missing = int(max(size, 0))
			}
			return whole, missing
		}
		raw := buf[:size]
		b := batch{raw: raw, base: int64(binary.BigEndian.Uint64(raw)), magic: int8(raw[magicAt]), epoch: offsets.NoEpoch, producer: -1}
		b.last = b.base
		if b.magic >= 2 {
			if size < headerSize {
				if len(whole) == 0 {
					missing = 0
				}
				return whole, missing
			}
			b.epoch = int32(binary.BigEndian.Uint32(raw[12:]))
			b.attrs = int16(binary.BigEndian.Uint16(raw[21:]))
			b.last = b.base + int64(int32(binary.BigEndian.Uint32(raw[23:])))
			b.producer = int64(binary.BigEndian.Uint64(raw[43:]))
			b.records = int(int32(binary.BigEndian.Uint32(raw[57:])))
		} else {
			b.attrs = int16(raw[17]) & 7
		}
		whole = append(whole, b)
		buf = buf[size:]
	}
	return whole, len(buf)
}

// aborts are the aborted transactions of one answer: per producer, where each begins.
type aborts map[int64][]int64

func abortsOf(p *kmsg.FetchResponseTopicPartition) aborts {
	a := aborts{}
	for _, t := range p.AbortedTransactions {
		a[t.ProducerID] = append(a[t.ProducerID], t.FirstOffset)
	}
	for _, firsts := range a {
		slices.Sort(firsts)
	}
	return a
}

// drops tells whether the data of the batch was taken back by its producer.
func (a aborts) drops(b batch) bool {
	firsts := a[b.producer]
	return b.transactional() && !b.control() && len(firsts) > 0 && firsts[0] <= b.last
}

// ends takes note of a control batch: an abort marker ends the producer's oldest aborted transaction.
func (a aborts) ends(b batch) {
	firsts := a[b.producer]
	if !b.control() || len(firsts) == 0 || firsts[0] > b.last {
		return
	}
	if key, ok := controlKey(b.raw[headerSize:]); ok && len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == 0 {
		a[b.producer] = firsts[1:]
	}
}

// controlKey reads the key of the one record of a control batch.
func controlKey(rec []byte) ([]byte, bool) {
	for i := range 5 { // length, then attributes, timestamp delta, offset delta, key length
		if i == 1 {
			if len(rec) == 0 {
				return nil, false
			}
			rec = rec[1:] // attributes
			continue
		}
		v, n := binary.Varint(rec)
		if n <= 0 {
			return nil, false
		}
		rec = rec[n:]
		if i == 4 {
			if v < 0 || v > int64(len(rec)) {
				return nil, false
			}
			return rec[:v], true
		}
	}
	return nil, false
}

// What a record costs beside its bytes.
const (
	recordOverhead = int64(unsafe.Sizeof(kgo.Record{}) + unsafe.Sizeof((*kgo.Record)(nil)))
	headerOverhead = int64(unsafe.Sizeof(kgo.RecordHeader{}))
)

// run is what was decoded and is not queued yet.
type run struct {
	recs  []*kgo.Record
	to    int64
	epoch int32
	bytes int64 // taken from the budget
}

// decode turns one partition's share of an answer into runs and queues them.
func (g *Group) decode(p partAnswer) {
	gone := abortsOf(p.data)
	at := p.from // everything before is queued or in r
	r := run{to: p.from, epoch: p.epoch}
	for _, b := range p.batches {
		if !g.roomFor(p) {
			g.cfg.Budget.Release(r.bytes)
			return
		}
		if b.last < at {
			g.spoil(p, r, FaultTruncation, at, fmt.Errorf("the broker sent a record batch that ends at %d, before the position: the log was cut and written anew", b.last))
			return
		}
		if b.control() || gone.drops(b) {
			gone.ends(b)
		} else {
			recs, bytes, err := g.records(p, b, at)
			if err != nil {
				if g.fetching.Err() == nil {
					g.corrupt(p, r, at, b, err)
				} else {
					g.cfg.Budget.Release(r.bytes)
				}
				return
			}
			r.recs, r.bytes = append(r.recs, recs...), r.bytes+bytes
		}
		at = b.last + 1
		r.to, r.epoch = at, b.epoch
		if r.bytes >= int64(g.cfg.RunBytes) {
			g.emit(p, r)
			r = run{to: at, epoch: b.epoch}
			p.from = at
		}
	}
	if r.to > p.from {
		g.emit(p, r)
	}
	g.mu.Lock()
	if p.c.gen == p.gen {
		p.c.failures = 0
	}
	g.mu.Unlock()
}

// roomFor waits until the queue has room, and tells whether what p holds is still wanted.
func (g *Group) roomFor(p partAnswer) bool {
	room := max(g.cfg.Budget.Limit()/8, int64(g.cfg.RunBytes))
	g.mu.Lock()
	defer g.mu.Unlock()
	for p.c.gen == p.gen && g.q.bytes >= room && g.fetching.Err() == nil {
		g.cond.Wait()
	}
	return p.c.gen == p.gen && g.fetching.Err() == nil
}

// records decodes one batch. What it takes from the budget it takes before it unpacks.
func (g *Group) records(p partAnswer, b batch, at int64) ([]*kgo.Record, int64, error) {
	var taken int64
	take := func(n int64) error {
		if err := g.cfg.Budget.Acquire(g.fetching, n); err != nil {
			return err
		}
		taken += n
		return nil
	}
	fail := func(err error) ([]*kgo.Record, int64, error) {
		g.cfg.Budget.Release(taken)
		return nil, 0, err
	}
	if b.records < 0 {
		return fail(fmt.Errorf("it claims to hold %d records", b.records))
	}
	if n := int64(b.records) * recordOverhead; n > g.cfg.Budget.Limit()/2 {
		return fail(fmt.Errorf("%w: %d records need %d bytes of memory", errTooLarge, b.records, n))
	}
	un := &inflater{max: g.cfg.MaxBatchBytes, take: take}
	raw := b.raw
	if b.codec() == kgo.CodecNone {
		// The records would point into the answer and keep all of it.
		if err := take(int64(len(raw)) + int64(min(b.records, len(raw)))*recordOverhead); err != nil {
			return fail(err)
		}
		raw = slices.Clone(raw)
	} else {
		un.perRecord = int64(b.records) * recordOverhead
	}
	opts := kgo.ProcessFetchPartitionOpts{Offset: at, Topic: p.c.part.Topic, Partition: p.c.part.Num}
	got, next := kgo.ProcessFetchPartition(opts, &kmsg.FetchResponseTopicPartition{Partition: p.c.part.Num, RecordBatches: raw}, un, nil)
	if un.err != nil {
		return fail(un.err)
	}
	if got.Err != nil {
		return fail(got.Err)
	}
	if next != b.last+1 {
		return fail(fmt.Errorf("its records end at %d, its header says %d", next-1, b.last))
	}
	var headers, bytes int64
	for i, rec := range got.Records {
		if rec.Offset < at || rec.Offset > b.last || (i > 0 && rec.Offset <= got.Records[i-1].Offset) {
			return fail(fmt.Errorf("its record %d has offset %d, out of order", i, rec.Offset))
		}
		headers += int64(len(rec.Headers)) * headerOverhead
		bytes += sizeOf(rec)
	}
	if headers > 0 {
		if err := take(headers); err != nil {
			return fail(err)
		}
	}
	if len(got.Records) == 0 {
		g.cfg.Budget.Release(taken)
		return nil, 0, nil
	}
	return got.Records, taken, nil
}

// sizeOf is what a record costs: key, value, headers, and what holds them.
func sizeOf(r *kgo.Record) int64 {
	n := recordOverhead + int64(len(r.Key)+len(r.Value)) + int64(len(r.Headers))*headerOverhead
	for _, h := range r.Headers {
		n += int64(len(h.Key) + len(h.Value))
	}
	return n
}

// emit queues a run, in pieces if it is large.
func (g *Group) emit(p partAnswer, r run) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.c.gen != p.gen {
		g.cfg.Budget.Release(r.bytes)
		return
	}
	from := p.from
	var sum, total int64
	for _, rec := range r.recs {
		total += sizeOf(rec)
	}
	left, start := r.bytes, 0
	piece := func(end int, to int64) {
		bytes := left
		if end < len(r.recs) {
			bytes = min(left, int64(float64(r.bytes)*float64(sum)/float64(max(total, 1))))
		}
		left -= bytes
		g.pushRun(p.c, offsets.Range{From: from, To: to}, r.epoch, r.recs[start:end:end], bytes)
		from, start, sum = to, end, 0
	}
	for i, rec := range r.recs {
		sum += sizeOf(rec)
		if sum >= int64(g.cfg.RunBytes) && i+1 < len(r.recs) {
			piece(i+1, r.recs[i+1].Offset)
		}
	}
	piece(len(r.recs), r.to)
}

func (g *Group) pushRun(c *cursor, at offsets.Range, epoch int32, recs []*kgo.Record, bytes int64) {
	var given atomic.Bool
	free := func() {
		if !given.Swap(true) {
			g.cfg.Budget.Release(bytes)
		}
	}
	ev := NewRecords(Records{Partition: c.part, Range: at, LeaderEpoch: epoch, Recs: recs, Bytes: bytes}, free)
	g.push(&item{ev: ev, cursor: c, bytes: bytes, free: free})
}

// spoil queues what is sound, and ends the partition.
func (g *Group) spoil(p partAnswer, r run, kind FaultKind, at int64, err error) {
	if r.to > p.from {
		g.emit(p, r)
	} else {
		g.cfg.Budget.Release(r.bytes)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.c.gen == p.gen {
		g.fault(p.c, kind, at, err)
	}
}

// corrupt fetches a batch that does not add up again, a few times; then it ends the partition.
func (g *Group) corrupt(p partAnswer, r run, at int64, b batch, err error) {
	g.mu.Lock()
	again := p.c.gen == p.gen && p.c.failures < corruptTries && !errors.Is(err, errTooLarge) && !errors.Is(err, context.Canceled)
	g.mu.Unlock()
	if !again {
		g.spoil(p, r, FaultCorrupt, at, fmt.Errorf("the record batch [%d,%d] cannot be read: %w", b.base, b.last, err))
		return
	}
	if r.to > p.from {
		g.emit(p, r)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.c.gen == p.gen {
		// What is queued stays valid; only what is on its way from the broker is void.
		p.c.gen++
		p.c.next, p.c.epoch = at, r.epoch
		p.c.backOff(time.Now())
		g.wakeBrokers()
	}
}
