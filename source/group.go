package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sinker-io/sinker/offsets"
)

// Group is a member of a consumer group, and what it reads. It is safe for concurrent use; the promise that
// nothing stale is delivered after StartAt, Pause and Resume is to the goroutine that reads Events, if it is the
// one that calls them.
type Group struct {
	cfg    Config
	cl     *kgo.Client
	events chan Event

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	fetching context.Context // ends with Close, or when the group is lost
	stop     context.CancelFunc
	wg       sync.WaitGroup

	mu         sync.Mutex
	cond       *sync.Cond
	q          queue
	cursors    map[place]*cursor // what is ours, by name: the current incarnation
	past       map[place][]offsets.Partition
	unresolved map[place]bool // assigned, but not yet looked up
	brokers    map[int32]*broker
	cluster    string
	hasIDs     bool
	err        error
	lost       bool
	orphaned   *time.Timer // runs while the group is not joined and our partitions are still ours
	closing    bool

	refused refusals

	slots  chan struct{} // one for each answer that may be held
	look   chan struct{} // asks the keeper for a look at the cluster
	ready  chan struct{} // closed when cl is set; the client may call back before
	closed chan struct{} // closed by Close at its beginning
}

// place is where a partition lives, whichever incarnation of the topic it is.
type place struct {
	topic string
	num   int32
}

func placeOf(p offsets.Partition) place { return place{p.Topic, p.Num} }

// Open joins the group. It talks to the cluster once, so that a wrong address or password is told here; ctx bounds
// that only (without a deadline: 30 s). The first event is Assigned.
func Open(ctx context.Context, cfg Config) (*Group, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("source: open: %w", err)
	}
	opts, err := cfg.clientOpts()
	if err != nil {
		return nil, fmt.Errorf("source: open: %w", err)
	}
	g := &Group{
		cfg:        cfg,
		events:     make(chan Event),
		q:          queue{kick: make(chan struct{}, 1)},
		cursors:    map[place]*cursor{},
		past:       map[place][]offsets.Partition{},
		unresolved: map[place]bool{},
		brokers:    map[int32]*broker{},
		look:       make(chan struct{}, 1),
		ready:      make(chan struct{}),
		closed:     make(chan struct{}),
	}
	g.cond = sync.NewCond(&g.mu)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.fetching, g.stop = context.WithCancel(g.ctx)

	brokers, err := ping(ctx, cfg)
	if err != nil {
		g.cancel()
		return nil, err
	}
	g.cfg.FetchMaxBytes, g.slots = share(cfg, brokers)
	if g.cl, err = kgo.NewClient(append(opts, g.memberOpts()...)...); err != nil {
		g.cancel()
		close(g.ready)
		return nil, fmt.Errorf("source: open: %w", err)
	}
	close(g.ready)
	context.AfterFunc(g.ctx, g.cond.Broadcast)
	context.AfterFunc(g.fetching, g.cond.Broadcast)
	g.wg.Go(func() { g.pump(g.ctx) })
	g.wg.Go(g.keep)
	g.wg.Go(g.watchStrangers)
	g.wg.Go(g.hear)
	return g, nil
}

// share divides the memory for answers that are under way, a quarter of the budget: with many brokers each answer is
// smaller, so that every broker can have one held while the next comes.
func share(cfg Config, brokers int) (bytes int, slots chan struct{}) {
	all := int(cfg.Budget.Limit() / 4)
	bytes = min(cfg.FetchMaxBytes, max(all/max(2*brokers, 1), 256<<10))
	return bytes, make(chan struct{}, max(4, all/max(bytes, 1)))
}

// ping asks the cluster for its metadata through a client of its own, one that is no member, so that nobody is
// disturbed when this member could not work. It answers how many brokers there are.
func ping(ctx context.Context, cfg Config) (brokers int, err error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
	}
	security, err := securityOpts(cfg.TLS, cfg.SASL)
	if err != nil {
		return 0, fmt.Errorf("source: open: %w", err)
	}
	opts := append([]kgo.Opt{kgo.SeedBrokers(cfg.Brokers...), kgo.ClientID(cfg.ClientID), kgo.DisableClientMetrics(), kgo.RequestRetries(3)}, security...)
	cl, err := kgo.NewClient(append(opts, cfg.Opts...)...)
	if err != nil {
		return 0, fmt.Errorf("source: open: %w", err)
	}
	defer cl.Close()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		hint := "check kafka.brokers, tls and sasl"
		switch {
		case cfg.SASL != nil && errors.Is(err, kerr.SaslAuthenticationFailed):
			hint = fmt.Sprintf("it refuses this user, password or token: check kafka.sasl (%s)", cfg.SASL.Mechanism)
		case cfg.SASL != nil && errors.Is(err, io.EOF): // some hang up without a word
			hint = fmt.Sprintf("it may not accept this user, password or token: check kafka.sasl (%s) and kafka.tls", cfg.SASL.Mechanism)
		}
		return 0, fmt.Errorf("source: open: no broker of %q could be used: %w; %s", cfg.Brokers, err, hint)
	}
	return len(resp.Brokers), nil
}

