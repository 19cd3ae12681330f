package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/testenv/sim/fate"
	"github.com/sinker-io/sinker/testenv/sim/oracle"
)

func isGone(err error) bool { return errors.Is(err, storage.ErrNotFound) }

// foreign does to a table what others do. False if it could not be done now.
func (w *world) foreign(t *table, x fate.Fault) (done bool) {
	if x.Kind == Orphans {
		return w.sweep()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.anchored() {
		return false // a table that nobody has begun to fill is not ours to judge
	}
	name := string(x.Kind)
	switch x.Kind {
	case Append:
		t.appendForeign(x.Amount)
		done = true
	case Compact:
		done = t.compact()
	case Expire, ExpireAll:
		if done = t.expire(x.Amount, x.Kind == Expire); done && x.Kind == ExpireAll && t.forgets() {
			w.event("parents-forgotten", t.name)
		}
	case Unparent:
		if done = t.expire(x.Amount, true); done {
			t.unparent()
		}
	case Rollback:
		done, name = t.rollback(x.Amount)
	case SetCurrent:
		done = t.setCurrent(uint64(x.Amount))
	case CherryPick:
		done = t.cherryPick()
	case Replace:
		t.replace(x.Amount == 1)
		done = true
	case Recreate:
		for _, s := range t.snaps {
			for _, f := range s.files {
				w.store.remove("drop table", f.Path)
			}
		}
		t.fresh()
		done = true
	case Damage, Unmirror:
		t.change(func(v *commit.View) {
			for x := range v.Mirrors {
				done = true
				if name == string(Damage) {
					v.Mirrors[x] = commit.Mirror{}
				} else {
					delete(v.Mirrors, x)
				}
			}
		})
	case Vanish:
		if files := t.headFiles(); len(files) > 0 {
			w.store.remove("a fault that must be found", files[0].Path)
			done = true
		}
	case Untag:
		t.change(func(v *commit.View) { done = len(v.Tags) > 0; v.Tags = map[string]int64{} })
	case Schema:
		if done = len(t.view.SchemaIDs) == 1; done {
			t.change(func(v *commit.View) { v.SchemaIDs = []int{0, 1} })
		}
	default:
		return false
	}
	if done {
		w.event(name, t.name)
		if t.untraced() {
			w.event("no-trace", t.name)
		}
		w.tell("foreign", "%s: %s (%d); head %d", t.name, name, x.Amount, t.view.Head)
	}
	return done
}

// untraced tells whether nothing shows any more that the table's newest snapshot, which is one of ours, ever was: it was rolled back and
// expired, older metadata are cut, and neither tag nor mirror names it. Whoever has just committed it finds what a lie would look like.
func (t *table) untraced() bool {
	for id, s := range t.snaps {
		_, listed := t.view.Snapshots[id]
		_, logged := t.older[id]
		if s.Sink != "" && s.Sequence == t.view.LastSequence && !listed && !logged && t.view.Tags[s.Sink] != id && t.view.Mirrors[s.Sink].Snapshot != id {
			return true
		}
	}
	return false
}

// anchored tells whether every sink that is to fill the table has begun. The lock is held, as in all that follows.
func (t *table) anchored() bool {
	return t.knows(t.view.Head, "x") && (!t.w.c.Second || t.name != "t1" || t.knows(t.view.Head, "y"))
}

// knows tells whether the lineage of a snapshot holds a state of a sink.
func (t *table) knows(id int64, sink string) bool {
	for ; id != 0; id = t.snaps[id].Parent {
		if s := t.snaps[id]; s.Sink == sink || s.Others[sink].Carrier != 0 {
			return true
		}
	}
	return false
}

// theirs is a snapshot of somebody else on parent.
func (t *table) theirs(operation string, parent int64, files []oracle.File) *snapshot {
	t.last++
	return &snapshot{Snapshot: commit.Snapshot{ID: t.last, Parent: parent, Sequence: t.view.LastSequence + 1, Time: time.Now(), Operation: operation},
		files: files, replaced: -1}
}

func (t *table) headFiles() []oracle.File {
	if s := t.snaps[t.view.Head]; s != nil {
		return s.files
	}
	return nil
}

// A file of somebody else is a list of ids in words; it is not ours to say how others write theirs.
const foreignMagic = "ids "

func foreignFile(ids []int64) []byte {
	var b strings.Builder
	b.WriteString(foreignMagic)
	for _, id := range ids {
		fmt.Fprintf(&b, "%d ", id)
	}
	return []byte(b.String())
}

// idsOf reads the ids in a data file, whoever wrote it.
func idsOf(data []byte) ([]int64, error) {
	if !strings.HasPrefix(string(data[:min(len(data), len(foreignMagic))]), foreignMagic) {
		return oracle.ReadIDs(data, "id")
	}
	var ids []int64
	for _, text := range strings.Fields(string(data[len(foreignMagic):])) {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (t *table) write(ids []int64) oracle.File {
	t.last++
	path := fmt.Sprintf("mem://lake/%s/data/foreign-%d", t.name, t.last)
	data := foreignFile(ids)
	_ = t.w.store.put("foreign", path, data) // the name is new
	return oracle.File{Path: path, Size: int64(len(data)), Rows: int64(len(ids))}
}

// appendForeign adds n rows, which have negative ids; of 3 it is a commit to another branch, which moves the sequence number only.
func (t *table) appendForeign(n int64) {
	if n == 3 {
		t.change(func(v *commit.View) { v.LastSequence++ })
		return
	}
	var ids []int64
	for i := range n {
		ids = append(ids, -(t.last*10 + i + 1))
	}
	files := append(append([]oracle.File{}, t.headFiles()...), t.write(ids))
	t.put(t.theirs("append", t.view.Head, files), nil)
}

// compact rewrites all data files as one.
func (t *table) compact() bool {
	var ids []int64
	files := t.headFiles()
	if len(files) < 2 {
		return false
	}
	for _, f := range files {
		o, err := t.w.store.get(f.Path)
		if err != nil {
			return false // the oracle will tell
		}
		more, err := idsOf(o.data)
		if err != nil {
			return false
		}
		ids = append(ids, more...)
	}
	t.put(t.theirs("replace", t.view.Head, []oracle.File{t.write(ids)}), nil)
	return true
}

// expire takes all but the newest snapshots off the list, and what a tag holds; files that no other snapshot names are deleted,
// unless the catalog has no tags to hold them with: then clean-ups spare what is young. Without log, older metadata files go as well,
// and that alone is something done: what they told nobody tells any more.
func (t *table) expire(keep int64, log bool) bool {
	kept := map[int64]bool{}
	for id := t.view.Head; id != 0 && keep > 0; id, keep = t.snaps[id].Parent, keep-1 {
		kept[id] = true
	}
	for _, id := range t.view.Tags {
		kept[id] = true
	}
	gone := map[int64]bool{}
	for id := range t.view.Snapshots {
		if !kept[id] {
			gone[id] = true
		}
	}
	cut := !log && len(t.older) > 0
	if !log {
		t.older = map[int64]commit.Snapshot{}
	}
	if len(gone) == 0 {
		return cut
	}
	t.change(func(v *commit.View) {
		for id := range gone {
			if log && t.older[id].Parent == 0 { // else a still older file lists it with its parent
				t.older[id] = v.Snapshots[id]
			}
			delete(v.Snapshots, id)
		}
	})
	if t.w.c.Caps.NoTags {
		return true
	}
	needed := map[string]bool{}
	for id := range t.view.Snapshots {
		for _, f := range t.snaps[id].files {
			needed[f.Path] = true
		}
	}
	for id := range gone {
		for _, f := range t.snaps[id].files {
			if !needed[f.Path] {
				t.w.store.remove("expire", f.Path)
			}
		}
	}
	return true
}

// unparent takes the parent from what is listed where it is listed no more. Older metadata files still name it.
func (t *table) unparent() {
	t.change(func(v *commit.View) {
		for id, s := range v.Snapshots {
			if _, listed := v.Snapshots[s.Parent]; s.Parent != 0 && !listed {
				t.older[id] = s
				s.Parent = 0
				v.Snapshots[id] = s
			}
		}
	})
}

// forgets tells whether a listed snapshot is shown without the parent that it had.
func (t *table) forgets() bool {
	for id, s := range t.view.Snapshots {
		if s.Parent == 0 && t.snaps[id].Parent != 0 {
			return true
		}
	}
	return false
}

func (t *table) move(to int64) {
	t.past = append(t.past, t.view.Head)
	t.change(func(v *commit.View) { v.Head = to })
}

// rollback moves the branch back by some snapshots that are listed.
func (t *table) rollback(n int64) (bool, string) {
	to := t.view.Head
	steps := 1 + n%4
	if n == 1 {
		steps = 1000 // to before the anchor, if there is something
	}
	for ; steps > 0; steps-- {
		parent := t.snaps[to].Parent
		if _, listed := t.view.Snapshots[parent]; !listed {
			break
		}
		to = parent
	}
	if to == t.view.Head {
		return false, ""
	}
	name := "rollback"
	for _, sink := range []string{"x", "y"} {
		if t.knows(t.view.Head, sink) && !t.knows(to, sink) {
			name = "rollback-to-before"
		}
	}
	t.move(to)
	return true, name
}

// setCurrent moves the branch to any listed snapshot.
func (t *table) setCurrent(n uint64) bool {
	var ids []int64
	for id := int64(1); id <= t.last; id++ {
		if _, listed := t.view.Snapshots[id]; listed && id != t.view.Head && t.knows(id, "x") {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return false
	}
	t.move(ids[n%uint64(len(ids))])
	return true
}

// cherryPick takes our newest snapshot off the branch and puts a copy of it there.
func (t *table) cherryPick() bool {
	head := t.snaps[t.view.Head]
	if head.Sink == "" || len(head.Batches) == 0 {
		return false
	}
	if _, listed := t.view.Snapshots[head.Parent]; !listed {
		return false
	}
	t.move(head.Parent)
	s := t.theirs("append", head.Parent, head.files)
	s.Source = head.ID
	t.put(s, nil)
	return true
}

// replace is CREATE OR REPLACE: the branch begins anew, with the rows or without.
func (t *table) replace(rows bool) {
	t.past = append(t.past, t.view.Head)
	var files []oracle.File
	if rows {
		files = t.headFiles()
	}
	t.put(t.theirs("append", 0, files), nil)
}

// sweep is a clean-up of files that no snapshot names: those of processes that died, or that slept for longer than any request lives.
func (w *world) sweep() (done bool) {
	gone := map[string]bool{}
	for _, wk := range w.workers {
		for _, e := range wk.gone() {
			gone[e] = true
		}
	}
	if len(gone) == 0 {
		return false
	}
	w.arrive()
	time.Sleep(20 * time.Millisecond)
	needed := map[string]bool{}
	tables := w.tables
	if w.letters != nil {
		tables = append(tables[:len(tables):len(tables)], w.letters)
	}
	for _, t := range tables {
		t.mu.Lock()
		for id := range t.view.Snapshots {
			for _, f := range t.snaps[id].files {
				needed[f.Path] = true
			}
		}
		t.mu.Unlock()
	}
	w.store.mu.Lock()
	var found []string
	for path, o := range w.store.objects {
		if gone[o.by] && !needed[path] {
			found = append(found, path)
		}
	}
	w.store.mu.Unlock()
	for _, path := range found {
		w.store.remove("orphan removal", path)
		done = true
	}
	return done
}
