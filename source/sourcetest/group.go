package sourcetest

import (
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

func newTopics(t *testing.T, s *stage) {
	s.create(s.topic+".named", 1)
	s.create(s.topic+".p1", 2)
	s.create(s.topic+".other", 1)
	r := s.open(func(c *source.Config) {
		c.Topics = []string{s.topic + ".named"}
		c.Patterns = []*regexp.Regexp{regexp.MustCompile("^" + regexp.QuoteMeta(s.topic) + `\.p\d+$`)}
	})
	r.until("three partitions", func() bool { return len(r.held) == 3 })
	s.create(s.topic+".p2", 2)
	s.produce(s.topic+".p2", 1, 0, 3)
	r.until("the new topic", func() bool { return len(r.held) == 5 })
	r.until("its records", func() bool {
		for p, at := range r.at {
			if p.Topic == s.topic+".p2" && p.Num == 1 && at == 3 {
				return true
			}
		}
		return false
	})
	topics, err := r.g.Topics(s.ctx)
	if err != nil || len(topics) != 3 {
		t.Fatalf("topics %v %v, want named, p1, p2", topics, err)
	}
	for i, want := range []source.Topic{{Name: ".named", Partitions: 1}, {Name: ".p1", Partitions: 2}, {Name: ".p2", Partitions: 2}} {
		if got := topics[i]; got.Name != s.topic+want.Name || got.Partitions != want.Partitions || got.ID == (offsets.TopicID{}) {
			t.Errorf("topic %+v, want %+v with an id", got, want)
		}
	}
	for p := range r.held {
		if p.Topic == s.topic+".other" {
			t.Error("a topic that matches nothing was assigned")
		}
	}
}

func laterTopic(t *testing.T, s *stage) {
	r := s.open(nil)
	if topics, err := r.g.Topics(s.ctx); err != nil || len(topics) != 0 {
		t.Errorf("topics %v %v before there are any", topics, err)
	}
	s.create(s.topic, 1)
	s.produce(s.topic, 0, 0, 3)
	r.until("its records", func() bool { return r.at[r.part(0)] == 3 })
}

// shared is where the members of one test meet: as the tables are, it is the truth about positions.
type shared struct {
	mu    sync.Mutex
	owner map[offsets.Partition]*reader
	at    map[offsets.Partition]int64
	seen  map[offsets.Partition]map[int64]int
}

// follow lets a reader run in a goroutine, with positions kept in sh, until stop is closed.
func (r *reader) follow(sh *shared, stop <-chan struct{}) *sync.WaitGroup {
	var wg sync.WaitGroup
	r.begin = nil
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case ev, more := <-r.g.Events():
				if !more {
					return
				}
				sh.event(r, ev)
			}
		}
	})
	return &wg
}

func (sh *shared) event(r *reader, ev source.Event) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch ev := ev.(type) {
	case source.Assigned:
		for _, p := range ev.Partitions {
			if o := sh.owner[p]; o != nil {
				r.s.t.Errorf("%s was assigned while another member has it", p)
			}
			sh.owner[p] = r
			r.at[p] = sh.at[p]
			r.g.StartAt(map[offsets.Partition]source.Start{p: {Offset: sh.at[p], LeaderEpoch: -1}})
		}
	case source.Revoked:
		for _, p := range ev.Partitions {
			if sh.owner[p] == r {
				delete(sh.owner, p)
			}
		}
	case source.Records:
		if sh.owner[ev.Partition] != r {
			r.s.t.Errorf("records %s of %s after it was revoked", ev.Range, ev.Partition)
		}
		for _, rec := range ev.Recs {
			if sh.seen[ev.Partition] == nil {
				sh.seen[ev.Partition] = map[int64]int{}
			}
			sh.seen[ev.Partition][rec.Offset]++
		}
		sh.at[ev.Partition] = ev.Range.To
	}
	r.take(ev)
}