// Events is the stream. It is closed after Lost, and by Close.
func (g *Group) Events() <-chan Event { return g.events }

// Err is why the stream ended: the error of Lost; nil before that, and after a Close that nothing forced.
func (g *Group) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// StartAt says where partitions are to be read from, for the first time or again. When it returns, nothing of
// them that was read before will be delivered, and a Fault or Pause of theirs is forgotten. A partition that is
// not ours (any more), or an incarnation that is gone, is passed over: its Revoked or Fault is under way.
func (g *Group) StartAt(starts map[offsets.Partition]Start) {
	g.mu.Lock()
	defer g.mu.Unlock()
	chosen := map[*cursor]Start{}
	for p, s := range starts {
		c := g.cursors[placeOf(p)]
		if c == nil || c.part != p || c.phase == leaving {
			continue
		}
		chosen[c] = s
		c.gen++
	}
	g.purge(func(c *cursor) bool { _, ok := chosen[c]; return ok })
	for c, s := range chosen {
		if c.phase == leaving { // revoked while we waited
			continue
		}
		c.start(s)
		if s.Offset < 0 {
			g.fault(c, FaultCorrupt, s.Offset, errors.New("the start is no offset; this is a bug of the caller"))
		}
	}
	g.wakeBrokers()
}

// Pause stops the partitions until Resume or StartAt. What was read of them and not yet delivered is dropped, and
// read again after Resume: a paused partition holds no memory.
func (g *Group) Pause(parts []offsets.Partition) {
	g.mu.Lock()
	defer g.mu.Unlock()
	chosen := map[*cursor]bool{}
	for _, p := range parts {
		if c := g.cursors[placeOf(p)]; c != nil && c.part == p && c.phase == live && !c.paused {
			chosen[c] = true
			c.paused, c.held = true, false
			c.gen++
		}
	}
	g.purge(func(c *cursor) bool { return chosen[c] })
	for c := range chosen {
		if c.phase == live {
			c.next, c.epoch = c.delivered, c.deliveredEpoch
		}
	}
}

// Resume lets paused partitions go on.
func (g *Group) Resume(parts []offsets.Partition) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range parts {
		if c := g.cursors[placeOf(p)]; c != nil && c.part == p {
			c.paused = false
		}
	}
	g.wakeBrokers()
}

// Close leaves the group and ends the stream; the partitions are free for others at once, without Revoked. A
// static member does not leave: the group keeps its partitions for it until the session times out (save in the
// middle of a hand-over, where staying would leave partitions with nobody). Events need not be read. Records that
// were delivered still belong to their receiver, and so do their bytes. ctx bounds the farewell.
func (g *Group) Close(ctx context.Context) error {
	g.mu.Lock()
	first := !g.closing
	g.closing = true
	g.mu.Unlock()
	if first {
		close(g.closed)
	}
	err := g.cl.LeaveGroupContext(ctx)
	g.cancel()
	g.cl.Close()
	g.wg.Wait()
	if err != nil && first && g.Err() == nil {
		return fmt.Errorf("source: leave group %s: %w; its partitions are free when the session times out", g.cfg.Group, err)
	}
	return nil
}

// fault ends a partition. The mutex is held.
func (g *Group) fault(c *cursor, kind FaultKind, at int64, err error) {
	if c.phase == leaving || c.phase == faulted {
		return
	}
	c.phase = faulted
	c.gen++
	g.push(&item{ev: Fault{Partition: c.part, Kind: kind, At: at, Err: fmt.Errorf("source: read %s at %d: %w", c.part, at, err)}})
}

// lose ends the stream: everything that is queued is void, Lost is the last event. The member leaves, so that it
// does not join again and sit on partitions that nobody reads.
func (g *Group) lose(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lost || g.closing {
		return
	}
	g.wg.Go(func() { // not here: the client waits for its callbacks, and this may be one
		<-g.ready
		ctx, cancel := context.WithTimeout(g.ctx, 5*time.Second)
		defer cancel()
		_ = g.cl.LeaveGroupContext(ctx) // if it fails, the session times out
	})
	g.lost, g.err = true, err
	for _, c := range g.cursors {
		c.gen++
		c.phase = leaving
	}
	g.stop()
	g.purge(func(*cursor) bool { return true })
	g.push(&item{ev: Lost{Err: err}})
}
