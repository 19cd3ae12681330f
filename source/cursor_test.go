package source

import (
	"testing"
	"time"

	"github.com/sinker-io/sinker/offsets"
)

// A leader may be elected between a caller's look at the log and its start, and we may hear of it before the start: the position is
// checked with that leader all the same, or records that were lost and written anew would be passed over.
func TestCursor_StartIsCheckedWithTheLeaderThatIsKnownThen(t *testing.T) {
	c := newCursor(offsets.Partition{Topic: "orders"})
	b := &broker{id: 1}
	c.leader, c.leaderEpoch, c.checked = 1, 5, 5
	c.leaderEpoch = 6 // heard after the look, before the start
	c.start(Start{Offset: 10, LeaderEpoch: 5})
	if ok, _ := c.readable(b, time.Now()); !ok || c.checked == c.leaderEpoch {
		t.Errorf("readable: %v; the position counts as checked under epoch %d, and nobody was asked", ok, c.checked)
	}
}
