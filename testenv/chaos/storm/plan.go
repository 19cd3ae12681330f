package storm

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// Size is how much a storm does. The schedule follows from it and nothing else.
type Size struct {
	Seed    uint64
	Records int64 // in all topics together
	Kills   int   // kill -9 of an instance
	Zombies int   // instances frozen for longer than their session, and woken
	Faults  int   // of networks and servers
	Foreign int   // operations on the tables by other teams' tools
}

// act is what a deed does.
type act string

const (
	kill    act = "kill"
	zombie  act = "zombie"
	fault   act = "fault"
	restart act = "restart"
	full    act = "disk full"
	foreign act = "foreign"
)

// Moments at which an instance is killed or frozen.
const (
	uploadOpen = "upload open"            // the head of an upload has been sent, its bytes have not all
	notApplied = "commit not yet applied" // the request is on its way
	unanswered = "commit unanswered"      // the server has done it, the instance has heard nothing
	answerHalf = "answer not processed"   // all of the answer but its last byte has come; of a database: the answer is on its way
	beforeSwap = "metadata written"       // by an instance that is going to ask a SQL catalog to point at it
	anyTime    = "any time"
)

// deed is one thing of the schedule.
type deed struct {
	act    act
	what   string        // a moment, a fault, an operation
	who    int           // which instance
	link   string        // to what: broker, catalog, store
	only   bool          // it befalls only what matters most on this link: commits, uploads, heartbeats
	pause  time.Duration // before it
	length time.Duration // of a fault that lasts
	times  int           // of a fault that befalls single requests
	passOn bool          // what was held at the time of a kill arrives after all
	soft   bool          // a server is asked to end, not killed
}

func (d deed) String() string {
	who := string(rune('a' + d.who))
	switch d.act {
	case kill:
		then := "is lost"
		if d.passOn {
			then = "arrives"
		}
		return fmt.Sprintf("kill %s: %s; what is in the air %s", who, d.what, then)
	case zombie:
		return fmt.Sprintf("freeze %s: %s, for %s longer than its session", who, d.what, d.length)
	case fault:
		of := "anything"
		if d.only {
			of = "what matters"
		}
		return fmt.Sprintf("%s of %s: %s, %d × %s", d.link, who, d.what, d.times, of)
	case restart:
		how := "kill"
		if d.soft {
			how = "stop"
		}
		return fmt.Sprintf("%s and restart the %s", how, d.link)
	case full:
		return fmt.Sprintf("disk of the store full for %s", d.length)
	case foreign:
		if d.soft {
			return d.what + "; the answer is given while instances run"
		}
		return d.what
	}
	return string(d.act)
}

// track is a sequence of deeds; the tracks of a world run at the same time.
type track struct {
	name  string
	deeds []deed
}

// plan is the schedule, by world.
type plan struct{ worlds [][]track }

// On one link: what can go wrong with single requests, and what lasts.
var (
	ofHTTP = []string{requestLost, answerLost, halfAnswer, resetAfter, twice, twiceLate, refused, failedAfter, slow, cut, reset, unreachable}
	ofWire = []string{requestLost, answerLost, halfAnswer, resetAfter, slow, cut, reset, unreachable, silent}
)

// draw makes the schedule. Kinds are dealt like cards, so that each comes before any comes a second time.
func draw(size Size, sides []side) plan {
	var p plan
	for i, s := range sides {
		rng := rand.New(rand.NewPCG(size.Seed, uint64(i)))
		share := func(n int) int { return (n + len(sides) - 1 - i) / len(sides) }
		servers := share(size.Faults) / 5
		p.worlds = append(p.worlds, []track{
			{"deaths", deaths(rng, s, share(size.Kills), share(size.Zombies))},
			{"networks", networks(rng, s, share(size.Faults)-servers)},
			{"ground", ground(rng, s, servers, share(size.Foreign))},
		})
	}
	return p
}

// deck deals its cards in random order, again and again.
type deck[T any] struct {
	rng   *rand.Rand
	cards []T
	left  []T
}

