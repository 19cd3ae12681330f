package world

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
)

// foreign is a live table that others work on too.
type foreign struct {
	t       *testing.T
	w       *real.World
	spark   *judge.Spark
	table   string // namespace.table
	sinker  *Sinker
	stream  *load.Stream
	appends int64  // rows that others added, with ids below 0
	advice  string // of the last stop
}

// operation is something that another team's tool does to the table.
type operation struct {
	name string
	do   func(*foreign)
}

// What sinker must live with, and go on from by itself.
var harmless = []operation{
	{"spark appends", func(f *foreign) {
		f.sql("INSERT INTO %s (id, small, note) VALUES (" + fmt.Sprint(f.next()) + ", 1, 'spark')")
	}},
	{"spark rewrites data files", func(f *foreign) {
		f.call("rewrite_data_files(table => '%s', options => map('min-input-files', '2', 'rewrite-all', 'true'))")
	}},
	{"spark rewrites manifests", func(f *foreign) { f.call("rewrite_manifests('%s')") }},
	{"spark rolls back by two snapshots", func(f *foreign) { f.call("rollback_to_snapshot('%s', " + f.ancestor(2) + ")") }},
	{"spark sets the current snapshot back by one", func(f *foreign) { f.call("set_current_snapshot('%s', " + f.ancestor(1) + ")") }},
	{"pyiceberg appends", func(f *foreign) {
		f.write(judge.Order{Do: "append", Rows: []map[string]any{{"id": f.next(), "note": "py"}, {"id": f.next()}}})
	}},
	{"pyiceberg overwrites its row", func(f *foreign) {
		id := f.next()
		f.write(judge.Order{Do: "append", Rows: []map[string]any{{"id": id, "note": "before"}}})
		f.write(judge.Order{Do: "overwrite", Filter: fmt.Sprintf("id == %d", id), Rows: []map[string]any{{"id": id, "note": "after"}}})
	}},
	{"pyiceberg deletes its row", func(f *foreign) {
		id := f.next()
		f.write(judge.Order{Do: "append", Rows: []map[string]any{{"id": id}}})
		f.write(judge.Order{Do: "delete", Filter: fmt.Sprintf("id == %d", id)})
	}},
	{"spark deletes others' rows", func(f *foreign) { f.sql("DELETE FROM %s WHERE id < 0") }},
	{"spark adds a column", func(f *foreign) { f.sql("ALTER TABLE %s ADD COLUMN extra" + f.mark() + " STRING") }},
	{"spark widens a column", func(f *foreign) { f.sql("ALTER TABLE %s ALTER COLUMN small TYPE BIGINT") }},
	{"spark renames a column", func(f *foreign) {
		f.sql("ALTER TABLE %s ADD COLUMN old" + f.mark() + " INT")
		f.sql("ALTER TABLE %s RENAME COLUMN old" + f.mark() + " TO new" + f.mark())
	}},
	{"spark drops a column", func(f *foreign) { f.sql("ALTER TABLE %s DROP COLUMN new" + f.mark()) }},
	{"spark changes the partitioning", func(f *foreign) {
		f.sql("ALTER TABLE %s ADD PARTITION FIELD bucket(" + fmt.Sprint(4+len(f.mark())) + ", id) AS b" + f.mark())
	}},
	{"spark compacts, then expires all but the newest", func(f *foreign) {
		f.call("rewrite_data_files(table => '%s', options => map('min-input-files', '2', 'rewrite-all', 'true'))")
		f.call("expire_snapshots(table => '%s', older_than => TIMESTAMP '2099-01-01 00:00:00', retain_last => 1)")
	}},
	{"pyiceberg expires all but the newest", func(f *foreign) { f.write(judge.Order{Do: "expire"}) }},
}

