package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// Finding is one thing that a probe found out.
type Finding struct {
	What     string // what was tried
	OK       bool
	Required bool   // sinker cannot work where this is not OK
	Found    string // what was seen, and what follows from it
}

// ErrUnfit says that the catalog lacks what exactly-once needs.
var ErrUnfit = errors.New("this catalog cannot keep sinker's promise")

// Probe finds out what the catalog really keeps, on a scratch table that it makes and drops (its few small files stay
// in the warehouse). The capabilities found are the catalog's from then on. An error that is ErrUnfit says that something required is missing;
// any other one, that the probe could not be carried out.
func (c *Catalog) Probe(ctx context.Context) (commit.Capabilities, []Finding, error) {
	namespace := orElse(c.cfg.Properties["sinker.probe-namespace"], "sinker_probe")
	name := namespace + ".probe_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	id, err := parseIdent(name)
	if err != nil {
		return commit.Capabilities{}, nil, fmt.Errorf("probe: %w", err)
	}
	schema := iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64})
	if _, err = c.Create(ctx, name, schema, nil, 2, nil); err != nil {
		return commit.Capabilities{}, nil, wrap(err, "probe")
	}
	defer func() {
		// After a cancel, too: the scratch table must not stay.
		after := context.WithoutCancel(ctx)
		if err := c.back.drop(after, id); err != nil {
			c.log.Warn("the probe's table stays", "table", name, "error", err)
			return
		}
		_ = c.back.dropNamespace(after, id.namespace) // refused while others probe
	}()
	p := &probe{cat: c, id: id}
	if p.tb, err = c.Table(name, "", "probe"); err != nil {
		return commit.Capabilities{}, nil, fmt.Errorf("probe: %w", err)
	}
	if err := p.run(ctx); err != nil {
		return p.caps, p.found, wrap(err, "probe")
	}
	c.setCapabilities(p.caps)
	for _, f := range p.found {
		if f.Required && !f.OK {
			return p.caps, p.found, fmt.Errorf("%w: %s: %s", ErrUnfit, f.What, f.Found)
		}
	}
	return p.caps, p.found, nil
}

type probe struct {
	cat   *Catalog
	id    ident
	tb    *Table
	caps  commit.Capabilities
	found []Finding
}

func (p *probe) note(what string, ok, required bool, yes, no string) {
	f := Finding{What: what, OK: ok, Required: required, Found: yes}
	if !ok {
		f.Found = no
	}
	p.found = append(p.found, f)
}

func (p *probe) change(next int64) commit.Change {
	return commit.Change{Sink: "probe", Epoch: 1, Hash: "probe", Ledger: offsets.Ledger{Cluster: "probe", Marks: map[offsets.Partition]offsets.Mark{
		{Topic: "probe"}: {Next: next, LeaderEpoch: offsets.NoEpoch, Upper: offsets.Unbounded},
	}}}
}

// all is every capability, so that requests hold everything whose keeping is to be seen.
var all = commit.Capabilities{Tags: true, Properties: true, History: true}

func (p *probe) run(ctx context.Context) error {
	if err := p.tagsAndProperties(ctx); err != nil {
		return err
	}
	if err := p.history(ctx); err != nil {
		return err
	}
	if err := p.wrongs(ctx); err != nil {
		return err
	}
	if p.caps.Tags {
		if err := p.tagRequirements(ctx); err != nil {
			return err
		}
	}
	return p.race(ctx)
}

// load reads the table again, with the capabilities that the probe asks for rather than those believed in.
func (p *probe) load(ctx context.Context, caps commit.Capabilities) (commit.View, error) {
	v, err := p.tb.Load(ctx)
	v.Caps = caps
	return v, err
}

// tagsAndProperties makes the first snapshot with everything in it, and with less where the catalog refuses that.
func (p *probe) tagsAndProperties(ctx context.Context) error {
	var refusal error
	for _, caps := range []commit.Capabilities{all, {Properties: true}, {Tags: true}, {}} {
		v, err := p.load(ctx, caps)
		if err != nil {
			return err
		}
		_, err = p.tb.Append(ctx, v, p.change(0))
		if err == nil {
			break
		}
		if class := classOf(err); class != commit.Rejected && class != commit.Unknown && class != commit.Denied || caps == (commit.Capabilities{}) {
			return err
		}
		if refusal == nil {
			refusal = err
		}
	}
	v, err := p.load(ctx, all)
	if err != nil {
		return err
	}
	if v.Head == 0 {
		p.note("a commit shows in the next load", false, true, "", "the catalog said yes to a commit, and the table has no snapshot")
		return nil
	}
	refused := func(property string) string {
		if refusal == nil {
			return ""
		}
		return " (it refused: " + refusal.Error() + "; so that run does not ask for it, set " + property + ": \"false\" in catalog.properties)"
	}
	p.caps.Tags = v.Tags["probe"] == v.Head
	p.note("tags are kept", p.caps.Tags, false, "yes",
		"no"+refused("sinker.tags")+": no foreign clean-up may delete files younger than 24 h, because nothing but their age protects files of a rolled-back commit")
	m := v.Mirrors["probe"]
	p.caps.Properties = m.Sound && m.Snapshot == v.Head
	p.note("table properties are kept", p.caps.Properties, false, "yes",
		"no"+refused("sinker.properties")+": a rollback by others is not told from the lineage, and an expired lineage stops the table")
	if s := v.Snapshots[v.Head]; s.Ledger == nil {
		p.note("snapshot summaries are kept", false, true, "", "the offsets in the snapshot's summary came back unreadable: "+orElse(s.Broken, "they are gone"))
	} else {
		p.note("snapshot summaries are kept", true, true, "yes", "")
	}
	return nil
}

