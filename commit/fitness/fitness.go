// Package fitness finds out, by trying, what a table's catalog really keeps of what exactly-once needs. `sinker check --probe`
// and the suite in committest measure with this same code, so what a catalog is tested for is what it is asked in production.
package fitness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// Wrong is a requirement that does not hold.
type Wrong int

// The requirements that can be wrong.
const (
	WrongHead  Wrong = iota // the branch points to another snapshot
	WrongTable              // the table has another uuid
	NoBranch                // the branch does not exist yet (null)
	WrongTag                // our tag points to another snapshot
	NoTag                   // our tag does not exist yet (null)
)

// Trial is a table that may be used up: nobody else knows it.
type Trial interface {
	commit.Table
	// AppendWrongly sends what Append would, with one requirement in place of the true one. It is to be refused.
	AppendWrongly(ctx context.Context, base commit.View, c commit.Change, w Wrong) (snapshot int64, err error)
}

// Finding is one thing that was found out.
type Finding struct {
	What     string // what was tried
	OK       bool
	Required bool   // sinker cannot work where this is not OK
	Found    string // what was seen, and what follows from it
}

// Patience is how long an acknowledged commit may stay unseen before the catalog is unfit. It is shorter than commit.StaleLoads, which
// allows for a bad day.
const Patience = 10 * time.Second

// All is every capability, so that requests hold everything whose keeping is to be seen.
var All = commit.Capabilities{Tags: true, Properties: true, History: true}

// Measure makes about twenty commits to a table without snapshots. The findings come in the order of the trials; the capabilities are
// those that can be relied on. The error says that the measuring could not be carried out, not that something is missing: that
// is told by Unfit. sink is the id that the table was opened for.
func Measure(ctx context.Context, t Trial, sink string) (commit.Capabilities, []Finding, error) {
	m := &measuring{t: t, sink: sink}
	for _, step := range []func(context.Context) error{m.kept, m.history, m.requirements, m.race} {
		if err := step(ctx); err != nil {
			return m.caps, m.found, err
		}
		if Unfit(m.found) != nil {
			break // what comes after would only confuse
		}
	}
	return m.caps, m.found, nil
}

// Unfit is the first finding that is required and not OK, nil if there is none.
func Unfit(found []Finding) *Finding {
	for i, f := range found {
		if f.Required && !f.OK {
			return &found[i]
		}
	}
	return nil
}

type measuring struct {
	t     Trial
	sink  string
	caps  commit.Capabilities
	found []Finding
	next  int64         // offset that the last change moved to
	late  int           // acknowledged commits that the next load did not show
	slow  time.Duration // the longest that one stayed unseen
}

func (m *measuring) note(what string, ok, required bool, yes, no string) {
	f := Finding{What: what, OK: ok, Required: required, Found: yes}
	if !ok {
		f.Found = no
	}
	m.found = append(m.found, f)
}

func (m *measuring) change() commit.Change {
	m.next++
	return commit.Change{Sink: m.sink, Epoch: 1, Hash: "probe", Ledger: m.ledger()}
}

func (m *measuring) ledger() offsets.Ledger {
	return offsets.Ledger{Cluster: "probe", Marks: map[offsets.Partition]offsets.Mark{
		{Topic: "probe"}: {Next: m.next, LeaderEpoch: offsets.NoEpoch, Upper: offsets.Unbounded},
	}}
}

// load reads the table again, with the capabilities that are tried rather than those believed in.
func (m *measuring) load(ctx context.Context, caps commit.Capabilities) (commit.View, error) {
	v, err := m.t.Load(ctx)
	v.Caps = caps
	return v, err
}

var errUnseen = errors.New("an acknowledged commit is not in the table as it was sent")

