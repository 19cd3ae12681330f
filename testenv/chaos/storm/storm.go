// Package storm puts sinker through everything at once on real servers: several worlds, each with two instances of sinker that
// share the partitions of several topics, behind proxies that lose, double, halve and delay what goes through them; instances are
// killed and frozen, servers die, disks fill, and other teams' tools work on the same tables. All of it follows from a seed.
//
// In the end all faults cease, everything must arrive, and readers that share no code with sinker say whether each record is in
// its table once. A STOP that nobody's deed earns is a fault too, and so is one that does not come.
package storm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sinker-io/sinker/testenv/judge"
	"github.com/sinker-io/sinker/testenv/real"
)

const (
	partitions = 8
	session    = 6 * time.Second // the shortest that brokers allow by default
	memory     = 128 << 20       // of each instance
)

// side is one world of the storm, as it is planned.
type side struct {
	name     string
	kind     real.Kind
	tables   []string // without namespace
	database bool     // its catalog is a SQL database
	static   bool     // its instances keep their partitions over a restart
	moments  []string
	freezes  []string
	servers  []deed
}

var sides = []side{
	{name: "rest", kind: real.RESTVersityGW, tables: []string{"orders", "visits"}, static: true,
		moments: []string{uploadOpen, notApplied, unanswered, answerHalf, anyTime},
		freezes: []string{notApplied, unanswered, uploadOpen},
		servers: []deed{{act: restart, link: "broker"}, {act: restart, link: "catalog"}, {act: restart, link: "store"}, {act: full}}},
	{name: "postgres", kind: real.PostgresMinIO, tables: []string{"clicks"}, database: true,
		moments: []string{uploadOpen, beforeSwap, notApplied, unanswered, anyTime},
		freezes: []string{notApplied, beforeSwap, unanswered},
		servers: []deed{{act: restart, link: "catalog"}, {act: restart, link: "store"}}},
}

// Storm is one run.
type Storm struct {
	size  Size
	dir   string
	out   io.Writer
	began time.Time
	set   *real.Set
	spark *judge.Spark
	camps []*camp
	disks []string // mounted for the storm
	notes []string // what this machine does not allow, and what is done instead

	mu     sync.Mutex
	counts map[string]int // of what was done
	faults []string       // promises broken
	peak   int64          // the most memory that an instance has had, in bytes
	ids    int64          // of rows of others, counted down
}

// Run puts sinker through a storm of that size, keeps what servers and instances leave in dir, and tells the seed, the schedule,
// progress and the verdict. The error says which promises were broken, or why there is no verdict.
func Run(ctx context.Context, out io.Writer, dir string, size Size) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	s := &Storm{size: size, dir: dir, out: out, began: time.Now(), counts: map[string]int{}}
	p := draw(size, sides)
	p.print(out, size, sides)
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.start(ctx, p.length()); err != nil {
		return err
	}
	if err := s.blow(ctx, p); err != nil {
		return err
	}
	s.tell("the storm is over, everything must arrive")
	if err := s.calm(ctx); err != nil {
		return err
	}
	return s.verdict(ctx)
}

