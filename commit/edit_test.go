package commit_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/offsets"
)

// An edit says the whole state that is to be: what it does not mention stays, and what others left on the table is carried along.
func TestEdit_ChangeIsTheWholeStateThatIsToBe(t *testing.T) {
	w := newWorld(t)
	y := w.sink("y")
	other := w.anchor(y, offsets.Partition{Topic: "clicks"})
	w.anchor(w.x, p0)
	v, err := w.mem.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	st, err := commit.Resolve(v, "x")
	if err != nil {
		t.Fatal(err)
	}
	gaps := []commit.Gap{{Partition: p0, Why: "operator"}}
	audit := &commit.Audit{Who: "me", Action: "set"}
	e := commit.Edit{Set: marks{p1: {Next: 7, Origin: 7, Upper: 9}}, Gaps: gaps, Audit: audit}
	got := e.Change(v, st, "hash", 99)
	want := commit.Change{Sink: "x", Epoch: st.Epoch, Hash: "hash", Ledger: offsets.Ledger{Cluster: "c", Marks: marks{
		p0: st.Ledger.Marks[p0], p1: {Next: 7, Origin: 7, Upper: 9}}}, Gaps: gaps, Audit: audit,
		Others: map[string]commit.Other{"y": {Carrier: other.Carrier, Epoch: other.Epoch, Ledger: other.Ledger}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, touched := st.Ledger.Marks[p1]; touched {
		t.Error("the state that was read was changed")
	}
	e.Cluster = "d"
	if got := e.Change(v, st, "hash", 99); got.Ledger.Cluster != "d" || st.Ledger.Cluster != "c" {
		t.Errorf("cluster %q, read was %q", got.Ledger.Cluster, st.Ledger.Cluster)
	}
}

// A new epoch begins with the first anchor, where an edit asks for it, and where the state has none; else batches under way go on fitting.
func TestEdit_BeginsAnEpochOnlyWhereItMust(t *testing.T) {
	for name, c := range map[string]struct {
		st   commit.State
		e    commit.Edit
		want uint64
	}{
		"goes on":                 {at(7, nil), commit.Edit{}, 7},
		"epoch one goes on":       {at(1, nil), commit.Edit{}, 1},
		"asked for":               {at(7, nil), commit.Edit{NewEpoch: true}, 99},
		"first anchor":            {commit.State{Empty: true, Epoch: 7}, commit.Edit{}, 99},
		"a state without one":     {at(0, nil), commit.Edit{}, 99},
		"asked for without state": {commit.State{}, commit.Edit{NewEpoch: true}, 99},
	} {
		if got := c.e.Change(commit.View{}, c.st, "h", 99).Epoch; got != c.want {
			t.Errorf("%s: epoch %d, want %d", name, got, c.want)
		}
	}
}

// overlapping is a table on which y covers p0 from 5 on, and x, let in by policy, stands in the same partition.
func overlapping(t *testing.T) *world {
	w := newWorld(t)
	y := w.sink("y")
	set := func(c *commit.Committer, m offsets.Mark) {
		t.Helper()
		if _, _, err := c.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
			if !st.Empty {
				return nil, nil
			}
			return &commit.Edit{Cluster: "c", Set: marks{p0: m}}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	set(y, offsets.Mark{Next: 5, Origin: 5, Upper: offsets.Unbounded})
	w.x.AllowNewSink = true
	set(w.x, offsets.Mark{Next: 8, Origin: 8, Upper: 100})
	w.x.AllowNewSink = false
	return w
}

// Only what an edit claims anew is held against the claims of others: a position that moves within a range that is ours already is not.
func TestAmend_OnlyNewClaimsMeetThoseOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		set     marks
		refused bool
	}{
		"the position moves":                   {marks{p0: {Next: 20, Origin: 8, Upper: 100}}, false},
		"the range begins earlier":             {marks{p0: {Next: 8, Origin: 7, Upper: 100}}, true},
		"the range ends later":                 {marks{p0: {Next: 8, Origin: 8, Upper: 101}}, true},
		"a partition that y will find":         {marks{p1: {Next: 0, Origin: 0, Upper: 3}}, true},
		"one of two":                           {marks{p0: {Next: 20, Origin: 8, Upper: 100}, p1: {Next: 0, Upper: 3}}, true},
		"a range that does not reach y's":      {marks{p0: {Next: 0, Origin: 0, Upper: 5}}, false},
		"another topic":                        {marks{{Topic: "clicks"}: {Upper: offsets.Unbounded}}, false},
		"another topic, and the position goes": {marks{{Topic: "clicks"}: {}, p0: {Next: 21, Origin: 8, Upper: 100}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := overlapping(t)
			head := w.mem.Head()
			asked := 0
			_, v, err := w.x.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
				if asked++; asked > 1 {
					return nil, nil
				}
				return &commit.Edit{Set: c.set}, nil
			})
			if !c.refused {
				if err != nil || w.mem.Head() == head {
					t.Errorf("%v, head moved: %v", err, w.mem.Head() != head)
				}
				return
			}
			wantStop(t, err, commit.NewSink)
			var s *commit.Stop
			if !errors.As(err, &s) || s.Table != "shop.orders" || s.Partition == nil || !strings.Contains(s.Found, `sink "y" has read`) || !strings.Contains(s.Found, `sink "x" would`) {
				t.Fatalf("%v", err)
			}
			if m, claimed := c.set[*s.Partition]; !claimed || s.Offset != m.Origin {
				t.Errorf("stopped at %s offset %d", s.Partition, s.Offset)
			}
			if w.mem.Head() != head || v.Head != head {
				t.Error("a claim that was refused was committed, or what was read is not returned")
			}
		})
	}
}

