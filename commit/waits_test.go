package commit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// deaf fails the next n loads.
type deaf struct {
	commit.Table
	n int
}

func (d *deaf) Load(ctx context.Context) (commit.View, error) {
	if d.n--; d.n >= 0 {
		return commit.View{}, errDown
	}
	return d.Table.Load(ctx)
}

func whole(bound time.Duration) time.Duration { return bound }

const tick = time.Millisecond // what every wait is longer than its bound by

// Waits grow from 100 ms to 30 s, or as the table wishes within reason; behind a lost race they stay short.
func TestCommitter_WaitsDoubleUpToABound(t *testing.T) {
	ms, s := time.Millisecond, time.Second
	grown := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30 * s, 30 * s}
	for name, c := range map[string]struct {
		least, most time.Duration // the table's wish
		class       commit.Class
		want        []time.Duration
	}{
		"no wish":                       {0, 0, commit.Unknown, grown},
		"no wish, a refusal":            {0, 0, commit.Denied, grown},
		"no wish, a lost race":          {0, 0, commit.Conflict, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 2 * s, 2 * s}},
		"a shortest":                    {3 * s, 0, commit.Unknown, []time.Duration{3 * s, 6 * s, 12 * s, 24 * s, 30 * s, 30 * s}},
		"a shortest beyond the longest": {60 * s, 0, commit.Unknown, []time.Duration{30 * s, 30 * s}},
		"a longest":                     {0, s, commit.Unknown, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, s, s}},
		"a longest below the shortest":  {5 * s, s, commit.Unknown, []time.Duration{5 * s, 5 * s}},
		"an hour":                       {10 * s, time.Hour, commit.Unknown, []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 320 * s, 600 * s, 600 * s}},
		"an hour, from 100 ms": {0, time.Hour, commit.Unknown, append(append([]time.Duration{}, grown[:9]...),
			51200*ms, 102400*ms, 204800*ms, 409600*ms, 409600*ms, 409600*ms)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.anchor(w.x, p0)
			w.mem.Edit(func(v *commit.View) { v.RetryMin, v.RetryMax = c.least, c.most })
			w.x.Jitter = whole
			var slept time.Duration
			w.x.Sleep = func(_ context.Context, d time.Duration) error { slept = d; return nil }
			all := waits(t, w, w.x, 0, len(c.want), &commit.Error{Class: c.class, Err: errDown})
			for i, want := range c.want {
				if i >= len(all) || all[i] != want+tick {
					t.Fatalf("waits %v, want %v and a tick each", all, c.want)
				}
			}
			if slept != all[len(all)-1] {
				t.Errorf("told %s, slept %s", all[len(all)-1], slept)
			}
		})
	}
}

// What one call had to wait for is nothing to the next.
func TestCommitter_EachCallWaitsAnew(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context, c *commit.Committer) error{
		"State":  func(ctx context.Context, c *commit.Committer) error { _, _, err := c.State(ctx); return err },
		"Look":   func(ctx context.Context, c *commit.Committer) error { _, _, err := c.Look(ctx); return err },
		"Commit": func(ctx context.Context, c *commit.Committer) error { _, err := c.Commit(ctx); return err },
		"Amend": func(ctx context.Context, c *commit.Committer) error {
			_, _, err := c.Amend(ctx, func(commit.View, commit.State) (*commit.Edit, error) { return nil, nil })
			return err
		},
		"Accept": func(ctx context.Context, c *commit.Committer) error {
			_, err := c.Accept(ctx, 0, func(commit.View, commit.State, error) (*commit.Edit, error) { return &commit.Edit{}, nil })
			return err
		},
	} {
		w := newWorld(t)
		w.anchor(w.x, p0)
		d := &deaf{w.mem, 3}
		w.x.Table, w.x.Jitter = d, whole
		if _, _, err := w.x.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		var all []time.Duration
		w.x.Trouble = func(_ string, _ error, again time.Duration) { all = append(all, again) }
		d.n = 2
		if err := do(t.Context(), w.x); err != nil || len(all) != 2 || all[0] != 100*time.Millisecond+tick || all[1] != 200*time.Millisecond+tick {
			t.Errorf("%s: waits %v, %v", name, all, err)
		}
	}
}

