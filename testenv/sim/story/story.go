// Package story keeps what happened in a simulated world, to be told when it went wrong. Telling is cheap: a line is
// put into words only when somebody reads it.
package story

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// most is how many lines are kept; a world that tells more has lost its way, and its end is what matters.
const most = 20_000

// Story is safe for concurrent use.
type Story struct {
	mu    sync.Mutex
	began time.Time
	lines []line
	lost  int
}

type line struct {
	at     time.Duration
	who    string
	format string
	args   []any
}

// New begins a story; its times count from now, by the clock of the bubble that it is called in.
func New() *Story { return &Story{began: time.Now()} }

// Tell adds a line. args are put into words later, so they must be values that nobody changes.
func (s *Story) Tell(who, format string, args ...any) {
	at := time.Since(s.began)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == most {
		s.lost += most / 2
		s.lines = append(s.lines[:0], s.lines[most/2:]...)
	}
	s.lines = append(s.lines, line{at, who, format, args})
}

// String is the whole story, a line for each event.
func (s *Story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	if s.lost > 0 {
		fmt.Fprintf(&b, "(%d earlier lines are gone)\n", s.lost)
	}
	for _, l := range s.lines {
		fmt.Fprintf(&b, "%10.3fs  %-8s ", l.at.Seconds(), l.who)
		fmt.Fprintf(&b, l.format, l.args...)
		b.WriteByte('\n')
	}
	return b.String()
}
