package commit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// The limits of time are promises to operators, and they hold together: a batch is dropped before its tag ages out, and long before a clean-up
// of unreferenced files may look at its files, which spare a day.
func TestLimits_AreAsPromised(t *testing.T) {
	for name, c := range map[string]struct{ got, want time.Duration }{
		"a batch's greatest age":         {commit.MaxBatchAge, 6 * time.Hour},
		"files are looked at from":       {commit.VerifyAge, time.Hour},
		"the tag lives for":              {commit.TagAge, 24 * time.Hour},
		"a buried state lies for":        {commit.AnchorAge, 6 * time.Hour},
		"loads may lag behind for":       {commit.StaleLoads, 2 * time.Minute},
		"between batch and tag lie 18 h": {commit.TagAge - commit.MaxBatchAge, 18 * time.Hour},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", name, c.got, c.want)
		}
	}
}

// Labels of metrics, logs and chapters of the manual.
func TestLabels_StayAsTheyAre(t *testing.T) {
	for class, want := range map[commit.Class]string{commit.Unknown: "unknown", commit.Conflict: "conflict", commit.Rejected: "rejected",
		commit.Denied: "denied", commit.Missing: "missing", commit.Busy: "busy"} {
		if class.String() != want {
			t.Errorf("class %d is %q, want %q", class, class, want)
		}
	}
	for reason, want := range map[commit.Reason]string{
		commit.CherryPick: "cherry-pick", commit.UnknownVersion: "version", commit.ReplacedTable: "replaced table", commit.LineageLost: "lineage lost",
		commit.Recreated: "recreated", commit.NewSink: "new sink", commit.SinkEnded: "ended", commit.RolledBack: "rolled back", commit.RejectedCommit: "rejected",
		commit.CatalogLies: "catalog lies", commit.BadRecord: "bad record", commit.TooManyBad: "too many bad records", commit.GapInLog: "gap",
		commit.LogTruncated: "truncation", commit.TopicRecreated: "topic recreated", commit.OtherCluster: "cluster", commit.CorruptLog: "corrupt log",
		commit.Route: "route", commit.NotAllowed: "denied", commit.Incompatible: "incompatible table", commit.StateUnreadable: "state unreadable",
		commit.DeadLettersRolledBack: "dead letters rolled back", commit.FateChanged: "fate changed",
	} {
		if string(reason) != want {
			t.Errorf("reason %q, want %q", reason, want)
		}
	}
	for via, want := range map[commit.Evidence]string{commit.FromLineage: "lineage", commit.FromMirror: "mirror", commit.FromHistory: "history", commit.FromNothing: "none"} {
		if string(via) != want {
			t.Errorf("evidence %q, want %q", via, want)
		}
	}
	for policy, want := range map[commit.Rollback]string{commit.Replay: "replay", commit.StopOnRollback: "stop"} {
		if string(policy) != want {
			t.Errorf("policy %q, want %q", policy, want)
		}
	}
}

func TestStop_ReadsFromPlaceToWayOut(t *testing.T) {
	cause := errors.New("boom")
	p := offsets.Partition{Topic: "orders", Num: 3}
	for want, s := range map[string]*commit.Stop{
		"STOP(gap) shop.orders partition orders-3 offset 42: gone: boom. To go on: do this": {Reason: commit.GapInLog, Table: "shop.orders", Partition: &p, Offset: 42, Found: "gone", Do: "do this", Err: cause},
		"STOP(version) shop.orders: newer":                                                  {Reason: commit.UnknownVersion, Table: "shop.orders", Found: "newer"},
	} {
		if s.Error() != want {
			t.Errorf("%s\nwant %s", s.Error(), want)
		}
		if errors.Is(s, cause) != (s.Err != nil) {
			t.Errorf("%s hides its cause", s)
		}
	}
	e := &commit.Error{Class: commit.Busy, Err: cause}
	if e.Error() != "boom" || !errors.Is(e, cause) || commit.ClassOf(e) != commit.Busy || commit.ClassOf(cause) != commit.Unknown {
		t.Errorf("%v is %s, %v is %s", e, commit.ClassOf(e), cause, commit.ClassOf(cause))
	}
}

// Whoever completes a Stop last does not make it one of another table, and each command names the configuration once.
func TestStop_CompleteMayBeCalledAgain(t *testing.T) {
	s := &commit.Stop{Reason: commit.LineageLost, Do: "`sinker offsets show`; `sinker offsets set --table TABLE --mapping FILE --reason WHY`"}
	s.Complete("shop.dead", "")
	s.Complete("shop.orders", "my sinker.yaml")
	s.Complete("shop.orders", "my sinker.yaml")
	if want := "`sinker offsets show -c 'my sinker.yaml'`; `sinker offsets set -c 'my sinker.yaml' --table shop.dead --mapping FILE --reason WHY`"; s.Do != want || s.Table != "shop.dead" {
		t.Errorf("%s: %s\nwant shop.dead: %s", s.Table, s.Do, want)
	}
}