// A commit that was acknowledged is progress: waits begin anew after it.
func TestCommitter_WaitsAnewAfterAYes(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.x.Jitter = whole
	sent, looked := 0, 0
	w.mem.Faults(func(s committest.Step) committest.Fault {
		if s == committest.OnAppend {
			if sent++; sent <= 3 {
				return committest.Refuse
			}
		} else if sent > 3 {
			if looked++; looked <= 2 {
				return committest.Refuse
			}
		}
		return committest.None
	})
	var all []time.Duration
	w.x.Trouble = func(_ string, _ error, again time.Duration) { all = append(all, again-tick) }
	w.add(w.x, e, 0, 10)
	if ms := time.Millisecond; !slices.Equal(all, []time.Duration{100 * ms, 200 * ms, 400 * ms, 100 * ms, 200 * ms}) {
		t.Errorf("waits %v", all)
	}
}

// refuser refuses every request, and lets the caller change the table before.
type refuser struct {
	*committest.Memory
	class  commit.Class
	before func(n int)
	n      int
}

func (r *refuser) Append(context.Context, commit.View, commit.Change) (int64, error) {
	r.n++
	if r.before != nil {
		r.before(r.n)
	}
	return 0, &commit.Error{Class: r.class, Err: errDown}
}

// A request that no base will take is sent five times on the same metadata, then somebody has to look. Progress of others begins the count anew,
// and so does the stop itself.
func TestCommit_RefusedFiveTimesOnTheSameMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		caps     commit.Capabilities
		moves    int // the table moves before this request
		want     int
		has, not string
	}{
		"a table that stands still": {commit.Capabilities{Tags: true, Properties: true, History: true}, 0, 5,
			"without table properties with `sinker.properties: \"false\"`, without tags with `sinker.tags: \"false\"` in catalog.properties", "TABLE"},
		"a table that moves once":        {commit.Capabilities{Tags: true, Properties: true, History: true}, 3, 8, "again by itself every 30 s. A catalog", "TABLE"},
		"no properties to do without":    {commit.Capabilities{Tags: true, History: true}, 0, 5, "without tags", "properties with"},
		"no tags to do without":          {commit.Capabilities{Properties: true, History: true}, 0, 5, "without table properties", "tags"},
		"nothing that could be left out": {commit.Capabilities{History: true}, 0, 5, "every 30 s", "without"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.anchor(w.x, p0)
			w.mem.Edit(func(v *commit.View) {
				v.Caps = c.caps
				v.Tags = map[string]int64{}
			})
			r := &refuser{Memory: w.mem, class: commit.Rejected}
			r.before = func(n int) {
				if n == c.moves {
					w.mem.Foreign("append", 0)
				}
			}
			w.x.Table = r
			st, err := w.resolve("x")
			if err != nil {
				t.Fatal(err)
			}
			b := batch(st.Epoch, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
			for round := range 2 {
				r.n = 0
				_, err = w.x.Commit(t.Context(), b)
				wantStop(t, err, commit.RejectedCommit)
				var s *commit.Stop
				if !errors.As(err, &s) || !errors.Is(err, errDown) || s.Table != "shop.orders" || !strings.Contains(s.Found, "5 times") {
					t.Fatal(err)
				}
				if !strings.Contains(s.Do, c.has) || strings.Contains(s.Do, c.not) {
					t.Errorf("what to do: %s", s.Do)
				}
				if want := c.want; round == 0 && r.n != want {
					t.Errorf("stopped after %d requests, want %d", r.n, want)
				}
				if round == 1 && r.n < 5 {
					t.Errorf("looked at again and stopped after %d requests", r.n)
				}
				c.moves = 0
			}
		})
	}
}

