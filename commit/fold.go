package commit

import (
	"errors"
	"maps"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// Folded is Fold's verdict on a list of batches.
type Folded struct {
	Taken []*manifest.Manifest // fit here, in this order
	Done  []*manifest.Manifest // are in the table already
	Stale []*manifest.Manifest // will never fit: read their records again from where the table stands
	Next  offsets.Ledger       // the state after the taken ones
}

// Fold decides which batches may be appended to a table in state st, whose branch holds the batches of lineage. A batch
// fits if it is of the state's epoch and begins, in each of its partitions, exactly where the state (after the
// batches before it) ends, and does not pass the upper bound of a bounded sink.
func Fold(st State, lineage map[uuid.UUID]bool, batches []*manifest.Manifest) Folded {
	f := Folded{Next: st.Ledger.Clone()}
	for _, b := range batches {
		switch {
		case !st.Dirty && !st.Empty && b.Epoch == st.Epoch && fits(f.Next, b):
			advance(f.Next.Marks, b)
			f.Taken = append(f.Taken, b)
		case lineage[b.ID]:
			f.Done = append(f.Done, b)
		default:
			f.Stale = append(f.Stale, b)
		}
	}
	return f
}

func fits(at offsets.Ledger, b *manifest.Manifest) bool {
	for p, s := range b.Spans {
		m, known := at.Marks[p]
		if !known || m.Next != s.From || (m.Upper != offsets.Unbounded && s.To > m.Upper) {
			return false
		}
	}
	return len(b.Spans) > 0
}

func advance(marks map[offsets.Partition]offsets.Mark, b *manifest.Manifest) {
	for p, s := range b.Spans {
		m := marks[p]
		m.Next, m.LeaderEpoch = s.To, s.LeaderEpoch
		m.Dead += s.Dead
		m.Skipped += s.Skipped
		m.Holes += s.Holes
		marks[p] = m
	}
}

// Cover is the offsets that a sink id holds, or will hold, of one partition.
type Cover struct {
	Sink  string
	Range offsets.Range // To is math.MaxInt64 for a sink without an upper bound
}

// end is the To of a mark's cover.
func end(m offsets.Mark) int64 {
	if m.Upper == offsets.Unbounded {
		return maxOffset
	}
	return m.Upper
}

const maxOffset = int64(^uint64(0) >> 1)

// Covered finds a cover of another sink id that meets what x wants to claim: want holds the new or changed
// marks. The error is a *Stop if another id's claims cannot be read: they are never ignored.
func Covered(v View, x string, want map[offsets.Partition]offsets.Mark) (offsets.Partition, Cover, bool, error) {
	for y := range Sinks(v) {
		if y == x {
			continue
		}
		ledger, err := claimsOf(v, y)
		if err != nil {
			return offsets.Partition{}, Cover{}, false, err
		}
		unbounded := false
		for m := range maps.Values(ledger.Marks) {
			unbounded = unbounded || m.Upper == offsets.Unbounded
		}
		for _, p := range offsets.Sorted(want) {
			if !ledger.HasTopic(p.Topic, p.TopicID) {
				continue
			}
			c := Cover{Sink: y, Range: offsets.Range{From: 0, To: maxOffset}}
			if m, has := ledger.Marks[p]; has {
				c.Range = offsets.Range{From: m.Origin, To: end(m)}
			} else if !unbounded {
				continue
			}
			if c.Range.Meets(offsets.Range{From: want[p].Origin, To: end(want[p])}) {
				return p, c, true, nil
			}
		}
	}
	return offsets.Partition{}, Cover{}, false, nil
}

// claimsOf is the map of y: its state, else the one in its mirror.
func claimsOf(v View, y string) (offsets.Ledger, error) {
	st, err := Resolve(v, y)
	if err == nil {
		return st.Ledger, nil
	}
	if errors.Is(err, ErrNeedHistory) {
		return offsets.Ledger{}, err
	}
	if m := v.Mirrors[y]; m.Sound {
		return m.Ledger, nil
	}
	return offsets.Ledger{}, stop(v, NewSink, "sink "+y+" has written to this table, and which offsets it holds cannot be read", doNewSink)
}

const doNewSink = "use the sink id that has read this topic into the table, or another table; or, knowing that rows may be doubled, " +
	"set `policy: {new_sink: allow}`"

// doEnd is what to do about a cover of another sink id: one without an end may be given one, and behind an end there is room.
func doEnd(c Cover) string {
	if c.Range.To != maxOffset {
		return "`sinker offsets set --table TABLE --mapping FILE --reason WHY` begins behind that, with a line \"topic partition offset\" in FILE for each " +
			"partition. Else " + doNewSink
	}
	return "if sink " + c.Sink + " is to write here no more, stop it, and `sinker offsets end --table TABLE --sink " + c.Sink +
		" --reason WHY`: then this sink can begin where it ended. Else " + doNewSink
}
