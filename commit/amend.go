package commit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/offsets"
)

// Edit is a change of a table's state without rows: an anchor, partitions found later, a gap, an operator's word.
type Edit struct {
	Cluster  string                             // set on the first anchor
	Set      map[offsets.Partition]offsets.Mark // marks to add or replace
	Gaps     []Gap
	NewEpoch bool   // needed whenever a position moves otherwise than by a batch
	Audit    *Audit // an operator ordered it
}

// Amend commits empty snapshots until edit has nothing more to change, and returns the state then. It resolves a
// dirty state first. edit is called with the state of every load, so it must only look at the state
// and at what its caller found out before; it may return an error to give up.
func (c *Committer) Amend(ctx context.Context, edit func(View, State) (*Edit, error)) (State, View, error) {
	if err := c.turn.take(ctx); err != nil {
		return State{}, View{}, fmt.Errorf("amend %s: %w", c.Name, err)
	}
	defer c.turn.give()
	c.tries = 0
	for {
		v, st, err := c.settled(ctx)
		if err != nil {
			return st, v, err
		}
		e, err := edit(v, st)
		if err != nil || e == nil {
			return st, v, err
		}
		if err := c.uncovered(ctx, &v, st, e); err != nil {
			var s *Stop
			if errors.As(err, &s) {
				return st, v, err
			}
			if err := c.pause(ctx, "read older metadata", err); err != nil {
				return st, v, err
			}
			continue
		}
		if _, err := c.send(ctx, v, e.Change(v, st, c.Hash, freshEpoch())); err != nil {
			return st, v, err
		}
	}
}

// Change is what the edit makes of a table in state st, as v shows it. fresh is an epoch that no state ever had; it is used
// where the state is to begin a new one. It reads no clock and does no I/O.
func (e *Edit) Change(v View, st State, hash string, fresh uint64) Change {
	next := st.Ledger.Clone()
	if e.Cluster != "" {
		next.Cluster = e.Cluster
	}
	for p, m := range e.Set {
		next.Marks[p] = m
	}
	epoch := st.Epoch
	if st.Empty || e.NewEpoch || epoch == 0 {
		epoch = fresh
	}
	return Change{Sink: st.Sink, Epoch: epoch, Hash: hash, Ledger: next, Others: CarryOthers(v, st.Sink), Gaps: e.Gaps, Audit: e.Audit}
}

// uncovered tests the claims of an edit against those of every other sink id on the table; where only older metadata tell of them, v has
// these as well then. The error is a *Stop, or that of reading older metadata.
func (c *Committer) uncovered(ctx context.Context, v *View, st State, e *Edit) error {
	if c.AllowNewSink {
		return nil
	}
	claims := map[offsets.Partition]offsets.Mark{}
	for p, m := range e.Set {
		if old, had := st.Ledger.Marks[p]; !had || old.Origin != m.Origin || old.Upper != m.Upper {
			claims[p] = m
		}
	}
	p, cover, met, err := Covered(*v, c.Sink, claims)
	if errors.Is(err, ErrNeedHistory) {
		full, fault := c.Table.History(ctx, *v)
		if fault != nil {
			return fault
		}
		*v = full
		p, cover, met, err = Covered(full, c.Sink, claims)
	}
	if err != nil {
		var s *Stop
		if errors.As(err, &s) {
			return c.named(s)
		}
		return err
	}
	if !met {
		return nil
	}
	s := stop(*v, NewSink, fmt.Sprintf("sink %q has read %s of %s into this table already, or will; sink %q would write them again",
		cover.Sink, cover.Range, p, c.Sink), doEnd(cover))
	s.Partition, s.Offset = &p, claims[p].Origin
	return c.named(s)
}

// State reads the table and anchors it again where its state is in danger: dirty after a rollback, buried under
// foreign snapshots for longer than AnchorAge or a tenth of what expiry keeps, or found only by the mirror or by older metadata.
func (c *Committer) State(ctx context.Context) (State, View, error) {
	if err := c.turn.take(ctx); err != nil {
		return State{}, View{}, fmt.Errorf("read state of %s: %w", c.Name, err)
	}
	defer c.turn.give()
	c.tries = 0
	for {
		v, st, err := c.settled(ctx)
		if err != nil || !Endangered(v, st, c.now()) {
			return st, v, err
		}
		if _, err := c.send(ctx, v, Reanchor(v, st, c.Hash, freshEpoch())); err != nil {
			return st, v, err
		}
	}
}