func (p *probe) history(ctx context.Context) error {
	before, err := p.load(ctx, p.caps)
	if err != nil {
		return err
	}
	if _, err := p.tb.Append(ctx, before, p.change(1)); err != nil {
		return err
	}
	after, err := p.load(ctx, p.caps)
	if err != nil {
		return err
	}
	_, listed := after.Snapshots[before.Head]
	p.caps.History = listed && after.Snapshots[after.Head].Parent == before.Head
	p.note("history is shown", p.caps.History, false, "yes: every snapshot with its parent",
		fmt.Sprintf("no: after two commits a load lists %d snapshot, so every commit by somebody else hides sinker's offsets and stops the table", len(after.Snapshots)))
	return nil
}

// wrongs sends requests whose requirements do not hold. Applying one is the end of the catalog's fitness.
func (p *probe) wrongs(ctx context.Context) error {
	v, err := p.load(ctx, p.caps)
	if err != nil {
		return err
	}
	l, err := handle(v)
	if err != nil {
		return err
	}
	wrong := v.Head ^ 1
	for _, try := range []struct {
		what     string
		required bool
		req      icetable.Requirement
		no       string
	}{
		{"a wrong snapshot of the branch is refused", true, icetable.AssertRefSnapshotID(mainBranch, &wrong), "no: the request was applied although its requirement did not hold"},
		{"a wrong table uuid is refused", true, icetable.AssertTableUUID(uuid.New()), "no: the request was applied although its requirement did not hold"},
		{"a branch that must not be there yet is refused", false, icetable.AssertRefSnapshotID(mainBranch, nil),
			"no: two first commits on one table overwrite each other, so let one instance alone run until a new table has its first snapshot"},
	} {
		ok, seen, err := p.refused(ctx, l, try.req)
		if err != nil {
			return err
		}
		p.note(try.what, ok, try.required, "yes, "+seen, try.no)
	}
	return nil
}

// refused sends a request that sets a property under a requirement that does not hold, and looks whether the table has it.
func (p *probe) refused(ctx context.Context, l *loaded, req icetable.Requirement) (bool, string, error) {
	key := "sinker.probe." + uuid.NewString()[:8]
	ups := []icetable.Update{icetable.NewSetPropertiesUpdate(iceberg.Properties{key: "1"})}
	if !p.caps.Properties { // a property would not show: move the state instead
		s, err := p.snapshot(ctx, l)
		if err != nil {
			return false, "", err
		}
		ups = []icetable.Update{icetable.NewAddSnapshotUpdate(s), icetable.NewSetSnapshotRefUpdate(mainBranch, s.SnapshotID, icetable.BranchRef, 0, 0, 0)}
	}
	err := p.cat.back.commit(ctx, p.id, l, []icetable.Requirement{req}, ups)
	now, loadErr := p.cat.back.load(ctx, p.id)
	if loadErr != nil {
		return false, "", loadErr
	}
	_, set := now.meta.Properties()[key]
	moved := deref(now.head(mainBranch)) != deref(l.head(mainBranch))
	if err == nil || set || moved {
		return false, "", nil
	}
	return true, "with an error of class " + classOf(err).String(), nil
}

// snapshot is an empty one on top of l, with its manifest list written.
func (p *probe) snapshot(ctx context.Context, l *loaded) (*icetable.Snapshot, error) {
	s := &icetable.Snapshot{SnapshotID: freshID(l), ParentSnapshotID: l.head(mainBranch), SequenceNumber: l.meta.LastSequenceNumber() + 1,
		TimestampMs: l.meta.LastUpdatedMillis() + 1, Summary: &icetable.Summary{Operation: icetable.OpAppend, Properties: map[string]string{}}}
	_, err := p.tb.writeList(ctx, l, s, nil)
	return s, err
}

// tagRequirements looks whether what is demanded of a tag counts: null for one that is there, and a wrong snapshot.
func (p *probe) tagRequirements(ctx context.Context) error {
	l, err := p.cat.back.load(ctx, p.id)
	if err != nil {
		return err
	}
	wrong := deref(l.head(mainBranch)) ^ 1
	honoured := true
	for _, at := range []*int64{nil, &wrong} {
		ok, _, err := p.refused(ctx, l, icetable.AssertRefSnapshotID(tagPrefix+"probe", at))
		if err != nil {
			return err
		}
		honoured = honoured && ok
	}
	p.note("requirements on tags count", honoured, false, "yes", "no: a tag protects the newest snapshot's files from clean-up, but does not fence late requests after a rollback")
	p.caps.Tags = p.caps.Tags && honoured
	return nil
}

// race sends eight commits on the same base at once: one may win.
func (p *probe) race(ctx context.Context) error {
	v, err := p.load(ctx, p.caps)
	if err != nil {
		return err
	}
	const n = 8
	errs := make(chan error, n)
	for range n {
		go func() {
			_, err := p.tb.Append(ctx, v, p.change(2))
			errs <- err
		}()
	}
	won := 0
	var odd error
	for range n {
		switch err := <-errs; {
		case err == nil:
			won++
		case classOf(err) != commit.Conflict:
			odd = err
		}
	}
	after, err := p.load(ctx, p.caps)
	if err != nil {
		return err
	}
	found := fmt.Sprintf("%d of %d won", won, n)
	if odd != nil {
		found += "; a loser was told: " + odd.Error()
	}
	// Winners whose answers were lost are fine; two that were told yes are not.
	ok := won <= 1 && (won == 1 || after.Head != v.Head || odd != nil)
	p.note("of eight commits on one base one wins", ok, true, found, found)
	return nil
}
