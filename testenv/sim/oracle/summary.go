package oracle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// unpack gives the JSON of a state string: itself, or base64 of its zstd.
func unpack(s string) ([]byte, error) {
	if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		return []byte(s), nil
	}
	packed, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("neither JSON nor base64: %w", err)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(packed, nil)
}

func into(s string, v any) error {
	text, err := unpack(s)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func topic(key string) (name, id string, err error) {
	name, id, ok := strings.Cut(key, "#")
	if !ok || name == "" {
		return "", "", fmt.Errorf("%q is no topic#id", key)
	}
	return name, id, nil
}

// ParseOffsets reads the string that holds a sink's offsets: sinker.offsets.X, or offsets in sinker.others and in the mirror.
func ParseOffsets(s string) (cluster string, marks map[Part]Mark, err error) {
	var text struct {
		Cluster string `json:"cluster"`
		Topics  map[string]struct {
			O []int64 `json:"o"`
			E []int64 `json:"e"`
			S []int64 `json:"s"`
			U []int64 `json:"u"`
			D []int64 `json:"d"`
			K []int64 `json:"k"`
			H []int64 `json:"h"`
		} `json:"t"`
	}
	if err := into(s, &text); err != nil {
		return "", nil, fmt.Errorf("offsets: %w", err)
	}
	at := func(vs []int64, i int, none int64) int64 {
		if i < len(vs) {
			return vs[i]
		}
		return none
	}
	marks = map[Part]Mark{}
	for key, t := range text.Topics {
		name, id, err := topic(key)
		if err != nil {
			return "", nil, fmt.Errorf("offsets: %w", err)
		}
		for i, o := range t.O {
			if o < 0 {
				continue
			}
			marks[Part{Topic: name, ID: id, Num: int32(i)}] = Mark{Next: o, Epoch: int32(at(t.E, i, -1)), Origin: at(t.S, i, 0), Upper: at(t.U, i, -1),
				Dead: at(t.D, i, 0), Skipped: at(t.K, i, 0), Absent: at(t.H, i, 0)}
		}
	}
	return text.Cluster, marks, nil
}

func span(s string) (Range, error) {
	from, to, ok := strings.Cut(s, "-")
	a, err1 := strconv.ParseInt(from, 10, 64)
	b, err2 := strconv.ParseInt(to, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return Range{}, fmt.Errorf("%q is no range", s)
	}
	return Range{a, b}, nil
}

// ParseSummary fills in what a snapshot's summary says about sinker: everything of s but its ids and files.
func ParseSummary(summary map[string]string, s *Snapshot) error {
	s.Sink, s.Hash = summary["sinker.sink"], summary["sinker.hash"]
	s.Operation = summary["operation"]
	_, s.WAP = summary["published-wap-id"]
	if text, ok := summary["source-snapshot-id"]; ok {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			id = -1
		}
		s.Source = id
	}
	if s.Sink == "" {
		return nil
	}
	if v := summary["sinker.v"]; v != "1" {
		return fmt.Errorf("snapshot %d: version %q", s.ID, v)
	}
	var err error
	if s.Epoch, err = strconv.ParseUint(summary["sinker.epoch"], 10, 64); err != nil {
		return fmt.Errorf("snapshot %d: epoch: %w", s.ID, err)
	}
	if ids := summary["sinker.batches"]; ids != "" {
		s.Batches = strings.Split(ids, ",")
	}
	cluster, marks, err := ParseOffsets(summary["sinker.offsets."+s.Sink])
	if err != nil {
		return fmt.Errorf("snapshot %d: %w", s.ID, err)
	}
	s.Own = &State{Carrier: s.ID, Epoch: s.Epoch, Cluster: cluster, Marks: marks}
	if err := parseRanges(summary, s); err != nil {
		return fmt.Errorf("snapshot %d: %w", s.ID, err)
	}
	_, s.Audited = summary["sinker.audit"]
	return nil
}

func parseRanges(summary map[string]string, s *Snapshot) error {
	s.Ranges, s.Others = map[Part]Range{}, map[string]State{}
	if text := summary["sinker.ranges"]; text != "" {
		var ranges map[string]map[string]string
		if err := into(text, &ranges); err != nil {
			return fmt.Errorf("ranges: %w", err)
		}
		for key, parts := range ranges {
			name, id, err := topic(key)
			if err != nil {
				return fmt.Errorf("ranges: %w", err)
			}
			for num, text := range parts {
				n, err := strconv.ParseInt(num, 10, 32)
				if err != nil {
					return fmt.Errorf("ranges: %w", err)
				}
				r, err := span(text)
				if err != nil {
					return fmt.Errorf("ranges: %w", err)
				}
				s.Ranges[Part{name, id, int32(n)}] = r
			}
		}
	}
	if text := summary["sinker.gaps"]; text != "" {
		var gaps []struct {
			Topic     string `json:"topic"`
			Partition int32  `json:"partition"`
			Range     string `json:"range"`
			Why       string `json:"why"`
		}
		if err := into(text, &gaps); err != nil {
			return fmt.Errorf("gaps: %w", err)
		}
		for _, g := range gaps {
			name, id, err := topic(g.Topic)
			if err != nil {
				return fmt.Errorf("gaps: %w", err)
			}
			r, err := span(g.Range)
			if err != nil {
				return fmt.Errorf("gaps: %w", err)
			}
			s.Gaps = append(s.Gaps, Gap{Part: Part{name, id, g.Partition}, Range: r, Why: g.Why})
		}
	}
	if text := summary["sinker.others"]; text != "" {
		var others map[string]struct {
			Carrier int64  `json:"carrier"`
			Epoch   uint64 `json:"epoch"`
			Offsets string `json:"offsets"`
		}
		if err := into(text, &others); err != nil {
			return fmt.Errorf("others: %w", err)
		}
		for sink, o := range others {
			cluster, marks, err := ParseOffsets(o.Offsets)
			if err != nil {
				return fmt.Errorf("others: sink %s: %w", sink, err)
			}
			s.Others[sink] = State{Carrier: o.Carrier, Epoch: o.Epoch, Cluster: cluster, Marks: marks}
		}
	}
	return nil
}
