package modelcheck

import (
	"fmt"
	"strings"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/commit/modelcheck/engine"
)

// Branches of the rules, counted once for each state and sink id, or each attempt.
const (
	bEmpty = iota
	bLineage
	bDirty
	bBuried
	bCarried
	bMirror
	bHistory
	bCherryPick
	bVersion
	bReplaced
	bLost
	bUnreadable
	bOther
	bNoOther
	bTaken
	bTakenTwo
	bDone
	bStale
	branchCount
)

var branches = [branchCount]string{"told: new here", "told: by the lineage", "told: dirty", "told: buried", "told: by the other sink id's snapshot", "told: by the mirror",
	"told: by older metadata", "STOP(cherry-pick)", "STOP(version)", "STOP(replaced table)", "STOP(lineage lost)", "STOP(state unreadable)",
	"others: carried", "others: left out", "batches: taken", "batches: two taken at once", "batches: landed", "batches: stale"}

// branchesOf are the branches that a verdict stands for.
func branchesOf(v *verdict, two bool) []int {
	if v.stop != "" {
		return []int{map[commit.Reason]int{commit.CherryPick: bCherryPick, commit.UnknownVersion: bVersion, commit.ReplacedTable: bReplaced,
			commit.LineageLost: bLost, commit.StateUnreadable: bUnreadable}[v.stop]}
	}
	var out []int
	for name, is := range [bTaken]bool{bEmpty: v.state.Empty, bLineage: v.state.Via == commit.FromLineage, bDirty: v.state.Dirty,
		bBuried: v.state.Buried && !v.state.Empty, bCarried: v.carried, bMirror: v.state.Via == commit.FromMirror, bHistory: v.state.Via == commit.FromHistory,
		bOther: v.other.Carrier != 0, bNoOther: two && !v.state.Empty && v.other.Carrier == 0} {
		if is {
			out = append(out, name)
		}
	}
	return out
}

func (w *walk) countFold(f fold) {
	if f.taken != 0 {
		w.out.Count(bTaken)
	}
	if f.taken&(f.taken-1) != 0 {
		w.out.Count(bTakenTwo)
	}
	if f.done != 0 {
		w.out.Count(bDone)
	}
	if f.stale != 0 {
		w.out.Count(bStale)
	}
}

// tell is a step in words.
func (m *model) tell(from *state, step engine.Step, to *state) string {
	stale := ""
	if step.D != 0 {
		stale = ", looking at a cached load"
	}
	k := Op(255)
	if step.Kind >= kForeign {
		k = Op(step.Kind - kForeign)
	}
	switch {
	case step.Kind == kRead || k == ReadTooEarly:
		return fmt.Sprintf("worker %d of %s reads a batch from %d to %d%s", step.A+1, sinkIDs[m.Workers[step.A]], step.B, step.C, stale)
	case step.Kind == kSend:
		return fmt.Sprintf("worker %d of %s sends its batches, for head %d only%s", step.A+1, sinkIDs[m.Workers[step.A]], step.B, stale)
	case step.Kind == kGiveUp:
		return fmt.Sprintf("worker %d of %s is through with its batches (landed %s, stale %s)%s", step.A+1, sinkIDs[m.Workers[step.A]], bitsOf(uint16(step.B)), bitsOf(uint16(step.C)), stale)
	case step.Kind < kApplied:
		return fmt.Sprintf("%s: %s, for head %d only%s", sinkIDs[step.A], kinds[step.Kind], step.B, stale)
	case step.Kind == kApplied || k == Twice || k == Garble:
		return fmt.Sprintf("%s: snapshot %d", kinds[step.Kind], step.B)
	case k == Expire:
		return "snapshots " + bitsOf(uint16(step.A)) + " expire"
	case k == Replace && step.A == 1:
		return "CREATE OR REPLACE keeps the rows"
	case k == Replace:
		return "CREATE OR REPLACE empties the table"
	case k == Pick && step.B == 1:
		return fmt.Sprintf("snapshot %d, staged as WAP, is published", step.A)
	case k == Pick || k == SetCurrent || k == Branch || k == Truncate:
		return fmt.Sprintf("%s: %d", kinds[step.Kind], step.A)
	case k == Damage || k == Remove || k == Untag || k == Newer:
		return fmt.Sprintf("%s: of %s", kinds[step.Kind], sinkIDs[step.A])
	}
	return kinds[step.Kind]
}

