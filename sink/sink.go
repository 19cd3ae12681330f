// Package sink carries the records of a source into tables.
//
// One dispatcher reads the source's events, in their one order, and hands them to the lane of their table. A
// lane owns everything of its table: where its partitions stand, the open batch, the batches under way. While
// one batch is sealed and committed the next one fills; it begins where the first ends. A lane whose batch does not fit the
// table any more, or whose storage failed, drops what it holds and starts again from where the table stands. What it
// holds is never worth more than that: the log still has it.
package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
	"github.com/sinker-io/sinker/writer"
)

// Source is the log as the sink needs it; *source.Group is one.
type Source interface {
	Events() <-chan source.Event
	Err() error
	Refused() error // topics that we may not see, though the rest goes on; nil if none
	StartAt(map[offsets.Partition]source.Start)
	Pause([]offsets.Partition)
	Resume([]offsets.Partition)
	ClusterID(ctx context.Context) (string, error)
	Topics(ctx context.Context) ([]source.Topic, error)
	OffsetsAt(ctx context.Context, ps []offsets.Partition, at source.Point) (offsets.Position, error)
	Inspect(ctx context.Context, ps []offsets.Partition, epochs map[offsets.Partition]int32) ([]source.LogInfo, error)
	Ends() map[offsets.Partition]source.End
	CommitGroup(ctx context.Context, at map[offsets.Partition]source.Start, metadata map[offsets.Partition]string) error
	GroupMetadata(ctx context.Context) (map[offsets.Partition]string, error)
}

// Table is a table of a catalog as the sink needs it; *catalog.Table is one.
type Table interface {
	commit.Table
	// Describe tells a writer what it must know of the table as of the load that v came from. An error means that
	// rows cannot be written to it, and why.
	Describe(v commit.View) (writer.Table, error)
}

// Config is a sink. Every field is needed unless it says otherwise.
type Config struct {
	Sink           string // id, under which tables keep our offsets
	Group          string // consumer group, for the status only
	File           string // of the configuration, for the commands in a Stop's advice; optional
	Source         Source
	Entries        []Entry
	Budget         *budget.Budget
	Every          time.Duration // a batch is committed when its oldest record is this old
	TargetFileSize int64         // 0: the table's own, else 128 MiB
	Shutdown       time.Duration // how long a stop may take
	Recheck        time.Duration // how often what is stopped is looked at again; 0: RecheckEvery
	Look           time.Duration // how often the table is looked at while nothing comes for it; 0: LookEvery
	Policy         Policy
	Events         Events                                  // optional
	Now            func() time.Time                        // the wall clock by which commits judge ages; nil: the real one
	Jitter         func(bound time.Duration) time.Duration // picks each wait before something is tried again; nil: at random
}

// Policy is what to do where the table or the log leaves no certain answer. The zero value stops where stopping is
// the default.
type Policy struct {
	Rollback       commit.Rollback
	SkipGap        bool // policy.gap: continue
	Rewind         bool // policy.truncation: rewind
	FollowRecreate bool // policy.topic_recreated: continue
	AllowNewSink   bool // policy.new_sink: allow
}

// RecheckEvery is how often a stopped table or partition is looked at again, unless Config.Recheck says otherwise.
const RecheckEvery = 30 * time.Second

// LookEvery is how often a table is looked at that gets no records, unless Config.Look says otherwise: somebody may have rolled it
// back, or buried our state under snapshots of his own.
const LookEvery = 5 * time.Minute

// Sink is one run of one source into its tables. Make one with New, call Run once.
type Sink struct {
	cfg     Config
	started time.Time

	mu      sync.Mutex // guards what follows
	lanes   map[string]*lane
	order   []*lane
	topics  map[string]*lane // route of each topic seen
	cluster string

	group *groupCommits
	wg    sync.WaitGroup
	base  context.Context // of everything that outlives the drain signal
}

