package admin

import (
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

// The JSON of /status.json. Each 64-bit integer is a string: snapshot ids are beyond 2^53, where readers that
// keep numbers as doubles (jq, browsers) change them without a word. Times are RFC 3339 in UTC, absent if
// there is none. Fields are added, never renamed.
type (
	jsonStatus struct {
		Sink      string      `json:"sink"`
		Version   string      `json:"version"`
		Commit    string      `json:"commit,omitempty"`
		Time      time.Time   `json:"time"`
		AsOf      *time.Time  `json:"as_of,omitempty"` // when the sink said so
		Stale     bool        `json:"stale"`           // it did not answer in time: this is what it said last
		Started   *time.Time  `json:"started,omitempty"`
		Ready     bool        `json:"ready"`
		Reasons   []string    `json:"reasons"` // why it is not ready
		Group     string      `json:"group"`
		Cluster   string      `json:"cluster"`
		Connected bool        `json:"connected"`
		Trouble   string      `json:"trouble,omitempty"`
		Memory    jsonMemory  `json:"memory"`
		Tables    []jsonTable `json:"tables"`
	}
	jsonMemory struct {
		Used  int64 `json:"used,string"`
		Peak  int64 `json:"peak,string"`
		Limit int64 `json:"limit,string"`
	}
	jsonTable struct {
		Table      string          `json:"table"`
		Topics     []string        `json:"topics"`
		State      sink.State      `json:"state"`
		Since      *time.Time      `json:"since,omitempty"`
		Stop       *jsonStop       `json:"stop,omitempty"`
		LastError  string          `json:"last_error,omitempty"`
		RowsPerSec float64         `json:"rows_per_second"`
		LagRecords int64           `json:"lag_records,string"`
		LagSeconds float64         `json:"lag_seconds"`
		Freshness  float64         `json:"freshness_seconds"`
		Open       *jsonOpen       `json:"open,omitempty"`
		Totals     jsonCounts      `json:"totals"`
		Unknown    []jsonUnknown   `json:"fields_without_column,omitempty"`
		Letters    string          `json:"dead_letters_table,omitempty"`
		Dead       []jsonDead      `json:"dead_letters,omitempty"` // as this process has read them
		Files      int64           `json:"files,string"`
		Bytes      int64           `json:"bytes,string"`
		Commits    []jsonCommit    `json:"commits"`
		Partitions []jsonPartition `json:"partitions"`
	}
	jsonDead struct {
		jsonID
		Code   string `json:"code"`
		Count  int64  `json:"count,string"`
		Offset int64  `json:"first_offset,string"`
		Reason string `json:"first_reason"`
	}
	jsonUnknown struct {
		Field string `json:"field"` // "" stands for all beyond the first hundred
		Times int64  `json:"times,string"`
	}
	jsonOpen struct {
		Rows  int64     `json:"rows,string"`
		Bytes int64     `json:"bytes,string"`
		Since time.Time `json:"since"`
	}
	jsonCounts struct {
		Rows    int64 `json:"rows,string"`
		Dead    int64 `json:"dead,string"`
		Skipped int64 `json:"skipped,string"`
		Holes   int64 `json:"holes,string"`
	}
	jsonCommit struct {
		Snapshot int64       `json:"snapshot,string"`
		At       *time.Time  `json:"at,omitempty"`
		Batches  []string    `json:"batches"`
		Ranges   []jsonRange `json:"ranges"`
		Counts   jsonCounts  `json:"counts"`
		Files    int         `json:"files"`
		Bytes    int64       `json:"bytes,string"`
		Seconds  float64     `json:"seconds"`
		Attempts int         `json:"attempts"`
		Age      float64     `json:"age_seconds"`
		Oldest   *time.Time  `json:"oldest,omitempty"`
	}
	jsonID struct {
		Topic     string `json:"topic"`
		TopicID   string `json:"topic_id,omitempty"`
		Partition int32  `json:"partition"`
	}
	jsonRange struct {
		jsonID
		From int64 `json:"from,string"`
		To   int64 `json:"to,string"`
	}
	jsonPartition struct {
		jsonID
		Fetched    int64     `json:"fetched,string"`
		Committed  int64     `json:"committed,string"`
		LastStable int64     `json:"last_stable,string"` // -1: not known yet
		HighWater  int64     `json:"high_water,string"`  // -1: not known yet
		Lag        int64     `json:"lag,string"`
		Stop       *jsonStop `json:"stop,omitempty"`
	}
	jsonStop struct {
		Reason commit.Reason `json:"reason"`
		Found  string        `json:"found"`
		Do     string        `json:"do"`
		Offset *int64        `json:"offset,omitempty,string"`
		Error  string        `json:"error,omitempty"`
	}
)

func spell(v view, reasons []string, build Build, now time.Time) jsonStatus {
	out := jsonStatus{
		Sink: v.Sink, Version: build.Version, Commit: build.Commit, Time: now.UTC(), AsOf: when(v.At), Stale: v.Stale, Started: when(v.Started),
		Ready: len(reasons) == 0, Reasons: append([]string{}, reasons...), Group: v.Group, Cluster: v.Cluster, Connected: v.Connected, Trouble: v.Trouble,
		Memory: jsonMemory{v.BudgetUsed, v.BudgetPeak, v.BudgetLimit}, Tables: []jsonTable{},
	}
	for _, t := range v.Tables {
		out.Tables = append(out.Tables, spellTable(t))
	}
	return out
}

func spellTable(t sink.TableStatus) jsonTable {
	out := jsonTable{
		Table: t.Table, Topics: append([]string{}, t.Topics...), State: t.State, Since: when(t.Since), Stop: spellStop(t.Stop), LastError: t.LastError,
		RowsPerSec: finite(t.RowsPerSec), LagRecords: t.LagRecords, LagSeconds: finite(t.LagSeconds), Freshness: finite(t.Freshness),
		Totals: spellCounts(t.Totals), Files: t.Files, Bytes: t.Bytes, Commits: []jsonCommit{}, Partitions: []jsonPartition{},
	}
	if !t.OpenSince.IsZero() {
		out.Open = &jsonOpen{t.OpenRows, t.OpenBytes, t.OpenSince.UTC()}
	}
	for _, u := range unknownFields(t) {
		out.Unknown = append(out.Unknown, jsonUnknown{u.name, u.times})
	}
	out.Letters = t.Letters
	for _, d := range deadCodes(t) {
		out.Dead = append(out.Dead, jsonDead{jsonID: spellID(d.Partition), Code: d.code, Count: d.Count, Offset: d.Offset, Reason: d.Reason})
	}
	for _, c := range t.Commits {
		out.Commits = append(out.Commits, spellCommit(c))
	}
	for _, p := range t.Partitions {
		out.Partitions = append(out.Partitions, jsonPartition{
			jsonID: spellID(p.Partition), Fetched: p.Fetched, Committed: p.Committed, LastStable: p.LastStable, HighWater: p.HighWater,
			Lag: p.Lag(), Stop: spellStop(p.Stop),
		})
	}
	return out
}

func spellCommit(c sink.CommitInfo) jsonCommit {
	out := jsonCommit{
		Snapshot: c.Snapshot, At: when(c.At), Batches: []string{}, Ranges: []jsonRange{}, Counts: spellCounts(c.Counts), Files: c.Files, Bytes: c.Bytes,
		Seconds: c.Took.Seconds(), Attempts: c.Attempts, Age: c.Age.Seconds(), Oldest: when(c.Oldest),
	}
	for _, b := range c.Batches {
		out.Batches = append(out.Batches, b.String())
	}
	for _, p := range offsets.Sorted(c.Ranges) {
		out.Ranges = append(out.Ranges, jsonRange{spellID(p), c.Ranges[p].From, c.Ranges[p].To})
	}
	return out
}

func spellID(p offsets.Partition) jsonID { return jsonID{p.Topic, p.TopicID.String(), p.Num} }

func spellCounts(c manifest.Counts) jsonCounts { return jsonCounts{c.Rows, c.Dead, c.Skipped, c.Holes} }

func spellStop(s *commit.Stop) *jsonStop {
	if s == nil {
		return nil
	}
	out := &jsonStop{Reason: s.Reason, Found: s.Found, Do: s.Do}
	if s.Partition != nil {
		out.Offset = &s.Offset
	}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	return out
}

// finite is f, or 0 where JSON has no word for it.
func finite(f float64) float64 {
	if f-f != 0 {
		return 0
	}
	return f
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
