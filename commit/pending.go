package commit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pending is a request that was acknowledged, and that no load has shown yet.
type pending struct {
	snapshot int64
	parent   int64
	sequence int64
	sent     time.Time // when the request left
	stale    time.Time // when a load was first older than it
	looks    int       // loads that were
}

// shown tells whether this load shows what was acknowledged last; if not it has waited, and the table is to be loaded again. The error is a
// *Stop, or ctx's.
func (c *Committer) shown(ctx context.Context, v *View) (bool, error) {
	seen, err := c.sees(ctx, v)
	var s *Stop
	switch {
	case errors.As(err, &s):
		return false, err
	case err != nil:
		return false, c.pause(ctx, "read older metadata", err)
	case !seen:
		return false, c.pause(ctx, "load table", errStaleLoad)
	}
	return true, nil
}

var errStaleLoad = errors.New("the catalog's answer is older than a commit it has acknowledged")

// sees checks the last acknowledged request against this load: nothing is believed before the table shows it. The error is a *Stop, or
// that of reading older metadata.
func (c *Committer) sees(ctx context.Context, v *View) (bool, error) {
	p := c.pending
	if p == nil {
		return true, nil
	}
	if v.LastSequence < p.sequence {
		if p.looks++; p.looks == 1 {
			p.stale = c.now()
		}
		if p.looks >= leastStale && c.now().Sub(p.stale) > StaleLoads { // one look after a long sleep is no proof
			return false, c.lies(v, fmt.Sprintf("%s after it acknowledged snapshot %d, every load is still older than it", StaleLoads, p.snapshot))
		}
		return false, nil
	}
	s, listed := v.Snapshots[p.snapshot]
	if !listed && v.Tags[c.Sink] != p.snapshot && v.Mirrors[c.Sink].Snapshot != p.snapshot {
		full, err := c.Table.History(ctx, *v)
		if err != nil {
			return false, err
		}
		*v = full
		// Somebody came after us. If ours was applied, nobody else can have its sequence number: it was rolled back or cut from the past
		// since, or this catalog shows the newest snapshot only. What is long ago may be of metadata that was restored: nothing can be concluded.
		proven := numbered(*v, p.sequence) && c.now().Sub(p.sent) <= StaleLoads
		if s, listed = v.Snapshots[p.snapshot]; !listed && !proven && v.LastSequence > p.sequence {
			c.pending = nil
			return true, nil
		}
		if !listed {
			return false, c.lies(v, fmt.Sprintf("it acknowledged snapshot %d, and no trace of it is in the table", p.snapshot))
		}
	}
	if listed && (s.Sink != c.Sink || s.Ledger == nil) {
		return false, c.lies(v, fmt.Sprintf("snapshot %d was applied without what its summary was to say: its rows are in the table, its offsets are not", p.snapshot))
	}
	if listed && v.Caps.History && s.Parent == 0 && p.parent != 0 { // the parent was expired since, by a tool that takes it from its child
		full, err := c.Table.History(ctx, *v)
		if err != nil {
			return false, err
		}
		*v = full
		s = v.Snapshots[p.snapshot]
	}
	if listed && v.Caps.History && s.Parent != 0 && s.Parent != p.parent {
		return false, c.lies(v, fmt.Sprintf("snapshot %d was to be applied on %d only, and was applied on %d: commits of others may be lost", p.snapshot, p.parent, s.Parent))
	}
	c.pending = nil
	return true, nil
}

func (c *Committer) lies(v *View, found string) error {
	c.pending = nil
	return c.named(stop(*v, CatalogLies, "CRITICAL: "+found, "do not trust this catalog with concurrent writers; run `sinker check --probe`, then restart sinker"))
}

// leastStale is how many loads must have been stale before that counts.
const leastStale = 4

// numbered tells whether a snapshot of that sequence number is known; a table gives each number once (Iceberg specification, sequence numbers).
func numbered(v View, sequence int64) bool {
	for _, s := range v.Snapshots {
		if s.Sequence == sequence {
			return true
		}
	}
	return false
}
