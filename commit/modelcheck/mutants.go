package modelcheck

import (
	"errors"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/offsets"
)

// Mutants of the catalog and of its client.
const (
	IgnoresRequirements Mutant = "the catalog ignores requirements"
	Rebases             Mutant = "the client rebases by itself"
	HidesSources        Mutant = "the catalog room drops source-snapshot-id: no cherry-pick guard"
	HidesHistory        Mutant = "the catalog room says that there is no history where there is"
)

// Mutants of the worker: it takes a Stop for an answer.
const (
	LostIsEmpty      Mutant = "no mirror: an expired lineage is a new table"
	LostIsMirror     Mutant = "naive mirror: an expired lineage is what the mirror says"
	ReplacedIsEmpty  Mutant = "no mirror: a replaced table is a new one"
	ReplacedIsMirror Mutant = "naive mirror: a replaced table holds what the mirror says"
)

// Mutants of the worker: fences and files.
const (
	KeepsEpoch       Mutant = "a re-anchor keeps the epoch"
	IgnoresRollback  Mutant = "no re-anchor after a rollback"
	DeletesByCarrier Mutant = "files are deleted when their batch is not in the newest carrier"
	DeletesByLineage Mutant = "files are deleted when their batch is not in the lineage"
	GivesUpOnRefusal Mutant = "a batch is given up because the table has moved, not because it does not fit"
	BelievesAnswers  Mutant = "a batch has landed when its request was sent"
	ChainsUnchecked  Mutant = "of a group, the first batch alone is compared with the offsets"
)

// Mutants of the worker: what it carries of the other sink id.
const (
	CarriesCached  Mutant = "others as of an earlier load"
	CarriesMirror  Mutant = "others from a mirror that nothing confirms"
	CarriesPast    Mutant = "others past a Stop"
	CarriesOwnID   Mutant = "others with the holder's id for the carrier's"
	CarriesMirrors Mutant = "others with the mirror's id for the carrier's"
)

// guess turns a Stop into a state, as a mutant would.
func (m *model) guess(t *table, x int, why commit.Reason) (commit.State, error) {
	empty := commit.State{Sink: sinkIDs[x], Empty: true, Ledger: offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{}}, Via: commit.FromNothing, Buried: true}
	k := t.Mirror[x]
	mirrored := commit.State{Sink: sinkIDs[x], Carrier: int64(k.Snapshot), Holder: int64(k.Snapshot), Epoch: uint64(k.Epoch), Ledger: m.ledger(x, k.Next),
		Via: commit.FromMirror, Buried: true}
	switch {
	case m.Mutant == LostIsEmpty && why == commit.LineageLost, m.Mutant == ReplacedIsEmpty && why == commit.ReplacedTable:
		return empty, nil
	case m.Mutant == LostIsMirror && why == commit.LineageLost && k.Is == sound, m.Mutant == ReplacedIsMirror && why == commit.ReplacedTable && k.Is == sound:
		return mirrored, nil
	}
	return commit.State{}, errStays
}

var errStays = errors.New("stays")

// others is what a request says of the other sink id; right is what it should say.
func (w *walk) others(s *state, t *table, x int, right other) other {
	if w.sinks < 2 {
		return right
	}
	y := 1 - x
	k := t.Mirror[y]
	asMirror := other{Carrier: k.Snapshot, Epoch: k.Epoch, Next: k.Next}
	switch w.Mutant {
	case CarriesCached:
		if s.Cached.Gen != 0 {
			if v := w.verdict(&s.Cached, y); v.stop == "" && !v.state.Empty {
				return other{Carrier: uint8(v.state.Carrier), Epoch: uint8(v.state.Epoch), Next: v.next}
			}
		}
	case CarriesMirror:
		if k.Is == sound {
			return asMirror
		}
	case CarriesPast:
		for id := t.Head; id != 0; id = t.Snap[id-1].Parent {
			if b := &t.Snap[id-1]; int(b.By) == y+1 {
				return other{Carrier: id, Epoch: b.Epoch, Next: b.Next}
			}
		}
	case CarriesMirrors:
		if right.Carrier != 0 && k.Is == sound {
			right.Carrier = k.Snapshot
		}
	}
	return right
}

// tamper changes Fold's answer, as a mutant would.
func (w *walk) tamper(s *state, list []batch, f *fold) {
	switch w.Mutant {
	case GivesUpOnRefusal:
		if f.taken != 0 && list[0].Sent != 0 && s.Net[0].Gen == 0 {
			*f = fold{stale: 1<<len(list) - 1, to: change{Good: true}}
		}
	case BelievesAnswers:
		if f.taken != 0 && list[0].Sent != 0 {
			*f = fold{done: 1<<len(list) - 1, to: change{Good: true}}
		}
	case ChainsUnchecked:
		if f.taken&1 != 0 {
			for i, b := range list {
				f.taken, f.done, f.stale = f.taken|1<<i, f.done&^(1<<i), f.stale&^(1<<i)
				for p := range b.To {
					if b.To[p] > b.From[p] {
						f.to.Next[p] = max(f.to.Next[p], b.To[p])
					}
				}
			}
		}
	}
}

// deletes tells whether a mutant deletes the files of a batch that was named in a request.
func (w *walk) deletes(n *state, t *table, b *batch, stale bool) bool {
	switch w.Mutant {
	case DeletesByLineage:
		return stale // so it is not in the lineage
	case DeletesByCarrier:
		for id := t.Head; id != 0; id = t.Snap[id-1].Parent {
			if t.Snap[id-1].By == 1 {
				return t.Snap[id-1].Batches&(1<<b.ID) == 0
			}
		}
	}
	return false
}
