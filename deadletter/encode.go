package deadletter

import (
	"fmt"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
)

// Fault is a record and what is wrong with it.
type Fault struct {
	Record *kgo.Record
	Err    *decode.RecordError
}

// Encoder turns faults into rows of a table of dead letters. It is the decode.Decoder of a batch of that table: set what it is to
// write with Take, then append the records. It belongs to one goroutine.
type Encoder struct {
	Sink     string
	Table    string // that could not take the records
	SchemaID int    // of that table
	Now      func() time.Time

	at     []int // of columns, in the schema of the table
	others []int // columns that stay null
	id     string
	faults []Fault
	noted  int64 // µs
}

var columns = []string{colTopic, colTopicID, colPartition, colOffset, colLeaderEpoch, colTimestamp, colKey, colValue, colHeaders, colCode, colColumn,
	colReason, colSink, colTable, colSchemaID, colNoted}

// NewEncoder is an encoder for a table of this schema. The error says why it cannot hold dead letters.
func NewEncoder(sc *iceberg.Schema) (*Encoder, error) {
	at, err := find(sc, columns...)
	if err != nil {
		return nil, err
	}
	e := &Encoder{Now: time.Now, at: at}
	taken := map[int]bool{}
	for _, i := range at {
		taken[i] = true
	}
	for i, f := range sc.Fields() {
		switch {
		case taken[i]:
		case f.Required:
			return nil, fmt.Errorf("column %s of the table of dead letters is required, and nothing fills it", f.Name)
		default:
			e.others = append(e.others, i)
		}
	}
	return e, nil
}

// Take says which records come next, in their order, and of what partition they are. They are kept until the next Take.
func (e *Encoder) Take(p offsets.Partition, faults []Fault) {
	e.id, e.faults, e.noted = p.TopicID.String(), faults, e.Now().UnixMicro()
}

// Append implements decode.Decoder.
func (e *Encoder) Append(rows *decode.Rows, rec *kgo.Record) error {
	for len(e.faults) > 0 && e.faults[0].Record != rec {
		e.faults = e.faults[1:]
	}
	if len(e.faults) == 0 {
		return fmt.Errorf("offset %d of %s is no dead letter (this is a bug)", rec.Offset, rec.Topic)
	}
	why := e.faults[0].Err
	size := weight(rec, why)
	if err := rows.Begin(size); err != nil {
		return err
	}
	for i, at := range e.at {
		if at >= 0 {
			e.put(rows.Columns[at], columns[i], rec, why)
		}
	}
	for _, at := range e.others {
		rows.Columns[at].PutNull()
	}
	rows.End(size)
	return nil
}

func (e *Encoder) put(c *decode.Column, name string, rec *kgo.Record, why *decode.RecordError) {
	switch name {
	case colTopic:
		c.PutString(rec.Topic)
	case colTopicID:
		putText(c, e.id)
	case colPartition:
		c.PutInt32(rec.Partition)
	case colOffset:
		c.PutInt64(rec.Offset)
	case colLeaderEpoch:
		c.PutInt32(rec.LeaderEpoch)
	case colTimestamp:
		if rec.Timestamp.IsZero() || rec.Timestamp.UnixMilli() == -1 { // Kafka's none
			c.PutNull()
		} else {
			c.PutInt64(rec.Timestamp.UnixMicro())
		}
	case colKey:
		putBytes(c, rec.Key)
	case colValue:
		putBytes(c, rec.Value)
	case colHeaders:
		pair := c.Children[0]
		for _, h := range rec.Headers {
			pair.Children[0].PutString(h.Key)
			putBytes(pair.Children[1], h.Value)
			pair.PutStruct()
		}
		c.PutList()
	case colCode:
		c.PutString(why.Code)
	case colColumn:
		putText(c, why.Column)
	case colReason:
		c.PutString(why.Reason)
	case colSink:
		c.PutString(e.Sink)
	case colTable:
		c.PutString(e.Table)
	case colSchemaID:
		c.PutInt32(int32(e.SchemaID))
	case colNoted:
		c.PutInt64(e.noted)
	}
}

func putBytes(c *decode.Column, b []byte) {
	if b == nil {
		c.PutNull()
		return
	}
	c.PutBytes(b)
}

func putText(c *decode.Column, s string) {
	if s == "" {
		c.PutNull()
		return
	}
	c.PutString(s)
}

// weight is about how many bytes the longest column of a row takes, at least.
func weight(rec *kgo.Record, why *decode.RecordError) int64 {
	n := len(rec.Topic) + len(rec.Key) + len(rec.Value) + len(why.Reason) + len(why.Column) + 256
	for _, h := range rec.Headers {
		n += len(h.Key) + len(h.Value) + 8
	}
	return int64(n)
}
