package source_test

import (
	"errors"
	"testing"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

var (
	idA  = offsets.TopicID{1}
	idB  = offsets.TopicID{2}
	part = offsets.Partition{TopicID: idA, Topic: "orders", Num: 3}
)

// TestCheck_EveryCombination holds Check against the protocol's order of tests, spelled out anew and plainly, over
// every combination of small positions and ends.
func TestCheck_EveryCombination(t *testing.T) {
	n := 0
	for _, cluster := range []string{"c1", "c2", ""} {
		for _, id := range []offsets.TopicID{idA, idB, {}} {
			for next := int64(0); next < 5; next++ {
				for start := int64(0); start < 5; start++ {
					for end := start; end < 5; end++ {
						for epochEnd := int64(-1); epochEnd < 5; epochEnd++ {
							for _, epoch := range []int32{-1, 7} {
								for _, failed := range []error{nil, errors.New("no leader")} {
									n++
									info := source.LogInfo{Partition: offsets.Partition{TopicID: id, Topic: "orders", Num: 3}, LogStart: start, LastStable: end,
										HighWater: end, EpochEnd: epochEnd, Err: failed}
									ledger := offsets.Ledger{Cluster: "c1", Marks: map[offsets.Partition]offsets.Mark{part: {Next: next, LeaderEpoch: epoch}}}
									var want source.FaultKind
									warned := false
									switch {
									case failed != nil:
									case cluster == "c2":
										want = source.FaultCluster
									case id == idB:
										want = source.FaultRecreated
									case next > end, epoch >= 0 && epochEnd >= 0 && epochEnd < next:
										want = source.FaultTruncation
									case start > next:
										want = source.FaultGap
									default:
										warned = epoch >= 0 && epochEnd == -1
									}
									got := source.Check(cluster, ledger, []source.LogInfo{info})
									switch {
									case want == "" && !warned:
										if len(got) != 0 {
											t.Fatalf("%+v at %d epoch %d: %+v, want nothing", info, next, epoch, got)
										}
									case len(got) != 1 || got[0].Kind != want || got[0].Detail == "" || got[0].Position != next || got[0].Partition != info.Partition:
										t.Fatalf("%+v at %d epoch %d: %+v, want %q warned %v", info, next, epoch, got, want, warned)
									case want == source.FaultTruncation && (got[0].Diverged < 0 || got[0].Diverged >= next):
										t.Fatalf("%+v at %d epoch %d: diverged at %d, which is not before the position", info, next, epoch, got[0].Diverged)
									case want == source.FaultGap && got[0].LogStart != start:
										t.Fatalf("%+v: gap to %d", info, got[0].LogStart)
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if n < 10_000 {
		t.Fatalf("%d combinations only", n)
	}
}

func TestCheck_AnotherClusterConcernsEveryPartition(t *testing.T) {
	ledger := offsets.Ledger{Cluster: "c1", Marks: map[offsets.Partition]offsets.Mark{part: {Next: 3}}}
	fresh := source.LogInfo{Partition: offsets.Partition{TopicID: idB, Topic: "new", Num: 0}, HighWater: 9, EpochEnd: -1}
	if got := source.Check("c2", ledger, []source.LogInfo{fresh}); len(got) != 1 || got[0].Kind != source.FaultCluster {
		t.Errorf("a partition not known yet, on another cluster: %+v", got)
	}
	if got := source.Check("c2", offsets.Ledger{Cluster: "c1"}, []source.LogInfo{fresh}); len(got) != 0 {
		t.Errorf("a ledger without marks: %+v", got)
	}
}

func TestCheck_LedgersThatKnowSeveralIncarnations(t *testing.T) {
	now := offsets.Partition{TopicID: idB, Topic: "orders", Num: 3}
	old := part
	info := source.LogInfo{Partition: now, HighWater: 10, LastStable: 10, EpochEnd: -1}
	for name, c := range map[string]struct {
		marks map[offsets.Partition]offsets.Mark
		want  source.FaultKind
	}{
		"nothing known":            {nil, ""},
		"another partition only":   {map[offsets.Partition]offsets.Mark{{TopicID: idA, Topic: "orders", Num: 4}: {Next: 99}}, ""},
		"another topic only":       {map[offsets.Partition]offsets.Mark{{TopicID: idA, Topic: "other", Num: 3}: {Next: 99}}, ""},
		"the old one":              {map[offsets.Partition]offsets.Mark{old: {Next: 5, LeaderEpoch: -1}}, source.FaultRecreated},
		"both":                     {map[offsets.Partition]offsets.Mark{old: {Next: 99}, now: {Next: 5, LeaderEpoch: -1}}, ""},
		"both, the new one beyond": {map[offsets.Partition]offsets.Mark{old: {Next: 5}, now: {Next: 11, LeaderEpoch: -1}}, source.FaultTruncation},
		"from a time without ids":  {map[offsets.Partition]offsets.Mark{{Topic: "orders", Num: 3}: {Next: 11, LeaderEpoch: -1}}, source.FaultTruncation},
	} {
		got := source.Check("c", offsets.Ledger{Cluster: "c", Marks: c.marks}, []source.LogInfo{info})
		kind := source.FaultKind("")
		if len(got) > 0 {
			kind = got[0].Kind
		}
		if kind != c.want {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
}

// Where a log parted from what was read, the epoch of the record before is known: by it the next unclean election is found, though
// nothing was read in between.
func TestCheck_WhereTheLogPartedItsEpochIsKnown(t *testing.T) {
	p := offsets.Partition{Topic: "orders", TopicID: offsets.TopicID{1}}
	at := func(next int64, epoch int32, info source.LogInfo) []source.Verdict {
		info.Partition, info.LastStable = p, info.HighWater
		return source.Check("c", offsets.Ledger{Cluster: "c", Marks: map[offsets.Partition]offsets.Mark{p: {Next: next, LeaderEpoch: epoch}}}, []source.LogInfo{info})
	}
	first := at(66, 4, source.LogInfo{HighWater: 70, EpochEnd: 51, EpochAnswer: 3})
	if len(first) != 1 || first[0].Kind != source.FaultTruncation || first[0].Diverged != 51 || first[0].Epoch != 3 {
		t.Fatalf("%+v", first)
	}
	second := at(first[0].Diverged, first[0].Epoch, source.LogInfo{HighWater: 70, EpochEnd: 48, EpochAnswer: 3})
	if len(second) != 1 || second[0].Kind != source.FaultTruncation || second[0].Diverged != 48 {
		t.Errorf("%+v", second)
	}
}
