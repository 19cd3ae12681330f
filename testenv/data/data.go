// Package data makes streams of records for tests, benchmarks and the demo, and knows the facts of them that a
// reader of the finished table must find.
//
// A stream is a function of its seed: row i is the same whenever and on whatever machine it is made, and
// however many others are made. Facts come from the values as they are drawn, never from the JSON that is
// written of them: who compares a table with them compares with something that no decoder has touched.
package data

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// Stream is an endless sequence of records. It holds no state and is safe for concurrent use.
type Stream struct {
	Name        string
	Declared    []Declared // the columns of a table for it
	PartitionBy []string   // partition fields that suit it
	Measured    []Column   // the columns that Facts tells of

	seed uint64
	make func(g *gen)
}

// Declared is one column as a sinker configuration declares it.
type Declared struct {
	Name, Type string
	Required   bool
}

// Column is one column, or a field of a struct, that Facts tells of. The kinds are those of the readers: int,
// decimal, float, string, binary, uuid, bool, date, timestamp, list, map.
type Column struct {
	Name string `json:"name"` // with dots into structs
	Kind string `json:"kind"`
}

// Row makes row i: a record's key and value. The caller owns them.
func (s *Stream) Row(i int64) (key, value []byte) { return s.RowAt(i, time.Time{}) }

// RowAt makes row i as it would be if it had happened at a certain time, in milliseconds; the zero time stands
// for the row's own.
func (s *Stream) RowAt(i int64, at time.Time) (key, value []byte) {
	g := gen{i: i, at: at, rng: seeded(s.seed, uint64(i))}
	g.value = make([]byte, 0, 512)
	s.make(&g)
	return g.key, g.value
}

// Rows makes the rows [from, to).
func (s *Stream) Rows(from, to int64) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for i := from; i < to; i++ {
			if !yield(s.Row(i)) {
				return
			}
		}
	}
}

// Place says where row i is in a topic that was filled with all rows in order, round and round its partitions.
func Place(i int64, partitions int32) (partition int32, offset int64) {
	return int32(i % int64(partitions)), i / int64(partitions)
}

// Columns are the declared columns as lines of a configuration's create.columns, indented.
func (s *Stream) Columns(indent int) string {
	var b strings.Builder
	for _, d := range s.Declared {
		fmt.Fprintf(&b, "%s- {name: %s, type: %q", strings.Repeat(" ", indent), d.Name, d.Type)
		if d.Required {
			b.WriteString(", required: true")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// Table is an entry of a configuration's tables for this stream, indented as the document's top level wants it.
func (s *Stream) Table(topic, table string) string {
	return fmt.Sprintf("  - topics: [%s]\n    table: %s\n    format: json\n    create:\n      columns:\n%s      partition_by: [%s]\n",
		topic, table, s.Columns(8), strings.Join(s.PartitionBy, ", "))
}

// gen is one row in the making.
type gen struct {
	i          int64
	at         time.Time
	rng        splitmix
	key, value []byte
	facts      *collector // nil: nobody asks
	style      style
}

// splitmix is a small generator of random numbers that is seeded in no time.
type splitmix struct{ state uint64 }

func seeded(seed, row uint64) splitmix {
	r := splitmix{seed*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019}
	r.state = r.next() ^ row*0xd1342543de82ef95
	r.next()
	return r
}

func (r *splitmix) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n is a number in [0, bound).
func (r *splitmix) n(bound int64) int64 { return int64(r.next() >> 1 % uint64(bound)) }

// between is a number in [low, high].
func (r *splitmix) between(low, high int64) int64 { return low + r.n(high-low+1) }

// chance is true so many times of a hundred.
func (r *splitmix) chance(percent int64) bool { return r.n(100) < percent }

// skewed is a number in [0, bound), small ones far more often: whole-number arithmetic, so it is the same everywhere.
func (r *splitmix) skewed(bound int64) int64 { return r.n(r.n(r.n(bound)+1) + 1) }

func pick[T any](r *splitmix, of []T) T { return of[r.n(int64(len(of)))] }

// firstDay is when the streams begin.
var firstDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// when is the row's time in milliseconds: some after its place in the stream.
func (g *gen) when(step, jitter int64) int64 {
	ms := firstDay + g.i*step + g.rng.n(jitter)
	if !g.at.IsZero() {
		return g.at.UnixMilli()
	}
	return ms
}

const millis = "2006-01-02T15:04:05.000Z"

func (g *gen) appendTime(ms int64) {
	g.value = time.UnixMilli(ms).UTC().AppendFormat(g.value, millis)
}
