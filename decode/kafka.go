package decode

import (
	"fmt"
	"unicode/utf8"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/schema"
)

// kafkaColumns fills the columns that say where a record came from.
type kafkaColumns struct {
	fill []kafkaColumn
}

type kafkaColumn struct {
	at    int // top-level field of the schema
	name  string
	which string
}

// planKafka finds the enabled columns in the schema.
func planKafka(sc *iceberg.Schema, enabled []string, fault func(string, ...any)) (k kafkaColumns, taken map[int]bool) {
	taken = make(map[int]bool)
	for _, name := range enabled {
		want, ok := schema.KafkaColumn(name)
		if !ok {
			fault("kafka column %q: %s", name, schema.UnknownKafkaColumn(name))
			continue
		}
		found := false
		for i, f := range sc.Fields() {
			if f.Name != want.Name {
				continue
			}
			found = true
			if taken[i] {
				fault("kafka column %s: named twice", name)
			} else if why := schema.KafkaColumnFits(name, f); why != "" {
				fault("kafka column %s: %s", name, why)
			} else {
				k.fill = append(k.fill, kafkaColumn{at: i, name: f.Name, which: name})
			}
			taken[i] = true
		}
		if !found {
			fault("kafka column %s: the table has no column %s of type %s", name, want.Name, want.Type)
		}
	}
	return k, taken
}

// check refuses a record whose key, headers or timestamp the columns cannot take. It comes before any append, so that append cannot fail.
func (k *kafkaColumns) check(cols []*Column, rec *kgo.Record) *RecordError {
	for _, f := range k.fill {
		required := cols[f.at].Field.Required
		switch {
		case f.which == "key" && required && rec.Key == nil:
			return &RecordError{Code: CodeNullRequired, Column: f.name, Reason: "the record has no key, and the column is required"}
		case f.which == "timestamp" && required && noTimestamp(rec):
			return &RecordError{Code: CodeNullRequired, Column: f.name, Reason: "the record has no timestamp, and the column is required"}
		case f.which == "headers":
			for _, h := range rec.Headers {
				if !utf8.ValidString(h.Key) {
					return &RecordError{Code: CodeBadUTF8, Column: f.name + ".element.key", Reason: fmt.Sprintf("a header's key of %s is not UTF-8", length(len(h.Key)))}
				}
			}
		}
	}
	return nil
}

// noTimestamp tells of a record without a timestamp, which Kafka writes as −1 ms.
func noTimestamp(rec *kgo.Record) bool {
	return rec.Timestamp.IsZero() || rec.Timestamp.UnixMilli() == -1
}

func (k *kafkaColumns) append(cols []*Column, rec *kgo.Record) {
	for _, f := range k.fill {
		c := cols[f.at]
		switch f.which {
		case "topic":
			c.appendString(rec.Topic)
		case "partition":
			c.I32 = append(c.I32, rec.Partition)
			c.grew()
		case "offset":
			c.I64 = append(c.I64, rec.Offset)
			c.grew()
		case "timestamp":
			if noTimestamp(rec) {
				c.appendNull()
				continue
			}
			c.I64 = append(c.I64, rec.Timestamp.UnixMilli()*1000)
			c.grew()
		case "key":
			if rec.Key == nil {
				c.appendNull()
				continue
			}
			c.appendBytes(rec.Key)
		case "headers":
			appendHeaders(c, rec.Headers)
		}
	}
}

func appendHeaders(c *Column, headers []kgo.RecordHeader) {
	pair := c.Children[0]
	for _, h := range headers {
		pair.Children[0].appendString(h.Key)
		if h.Value == nil {
			pair.Children[1].appendNull()
		} else {
			pair.Children[1].appendBytes(h.Value)
		}
		pair.grew()
	}
	c.Offsets = append(c.Offsets, int32(pair.Len))
	c.grew()
}

func (c *Column) appendString(s string) {
	c.Bytes = append(c.Bytes, s...)
	c.Offsets = append(c.Offsets, int32(len(c.Bytes)))
	c.grew()
}

func (c *Column) appendBytes(b []byte) {
	c.Bytes = append(c.Bytes, b...)
	c.Offsets = append(c.Offsets, int32(len(c.Bytes)))
	c.grew()
}

// weight is what a record counts against the 2 GiB of a Rows.
func weight(rec *kgo.Record) int64 {
	n := int64(len(rec.Value)) + int64(len(rec.Key)) + int64(len(rec.Topic)) + 1
	for _, h := range rec.Headers {
		n += int64(len(h.Key)) + int64(len(h.Value)) + 1
	}
	return n
}
