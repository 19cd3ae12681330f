package offsets_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/offsets"
)

func TestTopicID_ReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var id offsets.TopicID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		got, err := offsets.ParseTopicID(id.String())
		if err != nil || got != id {
			t.Fatalf("%v became %q, which reads as %v (%v)", id, id.String(), got, err)
		}
	})
	for _, bad := range []string{"x", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAA/", "AAAAAAAAAAAAAAAAAAAAAB"} {
		if id, err := offsets.ParseTopicID(bad); err == nil {
			t.Errorf("%q was read as %v", bad, id)
		}
	}
}

func TestRange_MeetsWhereAnOffsetIsInBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := func(name string) offsets.Range {
			return offsets.Range{From: rapid.Int64Range(0, 9).Draw(t, name), To: rapid.Int64Range(0, 9).Draw(t, name)}
		}
		a, b := r("a"), r("b")
		shared := false
		for o := int64(0); o < 10; o++ {
			shared = shared || (a.From <= o && o < a.To && b.From <= o && o < b.To)
		}
		if a.Meets(b) != shared || b.Meets(a) != shared {
			t.Fatalf("%s meets %s: %v, want %v", a, b, a.Meets(b), shared)
		}
	})
}

func TestSorted_ByTopicThenNumber(t *testing.T) {
	m := map[offsets.Partition]int{{Topic: "b"}: 0, {Topic: "a", Num: 10}: 0, {Topic: "a", Num: 9}: 0, {Topic: "a", Num: 9, TopicID: offsets.TopicID{1}}: 0}
	got := offsets.Sorted(m)
	for i := 1; i < len(got); i++ {
		if !got[i-1].Less(got[i]) || got[i].Less(got[i-1]) {
			t.Errorf("%v before %v", got[i-1], got[i])
		}
	}
	if got[0].String() != "a-9" || got[3].Topic != "b" {
		t.Errorf("%v", got)
	}
}

func TestLedger_CopiesShareNothing(t *testing.T) {
	p := offsets.Partition{Topic: "a", TopicID: offsets.TopicID{1}}
	l := offsets.Ledger{Cluster: "c", Marks: map[offsets.Partition]offsets.Mark{p: {Next: 5, Origin: 2}}}
	c := l.Clone()
	if !c.Equal(l) || c.Position()[p] != 5 {
		t.Errorf("%+v", c)
	}
	c.Marks[p] = offsets.Mark{Next: 6}
	if l.Marks[p].Next != 5 || c.Equal(l) {
		t.Error("the copy is the original")
	}
	if !l.HasTopic("a", offsets.TopicID{1}) || l.HasTopic("a", offsets.TopicID{2}) || l.HasTopic("b", offsets.TopicID{1}) {
		t.Error("a topic is its name and its id")
	}
	if (offsets.Ledger{}).Clone().Marks == nil {
		t.Error("a clone must take marks")
	}
}
