package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// intact holds the header of a record batch against its bytes. Old message sets are left to their own decoder.
func (b batch) intact() error {
	if b.magic == 0 || b.magic == 1 {
		return nil
	}
	if b.magic != 2 {
		return fmt.Errorf("its format version is %d, this reads up to 2", b.magic)
	}
	if want, got := binary.BigEndian.Uint32(b.raw[17:]), crc32.Checksum(b.raw[21:], castagnoli); want != got {
		return fmt.Errorf("its checksum is %08x, its bytes have %08x", want, got)
	}
	if b.records < 0 || b.last < b.base {
		return fmt.Errorf("it claims %d records and to end %d after its beginning", b.records, b.last-b.base)
	}
	return nil
}

var errRecord = errors.New("a record is cut off or malformed")

// fields are the pieces of one record, as places in the body.
type fields struct {
	time, offset int64 // deltas
	key, value   []byte
	headers      int
	rest         []byte // the headers, undecoded
}

// cut reads the record at the beginning of body.
func cut(body []byte) (f fields, after []byte, ok bool) {
	size, n := binary.Varint(body)
	if n <= 0 || size < 0 || size > int64(len(body)-n) {
		return f, nil, false
	}
	rec, after := body[n:n+int(size)], body[n+int(size):]
	if len(rec) == 0 {
		return f, nil, false
	}
	rec = rec[1:] // attributes, of which there are none
	if f.time, rec, ok = varint(rec); !ok {
		return f, nil, false
	}
	if f.offset, rec, ok = varint(rec); !ok {
		return f, nil, false
	}
	if f.key, rec, ok = varbytes(rec); !ok {
		return f, nil, false
	}
	if f.value, rec, ok = varbytes(rec); !ok {
		return f, nil, false
	}
	count, rest, ok := varint(rec)
	if !ok || count < 0 || count > int64(len(rest)/2) {
		return f, nil, false
	}
	f.headers, f.rest = int(count), rest
	return f, after, true
}

func varint(b []byte) (int64, []byte, bool) {
	v, n := binary.Varint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

// varbytes reads bytes behind their length; nil where the length is -1.
func varbytes(b []byte) (v, rest []byte, ok bool) {
	n, b, ok := varint(b)
	if !ok || n > int64(len(b)) || n < -1 {
		return nil, nil, false
	}
	if n == -1 {
		return nil, b, true
	}
	return b[:n:n], b[n:], true
}

// checkBody walks the records of a batch before any is used: as many as the header says, in the order of their
// offsets, within the batch, and nothing after them.
func checkBody(b batch, body []byte) error {
	last := int64(-1)
	for i := range b.records {
		f, rest, ok := cut(body)
		if !ok {
			return fmt.Errorf("%w (number %d of %d)", errRecord, i+1, b.records)
		}
		for range f.headers {
			key, more, ok := varbytes(f.rest)
			if !ok || key == nil {
				return fmt.Errorf("%w (number %d of %d, in its headers)", errRecord, i+1, b.records)
			}
			if _, f.rest, ok = varbytes(more); !ok {
				return fmt.Errorf("%w (number %d of %d, in its headers)", errRecord, i+1, b.records)
			}
		}
		if len(f.rest) > 0 {
			return fmt.Errorf("%w (number %d of %d has %d bytes too many)", errRecord, i+1, b.records, len(f.rest))
		}
		if f.offset <= last || f.offset > b.last-b.base {
			return fmt.Errorf("record number %d of %d has offset %d, out of order or outside of the batch", i+1, b.records, b.base+f.offset)
		}
		last, body = f.offset, rest
	}
	if len(body) > 0 {
		return fmt.Errorf("%d bytes follow its %d records", len(body), b.records)
	}
	return nil
}

// recordReader makes the records of a body that was checked. They point into it.
type recordReader struct {
	b     batch
	topic string
	num   int32
	body  []byte
}

// next fills r; wire is how much of the body it took, headers what they cost on top.
func (rd *recordReader) next(r *kgo.Record) (wire, headers int64) {
	before := len(rd.body)
	f, rest, _ := cut(rd.body)
	rd.body = rest
	ms := int64(binary.BigEndian.Uint64(rd.b.raw[27:])) + f.time
	if rd.b.attrs&0x08 != 0 { // the broker's time of appending, one for all
		ms = int64(binary.BigEndian.Uint64(rd.b.raw[35:]))
	}
	*r = kgo.Record{
		Key: f.key, Value: f.value, Timestamp: time.UnixMilli(ms), Topic: rd.topic, Partition: rd.num, Offset: rd.b.base + f.offset,
		LeaderEpoch: rd.b.epoch, ProducerID: rd.b.producer, ProducerEpoch: int16(binary.BigEndian.Uint16(rd.b.raw[51:])),
	}
	if f.headers > 0 {
		r.Headers = make([]kgo.RecordHeader, f.headers)
		for i := range r.Headers {
			var key []byte
			key, f.rest, _ = varbytes(f.rest)
			r.Headers[i].Key = unsafe.String(unsafe.SliceData(key), len(key)) // the body never changes
			r.Headers[i].Value, f.rest, _ = varbytes(f.rest)
		}
	}
	return int64(before - len(rest)), int64(f.headers) * headerOverhead
}
