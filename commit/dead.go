package commit

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// # Dead letters
//
// A record that its table T cannot take becomes a row of another table, D, which is ours too and has its own state F(D). Two tables
// cannot be changed at once, so one goes first: D. What D says is then binding. Of the offsets below F(D) those that D
// holds are dead for good, and all others must become rows or counted skips of T, whoever reads them, under whatever
// configuration, after whatever crash or rollback of T. A worker stands on what it read of T and then of D (Ready, Settled,
// Stand), asks for the fate of each record (Footing.Fate), brings the dead letters of its batches into D in their order
// (FoldLetters), and gives T only batches whose dead letters it has seen there (Footing.Cleared).
//
// What D has decided it has decided about records, not about offsets. A log that lost records and has others there now is found out by
// D's positions as by T's, each by itself (Rewound), and while reading by a record that is younger than D's word on it (ErrRewritten).
//
// D is never anchored again as T is after a rollback: that would forget dead letters of offsets that T has passed. See Mend.
//
// Several tables may share one D, each with topics of its own.

// Fate is what becomes of one record of the log.
type Fate uint8

const (
	AsRow  Fate = iota // a row of the table
	AsSkip             // left out and counted: by policy, or a tombstone
	AsDead             // a dead letter
)

// Hashes are those of the configuration that a worker decides fates by.
type Hashes struct {
	Table string // of T's entry
	// Letters is one for all tables that share D: if each wrote its own hash into D, they would anchor it again in turns for ever.
	Letters string
}

// Anchor names a table that needs an anchor with our hash and a fresh epoch.
type Anchor uint8

const (
	AnchorNone    Anchor = iota
	AnchorTable          // T
	AnchorLetters        // D
)

// Ready tells whether a worker of this configuration may stand on T and D, read in this order, or which of them has to be
// anchored first; both are read again after that. T comes before D: once T has our epoch no worker of another configuration can bring
// rows into it, so what D says from then on is said to us. The error is a *Stop if dead letters were rolled back.
func Ready(t, d State, ours Hashes) (Anchor, error) {
	switch {
	case d.Dirty:
		return AnchorNone, stop(View{}, DeadLettersRolledBack, fmt.Sprintf("the table of dead letters was moved back to offsets of snapshot %d, "+
			"or its property is damaged: dead letters of records that the table has passed may be gone from it", d.Holder), doLetters)
	case t.Dirty || t.Empty || t.Hash != ours.Table:
		return AnchorTable, nil
	case d.Empty || d.Hash != ours.Letters:
		return AnchorLetters, nil
	}
	return AnchorNone, nil
}

// Held is dead letters by offset, with the leader epoch of each record; the youngest where D has several of an offset. Rows of records
// that the log lost stay in D, so the offset alone does not tell which record is dead.
type Held map[offsets.Partition]map[int64]int32

// Settled is the offsets that T does not account for yet and whose fate D has decided. D's rows of these are what Stand needs, read
// from the very snapshot that d was.
func Settled(t, d State) offsets.Ranges {
	out := offsets.Ranges{}
	for p, m := range t.Ledger.Marks {
		if decided := d.Ledger.Marks[p].Next; decided > m.Next {
			out[p] = offsets.Range{From: m.Next, To: decided}
		}
	}
	return out
}

// Footing is what a worker has read of T and of D, and has added to D itself since. It belongs to one worker, which makes a new one
// whenever a batch of its own is stale. The zero value stands on nothing.
type Footing struct {
	table, letters uint64                      // epochs of T and D
	decided        offsets.Position            // F(D); absent is 0
	epochs         map[offsets.Partition]int32 // leader epoch of the last record before decided; as old or older are all before it
	held           Held
	written        map[uuid.UUID]bool // seen in D
}

// Stand makes a Footing of T and D, for which Ready said AnchorNone. held is D's dead letters of Settled.
func Stand(t, d State, held Held) Footing {
	f := Footing{table: t.Epoch, letters: d.Epoch, decided: d.Ledger.Position(), epochs: map[offsets.Partition]int32{}, held: held, written: map[uuid.UUID]bool{}}
	for p, m := range d.Ledger.Marks {
		f.epochs[p] = m.LeaderEpoch
	}
	return f
}

// Parting is where a log has left what a table knows of it: At is the first offset that is another record, or none.
type Parting struct {
	At          int64
	LeaderEpoch int32 // of the record before; offsets.NoEpoch if unknown
}

// Rewound is the marks of D, or of T, where the log has parted from them. They are committed with a fresh epoch and a gap. The rows at
// and above stay; they are of records that Kafka lost.
func Rewound(st State, parted map[offsets.Partition]Parting) map[offsets.Partition]offsets.Mark {
	out := map[offsets.Partition]offsets.Mark{}
	for p, from := range parted {
		if m, has := st.Ledger.Marks[p]; has && m.Next > from.At {
			m.Next, m.Origin, m.LeaderEpoch = from.At, min(m.Origin, from.At), from.LeaderEpoch
			out[p] = m
		}
	}
	return out
}

// ErrRewritten says that the log has another record now where D has decided about one: read T and D again, hold both against the log.
var ErrRewritten = errors.New("the log has other records than those that the dead letters decided about")