// Other teams work on the table, with sinker up and with sinker down. Sinker goes on by itself, and each record is there once.
func TestForeign_GoesOn(t *testing.T) {
	t.Parallel()
	f := newForeign(t, "goeson", "  rollback: replay\n")
	for _, up := range []bool{true, false} {
		for _, op := range harmless {
			if !up {
				quit(t, f.sinker)
			}
			began := time.Now()
			op.do(f)
			if !up {
				noError(t, f.sinker.Start(t.Context()))
			}
			f.goesOn(op.name)
			t.Logf("%s, sinker up: %v: went on after %s", op.name, up, time.Since(began).Round(time.Millisecond))
			if t.Failed() {
				return
			}
		}
		f.secondSink(up)
	}
	n := must(f.stream.Stop(within(t, time.Minute)))(t)
	f.holds(n)
	quit(t, f.sinker)
	sound(t, f.w, f.table, f.sink())
}

// What sinker cannot know the right answer to: it stops, says why, and names a command. After that command it goes on, and
// each record is there once.
func TestForeign_Stops(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, reason string
		position     string // where the rows that are in the table end, as the operator finds out; "" if what was done must be undone
		do           func(*foreign)
	}{
		{"cherryup", "cherry-pick", "", func(f *foreign) {
			back := f.ancestor(2) // looked up first: sinker commits between the two looks
			picked := f.ancestor(0)
			f.call("rollback_to_snapshot('%s', " + back + ")")
			f.call("cherrypick_snapshot('%s', " + picked + ")") // and sinker reads the same records again
		}},
		{"cherry", "cherry-pick", "mirror", func(f *foreign) {
			picked := f.ancestor(0)
			f.call("rollback_to_snapshot('%s', " + f.ancestor(1) + ")")
			f.sql("INSERT INTO %s (id, small, note) VALUES (-1, 1, 'in between')") // else the pick were a step forward
			f.call("cherrypick_snapshot('%s', " + picked + ")")
		}},
		{"replaced", "replaced table", "start", func(f *foreign) {
			f.sql("CREATE OR REPLACE TABLE %s (id BIGINT, at TIMESTAMP, small INT, note STRING) USING iceberg")
		}},
		{"recreated", "recreated", "start", func(f *foreign) {
			f.sql("DROP TABLE %s")
			f.sql("CREATE TABLE %s (id BIGINT, at TIMESTAMP, small INT, note STRING) USING iceberg")
		}},
	} {
		for _, up := range []bool{true, false} {
			if up != strings.HasSuffix(c.name, "up") && strings.HasPrefix(c.name, "cherry") {
				continue // each of the two has its own
			}
			t.Run(fmt.Sprintf("%s,up=%v", c.name, up), func(t *testing.T) {
				f := newForeign(t, fmt.Sprintf("%s-%v", c.name, up), "  rollback: replay\n")
				if !up {
					quit(t, f.sinker)
				}
				c.do(f)
				if !up {
					noError(t, f.sinker.Start(t.Context()))
				}
				f.stops(c.reason)
				if c.position == "" {
					f.call("rollback_to_snapshot('%s', " + f.ancestor(1) + ")")
				} else {
					f.accept(c.position)
				}
				noError(t, f.sinker.Start(t.Context()))
				f.goesOn("the operator's answer")
				n := must(f.stream.Stop(within(t, time.Minute)))(t)
				f.holds(n)
				quit(t, f.sinker)
			})
		}
	}
}

// newForeign starts a sinker on a new table and topic, with records coming all the time.
func newForeign(t *testing.T, name, policy string) *foreign {
	t.Helper()
	w := must(servers.World(t.Context(), real.RESTVersityGW))(t)
	f := &foreign{t: t, w: w, spark: must(spark())(t), table: "foreign." + strings.ReplaceAll(name, "-", "_")}
	noError(t, load.Topic(t.Context(), w.Kafka.Addr, "foreign-"+name, partitions, nil))
	f.stream = must(load.StartStream(w.Kafka.Addr, "foreign-"+name, partitions, 100, small))(t)
	t.Cleanup(func() { _, _ = f.stream.Stop(t.Context()) })
	f.sinker = prepare(t, f.sink(), w, Config{Sink: f.sink(), InstanceID: name, Policy: policy, Tables: smallTable("foreign-"+name, f.table)})
	noError(t, f.sinker.Start(t.Context()))
	f.goesOn("start")
	pause(t, 4*time.Second) // some snapshots to go back to
	return f
}

