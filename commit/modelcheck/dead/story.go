package dead

import (
	"fmt"
	"strings"

	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

func (c Config) name(table int32) string {
	switch {
	case table == letters:
		return "D"
	case c.Shared:
		return fmt.Sprintf("T%d", table+1)
	}
	return "T"
}

func batches(set int32) string {
	var out []string
	for b := range 8 {
		if set&(1<<b) != 0 {
			out = append(out, fmt.Sprintf("b%d", b))
		}
	}
	if len(out) == 0 {
		return "the anchor"
	}
	return strings.Join(out, ", ")
}

func (c Config) tell(_ *state, step engine.Step, _ *state) string {
	w := fmt.Sprintf("worker %d", step.A+1)
	switch step.Kind {
	case kindRead:
		return fmt.Sprintf("%s (configuration %d) reads %s", w, step.C, c.name(step.B))
	case kindAnchor:
		return fmt.Sprintf("%s (configuration %d) sends an anchor of %s", w, step.C, c.name(step.B))
	case kindPrepare:
		return fmt.Sprintf("%s prepares b%d", w, step.B)
	case kindLetters:
		return fmt.Sprintf("%s sends the dead letters of %s to D", w, batches(step.B))
	case kindLearn:
		return fmt.Sprintf("%s sees its own in %s", w, c.name(step.B))
	case kindStale:
		return fmt.Sprintf("%s is stale at %s and forgets everything", w, c.name(step.B))
	case kindTable:
		return fmt.Sprintf("%s sends %s to %s", w, batches(step.B), c.name(step.C))
	case kindNote:
		return fmt.Sprintf("%s finds D rolled back and notes it", w)
	case kindMend:
		return fmt.Sprintf("%s sends what D has lost", w)
	case kindGiveUp:
		return fmt.Sprintf("%s gives mending up", w)
	case kindCrash:
		return fmt.Sprintf("%s crashes", w)
	case kindFate:
		return fmt.Sprintf("%s: STOP(fate changed)", w)
	case kindCut:
		return fmt.Sprintf("the log is cut at %d, and goes on with other records", step.A)
	case kindRewind:
		return fmt.Sprintf("%s sends %s back to where the log parted from it", w, c.name(step.B))
	case kindRewritten:
		return fmt.Sprintf("%s finds other records in the log, and forgets everything", w)
	case kindLeave:
		return fmt.Sprintf("%s is done with %s", w, c.name(step.B))
	case kindApply:
		return fmt.Sprintf("%s of %s is applied%s", batches(step.B), c.name(step.A), []string{"", ", and stays in the network"}[step.C])
	case kindRefuse, kindLose:
		return fmt.Sprintf("%s of %s is %s", batches(step.B), c.name(step.A), kindNames[step.Kind])
	case kindRoll:
		return fmt.Sprintf("a foreigner moves %s to snapshot %d", c.name(step.A), step.B)
	}
	return fmt.Sprintf("a foreigner: %s %s", kindNames[step.Kind], c.name(step.A))
}

func (c Config) show(s *state) string {
	var b strings.Builder
	fmt.Fprintf(&b, "bad %03b", s.Bad[0][:c.Partitions])
	if c.Mixed {
		fmt.Fprintf(&b, " or %03b", s.Bad[1][:c.Partitions])
	}
	for i := range s.Tables {
		if t := &s.Tables[i]; t.N > 0 {
			h := t.Snaps[t.Head-1]
			fmt.Fprintf(&b, "; %s at %d of %d, newest %d, epoch %d hash %d next %v rows %03b and %03b", c.name(int32(i)), t.Head, t.N, t.Newest, h.Epoch, h.Hash, h.Next[:c.Partitions], h.Rows[:c.Partitions], h.Young)
		}
	}
	return b.String()
}
