package admin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

// The page shows details of every table up to manyTables; beyond, of the one that is asked for, so that its
// size is bounded by what a person can read. The JSON has everything.
const (
	manyTables     = 8
	maxStops       = 50
	maxPartitions  = 200
	maxRangesShown = 200
)

// pageView is the page as text: whatever is a number here has been spelt already.
type pageView struct {
	Sink      string
	Level     string // ok | warn | bad: the colour of the verdict, never its only sign
	Verdict   string // one line that changes only when the state does: it is read aloud
	Reasons   []string
	Facts     []fact
	About     []fact
	Budget    budgetView
	Stops     []stopView
	MoreStops int
	Tables    []rowView
	Details   []tableView
	Chosen    string // the table asked for, empty for all
	Many      bool   // tables are shown one at a time
	Unknown   bool   // the table asked for is not there
	Refresh   bool   // reload by itself where there is no script
	Build     Build
	Now       time.Time
}

type fact struct{ Name, Value, Title string }

type budgetView struct {
	Used, Peak, Limit string
	Percent           int // of the limit that is used now
	PeakPercent       int
}

type stopView struct {
	Where, Reason, Found, Cause string
	Do                          []piece
	Section                     string // anchor in docs/operations.md
}

// piece is a run of text, a command to copy (Code), or a word to be shown as it is (Word).
type piece struct {
	Text       string
	Code, Word bool
}

type rowView struct {
	Name, Raw, State, StateText, Level string
	Rate, Lag, Oldest, Fresh, Rows     string
	Last, LastAt                       string
	Anchor                             string
	Link                               bool // to a page of its own, else to the section below
	Partitions                         int
	StoppedPartitions                  int
	Open                               string
	Unknown                            string
	Dead                               string
	LastError                          string
	Counts                             []fact
	Topics                             string
	Since, SinceAt                     string
}

type tableView struct {
	rowView
	Commits    []commitView
	Partitions []partitionView
	Total      int // partitions assigned
	Hidden     int // of them, those that are not shown
}

type commitView struct {
	Ago, At, Snapshot, Rows, Files, Bytes, Took, Fresh, Other string
	Attempts                                                  int
	Short, ID                                                 string
	Ranges                                                    []rangeView
	MoreRanges                                                int
}

type rangeView struct{ Partition, From, To, Len string }

type partitionView struct {
	Name, Committed, Fetched, Stable, End, Lag string
	Held                                       string // records behind an open transaction
	Stop                                       string
}

// look makes the page of one answer of the sink.
func look(v view, chosen string, stuck time.Duration, config string, build Build, now time.Time) pageView {
	p := pageView{
		Sink: visible(v.Sink), Chosen: chosen, Build: build, Now: now.UTC(),
		Budget: lookBudget(v.Status), Many: len(v.Tables) > manyTables,
	}
	for _, why := range troubles(v, stuck, now) {
		p.Reasons = append(p.Reasons, visible(why))
	}
	p.Level, p.Verdict = verdict(v, len(p.Reasons) == 0)
	var all []*commit.Stop
	for _, t := range v.Tables {
		all = append(all, stopsOf(t)...)
	}
	for _, s := range all[:min(len(all), maxStops)] {
		p.Stops = append(p.Stops, lookStop(s, config))
	}
	p.MoreStops = len(all) - len(p.Stops)
	p.Facts, p.About = facts(v), about(v, now)
	p.Unknown = chosen != ""
	for i, t := range v.Tables {
		row := lookRow(t, i, now)
		row.Link = p.Many
		p.Tables = append(p.Tables, row)
		if chosen == t.Table || chosen == "" && !p.Many {
			p.Details = append(p.Details, lookTable(t, row, now))
		}
		if chosen == t.Table {
			p.Unknown = false
		}
	}
	return p
}