func (f *foreign) sink() string { return strings.ReplaceAll(f.table, ".", "-") }

// next is an id for a row that is not of the stream.
func (f *foreign) next() int64 {
	f.appends++
	return -f.appends
}

// mark makes names of columns differ between the two passes.
func (f *foreign) mark() string {
	if f.sinker.PID() == 0 {
		return "down"
	}
	return "up"
}

func (f *foreign) about() judge.Table {
	f.t.Helper()
	return must(judge.Of(f.t.Context(), f.w, f.table))(f.t)
}

// sql runs a statement about the table, which is %s in it. While sinker commits every second a statement may lose the race
// for the table: then it is given again.
func (f *foreign) sql(statement string) { f.again(fmt.Sprintf(statement, "ice."+f.table)) }

// call runs a procedure.
func (f *foreign) call(procedure string) {
	f.again("CALL ice.system." + fmt.Sprintf(procedure, f.table))
}

func (f *foreign) again(statement string) {
	f.t.Helper()
	var err error
	for range 8 {
		if _, err = f.spark.SQL(f.t.Context(), judge.Through(f.w, f.table), statement); err == nil || !raced(err) {
			break
		}
	}
	noError(f.t, err)
}

func (f *foreign) write(o judge.Order) {
	f.t.Helper()
	var err error
	for range 8 {
		if _, err = judge.Write(f.t.Context(), judge.Through(f.w, f.table), o); err == nil || !raced(err) {
			break
		}
	}
	noError(f.t, err)
}