func (d *deck[T]) deal() T {
	if len(d.left) == 0 {
		d.left = append([]T(nil), d.cards...)
		d.rng.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	c := d.left[0]
	d.left = d.left[1:]
	return c
}

func between(rng *rand.Rand, from, to time.Duration) time.Duration {
	return (from + time.Duration(rng.Int64N(int64(to-from)))).Round(10 * time.Millisecond)
}

func deaths(rng *rand.Rand, s side, kills, zombies int) []deed {
	moments := &deck[string]{rng: rng, cards: s.moments}
	freezes := &deck[string]{rng: rng, cards: s.freezes}
	var out []deed
	for i := range kills + zombies {
		d := deed{act: kill, who: rng.IntN(2), pause: between(rng, 100*time.Millisecond, 1500*time.Millisecond), passOn: rng.IntN(2) == 0}
		if zombies > 0 && (i+1)*zombies/(kills+zombies) > i*zombies/(kills+zombies) {
			d.act, d.what, d.length = zombie, freezes.deal(), between(rng, time.Second, 3*time.Second)
		} else {
			d.what = moments.deal()
		}
		out = append(out, d)
	}
	return out
}

func networks(rng *rand.Rand, s side, n int) []deed {
	links := &deck[string]{rng: rng, cards: []string{"broker", "catalog", "store"}}
	kinds := map[string]*deck[string]{
		"broker": {rng: rng, cards: ofWire}, "catalog": {rng: rng, cards: ofHTTP}, "store": {rng: rng, cards: ofHTTP},
	}
	if s.database {
		kinds["catalog"].cards = ofWire
	}
	var out []deed
	for range n {
		d := deed{act: fault, link: links.deal(), who: rng.IntN(2), pause: between(rng, 100*time.Millisecond, 2*time.Second),
			length: between(rng, 500*time.Millisecond, 3*time.Second), times: 1 + rng.IntN(3), only: rng.IntN(3) > 0}
		d.what = kinds[d.link].deal()
		out = append(out, d)
	}
	return out
}

func ground(rng *rand.Rand, s side, servers, ops int) []deed {
	faults := &deck[deed]{rng: rng, cards: s.servers}
	orders := &deck[string]{rng: rng, cards: names(harmless)}
	stops := &deck[string]{rng: rng, cards: names(stopping)}
	var out []deed
	done := 0
	for i := range servers + ops {
		var d deed
		switch {
		case ops > 0 && (i+1)*ops/(servers+ops) == i*ops/(servers+ops):
			d = faults.deal()
			d.soft = rng.IntN(2) == 0
		case done%4 == 1: // one of four is one that only an operator can answer
			d = deed{act: foreign, what: stops.deal(), soft: rng.IntN(3) == 0}
			done++
		default:
			d = deed{act: foreign, what: orders.deal()}
			done++
		}
		d.pause = between(rng, 500*time.Millisecond, 3*time.Second)
		d.who = rng.IntN(len(s.tables))
		d.length = between(rng, 1500*time.Millisecond, 4*time.Second)
		out = append(out, d)
	}
	return out
}

// length is about how long the plan takes, by the longest track.
func (p plan) length() time.Duration {
	var most time.Duration
	for _, tracks := range p.worlds {
		for _, t := range tracks {
			var sum time.Duration
			for _, d := range t.deeds {
				sum += d.pause + map[act]time.Duration{kill: 5 * time.Second, zombie: 14 * time.Second, fault: 4 * time.Second,
					restart: 8 * time.Second, full: 6 * time.Second, foreign: 12 * time.Second}[d.act]
			}
			most = max(most, sum)
		}
	}
	return most
}

func (p plan) print(out io.Writer, size Size, sides []side) {
	fmt.Fprintf(out, "seed %d: %d kills, %d zombies, %d faults, %d foreign operations, %d records\n", size.Seed, size.Kills, size.Zombies, size.Faults, size.Foreign, size.Records)
	for i, tracks := range p.worlds {
		for _, t := range tracks {
			for n, d := range t.deeds {
				fmt.Fprintf(out, "%-9s %-8s %3d  after %-6s %s\n", sides[i].name, t.name, n+1, d.pause, d)
			}
		}
	}
}

// CI is a storm of some minutes on two cores. A tenth of what is planned may meet nothing: an instance that is just starting, a
// link that is just quiet.
var CI = Size{Seed: 1, Records: 300_000, Kills: 34, Zombies: 10, Faults: 46, Foreign: 10}