// An answer that only might be a refusal never ends in a stop.
func TestCommit_OnlyARefusalIsCounted(t *testing.T) {
	for class := commit.Unknown; class <= commit.Busy; class++ {
		if class == commit.Rejected {
			continue
		}
		w := newWorld(t)
		w.anchor(w.x, p0)
		ctx, cancel := context.WithCancel(t.Context())
		r := &refuser{Memory: w.mem, class: class}
		r.before = func(n int) {
			if n == 20 {
				cancel()
			}
		}
		w.x.Table = r
		st, _ := w.resolve("x")
		_, err := w.x.Commit(ctx, batch(st.Epoch, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
		if !errors.Is(err, context.Canceled) || r.n != 20 {
			t.Errorf("%s: %v after %d requests", class, err, r.n)
		}
	}
}

// slow takes three seconds for every request.
type slow struct {
	*committest.Memory
	now *time.Time
}

func (s slow) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	*s.now = s.now.Add(3 * time.Second)
	return s.Memory.Append(ctx, base, c)
}

// What a caller hears of a commit: the time of each request with its outcome, and in the end what came of it all.
func TestCommit_TellsWhatHappened(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.x.Table = slow{w.mem, &w.now}
	n := 0
	w.mem.Faults(func(s committest.Step) committest.Fault {
		if s == committest.OnAppend {
			if n++; n == 1 {
				return committest.Refuse
			}
		}
		return committest.None
	})
	w.x.Jitter = whole
	type heard struct {
		took time.Duration
		ok   bool
	}
	var all []heard
	w.x.Attempted = func(took time.Duration, err error) { all = append(all, heard{took, err == nil}) }
	r := w.add(w.x, e, 0, 10)
	if len(all) != 2 || all[0] != (heard{3 * time.Second, false}) || all[1] != (heard{3 * time.Second, true}) {
		t.Errorf("heard of %v", all)
	}
	if r.Attempts != 2 || r.Snapshot != w.mem.Head() || r.View.Head != r.Snapshot || r.Took != 6*time.Second+100*time.Millisecond+tick || r.Why != "" || len(r.Stale) != 0 {
		t.Errorf("%d attempts, snapshot %d, seen at %d, took %s, why %q", r.Attempts, r.Snapshot, r.View.Head, r.Took, r.Why)
	}
	if r.State.Sink != "x" || r.State.Carrier != r.Snapshot || r.State.Hash != "h" || r.State.Ledger.Marks[p0].Next != 10 {
		t.Errorf("%+v", r.State)
	}
}

// Why a batch was given up is told for people, and what is behind it in the queue goes with it.
func TestCommit_TellsWhyABatchIsGivenUp(t *testing.T) {
	r10 := func(from int64) map[offsets.Partition]offsets.Range {
		return map[offsets.Partition]offsets.Range{p0: {From: from, To: from + 10}}
	}
	for name, c := range map[string]struct {
		change func(b *manifest.Manifest, now time.Time)
		landed int
		why    string
	}{
		"it is too old":       {func(b *manifest.Manifest, now time.Time) { b.Born = now.Add(-commit.MaxBatchAge - time.Second) }, 1, "the batch is 6h0m1s old, older than 6h0m0s"},
		"it is nearly so":     {func(b *manifest.Manifest, now time.Time) { b.Born = now.Add(-commit.MaxBatchAge + time.Minute) }, 3, ""},
		"its schema is gone":  {func(b *manifest.Manifest, now time.Time) { b.Born, b.SchemaID = now, 9 }, 1, "the table no longer has schema 9"},
		"its spec is gone":    {func(b *manifest.Manifest, now time.Time) { b.Born, b.SpecID = now, 8 }, 1, "the table no longer has partition spec 8"},
		"it is of an epoch":   {func(b *manifest.Manifest, _ time.Time) { b.Epoch++ }, 1, "anchored again since the batch began"},
		"it begins elsewhere": {func(b *manifest.Manifest, _ time.Time) { s := b.Spans[p0]; s.From++; s.Holes--; b.Spans[p0] = s }, 1, "partition orders-0: the batch begins at 11, the table stands at "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			e := w.anchor(w.x, p0).Epoch
			a, b, d := batch(e, r10(0)), batch(e, r10(10)), batch(e, r10(20))
			c.change(b, w.now)
			r, err := w.x.Commit(t.Context(), a, b, d)
			if err != nil || len(r.Landed) != c.landed || len(r.Landed)+len(r.Stale) != 3 || !strings.Contains(r.Why, c.why) || (c.why == "") != (r.Why == "") {
				t.Fatalf("landed %d, stale %d, why %q, %v", len(r.Landed), len(r.Stale), r.Why, err)
			}
			w.exact()
		})
	}
}

// Who is told to end while he waits ends at once, and says what he was waiting for.
func TestCommitter_AWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		e := w.anchor(w.x, p0).Epoch
		down := &deaf{w.mem, 10}
		x := &commit.Committer{Table: down, Name: "shop.orders", Sink: "x", Hash: "h", Jitter: whole}
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond) // within the second wait
		defer cancel()
		began := time.Now()
		_, err := x.Commit(ctx, batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
		if took := time.Since(began); took != 250*time.Millisecond || down.n != 8 {
			t.Errorf("ended after %s and %d loads", took, 10-down.n)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errDown) {
			t.Errorf("said: %v", err)
		}
	})
}
