package committest

import (
	"context"
	"errors"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
)

// Stories of a network, and of others who are always in between.

// between does something around each request.
type between struct {
	commit.Table
	at func(point)
}

// point is a moment at which somebody else may act.
type point int

const (
	beforeLoad point = iota
	afterLoad        // and before whatever is concluded from it
	beforeRequest
	beforeAnswer // the request was applied, or refused
	inHistory
	points
)

func (b between) Load(ctx context.Context) (commit.View, error) {
	b.at(beforeLoad)
	defer b.at(afterLoad)
	return b.Table.Load(ctx)
}

func (b between) History(ctx context.Context, v commit.View) (commit.View, error) {
	defer b.at(inHistory)
	return b.Table.History(ctx, v)
}

func (b between) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	b.at(beforeRequest)
	defer b.at(beforeAnswer)
	return b.Table.Append(ctx, base, c)
}

// crowd lets each kind of competitor act once at each moment of each commit.
func crowd(t *testing.T, s Subject) {
	var act func(point)
	x := over(between{s.Open("x"), func(p point) {
		if act != nil {
			act(p)
		}
	}}, "x")
	twin, y, q := committer(s, "x"), committer(s, "y"), clicks
	anchor(t, x, part(0))
	ey := uint64(0)
	if s.Declared.Properties {
		ey = anchor(t, y, q).Epoch
	}
	stands := func() (commit.State, int64) {
		st, _, err := x.State(t.Context())
		must(t, "state", err)
		return st, st.Ledger.Marks[part(0)].Next
	}
	landed, other := 0, int64(0)
	for moment := range points {
		for _, kind := range []string{"twin", "other sink", "foreigner"} {
			if kind == "foreigner" && !s.Declared.History || kind == "other sink" && !s.Declared.Properties {
				continue // it would stop, which is another story
			}
			st, o := stands()
			acted := false
			act = func(p point) {
				if p != moment || acted {
					return
				}
				acted = true
				switch kind {
				case "twin": // the same offsets in a batch of its own
					if r, err := twin.Commit(t.Context(), Batch(st.Epoch, part(0), o, o+10)); err != nil {
						t.Errorf("twin: %v", err)
					} else {
						landed += len(r.Landed)
					}
				case "other sink":
					if _, err := y.Commit(t.Context(), Batch(ey, q, other, other+1)); err != nil {
						t.Errorf("other sink: %v", err)
					}
					other++
				default:
					must(t, "append", s.Foreign.Append())
				}
			}
			r, err := x.Commit(t.Context(), Batch(st.Epoch, part(0), o, o+10))
			act = nil
			if err != nil || len(r.Landed)+len(r.Stale) != 1 {
				t.Fatalf("%s at moment %d: %+v %v", kind, moment, r, err)
			}
			landed += len(r.Landed)
			if acted != (moment != inHistory) {
				t.Errorf("%s at moment %d: acted %v", kind, moment, acted)
			}
		}
	}
	st, v := look(t, x)
	// Where the newest snapshot hides all others, a batch that landed below somebody else's commit cannot be seen: it is given up, and
	// the table's position says that its records need not be read again.
	reached := st.Ledger.Marks[part(0)].Next / 10
	if reached < int64(landed) || s.Declared.History && reached > int64(landed) || st.Dirty {
		t.Errorf("%d batches landed, the table stands at %d: %+v", landed, st.Ledger.Marks[part(0)].Next, st)
	}
	if n := len(commit.Lineage(v)); s.Declared.History && n != landed+int(other) {
		t.Errorf("%d batches in the lineage, %d and %d landed", n, landed, other)
	}
	if !s.Declared.Properties {
		return
	}
	if sty, _ := look(t, y); sty.Ledger.Marks[q].Next != other || other == 0 {
		t.Errorf("the other sink stands at %+v, it committed %d", sty.Ledger.Marks[q], other)
	}
}

