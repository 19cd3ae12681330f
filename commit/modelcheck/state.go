package modelcheck

import "bytes"

const (
	maxSnapshots = 8
	maxWorkers   = 3
	maxNet       = 2
	maxBatches   = 15
	none         = 15 // a position that the table does not know
	fresh        = 31 // an epoch that nothing has yet
)

// snap is what a catalog keeps of a snapshot. Its id is its index plus one; ids are given in the order of birth and never again.
type snap struct {
	Batches uint16
	Parent  uint8
	By      uint8 // sink id plus one; 0 foreign
	Epoch   uint8
	Source  uint8
	Kept    uint8 // listed, logged, or gone
	Marks   uint8
	Next    [2]uint8
	Other   other // of the other sink id; Carrier 0 if it is not there
}

const (
	gone = iota
	logged
	listed
)

const (
	wap = 1 << iota
	newer
	garbled
)

type other struct {
	Carrier, Epoch uint8
	Next           [2]uint8
}

type mirror struct {
	Is, Snapshot, Epoch uint8
	Next                [2]uint8
}

const (
	absent = iota
	damaged
	sound
)

// table is all that a load can show.
type table struct {
	Snap   [maxSnapshots]snap
	Mirror [2]mirror
	Tag    [2]uint8
	Head   uint8
	N      uint8 // snapshots that ever were
	Gen    uint8 // the uuid: 1 at first, 0 no table (a cache that is not in use)
	Spare  uint8
}

// truth is what nobody can read about a snapshot.
type truth struct {
	Files   uint16      // batches whose files it needs
	Rows    [2][2]uint8 // by sink id and partition: low half, offsets that are there; high half, there more than once
	Added   [2]uint8    // by partition: offsets that its batches account for
	Parent  uint8       // whatever the catalog shows
	Over    uint8       // the head that it replaced
	Overlap uint8       // 1 if its batches met each other
	Copy    uint8       // 1 if foreigners wrote its rows anew, whosever they were
}

// request is a commit under way.
type request struct {
	Batches uint16
	Sink    uint8
	Head    uint8
	Tag     uint8
	Gen     uint8
	Epoch   uint8
	Overlap uint8
	Next    [2]uint8
	Added   [2]uint8
	Other   other
}

type batch struct {
	ID, Epoch, Sent uint8
	From, To        [2]uint8
	Hollow          uint8
}

type worker struct {
	Gen uint8 // of the table that it has seen, 0 none
	N   uint8
	Q   [2]batch
}

type state struct {
	T       table
	Cached  table // what a stale load shows; Gen 0 if there is none
	G       [maxSnapshots]truth
	Net     [maxNet]request // Gen 0 is a free place
	W       [maxWorkers]worker
	Deleted uint16 // batches whose files are gone
	Left    [ops]uint8
	Fault   uint8 // of the step that led here
	Spare   uint8
}

// canonical makes states that mean the same the same.
func (n *state) canonical(m *model) {
	n.drainNet(m)
	n.nameBatches()
	n.nameEpochs()
	for i := 0; i+1 < len(m.Workers); i++ { // insertion sort among workers of one sink id, which stand together
		for j := i + 1; j > 0 && m.Workers[j] == m.Workers[j-1] && n.W[j].less(&n.W[j-1]); j-- {
			n.W[j], n.W[j-1] = n.W[j-1], n.W[j]
		}
	}
	if n.Net[1].Gen != 0 && (n.Net[0].Gen == 0 || n.Net[1].less(&n.Net[0])) {
		n.Net[0], n.Net[1] = n.Net[1], n.Net[0]
	}
}

func (w *worker) less(o *worker) bool { return bytes.Compare(raw(w), raw(o)) < 0 }

func (r *request) less(o *request) bool { return bytes.Compare(raw(r), raw(o)) < 0 }

