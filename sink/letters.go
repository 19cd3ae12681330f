package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/deadletter"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/writer"
)

// Letters says where the dead letters of an entry go (on_bad_record: dead_letter).
type Letters struct {
	Table string // {topic} stands for the topic's name, as in Entry.Table
	Hash  string // of all that decides about dead letters of this table: the same for all entries that share it
	// Open finds the table, or creates it. One attempt; errors are classed (commit.Error).
	Open func(ctx context.Context, table string) (LetterTable, error)
}

// LetterTable is a table of dead letters as the sink needs it.
type LetterTable interface {
	Table
	// Held is the dead letters that the sink has in the table as of the load that v came from, of these ranges.
	Held(ctx context.Context, v commit.View, ranges offsets.Ranges) (commit.Held, error)
}

// deadLetters is what a lane knows of its table of dead letters. Everything belongs to the lane's run.
//
// A lane with dead letters starts all its partitions at once, and anew when one is added: what it stands on is one reading of both tables.
type deadLetters struct {
	to        *Letters
	name      string
	table     LetterTable
	committer *commit.Committer
	uuid      uuid.UUID // of the table, once seen
	epoch     uint64
	desc      writer.Table
	encoder   *deadletter.Encoder
	on        standing

	batch  *writer.Batch      // beside the open one; nil while that has no dead letters
	begin  offsets.Position   // where the open batch began
	at     offsets.Position   // where batch goes on
	faults []deadletter.Fault // of the run that is being appended
}

// standing is what the lane has read of both tables. The two Footings are of the same reading: one is asked for fates while records are
// read, the other hears of what was written, in the flushes, one after the other.
type standing struct {
	fates, written commit.Footing
	decided        offsets.Position // by whoever; below these D has the word
	settled        offsets.Position // of them, those that the table does not account for yet
}

func newDeadLetters(e *Entry, table string) *deadLetters {
	if e.Letters == nil {
		return nil
	}
	name := e.Letters.Table
	if strings.Contains(e.Table, topicPlaceholder) {
		name = strings.ReplaceAll(name, topicPlaceholder, topicOf(e.Table, table))
	}
	return &deadLetters{to: e.Letters, name: name}
}

// topicOf is the topic that pattern, which has {topic} at least once, gave the name for.
func topicOf(pattern, name string) string {
	parts := strings.Split(pattern, topicPlaceholder)
	length := len(name)
	for _, p := range parts {
		length -= len(p)
	}
	length /= len(parts) - 1
	return name[len(parts[0]) : len(parts[0])+length]
}

// lettersStarted is what a start has found of the dead letters.
type lettersStarted struct {
	table     LetterTable
	committer *commit.Committer
	st        commit.State
	v         commit.View
	held      commit.Held
}

