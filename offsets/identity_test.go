package offsets_test

import (
	"fmt"
	"testing"

	"github.com/sinker-io/sinker/offsets"
)

// What stands in tables and in Kafka's own answers for "not known" and "no bound".
func TestMark_AbsentValuesAreThoseOfKafkaAndOfTheStoredState(t *testing.T) {
	if offsets.NoEpoch != -1 || offsets.Unbounded != -1 {
		t.Errorf("no epoch is %d, no bound is %d; tables that exist hold -1", offsets.NoEpoch, offsets.Unbounded)
	}
}

// A broker without topic ids gives the zero id: it is spelled as nothing, and nothing is read as it.
func TestTopicID_ZeroIsTheEmptyText(t *testing.T) {
	if s := (offsets.TopicID{}).String(); s != "" {
		t.Errorf("the zero id is spelled %q", s)
	}
	if id, err := offsets.ParseTopicID(""); err != nil || id != (offsets.TopicID{}) {
		t.Errorf("nothing is read as %v (%v)", id, err)
	}
	if s := (offsets.TopicID{0xfb, 0xff}).String(); len(s) != 22 || s[:3] != "-_8" {
		t.Errorf("%q is not the spelling of Kafka's own tools", s)
	}
}

func TestPartition_OrderIsStrictAndTotal(t *testing.T) {
	order := []offsets.Partition{{Topic: "a", Num: 1}, {Topic: "a", Num: 1, TopicID: offsets.TopicID{1}}, {Topic: "a", Num: 1, TopicID: offsets.TopicID{2}},
		{Topic: "a", Num: 2}, {Topic: "b", Num: 0}, {Topic: "b", Num: 1}}
	for i, p := range order {
		for j, q := range order {
			if p.Less(q) != (i < j) {
				t.Errorf("%v less than %v: %v", p, q, p.Less(q))
			}
		}
	}
	set := map[offsets.Partition]int{}
	for i, p := range order {
		set[p] = i
	}
	for i, p := range offsets.Sorted(set) {
		if p != order[i] {
			t.Errorf("place %d: %v, want %v", i, p, order[i])
		}
	}
}

func TestRange_ReadsHalfOpen(t *testing.T) {
	if s := (offsets.Range{From: 3, To: 7}).String(); s != "[3,7)" {
		t.Errorf("%q", s)
	}
	for _, c := range []struct {
		r    offsets.Range
		want int64
	}{{offsets.Range{From: 3, To: 7}, 4}, {offsets.Range{From: 7, To: 7}, 0}, {offsets.Range{From: 7, To: 3}, 0}} {
		if c.r.Len() != c.want {
			t.Errorf("%s holds %d offsets, want %d", c.r, c.r.Len(), c.want)
		}
	}
}

// Two ledgers are equal if they say the same of the same partitions of the same cluster, and a topic is found among any number.
func TestLedger_EqualAndHasTopicLookAtAllOfIt(t *testing.T) {
	l := offsets.Ledger{Cluster: "c", Marks: map[offsets.Partition]offsets.Mark{}}
	for i := range 64 {
		l.Marks[offsets.Partition{Topic: fmt.Sprint("t", i), TopicID: offsets.TopicID{byte(i)}}] = offsets.Mark{Next: int64(i)}
	}
	if !l.Equal(l.Clone()) {
		t.Error("a copy differs")
	}
	other := l.Clone()
	other.Cluster = "d"
	if l.Equal(other) {
		t.Error("offsets of another cluster are taken for the same")
	}
	for i := range 64 {
		if !l.HasTopic(fmt.Sprint("t", i), offsets.TopicID{byte(i)}) {
			t.Errorf("topic %d is not found", i)
		}
		if p := (offsets.Partition{Topic: fmt.Sprint("t", i), TopicID: offsets.TopicID{byte(i)}}); l.Position()[p] != int64(i) {
			t.Errorf("position of %s is %d", p, l.Position()[p])
		}
	}
}
