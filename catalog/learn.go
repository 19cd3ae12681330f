package catalog

import (
	"github.com/sinker-io/sinker/commit"
)

// What a catalog keeps is also learned on the way, from our own commits: a commit asks for a tag and a property, and the load that
// shows it as the head must show those too. One miss may be somebody's hand; two in a row are the catalog's.

// lesson is what a table remembers between its commits and its loads. The table's mutex guards it.
type lesson struct {
	snapshot int64               // sent last, not yet seen
	asked    commit.Capabilities // what that request asked for
	noTag    int                 // commits in a row whose tag was not kept
	noMirror int                 // and whose property was not
}

const strikes = 2

// sent notes a request whose outcome a load will show.
func (t *Table) sent(snapshot int64, asked commit.Capabilities) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lesson.snapshot, t.lesson.asked = snapshot, asked
}

// learn lowers the capabilities in v, and the catalog's, by what the load shows.
func (t *Table) learn(l *loaded, v *commit.View) {
	t.mu.Lock()
	lost := commit.Capabilities{History: l.hidesHistory()}
	if s := &t.lesson; s.snapshot != 0 && v.Head == s.snapshot {
		count := func(asked, kept bool, misses *int) bool {
			if !asked || kept {
				*misses = 0
				return false
			}
			*misses++
			return *misses >= strikes
		}
		lost.Tags = count(s.asked.Tags, v.Tags[t.sink] == v.Head, &s.noTag)
		lost.Properties = count(s.asked.Properties, v.Mirrors[t.sink].Snapshot == v.Head, &s.noMirror)
		s.snapshot = 0
	}
	t.mu.Unlock()
	if lost == (commit.Capabilities{}) {
		return
	}
	v.Caps = without(v.Caps, lost)
	t.cat.lose(t.id, lost)
}

func without(c, lost commit.Capabilities) commit.Capabilities {
	return commit.Capabilities{Tags: c.Tags && !lost.Tags, Properties: c.Properties && !lost.Properties, History: c.History && !lost.History}
}

// lose takes capabilities from the catalog, and says once what follows.
func (c *Catalog) lose(id ident, lost commit.Capabilities) {
	c.mu.Lock()
	before := c.caps
	c.caps = without(before, lost)
	c.mu.Unlock()
	for _, l := range []struct {
		had, lost bool
		msg       string
	}{
		{before.Tags, lost.Tags, "the catalog keeps no tags: files of rolled-back commits are protected by their age alone"},
		{before.Properties, lost.Properties, "the catalog keeps no table properties: a rollback by others is told by a tag alone, if tags are kept, and an expired lineage will stop a table"},
		{before.History, lost.History, "the catalog hides the history of its tables: every commit by somebody else will stop a table"},
	} {
		if l.had && l.lost {
			c.log.Warn(l.msg, "table", id.String())
		}
	}
}

// hidesHistory tells whether the catalog shows less than the table has: a snapshot that is not the first, without its parent, and no
// older metadata file either, although each commit leaves one behind.
func (l *loaded) hidesHistory() bool {
	for range l.meta.PreviousFiles() {
		return false
	}
	for _, s := range l.snaps {
		if s.SequenceNumber <= 1 || s.ParentSnapshotID != nil {
			return false
		}
	}
	return len(l.snaps) == 1
}