// stand reads the dead letters, after the table, until both may be stood on; where another configuration wrote last, they are anchored
// first. Nothing is known of dead letters while the table has no state at all.
func (l *lane) stand(ctx context.Context, r *started, d *deadLetters) (err error) {
	if r.st.Empty {
		return nil
	}
	n := &r.dead
	if n.table, n.committer = d.table, d.committer; n.table == nil {
		if n.table, err = d.to.Open(ctx, d.name); err != nil {
			return err
		}
		n.committer = l.newCommitter(n.table, d.name, d.to.Hash)
	}
	for {
		if n.st, n.v, err = n.committer.LettersState(ctx); err != nil {
			return err
		}
		if n.st.Empty && d.uuid != uuid.Nil && d.uuid != n.v.TableUUID {
			return d.recreated(n.v.TableUUID)
		}
		which, err := commit.Ready(r.st, n.st, commit.Hashes{Table: l.entry.Hash, Letters: d.to.Hash})
		switch {
		case err != nil:
			return d.named(err)
		case which == commit.AnchorTable:
			r.st, r.v, err = r.committer.Amend(ctx, func(_ commit.View, st commit.State) (*commit.Edit, error) {
				if st.Hash == l.entry.Hash {
					return nil, nil
				}
				return &commit.Edit{NewEpoch: true}, nil
			})
		case which == commit.AnchorLetters:
			if err = n.committer.AnchorLetters(ctx, r.st.Ledger.Cluster); err == nil {
				r.st, r.v, err = r.committer.State(ctx) // before the dead letters, again
			}
		default:
			var parted bool
			if parted, err = l.parted(ctx, r); err == nil && !parted {
				n.held, err = n.table.Held(ctx, n.v, commit.Settled(r.st, n.st))
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// parted holds what the dead letters have decided beyond the table against the log, and moves them back to where the log has other records
// now. The rows stay: they are of records that Kafka lost.
func (l *lane) parted(ctx context.Context, r *started) (bool, error) {
	n := &r.dead
	var ps []offsets.Partition
	epochs := map[offsets.Partition]int32{}
	for p := range commit.Settled(r.st, n.st) {
		if _, asked := r.asked[p]; asked && r.stops[p] == nil {
			ps, epochs[p] = append(ps, p), n.st.Ledger.Marks[p].LeaderEpoch
		}
	}
	if len(ps) == 0 {
		return false, nil
	}
	infos, err := l.s.cfg.Source.Inspect(ctx, ps, epochs)
	if err != nil {
		return false, err
	}
	for _, i := range infos {
		if i.Err != nil {
			return false, i.Err
		}
	}
	from := map[offsets.Partition]commit.Parting{}
	for _, v := range source.Check(n.st.Ledger.Cluster, n.st.Ledger, infos) {
		switch {
		case v.Kind == source.FaultTruncation && v.Diverged >= 0:
			from[v.Partition] = commit.Parting{At: v.Diverged, LeaderEpoch: v.Epoch}
		case v.Kind == source.FaultTruncation:
			r.stops[v.Partition] = l.logStop(v)
		}
	}
	if len(from) == 0 {
		return false, nil
	}
	seen := n.st.Epoch
	_, _, err = n.committer.AmendLetters(ctx, func(_ commit.View, st commit.State) (*commit.Edit, error) {
		e := &commit.Edit{Set: commit.Rewound(st, from), NewEpoch: true}
		if len(e.Set) == 0 || st.Epoch != seen {
			return nil, nil
		}
		for _, p := range offsets.Sorted(e.Set) {
			e.Gaps = append(e.Gaps, commit.Gap{Partition: p, Range: offsets.Range{From: e.Set[p].Next, To: st.Ledger.Marks[p].Next}, Why: "truncated"})
		}
		return e, nil
	})
	return true, err
}

// named puts the name of the table of dead letters into a Stop that is about it.
func (d *deadLetters) named(err error) error {
	var s *commit.Stop
	if errors.As(err, &s) && s.Table == "" {
		s.Table = d.name
		s.Do = strings.ReplaceAll(s.Do, "TABLE", d.name)
	}
	return err
}

func (d *deadLetters) recreated(is uuid.UUID) *commit.Stop {
	return &commit.Stop{Reason: commit.Recreated, Table: d.name,
		Found: fmt.Sprintf("the table of dead letters is new (uuid %v), and this sink has written to another one of the same name (uuid %v): it was dropped and created again", is, d.uuid),
		Do:    fmt.Sprintf("`sinker offsets accept --table %s --position start --reason WHY` goes on with the new table, without the dead letters of the old one; or restore the old table", d.name)}
}

// began takes over what a start has found.
func (d *deadLetters) began(l *lane, r started) error {
	n := r.dead
	desc, err := n.table.Describe(n.v)
	if err != nil {
		return err
	}
	if d.encoder == nil || !d.desc.Schema.Equals(desc.Schema) || d.desc.Schema.ID != desc.Schema.ID {
		if d.encoder, err = deadletter.NewEncoder(desc.Schema); err != nil {
			return err
		}
	}
	d.encoder.Sink, d.encoder.Table, d.encoder.SchemaID = l.s.cfg.Sink, l.name, l.desc.Schema.ID
	d.desc, d.epoch, d.uuid = desc, n.st.Epoch, n.v.TableUUID
	d.on = standing{fates: commit.Stand(r.st, n.st, n.held), written: commit.Stand(r.st, n.st, n.held), decided: n.st.Ledger.Position(), settled: offsets.Position{}}
	for p, open := range commit.Settled(r.st, n.st) {
		d.on.settled[p] = open.To
	}
	return nil
}

// known is the writer's question about a record whose fate was decided before this lane came.
func (d *deadLetters) known(p offsets.Partition, rec *kgo.Record) error {
	fate, _, err := d.on.fates.Fate(p, rec.Offset, rec.LeaderEpoch, commit.AsRow)
	if err == nil && fate == commit.AsDead {
		return writer.ErrDead
	}
	return err
}

// bury decides about a record that cannot become a row.
func (d *deadLetters) bury(l *lane, p offsets.Partition, rec *kgo.Record, why *decode.RecordError) error {
	_, fresh, err := d.on.fates.Fate(p, rec.Offset, rec.LeaderEpoch, commit.AsDead)
	if err != nil {
		return err
	}
	if fresh {
		if err := l.share.another(); err != nil {
			return err
		}
		d.faults = append(d.faults, deadletter.Fault{Record: rec, Err: why})
		l.view.buried(p, rec.Offset, why)
		if told := l.s.cfg.Events.Dead; told != nil {
			told(DeadInfo{Table: l.name, Letters: d.name, Partition: p, Offset: rec.Offset, Code: why.Code, Err: why})
		}
	}
	return writer.ErrDead
}

// opened notes where a batch of the table begins.
func (d *deadLetters) opened(at offsets.Position) {
	if d != nil {
		d.begin, d.at = at.Clone(), offsets.Position{}
	}
}

// append writes the dead letters of a run, which the open batch accounts for up to offset to.
func (d *deadLetters) append(ctx context.Context, l *lane, run source.Records, to int64) error {
	if d == nil || len(d.faults) == 0 {
		return nil
	}
	if d.batch == nil {
		d.at = d.begin.Clone()
		for p, decided := range d.on.decided {
			if at, has := d.at[p]; has {
				d.at[p] = max(at, decided)
			}
		}
		d.batch = writer.NewBatch(d.desc, writer.Config{Sink: l.s.cfg.Sink, Decoder: d.encoder, Budget: l.s.cfg.Budget, Greedy: true}, d.epoch, d.at)
	}
	p := run.Partition
	var recs []*kgo.Record
	for _, f := range d.faults {
		recs = append(recs, f.Record)
	}
	d.encoder.Take(p, d.faults)
	d.faults = d.faults[:0]
	err := d.batch.Append(ctx, writer.Run{Partition: p, Range: offsets.Range{From: d.at[p], To: to}, LeaderEpoch: run.LeaderEpoch, Records: recs})
	d.at[p] = to
	return err
}

// accounted is up to where a run was taken in: before the record that stopped it, if one did.
func accounted(run source.Records, err error) int64 {
	var bad *writer.BadRecord
	if errors.As(err, &bad) {
		return bad.Offset
	}
	return run.Range.To
}

// heavy tells whether the dead letters that wait are a reason to commit.
func (d *deadLetters) heavy(limit int64) bool {
	return d != nil && d.batch != nil && d.batch.Held() > limit/16
}

// drop gives up what is not committed.
func (d *deadLetters) drop() {
	if d == nil {
		return
	}
	if d.batch != nil {
		d.batch.Abort()
	}
	d.batch, d.faults = nil, d.faults[:0]
}

// sealing is the dead letters of one flush.
type sealing struct {
	batch *writer.Batch // nil: none
	at    offsets.Position
	on    commit.Footing
	to    *commit.Committer
}

// flush hands the dead letters of the open batch over to its flush.
func (d *deadLetters) flush() *sealing {
	if d == nil {
		return nil
	}
	s := &sealing{batch: d.batch, at: d.at, on: d.on.written, to: d.committer}
	d.batch = nil
	return s
}

func (s *sealing) abort() {
	if s != nil && s.batch != nil {
		s.batch.Abort()
	}
}

// seal makes the manifest of the dead letters of a batch that was sealed: each partition of it up to the same offset.
func (s *sealing) seal(ctx context.Context, m *manifest.Manifest) (*manifest.Manifest, error) {
	if s == nil || s.batch == nil {
		return nil, nil
	}
	for _, p := range offsets.Sorted(m.Spans) {
		if span := m.Spans[p]; s.at[p] < span.To {
			if err := s.batch.Append(ctx, writer.Run{Partition: p, Range: offsets.Range{From: s.at[p], To: span.To}, LeaderEpoch: span.LeaderEpoch}); err != nil {
				return nil, err
			}
		}
	}
	dead, err := s.batch.Seal(ctx)
	if err != nil {
		return nil, err
	}
	for p, span := range dead.Spans {
		span.LeaderEpoch = m.Spans[p].LeaderEpoch
		dead.Spans[p] = span
	}
	return dead, nil
}

// commitBoth brings the dead letters of a batch into their table, and then the batch into its own.
func (s *sealing) commitBoth(ctx context.Context, t *commit.Committer, m, dead *manifest.Manifest) (commit.Receipt, error) {
	queue := []commit.Letters{{Batch: m, Dead: dead}}
	r, err := s.to.CommitLetters(ctx, t, s.on, queue)
	if err != nil {
		return r, err
	}
	cleared := s.on.Cleared(queue)
	if len(r.Stale) > 0 || len(cleared) == 0 {
		return commit.Receipt{Stale: []*manifest.Manifest{m}, Why: r.Why, State: r.State, View: r.View}, nil
	}
	return t.Commit(ctx, cleared...)
}