// start brings up servers, readers, instances and streams.
func (s *Storm) start(ctx context.Context, length time.Duration) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	for _, store := range []string{"versitygw", "minio"} {
		if err := s.smallDisk(filepath.Join(s.dir, store)); err != nil {
			s.note("disks cannot be filled here, so stores say that they are full: %v", err)
			break
		}
	}
	s.set = real.NewSet(s.dir)
	g, setUp := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s.spark, err = judge.StartSpark(setUp, s.dir)
		return err
	})
	s.camps = make([]*camp, len(sides))
	for i, side := range sides {
		g.Go(func() (err error) {
			s.camps[i], err = s.camp(setUp, side)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var tables int64
	for _, c := range s.camps {
		tables += int64(len(c.fields))
	}
	for _, c := range s.camps {
		for _, f := range c.fields {
			if err := f.feed(c.world.Kafka.Addr, s.size.Records/tables, max(30*time.Second, length)); err != nil {
				return err
			}
		}
		for _, p := range c.parties {
			if err := p.start(ctx); err != nil {
				return err
			}
		}
	}
	for _, c := range s.camps {
		if err := c.await(ctx, 3*time.Minute, "running", c.running); err != nil {
			return err
		}
	}
	s.tell("servers, readers and instances are up")
	return nil
}

// blow carries out the plan.
func (s *Storm) blow(ctx context.Context, p plan) error {
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	for _, c := range s.camps {
		watch.Go(func() { c.watch(watching) })
	}
	watch.Go(func() { s.progress(watching) })
	g, storm := errgroup.WithContext(ctx)
	for i, tracks := range p.worlds {
		for _, t := range tracks {
			g.Go(func() error { return s.camps[i].follow(storm, t) })
		}
	}
	err := g.Wait()
	stop()
	watch.Wait()
	return err
}

// calm lets everything arrive, and ends the instances.
func (s *Storm) calm(ctx context.Context) error {
	for _, c := range s.camps {
		for _, p := range c.parties {
			p.mend()
		}
		for _, f := range c.fields {
			if err := f.finish(ctx); err != nil {
				return err
			}
		}
	}
	for _, c := range s.camps {
		within := 3*time.Minute + time.Duration(s.size.Records/3000)*time.Second
		if err := c.await(ctx, within, "done", c.done); err != nil {
			s.broken("%s: %v", c.name, err)
		}
		for _, p := range c.parties {
			p.look(s)
			if status, err := p.quit(ctx); err != nil || status != 0 {
				s.broken("%s ended with status %d (%v)", p.Name, status, err)
			}
		}
	}
	return nil
}

// end stops whatever runs.
func (s *Storm) end() error {
	var errs []error
	for _, c := range s.camps {
		if c != nil {
			errs = append(errs, c.end())
		}
	}
	if s.spark != nil {
		errs = append(errs, s.spark.Close())
	}
	if s.set != nil {
		errs = append(errs, s.set.Stop())
	}
	errs = append(errs, s.freeDisks())
	return errors.Join(errs...)
}

func (s *Storm) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%6.1fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// note keeps what the reader of the verdict must know of this machine.
func (s *Storm) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}

// did counts what was done.
func (s *Storm) did(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

// broken keeps a promise that was not kept, and tells it at once.
func (s *Storm) broken(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.faults = append(s.faults, text)
	s.mu.Unlock()
	s.tell("BROKEN: %s", text)
}

// total is how often anything was done whose name begins with kind.
func (s *Storm) total(kind act) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for name, count := range s.counts {
		if len(name) > len(kind) && name[:len(kind)] == string(kind) && name[len(kind)] == ' ' {
			n += count
		}
	}
	return n
}

// next is an id for a row that is of no topic.
func (s *Storm) next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids--
	return s.ids
}

// progress tells every ten seconds how far it is.
func (s *Storm) progress(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Second):
		}
		var sent, there int64
		for _, c := range s.camps {
			there += c.committed()
			for _, f := range c.fields {
				sent += f.sent.Load()
			}
		}
		var now []string
		for _, c := range s.camps {
			c.mu.Lock()
			for _, track := range slices.Sorted(maps.Keys(c.doing)) {
				now = append(now, c.name+" "+c.doing[track])
			}
			c.mu.Unlock()
		}
		s.tell("%d kills, %d zombies, %d faults, %d foreign; %d records sent, %d committed; %s", s.total(kill), s.total(zombie),
			s.total(fault)+s.total(restart)+s.total(full), s.total(foreign), sent, there, strings.Join(now, ", "))
	}
}

// listed are the counts, most telling first.
func (s *Storm) listed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.counts)) {
		out = append(out, fmt.Sprintf("%5d × %s", s.counts[name], name))
	}
	return out
}