func (sh *shared) total() (n int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, m := range sh.seen {
		n += len(m)
	}
	return n
}

func (sh *shared) count(r *reader) (n int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, o := range sh.owner {
		if o == r {
			n++
		}
	}
	return n
}

func handOver(t *testing.T, s *stage) {
	const parts, each = 6, 50
	s.create(s.topic, parts)
	sh := &shared{owner: map[offsets.Partition]*reader{}, at: map[offsets.Partition]int64{}, seen: map[offsets.Partition]map[int64]int{}}
	round := 0
	produce := func() {
		for p := range int32(parts) {
			s.produce(s.topic, p, round*each, each)
		}
		round++
	}
	leave := func(r *reader, stop chan struct{}, wg *sync.WaitGroup) {
		close(stop)
		wg.Wait()
		sh.mu.Lock()
		for p, o := range sh.owner {
			if o == r {
				delete(sh.owner, p)
			}
		}
		sh.mu.Unlock()
		r.begin = nil
		r.close()
	}

	one, stopOne := s.open(nil), make(chan struct{})
	wgOne := one.follow(sh, stopOne)
	produce()
	s.eventually("one member reads all", func() bool { return sh.count(one) == parts && sh.total() == round*parts*each })

	two, stopTwo := s.open(nil), make(chan struct{})
	wgTwo := two.follow(sh, stopTwo)
	produce()
	s.eventually("two members share", func() bool { return sh.count(one) == parts/2 && sh.count(two) == parts/2 })
	produce()
	s.eventually("and read all", func() bool { return sh.total() == round*parts*each })

	leave(one, stopOne, wgOne)
	produce()
	s.eventually("the second has all", func() bool { return sh.count(two) == parts && sh.total() == round*parts*each })

	three, stopThree := s.open(nil), make(chan struct{})
	wgThree := three.follow(sh, stopThree)
	produce()
	s.eventually("a third takes its share", func() bool { return sh.count(three) == parts/2 && sh.total() == round*parts*each })
	leave(two, stopTwo, wgTwo)
	leave(three, stopThree, wgThree)
	for p, m := range sh.seen {
		for o, n := range m {
			if n != 1 {
				t.Errorf("offset %d of %s was read %d times by members that handed over in order", o, p, n)
			}
		}
	}
}

func static(t *testing.T, s *stage) {
	s.create(s.topic, 4)
	fixed := func(id string) func(*source.Config) {
		return func(c *source.Config) { c.InstanceID = id; c.SessionTimeout = 5 * s.w.Session }
	}
	sh := &shared{owner: map[offsets.Partition]*reader{}, at: map[offsets.Partition]int64{}, seen: map[offsets.Partition]map[int64]int{}}
	one, stopOne := s.open(fixed("one")), make(chan struct{})
	wgOne := one.follow(sh, stopOne)
	defer wgOne.Wait()
	defer close(stopOne)
	two := s.open(fixed("two"))
	stopTwo := make(chan struct{})
	wgTwo := two.follow(sh, stopTwo)
	s.eventually("both share", func() bool { return sh.count(one) == 2 && sh.count(two) == 2 })
	close(stopTwo)
	wgTwo.Wait()
	before := map[offsets.Partition]bool{}
	sh.mu.Lock()
	for p, o := range sh.owner {
		if o == two {
			before[p] = true
			delete(sh.owner, p)
		}
	}
	sh.mu.Unlock()
	two.begin = nil
	two.close()

	back := s.open(fixed("two"))
	back.begin = nil
	back.until("its own partitions again", func() bool { return len(back.held) == 2 })
	for p := range back.held {
		if !before[p] {
			t.Errorf("%s came to the static member, which had others", p)
		}
	}
	if n := sh.count(one); n != 2 {
		t.Errorf("the other member has %d partitions, want 2: a restart of a static member is no rebalance", n)
	}
}