func verdict(v view, ready bool) (level, text string) {
	n := map[sink.State]int{}
	parts := 0
	for _, t := range v.Tables {
		n[t.State]++
		for _, p := range t.Partitions {
			if p.Stop != nil {
				parts++
			}
		}
	}
	switch all := len(v.Tables); {
	case v.Stale:
		return "bad", "The sink does not answer"
	case v.Started.IsZero():
		return "warn", "Starting"
	case n[sink.Stopped] > 0:
		return "bad", fmt.Sprintf("%d of %s stopped: waiting for an operator", n[sink.Stopped], plural(all, "table"))
	case parts > 0:
		return "bad", plural(parts, "partition") + " stopped: waiting for an operator"
	case !v.Connected:
		return "warn", "Not connected to Kafka"
	case v.Trouble != "":
		return "warn", "Kafka refuses a topic"
	case n[sink.Waiting] > 0:
		return "warn", fmt.Sprintf("%d of %s waiting for the catalog or the store", n[sink.Waiting], plural(all, "table"))
	case n[sink.Starting] > 0:
		return "warn", fmt.Sprintf("%d of %s starting", n[sink.Starting], plural(all, "table"))
	case !ready:
		return "warn", "Records wait, and nothing is committed"
	case all == 0:
		return "ok", "Ready: no table has a topic yet"
	case n[sink.Idle] == all:
		return "ok", "Ready: no partitions are assigned to this process"
	default:
		return "ok", "All is well"
	}
}

func facts(v view) []fact {
	var perSec, oldest float64
	var lag, rows int64
	for _, t := range v.Tables {
		perSec += t.RowsPerSec
		lag += t.LagRecords
		rows += t.Totals.Rows
		oldest = max(oldest, t.LagSeconds)
	}
	return []fact{
		{"Rows per second", rate(perSec), "appended to open batches, over about the last ten seconds"},
		{"Not yet visible", count(lag), "records of the assigned partitions that are not in their tables yet"},
		{"Oldest waiting", seconds(oldest), "age of the oldest record that is not in its table yet"},
		{"Rows committed", count(rows), "since this process started"},
	}
}

// about is where and since when the sink runs.
func about(v view, now time.Time) []fact {
	fs := []fact{{"Consumer group", visible(v.Group), ""}, {"Kafka cluster", visible(v.Cluster), ""}}
	if !v.Started.IsZero() {
		fs = append(fs, fact{"Up for", duration(now.Sub(v.Started).Truncate(time.Second)), "since " + stamp(v.Started)})
	}
	return slices.DeleteFunc(fs, func(f fact) bool { return f.Value == "" })
}

func lookBudget(s sink.Status) budgetView {
	b := budgetView{Used: size(s.BudgetUsed), Peak: size(s.BudgetPeak), Limit: size(s.BudgetLimit)}
	if s.BudgetLimit > 0 {
		b.Percent = int(min(100, max(0, s.BudgetUsed)*100/s.BudgetLimit))
		b.PeakPercent = int(min(100, max(0, s.BudgetPeak)*100/s.BudgetLimit))
	}
	return b
}

func lookStop(s *commit.Stop, config string) stopView {
	v := stopView{Where: visible(s.Table), Reason: visible(string(s.Reason)), Found: visible(s.Found), Do: pieces(s, config), Section: section(s.Reason)}
	if s.Partition != nil {
		v.Where += ", " + visible(fmt.Sprintf("partition %s, offset %d", s.Partition, s.Offset))
	}
	if s.Err != nil {
		v.Cause = visible(s.Err.Error())
	}
	return v
}

// section is the anchor of the reason's section in docs/operations.md.
func section(r commit.Reason) string { return strings.ReplaceAll(string(r), " ", "-") }

var stateWords = map[sink.State]struct{ level, text string }{
	sink.Idle:     {"quiet", "idle"},
	sink.Starting: {"warn", "starting"},
	sink.Running:  {"ok", "running"},
	sink.Waiting:  {"warn", "waiting"},
	sink.Stopped:  {"bad", "stopped"},
}