// Endangered tells whether a state must be anchored again although it is clean: because it lies buried for so long that expiry may
// reach it, or was found only by the mirror or by older metadata.
func Endangered(v View, st State, now time.Time) bool {
	if st.Empty || !st.Buried {
		return false
	}
	if st.Via != FromLineage {
		return true
	}
	limit := AnchorAge
	if v.Retention > 0 {
		limit = min(limit, v.Retention/10)
	}
	return !st.Held.IsZero() && now.Sub(st.Held) > limit
}

// Look reads the table and resolves its state, and changes nothing. For showing and checking.
func (c *Committer) Look(ctx context.Context) (State, View, error) {
	if err := c.turn.take(ctx); err != nil {
		return State{}, View{}, fmt.Errorf("look at %s: %w", c.Name, err)
	}
	defer c.turn.give()
	c.tries = 0
	v, st, err := c.read(ctx)
	return st, v, err
}

// Forget lets the Committer accept a table of another uuid: for a caller that starts again from what the
// table says.
func (c *Committer) Forget() {
	_ = c.turn.take(context.Background()) // which never ends
	defer c.turn.give()
	c.uuid, c.pending = uuid.Nil, nil
}

// ErrMoved says that the table is no longer as the operator saw it.
var ErrMoved = errors.New("the table has moved since you looked: look again with `sinker offsets show`, then decide again")

// Accept commits an operator's answer to a Stop as one empty snapshot with an audit entry. decide sees what Resolve
// says, its error included, and returns the change; its Set must be complete where the state could not be resolved. expect, if
// not 0, is the head that the operator looked at; ErrMoved if the branch has left it.
func (c *Committer) Accept(ctx context.Context, expect int64, decide func(View, State, error) (*Edit, error)) (int64, error) {
	if err := c.turn.take(ctx); err != nil {
		return 0, fmt.Errorf("amend %s: %w", c.Name, err)
	}
	defer c.turn.give()
	c.tries = 0
	c.pending = nil // what the operator looked at is what counts
	epoch := freshEpoch()
	for sent := false; ; {
		v, err := c.Table.Load(ctx)
		if err != nil {
			if err := c.pause(ctx, "load table", err); err != nil {
				return 0, err
			}
			continue
		}
		if id := firstOf(v, c.Sink, epoch); sent && id != 0 {
			c.uuid, c.pending = v.TableUUID, nil
			return id, nil
		}
		if shown, err := c.shown(ctx, &v); err != nil {
			return 0, err
		} else if !shown {
			continue
		}
		if expect != 0 && v.Head != expect {
			return 0, ErrMoved
		}
		st, v, why := c.resolve(ctx, v)
		var s *Stop
		if why != nil && !errors.As(why, &s) {
			if err := c.pause(ctx, "read older metadata", why); err != nil {
				return 0, err
			}
			continue
		}
		e, err := decide(v, st, why)
		if err != nil {
			return 0, err
		}
		if err := c.uncovered(ctx, &v, st, e); errors.As(err, &s) {
			return 0, err
		} else if err != nil {
			if err := c.pause(ctx, "read older metadata", err); err != nil {
				return 0, err
			}
			continue
		}
		st.Sink = c.Sink // where nothing could be told, not even that
		ch := e.Change(v, st, c.Hash, epoch)
		ch.Epoch = epoch
		expect, sent = v.Head, true
		if _, err := c.send(ctx, v, ch); err != nil {
			return 0, err
		}
	}
}

// firstOf is the snapshot in the branch with which an epoch of a sink id began; 0 if there is none. Others may have committed on top of it.
func firstOf(v View, x string, epoch uint64) (first int64) {
	for s := range ancestors(v) {
		if s.Sink == x && s.Epoch == epoch {
			first = s.ID
		}
	}
	return first
}
