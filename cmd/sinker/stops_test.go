package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Every STOP of a table names the command that answers it: cut out of the message and run, it lets the table go on, with each
// record once.
func TestStops_EachIsAnsweredByItsCommand(t *testing.T) {
	const all, next = "orders-0 2, orders-1 2", "orders-0 2, orders-1 1"
	for _, c := range []struct {
		reason, words string
		more          string // configuration
		mapping       string
		do            func(s *story, f *stranger, before int64)
	}{
		{"cherry-pick", "adopt", "", "", func(s *story, f *stranger, before int64) {
			picked := f.head()
			f.must(f.Point(before))
			f.must(f.Append()) // else the pick were a step forward
			f.must(f.CherryPick(picked))
		}},
		{"replaced table", "--position mirror", "", "", func(_ *story, f *stranger, _ int64) { f.must(f.Replace()) }}, // with the rows that were there
		{"lineage lost", "offsets set", "", "orders 0 2\n\n# found by their rows\norders 1 1\n", func(_ *story, f *stranger, _ int64) {
			f.must(f.Append())
			f.must(f.Spoil("orders"))
			ids := []int64{}
			for _, s := range f.metadata().Snapshots() {
				if s.SnapshotID != f.head() {
					ids = append(ids, s.SnapshotID)
				}
			}
			f.must(f.Expire(ids...))
			_, older := f.metadataFile()
			for _, name := range older {
				f.must(os.Remove(name))
			}
		}},
		{"state unreadable", "adopt", "", "", func(_ *story, f *stranger, _ int64) { f.edit("sinker.offsets.orders", "nonsense") }},
		{"recreated", "--position start", "", "", func(_ *story, f *stranger, _ int64) { f.must(f.Recreate()) }},
		{"rolled back", "--position start", "policy: {rollback: stop}\n", "", func(_ *story, f *stranger, before int64) { f.must(f.Point(before)) }},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := tell(t, "", c.more)
			before := s.first()
			c.do(s, s.stranger(), before)
			told := s.stops(c.reason)
			shown := s.show()
			if c.reason != "rolled back" && c.reason != "recreated" { // which only a policy, or the memory of a group, makes a STOP
				if shown.Stop == nil || shown.Stop.Do != told.To_go_on {
					t.Errorf("run says:\n%s\noffsets show says:\n%+v", told.To_go_on, shown.Stop)
				}
			}
			if r := sinker(t, "offsets", "accept", "-c", s.file, "--table", "shop.orders", "--reason", "x", "--position", "start", "--expect", "4711"); r.status != exitFailed ||
				!strings.Contains(r.errors, "has moved since you looked") {
				t.Errorf("an answer about another snapshot: status %d:\n%s", r.status, r.all())
			}
			s.answer(told, c.words, file(t, "mapping", c.mapping))
			if c.reason != "recreated" && c.reason != "rolled back" {
				if got := s.show().next(); got != next {
					t.Errorf("after the answer the table stands at %s, want %s", got, next)
				}
			}
			s.goesOn(all, 1, 2, 3, 4)
		})
	}
}

// A sink that is ended takes nothing more and says so; another id begins exactly where it ended.
func TestEnd_AnotherSinkFollows(t *testing.T) {
	t.Parallel()
	s := tell(t, "", "")
	s.first()
	s.change("sink: orders", "sink: orders-eu")
	told := s.stops("new sink")
	s.answer(told, "offsets end", "")
	told = s.stops("new sink")
	s.answer(told, "offsets set", file(t, "mapping", "orders 0 2\norders 1 1\n"))
	s.goesOn("orders-0 2, orders-1 2", 1, 2, 3, 4)

	s.change("sink: orders-eu", "sink: orders")
	s.send(0, `{"id":5}`)
	told = s.stops("ended")
	if r := s.answer(told, "offsets show", ""); !strings.Contains(r.out, "orders-0      2       2") {
		t.Errorf("where it ended:\n%s", r.out)
	}
	again := sinker(t, "offsets", "end", "-c", s.file, "--table", "shop.orders", "--reason", "x")
	if again.status != exitUsage || !strings.Contains(again.errors, "already") {
		t.Errorf("ended twice: status %d:\n%s", again.status, again.all())
	}
	s.exact(1, 2, 3, 4)
}