func slowReader(t *testing.T, s *stage) {
	s.create(s.topic, 2)
	for p := range int32(2) {
		s.produce(s.topic, p, 0, 500)
	}
	r := s.open(func(c *source.Config) { c.RunBytes = 4 << 10 })
	r.until("a beginning", func() bool { return r.at[r.part(0)] > 0 })
	before := s.generation()
	time.Sleep(3*s.w.Session + 500*time.Millisecond) // nobody reads
	if now := s.generation(); now != before {
		t.Errorf("the group was in %q, is in %q: a slow reader led to a rebalance", before, now)
	}
	r.until("the rest", func() bool { return r.at[r.part(0)] == 500 && r.at[r.part(1)] == 500 })
	wantValues(t, r.values(r.part(0)), 0, 500)
	if r.lost != nil {
		t.Errorf("lost: %v", r.lost)
	}
}

// generation names the group's members.
func (s *stage) generation() string {
	s.t.Helper()
	gs, err := s.adm.DescribeGroups(s.ctx, s.group)
	if err != nil {
		s.t.Fatal(err)
	}
	d := gs[s.group]
	out := d.State
	for _, m := range d.Members {
		out += " " + m.MemberID
	}
	return out
}

func closeUnread(t *testing.T, s *stage) {
	s.create(s.topic, 4)
	for p := range int32(4) {
		s.produce(s.topic, p, 0, 2000)
	}
	r := s.open(func(c *source.Config) { c.RunBytes = 4 << 10 })
	r.until("a beginning", func() bool { return len(r.recs) > 0 })
	begun := time.Now()
	r.close() // full queue, no reader; it checks the budget too
	if d := time.Since(begun); d > s.w.Session {
		t.Errorf("close took %s", d)
	}
	s.eventually("the group is empty", func() bool {
		gs, err := s.adm.DescribeGroups(s.ctx, s.group)
		return err == nil && len(gs[s.group].Members) == 0
	})
}

func points(t *testing.T, s *stage) {
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 10)
	s.deleteRecords(0, 3)
	r := s.open(nil)
	r.until("partitions", func() bool { return len(r.held) == 2 })
	p, q := r.part(0), r.part(1)
	second := func(n int64) source.Point { return source.At(time.UnixMilli(1_700_000_000_000 + n*1000)) }
	for _, c := range []struct {
		at     source.Point
		inP, q int64
	}{{source.Earliest, 3, 0}, {source.Latest, 10, 0}, {second(5), 5, 0}, {second(9), 9, 0}, {second(10), 10, 0}, {second(-5), 3, 0}} {
		got, err := r.g.OffsetsAt(s.ctx, []offsets.Partition{p, q}, c.at)
		if err != nil || got[p] != c.inP || got[q] != c.q {
			t.Errorf("%s is %v (%v), want %d and %d", c.at, got, err, c.inP, c.q)
		}
	}
	if _, err := r.g.OffsetsAt(s.ctx, []offsets.Partition{p, {Topic: s.topic, Num: 9}}, source.Latest); err == nil {
		t.Error("a partition that does not exist was resolved")
	}
	id, err := r.g.ClusterID(s.ctx)
	if err != nil || id == "" {
		t.Errorf("cluster id %q, %v", id, err)
	}
	look, err := source.OpenLook(s.ctx, s.config())
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	if theirs, err := look.ClusterID(s.ctx); err != nil || theirs != id {
		t.Errorf("a look from outside finds cluster %q, %v", theirs, err)
	}
	if at, err := look.OffsetsAt(s.ctx, []offsets.Partition{p, q}, source.Latest); err != nil || at[p] != 10 {
		t.Errorf("a look from outside finds latest %v, %v", at, err)
	}
	infos, err := r.g.Inspect(s.ctx, []offsets.Partition{p, q}, map[offsets.Partition]int32{p: 0})
	if err != nil || len(infos) != 2 || infos[0].Err != nil || infos[1].Err != nil {
		t.Fatalf("inspect: %+v %v", infos, err)
	}
	if i := infos[0]; i.Partition != p || i.LogStart != 3 || i.HighWater != 10 || i.EpochEnd != 10 || i.EpochAnswer != 0 || !i.HasTopicIDs || i.CleanupNames != "delete" {
		t.Errorf("inspect: %+v", i)
	}
	if i := infos[1]; i.EpochEnd != -1 || i.HighWater != 0 {
		t.Errorf("inspect: %+v", i)
	}
}

