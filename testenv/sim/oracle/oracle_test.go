package oracle_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

var p0 = oracle.Part{Topic: "orders", ID: "AAAA", Num: 0}

func state(next int64) *oracle.State {
	return &oracle.State{Marks: map[oracle.Part]oracle.Mark{p0: {Next: next, Upper: -1}}}
}

// sound is a world in which everything is right: an anchor, a batch of 3, one of somebody else, a batch of 2; offset 1 was aborted.
func sound() oracle.World {
	f := func(n, rows int64) oracle.File {
		return oracle.File{Path: fmt.Sprintf("f%d", n), Size: 10 * n, Rows: rows}
	}
	t := &oracle.Table{Name: "t", Head: 4, Live: map[int64]bool{1: true, 2: true, 3: true, 4: true}, Snapshots: map[int64]*oracle.Snapshot{
		1: {ID: 1, Sink: "x", Own: state(0)},
		2: {ID: 2, Parent: 1, Replaced: 1, Sink: "x", Own: state(3), Batches: []string{"b1"}, Ranges: map[oracle.Part]oracle.Range{p0: {From: 0, To: 3}}, Files: []oracle.File{f(1, 2)}},
		3: {ID: 3, Parent: 2, Replaced: -1, Files: []oracle.File{f(1, 2), f(2, 1)}},
		4: {ID: 4, Parent: 3, Replaced: 3, Sink: "x", Own: state(5), Batches: []string{"b2"}, Ranges: map[oracle.Part]oracle.Range{p0: {From: 3, To: 5}},
			Files: []oracle.File{f(1, 2), f(2, 1), f(3, 2)}},
	}}
	ids := map[string][]int64{"f1": {100, 102}, "f2": {-1}, "f3": {103, 104}}
	w := oracle.World{Tables: []*oracle.Table{t}, Objects: map[string]int64{"f1": 10, "f2": 20, "f3": 30}, Records: map[int64]oracle.Record{},
		IDs: func(path string) ([]int64, error) { return ids[path], nil }, Complete: true, Held: map[string]int64{"w1": 0},
		Ends: []oracle.End{{Table: "t", Sink: "x", Part: p0, Offset: 5}}}
	for o := range int64(5) {
		w.Records[100+o] = oracle.Record{Table: "t", Sink: "x", Part: p0, Offset: o}
	}
	r := w.Records[101]
	r.Fate = oracle.Never
	w.Records[101] = r
	return w
}

func TestJudge_FindsEachPromiseThatIsNotKept(t *testing.T) {
	if found := oracle.Judge(sound()); len(found) > 0 {
		t.Fatal(found)
	}
	snap := func(w oracle.World, id int64) *oracle.Snapshot { return w.Tables[0].Snapshots[id] }
	for name, c := range map[string]struct {
		rule, text string
		spoil      func(*oracle.World)
	}{
		"a row is missing": {"I1", "is there 0 times", func(w *oracle.World) {
			old := w.IDs
			w.IDs = func(p string) ([]int64, error) {
				if p == "f3" {
					return []int64{103, -7}, nil
				}
				return old(p)
			}
		}},
		"a row is there twice": {"I8", "2 times", func(w *oracle.World) {
			old := w.IDs
			w.IDs = func(p string) ([]int64, error) {
				if p == "f3" {
					return []int64{103, 100}, nil
				}
				return old(p)
			}
		}},
		"a row before its offset is passed": {"I1", "so 0 is right", func(w *oracle.World) {
			w.Records[200] = oracle.Record{Table: "t", Sink: "x", Part: p0, Offset: 9}
			w.IDs = func(p string) ([]int64, error) {
				return map[string][]int64{"f1": {100, 102}, "f2": {200}, "f3": {103, 104}}[p], nil
			}
		}},
		"an aborted record is a row": {"I1", "can be no row", func(w *oracle.World) {
			w.IDs = func(p string) ([]int64, error) {
				return map[string][]int64{"f1": {100, 101, 102}, "f2": {-1}, "f3": {103, 104}}[p], nil
			}
		}},
		"a row from nowhere": {"I1", "never sent", func(w *oracle.World) {
			w.IDs = func(p string) ([]int64, error) {
				return map[string][]int64{"f1": {100, 102}, "f2": {999}, "f3": {103, 104}}[p], nil
			}
		}},
		"a range that does not begin where the parent ends": {"I2", "accounts for", func(w *oracle.World) { snap(*w, 4).Ranges[p0] = oracle.Range{From: 2, To: 5} }},
		"a range that does not end at its own offsets":      {"I2", "accounts for", func(w *oracle.World) { snap(*w, 4).Ranges[p0] = oracle.Range{From: 3, To: 4} }},
		"offsets that move by nothing":                      {"I2", "nothing accounts", func(w *oracle.World) { snap(*w, 4).Ranges = nil }},
		"a partition forgotten":                             {"I2", "forgets", func(w *oracle.World) { snap(*w, 4).Own.Marks = nil; snap(*w, 4).Ranges = nil }},
		"an operator's word that forgets what a mirror told": {"I2", "forgets", func(w *oracle.World) {
			s := snap(*w, 4)
			s.Own.Marks, s.Ranges, s.Batches, s.Audited, s.Seen = nil, nil, nil, true, map[int64]bool{2: true}
		}},
		"a batch before the anchor":       {"I2", "not anchored", func(w *oracle.World) { snap(*w, 1).Batches = []string{"b0"} }},
		"a batch twice":                   {"I8", "batch b1", func(w *oracle.World) { snap(*w, 4).Batches = []string{"b1"} }},
		"a file that is gone":             {"I3", "does not exist, removed by w1", func(w *oracle.World) { delete(w.Objects, "f1"); w.Removed = map[string]string{"f1": "w1"} }},
		"a file of another size":          {"I3", "10 bytes, it has 11", func(w *oracle.World) { w.Objects["f1"] = 11 }},
		"a file with other rows":          {"I3", "3 rows, it has 2", func(w *oracle.World) { snap(*w, 2).Files[0].Rows = 3 }},
		"a file named twice":              {"I3", "twice", func(w *oracle.World) { snap(*w, 2).Files = append(snap(*w, 2).Files, snap(*w, 2).Files[0]) }},
		"a head that was replaced unseen": {"I4", "replaced head 7", func(w *oracle.World) { snap(*w, 4).Replaced = 7 }},
		"a stop that nothing earns":       {"I6", "stopped (gap)", func(w *oracle.World) { w.Stops = []oracle.Stop{{Sink: "x", Table: "t", Reason: "gap"}} }},
		"records that did not arrive":     {"progress", "must come to 6", func(w *oracle.World) { w.Ends[0].Offset = 6 }},
		"memory that is held":             {"memory", "5 bytes", func(w *oracle.World) { w.Held["w1"] = 5 }},
		"a row twice in a past head": {"I8", "2 times", func(w *oracle.World) {
			w.Tables[0].Snapshots[9] = &oracle.Snapshot{ID: 9, Parent: 2, Files: []oracle.File{{Path: "f1", Size: 10, Rows: 2}, {Path: "f4", Size: 1, Rows: 1}}}
			w.Tables[0].Past, w.Objects["f4"] = []int64{9}, 1
			old := w.IDs
			w.IDs = func(p string) ([]int64, error) {
				if p == "f4" {
					return []int64{100}, nil
				}
				return old(p)
			}
		}},
	} {
		w := sound()
		c.spoil(&w)
		found := oracle.Judge(w)
		hit := false
		for _, v := range found {
			hit = hit || v.Rule == c.rule && strings.Contains(v.Text, c.text)
		}
		if !hit {
			t.Errorf("%s: found %v", name, found)
		}
	}
}

