package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// Case is one world before it begins: all that a seed decides, spelled out, so that it can be kept in a file, made smaller
// and fed again.
type Case struct {
	Seed    uint64      `json:"seed"`
	Why     string      `json:"why,omitempty"` // of a case that is kept: what it showed
	Workers int         `json:"workers"`       // processes of sink x
	Tables  int         `json:"tables"`        // of sink x, each with a topic of its own
	Parts   int         `json:"parts"`         // partitions of each topic
	Second  bool        `json:"second,omitempty"`
	Records int         `json:"records"` // of each topic, about
	Ticks   int         `json:"ticks"`   // in which they are sent
	Every   int64       `json:"every"`   // milliseconds: how old a batch may grow
	Budget  int64       `json:"budget"`  // bytes of each process
	Weight  int64       `json:"weight"`  // bytes that one record takes of it
	Policy  Policies    `json:"policy"`
	Caps    Caps        `json:"caps"`
	Kinds   []fate.Kind `json:"kinds"`           // what may go wrong
	Trace   fate.Trace  `json:"trace,omitempty"` // what did, of a case that is fed again; nil: the seed decides
	Replay  bool        `json:"replay,omitempty"`
}

// Policies are the choices of the configuration.
type Policies struct {
	StopOnRollback bool    `json:"stop_on_rollback,omitempty"`
	SkipGap        bool    `json:"skip_gap,omitempty"`
	Rewind         bool    `json:"rewind,omitempty"`
	FollowRecreate bool    `json:"follow_recreate,omitempty"`
	SkipBad        bool    `json:"skip_bad,omitempty"`
	MaxBadShare    float64 `json:"max_bad_share,omitempty"`
	Letters        bool    `json:"dead_letters,omitempty"`
}

// Caps is what the catalog does not keep.
type Caps struct {
	NoTags       bool `json:"no_tags,omitempty"`
	NoProperties bool `json:"no_properties,omitempty"`
}

// Draw makes the case of a seed.
func Draw(seed uint64) Case {
	r := fate.Stream(seed, "case")
	c := Case{
		Seed: seed, Workers: 2 + r.IntN(2), Tables: 1 + r.IntN(2), Parts: 1 + r.IntN(3), Ticks: 24, Every: 300 + 100*r.Int64N(10),
		Budget: 64 << 20, Weight: 200, Second: r.IntN(4) == 0,
	}
	c.Records = 220
	if c.Tables == 2 {
		c.Records = 130
	}
	p := &c.Policy
	p.StopOnRollback, p.SkipGap, p.Rewind, p.FollowRecreate = r.IntN(3) == 0, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
	p.SkipBad = r.IntN(2) == 0
	if p.SkipBad && r.IntN(3) == 0 {
		p.MaxBadShare = 0.0004
	}
	c.Caps = Caps{NoTags: r.IntN(10) == 0, NoProperties: r.IntN(10) == 0}
	c.Second = c.Second && !c.Caps.NoProperties // there every row of another sink is taken for a trace of one's own
	c.Kinds = drawKinds(r)
	c.drawLetters()
	if c.has(Unmirror) { // with the tag gone and the carriers expired too, nothing is left to tell a replaced table by
		c.without(Untag, Replace)
	}
	if c.has(Orphans) && !c.has(Sleep) {
		c.Kinds = append(c.Kinds, Sleep) // a clean-up finds what those leave who die or sleep
	}
	if c.has(MemoryPressure) {
		c.Budget, c.Weight = 256<<10, 6<<10
	}
	return c
}

// drawKinds picks some of each group, so that every world has its own weather: a world in which everything goes wrong all the
// time shows less than many with a few faults each.
func drawKinds(r *rand.Rand) []fate.Kind {
	var out []fate.Kind
	for _, g := range groups {
		n := g.least + r.IntN(g.most-g.least+1)
		for _, i := range r.Perm(len(g.kinds))[:n] {
			out = append(out, g.kinds[i])
		}
	}
	return out
}

func (c *Case) has(k fate.Kind) bool {
	return slices.Contains(c.Kinds, k)
}

func (c *Case) without(ks ...fate.Kind) {
	c.Kinds = slices.DeleteFunc(c.Kinds, func(k fate.Kind) bool { return slices.Contains(ks, k) })
}

// menu is what may go wrong at each edge.
func (c *Case) menu() fate.Menu {
	m := fate.Menu{}
	for _, k := range c.Kinds {
		for _, o := range occasions[k] {
			m[o.edge] = append(m[o.edge], fate.Choice{Kind: k, Odds: o.odds, Most: o.most})
		}
	}
	return m
}

func (c *Case) every() time.Duration { return time.Duration(c.Every) * time.Millisecond }
