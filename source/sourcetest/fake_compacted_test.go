package sourcetest

import "testing"

// What compaction took away is no loss: runs tile over it, a position inside a hole is as good as any, and nobody is asked.
func TestCompacted_HolesAreNoLoss(t *testing.T) {
	s, c := fakeStage(t, 1)
	s.create(s.topic, 1)
	feed(c, func(at int64) []byte {
		switch {
		case at < 3:
			return wire(0, 0, nil, abc(3)...) // 0, 1, 2
		case at < 9:
			return wire(7, 0, nil, abc(2)...) // 7, 8
		case at < 1000:
			return wire(998, 0, nil, abc(2)...) // 998, 999
		}
		return nil
	})
	r := s.open(nil)
	r.until("the end", func() bool { return r.at[r.part(0)] == 1000 }) // check() sees that the runs tile
	p := r.part(0)
	if n := len(r.recs[p]); n != 7 {
		t.Errorf("%d records, want 7", n)
	}
	r.recs[p] = nil
	r.startAt(p, 5)
	r.until("the end, from within a hole", func() bool { return r.at[p] == 1000 })
	if n := len(r.recs[p]); n != 4 {
		t.Errorf("%d records, want 4", n)
	}
	if len(r.faults) > 0 {
		t.Errorf("faults %v", r.faults)
	}
}
