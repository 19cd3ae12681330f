// Package offsets is the arithmetic of positions and ranges of a log.
//
// All ranges are half open: [From, To). A position is the next offset to read, as Kafka counts it: after
// the record at offset 41 was taken, the position is 42. Nothing in here knows of tables or brokers.
package offsets

import (
	"encoding/base64"
	"fmt"
	"sort"
)

// TopicID is Kafka's identity of a topic (KIP-516): a topic that is deleted and created again under the same
// name has another id. The zero value means that the broker does not give ids; the name alone counts then.
type TopicID [16]byte

// String spells the id as Kafka's own tools do: 22 characters of unpadded URL base64; empty for the zero id.
func (id TopicID) String() string {
	if id == (TopicID{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// ParseTopicID reads what String wrote.
func ParseTopicID(s string) (TopicID, error) {
	var id TopicID
	if s == "" {
		return id, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("topic id %q: want 22 characters of URL base64", s)
	}
	copy(id[:], b)
	return id, nil
}

// Partition is one partition of one incarnation of a topic.
type Partition struct {
	TopicID TopicID
	Topic   string
	Num     int32
}

// String is for people and logs: "orders-3".
func (p Partition) String() string { return fmt.Sprintf("%s-%d", p.Topic, p.Num) }

// Less orders by topic, number, then id.
func (p Partition) Less(q Partition) bool {
	if p.Topic != q.Topic {
		return p.Topic < q.Topic
	}
	if p.Num != q.Num {
		return p.Num < q.Num
	}
	return string(p.TopicID[:]) < string(q.TopicID[:])
}

// Position is the next offset to read per partition; a partition that is absent was never read.
type Position map[Partition]int64

// Clone returns a copy that shares nothing.
func (p Position) Clone() Position {
	out := make(Position, len(p))
	for k, v := range p {
		out[k] = v
	}
	return out
}

// Range is the half-open run of offsets [From, To).
type Range struct{ From, To int64 }

// Len is how many offsets the range holds; a range that ends before it begins holds none.
func (r Range) Len() int64 { return max(0, r.To-r.From) }

// Meets tells whether the two ranges share an offset.
func (r Range) Meets(o Range) bool {
	return r.From < o.To && o.From < r.To && r.Len() > 0 && o.Len() > 0
}

func (r Range) String() string { return fmt.Sprintf("[%d,%d)", r.From, r.To) }

// Ranges is one range per partition.
type Ranges map[Partition]Range

// Sorted lists the keys of any map keyed by partition in the order of Partition.Less.
func Sorted[V any](m map[Partition]V) []Partition {
	out := make([]Partition, 0, len(m))
	for p := range m {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Less(out[j]) })
	return out
}
