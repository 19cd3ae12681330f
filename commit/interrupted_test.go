package commit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

var errDown = errors.New("the network is down")

// flaky fails one of its calls, and says which one that was.
type flaky struct {
	commit.Table
	at     int // the call that fails, from 1; 0: none
	cancel context.CancelFunc
	n      int
	after  int    // calls after the one that failed
	failed string // what failed
	calls  []string
}

func (f *flaky) call(step string) error {
	f.n++
	f.calls = append(f.calls, step)
	switch {
	case f.at == 0 || f.n < f.at:
		return nil
	case f.n > f.at:
		f.after++
		return nil
	}
	f.failed = step
	if f.cancel != nil {
		f.cancel()
	}
	return errDown
}

func (f *flaky) Load(ctx context.Context) (commit.View, error) {
	if err := f.call("load table"); err != nil {
		return commit.View{}, err
	}
	return f.Table.Load(context.WithoutCancel(ctx))
}

func (f *flaky) History(ctx context.Context, v commit.View) (commit.View, error) {
	if err := f.call("read older metadata"); err != nil {
		return v, err
	}
	return f.Table.History(context.WithoutCancel(ctx), v)
}

func (f *flaky) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	if err := f.call("commit"); err != nil {
		return 0, err
	}
	return f.Table.Append(context.WithoutCancel(ctx), base, c)
}

func (f *flaky) Verify(context.Context, *manifest.Manifest) error { return f.call("verify files") }

// task is something that a Committer does in several requests, on a table that was made ready for it.
type task struct {
	steps string // its requests, where nothing fails
	do    func(ctx context.Context, w *world) (commit.State, commit.View, error)
}

// besideOlder is a table of x on which what y claims stands in older metadata only.
func besideOlder(t *testing.T) *world {
	w := newWorld(t)
	y := w.sink("y")
	w.anchor(y, offsets.Partition{Topic: "clicks"})
	st, _ := w.resolve("y")
	w.mem.Foreign("append", st.Carrier) // a cherry-pick, so that y's state is not carried along
	w.x.AllowNewSink = true
	w.anchor(w.x, p0)
	w.x.AllowNewSink = false
	w.mem.Expire(true, st.Carrier)
	return w
}

func tasks(t *testing.T) map[string]func() (*world, task) {
	state := func(ctx context.Context, w *world) (commit.State, commit.View, error) { return w.x.State(ctx) }
	lands := func(b *manifest.Manifest) func(ctx context.Context, w *world) (commit.State, commit.View, error) {
		return func(ctx context.Context, w *world) (commit.State, commit.View, error) {
			r, err := w.x.Commit(ctx, b)
			if err == nil && (len(r.Landed) != 1 || r.Snapshot != w.mem.Head()) {
				t.Errorf("landed %d, stale %d (%s), snapshot %d", len(r.Landed), len(r.Stale), r.Why, r.Snapshot)
			}
			return r.State, r.View, err
		}
	}
	claim := func(p offsets.Partition) func(ctx context.Context, w *world) (commit.State, commit.View, error) {
		return func(ctx context.Context, w *world) (commit.State, commit.View, error) {
			st, v, err := w.x.Amend(ctx, func(_ commit.View, st commit.State) (*commit.Edit, error) {
				if _, has := st.Ledger.Marks[p]; has {
					return nil, nil
				}
				return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{p: {Upper: offsets.Unbounded, LeaderEpoch: offsets.NoEpoch}}}, nil
			})
			if _, has := st.Ledger.Marks[p]; err == nil && !has {
				t.Errorf("%s is not claimed, and nobody says so", p)
			}
			return st, v, err
		}
	}
	return map[string]func() (*world, task){
		"a virgin table is anchored": func() (*world, task) {
			return newWorld(t), task{"load table, commit, load table", claim(p0)}
		},
		"a rolled back table is anchored again": func() (*world, task) {
			w := newWorld(t)
			e := w.anchor(w.x, p0).Epoch
			back := w.add(w.x, e, 0, 10).Snapshot
			w.add(w.x, e, 10, 20)
			w.mem.Rollback(back)
			return w, task{"load table, commit, load table", state}
		},
		"a buried state is anchored again": func() (*world, task) {
			w := newWorld(t)
			w.anchor(w.x, p0)
			w.mem.Foreign("append", 0)
			w.now = w.now.Add(commit.AnchorAge + time.Minute)
			return w, task{"load table, commit, load table", state}
		},
		"a lineage that older metadata complete": func() (*world, task) {
			w := newWorld(t)
			e := w.anchor(w.x, p0).Epoch
			carrier := w.add(w.x, e, 0, 10).Snapshot
			f := w.mem.Foreign("replace", 0)
			w.mem.Foreign("append", 0)
			w.mem.Expire(true, carrier, f)
			return w, task{"load table, read older metadata, commit, load table", state}
		},
		"an anchor beside a sink of which older metadata tell": func() (*world, task) {
			w := besideOlder(t)
			return w, task{"load table, read older metadata, commit, load table", claim(p1)}
		},
		"an operator's word beside a sink of which older metadata tell": func() (*world, task) {
			w := besideOlder(t)
			return w, task{"load table, read older metadata, commit, load table", func(ctx context.Context, w *world) (commit.State, commit.View, error) {
				id, err := w.x.Accept(ctx, w.mem.Head(), func(commit.View, commit.State, error) (*commit.Edit, error) {
					return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{p1: {Upper: offsets.Unbounded}}}, nil
				})
				if err == nil && (id == 0 || id != w.mem.Head()) {
					t.Errorf("accepted as %d, the head is %d", id, w.mem.Head())
				}
				return commit.State{Sink: "x"}, commit.View{Branch: "main"}, err
			}}
		},
		"a batch": func() (*world, task) {
			w := newWorld(t)
			b := batch(w.anchor(w.x, p0).Epoch, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
			return w, task{"load table, commit, load table", lands(b)}
		},
		"a batch that waited": func() (*world, task) {
			w := newWorld(t)
			b := batch(w.anchor(w.x, p0).Epoch, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
			b.Born = w.now.Add(-commit.VerifyAge - time.Minute)
			return w, task{"load table, verify files, commit, load table", lands(b)}
		},
		"an operator's word": func() (*world, task) {
			w := newWorld(t)
			w.anchor(w.x, p0)
			w.mem.Foreign("append", 4711)
			return w, task{"load table, read older metadata, commit, load table", func(ctx context.Context, w *world) (commit.State, commit.View, error) {
				id, err := w.x.Accept(ctx, w.mem.Head(), func(_ commit.View, _ commit.State, why error) (*commit.Edit, error) {
					var s *commit.Stop
					if !errors.As(why, &s) {
						t.Errorf("the operator is asked about %v", why)
					}
					return &commit.Edit{Set: map[offsets.Partition]offsets.Mark{p0: {Upper: offsets.Unbounded}}, Audit: &commit.Audit{Action: "accept"}}, nil
				})
				if err == nil && id != w.mem.Head() {
					t.Errorf("accepted as %d, the head is %d", id, w.mem.Head())
				}
				return commit.State{Sink: "x"}, commit.View{Branch: "main"}, err
			}}
		},
		"a look": func() (*world, task) {
			w := newWorld(t)
			w.anchor(w.x, p0)
			return w, task{"load table", func(ctx context.Context, w *world) (commit.State, commit.View, error) { return w.x.Look(ctx) }}
		},
	}
}