// show is a state in words.
func (m *model) show(s *state) string {
	var b strings.Builder
	fmt.Fprintf(&b, "head %d", s.T.Head)
	for id := uint8(1); id <= s.T.N; id++ {
		at, g := &s.T.Snap[id-1], &s.G[id-1]
		fmt.Fprintf(&b, " | %d<-%d %s%s", g.Parent, id, [...]string{"(gone) ", "(logged) ", ""}[at.Kept], by(at))
		if at.Source != 0 {
			fmt.Fprintf(&b, " picked from %d", at.Source)
		}
		if at.Other.Carrier != 0 {
			fmt.Fprintf(&b, " other{%d epoch %d %s}", at.Other.Carrier, at.Other.Epoch, m.places(2-int(at.By), at.Other.Next))
		}
		for x := range m.sinks {
			for p := range m.Log[x] {
				if r := g.Rows[x][p]; r != 0 {
					fmt.Fprintf(&b, " %s%d:%s", sinkIDs[x], p, rowsOf(r))
				}
			}
		}
	}
	for x := range m.sinks {
		k := s.T.Mirror[x]
		fmt.Fprintf(&b, " | %s: tag %d mirror %s %d epoch %d %s", sinkIDs[x], s.T.Tag[x], [...]string{"absent", "damaged", "of"}[k.Is], k.Snapshot, k.Epoch, m.places(x, k.Next))
		v := newWalker(m).verdict(&s.T, x)
		if v.stop != "" {
			fmt.Fprintf(&b, " => STOP(%s)", v.stop)
		} else {
			fmt.Fprintf(&b, " => %s epoch %d dirty %v via %s", m.places(x, v.next), v.state.Epoch, v.state.Dirty, v.state.Via)
		}
	}
	for i := range m.Workers {
		for _, q := range s.W[i].Q[:s.W[i].N] {
			fmt.Fprintf(&b, " | worker %d holds b%d [%s to %s) epoch %d", i+1, q.ID, m.places(m.Workers[i], q.From), m.places(m.Workers[i], q.To), q.Epoch)
		}
	}
	for _, r := range s.Net {
		if r.Gen != 0 {
			fmt.Fprintf(&b, " | under way: %s batches %s to %s epoch %d if head %d tag %d", sinkIDs[r.Sink], bitsOf(r.Batches), m.places(int(r.Sink), r.Next), r.Epoch, r.Head, r.Tag)
		}
	}
	if s.Deleted != 0 {
		fmt.Fprintf(&b, " | files gone: %s", bitsOf(s.Deleted))
	}
	return b.String()
}

func by(s *snap) string {
	if s.By == 0 {
		return "foreign"
	}
	return fmt.Sprintf("%s epoch %d at %d,%d batches %s", sinkIDs[s.By-1], s.Epoch, s.Next[0], s.Next[1], bitsOf(s.Batches))
}

func (m *model) places(x int, next [2]uint8) string {
	var out []string
	for p := range m.Log[x] {
		if next[p] == none {
			out = append(out, "-")
		} else {
			out = append(out, fmt.Sprint(next[p]))
		}
	}
	return strings.Join(out, ",")
}

func bitsOf(mask uint16) string {
	out := []string{}
	for i := range 16 {
		if mask>>i&1 != 0 {
			out = append(out, fmt.Sprint(i))
		}
	}
	return "{" + strings.Join(out, " ") + "}"
}

func rowsOf(r uint8) string {
	out := ""
	for o := range 4 {
		switch {
		case r>>(o+4)&1 != 0:
			out += fmt.Sprint(o, "!")
		case r>>o&1 != 0:
			out += fmt.Sprint(o)
		}
	}
	return out
}