var errLost = errors.New("connection reset")

// lossy deals with each request as the pattern says, over and over.
type lossy struct {
	commit.Table
	n       int
	pattern string // a: applied and answered; l: applied, no answer; c: applied, answered with a conflict; d: never arrived
}

func (l *lossy) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	how := l.pattern[l.n%len(l.pattern)]
	l.n++
	if how == 'd' {
		return 0, errLost
	}
	id, err := l.Table.Append(ctx, base, c)
	switch {
	case err != nil || how == 'a':
		return id, err
	case how == 'c':
		return 0, &commit.Error{Class: commit.Conflict, Err: errLost}
	}
	return 0, errLost
}

func lost(t *testing.T, s Subject) {
	l := &lossy{Table: s.Open("x"), pattern: "lcddal"}
	c := over(l, "x")
	e := anchor(t, c, part(0)).Epoch
	const n = 6
	for i := range int64(n) {
		land(t, c, Batch(e, part(0), i*10, i*10+10))
	}
	st, v := look(t, committer(s, "x"))
	if st.Ledger.Marks[part(0)].Next != n*10 || st.Dirty || s.Declared.History && len(commit.Lineage(v)) != n {
		t.Errorf("%+v, %d batches in the lineage", st, len(commit.Lineage(v)))
	}
	if l.n <= n {
		t.Errorf("%d requests for %d batches: nothing was lost", l.n, n)
	}
}

func doubled(t *testing.T, s Subject) {
	if s.Doubled == nil {
		t.Log("no HTTP in between that could double a request")
		return
	}
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	s.Doubled(true)
	defer s.Doubled(false)
	const n = 4
	for i := range int64(n) {
		r := land(t, c, Batch(e, part(0), i*10, i*10+10))
		if r.Attempts != 1 {
			t.Errorf("batch %d took %d attempts: that its copy was refused was taken for a failure", i, r.Attempts)
		}
	}
	s.Doubled(false)
	st, v := look(t, committer(s, "x"))
	if st.Ledger.Marks[part(0)].Next != n*10 || st.Dirty || s.Declared.History && (len(commit.Lineage(v)) != n || len(v.Snapshots) != n+1) {
		t.Errorf("%+v, %d batches and %d snapshots", st, len(commit.Lineage(v)), len(v.Snapshots))
	}
}

// late sends a request again after the branch went back to its base: head and uuid fit, the tag does not.
func late(t *testing.T, s Subject) {
	c := committer(s, "x")
	e := anchor(t, c, part(0)).Epoch
	st, v := look(t, c)
	ch := change(st, v, Batch(e, part(0), 0, 10))
	_, err := c.Table.Append(t.Context(), v, ch)
	must(t, "append", err)
	if !s.Declared.History || !s.Declared.Tags {
		if _, err := c.Table.Append(t.Context(), v, ch); err == nil {
			t.Error("the copy was applied")
		}
		return // no rollback that the catalog would show; without tags the age of files is the fence
	}
	must(t, "rollback", s.Foreign.Point(v.Head))
	if _, err := c.Table.Append(t.Context(), v, ch); commit.ClassOf(err) != commit.Conflict || err == nil {
		t.Errorf("the late copy: %v (%s)", err, commit.ClassOf(err))
	}
	r, err := c.Commit(t.Context(), ch.Batches...)
	if err != nil || len(r.Stale) != 1 || r.State.Epoch == e {
		t.Errorf("a batch of before the rollback: %+v %v", r, err)
	}
	// And after the anchor of the new time its base is gone for good.
	if _, err := c.Table.Append(t.Context(), v, ch); err == nil {
		t.Error("the late copy was applied on top of the anchor")
	}
}

var _ commit.Table = between{}

// Verify is part of the contract only for tables with files; batches of this suite have none.
func (b between) Verify(ctx context.Context, m *manifest.Manifest) error {
	return b.Table.Verify(ctx, m)
}