// drainNet forgets requests that no future can apply: they are to a table that is gone, or to a head that cannot come back.
func (n *state) drainNet(m *model) {
	for i := range n.Net {
		r := &n.Net[i]
		if r.Gen == 0 || m.lax {
			continue
		}
		if r.Gen != n.T.Gen || r.Head != n.T.Head && n.Left[SetCurrent] == 0 && n.Left[Restore] == 0 {
			*r = request{}
		}
	}
	if n.Net[0] == n.Net[1] && n.Left[SetCurrent] == 0 && n.Left[Restore] == 0 && !m.lax {
		n.Net[1] = request{} // the second copy could only fail
	}
}

// nameBatches numbers batches in the order of their appearance, and forgets those that nothing names any more.
func (n *state) nameBatches() {
	var to [16]uint16
	k := uint8(0)
	seen := uint16(0)
	note := func(mask uint16) {
		for id := uint8(1); mask>>id != 0; id++ {
			if mask&^seen&(1<<id) != 0 {
				k++
				to[id], seen = uint16(k), seen|1<<id
			}
		}
	}
	named := func(mask uint16) uint16 {
		out := uint16(0)
		for id := uint8(1); mask>>id != 0; id++ {
			if mask&(1<<id) != 0 {
				out |= 1 << to[id]
			}
		}
		return out
	}
	for i := range n.T.N {
		note(n.T.Snap[i].Batches | n.G[i].Files)
	}
	for i := range n.W {
		for j := range n.W[i].Q[:n.W[i].N] {
			note(1 << n.W[i].Q[j].ID)
		}
	}
	for i := range n.Net {
		note(n.Net[i].Batches)
	}
	n.Deleted &= seen
	same := true
	for id := uint8(1); id < 16; id++ {
		if to[id] != 0 && to[id] != uint16(id) {
			same = false
		}
	}
	if same {
		return
	}
	for i := range n.T.N {
		n.T.Snap[i].Batches, n.G[i].Files = named(n.T.Snap[i].Batches), named(n.G[i].Files)
	}
	for i := range n.Cached.N {
		n.Cached.Snap[i].Batches = named(n.Cached.Snap[i].Batches)
	}
	for i := range n.W {
		for j := range n.W[i].Q[:n.W[i].N] {
			n.W[i].Q[j].ID = uint8(to[n.W[i].Q[j].ID])
		}
	}
	for i := range n.Net {
		n.Net[i].Batches = named(n.Net[i].Batches)
	}
	n.Deleted = named(n.Deleted)
}

// nameEpochs numbers epochs in the order of their appearance: they are random, and only ever compared.
func (n *state) nameEpochs() {
	var to [fresh + 1]uint8
	k := uint8(0)
	name := func(e *uint8) {
		if *e == 0 {
			return
		}
		if to[*e] == 0 {
			k++
			to[*e] = k
		}
		*e = to[*e]
	}
	for _, t := range []*table{&n.T, &n.Cached} {
		for i := range t.N {
			name(&t.Snap[i].Epoch)
			name(&t.Snap[i].Other.Epoch)
		}
		name(&t.Mirror[0].Epoch)
		name(&t.Mirror[1].Epoch)
	}
	for i := range n.W {
		for j := range n.W[i].Q[:n.W[i].N] {
			name(&n.W[i].Q[j].Epoch)
		}
	}
	for i := range n.Net {
		name(&n.Net[i].Epoch)
		name(&n.Net[i].Other.Epoch)
	}
}

func (n *state) freshBatch() uint8 {
	used := uint16(1)
	for i := range n.T.N {
		used |= n.T.Snap[i].Batches | n.G[i].Files
	}
	for i := range n.W {
		for j := range n.W[i].Q[:n.W[i].N] {
			used |= 1 << n.W[i].Q[j].ID
		}
	}
	for i := range n.Net {
		used |= n.Net[i].Batches
	}
	for id := uint8(1); id <= maxBatches; id++ {
		if used&(1<<id) == 0 {
			return id
		}
	}
	panic("modelcheck: more than fifteen batches at once")
}
