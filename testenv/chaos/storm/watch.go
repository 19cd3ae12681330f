package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/sinker-io/sinker/testenv/world"
)

// owned is how many partitions an instance has.
func owned(st world.Status) int {
	n := 0
	for _, t := range st.Tables {
		n += len(t.Partitions)
	}
	return n
}

// status asks an instance, and notes every STOP that it shows.
func (c *camp) status(ctx context.Context, p *party) (world.Status, error) {
	st, err := p.Status(ctx)
	if err != nil {
		return st, err
	}
	for _, t := range st.Tables {
		c.sees(p, t.Table, t.Stop)
		for _, part := range t.Partitions {
			c.sees(p, t.Table, part.Stop)
		}
	}
	return st, nil
}

func (c *camp) sees(p *party, table string, s *world.Stop) {
	if s == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x := stop{p.Name, table, s.Reason, s.Found, s.Do}
	if slices.ContainsFunc(c.stops, x.same) {
		return
	}
	c.stops = append(c.stops, x)
	if c.earned[table] != s.Reason {
		c.storm.broken("%s stopped %s (%s), and nothing that is done earns it: %s", p.Name, table, s.Reason, s.Found)
	}
}

// readLogs adds the STOPs that instances wrote down and nobody saw in time. Whether they were earned is for the oracle to say.
func (c *camp) readLogs() error {
	for _, p := range c.parties {
		text, err := os.ReadFile(p.LogFile())
		if err != nil {
			return err
		}
		for line := range bytes.Lines(text) {
			if !bytes.Contains(line, []byte(`"msg":"STOP"`)) {
				continue
			}
			var told struct{ Table, Reason, Found string }
			if err := json.Unmarshal(line, &told); err != nil {
				return fmt.Errorf("%s: %w: %s", p.LogFile(), err, line)
			}
			c.mu.Lock()
			x := stop{who: p.Name, table: told.Table, reason: told.Reason, found: told.Found}
			if !slices.ContainsFunc(c.stops, x.same) {
				c.stops = append(c.stops, x)
			}
			c.mu.Unlock()
		}
	}
	return nil
}

// same tells whether both are one STOP, shown twice.
func (s stop) same(o stop) bool {
	return s.who == o.who && s.table == o.table && s.reason == o.reason && s.found == o.found
}

// watch looks at the instances all the time.
func (c *camp) watch(ctx context.Context) {
	for pause(ctx, 400*time.Millisecond) == nil {
		for _, p := range c.parties {
			p.look(c.storm)
			_, _ = c.status(ctx, p) // one that is dead or frozen does not answer
		}
	}
}

// committed is how many offsets the tables have, by the instances' own account.
func (c *camp) committed() int64 {
	at := c.positions()
	var sum int64
	for _, parts := range at {
		for _, next := range parts {
			sum += next
		}
	}
	return sum
}

// positions asks every instance for the partitions that it has.
func (c *camp) positions() map[string]map[int32]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	at := map[string]map[int32]int64{}
	for _, p := range c.parties {
		st, err := c.status(ctx, p)
		if err != nil {
			continue
		}
		for _, t := range st.Tables {
			if at[t.Table] == nil {
				at[t.Table] = map[int32]int64{}
			}
			for _, part := range t.Partitions {
				at[t.Table][part.Partition] = max(at[t.Table][part.Partition], part.Committed)
			}
		}
	}
	return at
}

// running tells whether every table has all of its partitions with somebody, and none is stopped.
func (c *camp) running(ctx context.Context) (bool, string) {
	n := 0
	for _, p := range c.parties {
		st, err := c.status(ctx, p)
		if err != nil {
			return false, err.Error()
		}
		n += owned(st)
		for _, t := range st.Tables {
			if t.Stop != nil || len(t.Partitions) > 0 && t.State != "running" {
				return false, fmt.Sprintf("%s is %s: %+v", t.Table, t.State, t.Stop)
			}
		}
	}
	return n == partitions*len(c.fields), fmt.Sprintf("%d partitions are owned", n)
}

// done tells whether everything that was produced is in the tables.
func (c *camp) done(context.Context) (bool, string) {
	at := c.positions()
	for _, f := range c.fields {
		for p, end := range f.ends() {
			if next := at[f.table][int32(p)]; next < end {
				return false, fmt.Sprintf("%s/%d is at %d of %d", f.topic, p, next, end)
			}
		}
	}
	return true, ""
}

// patience multiplies every limit that only ends what hangs. The limits are a quiet machine's; nothing is concluded from them.
const patience = 3

// await looks until something holds.
func (c *camp) await(ctx context.Context, within time.Duration, what string, holds func(context.Context) (bool, string)) error {
	within *= patience
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not %s within %s", what, within))
	defer cancel()
	for {
		ok, why := holds(ctx)
		if ok {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			text := ""
			for _, p := range c.parties {
				text += "\n" + p.Log(2000)
			}
			return fmt.Errorf("%w: %s%s", err, why, text)
		}
	}
}
