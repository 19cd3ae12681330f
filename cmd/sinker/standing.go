package main

import (
	"context"
	"errors"
	"time"

	"github.com/sinker-io/sinker/catalog"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/config"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

// standing is how one table stands to one sink id, for check and offsets. Numbers of 64 bits are texts in its JSON
// form, for readers that would round them.
type standing struct {
	Table      string              `json:"table"`
	Branch     string              `json:"branch"`
	Exists     bool                `json:"exists"`
	UUID       string              `json:"uuid,omitempty"`
	Head       int64               `json:"head,string"` // snapshot of the branch; 0: none
	Metadata   string              `json:"metadata,omitempty"`
	Sink       string              `json:"sink"`
	Letters    bool                `json:"dead_letters,omitempty"` // it is a table of dead letters
	New        bool                `json:"new"`                    // this sink id has never written here
	Via        string              `json:"found_by,omitempty"`
	Carrier    int64               `json:"carrier,string"` // newest snapshot of this sink id
	Epoch      uint64              `json:"epoch,string"`
	RolledBack bool                `json:"rolled_back"`
	Tag        int64               `json:"tag,string"` // snapshot that the tag of this sink id points to; 0: no tag
	Mirror     *mirrorReport       `json:"mirror"`     // nil: there is none
	Cluster    string              `json:"cluster,omitempty"`
	Stop       *stopReport         `json:"stop"` // nil: run would go on
	Error      string              `json:"error,omitempty"`
	Partitions []partitionStanding `json:"partitions"`

	state commit.State
	view  commit.View
	table *table
}

type mirrorReport struct {
	Sound    bool  `json:"sound"`
	Snapshot int64 `json:"snapshot,string"`
}

// stopReport is a commit.Stop for people and programs.
type stopReport struct {
	Reason    string `json:"reason"`
	Partition string `json:"partition,omitempty"`
	Found     string `json:"found"`
	Do        string `json:"to_go_on"`
}

func reportStop(s *commit.Stop) *stopReport {
	out := &stopReport{Reason: string(s.Reason), Found: s.Found, Do: s.Do}
	if s.Partition != nil {
		out.Partition = s.Partition.String()
	}
	if s.Err != nil {
		out.Found += ": " + s.Err.Error()
	}
	return out
}

// partitionStanding is one partition: what the table says, and what the log says where a broker answers.
type partitionStanding struct {
	Topic       string `json:"topic"`
	TopicID     string `json:"topic_id"`
	Partition   int32  `json:"partition"`
	Next        int64  `json:"next,string"`
	LeaderEpoch int32  `json:"leader_epoch"`
	Origin      int64  `json:"origin,string"`
	Dead        int64  `json:"dead,string"`
	Skipped     int64  `json:"skipped,string"`
	Holes       int64  `json:"without_record,string"`
	Mirror      *int64 `json:"mirror,string,omitempty"`
	LogStart    *int64 `json:"log_start,string,omitempty"`
	LogEnd      *int64 `json:"log_end,string,omitempty"` // end of what read_committed may read
	Lag         *int64 `json:"lag,string,omitempty"`
	Log         string `json:"log,omitempty"` // what is wrong between table and log

	id offsets.Partition
}

// absent is a table that does not exist.
func absent(c *config.Config, t target) *standing {
	return &standing{Table: t.name, Branch: t.entry.Branch, Sink: c.Sink, Letters: t.letters, Partitions: []partitionStanding{}}
}

// stands reads a table and resolves its state, once; it changes nothing.
func (l *lake) stands(ctx context.Context, t target) *standing {
	s := absent(l.cfg, t)
	tb, err := l.open(ctx, t.entry, t.name)
	if errors.Is(err, catalog.ErrNoTable) {
		return s
	}
	if err == nil {
		s.Exists, s.table = true, tb
		err = s.resolve(ctx, l.cfg.Sink)
	}
	if err == nil && t.letters && s.RolledBack {
		_, err = commit.Ready(commit.State{}, s.state, commit.Hashes{})
	}
	var stop *commit.Stop
	switch {
	case errors.As(err, &stop):
		stop.Complete(t.name, l.cfg.File())
		s.Stop = reportStop(stop)
	case err != nil:
		s.Error = err.Error()
	}
	return s
}

func (s *standing) resolve(ctx context.Context, sink string) error {
	v, err := s.table.Load(ctx)
	if err != nil {
		return err
	}
	s.view = v
	s.UUID, s.Head, s.Metadata, s.Tag = v.TableUUID.String(), v.Head, v.Location, v.Tags[sink]
	if m, ok := v.Mirrors[sink]; ok {
		s.Mirror = &mirrorReport{Sound: m.Sound, Snapshot: m.Snapshot}
	}
	st, err := commit.Resolve(v, sink)
	if errors.Is(err, commit.ErrNeedHistory) {
		if v, err = s.table.History(ctx, v); err != nil {
			return err
		}
		s.view = v
		st, err = commit.Resolve(v, sink)
	}
	if err != nil {
		s.addMirror(sink, nil)
		return err
	}
	s.state = st
	s.New, s.Via, s.Carrier, s.Epoch, s.RolledBack, s.Cluster = st.Empty, string(st.Via), st.Carrier, st.Epoch, st.Dirty, st.Ledger.Cluster
	s.addMirror(sink, st.Ledger.Marks)
	return nil
}

// addMirror lists the partitions of the state and of the mirror.
func (s *standing) addMirror(sink string, marks map[offsets.Partition]offsets.Mark) {
	all := map[offsets.Partition]offsets.Mark{}
	mirror := s.view.Mirrors[sink]
	for p, m := range mirror.Ledger.Marks {
		all[p] = offsets.Mark{Next: -1, Origin: m.Origin, LeaderEpoch: offsets.NoEpoch}
	}
	for p, m := range marks {
		all[p] = m
	}
	for _, p := range offsets.Sorted(all) {
		m := all[p]
		row := partitionStanding{Topic: p.Topic, TopicID: p.TopicID.String(), Partition: p.Num, Next: m.Next, LeaderEpoch: m.LeaderEpoch,
			Origin: m.Origin, Dead: m.Dead, Skipped: m.Skipped, Holes: m.Holes, id: p}
		if mm, ok := mirror.Ledger.Marks[p]; ok && mirror.Sound {
			next := mm.Next
			row.Mirror = &next
		}
		s.Partitions = append(s.Partitions, row)
	}
}

// compare adds what the cluster says of the partitions.
func (s *standing) compare(ctx context.Context, look *source.Look) error {
	if len(s.Partitions) == 0 {
		return nil
	}
	cluster, err := look.ClusterID(ctx)
	if err != nil {
		return err
	}
	var ps []offsets.Partition
	epochs := map[offsets.Partition]int32{}
	for _, p := range s.Partitions {
		ps = append(ps, p.id)
		epochs[p.id] = p.LeaderEpoch
	}
	infos, err := look.Inspect(ctx, ps, epochs)
	if err != nil {
		return err
	}
	for i, info := range infos {
		row := &s.Partitions[i]
		if info.Err != nil {
			row.Log = info.Err.Error()
			continue
		}
		if info.Partition.TopicID != row.id.TopicID {
			row.Log = "this topic is gone; its name belongs to another one"
			continue
		}
		start, end := info.LogStart, info.LastStable
		row.LogStart, row.LogEnd = &start, &end
		if row.Next >= 0 {
			lag := max(0, end-row.Next)
			row.Lag = &lag
		}
	}
	for _, v := range source.Check(cluster, s.state.Ledger, infos) {
		for i := range s.Partitions {
			if s.Partitions[i].id == v.Partition {
				s.Partitions[i].Log = v.Detail
				if v.Kind != "" {
					s.Partitions[i].Log = string(v.Kind) + ": " + v.Detail
				}
			}
		}
	}
	return nil
}

// target is a table of the configuration, with the topics that go to it.
type target struct {
	entry  config.Table
	index  int
	name   string
	topics []source.Topic // that exist, if the cluster was asked
	words  []string       // topics as the configuration has them
	hash   string         // of the configuration
	// letters says that it is a table of dead letters, whose entry the configuration only implies. It is not behind the log where it
	// stands lower than that: it stands where the last dead letter was.
	letters bool
}

// targets are the tables of the configuration. Entries with {topic} have one for each topic that exists, and for each that
// is named. After them come the tables of dead letters.
func targets(c *config.Config, topics []source.Topic) []target {
	out := targetsOf(c, c.Tables, topics)
	for i := range out {
		out[i].hash = entryHash(out[i].entry)
	}
	var entries []config.Table
	for _, t := range c.Tables {
		if keepsLetters(t) {
			entries = append(entries, lettersOf(t))
		}
	}
	seen := map[string]bool{}
	for _, t := range targetsOf(c, entries, topics) {
		if !seen[t.name] {
			t.letters, t.hash = true, lettersHash(c, t.entry.Table)
			out = append(out, t)
		}
		seen[t.name] = true
	}
	return out
}

func targetsOf(c *config.Config, entries []config.Table, topics []source.Topic) []target {
	var out []target
	for i, t := range entries {
		var words []string
		for _, w := range t.Topics {
			words = append(words, w.Text)
		}
		byName := map[string]*target{}
		var order []string
		add := func(name string) *target {
			if byName[name] == nil {
				byName[name] = &target{entry: t, index: i, name: name, words: words}
				order = append(order, name)
			}
			return byName[name]
		}
		if !t.PerTopic() {
			add(t.Table)
		} else {
			for _, w := range t.Topics {
				if w.Pattern == nil {
					add(t.NameFor(w.Name)).words = []string{w.Name}
				}
			}
		}
		for _, topic := range topics {
			if t.Claims(topic.Name) {
				tg := add(t.NameFor(topic.Name))
				tg.topics = append(tg.topics, topic)
				if t.PerTopic() {
					tg.words = []string{topic.Name}
				}
			}
		}
		for _, name := range order {
			out = append(out, *byName[name])
		}
	}
	return out
}

// trying bounds one question to a server by a command that a person waits for.
func trying(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 20*time.Second)
}