// Fate decides about the record at an offset of p of which today's configuration says found; epoch is the leader epoch of its batch. fresh
// tells that it is a dead letter that D does not hold yet. The error is a *Stop if D has decided otherwise already, or ErrRewritten.
func (f Footing) Fate(p offsets.Partition, offset int64, epoch int32, found Fate) (fate Fate, fresh bool, err error) {
	dead, holds := f.held[p][offset]
	switch last := f.epochs[p]; {
	case offset >= f.decided[p]:
		return found, found == AsDead, nil
	case last != offsets.NoEpoch && epoch > last:
		return found, false, ErrRewritten
	case holds && (dead == epoch || dead == offsets.NoEpoch || epoch == offsets.NoEpoch):
		return AsDead, false, nil
	case found == AsDead:
		s := stop(View{}, FateChanged, "the record was no dead letter when its fate was decided, and it can no longer become a row", doFate)
		s.Partition, s.Offset = &p, offset
		return AsDead, false, s
	}
	return found, false, nil
}

// Span is the part of a batch's range that its dead letters settle in D; false if D has settled all of it.
func (f Footing) Span(p offsets.Partition, r offsets.Range) (offsets.Range, bool) {
	r.From = max(r.From, f.decided[p])
	return r, r.From < r.To
}

// Letters is a batch and its dead letters.
type Letters struct {
	Batch *manifest.Manifest // for T
	// Dead is for D: the fresh dead letters of the batch, with a span (Footing.Span) for each partition of the batch that D
	// has not settled. Its rows are the letters, its holes all other offsets. Nil if there are none: then D stays as it is.
	Dead *manifest.Manifest
}

// FoldLetters decides which dead letters of a worker's queue may go into D now. d and then t were read for this attempt, and inD
// and inT are the batches of their lineages. The queue is all batches of the worker that T has not shown it yet, in their order. What is
// Done has to be told to the Footing (Wrote); if anything is Stale, the worker reads T and D again and begins anew.
//
// D's part fits if D is as the worker knows it, for its partitions, and T still is where the worker's queue begins: otherwise others
// may have decided the same offsets, or may have passed them.
func FoldLetters(f Footing, t, d State, inT, inD map[uuid.UUID]bool, queue []Letters) Folded {
	out := Folded{Next: d.Ledger.Clone()}
	begins := offsets.Position{} // of the queue, in T
	known := f.decided.Clone()
	lost := t.Dirty || t.Empty || t.Epoch != f.table || d.Dirty || d.Empty || d.Epoch != f.letters
	for _, l := range queue {
		if !inT[l.Batch.ID] {
			for p, s := range l.Batch.Spans {
				if _, earlier := begins[p]; !earlier {
					begins[p] = s.From
				}
			}
		}
		switch {
		case l.Dead == nil:
		case f.written[l.Dead.ID] || inD[l.Dead.ID]:
			out.Done = append(out.Done, l.Dead)
			for p, s := range l.Dead.Spans {
				known[p] = max(known[p], s.To)
			}
		case !lost && settles(l, t, begins, known, out.Next):
			settle(out.Next.Marks, l.Dead)
			out.Taken = append(out.Taken, l.Dead)
			for p, s := range l.Dead.Spans {
				known[p] = s.To
			}
		default:
			lost = true // whatever comes after it must not go before it
			out.Stale = append(out.Stale, l.Dead)
		}
	}
	return out
}

// settles tells whether D, which stands at next, is as the worker knows it for the partitions of l, and T where the worker's queue begins.
func settles(l Letters, t State, begins, known offsets.Position, next offsets.Ledger) bool {
	for p, b := range l.Batch.Spans {
		if m, has := t.Ledger.Marks[p]; !has || m.Next != begins[p] || next.Marks[p].Next != known[p] {
			return false
		}
		s, open := l.Dead.Spans[p]
		if from := max(b.From, known[p]); open != (from < b.To) || open && (s.From != from || s.To != b.To) {
			return false
		}
	}
	return len(l.Dead.Spans) > 0
}

// settle moves marks of D to the ends of a batch's dead letters; offsets below them that T has passed without any may lie between.
func settle(marks map[offsets.Partition]offsets.Mark, dead *manifest.Manifest) {
	for p, s := range dead.Spans {
		if _, has := marks[p]; !has {
			marks[p] = offsets.Mark{Origin: s.From, Upper: offsets.Unbounded}
		}
	}
	advance(marks, dead)
}

// Wrote notes dead letters of this worker that were seen in D.
func (f Footing) Wrote(dead ...*manifest.Manifest) {
	for _, m := range dead {
		f.written[m.ID] = true
		for p, s := range m.Spans {
			if s.To > f.decided[p] {
				f.decided[p], f.epochs[p] = s.To, s.LeaderEpoch
			}
		}
	}
}

// Cleared is the first batches of the queue that may go to T: those whose dead letters were seen in D, or that have none.
func (f Footing) Cleared(queue []Letters) []*manifest.Manifest {
	var out []*manifest.Manifest
	for _, l := range queue {
		if l.Dead != nil && !f.written[l.Dead.ID] {
			break
		}
		out = append(out, l.Batch)
	}
	return out
}
