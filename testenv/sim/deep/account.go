package deep

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

// topicID spells a topic's id as Kafka's tools do.
func topicID(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// metadata is what the oracle wants of a metadata file, in its own words.
type metadata struct {
	UUID string `json:"table-uuid"`
	Refs map[string]struct {
		ID int64 `json:"snapshot-id"`
	} `json:"refs"`
	Snapshots []struct {
		ID       int64             `json:"snapshot-id"`
		Parent   *int64            `json:"parent-snapshot-id"`
		Sequence int64             `json:"sequence-number"`
		List     string            `json:"manifest-list"`
		Summary  map[string]string `json:"summary"`
	} `json:"snapshots"`
	Log []struct {
		File string `json:"metadata-file"`
	} `json:"metadata-log"`
}

func (s *store) metadata(at string) (*metadata, error) {
	raw, err := s.get(at)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", at, err)
	}
	m := &metadata{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("read %s: %w", at, err)
	}
	return m, nil
}

// past are the versions of a table from its first on: each metadata file names the one before it as the last of its log.
func (s *store) past(at string) ([]*metadata, error) {
	var out []*metadata
	for at != "" {
		m, err := s.metadata(at)
		if err != nil {
			return nil, err
		}
		out = append([]*metadata{m}, out...)
		at = ""
		if n := len(m.Log); n > 0 {
			at = m.Log[n-1].File
		}
	}
	return out, nil
}

// account describes a table for the oracle, from the metadata files and manifests that are in the store.
func (w *world) account(name string) (*oracle.Table, error) {
	versions, err := w.store.past(w.finals[name].location)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", name, err)
	}
	t := &oracle.Table{Name: name, Snapshots: map[int64]*oracle.Snapshot{}, Live: map[int64]bool{}}
	lists := map[int64]string{}
	last := versions[len(versions)-1]
	t.Head = last.Refs["main"].ID
	for _, s := range last.Snapshots {
		t.Live[s.ID] = true
	}
	before := int64(0)
	for _, m := range versions {
		for _, s := range m.Snapshots {
			if t.Snapshots[s.ID] != nil {
				continue
			}
			o := &oracle.Snapshot{ID: s.ID, Sequence: s.Sequence, Replaced: -1}
			if s.Parent != nil {
				o.Parent = *s.Parent
			}
			if m.Refs["main"].ID == s.ID {
				o.Replaced = before
			}
			if err := oracle.ParseSummary(s.Summary, o); err != nil {
				return nil, fmt.Errorf("table %s: %w", name, err)
			}
			t.Snapshots[s.ID], lists[s.ID] = o, s.List
		}
		before = m.Refs["main"].ID
	}
	for id, list := range lists {
		files, err := w.store.files(list)
		if err != nil && t.Live[id] {
			return nil, fmt.Errorf("table %s: snapshot %d: %w", name, id, err)
		}
		if err == nil {
			t.Snapshots[id].Files = files
		}
	}
	for _, id := range w.lefts[name] {
		if t.Live[id] {
			t.Past = append(t.Past, id)
		}
	}
	return t, nil
}

// judge lets the oracle look at everything.
func (w *world) judge() ([]oracle.Violation, int, error) {
	objects, err := w.store.sizes()
	if err != nil {
		return nil, 0, err
	}
	o := oracle.World{Records: w.records, Objects: objects, Removed: w.removed, IDs: w.store.ids, Stops: w.stops, Events: w.events,
		Held: map[string]int64{}, Complete: true}
	for name, k := range w.workers {
		o.Held[name] = k.budget.Used()
	}
	for _, e := range w.ends {
		if !w.stopped[e.Part] {
			o.Ends = append(o.Ends, e)
		}
	}
	commits := 0
	for _, topic := range topics {
		t, err := w.account(tableOf(topic))
		if err != nil {
			return nil, 0, err
		}
		o.Tables = append(o.Tables, t)
		for _, s := range t.Snapshots {
			if len(s.Batches) > 0 {
				commits++
			}
		}
	}
	return oracle.Judge(o), commits, nil
}

// arrived tells whether the tables have come to where the log ends, partitions that wait for an operator aside.
func (w *world) arrived(stopped map[oracle.Part]bool) bool {
	at := map[string]map[oracle.Part]oracle.Mark{}
	for _, topic := range topics {
		v, err := w.shelf.newest(tableOf(topic))
		if err != nil {
			return false
		}
		at[tableOf(topic)] = position(v.meta)
	}
	for _, e := range w.log.ends() {
		if m, has := at[e.Table][e.Part]; !stopped[e.Part] && (!has || m.Next < e.Offset) {
			return false
		}
	}
	return true
}

// position is what the newest snapshot of sinker says, in the lineage of the branch; nil if there is none.
func position(m table.Metadata) map[oracle.Part]oracle.Mark {
	for s := m.CurrentSnapshot(); s != nil; s = m.SnapshotByID(*s.ParentSnapshotID) {
		if s.Summary != nil && s.Summary.Properties["sinker.sink"] == sinkID {
			_, marks, err := oracle.ParseOffsets(s.Summary.Properties["sinker.offsets."+sinkID])
			if err != nil {
				return nil
			}
			return marks
		}
		if s.ParentSnapshotID == nil {
			break
		}
	}
	return nil
}
