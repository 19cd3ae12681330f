package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// A ledger is spelled
//
//	{"cluster":"id","t":{"topic#topic-id":{"o":[…],"e":[…],"s":[…],"u":[…],"d":[…],"k":[…],"h":[…]}}}
//
// with one entry per partition in each list: next offset (-1: the partition is not known), leader epoch, origin,
// upper bound, dead letters, skips, holes. A list other than o is left out when all it says is the default: 0, and -1 for e and u.
var ledgerLists = [...]ledgerList{
	{"e", int64(offsets.NoEpoch), func(m *offsets.Mark) int64 { return int64(m.LeaderEpoch) }, func(m *offsets.Mark, v int64) { m.LeaderEpoch = int32(v) }},
	{"s", 0, func(m *offsets.Mark) int64 { return m.Origin }, func(m *offsets.Mark, v int64) { m.Origin = v }},
	{"u", offsets.Unbounded, func(m *offsets.Mark) int64 { return m.Upper }, func(m *offsets.Mark, v int64) { m.Upper = v }},
	{"d", 0, func(m *offsets.Mark) int64 { return m.Dead }, func(m *offsets.Mark, v int64) { m.Dead = v }},
	{"k", 0, func(m *offsets.Mark) int64 { return m.Skipped }, func(m *offsets.Mark, v int64) { m.Skipped = v }},
	{"h", 0, func(m *offsets.Mark) int64 { return m.Holes }, func(m *offsets.Mark, v int64) { m.Holes = v }},
}

type ledgerList struct {
	key  string
	none int64
	get  func(*offsets.Mark) int64
	set  func(*offsets.Mark, int64)
}

// topicKey is the identity of a topic in every state string; '#' cannot be in a topic's name.
func topicKey(name string, id offsets.TopicID) string { return name + "#" + id.String() }

func parseTopicKey(key string) (string, offsets.TopicID, error) {
	name, id, ok := strings.Cut(key, "#")
	if !ok || name == "" {
		return "", offsets.TopicID{}, fmt.Errorf("key %q: want topic#id", key)
	}
	tid, err := offsets.ParseTopicID(id)
	return name, tid, err
}

// checkMark is the sense that a mark must make, written or read.
func checkMark(m offsets.Mark) error {
	switch {
	case m.Origin < 0 || m.Next < m.Origin:
		return fmt.Errorf("next offset %d and origin %d do not fit", m.Next, m.Origin)
	case m.Upper < offsets.Unbounded || (m.Upper != offsets.Unbounded && m.Upper < m.Origin):
		return fmt.Errorf("upper bound %d and origin %d do not fit", m.Upper, m.Origin)
	case m.LeaderEpoch < offsets.NoEpoch:
		return fmt.Errorf("leader epoch %d", m.LeaderEpoch)
	case m.Dead < 0 || m.Skipped < 0 || m.Holes < 0:
		return errors.New("a count is negative")
	}
	return nil
}

// byTopic groups the partitions of any map by topicKey, in order.
func byTopic[V any](m map[offsets.Partition]V) (keys []string, parts map[string][]offsets.Partition, err error) {
	parts = map[string][]offsets.Partition{}
	for _, p := range offsets.Sorted(m) {
		if p.Num < 0 || p.Num >= maxPartition || p.Topic == "" || strings.Contains(p.Topic, "#") {
			return nil, nil, fmt.Errorf("partition %s cannot be written", p)
		}
		k := topicKey(p.Topic, p.TopicID)
		parts[k] = append(parts[k], p)
	}
	return slices.Sorted(maps.Keys(parts)), parts, nil
}

// encodeLedger spells a ledger as a state string. It fails on marks that make no sense, which are a bug of the caller.
func encodeLedger(l offsets.Ledger) (string, error) {
	keys, parts, err := byTopic(l.Marks)
	if err != nil {
		return "", err
	}
	var w jsonWriter
	w.WriteByte('{')
	w.key(true, "cluster")
	w.str(l.Cluster)
	w.key(false, "t")
	w.WriteByte('{')
	for i, k := range keys {
		w.key(i == 0, k)
		ps := parts[k]
		n := int(ps[len(ps)-1].Num) + 1
		next := slices.Repeat([]int64{-1}, n)
		for _, p := range ps {
			m := l.Marks[p]
			if err := checkMark(m); err != nil {
				return "", fmt.Errorf("partition %s: %w", p, err)
			}
			next[p.Num] = m.Next
		}
		w.WriteByte('{')
		w.key(true, "o")
		w.ints(next)
		for _, list := range ledgerLists {
			vs := slices.Repeat([]int64{list.none}, n)
			said := false
			for _, p := range ps {
				m := l.Marks[p]
				vs[p.Num] = list.get(&m)
				said = said || vs[p.Num] != list.none
			}
			if said {
				w.key(false, list.key)
				w.ints(vs)
			}
		}
		w.WriteByte('}')
	}
	w.WriteString("}}")
	if w.Len() > maxState {
		return "", fmt.Errorf("the state is longer than %d bytes", maxState)
	}
	return pack(w.Bytes()), nil
}

