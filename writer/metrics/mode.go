package metrics

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/writer/shred"
)

// Kind is how much is kept of a column.
type Kind uint8

const (
	None     Kind = iota // nothing
	Counts               // how many values, nulls, NaNs
	Truncate             // bounds as well, of at most Length code points or bytes
	Full                 // bounds as they are
)

// Mode is the metrics mode of one column.
type Mode struct {
	Kind   Kind
	Length int // for Truncate, at least 1
}

// keep is how many bytes of a value decide what its bounds are: one more than the longest prefix, so that a value that
// is longer than the prefix is known to be.
func (m Mode) keep(t iceberg.Type) int {
	_, uuid := t.(iceberg.UUIDType)
	switch {
	case m.Kind == Full || uuid || m.Length > 1<<24:
		return math.MaxInt
	case isText(t):
		return m.Length*utf8.UTFMax + 1
	}
	return m.Length + 1
}

// Properties of tables that this package reads.
const (
	DefaultKey  = "write.metadata.metrics.default"
	MaxKey      = "write.metadata.metrics.max-inferred-column-defaults"
	ColumnKey   = "write.metadata.metrics.column." // followed by the dotted name of a column
	defaultMax  = 100
	defaultMode = "truncate(16)"
)

// Modes gives the mode of each leaf by the table's properties. Without a default of the table's own, only the first
// hundred (or as many as the table says) columns have metrics, as in the Java library.
func Modes(leaves []shred.Leaf, props iceberg.Properties) ([]Mode, error) {
	text, own := props[DefaultKey]
	if !own {
		text = defaultMode
	}
	def, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("table property %s: %w", DefaultKey, err)
	}
	limit := defaultMax
	if s, ok := props[MaxKey]; ok {
		if limit, err = strconv.Atoi(strings.TrimSpace(s)); err != nil || limit < 0 {
			return nil, fmt.Errorf("table property %s: %q is no count of columns", MaxKey, s)
		}
	}
	modes := make([]Mode, len(leaves))
	for i := range leaves {
		if own || i < limit {
			modes[i] = def
		}
		if s, ok := props[ColumnKey+leaves[i].Name]; ok {
			if modes[i], err = parse(s); err != nil {
				return nil, fmt.Errorf("table property %s%s: %w", ColumnKey, leaves[i].Name, err)
			}
		}
	}
	return modes, nil
}

func parse(s string) (Mode, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "none":
		return Mode{Kind: None}, nil
	case "counts":
		return Mode{Kind: Counts}, nil
	case "full":
		return Mode{Kind: Full}, nil
	}
	if inner, ok := strings.CutPrefix(s, "truncate("); ok {
		n, err := strconv.Atoi(strings.TrimSuffix(inner, ")"))
		if err == nil && n > 0 && strings.HasSuffix(inner, ")") {
			return Mode{Kind: Truncate, Length: n}, nil
		}
	}
	return Mode{}, fmt.Errorf("%q is no metrics mode: want none, counts, truncate(N) or full", s)
}
