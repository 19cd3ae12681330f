package sourcetest

import (
	"regexp"
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
