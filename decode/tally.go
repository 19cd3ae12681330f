package decode

import (
	"sync"
	"sync/atomic"
)

// maxNames is how many names of unknown fields a Tally tells apart; maxNameLength is how long such a name may be.
const (
	maxNames      = 100
	maxNameLength = 128
)

// Tally counts what decoders noticed in records that became rows. The zero value is ready; it is safe for
// concurrent use and may be shared by the decoders of one table.
type Tally struct {
	mu      sync.Mutex
	names   map[string]*atomic.Int64
	others  atomic.Int64
	floored atomic.Int64
}

// Unknown is how often fields without a column were met, by dotted path, for the first 100 paths; others is how
// often any further one was, or one with a name beyond 128 bytes.
func (t *Tally) Unknown() (byPath map[string]int64, others int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	byPath = make(map[string]int64, len(t.names))
	for name, n := range t.names {
		if v := n.Load(); v > 0 {
			byPath[name] = v
		}
	}
	return byPath, t.others.Load()
}

// Floored is how many times and timestamps had digits below the column's resolution, which were cut off toward the past.
func (t *Tally) Floored() int64 { return t.floored.Load() }

// counter is the counter of an unknown field: its own, or that of all others.
func (t *Tally) counter(prefix string, name []byte) *atomic.Int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	path := string(name)
	if prefix != "" {
		path = prefix + "." + path
	}
	if n, ok := t.names[path]; ok {
		return n
	}
	if len(t.names) >= maxNames {
		return &t.others
	}
	if t.names == nil {
		t.names = make(map[string]*atomic.Int64)
	}
	n := new(atomic.Int64)
	t.names[path] = n
	return n
}