// raced tells whether a writer gave up because another was quicker.
func raced(err error) bool {
	for _, words := range []string{"CommitFailed", "has changed", "ValidationException", "Requirement failed", "conflict"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// ancestor is the id of the snapshot n steps before the table's newest.
func (f *foreign) ancestor(n int) string {
	f.t.Helper()
	state := must(judge.Look(f.t.Context(), f.about()))(f.t)
	parents := map[int64]*int64{}
	for _, s := range state.Snapshots {
		parents[s.ID] = s.Parent
	}
	at := state.Head
	for range n {
		if at == nil || parents[*at] == nil {
			break
		}
		if _, listed := parents[*parents[*at]]; !listed {
			break
		}
		at = parents[*at]
	}
	if at == nil {
		f.t.Fatalf("%s has no snapshot", f.table)
	}
	return fmt.Sprint(*at)
}

// goesOn waits until everything that has been produced by now is in the table, by sinker's own account.
func (f *foreign) goesOn(after string) {
	f.t.Helper()
	sent := f.stream.Sent()
	_, err := f.sinker.Until(within(f.t, 90*time.Second), "going on after: "+after, func(st Status) bool {
		var committed int64
		for _, t := range st.Tables {
			for _, p := range t.Partitions {
				committed += p.Committed
			}
		}
		return committed >= sent && len(st.Tables) == 1 && st.Tables[0].State == "running"
	})
	noError(f.t, err)
}

// holds says whether the records 0 to n-1 are in the table, each once, beside the rows of others.
func (f *foreign) holds(n int64) {
	f.t.Helper()
	var problems []string
	for until := time.Now().Add(2 * time.Minute); ; pause(f.t, time.Second) {
		a := must(judge.DuckDB.Ask(f.t.Context(), f.about(), judge.Question{Distinct: []string{"id"},
			Filter: &judge.Filter{Column: "id", Kind: "int", Op: ">=", Value: "0"}}))(f.t)
		problems = nil
		if a.Rows != a.Distinct["id"] {
			problems = append(problems, fmt.Sprintf("%d rows are doubled", a.Rows-a.Distinct["id"]))
		}
		if *a.Filtered != n {
			problems = append(problems, fmt.Sprintf("%d of %d records are there", *a.Filtered, n))
		}
		if len(problems) == 0 {
			return
		}
		if time.Now().After(until) {
			f.t.Errorf("%s: %s", f.table, strings.Join(problems, ", "))
			return
		}
	}
}

// secondSink lets another sink id write to the table from a topic of its own. Its ids lie below 0.
func (f *foreign) secondSink(up bool) {
	f.t.Helper()
	topic := "second-" + f.sink() + fmt.Sprint(up)
	noError(f.t, load.Topic(f.t.Context(), f.w.Kafka.Addr, topic, partitions, nil))
	base := int64(-1_000_000)
	if up {
		base *= 2
	}
	noError(f.t, load.Values(f.t.Context(), f.w.Kafka.Addr, topic, partitions, 1000, func(i int64) []byte { return small(base + i) }))
	if !up {
		quit(f.t, f.sinker)
	}
	other := prepare(f.t, topic, f.w, Config{Sink: topic[:min(60, len(topic))], Tables: smallTable(topic, f.table)})
	noError(f.t, other.Start(f.t.Context()))
	_, err := other.Until(within(f.t, 90*time.Second), "done", func(st Status) bool {
		var committed int64
		for _, t := range st.Tables {
			for _, p := range t.Partitions {
				committed += p.Committed
			}
		}
		return committed == 1000
	})
	noError(f.t, err)
	quit(f.t, other)
	if !up {
		noError(f.t, f.sinker.Start(f.t.Context()))
	}
	f.goesOn("a second sink")
}

// stops says whether sinker has stopped the table for the reason, tells what to do, and exits with the status for it.
func (f *foreign) stops(reason string) {
	f.t.Helper()
	st, err := f.sinker.Until(within(f.t, 90*time.Second), "stopped", func(st Status) bool {
		return len(st.Tables) == 1 && st.Tables[0].State == "stopped"
	})
	noError(f.t, err)
	stop := st.Tables[0].Stop
	if stop.Reason != reason || !strings.Contains(stop.Do, "`sinker offsets accept -c ") {
		f.t.Errorf("want it stopped for %q with a command that resolves it, got %+v", reason, stop)
	}
	f.advice = stop.Do
	if st.Ready {
		f.t.Error("it says that it is ready while its table is stopped")
	}
	status, err := f.sinker.Quit(within(f.t, time.Minute))
	if err := errors.Join(err, statusIs(status, 3)); err != nil {
		f.t.Error(err)
	}
}

// accept runs the command that the stop named for this position.
func (f *foreign) accept(position string) {
	f.t.Helper()
	var words []string
	for i, part := range strings.Split(f.advice, "`") {
		if i%2 == 1 && strings.HasPrefix(part, "sinker offsets accept ") && strings.Contains(part, "--position "+position) {
			words = strings.Fields(part)[1:]
		}
	}
	if words == nil {
		f.t.Fatalf("the stop names no command for --position %s: %s", position, f.advice)
	}
	out, status, err := f.sinker.Command(within(f.t, time.Minute), f.w, words...)
	if err != nil || status != 0 {
		f.t.Fatalf("offsets accept ended with status %d: %v\n%s", status, err, out)
	}
}

func statusIs(got, want int) error {
	if got != want {
		return fmt.Errorf("exit status %d, want %d", got, want)
	}
	return nil
}

// small is record i.
func small(i int64) []byte {
	return fmt.Appendf(nil, `{"id":%d,"small":%d,"note":"n%d"}`, i, i%1000, i)
}

func smallTable(topic, table string) string {
	return fmt.Sprintf("  - topics: [%s]\n    table: %s\n    format: json\n    create:\n"+
		"      columns:\n        - {name: id, type: long}\n        - {name: at, type: timestamptz}\n        - {name: small, type: int}\n        - {name: note, type: string}\n", topic, table)
}
