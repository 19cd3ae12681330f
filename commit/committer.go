package commit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/manifest"
)

// Rollback is what to do when somebody moved the branch back.
type Rollback string

const (
	Replay         Rollback = "replay" // the lineage is the truth: read the records again
	StopOnRollback Rollback = "stop"
)

// Committer is the one loop that commits to one table for one sink id. Its methods may be called from several
// goroutines; they take turns.
type Committer struct {
	Table    Table
	Name     string // of the table, for messages
	Sink     string
	Hash     string // of the configuration that shapes rows
	Rollback Rollback
	// AllowNewSink lets this sink id claim offsets that another sink id on the table has claimed (policy.new_sink: allow).
	AllowNewSink bool
	// Attempted, if set, hears of every request and its outcome (err nil: acknowledged).
	Attempted func(took time.Duration, err error)
	// Trouble, if set, hears of every failure that will be tried again.
	Trouble func(step string, err error, again time.Duration)
	// Now and Sleep are the clock; nil means the real one. Sleep returns early with ctx's error.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// Jitter picks a wait below a bound; nil picks at random.
	Jitter func(bound time.Duration) time.Duration

	turn     turn
	uuid     uuid.UUID // of the table, once seen
	pending  *pending  // an acknowledged request that no load has shown yet
	rejected rejection
	tries    int // consecutive failures, for the back-off
	wait     struct{ least, most time.Duration }
}

type rejection struct {
	location string
	times    int
}

// Receipt is what became of the batches given to Commit. Each of them is in Landed or in Stale.
type Receipt struct {
	Landed   []*manifest.Manifest // seen in the table
	Stale    []*manifest.Manifest // given up: their records must be read again from State
	Why      string               // of Stale, for people
	State    State                // as of the last load
	View     View                 // the load that State was read from
	Snapshot int64                // the last of this call that was acknowledged; 0 if none
	Attempts int
	Took     time.Duration
}

// Commit brings the batches, in their order, into the table and returns when each is seen there or is known never to fit. The
// error is a *Stop, or ctx's: then what became of them is not known, and only the table tells.
func (c *Committer) Commit(ctx context.Context, batches ...*manifest.Manifest) (Receipt, error) {
	if err := c.turn.take(ctx); err != nil {
		return Receipt{}, fmt.Errorf("commit to %s: %w", c.Name, err)
	}
	defer c.turn.give()
	c.tries = 0
	for _, b := range batches {
		if err := b.Audit(); err != nil {
			return Receipt{}, fmt.Errorf("commit to %s: %w", c.Name, err)
		}
	}
	r := Receipt{}
	begin := c.now()
	for {
		v, st, err := c.settled(ctx)
		if err != nil {
			return r, err
		}
		f := Fold(st, Lineage(v), batches)
		usable, why, err := c.usable(ctx, v, f.Taken)
		if err != nil {
			return r, err
		}
		if why == "" && len(f.Stale) > 0 {
			why = staleBecause(st, f.Stale[0])
		}
		r.State, r.View, r.Took = st, v, c.now().Sub(begin)
		if len(usable) == 0 {
			r.Landed, r.Stale, r.Why = f.Done, append(f.Stale, f.Taken...), why
			return r, nil
		}
		if len(usable) < len(f.Taken) { // those behind an unusable one do not fit either
			f = Fold(st, Lineage(v), usable)
		}
		r.Attempts++
		id, err := c.send(ctx, v, Land(v, st, c.Hash, f))
		if err != nil {
			return r, err
		}
		if id != 0 {
			r.Snapshot = id
		}
	}
}

// Land is the change that appends what f has taken.
func Land(v View, st State, hash string, f Folded) Change {
	return Change{Sink: st.Sink, Epoch: st.Epoch, Hash: hash, Batches: f.Taken, Ledger: f.Next, Others: CarryOthers(v, st.Sink)}
}

func staleBecause(st State, b *manifest.Manifest) string {
	if b.Epoch != st.Epoch {
		return "the table's state was anchored again since the batch began"
	}
	for p, s := range b.Spans {
		if m := st.Ledger.Marks[p]; m.Next != s.From {
			return fmt.Sprintf("partition %s: the batch begins at %d, the table stands at %d", p, s.From, m.Next)
		}
	}
	return "the table has moved on"
}