// busy lets somebody else commit before the first of our requests, which is refused therefore.
type busy struct {
	*committest.Memory
	meanwhile func()
}

func (b *busy) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	if then := b.meanwhile; then != nil {
		b.meanwhile = nil
		then()
	}
	return b.Memory.Append(ctx, base, c)
}

// Two sinks claim the same offsets at the same time. The one that loses the race sees the other's claim at its second attempt.
func TestAmend_ClaimsAreTestedAtEveryAttempt(t *testing.T) {
	w := newWorld(t)
	y := w.sink("y")
	w.x.Table = &busy{w.mem, func() { w.anchor(y, p0) }}
	_, _, err := w.x.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
		if !st.Empty {
			return nil, nil
		}
		return &commit.Edit{Set: marks{p0: {Upper: offsets.Unbounded}}}, nil
	})
	wantStop(t, err, commit.NewSink)
	if st, err := w.resolve("x"); err != nil || !st.Empty {
		t.Errorf("x has claimed what y has: %+v %v", st, err)
	}
}

// Whoever makes the edit may give up: nothing is committed, and he gets his own error and what was read.
func TestAmend_GivenUpByItsCaller(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	head := w.mem.Head()
	mine := errors.New("changed my mind")
	st, v, err := w.x.Amend(t.Context(), func(commit.View, commit.State) (*commit.Edit, error) {
		return &commit.Edit{Set: marks{p1: {}}}, mine
	})
	if !errors.Is(err, mine) || st.Sink != "x" || v.Head != head || w.mem.Head() != head {
		t.Errorf("%+v %d %v, the head is %d, was %d", st, v.Head, err, w.mem.Head(), head)
	}
	if _, err := w.x.Accept(t.Context(), head, func(commit.View, commit.State, error) (*commit.Edit, error) {
		return &commit.Edit{Set: marks{p1: {}}}, mine
	}); !errors.Is(err, mine) || w.mem.Head() != head {
		t.Errorf("Accept: %v, the head is %d, was %d", err, w.mem.Head(), head)
	}
}