// append sends the next change on v and waits until a load shows it, alone and on top of v. errUnseen: it was noted what is
// shown instead. Other errors are those of the requests.
func (m *measuring) append(ctx context.Context, v commit.View) (commit.View, error) {
	id, err := m.t.Append(ctx, v, m.change())
	if err != nil {
		return v, err
	}
	begin := time.Now()
	for looks := 1; ; looks++ {
		now, err := m.load(ctx, v.Caps)
		if err != nil {
			return v, err
		}
		if looks == 2 {
			m.late++
		}
		if waited := time.Since(begin); now.Head == v.Head || now.LastSequence <= v.LastSequence {
			if waited > Patience {
				m.note("an acknowledged commit is in the table", false, true, "", fmt.Sprintf("no: the catalog said yes to snapshot %d, and no load of %s shows it", id, Patience))
				return now, errUnseen
			}
			if err := pause(ctx, min(waited+time.Millisecond, 200*time.Millisecond)); err != nil {
				return now, err
			}
			continue
		}
		if waited := time.Since(begin); now.Snapshots[now.Head].Sequence == v.LastSequence+1 && now.Head == id {
			m.slow = max(m.slow, waited)
			return now, nil
		}
		m.note("an acknowledged commit is in the table", false, true, "",
			fmt.Sprintf("no: of snapshot %d, sent alone, the table shows snapshot %d with sequence number %d after %d: it was applied more than once, or as something else", id, now.Head, now.LastSequence, v.LastSequence))
		return now, errUnseen
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kept makes the first snapshot with everything in it, and with less where the catalog refuses that.
func (m *measuring) kept(ctx context.Context) error {
	var refusal error
	var v commit.View
	for _, caps := range []commit.Capabilities{All, {Properties: true}, {Tags: true}, {}} {
		base, err := m.load(ctx, caps)
		if err != nil {
			return err
		}
		if v, err = m.append(ctx, base); err == nil {
			break
		}
		if errors.Is(err, errUnseen) {
			return nil
		}
		if class := commit.ClassOf(err); class != commit.Rejected && class != commit.Unknown && class != commit.Denied || caps == (commit.Capabilities{}) {
			return err
		}
		if refusal == nil {
			refusal = err
		}
	}
	m.note("an acknowledged commit is in the table", true, true, "yes", "")
	refused := func(property string) string {
		if refusal == nil {
			return ""
		}
		return " (it refused: " + refusal.Error() + "; so that run does not ask for it, set " + property + ": \"false\" in catalog.properties)"
	}
	m.caps.Tags = v.Tags[m.sink] == v.Head
	m.note("tags are kept", m.caps.Tags, false, "yes",
		"no"+refused("sinker.tags")+": no foreign clean-up may delete files younger than 24 h, because nothing but their age protects files of a rolled-back commit")
	mirror := v.Mirrors[m.sink]
	m.caps.Properties = mirror.Sound && mirror.Snapshot == v.Head && mirror.Ledger.Equal(m.ledger())
	told := "is not told from the lineage"
	if m.caps.Tags {
		told = "is told by our tag alone, and not once that is a day old and was expired"
	}
	m.note("table properties are kept", m.caps.Properties, false, "yes",
		"no"+refused("sinker.properties")+": a rollback by others "+told+", and an expired lineage stops the table")
	s := v.Snapshots[v.Head]
	why := s.Broken
	if why == "" {
		why = "they are gone, or others"
	}
	m.note("snapshot summaries are kept", s.Ledger != nil && s.Ledger.Equal(m.ledger()), true, "yes", "the offsets in the snapshot's summary came back unreadable: "+why)
	return nil
}

func (m *measuring) history(ctx context.Context) error {
	before, err := m.load(ctx, m.caps)
	if err != nil {
		return err
	}
	after, err := m.append(ctx, before)
	if errors.Is(err, errUnseen) {
		return nil
	}
	if err != nil {
		return err
	}
	_, listed := after.Snapshots[before.Head]
	m.caps.History = listed && after.Snapshots[after.Head].Parent == before.Head
	m.note("history is shown", m.caps.History, false, "yes: every snapshot with its parent",
		fmt.Sprintf("no: after two commits a load lists %d snapshot, so every commit by somebody else hides sinker's offsets and stops the table", len(after.Snapshots)))
	return nil
}

// requirements sends requests whose requirements do not hold. Applying one of the first two is the end of the catalog's fitness.
func (m *measuring) requirements(ctx context.Context) error {
	const applied = "no: the catalog took a request whose requirement did not hold"
	for _, try := range []struct {
		what     string
		w        Wrong
		required bool
		no       string
	}{
		{"a wrong snapshot of the branch is refused", WrongHead, true, applied},
		{"a wrong table uuid is refused", WrongTable, true, applied},
		{"a branch that must not be there yet is refused", NoBranch, false, "no: two first commits on one table overwrite each other, so let one instance alone run until a new table has its first snapshot"},
	} {
		ok, seen, err := m.refused(ctx, try.w)
		if err != nil {
			return err
		}
		m.note(try.what, ok, try.required, "yes, "+seen, try.no)
		if !ok && try.required {
			return nil
		}
	}
	if !m.caps.Tags {
		return nil
	}
	honoured := true
	for _, w := range []Wrong{NoTag, WrongTag} {
		ok, _, err := m.refused(ctx, w)
		if err != nil {
			return err
		}
		honoured = honoured && ok
	}
	m.note("requirements on tags count", honoured, false, "yes", "no: a tag protects the newest snapshot's files from clean-up, but does not fence late requests after a rollback")
	m.caps.Tags = honoured
	return nil
}

// refused sends a request under a requirement that does not hold, and looks whether the table has moved.
func (m *measuring) refused(ctx context.Context, w Wrong) (bool, string, error) {
	v, err := m.load(ctx, m.caps)
	if err != nil {
		return false, "", err
	}
	_, err = m.t.AppendWrongly(ctx, v, m.change(), w)
	if err == nil {
		return false, "", nil
	}
	now, lost := m.load(ctx, m.caps)
	if lost != nil {
		return false, "", lost
	}
	return now.Head == v.Head, "with an error of class " + commit.ClassOf(err).String(), nil
}

// race sends eight commits on the same base at once: one may win.
func (m *measuring) race(ctx context.Context) error {
	v, err := m.load(ctx, m.caps)
	if err != nil {
		return err
	}
	type answer struct {
		id  int64
		err error
	}
	const n = 8
	c, answers := m.change(), make(chan answer, n)
	for range n {
		go func() {
			id, err := m.t.Append(ctx, v, c)
			answers <- answer{id, err}
		}()
	}
	won, odd := []int64{}, error(nil)
	for range n {
		switch a := <-answers; {
		case a.err == nil:
			won = append(won, a.id)
		case commit.ClassOf(a.err) != commit.Conflict:
			odd = a.err
		}
	}
	after, err := m.load(ctx, m.caps)
	for begin := time.Now(); err == nil && after.LastSequence <= v.LastSequence && len(won) > 0 && time.Since(begin) < Patience; {
		if err = pause(ctx, 100*time.Millisecond); err == nil {
			after, err = m.load(ctx, m.caps)
		}
	}
	if err != nil {
		return err
	}
	found := fmt.Sprintf("%d of %d won", len(won), n)
	if odd != nil {
		found += "; a loser was told: " + odd.Error()
	}
	// A winner whose answer was lost is fine. Two that were told yes are not, nor is a table that moved by more than one of them.
	ok := len(won) <= 1 && (len(won) == 1 && after.Head == won[0] || len(won) == 0 && (after.Head != v.Head || odd != nil)) && after.LastSequence <= v.LastSequence+1
	m.note("of eight commits on one base one wins", ok, true, found, found)
	if ok {
		m.note("an acknowledged commit shows at once", m.late == 0, false, "yes",
			fmt.Sprintf("no: %d of them only in a later load, after up to %s, and each commit waits that long before it is believed", m.late, m.slow.Round(time.Millisecond)))
	}
	return nil
}
