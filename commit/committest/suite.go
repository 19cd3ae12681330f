package committest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/fitness"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Subject is one table that the suite may use up, and what its catalog is said to keep.
type Subject struct {
	// Open gives a handle on the table as a sink id sees it; each call is another process. The handles are fitness.Trial too.
	Open func(sink string) commit.Table
	// Declared is what the catalog keeps. What it keeps beyond that, or does not keep, is a failure of the suite.
	Declared commit.Capabilities
	// Log says that metadata files of the past can be read, so that History brings back snapshots that are listed no more.
	Log bool
	// Foreign does to the table what others do.
	Foreign Foreigner
	// Doubled, if not nil, makes every request to the catalog go out twice, as a proxy may do; the sender sees the second answer.
	Doubled func(on bool)
}

// tellsOfRollbacks is whether something stays where it was when the branch is moved back.
func (s Subject) tellsOfRollbacks() bool { return s.Declared.Properties || s.Declared.Tags }

// Foreigner changes a table without knowing of sinker.
type Foreigner interface {
	Append() error                     // a snapshot on the head
	Point(id int64) error              // the branch points to id: a rollback, or a current snapshot that was set
	Expire(ids ...int64) error         // snapshots that are not the head are listed no more
	CherryPick(id int64) error         // a snapshot on the head with the rows of id, which it names as its source
	Replace() error                    // CREATE OR REPLACE: a new root; uuid, properties and tags stay
	Recreate() error                   // drop and create: nothing stays
	Spoil(sink string) error           // the mirror of the sink's state is damaged
	Forget(sink string) error          // the sink's mirror and tag are removed
	Tag(name string, id int64) error   // somebody's own tag
	Set(properties ...[2]string) error // somebody's own properties
}

// Report is what was measured of a catalog.
type Report struct {
	Caps  commit.Capabilities
	Found []fitness.Finding
}

// Run holds a kind of table against the contract. fresh makes a table that nobody has written to.
func Run(t *testing.T, fresh func(t *testing.T) Subject) (r Report) {
	for _, story := range []struct {
		name string
		tell func(*testing.T, Subject)
	}{
		{"keeps what it is said to keep", func(t *testing.T, s Subject) { r = measured(t, s) }},
		{"a virgin table is anchored, filled, and read by the next process", anchored},
		{"what is shown is whole", whole},
		{"a competitor between load and request wins", competitor},
		{"a competitor at every step", crowd},
		{"the same request twice applies once", twice},
		{"every request goes out twice", doubled},
		{"answers are lost", lost},
		{"a late copy of a request after a rollback", late},
		{"of eight requests on one base one applies", eight},
		{"two sinks keep each other's state", twoSinks},
		{"the state of a sink is told by another's snapshot", carried},
		{"a large ledger comes back exactly", large},
		{"two committers with the same batches", race},
		{"foreign snapshots, rollback, expiry", foreign},
		{"the current snapshot is set to one beside the line", setCurrent},
		{"a cherry-pick of rows of ours", cherryPick},
		{"a replaced table", replaced},
		{"a table that was dropped and made again", recreated},
		{"a mirror that others damaged", spoiled},
		{"a lineage that only older metadata tells", pastOnly},
		{"tags and properties of others stay", belongings},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(t, fresh(t)) })
	}
	return r
}

// measured compares what is declared with what fitness.Measure finds, both ways.
func measured(t *testing.T, s Subject) Report {
	trial, ok := s.Open("x").(fitness.Trial)
	if !ok {
		t.Fatal("the table is no fitness.Trial, so nothing can be measured")
	}
	caps, found, err := fitness.Measure(t.Context(), trial, "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Logf("%-5v %s: %s", f.OK, f.What, f.Found)
	}
	if f := fitness.Unfit(found); f != nil {
		t.Errorf("unfit: %s: %s", f.What, f.Found)
	}
	if caps != s.Declared {
		t.Errorf("declared %+v, measured %+v", s.Declared, caps)
	}
	return Report{Caps: caps, Found: found}
}

var topic = offsets.TopicID{7, 7}

func part(n int32) offsets.Partition {
	return offsets.Partition{Topic: "orders", TopicID: topic, Num: n}
}

// committer waits a twentieth of what it should: whether the waits are right is tested elsewhere.
func committer(s Subject, sink string) *commit.Committer {
	return over(s.Open(sink), sink)
}

func over(table commit.Table, sink string) *commit.Committer {
	return &commit.Committer{Table: table, Name: "the table", Sink: sink, Hash: "h", Rollback: commit.Replay,
		Sleep: func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d / 20):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
}

func anchor(t *testing.T, c *commit.Committer, ps ...offsets.Partition) commit.State {
	t.Helper()
	st, _, err := c.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		set := map[offsets.Partition]offsets.Mark{}
		for _, p := range ps {
			if _, has := st.Ledger.Marks[p]; !has {
				set[p] = offsets.Mark{Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}
			}
		}
		if len(set) == 0 {
			return nil, nil
		}
		return &commit.Edit{Cluster: "cluster", Set: set}, nil
	})
	if err != nil {
		t.Fatalf("anchor: %v", err)
	}
	return st
}

// Batch accounts for offsets that held no records, so that it needs no files.
func Batch(epoch uint64, p offsets.Partition, from, to int64) *manifest.Manifest {
	return &manifest.Manifest{ID: uuid.New(), Epoch: epoch, Spans: map[offsets.Partition]manifest.Span{
		p: {Range: offsets.Range{From: from, To: to}, LeaderEpoch: 5, Counts: manifest.Counts{Holes: to - from}}}}
}

func land(t *testing.T, c *commit.Committer, b *manifest.Manifest) commit.Receipt {
	t.Helper()
	r, err := c.Commit(t.Context(), b)
	if err != nil || len(r.Landed) != 1 {
		t.Fatalf("landed %d, stale %d (%s): %v", len(r.Landed), len(r.Stale), r.Why, err)
	}
	return r
}

func change(st commit.State, v commit.View, b *manifest.Manifest) commit.Change {
	f := commit.Fold(st, commit.Lineage(v), []*manifest.Manifest{b})
	return commit.Change{Sink: st.Sink, Epoch: st.Epoch, Hash: "h", Batches: f.Taken, Ledger: f.Next, Others: commit.CarryOthers(v, st.Sink)}
}

func look(t *testing.T, c *commit.Committer) (commit.State, commit.View) {
	t.Helper()
	st, v, err := c.Look(t.Context())
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	return st, v
}

func must(t *testing.T, step string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", step, err)
	}
}

// wantStop demands that whoever looks at the table now, or commits to it, stops for the reason.
func wantStop(t *testing.T, c *commit.Committer, b *manifest.Manifest, reason commit.Reason) {
	t.Helper()
	_, err := c.Commit(t.Context(), b)
	for _, err := range []error{err, second(c.Look(t.Context()))} {
		if s, ok := err.(*commit.Stop); !ok || s.Reason != reason || s.Do == "" {
			t.Errorf("want STOP(%s) with a way out, got %v", reason, err)
		}
	}
}

func second[A, B any](_ A, _ B, err error) error { return err }
