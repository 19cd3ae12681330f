package catalog

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// mirrorSum is over all that a mirror says, each part on a line of its own.
func mirrorSum(snapshot int64, table uuid.UUID, epoch uint64, ledger string) string {
	text := fmt.Sprintf("%d\n%s\n%d\n%s", snapshot, table, epoch, ledger)
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(text), castagnoli))
}

// encodeMirror spells the copy of a sink's state in a table property. ledger is as encodeLedger made it.
func encodeMirror(snapshot int64, table uuid.UUID, epoch uint64, ledger string) string {
	var w jsonWriter
	fmt.Fprintf(&w, `{"snapshot":%d,"uuid":"%s","epoch":%d,"offsets":`, snapshot, table, epoch)
	w.str(ledger)
	fmt.Fprintf(&w, `,"crc":"%s"}`, mirrorSum(snapshot, table, epoch, ledger))
	return w.String()
}

// decodeMirror reads a mirror. One that is damaged, or was written for another table, is not Sound and says nothing.
func decodeMirror(s string, table uuid.UUID) commit.Mirror {
	var (
		m                commit.Mirror
		id, ledger, crc  string
		r                = newReader([]byte(s))
		snapshot, sawOff bool
	)
	r.object(func(key string) {
		switch key {
		case "snapshot":
			m.Snapshot, snapshot = r.int64(), true
		case "uuid":
			id = r.text()
		case "epoch":
			m.Epoch = r.uint64()
		case "offsets":
			ledger, sawOff = r.text(), true
		case "crc":
			crc = r.text()
		default:
			r.fail("unknown key %q", key)
		}
	})
	if r.end() != nil || !snapshot || !sawOff || id != table.String() || crc != mirrorSum(m.Snapshot, table, m.Epoch, ledger) {
		return commit.Mirror{}
	}
	l, err := decodeLedger(ledger)
	if err != nil {
		return commit.Mirror{}
	}
	m.Sound, m.Ledger = true, l
	return m
}

// encodeRanges spells what the batches of one snapshot account for, joined per partition:
// {"topic#id":{"partition":"from-to"}}. Batches of one snapshot chain, so their ranges are one run.
func encodeRanges(batches []*manifest.Manifest) (string, error) {
	joined := offsets.Ranges{}
	for _, b := range batches {
		for p, s := range b.Spans {
			j, ok := joined[p]
			switch {
			case !ok:
				joined[p] = s.Range
			case j.To != s.From:
				return "", fmt.Errorf("partition %s: range %s does not follow %s", p, s.Range, j)
			default:
				joined[p] = offsets.Range{From: j.From, To: s.To}
			}
		}
	}
	keys, parts, err := byTopic(joined)
	if err != nil {
		return "", err
	}
	var w jsonWriter
	w.WriteByte('{')
	for i, k := range keys {
		w.key(i == 0, k)
		w.WriteByte('{')
		for j, p := range parts[k] {
			w.key(j == 0, strconv.Itoa(int(p.Num)))
			w.str(fmt.Sprintf("%d-%d", joined[p].From, joined[p].To))
		}
		w.WriteByte('}')
	}
	w.WriteByte('}')
	return pack(w.Bytes()), nil
}

// DecodeRanges reads the ranges that a snapshot of ours accounts for, from the text of its summary.
func DecodeRanges(s string) (offsets.Ranges, error) {
	text, err := unpack(s)
	if err != nil {
		return nil, fmt.Errorf("ranges: %w", err)
	}
	out := offsets.Ranges{}
	r := newReader(text)
	r.object(func(key string) {
		name, id, err := parseTopicKey(key)
		if err != nil {
			r.fail("%w", err)
			return
		}
		r.object(func(key string) {
			num, err := strconv.ParseInt(key, 10, 32)
			if err != nil || num < 0 || num >= maxPartition {
				r.fail("partition %q", key)
				return
			}
			from, to, ok := strings.Cut(r.text(), "-")
			if r.err != nil {
				return
			}
			a, errA := strconv.ParseInt(from, 10, 64)
			b, errB := strconv.ParseInt(to, 10, 64)
			if !ok || errA != nil || errB != nil || a < 0 || b < a {
				r.fail("topic %q partition %d: range %q", name, num, from+"-"+to)
				return
			}
			out[offsets.Partition{TopicID: id, Topic: name, Num: int32(num)}] = offsets.Range{From: a, To: b}
		})
	})
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("ranges: %w", err)
	}
	return out, nil
}
