package storm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sinker-io/sinker/testenv/judge"
)

// operation is something that another team's tool does to a table.
type operation struct {
	name string
	do   func(context.Context, *camp, *field) error

	// Of one that sinker can have no answer to: the STOP that it earns, what the operator finds out, and whether the
	// instances are down meanwhile.
	reason, position string
	down             bool
}

func names(ops []operation) []string {
	var out []string
	for _, op := range ops {
		out = append(out, op.name)
	}
	return out
}

// What sinker must live with.
var harmless = []operation{
	{name: "spark appends", do: func(ctx context.Context, c *camp, f *field) error {
		return c.insert(ctx, f)
	}},
	{name: "spark rewrites data files", do: func(ctx context.Context, c *camp, f *field) error { return c.call(ctx, f, compaction) }},
	{name: "spark rewrites manifests", do: func(ctx context.Context, c *camp, f *field) error { return c.call(ctx, f, "rewrite_manifests('%s')") }},
	{name: "spark rolls back by two snapshots", do: func(ctx context.Context, c *camp, f *field) error {
		back, err := c.ancestor(ctx, f, 2)
		if err != nil {
			return err
		}
		return c.call(ctx, f, "rollback_to_snapshot('%s', "+back+")")
	}},
	{name: "spark sets the current snapshot back by one", do: func(ctx context.Context, c *camp, f *field) error {
		back, err := c.ancestor(ctx, f, 1)
		if err != nil {
			return err
		}
		return c.call(ctx, f, "set_current_snapshot('%s', "+back+")")
	}},
	{name: "pyiceberg appends", do: func(ctx context.Context, c *camp, f *field) error {
		return c.write(ctx, f, judge.Order{Do: "append", Rows: []map[string]any{other(c.storm.next()), other(c.storm.next())}})
	}},
	{name: "pyiceberg appends and deletes its row", do: func(ctx context.Context, c *camp, f *field) error {
		id := c.storm.next()
		return errors.Join(c.write(ctx, f, judge.Order{Do: "append", Rows: []map[string]any{other(id)}}),
			c.write(ctx, f, judge.Order{Do: "delete", Filter: fmt.Sprintf("id == %d", id)}))
	}},
	{name: "spark deletes others' rows", do: func(ctx context.Context, c *camp, f *field) error {
		return c.sql(ctx, f, "DELETE FROM %s WHERE id < 0")
	}},
	{name: "spark adds a column", do: func(ctx context.Context, c *camp, f *field) error {
		return c.sql(ctx, f, fmt.Sprintf("ALTER TABLE %%s ADD COLUMN extra%d STRING", -c.storm.next()))
	}},
	{name: "spark changes the partitioning", do: func(ctx context.Context, c *camp, f *field) error {
		n := -c.storm.next()
		return c.sql(ctx, f, fmt.Sprintf("ALTER TABLE %%s ADD PARTITION FIELD bucket(2, id) AS b%d", n), fmt.Sprintf("ALTER TABLE %%s DROP PARTITION FIELD b%d", n))
	}},
	{name: "spark compacts, then expires all but the newest", do: func(ctx context.Context, c *camp, f *field) error {
		return errors.Join(c.call(ctx, f, compaction),
			c.call(ctx, f, "expire_snapshots(table => '%s', older_than => TIMESTAMP '2099-01-01 00:00:00', retain_last => 1)"))
	}},
	{name: "pyiceberg expires all but the newest", do: func(ctx context.Context, c *camp, f *field) error {
		c.mu.Lock()
		c.unparented[f.table] = true
		c.mu.Unlock()
		return c.write(ctx, f, judge.Order{Do: "expire"})
	}},
}

const compaction = "rewrite_data_files(table => '%s', options => map('min-input-files', '2', 'rewrite-all', 'true'))"

// What sinker cannot know the right answer to.
var stopping = []operation{
	{name: "spark replaces the table", reason: "replaced table", position: "start", do: func(ctx context.Context, c *camp, f *field) error {
		return c.sql(ctx, f, "CREATE OR REPLACE TABLE %s "+columns)
	}},
	{name: "spark drops the table and makes it again", reason: "recreated", position: "start", do: func(ctx context.Context, c *camp, f *field) error {
		// An instance that sees the gap makes a table that is missing, and may be the faster one.
		return c.sql(ctx, f, "DROP TABLE %s", "CREATE TABLE IF NOT EXISTS %s "+columns)
	}},
	{name: "spark cherry-picks a snapshot of sinker", reason: "cherry-pick", position: "mirror", down: true, do: pick},
}

