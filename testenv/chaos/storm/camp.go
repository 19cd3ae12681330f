package storm

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sinker-io/sinker/testenv/chaos"
	"github.com/sinker-io/sinker/testenv/load"
	"github.com/sinker-io/sinker/testenv/real"
	"github.com/sinker-io/sinker/testenv/world"
)

// camp is one world while it lives.
type camp struct {
	side
	storm   *Storm
	world   *real.World
	parties []*party
	fields  []*field

	// Whoever does something to instances or their networks reads it; an operator who answers a STOP has it alone.
	quiet sync.RWMutex

	mu         sync.Mutex
	doing      map[string]string   // by track: the deed under way
	earned     map[string]string   // by table: the reason of the STOP that a deed earns at the moment
	provoked   map[string][]string // by table: all of them
	unparented map[string]bool     // tables whose snapshots have lost parents by pyiceberg's expiry
	stops      []stop              // seen, each once
}

// stop is a STOP that an instance showed.
type stop struct{ who, table, reason, found, answer string }

// party is one instance and the proxies that it is behind.
type party struct {
	*world.Sinker
	camp     *camp
	behind   *real.World // as it sees the world
	broker   *chaos.Wire
	catalog  *chaos.Proxy // REST
	database *chaos.Wire  // SQL
	store    *chaos.Proxy
	cage     *cage

	mu sync.Mutex // whoever starts, ends, freezes or looks at the process
}

// camp brings up a world, its topics and its instances; these do not run yet.
func (s *Storm) camp(ctx context.Context, side side) (*camp, error) {
	w, err := s.set.World(ctx, side.kind)
	if err != nil {
		return nil, err
	}
	c := &camp{side: side, storm: s, world: w, doing: map[string]string{}, earned: map[string]string{}, provoked: map[string][]string{}, unparented: map[string]bool{}}
	var tables strings.Builder
	for _, name := range side.tables {
		f := &field{topic: side.name + "-" + name, table: "storm." + name, base: name}
		if err := load.Topic(ctx, w.Kafka.Addr, f.topic, partitions, nil); err != nil {
			return nil, err
		}
		if f.id, err = topicID(ctx, w.Kafka.Addr, f.topic); err != nil {
			return nil, err
		}
		tables.WriteString(f.config())
		c.fields = append(c.fields, f)
	}
	for i := range 2 {
		p, err := c.party(fmt.Sprintf("%s-%c", side.name, 'a'+i), tables.String())
		if err != nil {
			return nil, errors.Join(err, c.end())
		}
		c.parties = append(c.parties, p)
	}
	return c, nil
}

func (c *camp) sink() string { return "storm-" + c.name }

// party prepares an instance that reaches everything through proxies of its own.
func (c *camp) party(name, tables string) (p *party, err error) {
	p = &party{camp: c}
	behind := *c.world
	p.behind = &behind
	if p.broker, err = chaos.NewBroker(c.world.Kafka.Addr); err != nil {
		return nil, err
	}
	behind.Kafka = &real.Kafka{Server: c.world.Kafka.Server, Addr: p.broker.Addr}
	if p.store, err = chaos.NewProxy(c.world.S3.Endpoint); err != nil {
		return nil, err
	}
	store := c.world.S3.At(p.store.URL)
	behind.S3 = &store
	if c.database {
		uri, err := url.Parse(c.world.Catalog.URI)
		if err != nil {
			return nil, err
		}
		if p.database, err = chaos.NewWire(uri.Host); err != nil {
			return nil, err
		}
		uri.Host = p.database.Addr
		behind.Catalog = c.world.Catalog.At(uri.String())
	} else {
		if p.catalog, err = chaos.NewProxy(c.world.Catalog.URI); err != nil {
			return nil, err
		}
		behind.Catalog = c.world.Catalog.At(p.catalog.URL)
	}
	cfg := world.Config{Sink: c.sink(), Session: session.String(), Every: "2s", Memory: fmt.Sprintf("%dMiB", memory>>20), Tables: tables}
	if c.static {
		cfg.InstanceID = name
	}
	if p.cage, err = newCage(name, memory+128<<20); err != nil {
		c.storm.note("no limit of memory can be set here, so it is only watched: %v", err)
	}
	p.Sinker, err = world.Prepare(c.storm.dir, name, &behind, cfg)
	return p, err
}

// mend takes all faults away.
func (p *party) mend() {
	p.store.SetRules()
	p.store.SetDown(false)
	p.broker.SetHarms()
	p.broker.SetDown(false)
	if p.catalog != nil {
		p.catalog.SetRules()
		p.catalog.SetDown(false)
	}
	if p.database != nil {
		p.database.SetHarms()
		p.database.SetDown(false)
	}
}

func (p *party) start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.Start(ctx); err != nil {
		return err
	}
	return p.cage.hold(p.PID())
}

// kill ends the process as a crash would.
func (p *party) kill() error {
	p.look(p.camp.storm)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Kill()
}

// quit ends it in peace, and returns its exit status.
func (p *party) quit(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience*time.Minute)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Quit(ctx)
}

// look sees whether the process lives, and how much memory it has had; not while somebody works on it.
func (p *party) look(s *Storm) {
	if !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	pid := p.PID()
	if pid == 0 {
		return
	}
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		s.broken("%s ended by itself\n%s", p.Name, p.Log(3000))
		if err := errors.Join(p.Kill(), p.Start(context.Background())); err != nil {
			s.broken("%s does not start again: %v", p.Name, err)
		}
		return
	}
	if used, err := world.PeakMemory(pid); err == nil {
		s.mu.Lock()
		s.peak = max(s.peak, used)
		s.mu.Unlock()
	}
}

func (c *camp) end() error {
	var errs []error
	for _, f := range c.fields {
		f.abandon()
	}
	for _, p := range c.parties {
		errs = append(errs, p.Kill(), p.broker.Close(), p.store.Close(), p.cage.open())
		if p.catalog != nil {
			errs = append(errs, p.catalog.Close())
		}
		if p.database != nil {
			errs = append(errs, p.database.Close())
		}
	}
	return errors.Join(errs...)
}

// follow carries out one track. A deed that fails is a broken promise, and the storm goes on: what comes after it may tell more.
func (c *camp) follow(ctx context.Context, t track) error {
	for i, d := range t.deeds {
		if err := pause(ctx, d.pause); err != nil {
			return err
		}
		c.does(t.name, fmt.Sprintf("%d %s", i+1, d))
		err := c.do(ctx, d)
		c.does(t.name, "")
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			c.storm.broken("%s %s %d: %s: %v", c.name, t.name, i+1, d, err)
			c.revive(ctx)
		}
	}
	return nil
}

func (c *camp) does(track, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if what == "" {
		delete(c.doing, track)
		return
	}
	c.doing[track] = what
}

// revive starts what does not run.
func (c *camp) revive(ctx context.Context) {
	for _, p := range c.parties {
		if p.PID() == 0 {
			if err := p.start(ctx); err != nil {
				c.storm.broken("%s does not start again: %v", p.Name, err)
			}
		}
	}
}

func (c *camp) do(ctx context.Context, d deed) error {
	if d.act == foreign {
		return c.foreign(ctx, d)
	}
	c.quiet.RLock()
	defer c.quiet.RUnlock()
	switch d.act {
	case kill:
		return c.kill(ctx, d)
	case zombie:
		return c.freeze(ctx, d)
	case fault:
		return c.spoil(ctx, d)
	case restart:
		return c.restart(ctx, d)
	default:
		return c.fill(ctx, d)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
