package sink

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/source"
)

// Entry is one entry of `tables` in the configuration: topics, and the table that they go to.
type Entry struct {
	Topics   []string
	Patterns []*regexp.Regexp
	Table    string       // {topic} stands for the topic's name
	Start    source.Point // where a table begins that holds no offsets yet
	Hash     string       // of what shapes rows: topics, table, format, columns, on_bad_record
	SkipBad  bool         // on_bad_record: skip
	// Letters, if not nil, is where bad records go (on_bad_record: dead_letter).
	Letters *Letters
	// MaxBadShare stops a table when more than this share of its last 10,000 records was bad, 0.1 being 10 %; 0: never.
	MaxBadShare float64
	Tally       *decode.Tally // where the decoders count fields without a column; optional, for the status only
	// Open finds the table, or creates it if the configuration says so. One attempt; errors are classed (commit.Error).
	Open func(ctx context.Context, table string) (Table, error)
	// Decoder makes a decoder for a table's schema; each call makes a new one.
	Decoder func(*iceberg.Schema) (decode.Decoder, error)
}

const topicPlaceholder = "{topic}"

func (e *Entry) fixedTable() (string, bool) {
	return e.Table, !strings.Contains(e.Table, topicPlaceholder)
}

func (e *Entry) takes(topic string) bool {
	for _, t := range e.Topics {
		if t == topic {
			return true
		}
	}
	for _, p := range e.Patterns {
		if p.MatchString(topic) {
			return true
		}
	}
	return false
}

// route finds the lane of a topic, and opens one for a table not met before. A topic that two entries claim goes to the
// lane of the first, which stops its partitions.
func (s *Sink) route(topic string) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.topics[topic]; l != nil {
		return l
	}
	var found []*Entry
	for i := range s.cfg.Entries {
		if s.cfg.Entries[i].takes(topic) {
			found = append(found, &s.cfg.Entries[i])
		}
	}
	if len(found) == 0 { // the source reads what the entries name, so this is a bug
		panic(fmt.Sprintf("sink: no table takes topic %q", topic))
	}
	l := s.lane(found[0], strings.ReplaceAll(found[0].Table, topicPlaceholder, topic))
	if len(found) > 1 {
		l.in.put(misrouted{topic, &commit.Stop{Reason: commit.Route, Table: l.name,
			Found: fmt.Sprintf("topic %s is claimed by the entries for %s and %s", topic, found[0].Table, found[1].Table),
			Do:    "change `tables` so that one entry takes it, then restart. `sinker check` names both"}})
	}
	s.topics[topic] = l
	return l
}

// lane returns the lane of a table; the caller holds the lock, or nobody else knows s yet.
func (s *Sink) lane(e *Entry, name string) *lane {
	if l := s.lanes[name]; l != nil {
		return l
	}
	l := newLane(s, e, name)
	s.lanes[name] = l
	s.order = append(s.order, l)
	s.run(l)
	return l
}
