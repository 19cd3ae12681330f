package sink

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

// groupCommits shows our progress in the consumer group, for tools that display lag, with the uuid of the table that
// stands there. Best effort, and never read for resuming.
type groupCommits struct {
	mu   sync.Mutex
	at   map[offsets.Partition]source.Start
	text map[offsets.Partition]string
	wake chan struct{}
}

func newGroupCommits() *groupCommits {
	g := &groupCommits{wake: make(chan struct{}, 1)}
	g.take()
	return g
}

func (g *groupCommits) take() (map[offsets.Partition]source.Start, map[offsets.Partition]string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, text := g.at, g.text
	g.at, g.text = map[offsets.Partition]source.Start{}, map[offsets.Partition]string{}
	return at, text
}

func (g *groupCommits) put(table uuid.UUID, marks map[offsets.Partition]offsets.Mark) {
	g.mu.Lock()
	for p, m := range marks {
		g.at[p], g.text[p] = source.Start{Offset: m.Next, LeaderEpoch: m.LeaderEpoch}, table.String()
	}
	g.mu.Unlock()
	g.poke()
}

// run writes until ctx ends; what is left then, once more.
func (g *groupCommits) run(ctx context.Context, src Source) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-g.wake:
		}
		at, text := g.take()
		if len(at) == 0 {
			continue
		}
		each, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		err := src.CommitGroup(each, at, text)
		cancel()
		if err != nil { // for display only, but a table that is idle now would show a lag for ever
			g.putBack(at, text)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
				g.poke()
			}
		}
	}
}

// putBack keeps what could not be written, but for partitions that have moved on meanwhile.
func (g *groupCommits) putBack(at map[offsets.Partition]source.Start, text map[offsets.Partition]string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p, s := range at {
		if _, newer := g.at[p]; !newer {
			g.at[p], g.text[p] = s, text[p]
		}
	}
}

func (g *groupCommits) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}