func lookRow(t sink.TableStatus, i int, now time.Time) rowView {
	words, known := stateWords[t.State]
	if !known {
		words.level, words.text = "warn", visible(string(t.State))
	}
	r := rowView{
		Name: visible(t.Table), Raw: t.Table, State: string(t.State), StateText: words.text, Level: words.level,
		Rate: rate(t.RowsPerSec), Lag: count(t.LagRecords), Oldest: seconds(t.LagSeconds), Fresh: "–", Rows: count(t.Totals.Rows),
		Last: "none yet", Anchor: fmt.Sprintf("t%d", i), Partitions: len(t.Partitions),
		LastError: visible(t.LastError), Since: ago(t.Since, now), SinceAt: stamp(t.Since),
	}
	for _, p := range t.Partitions {
		if p.Stop != nil {
			r.StoppedPartitions++
		}
	}
	if r.StoppedPartitions > 0 && words.level != "bad" {
		r.Level = "bad"
		r.StateText += ", " + plural(r.StoppedPartitions, "partition") + " stopped"
	}
	if len(t.Commits) > 0 {
		r.Last, r.LastAt = ago(t.Commits[0].At, now), stamp(t.Commits[0].At)
		r.Fresh = seconds(t.Freshness)
	}
	topics := t.Topics
	if len(topics) > 10 {
		topics = append(slices.Clone(topics[:10]), fmt.Sprintf("and %d more", len(t.Topics)-10))
	}
	r.Topics = visible(strings.Join(topics, ", "))
	if !t.OpenSince.IsZero() {
		r.Open = fmt.Sprintf("%s rows, %s in memory, for %s", count(t.OpenRows), size(t.OpenBytes), duration(now.Sub(t.OpenSince).Truncate(time.Second)))
	}
	r.Unknown, r.Dead = tellUnknown(unknownFields(t)), tellDead(t)
	r.Counts = []fact{
		{"Rows", count(t.Totals.Rows), ""}, {"Dead letters", count(t.Totals.Dead), ""}, {"Skipped", count(t.Totals.Skipped), "bad records under on_bad_record: skip, and tombstones"},
		{"Without a record", count(t.Totals.Holes), "offsets of control records, aborted transactions, compaction"}, {"Files", count(t.Files), ""}, {"Stored", size(t.Bytes), ""},
	}
	return r
}

func lookTable(t sink.TableStatus, row rowView, now time.Time) tableView {
	v := tableView{rowView: row}
	for _, c := range t.Commits {
		commit := lookCommit(c, now)
		commit.ID = row.Anchor + "-" + commit.Snapshot
		v.Commits = append(v.Commits, commit)
	}
	ps := slices.Clone(t.Partitions)
	slices.SortStableFunc(ps, func(a, b sink.PartitionStatus) int { // stopped ones first, then by name
		switch {
		case (a.Stop != nil) != (b.Stop != nil):
			if a.Stop != nil {
				return -1
			}
			return 1
		case a.Partition.Less(b.Partition):
			return -1
		case b.Partition.Less(a.Partition):
			return 1
		}
		return 0
	})
	for _, p := range ps[:min(len(ps), maxPartitions)] {
		v.Partitions = append(v.Partitions, lookPartition(p))
	}
	v.Total, v.Hidden = len(ps), len(ps)-len(v.Partitions)
	return v
}

func lookCommit(c sink.CommitInfo, now time.Time) commitView {
	v := commitView{
		Ago: ago(c.At, now), At: stamp(c.At), Snapshot: fmt.Sprint(c.Snapshot), Rows: count(c.Counts.Rows), Files: count(int64(c.Files)),
		Bytes: size(c.Bytes), Took: duration(c.Took), Fresh: "–", Attempts: c.Attempts,
	}
	if c.Age > 0 {
		v.Fresh = duration(c.Age)
	}
	var other []string
	for _, o := range []struct {
		n    int64
		what string
	}{{c.Counts.Dead, "dead"}, {c.Counts.Skipped, "skipped"}, {c.Counts.Holes, "without a record"}} {
		if o.n > 0 {
			other = append(other, count(o.n)+" "+o.what)
		}
	}
	v.Other = strings.Join(other, ", ")
	var sum int64
	for _, p := range offsets.Sorted(c.Ranges) {
		r := c.Ranges[p]
		sum += r.Len()
		if len(v.Ranges) < maxRangesShown {
			v.Ranges = append(v.Ranges, rangeView{visible(p.String()), count(r.From), count(r.To), count(r.Len())})
		}
	}
	v.MoreRanges = len(c.Ranges) - len(v.Ranges)
	if len(c.Ranges) > 1 {
		v.Short = fmt.Sprintf("%s offsets of %d partitions", count(sum), len(c.Ranges))
	}
	return v
}

func lookPartition(p sink.PartitionStatus) partitionView {
	v := partitionView{
		Name: visible(p.Partition.String()), Committed: offset(p.Committed), Fetched: offset(p.Fetched),
		Stable: offset(p.LastStable), End: offset(p.HighWater), Lag: count(p.Lag()),
	}
	if held := p.HighWater - p.LastStable; p.LastStable >= 0 && held > 0 {
		v.Held = count(held)
	}
	if p.LastStable < 0 {
		v.Lag = "?"
	}
	if p.Stop != nil {
		v.Stop = visible(string(p.Stop.Reason))
	}
	return v
}

// offset spells an offset; below zero it is not known.
func offset(n int64) string {
	if n < 0 {
		return "?"
	}
	return count(n)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
