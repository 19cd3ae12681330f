package main

import (
	"errors"
	"maps"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

// An answer that reads everything again forgets no topic that the table has told of: of one that was created again, or is not there
// now, nothing counts as read, and its next life is still told from the one that the table knows.
func TestDecide_StartForgetsNoTopic(t *testing.T) {
	then, now := offsets.TopicID{1}, offsets.TopicID{2}
	gone := offsets.Partition{Topic: "orders", TopicID: then}
	here := offsets.Partition{Topic: "orders", TopicID: now}
	away := offsets.Partition{Topic: "returns", TopicID: offsets.TopicID{3}}
	last := offsets.Ledger{Cluster: "here", Marks: map[offsets.Partition]offsets.Mark{
		gone: {Next: 33, Origin: 4, Upper: 90, LeaderEpoch: 2, Skipped: 1},
		here: {Next: 7, Upper: offsets.Unbounded},
		away: {Next: 12, Upper: offsets.Unbounded, Dead: 3},
	}}
	// The lineage is lost: the branch is at a snapshot of somebody else, its parent was expired, and the mirror is of a third one.
	v := commit.View{Branch: "main", Head: 9, Snapshots: map[int64]commit.Snapshot{9: {ID: 9, Parent: 8}}, HistoryComplete: true,
		Mirrors: map[string]commit.Mirror{"x": {Sound: true, Snapshot: 11, Ledger: last}}}
	st, why := commit.Resolve(v, "x")
	var s *commit.Stop
	if !errors.As(why, &s) || s.Reason != commit.LineageLost {
		t.Fatalf("the lineage is not lost: %v", why)
	}
	d := &decision{answer: answer{position: "start"}, scene: &scene{cfg: &config.Config{Sink: "x"}}, cluster: "here", starts: offsets.Position{here: 5}}
	e, err := d.decide(v, st, why)
	if err != nil {
		t.Fatal(err)
	}
	want := map[offsets.Partition]offsets.Mark{
		gone: {Next: 4, Origin: 4, Upper: 90, LeaderEpoch: offsets.NoEpoch},
		here: {Next: 5, Origin: 5, Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch},
		away: {Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch},
	}
	if !maps.Equal(e.Set, want) {
		t.Errorf("the table will stand at %v, want %v", e.Set, want)
	}
	again := source.LogInfo{Partition: offsets.Partition{Topic: "returns", TopicID: offsets.TopicID{4}}, HasTopicIDs: true}
	found := source.Check("here", e.Change(v, st, "h", 1).Ledger, []source.LogInfo{again})
	if len(found) != 1 || found[0].Kind != source.FaultRecreated {
		t.Errorf("a topic that is created again after the answer: %+v", found)
	}

	d.cluster = "there" // ids of another cluster's topics mean nothing here
	if e, err = d.decide(v, st, why); err != nil || len(e.Set) != 1 {
		t.Errorf("of another cluster: %v, %v", e, err)
	}
}