// New prepares a sink; nothing happens before Run.
func New(cfg Config) *Sink {
	if cfg.Recheck == 0 {
		cfg.Recheck = RecheckEvery
	}
	if cfg.Look == 0 {
		cfg.Look = LookEvery
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.N[time.Duration]
	}
	s := &Sink{cfg: cfg, lanes: map[string]*lane{}, topics: map[string]*lane{}, started: time.Now(), group: newGroupCommits()}
	for i := range cfg.Entries {
		if name, fixed := cfg.Entries[i].fixedTable(); fixed {
			s.lane(&cfg.Entries[i], name)
		}
	}
	return s
}

// ErrLost says that the source ended by itself: run again, with a new source.
var ErrLost = errors.New("the source was lost")

// Run carries records until ctx ends; then it seals and commits what there is, within Config.Shutdown, and returns nil. It returns
// ErrLost, wrapped, if the source ends before. When it returns, no goroutine of it is left and it holds no memory of the budget.
func (s *Sink) Run(ctx context.Context) error {
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	s.base = base
	s.mu.Lock()
	for _, l := range s.order {
		s.run(l)
	}
	s.mu.Unlock()
	groupDone := make(chan struct{})
	go func() { defer close(groupDone); s.group.run(base, s.cfg.Source) }()

	err := s.dispatch(ctx)
	if err == nil {
		err = s.drain(abandon)
	}
	abandon()
	s.wg.Wait()
	<-groupDone
	return err
}

func (s *Sink) run(l *lane) {
	if s.base == nil {
		return // Run will
	}
	s.wg.Add(1)
	go func() { defer s.wg.Done(); l.run(s.base) }()
}

// dispatch hands events to lanes until ctx ends (nil) or the source does.
func (s *Sink) dispatch(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev, open := <-s.cfg.Source.Events():
			if !open {
				return fmt.Errorf("%w: %w", ErrLost, orUnknown(s.cfg.Source.Err()))
			}
			switch ev := ev.(type) {
			case source.Records:
				s.route(ev.Partition.Topic).in.put(records{ev})
			case source.Fault:
				s.route(ev.Partition.Topic).in.put(fault{ev})
			case source.Assigned:
				for l, ps := range s.byLane(ev.Partitions) {
					l.in.put(assigned{source.Assigned{Partitions: ps}})
				}
			case source.Revoked:
				s.handOver(ev)
			case source.Lost:
				return fmt.Errorf("%w: %w", ErrLost, orUnknown(ev.Err))
			}
		}
	}
}

func orUnknown(err error) error {
	if err == nil {
		return errors.New("the stream of events ended")
	}
	return err
}

// handOver lets revoked partitions go when every lane that has some is done with them.
func (s *Sink) handOver(ev source.Revoked) {
	lanes := s.byLane(ev.Partitions)
	var left sync.WaitGroup
	for l, ps := range lanes {
		left.Add(1)
		l.in.put(revoked{source.NewRevoked(source.Revoked{Partitions: ps, Deadline: ev.Deadline}, sync.OnceFunc(left.Done))})
	}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		left.Wait()
		ev.Done()
	}()
}

// drain seals and commits what the lanes hold, in Config.Shutdown at most.
func (s *Sink) drain(abandon func()) error {
	s.mu.Lock()
	lanes := s.order
	s.mu.Unlock()
	late := time.AfterFunc(s.cfg.Shutdown, abandon)
	defer late.Stop()
	for _, l := range lanes {
		l.in.put(stopping{})
	}
	timedOut := false
	for _, l := range lanes {
		<-l.ended
		timedOut = timedOut || l.abandoned
	}
	if timedOut {
		return fmt.Errorf("stop: not everything could be committed within %s; it will be read again from the log", s.cfg.Shutdown)
	}
	return nil
}

func (s *Sink) byLane(ps []offsets.Partition) map[*lane][]offsets.Partition {
	out := map[*lane][]offsets.Partition{}
	for _, p := range ps {
		l := s.route(p.Topic)
		out[l] = append(out[l], p)
	}
	return out
}

// Short says that the budget makes somebody wait: lanes that hold much and get nothing new commit it. It may be called from
// anywhere, at any time.
func (s *Sink) Short() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.order {
		l.short.Store(true)
		l.in.poke()
	}
}
