package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sinker-io/sinker/sink"
)

// deadCode is the dead letters of one code.
type deadCode struct {
	code string
	sink.DeadStatus
}

// deadCodes lists them, the most frequent first.
func deadCodes(t sink.TableStatus) []deadCode {
	var out []deadCode
	for code, d := range t.Dead {
		out = append(out, deadCode{code, d})
	}
	slices.SortFunc(out, func(a, b deadCode) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.code, b.code)) })
	return out
}

// tellDead names them for the page, with the first record of each: "not_json 12 (first: orders-0 offset 5, the value is no JSON)".
func tellDead(t sink.TableStatus) string {
	var parts []string
	for i, d := range deadCodes(t) {
		if i == shownUnknown {
			parts = append(parts, fmt.Sprintf("and %d more", len(t.Dead)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %s (first: %s offset %d, %s)", visible(d.code), count(d.Count), visible(d.Partition.String()), d.Offset, visible(d.Reason)))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("in %s, as read by this process: %s", visible(t.Letters), strings.Join(parts, "; "))
}
