package source

import (
	"fmt"

	"github.com/sinker-io/sinker/offsets"
)

// FaultCluster is a Verdict only: the ledger is of another cluster.
const FaultCluster FaultKind = "cluster"

// Verdict is what the log says of one position of a ledger, where it is anything but "read on".
type Verdict struct {
	Partition offsets.Partition // as in the ledger; for topic_recreated as the cluster has it now
	Kind      FaultKind         // cluster, topic_recreated, truncation, gap; empty: Detail is a warning, reading on is right
	Position  int64             // what the ledger says is next
	LogStart  int64             // where the log begins now: a gap is [Position, LogStart)
	Diverged  int64             // truncation: the first offset that is not what was read, as far as can be known; else -1
	Epoch     int32             // truncation: leader epoch of the record before Diverged, offsets.NoEpoch if it is not known
	Detail    string            // what was found and what it means, without the partition's name
}

// Check holds a ledger against what the cluster says of its partitions, before the first fetch. It is pure. Of each
// partition the first that applies counts, in this order: the cluster is another one; the topic's name has a new
// id; the position is after the end of the log, or after the end of the leader epoch of the last record read
// (an epoch not known is not held against anything, and where the broker does not know it a warning is given and
// the end of the log decides); the log begins after the position. Infos with an Err say nothing, nor do partitions
// that the ledger does not know under any id, save that a ledger of another cluster has no place for them. Verdicts come in the order of the infos.
func Check(cluster string, ledger offsets.Ledger, infos []LogInfo) []Verdict {
	var out []Verdict
	for _, info := range infos {
		if info.Err != nil {
			continue
		}
		otherCluster := ledger.Cluster != "" && cluster != "" && ledger.Cluster != cluster && len(ledger.Marks) > 0
		at, mark, known := markOf(ledger, info.Partition)
		if !known && !otherCluster {
			continue
		}
		v := Verdict{Partition: info.Partition, Position: mark.Next, LogStart: info.LogStart, Diverged: -1, Epoch: offsets.NoEpoch}
		switch {
		case otherCluster:
			v.Kind = FaultCluster
			v.Detail = fmt.Sprintf("the table was filled from cluster %s, this is cluster %s: the same offset means another record here", ledger.Cluster, cluster)
		case at != info.Partition:
			v.Kind = FaultRecreated
			v.Detail = fmt.Sprintf("the topic was deleted and created again: its id was %s when it was read up to %d, and is %s now", at.TopicID, mark.Next, info.Partition.TopicID)
		default:
			j := judge(info, mark.Next, mark.LeaderEpoch)
			if j.Kind == "" && j.Detail == "" {
				continue
			}
			v.Kind, v.Diverged, v.Epoch, v.Detail = j.Kind, j.Diverged, j.Epoch, j.Detail
		}
		out = append(out, v)
	}
	return out
}

// markOf finds the partition in the ledger: under its own id, or else under another id of the same name that was
// read last. Where the broker or the ledger has no ids, names count.
func markOf(l offsets.Ledger, p offsets.Partition) (offsets.Partition, offsets.Mark, bool) {
	if m, ok := l.Marks[p]; ok {
		return p, m, true
	}
	var at offsets.Partition
	var mark offsets.Mark
	known := false
	for _, q := range offsets.Sorted(l.Marks) {
		if q.Topic != p.Topic || q.Num != p.Num {
			continue
		}
		if q.TopicID == (offsets.TopicID{}) || p.TopicID == (offsets.TopicID{}) {
			return p, l.Marks[q], true
		}
		if m := l.Marks[q]; !known || m.Next > mark.Next {
			at, mark, known = q, m, true
		}
	}
	return at, mark, known
}

// judge holds a position against the ends of its log.
func judge(info LogInfo, next int64, epoch int32) Verdict {
	v := Verdict{Position: next, LogStart: info.LogStart, Diverged: -1, Epoch: offsets.NoEpoch}
	warning := ""
	if epoch >= 0 && info.EpochEnd >= 0 && info.EpochEnd < next {
		v.Kind, v.Diverged, v.Epoch = FaultTruncation, info.EpochEnd, info.EpochAnswer
		v.Detail = cutText(info.EpochEnd, epoch)
		if next > info.HighWater {
			v.Diverged = min(info.EpochEnd, info.HighWater)
		}
		return v
	}
	if next > info.HighWater {
		v.Kind, v.Diverged = FaultTruncation, info.HighWater
		v.Detail = fmt.Sprintf("the log lost records that were read: it ends at %d now, read were all before %d", info.HighWater, next)
		return v
	}
	if epoch >= 0 && info.EpochEnd < 0 {
		warning = fmt.Sprintf("the broker does not know leader epoch %d, under which the record before %d was read; the end of the log alone says that the position is good", epoch, next)
	}
	if info.LogStart > next {
		v.Kind = FaultGap
		v.Detail = fmt.Sprintf("the log begins at %d now: retention or an operator removed [%d,%d) before it was read", info.LogStart, next, info.LogStart)
		return v
	}
	v.Detail = warning
	return v
}