const columns = "(id BIGINT NOT NULL, at TIMESTAMP, small INT, note STRING, _kafka_topic STRING, _kafka_partition INT, _kafka_offset BIGINT) USING iceberg"

// pick takes the newest snapshot of sinker out of the branch, and brings it back as a copy that has its rows and not its offsets.
func pick(ctx context.Context, c *camp, f *field) error {
	for range 4 {
		past, err := c.lineage(ctx, f)
		if err != nil {
			return err
		}
		for len(past) > 1 && past[0].Summary["sinker.sink"] == "" {
			past = past[1:] // what others did since then is not needed
		}
		if len(past) > 1 && past[0].Summary["added-records"] != "" && past[0].Summary["added-records"] != "0" {
			return errors.Join(c.call(ctx, f, fmt.Sprintf("rollback_to_snapshot('%%s', %d)", past[1].ID)),
				c.insert(ctx, f), // else the pick were a step forward
				c.call(ctx, f, fmt.Sprintf("cherrypick_snapshot('%%s', %d)", past[0].ID)))
		}
		// Its newest has no rows: let it write one that has.
		for _, p := range c.parties {
			if err := p.start(ctx); err != nil {
				return err
			}
		}
		if err := errors.Join(c.await(ctx, 2*time.Minute, "running", c.running), pause(ctx, 5*time.Second), c.quit(ctx)); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: sinker's newest snapshot has no rows, four times", f.table)
}

// foreign carries out an operation, and where it earns a STOP, answers it as an operator would.
func (c *camp) foreign(ctx context.Context, d deed) error {
	f := c.fields[d.who]
	for _, op := range harmless {
		if op.name == d.what {
			if err := op.do(ctx, c, f); err != nil {
				return err
			}
			c.storm.did("foreign " + op.name)
			return nil
		}
	}
	for _, op := range stopping {
		if op.name == d.what {
			if err := c.stopped(ctx, op, f, d.soft); err != nil {
				return err
			}
			c.storm.did("foreign " + op.name)
			return nil
		}
	}
	return fmt.Errorf("there is no such operation")
}

// stopped does what earns a STOP, waits for it, cuts the command out of its message, runs that, and waits until all goes on:
// by itself, or after a restart.
func (c *camp) stopped(ctx context.Context, op operation, f *field, running bool) error {
	c.quiet.Lock()
	defer c.quiet.Unlock()
	if err := c.await(ctx, 2*time.Minute, "running", c.running); err != nil {
		return err
	}
	c.mu.Lock()
	c.earned[f.table] = op.reason
	c.provoked[f.table] = append(c.provoked[f.table], op.reason)
	c.mu.Unlock()
	if op.down {
		if err := c.quit(ctx); err != nil {
			return err
		}
	}
	if err := op.do(ctx, c, f); err != nil {
		return err
	}
	if op.down {
		if err := c.startAll(ctx); err != nil {
			return err
		}
	}
	var found stop
	if err := c.await(ctx, 90*time.Second, fmt.Sprintf("stopped (%s)", op.reason), func(ctx context.Context) (ok bool, why string) {
		found, ok, why = c.shows(ctx, f, op.reason)
		return ok, why
	}); err != nil {
		return err
	}
	if !running {
		for _, p := range c.parties {
			if status, err := p.quit(ctx); err != nil || status != 0 && status != 3 || status == 0 && p.Name == found.who {
				c.storm.broken("%s ended with status %d while %s was stopped (%v)", p.Name, status, f.table, err)
			}
		}
	}
	if err := c.answer(ctx, found, op.position); err != nil {
		return err
	}
	if !running {
		if err := c.startAll(ctx); err != nil {
			return err
		}
	}
	if err := c.await(ctx, 2*time.Minute, "going on after the operator's answer", c.running); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.earned, f.table)
	c.mu.Unlock()
	c.storm.did("STOP answered: " + op.reason)
	return nil
}

