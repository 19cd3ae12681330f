package admin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sinker-io/sinker/sink"
)

// unknownField is a field that records have and the table has not.
type unknownField struct {
	name  string // dotted path; empty: all beyond those counted by name
	times int64
}

// unknownFields lists them, the most frequent first, the nameless rest last.
func unknownFields(t sink.TableStatus) []unknownField {
	var out []unknownField
	for name, n := range maps.All(t.Unknown) {
		out = append(out, unknownField{name, n})
	}
	slices.SortFunc(out, func(a, b unknownField) int {
		if (a.name == "") != (b.name == "") {
			return cmp.Compare(b.name, a.name)
		}
		return cmp.Or(cmp.Compare(b.times, a.times), cmp.Compare(a.name, b.name))
	})
	return out
}

const shownUnknown = 8

// tellUnknown names them for the page: "debug (12), user.agent (3), and 4 more".
func tellUnknown(fields []unknownField) string {
	var parts []string
	for i, f := range fields {
		if i == shownUnknown {
			parts = append(parts, fmt.Sprintf("and %d more", len(fields)-i))
			break
		}
		name := visible(f.name)
		if f.name == "" {
			name = "others"
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", name, count(f.times)))
	}
	return strings.Join(parts, ", ")
}