// What a newer sinker has written is not overruled by any answer.
func TestStops_StateOfANewerSinkerIsNotOverruled(t *testing.T) {
	t.Parallel()
	s := tell(t, "", "")
	s.first()
	f := s.stranger()
	f.edit("sinker.v", "2")
	if told := s.stops("version"); !strings.Contains(told.To_go_on, "run the newest sinker") {
		t.Errorf("to go on: %s", told.To_go_on)
	}
	mapping := file(t, "mapping", "orders 0 0\norders 1 0\n")
	for _, words := range [][]string{{"accept", "--position", "mirror"}, {"accept", "--position", "start"}, {"adopt"}, {"end"}, {"set", "--mapping", mapping}} {
		r := sinker(t, append([]string{"offsets", words[0], "-c", s.file, "--table", "shop.orders", "--reason", "a test"}, words[1:]...)...)
		if r.status != exitUsage || !strings.Contains(r.errors, "STOP(version)") {
			t.Errorf("offsets %v: status %d, want it refused:\n%s", words, r.status, r.all())
		}
	}
	f.edit("sinker.v", "1")
	s.goesOn("orders-0 2, orders-1 2", 1, 2, 3, 4)
}

// The table moves to a copy of its cluster, where the same records have other offsets and the topic another id.
func TestSet_MovesToAReplicaCluster(t *testing.T) {
	t.Parallel()
	s := tell(t, "", "")
	s.first()
	copied := s.another()
	recs := []string{`{"id":-1}`, `{"id":1}`, `{"id":2}`} // one record more before them: of a time that the first cluster has forgotten
	old := s.world
	s.world = copied
	s.send(0, recs...)
	s.send(1, `{"id":3}`)
	s.change(old.Brokers[0], copied.Brokers[0])
	told := s.stops("cluster")
	part := file(t, "part", "orders 0 3\n")
	for words, want := range map[string]string{
		"--mapping " + part:                              "orders-1 is not",
		"--partition orders-0 --offset 4":                "the log ends at 3",
		"--partition orders-7 --offset 0":                "no partition orders-7",
		"--partition orders-0 --offset 3 --mapping nope": "give either",
	} {
		r := sinker(t, append([]string{"offsets", "set", "-c", s.file, "--table", "shop.orders", "--reason", "a test"}, strings.Fields(words)...)...)
		if r.status != exitUsage || !strings.Contains(r.errors, want) {
			t.Errorf("offsets set %s: status %d, want it refused for %q:\n%s", words, r.status, want, r.all())
		}
	}
	s.answer(told, "offsets set", file(t, "mapping", "orders 0 3\norders 1 1\n"))
	s.send(1, `{"id":4}`)
	r := s.run()
	defer r.ends(15, exitDone)
	for strings.Count(s.show().next(), "orders-1 2") == 0 {
		if s.ctx.Err() != nil {
			t.Fatalf("the table stands at %s", s.show().next())
		}
	}
	s.world = old
	s.exact(1, 2, 3, 4)
}

// What set leaves out or reads again is in the history of the table, with who said so and why.
func TestSet_ForwardAndBack(t *testing.T) {
	t.Parallel()
	s := tell(t, "", "")
	s.first()
	s.send(0, `{"id":5}`, `{"id":6}`)
	set := func(partition string, to int64, more ...string) result {
		return sinker(t, append([]string{"offsets", "set", "-c", s.file, "--table", "shop.orders", "--partition", partition, "--offset", strconv.FormatInt(to, 10), "--reason", "a test"}, more...)...)
	}
	if r := set("orders-0", 2); r.status != exitUsage || !strings.Contains(r.errors, "stands there already") {
		t.Errorf("nothing to do: status %d:\n%s", r.status, r.all())
	}
	if r := set("orders-0", 3, "--expect", "1"); r.status != exitFailed {
		t.Errorf("of another snapshot: status %d:\n%s", r.status, r.all())
	}
	if r := set("orders-0", 3, "--expect", s.show().Head); r.status != 0 {
		t.Fatalf("forward: status %d:\n%s", r.status, r.all())
	}
	s.history("sinker.gaps", `"range":"2-3","why":"operator"`)
	s.history("sinker.audit", `"action":"set orders-0 3","reason":"a test"`)
	s.goesOn("orders-0 4, orders-1 2", 1, 2, 3, 4, 6)
	if r := set("orders-0", 2); r.status != 0 {
		t.Fatalf("back: status %d:\n%s", r.status, r.all())
	}
	s.history("sinker.gaps", `"range":"2-4","why":"reread"`)
	r := s.run()
	s.until("orders-0 4, orders-1 2")
	r.ends(15, exitDone)
	if got := s.ids(); got[5] != 1 || got[6] != 2 {
		t.Errorf("read again: the table has the ids %v (how often)", got)
	}
}

// history says whether the summary of the newest snapshot has words under a key.
func (s *story) history(key, words string) {
	s.t.Helper()
	if got := s.stranger().metadata().CurrentSnapshot().Summary.Properties[key]; !strings.Contains(got, words) {
		s.t.Errorf("%s of the newest snapshot is %q, want %q in it", key, got, words)
	}
}
