// Package committest is the contract of commit.Table: a table in memory with the semantics that a catalog must
// have, foreigners and faults included, and a suite that every implementation passes.
package committest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/fitness"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Memory is a table in memory. It keeps real requirement semantics: a request applies only to the base it was
// made for. It is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	branch  string
	view    commit.View
	older   map[int64]commit.Snapshot // expired from the list, still in the metadata log
	parents map[int64]int64           // of every snapshot that ever was
	rows    map[int64][]Row           // by snapshot: the rows it added
	clock   func() time.Time
	lose    func(Step) Fault
	applied int
	broken  error
	lag     int
	stale   commit.View
}

// Row is what the table holds of one batch and partition.
type Row struct {
	Batch     uuid.UUID
	Partition offsets.Partition
	Range     offsets.Range
	Rows      int64
}

// Step is a point at which a fault may be put.
type Step string

const (
	OnLoad   Step = "load"
	OnAppend Step = "append"
)

// Fault is what happens to one request.
type Fault int

const (
	None      Fault = iota
	Refuse          // answered with an error, not applied
	LoseReply       // applied, answered with an error
	Lie             // answered with success, not applied
	Blind           // applied whatever the requirements say: a catalog that ignores them
	Twice           // applied, and once more on top of itself
	Bare            // applied, but the snapshot's summary is lost
)

// NewMemory is an empty table with all capabilities. clock may be nil.
func NewMemory(clock func() time.Time) *Memory {
	if clock == nil {
		clock = time.Now
	}
	m := &Memory{branch: "main", clock: clock, rows: map[int64][]Row{}, parents: map[int64]int64{}, older: map[int64]commit.Snapshot{}}
	m.view = commit.View{TableUUID: uuid.New(), Branch: m.branch, Empty: true, Snapshots: map[int64]commit.Snapshot{}, Mirrors: map[string]commit.Mirror{},
		Tags: map[string]int64{}, Caps: commit.Capabilities{Tags: true, Properties: true, History: true}, SchemaIDs: []int{0}, SpecIDs: []int{0}}
	m.touch()
	return m
}

// Faults makes f decide about each request from now on; nil ends that.
func (m *Memory) Faults(f func(Step) Fault) { m.mu.Lock(); defer m.mu.Unlock(); m.lose = f }

// Break makes every request fail with err from now on; nil ends that.
func (m *Memory) Break(err error) { m.mu.Lock(); defer m.mu.Unlock(); m.broken = err }

// Lag makes the next n loads show the table as it is now: a catalog with a cache.
func (m *Memory) Lag(n int) { m.mu.Lock(); defer m.mu.Unlock(); m.lag, m.stale = n, m.copy() }

// Edit changes the table as a foreigner would, under the lock.
func (m *Memory) Edit(f func(v *commit.View)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.copy()
	f(&v)
	m.view = v
	m.touch()
}

func (m *Memory) touch() {
	m.applied++
	for id, s := range m.view.Snapshots {
		if s.Parent != 0 || m.parents[id] == 0 {
			m.parents[id] = s.Parent
		}
	}
	m.view.Location = fmt.Sprintf("memory:%s/%05d.metadata.json", m.view.TableUUID, m.applied)
	m.view.LastUpdated = m.clock()
}

func (m *Memory) copy() commit.View {
	v := m.view
	v.Snapshots, v.Mirrors, v.Tags = maps.Clone(v.Snapshots), maps.Clone(v.Mirrors), maps.Clone(v.Tags)
	return v
}

func (m *Memory) fault(s Step) Fault {
	if m.lose == nil {
		return None
	}
	return m.lose(s)
}

var errFault = errors.New("connection reset")

// Load implements commit.Table.
func (m *Memory) Load(ctx context.Context) (commit.View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return commit.View{}, err
	}
	if m.broken != nil {
		return commit.View{}, m.broken
	}
	if m.fault(OnLoad) != None {
		return commit.View{}, errFault
	}
	if m.lag > 0 {
		m.lag--
		return m.stale, nil
	}
	return m.copy(), nil
}

// History implements commit.Table.
func (m *Memory) History(_ context.Context, v commit.View) (commit.View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v.Snapshots = maps.Clone(v.Snapshots)
	for id, s := range m.older {
		if s.Sequence > v.LastSequence {
			continue // no file before this load lists it
		}
		if now, listed := v.Snapshots[id]; !listed || now.Parent == 0 && s.Parent != 0 {
			v.Snapshots[id] = s
		}
	}
	v.HistoryComplete = true
	return v, nil
}

// Verify implements commit.Table: files in memory never vanish.
func (m *Memory) Verify(context.Context, *manifest.Manifest) error { return nil }

// Append implements commit.Table.
func (m *Memory) Append(ctx context.Context, base commit.View, c commit.Change) (int64, error) {
	return m.append(ctx, base, c, -1)
}

// AppendWrongly implements fitness.Trial.
func (m *Memory) AppendWrongly(ctx context.Context, base commit.View, c commit.Change, w fitness.Wrong) (int64, error) {
	return m.append(ctx, base, c, w)
}

