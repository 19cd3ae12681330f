package source

import (
	"context"
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

// What a record costs beside its bytes.
const (
	recordOverhead = int64(unsafe.Sizeof(kgo.Record{}) + unsafe.Sizeof((*kgo.Record)(nil)))
	headerOverhead = int64(unsafe.Sizeof(kgo.RecordHeader{}))
)

// decoder turns one partition's share of an answer into runs. It holds what it took from the budget in run and left.
type decoder struct {
	g    *Group
	p    partAnswer
	run  run
	left int64 // taken for the batch at hand, and not yet a run's
	un   *inflater
}

// run is what was decoded and is not queued yet.
type run struct {
	from, to int64
	epoch    int32
	recs     []*kgo.Record
	bytes    int64
}

// decode queues the runs of one partition's share of an answer. The inflater belongs to the calling goroutine.
func (g *Group) decode(p partAnswer, un *inflater) {
	d := &decoder{g: g, p: p, run: run{from: p.from, to: p.from, epoch: p.epoch}, un: un}
	un.max, un.take, un.give = g.cfg.MaxBatchBytes, d.take, d.give
	defer d.forget()
	gone := abortsOf(p.data)
	for _, b := range p.batches {
		if !d.room() {
			return
		}
		at := d.run.to // everything before is queued or in the run
		if err := b.intact(); err != nil {
			d.corrupt(b, err)
			return
		}
		if b.last < at {
			d.flush()
			d.fault(FaultTruncation, at, fmt.Errorf("the broker sent a record batch that ends at %d, before the position: the log was cut and written anew", b.last))
			return
		}
		if b.control() || gone.drops(b) {
			gone.ends(b)
		} else if err := d.batch(b); err != nil {
			d.corrupt(b, err)
			return
		}
		d.run.to, d.run.epoch = b.last+1, b.epoch
		d.run.bytes, d.left = d.run.bytes+d.left, 0
		if d.run.bytes >= int64(g.cfg.RunBytes) {
			d.flush()
		}
	}
	d.flush()
	g.mu.Lock()
	if p.c.gen == p.gen {
		p.c.failures, p.c.corrupt = 0, 0
	}
	g.mu.Unlock()
}

// take gets memory for the batch at hand.
func (d *decoder) take(n int64) error {
	if n <= 0 {
		return nil
	}
	if err := d.g.cfg.Budget.Acquire(d.g.fetching, n); err != nil {
		return err
	}
	d.left += n
	return nil
}

func (d *decoder) give(n int64) {
	d.g.cfg.Budget.Release(n)
	d.left -= n
}

// forget gives back what did not become a run.
func (d *decoder) forget() {
	d.g.cfg.Budget.Release(d.left + d.run.bytes)
	d.left, d.run = 0, run{}
}

// room waits until the queue has room, and tells whether what we hold is still wanted.
func (d *decoder) room() bool {
	g, p := d.g, d.p
	most := max(g.cfg.Budget.Limit()/8, int64(g.cfg.RunBytes))
	g.mu.Lock()
	defer g.mu.Unlock()
	for p.c.gen == p.gen && g.q.bytes >= most && g.fetching.Err() == nil {
		g.cond.Wait()
	}
	return p.c.gen == p.gen && g.fetching.Err() == nil
}

// flush queues the run, if it is one.
func (d *decoder) flush() {
	r := d.run
	d.run = run{from: r.to, to: r.to, epoch: r.epoch}
	g := d.g
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.to == r.from || d.p.c.gen != d.p.gen {
		g.cfg.Budget.Release(r.bytes)
		return
	}
	var given atomic.Bool
	free := func() {
		if !given.Swap(true) {
			g.cfg.Budget.Release(r.bytes)
		}
	}
	ev := Records{Partition: d.p.c.part, Range: offsets.Range{From: r.from, To: r.to}, LeaderEpoch: r.epoch, Recs: r.recs, Bytes: r.bytes}
	g.push(&item{ev: NewRecords(ev, free), cursor: d.p.c, bytes: r.bytes, free: free})
}

var errStale = errors.New("not wanted any more")

// batch adds the records of one batch to the run, queueing it whenever it is full. On an error nothing of the batch
// was added, unless it is errStale or the end of the Group.
func (d *decoder) batch(b batch) error {
	if b.magic < 2 {
		return d.legacy(b)
	}
	body, err := d.unpack(b)
	if err != nil {
		return err
	}
	if err := checkBody(b, body); err != nil {
		return err
	}
	rd := recordReader{b: b, topic: d.p.c.part.Topic, num: d.p.c.part.Num, body: body}
	at := d.run.to
	var slab []kgo.Record
	for todo := b.records; todo > 0; todo-- {
		if len(slab) == 0 {
			n := min(todo, slabRecords)
			if err := d.take(int64(n) * recordOverhead); err != nil {
				return err
			}
			d.run.bytes, d.left = d.run.bytes+int64(n)*recordOverhead, d.left-int64(n)*recordOverhead
			slab = make([]kgo.Record, n)
		}
		rec := &slab[0]
		wire, headers := rd.next(rec)
		if headers > 0 {
			if err := d.take(headers); err != nil {
				return err
			}
			d.run.bytes, d.left = d.run.bytes+headers, d.left-headers
		}
		d.run.bytes, d.left = d.run.bytes+wire, d.left-wire
		if rec.Offset < at {
			continue // the batch begins before the position
		}
		slab = slab[1:]
		d.run.recs = append(d.run.recs, rec)
		d.run.to, d.run.epoch = rec.Offset+1, b.epoch
		if d.run.bytes >= int64(d.g.cfg.RunBytes) {
			slab = nil
			d.flush()
			if !d.room() {
				return errStale
			}
		}
	}
	return nil
}

// slabRecords are made at once: few enough that a run does not keep the memory of its neighbours.
const slabRecords = 256

// unpack gives the records of a batch, in memory of their own: what came uncompressed would keep the whole answer.
func (d *decoder) unpack(b batch) ([]byte, error) {
	packed := b.raw[headerSize:]
	if b.codec() == kgo.CodecNone {
		if err := d.take(int64(len(packed))); err != nil {
			return nil, err
		}
		return slices.Clone(packed), nil
	}
	return d.un.inflate(packed, b.codec())
}

// legacy decodes a message set of a log from before record batches, with the client's means: one message, or one
// that wraps others compressed.
func (d *decoder) legacy(b batch) error {
	if err := d.take(int64(len(b.raw))); err != nil {
		return err
	}
	part := d.p.c.part
	d.un.err = nil
	got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: d.run.to, Topic: part.Topic, Partition: part.Num},
		&kmsg.FetchResponseTopicPartition{Partition: part.Num, RecordBatches: slices.Clone(b.raw)}, d.un, nil)
	if err := errors.Join(d.un.err, got.Err); err != nil {
		return err
	}
	if next != b.last+1 {
		return fmt.Errorf("its messages end at %d, its own offset says %d", next-1, b.last)
	}
	if err := d.take(int64(len(got.Records)) * recordOverhead); err != nil {
		return err
	}
	d.run.recs = append(d.run.recs, got.Records...)
	return nil
}

// fault ends the partition, if what we hold is still wanted.
func (d *decoder) fault(kind FaultKind, at int64, err error) {
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	if d.p.c.gen == d.p.gen {
		d.g.fault(d.p.c, kind, at, err)
	}
}

// corrupt fetches a batch that does not add up again, a few times; then it ends the partition. What was sound
// before it is queued either way.
func (d *decoder) corrupt(b batch, err error) {
	if errors.Is(err, errStale) || errors.Is(err, context.Canceled) {
		return
	}
	d.flush()
	at := d.run.to
	c := d.p.c
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	if c.gen != d.p.gen {
		return
	}
	c.corrupt++
	if c.corrupt > corruptTries || errors.Is(err, errTooLarge) {
		d.g.fault(c, FaultCorrupt, at, fmt.Errorf("the record batch [%d,%d] cannot be read: %w", b.base, b.last, err))
		return
	}
	c.gen++ // what is queued stays valid, what is on its way from the broker does not
	c.next, c.epoch = at, d.run.epoch
	c.backOff(time.Now())
	d.g.wakeBrokers()
}
