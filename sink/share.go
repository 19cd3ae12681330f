package sink

import (
	"errors"
	"fmt"
)

// shareWindow is over how many records of a table the share of bad ones is taken.
const shareWindow = 10_000

// share watches how many of the last shareWindow records were bad. It remembers the outcome of each, a bit a record, in
// the order in which the lane met them.
type share struct {
	limit float64 // 0: not watched
	bits  [shareWindow/64 + 1]uint64
	at    int
	bad   int
}

// good notes n records that became rows or tombstones.
func (s *share) good(n int) {
	if s.limit == 0 {
		return
	}
	for range min(n, shareWindow) {
		s.note(false)
	}
}

func (s *share) note(bad bool) {
	word, bit := s.at/64, uint64(1)<<(s.at%64)
	if s.bits[word]&bit != 0 {
		s.bad--
		s.bits[word] &^= bit
	}
	if bad {
		s.bad++
		s.bits[word] |= bit
	}
	s.at = (s.at + 1) % shareWindow
}

// errTooMany is the answer to a bad record that is one too many.
var errTooMany = errors.New("too many bad records")

// another notes one more bad record, or refuses it if the share would pass the limit; the same record is then refused again
// at every look, until it is good or passed over.
func (s *share) another() error {
	if s.limit == 0 {
		return nil
	}
	if float64(s.bad+1) > s.limit*shareWindow {
		return fmt.Errorf("%w: %d of the last %d of this table, and this one; max_bad_share is %g %%", errTooMany, s.bad, shareWindow, s.limit*100)
	}
	s.note(true)
	return nil
}
