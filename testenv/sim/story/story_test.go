package story_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sinker-io/sinker/testenv/sim/story"
)

func TestStory_TellsWhenWhoAndWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := story.New()
		time.Sleep(1500 * time.Millisecond)
		s.Tell("w1", "commits %d rows", 7)
		if got := s.String(); !strings.Contains(got, "1.500s") || !strings.Contains(got, "w1") || !strings.Contains(got, "commits 7 rows") {
			t.Error(got)
		}
		for range 30_000 {
			s.Tell("w2", "again")
		}
		if got := s.String(); strings.Contains(got, "w1") || !strings.Contains(got, "earlier lines are gone") || strings.Count(got, "\n") > 20_001 {
			t.Error("an endless story must end")
		}
	})
}