func (c *camp) startAll(ctx context.Context) error {
	for _, p := range c.parties {
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// quit ends all instances in peace.
func (c *camp) quit(ctx context.Context) error {
	for _, p := range c.parties {
		if status, err := p.quit(ctx); err != nil || status != 0 {
			return fmt.Errorf("%s ended with status %d (%w)", p.Name, status, err)
		}
	}
	return nil
}

// shows tells whether an instance shows the STOP.
func (c *camp) shows(ctx context.Context, f *field, reason string) (stop, bool, string) {
	var others []string
	for _, p := range c.parties {
		st, err := c.status(ctx, p)
		if err != nil {
			others = append(others, err.Error())
			continue
		}
		for _, t := range st.Tables {
			if t.Table == f.table && t.Stop != nil && t.Stop.Reason == reason && t.State == "stopped" {
				if st.Ready {
					c.storm.broken("%s says that it is ready while %s is stopped", p.Name, t.Table)
				}
				return stop{p.Name, t.Table, t.Stop.Reason, t.Stop.Found, t.Stop.Do}, true, ""
			}
			others = append(others, fmt.Sprintf("%s: %s %s %+v", p.Name, t.Table, t.State, t.Stop))
		}
	}
	return stop{}, false, strings.Join(others, ", ")
}

// answer runs the command that the STOP's message names for this position.
func (c *camp) answer(ctx context.Context, s stop, position string) error {
	for i, part := range strings.Split(s.answer, "`") {
		if i%2 == 0 || !strings.HasPrefix(part, "sinker offsets accept ") || !strings.Contains(part, "--position "+position) {
			continue
		}
		p := c.parties[0]
		ctx, cancel := context.WithTimeout(ctx, patience*time.Minute)
		defer cancel()
		out, status, err := p.Command(ctx, p.behind, strings.Fields(part)[1:]...)
		if err != nil || status != 0 {
			return fmt.Errorf("%s ended with status %d (%v): %s", part, status, err, out)
		}
		return nil
	}
	return fmt.Errorf("the STOP names no command for --position %s: %s", position, s.answer)
}

// other is a row of somebody else, which fills the columns that sinker's table requires.
func other(id int64) map[string]any {
	return map[string]any{"id": id, "note": "py", "_kafka_topic": "others", "_kafka_partition": 0, "_kafka_offset": -id}
}

// insert has Spark add two rows.
func (c *camp) insert(ctx context.Context, f *field) error {
	a, b := c.storm.next(), c.storm.next()
	return c.sql(ctx, f, fmt.Sprintf("INSERT INTO %%s (id, small, note, _kafka_topic, _kafka_partition, _kafka_offset) VALUES "+
		"(%[1]d, 1, 'spark', 'others', 0, -(%[1]d)), (%[2]d, 2, 'spark', 'others', 0, -(%[2]d))", a, b))
}

// sql runs statements about the table, which is %s in them.
func (c *camp) sql(ctx context.Context, f *field, statements ...string) error {
	for _, s := range statements {
		if err := c.again(ctx, func() error {
			_, err := c.storm.spark.SQL(ctx, judge.Through(c.world, f.table), fmt.Sprintf(s, "ice."+f.table))
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// call runs a procedure about the table, which is %s in it.
func (c *camp) call(ctx context.Context, f *field, procedure string) error {
	return c.again(ctx, func() error {
		_, err := c.storm.spark.SQL(ctx, judge.Through(c.world, f.table), "CALL ice.system."+fmt.Sprintf(procedure, f.table))
		return err
	})
}

func (c *camp) write(ctx context.Context, f *field, o judge.Order) error {
	return c.again(ctx, func() error {
		_, err := judge.Write(ctx, judge.Through(c.world, f.table), o)
		return err
	})
}

// again gives an order again that has lost the race for the table, as often as it takes: nothing of it was done.
func (c *camp) again(ctx context.Context, order func() error) error {
	var err error
	for range 12 {
		if err = order(); err == nil || ctx.Err() != nil {
			return err
		}
		raced := false
		for _, words := range []string{"CommitFailed", "has changed", "ValidationException", "Requirement failed", "conflict", "not an ancestor",
			"UncheckedSQLException: Failed to get table"} { // by a connection from before the database was restarted
			raced = raced || strings.Contains(err.Error(), words)
		}
		if !raced {
			return err
		}
	}
	return err
}

// lineage are the snapshots of the branch as far as they are listed, the newest first.
func (c *camp) lineage(ctx context.Context, f *field) ([]judge.Snapshot, error) {
	table, err := judge.Of(ctx, c.world, f.table)
	if err != nil {
		return nil, err
	}
	state, err := judge.Look(ctx, judge.Through(c.world, table.Name))
	if err != nil {
		return nil, err
	}
	listed := map[int64]judge.Snapshot{}
	for _, s := range state.Snapshots {
		listed[s.ID] = s
	}
	var out []judge.Snapshot
	for at := state.Head; at != nil; {
		s, ok := listed[*at]
		if !ok {
			break
		}
		out = append(out, s)
		at = s.Parent
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no snapshot", f.table)
	}
	return out, nil
}

// ancestor is the id of the snapshot n steps before the newest, or of the oldest that is listed.
func (c *camp) ancestor(ctx context.Context, f *field, n int) (string, error) {
	past, err := c.lineage(ctx, f)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(past[min(n, len(past)-1)].ID), nil
}