func groupOffsets(t *testing.T, s *stage) {
	s.create(s.topic, 2)
	s.produce(s.topic, 0, 0, 10)
	r := s.open(nil)
	r.until("all", func() bool { return len(r.held) == 2 && r.at[r.part(0)] == 10 })
	p := r.part(0)
	got, err := r.g.GroupMetadata(s.ctx)
	if err != nil || len(got) != 0 {
		t.Errorf("a new group has metadata %v, %v", got, err)
	}
	foreign := offsets.Partition{Topic: s.topic + "-none", Num: 0}
	err = r.g.CommitGroup(s.ctx, map[offsets.Partition]source.Start{p: {Offset: 8, LeaderEpoch: 0}, foreign: {Offset: 1}}, map[offsets.Partition]string{p: "table 0198"})
	if err != nil {
		t.Fatal(err)
	}
	got, err = r.g.GroupMetadata(s.ctx)
	if err != nil || len(got) != 1 || got[p] != "table 0198" {
		t.Errorf("metadata %v, %v", got, err)
	}
	os, err := s.adm.FetchOffsets(s.ctx, s.group)
	if o, ok := os.Lookup(s.topic, 0); err != nil || !ok || o.At != 8 {
		t.Errorf("group offset %+v, %v; want 8", o, err)
	}
	r.close()
	again := s.open(nil) // the group's offset is never read for resuming
	again.until("all from 0", func() bool { return again.at[p] == 10 })
	wantValues(t, again.values(p), 0, 10)
}

// churn lets members come and go at random while records flow. What is in sh is the truth, as the tables are; each
// member begins where it stands. Nothing is missed, and nothing comes from a member that let go.
func churn(t *testing.T, s *stage, rounds int, change func(*source.Config)) {
	const parts, each = 12, 20
	s.create(s.topic, parts)
	sh := &shared{owner: map[offsets.Partition]*reader{}, at: map[offsets.Partition]int64{}, seen: map[offsets.Partition]map[int64]int{}}
	type member struct {
		r    *reader
		stop chan struct{}
		wg   *sync.WaitGroup
	}
	var members []member
	join := func() {
		r, stop := s.open(change), make(chan struct{})
		members = append(members, member{r, stop, r.follow(sh, stop)})
	}
	leave := func(i int) {
		m := members[i]
		members = append(members[:i], members[i+1:]...)
		close(m.stop)
		m.wg.Wait()
		sh.mu.Lock()
		for p, o := range sh.owner {
			if o == m.r {
				delete(sh.owner, p)
			}
		}
		sh.mu.Unlock()
		m.r.close()
	}
	join()
	for round := range rounds {
		for p := range int32(parts) {
			s.produce(s.topic, p, round*each, each)
		}
		if len(members) > 1 && rand.IntN(2) == 0 || len(members) > 4 {
			leave(rand.IntN(len(members)))
		} else {
			join()
		}
		time.Sleep(time.Duration(rand.IntN(int(s.w.Session / 2))))
	}
	s.eventually("everything is read", func() bool { return sh.total() == rounds*parts*each })
	for len(members) > 0 {
		leave(0)
	}
	for p, m := range sh.seen {
		for o, n := range m {
			if n != 1 {
				t.Errorf("offset %d of %s was read %d times by members that handed over in order", o, p, n)
			}
		}
	}
}

func churning(t *testing.T, s *stage) { churn(t, s, 8, nil) }