// usable is the longest prefix of batches that may still be named in a request: young enough, of a schema and a spec that the
// table still has, and with files that are still there if they are not fresh.
func (c *Committer) usable(ctx context.Context, v View, batches []*manifest.Manifest) ([]*manifest.Manifest, string, error) {
	for i, b := range batches {
		age := c.age(b)
		switch {
		case age > MaxBatchAge:
			return batches[:i], fmt.Sprintf("the batch is %s old, older than %s", age.Round(time.Second), MaxBatchAge), nil
		case !has(v.SchemaIDs, b.SchemaID):
			return batches[:i], fmt.Sprintf("the table no longer has schema %d", b.SchemaID), nil
		case !has(v.SpecIDs, b.SpecID):
			return batches[:i], fmt.Sprintf("the table no longer has partition spec %d", b.SpecID), nil
		case age > VerifyAge:
			for {
				err := c.Table.Verify(ctx, b)
				if err == nil {
					break
				}
				if errors.Is(err, ErrFilesGone) {
					return batches[:i], err.Error(), nil
				}
				if err := c.pause(ctx, "verify files", err); err != nil {
					return nil, "", err
				}
			}
		}
	}
	return batches, "", nil
}

// ErrFilesGone is Table.Verify's answer when a file is missing or has another size.
var ErrFilesGone = errors.New("a staged file is gone")

func has(ids []int, id int) bool {
	for _, i := range ids {
		if i == id {
			return true
		}
	}
	return false
}

// age of a batch is the larger of what the wall clock and the monotonic clock say: a suspended machine stops only one.
func (c *Committer) age(b *manifest.Manifest) time.Duration {
	if b.Born.IsZero() { // nothing was uploaded
		return 0
	}
	now := c.now()
	return max(now.Sub(b.Born), now.Round(0).Sub(b.Born.Round(0)))
}

// bounded ends when the first of the batches is too old to be named: a request that is held up for longer, as that of a process that was
// stopped in the middle of it, must not arrive when somebody may have cleaned up its files.
func (c *Committer) bounded(ctx context.Context, batches []*manifest.Manifest) (context.Context, context.CancelFunc) {
	left := time.Duration(-1)
	for _, b := range batches {
		if d := max(0, MaxBatchAge-c.age(b)); !b.Born.IsZero() && (left < 0 || d < left) {
			left = d
		}
	}
	if left < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, left)
}

// settled reads the table until its state can be built on: whatever was acknowledged is seen, and a state that is dirty
// has been anchored again.
func (c *Committer) settled(ctx context.Context) (View, State, error) {
	for anchored := 0; ; {
		v, st, err := c.read(ctx)
		if err != nil {
			return v, st, err
		}
		if !st.Dirty {
			return v, st, nil
		}
		if anchored == mostAnchors {
			return v, st, c.lies(&v, fmt.Sprintf("the state was anchored %d times in a row, and each time the table showed another one at once: "+
				"the catalog applies requests more than once, or somebody moves the branch back each time", anchored))
		}
		if c.Rollback == StopOnRollback {
			return v, st, c.named(stop(v, RolledBack, fmt.Sprintf("the branch was moved back to offsets of snapshot %d, and policy.rollback is stop", st.Holder),
				"to read the removed rows again: `sinker offsets accept --table TABLE --position start --reason WHY`, or policy.rollback: replay; "+
					"to leave them out: `sinker offsets accept --table TABLE --position mirror --reason WHY`"))
		}
		id, err := c.send(ctx, v, Reanchor(v, st, c.Hash, freshEpoch()))
		if err != nil {
			return v, st, err
		}
		if id != 0 {
			anchored++
		}
	}
}

// mostAnchors is how many anchors in a row may be in vain.
const mostAnchors = 5

// Reanchor is the change that says st once more, in an empty snapshot with an epoch that no state ever had: what was built on the
// old one will not fit any more.
func Reanchor(v View, st State, hash string, fresh uint64) Change {
	return Change{Sink: st.Sink, Epoch: fresh, Hash: hash, Ledger: st.Ledger, Others: CarryOthers(v, st.Sink)}
}

func freshEpoch() uint64 { return rand.Uint64()>>1 + 1 }

