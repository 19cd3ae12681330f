package commit

import (
	"errors"
	"fmt"
	"sort"

	"github.com/sinker-io/sinker/offsets"
)

// Clip is what was taken off a wish because another sink id has those offsets, or will have them; people are told of it.
type Clip struct {
	Partition offsets.Partition
	Wanted    offsets.Range // To is math.MaxInt64 for a sink without an upper bound
	Got       offsets.Range
	Sink      string // whose offsets they are
}

// ErrNoLiveSink says that no sink without an upper bound has an anchor on the table yet: wait, and commit nothing.
var ErrNoLiveSink = errors.New("no live sink has begun on this table yet")

// ClipBounded makes marks of a bounded sink's wishes [From, To): each keeps what no other sink id covers. The error is a *Stop where
// nothing remains or more than one piece, or where another id's claims cannot be read. Like all functions here it looks at one load of
// the table, and is called again for every attempt that anchors.
func ClipBounded(v View, x string, want offsets.Ranges) (map[offsets.Partition]offsets.Mark, []Clip, error) {
	others, err := claimsBeside(v, x)
	if err != nil {
		return nil, nil, err
	}
	out := map[offsets.Partition]offsets.Mark{}
	var clips []Clip
	for _, p := range offsets.Sorted(want) {
		got, by, err := remains(v, p, want[p], others)
		if err != nil {
			return nil, nil, err
		}
		if by != "" {
			clips = append(clips, Clip{Partition: p, Wanted: want[p], Got: got, Sink: by})
		}
		out[p] = fresh(got.From, got.To)
	}
	return out, clips, nil
}

// ClipLive makes marks of the offsets where a sink without an upper bound wants to begin. Beside bounded sinks of the same topic it begins
// where the last of them ends, also if it wanted to begin later (else nobody would read what lies between), and at 0 in a
// partition that none of them has. The error is a *Stop if another live sink covers the partition, if offsets that it
// wanted would be read by nobody, or if another id's claims cannot be read.
func ClipLive(v View, x string, want offsets.Position) (map[offsets.Partition]offsets.Mark, []Clip, error) {
	others, err := claimsBeside(v, x)
	if err != nil {
		return nil, nil, err
	}
	out := map[offsets.Partition]offsets.Mark{}
	var clips []Clip
	for _, p := range offsets.Sorted(want) {
		at, by, bounded := want[p], "", []Cover{}
		for _, y := range others {
			c, covers := y.cover(p)
			switch {
			case covers && c.Range.To == maxOffset:
				return nil, nil, taken(v, p, offsets.Range{From: want[p], To: maxOffset}, c)
			case y.ledger.HasTopic(p.Topic, p.TopicID):
				bounded = append(bounded, c)
				if by == "" || c.Range.To > at {
					at, by = c.Range.To, y.sink
				}
			}
		}
		if o, c, passed := passedOver(want[p], at, bounded); passed {
			s := taken(v, p, offsets.Range{From: want[p], To: maxOffset}, c)
			s.Found += fmt.Sprintf("; beginning behind it would leave out offsets from %d on, which nobody reads", o)
			return nil, nil, s
		}
		if at != want[p] {
			clips = append(clips, Clip{Partition: p, Wanted: offsets.Range{From: want[p], To: maxOffset}, Got: offsets.Range{From: at, To: maxOffset}, Sink: by})
		}
		out[p] = fresh(at, offsets.Unbounded)
	}
	return out, clips, nil
}

// UntilLive makes the marks of a bounded sink that ends where the live one began: in each partition of the live sink's map from
// the offset that from says (false: not that partition), up to the live sink's origin. Where the live sink began earlier than that the mark is
// empty, and ends at its origin all the same. The error is ErrNoLiveSink, or a *Stop as in ClipBounded.
func UntilLive(v View, x string, from func(offsets.Partition) (int64, bool)) (map[offsets.Partition]offsets.Mark, []Clip, error) {
	others, err := claimsBeside(v, x)
	if err != nil {
		return nil, nil, err
	}
	ends := offsets.Position{}
	for _, y := range others {
		for p, m := range y.ledger.Marks {
			if end, has := ends[p]; m.Upper == offsets.Unbounded && (!has || m.Origin < end) {
				ends[p] = m.Origin
			}
		}
	}
	out := map[offsets.Partition]offsets.Mark{}
	var clips []Clip
	for _, p := range offsets.Sorted(ends) {
		begin, wanted := from(p)
		switch {
		case !wanted:
			continue
		case begin >= ends[p]:
			out[p] = fresh(ends[p], ends[p])
			continue
		}
		want := offsets.Range{From: begin, To: ends[p]}
		got, by, err := remains(v, p, want, others)
		if err != nil {
			return nil, nil, err
		}
		if by != "" {
			clips = append(clips, Clip{Partition: p, Wanted: want, Got: got, Sink: by})
		}
		out[p] = fresh(got.From, got.To)
	}
	if len(out) == 0 {
		return nil, nil, ErrNoLiveSink
	}
	return out, clips, nil
}

