package storm

import (
	"context"
	"fmt"
	"time"

	"github.com/sinker-io/sinker/testenv/chaos"
)

// trap lays one for the moment; nil for any time.
func (c *camp) trap(p *party, moment string) *chaos.Trap {
	table := c.fields[0].base
	if n := len(c.fields); n > 1 && time.Now().UnixNano()%2 == 0 { // which of two tables commits first is not ours to say anyway
		table = c.fields[n-1].base
	}
	at := map[string]chaos.Moment{uploadOpen: chaos.Arrived, notApplied: chaos.Arrived, unanswered: chaos.Applied, answerHalf: chaos.Answering,
		beforeSwap: chaos.Applied}[moment]
	switch {
	case moment == anyTime:
		return nil
	case moment == uploadOpen:
		return p.store.SetTrap(chaos.Uploads(table), at, true)
	case moment == beforeSwap:
		return p.store.SetTrap(chaos.Metadata(table), at, false)
	case c.database: // the statement that points the table at new metadata names the file
		return p.database.SetTrap(chaos.Mentions(".metadata.json"), at)
	default:
		return p.catalog.SetTrap(chaos.Commits(table), at, false)
	}
}

// caught waits for the moment, but not for ever: an instance may have nothing to commit just now.
func caught(ctx context.Context, t *chaos.Trap) bool {
	if t == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	return t.Wait(ctx) == nil
}

func (c *camp) kill(ctx context.Context, d deed) error {
	p, moment := c.parties[d.who], d.what
	t := c.trap(p, moment)
	if !caught(ctx, t) {
		moment = anyTime
	}
	err := p.kill()
	if t != nil {
		fate := chaos.Drop
		if d.passOn || moment == anyTime { // nothing may be lost that was not held
			fate = chaos.PassOn
		}
		t.Release(fate)
	}
	if err != nil {
		return err
	}
	c.storm.did(fmt.Sprintf("kill at: %s", moment))
	return p.start(ctx)
}

// freeze stops an instance with something in the air for longer than its session, waits until the other one has its partitions,
// and wakes it: what was in the air goes on, and so does the instance, which knows of nothing.
func (c *camp) freeze(ctx context.Context, d deed) error {
	p, other, moment := c.parties[d.who], c.parties[1-d.who], d.what
	t := c.trap(p, moment)
	if !caught(ctx, t) {
		moment = anyTime
	}
	p.mu.Lock() // nobody may take it for dead or ask it for its status
	defer p.mu.Unlock()
	if err := p.Freeze(); err != nil {
		return err
	}
	err := pause(ctx, session+d.length)
	taken := false
	for until := time.Now().Add(20 * time.Second); err == nil && !taken && time.Now().Before(until); err = pause(ctx, 200*time.Millisecond) {
		if st, e := other.Status(ctx); e == nil {
			taken = owned(st) == len(c.fields)*partitions
		}
	}
	if e := p.Thaw(); e != nil {
		return e
	}
	if t != nil {
		t.Release(chaos.PassOn)
	}
	if taken {
		c.storm.did(fmt.Sprintf("zombie woken at: %s", moment))
	} else {
		c.storm.did("frozen, but its partitions were not taken over in time") // a server was down, say
	}
	return err
}