// read loads the table until it answers and shows what it has acknowledged, and resolves its state. The error is a *Stop, or ctx's.
func (c *Committer) read(ctx context.Context) (View, State, error) {
	for {
		v, err := c.Table.Load(ctx)
		if err != nil {
			if err := c.pause(ctx, "load table", err); err != nil {
				return v, State{}, err
			}
			continue
		}
		c.wait.least, c.wait.most = v.RetryMin, v.RetryMax
		if c.uuid != uuid.Nil && v.TableUUID != c.uuid {
			return v, State{}, c.named(stop(v, Recreated, fmt.Sprintf("the table's uuid was %s and is now %s: it was dropped and created again", c.uuid, v.TableUUID),
				"`sinker offsets accept --table TABLE --position start --reason WHY` to fill the new table from `start`, or restore the old one"))
		}
		if shown, err := c.shown(ctx, &v); err != nil {
			return v, State{}, err
		} else if !shown {
			continue
		}
		st, v, err := c.resolve(ctx, v)
		if err != nil {
			var s *Stop
			if errors.As(err, &s) {
				return v, st, c.named(s)
			}
			if err := c.pause(ctx, "read older metadata", err); err != nil {
				return v, st, err
			}
			continue
		}
		c.uuid = v.TableUUID
		return v, st, nil
	}
}

// resolve calls the rule, and once more with older metadata if it asks for it.
func (c *Committer) resolve(ctx context.Context, v View) (State, View, error) {
	st, err := Resolve(v, c.Sink)
	if !errors.Is(err, ErrNeedHistory) {
		return st, v, err
	}
	v, err = c.Table.History(ctx, v)
	if err != nil {
		return State{}, v, err
	}
	if st, err = Resolve(v, c.Sink); err == nil {
		st.Via = FromHistory
	}
	return st, v, err
}

// send makes one attempt. It returns the snapshot that was acknowledged, or 0; the error is a *Stop or ctx's. Whatever it
// returns, the caller reads the table again.
func (c *Committer) send(ctx context.Context, v View, ch Change) (int64, error) {
	begin := c.now()
	bounded, cancel := c.bounded(ctx, ch.Batches)
	defer cancel()
	id, err := c.Table.Append(bounded, v, ch)
	if c.Attempted != nil {
		c.Attempted(c.now().Sub(begin), err)
	}
	if err == nil {
		c.pending = &pending{snapshot: id, parent: v.Head, sequence: v.LastSequence + 1, sent: begin}
		c.rejected, c.tries = rejection{}, 0
		return id, nil
	}
	if ClassOf(err) == Rejected {
		if c.rejected.location != v.Location {
			c.rejected = rejection{location: v.Location}
		}
		if c.rejected.times++; c.rejected.times >= 5 {
			times := c.rejected.times
			c.rejected = rejection{}
			s := stop(v, RejectedCommit, fmt.Sprintf("the catalog refused the same change %d times on unchanged metadata", times),
				doRejected(v.Caps))
			s.Err = err
			return 0, c.named(s)
		}
	}
	return 0, c.pause(ctx, "commit", err)
}

// ClassOf finds the class of an error; Unknown if no edge gave it one.
func ClassOf(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return Unknown
}

// pause waits after a failure: full jitter below a bound that doubles from 100 ms to 30 s, or as the table wishes. A conflict is
// news of progress elsewhere, so its bound grows only to 2 s.
func (c *Committer) pause(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", step, c.Name, ctx.Err())
	}
	least, most := 100*time.Millisecond, 30*time.Second
	if c.wait.least > 0 {
		least = min(c.wait.least, most)
	}
	if c.wait.most > 0 {
		most = max(least, min(c.wait.most, 10*time.Minute))
	}
	bound := min(least<<min(c.tries, 12), most)
	if ClassOf(err) == Conflict {
		bound = min(bound, 2*time.Second)
	}
	c.tries++
	jitter := c.Jitter
	if jitter == nil {
		jitter = rand.N[time.Duration]
	}
	d := jitter(bound) + time.Millisecond
	if c.Trouble != nil {
		c.Trouble(step, err, d)
	}
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w (last: %w)", step, c.Name, ctx.Err(), err)
	}
}

func (c *Committer) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// named puts the table's name into a Stop.
func (c *Committer) named(s *Stop) *Stop { s.Complete(c.Name, ""); return s }