// Ended is the marks that end a live sink for good where it stands, so that another id can follow: to be committed with a fresh
// epoch, which makes batches of the time before stale. Marks that have a bound keep it.
func Ended(st State) map[offsets.Partition]offsets.Mark {
	out := map[offsets.Partition]offsets.Mark{}
	for p, m := range st.Ledger.Marks {
		if m.Upper == offsets.Unbounded {
			m.Upper = m.Next
			out[p] = m
		}
	}
	return out
}

func fresh(from, to int64) offsets.Mark {
	return offsets.Mark{Next: from, Origin: from, Upper: to, LeaderEpoch: offsets.NoEpoch}
}

// claims is the map of another sink id.
type claims struct {
	sink   string
	ledger offsets.Ledger
	live   bool // it has no upper bound somewhere, so partitions that come later are its own
}

// claimsBeside is what every sink id but x claims, in the order of their names. None is ignored.
func claimsBeside(v View, x string) ([]claims, error) {
	var out []claims
	for y := range Sinks(v) {
		if y == x {
			continue
		}
		l, err := claimsOf(v, y)
		if err != nil {
			return nil, err
		}
		c := claims{sink: y, ledger: l}
		for _, m := range l.Marks {
			c.live = c.live || m.Upper == offsets.Unbounded
		}
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].sink < out[j].sink })
	return out, nil
}

// cover is what y covers of p, if anything: its mark's range, or everything if y is live and will find p later.
func (y claims) cover(p offsets.Partition) (Cover, bool) {
	if !y.ledger.HasTopic(p.Topic, p.TopicID) {
		return Cover{}, false
	}
	if m, has := y.ledger.Marks[p]; has {
		return Cover{Sink: y.sink, Range: offsets.Range{From: m.Origin, To: end(m)}}, true
	}
	if y.live {
		return Cover{Sink: y.sink, Range: offsets.Range{From: 0, To: maxOffset}}, true
	}
	return Cover{Sink: y.sink}, false
}

// remains is want without the covers of others, if that is one range; by is one of those that took something off it.
func remains(v View, p offsets.Partition, want offsets.Range, others []claims) (got offsets.Range, by string, err error) {
	got = want
	for again := true; again; { // a cover in the middle may lie at an end once another has been taken off
		again = false
		for _, y := range others {
			c, covers := y.cover(p)
			if !covers || !c.Range.Meets(got) {
				continue
			}
			switch {
			case c.Range.From <= got.From:
				got.From = c.Range.To
			case c.Range.To >= got.To:
				got.To = c.Range.From
			default:
				continue
			}
			by, again = y.sink, true
		}
	}
	for _, y := range others {
		if c, covers := y.cover(p); covers && (c.Range.Meets(got) || got.Len() == 0 && c.Range.Meets(want)) {
			return got, by, taken(v, p, want, c)
		}
	}
	return got, by, nil
}

// passedOver finds an offset of [want, at) that no bounded cover holds, and a cover behind it.
func passedOver(want, at int64, bounded []Cover) (int64, Cover, bool) {
	o := want
	for grown := true; grown; {
		grown = false
		for _, c := range bounded {
			if c.Range.From <= o && o < c.Range.To {
				o, grown = c.Range.To, true
			}
		}
	}
	for _, c := range bounded {
		if o < at && c.Range.From > o {
			return o, c, true
		}
	}
	return 0, Cover{}, false
}

func taken(v View, p offsets.Partition, want offsets.Range, c Cover) *Stop {
	s := stop(v, NewSink, fmt.Sprintf("sink %q has read %s of %s into this table already, or will; of %s no single range remains",
		c.Sink, c.Range, p, want), doEnd(c))
	s.Partition, s.Offset = &p, want.From
	return s
}