// An operator has looked at one head. His word holds for that head and for no other, whatever becomes of the request.
func TestAccept_HoldsForTheHeadThatWasLookedAt(t *testing.T) {
	word := func(commit.View, commit.State, error) (*commit.Edit, error) {
		return &commit.Edit{Set: marks{p0: {Next: 5, Upper: offsets.Unbounded}}, Audit: &commit.Audit{Action: "set"}}, nil
	}
	t.Run("somebody commits between", func(t *testing.T) {
		w := newWorld(t)
		w.anchor(w.x, p0)
		w.x.Table = &busy{w.mem, func() { w.mem.Foreign("append", 0) }}
		if _, err := w.x.Accept(t.Context(), w.mem.Head(), word); !errors.Is(err, commit.ErrMoved) {
			t.Errorf("%v", err)
		}
		if st, err := w.resolve("x"); err != nil || st.Ledger.Marks[p0].Next != 0 {
			t.Errorf("%+v %v", st, err)
		}
	})
	t.Run("somebody commits between, and he had looked at nothing", func(t *testing.T) {
		w := newWorld(t)
		w.anchor(w.x, p0)
		w.x.Table = &busy{w.mem, func() { w.mem.Foreign("append", 0) }}
		if _, err := w.x.Accept(t.Context(), 0, word); !errors.Is(err, commit.ErrMoved) {
			t.Errorf("from the first attempt on his word is about what that saw: %v", err)
		}
	})
	t.Run("the answer is lost", func(t *testing.T) {
		w := newWorld(t)
		w.anchor(w.x, p0)
		w.mem.Faults(func(s committest.Step) committest.Fault {
			if s == committest.OnAppend {
				return committest.LoseReply
			}
			return committest.None
		})
		before := w.mem.Head()
		id, err := w.x.Accept(t.Context(), before, word)
		v, _ := w.mem.Load(t.Context())
		if err != nil || id != v.Head || v.Snapshots[id].Parent != before {
			t.Errorf("%d %v, head %d on %d", id, err, v.Head, v.Snapshots[v.Head].Parent)
		}
	})
	t.Run("the table is another one", func(t *testing.T) {
		w := newWorld(t)
		w.anchor(w.x, p0)
		w.mem.Recreate()
		_, _, err := w.x.State(t.Context())
		wantStop(t, err, commit.Recreated)
		if _, err := w.x.Accept(t.Context(), 0, word); err != nil {
			t.Fatal(err)
		}
		st, _, err := w.x.State(t.Context())
		wantNext(t, st, err, 5)
	})
	t.Run("claims of others are held against it", func(t *testing.T) {
		w := overlapping(t)
		head := w.mem.Head()
		_, err := w.x.Accept(t.Context(), head, func(commit.View, commit.State, error) (*commit.Edit, error) {
			return &commit.Edit{Set: marks{p0: {Next: 5, Origin: 5, Upper: 200}}}, nil
		})
		wantStop(t, err, commit.NewSink)
		if w.mem.Head() != head {
			t.Error("committed all the same")
		}
	})
}

// Forget is for who begins again from what the table says, whichever table that is.
func TestForget_AnotherTableIsNoStop(t *testing.T) {
	w := newWorld(t)
	w.anchor(w.x, p0)
	w.mem.Recreate()
	_, _, err := w.x.State(t.Context())
	wantStop(t, err, commit.Recreated)
	w.x.Forget()
	if st, _, err := w.x.State(t.Context()); err != nil || !st.Empty {
		t.Errorf("%+v %v", st, err)
	}
}

// When a clean state is anchored again: once it has lain under foreign snapshots for AnchorAge, or a tenth of what expiry keeps.
func TestEndangered_ByAgeOrByHowItWasFound(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	buried := func(age time.Duration, via commit.Evidence) commit.State {
		return commit.State{Buried: true, Held: now.Add(-age), Via: via}
	}
	minute := time.Minute
	for name, c := range map[string]struct {
		st        commit.State
		retention time.Duration
		want      bool
	}{
		"at the head, however old":                 {commit.State{Held: now.Add(-99 * time.Hour), Via: commit.FromLineage}, 0, false},
		"at the head, told by older metadata":      {commit.State{Held: now, Via: commit.FromHistory}, 0, false},
		"no state at all":                          {commit.State{Empty: true, Buried: true, Held: now.Add(-99 * time.Hour), Via: commit.FromNothing}, 0, false},
		"buried just now":                          {buried(minute, commit.FromLineage), 0, false},
		"buried for exactly the limit":             {buried(commit.AnchorAge, commit.FromLineage), 0, false},
		"buried for longer":                        {buried(commit.AnchorAge+minute, commit.FromLineage), 0, true},
		"buried, and little is kept":               {buried(61*minute, commit.FromLineage), 10 * time.Hour, true},
		"buried for exactly a tenth of it":         {buried(60*minute, commit.FromLineage), 10 * time.Hour, false},
		"buried, and much is kept":                 {buried(commit.AnchorAge+minute, commit.FromLineage), 1000 * time.Hour, true},
		"buried for less, and much is kept":        {buried(commit.AnchorAge-minute, commit.FromLineage), 1000 * time.Hour, false},
		"buried, and hardly anything is kept":      {buried(time.Second, commit.FromLineage), time.Nanosecond, true},
		"buried since nobody knows when":           {commit.State{Buried: true, Via: commit.FromLineage}, 0, false},
		"found by the mirror just now":             {buried(0, commit.FromMirror), 0, true},
		"found in older metadata just now":         {buried(0, commit.FromHistory), 0, true},
		"found by the mirror, nobody knows when":   {commit.State{Buried: true, Via: commit.FromMirror}, 0, true},
		"no state, but a mirror of who knows what": {commit.State{Empty: true, Buried: true, Via: commit.FromMirror}, 0, false},
	} {
		if got := commit.Endangered(commit.View{Retention: c.retention}, c.st, now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