// decodeLedger reads what encodeLedger wrote, and nothing else.
func decodeLedger(s string) (offsets.Ledger, error) {
	l := offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{}}
	text, err := unpack(s)
	if err != nil {
		return offsets.Ledger{}, fmt.Errorf("offsets: %w", err)
	}
	r := newReader(text)
	var cluster, topics bool
	r.object(func(key string) {
		switch key {
		case "cluster":
			l.Cluster, cluster = r.text(), true
		case "t":
			topics = true
			r.object(func(key string) {
				name, id, err := parseTopicKey(key)
				if err != nil {
					r.fail("%w", err)
					return
				}
				readTopic(r, name, id, l.Marks)
			})
		default:
			r.fail("unknown key %q", key)
		}
	})
	if r.err == nil && (!cluster || !topics) {
		r.fail("cluster or t is missing")
	}
	if err := r.end(); err != nil {
		return offsets.Ledger{}, fmt.Errorf("offsets: %w", err)
	}
	return l, nil
}

func readTopic(r *reader, name string, id offsets.TopicID, into map[offsets.Partition]offsets.Mark) {
	lists := map[string][]int64{}
	r.object(func(key string) {
		if key != "o" && !slices.ContainsFunc(ledgerLists[:], func(l ledgerList) bool { return l.key == key }) {
			r.fail("unknown key %q of topic %q", key, name)
			return
		}
		lists[key] = r.ints()
	})
	if r.err != nil {
		return
	}
	next, ok := lists["o"]
	if !ok {
		r.fail("topic %q has no o", name)
		return
	}
	for key, vs := range lists {
		if len(vs) != len(next) {
			r.fail("topic %q: %s has %d entries, o has %d", name, key, len(vs), len(next))
			return
		}
	}
	for num, o := range next {
		m := offsets.Mark{Next: o}
		unset := true
		for _, list := range ledgerLists {
			v := list.none
			if vs, ok := lists[list.key]; ok {
				v = vs[num]
			}
			if list.key == "e" && v != int64(int32(v)) {
				r.fail("topic %q partition %d: leader epoch %d", name, num, v)
				return
			}
			list.set(&m, v)
			unset = unset && v == list.none
		}
		if o == -1 {
			if !unset {
				r.fail("topic %q partition %d: is not known, and yet something is said of it", name, num)
				return
			}
			continue
		}
		if err := checkMark(m); err != nil {
			r.fail("topic %q partition %d: %w", name, num, err)
			return
		}
		into[offsets.Partition{TopicID: id, Topic: name, Num: int32(num)}] = m
	}
}

// encodeOthers spells the states of other sinks as {"id":{"carrier":n,"epoch":n,"offsets":"…"}}, "" if there are none.
func encodeOthers(others map[string]commit.Other) (string, error) {
	if len(others) == 0 {
		return "", nil
	}
	var w jsonWriter
	w.WriteByte('{')
	for i, sink := range slices.Sorted(maps.Keys(others)) {
		if !ValidSink(sink) {
			return "", fmt.Errorf("sink id %q", sink)
		}
		o := others[sink]
		ledger, err := encodeLedger(o.Ledger)
		if err != nil {
			return "", fmt.Errorf("state of sink %s: %w", sink, err)
		}
		w.key(i == 0, sink)
		fmt.Fprintf(&w, `{"carrier":%d,"epoch":%d,"offsets":`, o.Carrier, o.Epoch)
		w.str(ledger)
		w.WriteByte('}')
	}
	w.WriteByte('}')
	return pack(w.Bytes()), nil
}

func decodeOthers(s string) (map[string]commit.Other, error) {
	text, err := unpack(s)
	if err != nil {
		return nil, fmt.Errorf("others: %w", err)
	}
	out := map[string]commit.Other{}
	r := newReader(text)
	r.object(func(sink string) {
		if !ValidSink(sink) {
			r.fail("sink id %q", sink)
			return
		}
		var o commit.Other
		var ledger string
		r.object(func(key string) {
			switch key {
			case "carrier":
				o.Carrier = r.int64()
			case "epoch":
				o.Epoch = r.uint64()
			case "offsets":
				ledger = r.text()
			default:
				r.fail("unknown key %q of sink %s", key, sink)
			}
		})
		if r.err != nil {
			return
		}
		if o.Carrier <= 0 {
			r.fail("sink %s has no carrier", sink)
			return
		}
		l, err := decodeLedger(ledger)
		if err != nil {
			r.fail("sink %s: %w", sink, err)
			return
		}
		o.Ledger = l
		out[sink] = o
	})
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("others: %w", err)
	}
	return out, nil
}