func TestJudge_LetsPassWhatIsAccountedFor(t *testing.T) {
	for name, change := range map[string]func(*oracle.World){
		"an earned stop": func(w *oracle.World) {
			w.Stops, w.Events = []oracle.Stop{{Sink: "x", Table: "t", Reason: "gap"}}, []oracle.Event{{Name: "retention"}}
		},
		"a gap": func(w *oracle.World) {
			s := w.Tables[0].Snapshots[4]
			s.Ranges, s.Gaps = nil, []oracle.Gap{{Part: p0, Range: oracle.Range{From: 3, To: 5}, Why: "retention"}}
		},
		"a record that the log lost": func(w *oracle.World) {
			w.Records[500] = oracle.Record{Table: "t", Sink: "x", Part: p0, Offset: 4, Fate: oracle.Maybe}
		},
		"an operator's word that forgets what nothing told any more": func(w *oracle.World) {
			s := w.Tables[0].Snapshots
			s[2].Own.Marks[oracle.Part{Topic: "orders", ID: "BBBB"}] = oracle.Mark{Upper: -1}
			s[4].Ranges, s[4].Batches, s[4].Audited, s[4].Seen = nil, nil, true, map[int64]bool{3: true}
		},
		"another sink's state carried along": func(w *oracle.World) {
			s := w.Tables[0].Snapshots
			s[5] = &oracle.Snapshot{ID: 5, Parent: 4, Replaced: 4, Sink: "y", Own: &oracle.State{}, Others: map[string]oracle.State{"x": *state(5)}, Files: s[4].Files}
			w.Tables[0].Head = 5
		},
	} {
		w := sound()
		change(&w)
		if found := oracle.Judge(w); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

func TestParseSummary_ReadsWhatTheTablesHold(t *testing.T) {
	s := oracle.Snapshot{ID: 7}
	err := oracle.ParseSummary(map[string]string{
		"operation": "append", "sinker.sink": "x", "sinker.v": "1", "sinker.epoch": "18", "sinker.hash": "h", "sinker.batches": "b1,b2",
		"sinker.ranges":    `{"orders#AAAA":{"0":"3-9","2":"0-1"}}`,
		"sinker.offsets.x": `{"cluster":"c","t":{"orders#AAAA":{"o":[9,-1,1],"e":[4,-1,0],"s":[2,0,0],"h":[1,0,0]}}}`,
		"sinker.gaps":      `[{"topic":"orders#AAAA","partition":0,"range":"2-3","why":"retention"}]`,
		"sinker.others":    `{"y":{"carrier":5,"epoch":6,"offsets":"{\"cluster\":\"c\",\"t\":{}}"}}`,
	}, &s)
	if err != nil {
		t.Fatal(err)
	}
	want := map[oracle.Part]oracle.Mark{p0: {Next: 9, Origin: 2, Upper: -1, Epoch: 4, Absent: 1}, {Topic: "orders", ID: "AAAA", Num: 2}: {Next: 1, Upper: -1}}
	if !maps.Equal(s.Own.Marks, want) || s.Own.Cluster != "c" || s.Epoch != 18 || len(s.Batches) != 2 || s.Others["y"].Carrier != 5 {
		t.Errorf("%+v", s)
	}
	if s.Ranges[p0] != (oracle.Range{From: 3, To: 9}) || len(s.Gaps) != 1 || s.Gaps[0].Why != "retention" {
		t.Errorf("%+v", s)
	}
}
