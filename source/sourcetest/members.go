package sourcetest

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/source"
)

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
