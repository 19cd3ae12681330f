package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// topic is one incarnation of a topic.
type topic struct {
	name  string
	id    offsets.TopicID
	table string
	sink  string
	logs  []*partLog
}

func (t *topic) part(n int) offsets.Partition {
	return offsets.Partition{Topic: t.name, TopicID: t.id, Num: int32(n)}
}

// partLog is the log of one partition. entries[i] is at offset i; those below start are gone.
type partLog struct {
	entries []*entry
	start   int64
	most    int64 // the end that it had before it was cut: below it, other records were once
	word    int64 // the end of what an operator has passed over last
	epochs  []epochStart
}

type epochStart struct {
	epoch int32
	from  int64
}

// entry is what one offset holds.
type entry struct {
	id      int64 // of the record, 0: a marker of a transaction
	value   []byte
	at      time.Time
	epoch   int32
	open    bool // of a transaction that has not ended
	aborted bool
	corrupt bool // no client can read the batch that it is in
}

// newTopicID is another id for each n, told apart by the first letters that a story prints.
func newTopicID(n uint32, name string) (id offsets.TopicID) {
	binary.BigEndian.PutUint32(id[:4], n)
	copy(id[8:], name)
	return id
}

func newLog() *partLog { return &partLog{epochs: []epochStart{{0, 0}}} }

func (l *partLog) end() int64   { return int64(len(l.entries)) }
func (l *partLog) epoch() int32 { return l.epochs[len(l.epochs)-1].epoch }

// stable is the end of what read_committed may read.
func (l *partLog) stable() int64 {
	for o := l.start; o < l.end(); o++ {
		if l.entries[o].open {
			return o
		}
	}
	return l.end()
}

// epochEnd answers OffsetForLeaderEpoch as a broker does: where the newest epoch that is not above e ends, and which that is. An
// epoch older than all that are known ends where the first of these begins; one newer than all is not known.
func (l *partLog) epochEnd(e int32) (int64, int32) {
	end, answer := int64(-1), int32(-1)
	if e == l.epoch() {
		return l.end(), e
	}
	for i := len(l.epochs) - 1; i >= 0 && l.epochs[i].epoch > e; i-- {
		end, answer = l.epochs[i].from, e
		if i > 0 && l.epochs[i-1].epoch <= e {
			answer = l.epochs[i-1].epoch
		}
	}
	return end, answer
}

func (l *partLog) add(e *entry) int64 {
	e.epoch, e.at = l.epoch(), time.Now()
	l.entries = append(l.entries, e)
	return l.end() - 1
}

// run is what one fetch answers: records from an offset on, what lies between them, up to a bound.
func (l *partLog) run(p offsets.Partition, from int64, most int) (recs []*kgo.Record, to int64, epoch int32, corrupt bool) {
	to = from
	for stable := l.stable(); to < stable && int(to-from) < most; to++ {
		e := l.entries[to]
		if e.corrupt {
			return recs, to, epoch, to == from
		}
		epoch = e.epoch
		if e.id != 0 && !e.aborted {
			recs = append(recs, &kgo.Record{Topic: p.Topic, Partition: p.Num, Offset: to, Value: e.value, Timestamp: e.at, LeaderEpoch: e.epoch})
		}
	}
	return recs, to, epoch, false
}

// cut is an unclean election: the last n offsets are lost, and a new leader goes on.
func (l *partLog) cut(n int64) (lost []*entry) {
	to := max(l.start, l.end()-n)
	lost = append(lost, l.entries[to:]...)
	l.most = max(l.most, l.end())
	l.entries = l.entries[:to:to]
	next := l.epoch() + 1
	for len(l.epochs) > 0 && l.epochs[len(l.epochs)-1].from >= to {
		l.epochs = l.epochs[:len(l.epochs)-1]
	}
	l.epochs = append(l.epochs, epochStart{next, to})
	return lost
}

// expire is retention: the log begins at an offset now, and so does the oldest epoch that it still knows.
func (l *partLog) expire(to int64) {
	l.start = to
	for len(l.epochs) > 1 && l.epochs[1].from <= to {
		l.epochs = l.epochs[1:]
	}
	l.epochs[0].from = max(l.epochs[0].from, to)
}

// truth is what was sent, by id.
type truth struct {
	next    int64
	records map[int64]oracle.Record
}

// begin makes the record of an id to come.
func (t *truth) begin(tp *topic, n int, offset int64, fate oracle.Fate) int64 {
	t.next++
	t.records[t.next] = oracle.Record{Table: tp.table, Sink: tp.sink, Part: partOf(tp.part(n)), Offset: offset, Fate: fate, Epoch: tp.logs[n].epoch(),
		Again: offset < tp.logs[n].most}
	return t.next
}

func (t *truth) set(id int64, fate oracle.Fate) {
	if r, known := t.records[id]; known && r.Fate != oracle.Never {
		r.Fate = fate
		t.records[id] = r
	}
}

// good and bad make values.
func good(id int64) []byte {
	switch id % 5 {
	case 0:
		return fmt.Appendf(nil, `{"id":%d}`, id)
	case 1:
		return fmt.Appendf(nil, `{"id":%d,"note":null,"more":7}`, id)
	}
	return fmt.Appendf(nil, `{"id":%d,"note":"n%d"}`, id, id%7)
}

func bad(r *rand.Rand) []byte {
	return [][]byte{[]byte(`{"note":"no id"}`), []byte("no json"), []byte(`{"id":"x"}`), []byte(`{"id":1e400}`), {}, nil}[r.IntN(6)]
}