// append sends a request whose requirements hold for base, or for nothing in one point.
func (m *Memory) append(ctx context.Context, base commit.View, c commit.Change, w fitness.Wrong) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if m.broken != nil {
		return 0, m.broken
	}
	fault := m.fault(OnAppend)
	id := rand.Int64()>>1 + 1
	switch fault {
	case Refuse:
		return 0, errFault
	case Lie:
		return id, nil
	}
	switch tag := m.view.Tags[c.Sink]; {
	case fault == Blind:
	case base.TableUUID != m.view.TableUUID || w == fitness.WrongTable:
		return 0, &commit.Error{Class: commit.Conflict, Err: errors.New("requirement failed: table uuid")}
	case base.Head != m.view.Head || w == fitness.WrongHead || w == fitness.NoBranch && m.view.Head != 0:
		return 0, &commit.Error{Class: commit.Conflict, Err: fmt.Errorf("requirement failed: branch %s is at %d, expected %d", m.branch, m.view.Head, base.Head)}
	case m.view.Caps.Tags && (base.Tags[c.Sink] != tag || w == fitness.WrongTag || w == fitness.NoTag && tag != 0):
		return 0, &commit.Error{Class: commit.Conflict, Err: errors.New("requirement failed: tag")}
	}
	m.apply(id, c)
	switch fault {
	case LoseReply:
		return 0, errFault
	case Twice: // a snapshot lists all that the table holds, so no row is there twice
		m.view.Snapshots = maps.Clone(m.view.Snapshots)
		s := m.view.Snapshots[id]
		s.ID, s.Parent, s.Sequence = id^1, id, s.Sequence+1
		m.view.Snapshots[s.ID], m.view.Head, m.view.LastSequence = s, s.ID, s.Sequence
		m.touch()
	case Bare:
		m.view.Snapshots = maps.Clone(m.view.Snapshots)
		s := m.view.Snapshots[id]
		m.view.Snapshots[id] = commit.Snapshot{ID: id, Parent: s.Parent, Sequence: s.Sequence, Time: s.Time, Operation: s.Operation}
		m.touch()
	}
	return id, nil
}

func (m *Memory) apply(id int64, c commit.Change) {
	v := m.copy()
	ledger := c.Ledger.Clone()
	s := commit.Snapshot{ID: id, Parent: v.Head, Sequence: v.LastSequence + 1, Time: m.clock(), Operation: "append",
		Sink: c.Sink, Version: 1, Epoch: c.Epoch, Hash: c.Hash, Ledger: &ledger, Others: c.Others}
	for _, b := range c.Batches {
		s.Batches = append(s.Batches, b.ID)
		for p, sp := range b.Spans {
			m.rows[id] = append(m.rows[id], Row{Batch: b.ID, Partition: p, Range: sp.Range, Rows: sp.Rows})
		}
	}
	v.Snapshots[id], v.Head, v.LastSequence, v.Empty = s, id, s.Sequence, false
	if v.Caps.Tags {
		v.Tags[c.Sink] = id
	}
	if v.Caps.Properties {
		v.Mirrors[c.Sink] = commit.Mirror{Sound: true, Snapshot: id, Epoch: c.Epoch, Ledger: c.Ledger.Clone()}
	}
	m.view = v
	m.touch()
}

// Rows lists what the lineage of the branch holds, newest first, expired snapshots included.
func (m *Memory) Rows() []Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Row
	for id := m.view.Head; id != 0; id = m.parents[id] {
		out = append(out, m.rows[id]...)
	}
	return out
}

// Head is the snapshot that the branch points to.
func (m *Memory) Head() int64 { m.mu.Lock(); defer m.mu.Unlock(); return m.view.Head }

// Foreign adds a snapshot of somebody else on the head; source is its source-snapshot-id, 0 for none.
func (m *Memory) Foreign(operation string, source int64) int64 {
	id := rand.Int64()>>1 + 1
	m.Edit(func(v *commit.View) {
		v.LastSequence++
		v.Snapshots[id] = commit.Snapshot{ID: id, Parent: v.Head, Sequence: v.LastSequence, Time: m.clock(), Operation: operation, Source: source}
		v.Head, v.Empty = id, false
	})
	return id
}

// Rollback points the branch to an earlier snapshot.
func (m *Memory) Rollback(id int64) { m.Edit(func(v *commit.View) { v.Head = id }) }

// Expire removes snapshots from the list; keepLog says whether older metadata files still tell of them.
func (m *Memory) Expire(keepLog bool, ids ...int64) {
	m.Edit(func(v *commit.View) {
		for _, id := range ids {
			if keepLog && m.older[id].Parent == 0 { // else a still older file lists it with its parent
				m.older[id] = v.Snapshots[id]
			}
			delete(v.Snapshots, id)
		}
	})
}

// ExpireUnparenting is Expire as pyiceberg does it: what stays forgets a parent that went.
func (m *Memory) ExpireUnparenting(keepLog bool, ids ...int64) {
	m.Expire(keepLog, ids...)
	m.Edit(func(v *commit.View) {
		for id, s := range v.Snapshots {
			if slices.Contains(ids, s.Parent) {
				if keepLog {
					m.older[id] = s
				}
				s.Parent = 0
				v.Snapshots[id] = s
			}
		}
	})
}

// Replace is CREATE OR REPLACE: uuid, properties and tags stay, the branch begins anew.
func (m *Memory) Replace() {
	m.Edit(func(v *commit.View) {
		id := rand.Int64()>>1 + 1
		v.LastSequence++
		v.Snapshots[id] = commit.Snapshot{ID: id, Sequence: v.LastSequence, Time: m.clock(), Operation: "append"}
		v.Head = id
	})
}

// Recreate is drop and create: nothing stays.
func (m *Memory) Recreate() {
	m.Edit(func(v *commit.View) {
		*v = commit.View{TableUUID: uuid.New(), Branch: m.branch, Empty: true, Snapshots: map[int64]commit.Snapshot{}, Mirrors: map[string]commit.Mirror{},
			Tags: map[string]int64{}, Caps: v.Caps, SchemaIDs: []int{0}, SpecIDs: []int{0}}
		m.older = map[int64]commit.Snapshot{}
	})
}
