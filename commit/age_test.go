package commit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/committest"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// shelf is a table whose store answers as told when it is asked for a batch's files.
type shelf struct {
	*committest.Memory
	answers []error
	asked   int
}

func (s *shelf) Verify(context.Context, *manifest.Manifest) error {
	s.asked++
	if len(s.answers) == 0 {
		return nil
	}
	err := s.answers[0]
	s.answers = s.answers[1:]
	return err
}

// A batch that waited for an hour may have lost its files to somebody's clean-up: they are looked for before it is named in a request,
// however often the store fails, and it is given up if one is gone. A fresh one is not asked about.
func TestCommit_FilesOfABatchThatWaitedAreLookedFor(t *testing.T) {
	down := errors.New("the store is down")
	for name, c := range map[string]struct {
		age     time.Duration
		answers []error
		asked   int
		lands   bool
	}{
		"fresh":                     {time.Minute, nil, 0, true},
		"waited, and all are there": {commit.VerifyAge + time.Minute, nil, 1, true},
		"the store answers late":    {commit.VerifyAge + time.Minute, []error{down, down}, 3, true},
		"one is gone":               {commit.VerifyAge + time.Minute, []error{down, commit.ErrFilesGone}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := &shelf{Memory: w.mem, answers: c.answers}
			w.x.Table = s
			e := w.anchor(w.x, p0).Epoch
			b := batch(e, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
			b.Born = w.now.Add(-c.age)
			head := w.mem.Head()
			r, err := w.x.Commit(t.Context(), b)
			if err != nil || (len(r.Landed) == 1) != c.lands || len(r.Landed)+len(r.Stale) != 1 || s.asked != c.asked {
				t.Errorf("%+v, %v, asked %d times", r, err, s.asked)
			}
			if !c.lands && (w.mem.Head() != head || r.Attempts != 0) {
				t.Error("a batch without its files was named in a request")
			}
			w.exact()
		})
	}
}

// held is a table whose requests are held up until their time is over.
type held struct{ *committest.Memory }

func (h *held) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	if len(c.Batches) == 0 {
		return h.Memory.Append(ctx, base, c)
	}
	select {
	case <-ctx.Done():
	case <-time.After(2 * commit.MaxBatchAge):
	}
	return h.Memory.Append(ctx, base, c)
}

// A request that is held up until its batch is too old does not arrive any more: somebody may have cleaned up the files by then.
func TestCommit_RequestLivesNoLongerThanItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := committest.NewMemory(nil)
		c := &commit.Committer{Table: &held{mem}, Name: "the table", Sink: "x", Rollback: commit.Replay}
		st, _, err := c.Amend(t.Context(), func(_ commit.View, st commit.State) (*commit.Edit, error) {
			if !st.Empty {
				return nil, nil
			}
			return &commit.Edit{Cluster: "c", Set: map[offsets.Partition]offsets.Mark{p0: {Upper: offsets.Unbounded}}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		b := batch(st.Epoch, map[offsets.Partition]offsets.Range{p0: {From: 0, To: 10}})
		b.Born = time.Now().Add(-time.Hour)
		head, begin := mem.Head(), time.Now()
		r, err := c.Commit(t.Context(), b)
		if err != nil || len(r.Stale) != 1 || mem.Head() != head {
			t.Errorf("%+v, %v", r, err)
		}
		if took := time.Since(begin); took < commit.MaxBatchAge-time.Hour || took > commit.MaxBatchAge {
			t.Errorf("given up after %s", took)
		}
	})
}
