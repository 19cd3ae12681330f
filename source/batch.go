package source

import (
	"encoding/binary"
	"slices"

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
