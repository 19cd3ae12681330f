package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
)

// encodeSummary is what a snapshot of ours says about itself, beside Iceberg's counters. ledger is the spelled state,
// which the mirror repeats.
func encodeSummary(c commit.Change) (props map[string]string, ledger string, err error) {
	if ledger, err = encodeLedger(c.Ledger); err != nil {
		return nil, "", fmt.Errorf("spell the state: %w", err)
	}
	ranges, err := encodeRanges(c.Batches)
	if err != nil {
		return nil, "", fmt.Errorf("spell the ranges: %w", err)
	}
	others, err := encodeOthers(c.Others)
	if err != nil {
		return nil, "", fmt.Errorf("spell the states of others: %w", err)
	}
	ids := make([]string, len(c.Batches))
	for i, b := range c.Batches {
		ids[i] = b.ID.String()
	}
	props = map[string]string{
		keySink:             c.Sink,
		keyVersion:          strconv.Itoa(stateVersion),
		keyEpoch:            strconv.FormatUint(c.Epoch, 10),
		keyHash:             c.Hash,
		keyBatches:          strings.Join(ids, ","),
		keyRanges:           ranges,
		keyOffsets + c.Sink: ledger,
		keyEngine:           engineName,
	}
	if others != "" {
		props[keyOthers] = others
	}
	if len(c.Gaps) > 0 {
		props[keyGaps] = encodeGaps(c.Gaps)
	}
	if c.Audit != nil {
		text, err := json.Marshal(c.Audit)
		if err != nil {
			return nil, "", fmt.Errorf("spell the audit: %w", err)
		}
		props[keyAudit] = string(text)
	}
	return props, ledger, nil
}

func encodeGaps(gaps []commit.Gap) string {
	var w jsonWriter
	w.WriteByte('[')
	for i, g := range gaps {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteByte('{')
		w.key(true, "topic")
		w.str(topicKey(g.Partition.Topic, g.Partition.TopicID))
		fmt.Fprintf(&w, `,"partition":%d,"range":"%d-%d"`, g.Partition.Num, g.Range.From, g.Range.To)
		w.key(false, "why")
		w.str(g.Why)
		w.WriteByte('}')
	}
	w.WriteByte(']')
	return pack(w.Bytes())
}

// decodeSnapshot reads what the rules need of one snapshot. It never fails: what cannot be read of a snapshot of
// ours is said in Broken.
func decodeSnapshot(s table.Snapshot) commit.Snapshot {
	out := commit.Snapshot{ID: s.SnapshotID, Sequence: s.SequenceNumber, Time: time.UnixMilli(s.TimestampMs)}
	if s.ParentSnapshotID != nil && *s.ParentSnapshotID > 0 {
		out.Parent = *s.ParentSnapshotID
	}
	if s.Summary == nil {
		return out
	}
	p := s.Summary.Properties
	out.Operation = string(s.Summary.Operation)
	if src, ok := p[keySource]; ok {
		// A source that cannot be read may be any snapshot: it is kept as one that exists nowhere.
		if id, err := strconv.ParseInt(src, 10, 64); err == nil && id != 0 {
			out.Source = id
		} else {
			out.Source = -1
		}
	}
	_, out.WAP = p[keyWAP]
	sink, ours := p[keySink]
	if !ours {
		return out
	}
	out.Sink, out.Hash = sink, p[keyHash]
	if err := decodeState(p, &out); err != nil {
		out.Ledger, out.Broken = nil, err.Error()
	}
	return out
}

func decodeState(p map[string]string, out *commit.Snapshot) error {
	var errs []error
	if !ValidSink(out.Sink) {
		errs = append(errs, fmt.Errorf("sink id %q is none", out.Sink))
	}
	v, err := strconv.Atoi(p[keyVersion])
	if err != nil || v < 1 {
		errs = append(errs, fmt.Errorf("%s is %q", keyVersion, p[keyVersion]))
	}
	out.Version = v
	if v > stateVersion {
		return errors.New("was written by a newer sinker") // its other keys may mean anything
	}
	if out.Epoch, err = strconv.ParseUint(p[keyEpoch], 10, 64); err != nil {
		errs = append(errs, fmt.Errorf("%s is %q", keyEpoch, p[keyEpoch]))
	}
	if ids := p[keyBatches]; ids != "" {
		for id := range strings.SplitSeq(ids, ",") {
			u, err := uuid.Parse(id)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %q is no uuid", keyBatches, id))
				break
			}
			out.Batches = append(out.Batches, u)
		}
	}
	if l, err := decodeLedger(p[keyOffsets+out.Sink]); err != nil {
		errs = append(errs, err)
	} else {
		out.Ledger = &l
	}
	// Others that cannot be read are as good as none (they only help), so they break nothing.
	if s, ok := p[keyOthers]; ok {
		if o, err := decodeOthers(s); err == nil {
			out.Others = o
		}
	}
	return errors.Join(errs...)
}