// Whichever request fails: the failure is told under the name of its step, and the work is done all the same.
func TestCommitter_AnyOneRequestFails(t *testing.T) {
	for name, ready := range tasks(t) {
		w, k := ready()
		steps := strings.Split(k.steps, ", ")
		for at := range len(steps) + 1 {
			t.Run(fmt.Sprintf("%s, request %d", name, at), func(t *testing.T) {
				if at > 0 {
					w, k = ready()
				}
				f := &flaky{Table: w.mem, at: at}
				w.x.Table = f
				var told []string
				w.x.Trouble = func(step string, err error, again time.Duration) {
					if !errors.Is(err, errDown) || again <= 0 {
						t.Errorf("%s: %v, again in %s", step, err, again)
					}
					told = append(told, step)
				}
				st, v, err := k.do(t.Context(), w)
				if err != nil || st.Sink != "x" || v.Branch != "main" {
					t.Fatalf("%+v, head %d of %q, %v", st, v.Head, v.Branch, err)
				}
				if at == 0 {
					if f.n != len(steps) || len(told) != 0 {
						t.Errorf("%d requests, want %d: %s (told: %v)", f.n, len(steps), k.steps, told)
					}
					return
				}
				if again := strings.Join(f.calls[at:], ", "); !strings.HasSuffix(again, strings.Join(steps[at-1:], ", ")) {
					t.Errorf("made %s after it, and %s is what the work takes", again, k.steps)
				}
				if f.failed != steps[at-1] || len(told) != 1 || told[0] != f.failed {
					t.Errorf("%q failed, want %q; told of %v", f.failed, steps[at-1], told)
				}
				if w.mem.Head() != 0 {
					w.exact()
				}
			})
		}
	}
}

// Whichever request is the last before the context ends: no other one is made, the error is the context's and names the table, and what was
// read before is returned with it.
func TestCommitter_EndsWithItsContextAtAnyRequest(t *testing.T) {
	for name, ready := range tasks(t) {
		_, k := ready()
		for i, step := range strings.Split(k.steps, ", ") {
			t.Run(fmt.Sprintf("%s, request %d", name, i+1), func(t *testing.T) {
				w, k := ready()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				f := &flaky{Table: w.mem, at: i + 1, cancel: cancel}
				w.x.Table = f
				st, v, err := k.do(ctx, w)
				if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "shop.orders") || f.after != 0 {
					t.Fatalf("%v, and %d requests after it", err, f.after)
				}
				if (step == "commit" || step == "verify files" || strings.HasPrefix(name, "an anchor beside") && step != "load table") && name != "a batch that waited" && name != "a batch" && (st.Sink != "x" || v.Branch != "main") {
					t.Errorf("what was read is not returned: %+v, %+v", st, v)
				}
			})
		}
	}
}

// Where the table's state is a stop, whatever is asked for is answered with it, under the table's name, and nothing is changed.
func TestCommitter_StopsUnderTheTablesName(t *testing.T) {
	w := newWorld(t)
	e := w.anchor(w.x, p0).Epoch
	w.mem.Foreign("append", 4711)
	head := w.mem.Head()
	_, _, state := w.x.State(t.Context())
	_, _, look := w.x.Look(t.Context())
	_, _, amend := w.x.Amend(t.Context(), func(commit.View, commit.State) (*commit.Edit, error) {
		t.Error("an edit is asked for though nothing is known")
		return nil, nil
	})
	_, landed := w.x.Commit(t.Context(), batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}}))
	for name, err := range map[string]error{"State": state, "Look": look, "Amend": amend, "Commit": landed} {
		wantStop(t, err, commit.CherryPick)
		var s *commit.Stop
		if !errors.As(err, &s) || s.Table != "shop.orders" || strings.Contains(s.Do, "TABLE") || !strings.Contains(s.Do, "--table shop.orders") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.mem.Head() != head {
		t.Error("the table was changed")
	}
}
