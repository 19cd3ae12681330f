package docs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// hazards are the numbers that the proof must have a line for.
var hazards = []struct {
	letter      string
	first, last int
}{{"A", 1, 15}, {"B", 1, 17}, {"C", 1, 14}, {"E", 1, 12}, {"P", 1, 33}, {"P", 88, 116}}

// Every hazard has one line, which names a case or a test that is there, or stands among the holes.
func TestProof_EveryHazardHasItsLine(t *testing.T) {
	page, known := read(t, "proof.md"), map[string]bool{}
	testsExist(t, page, 20)
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z][a-z]+ \d+) \|`).FindAllStringSubmatch(read(t, "cases.md"), -1) {
		known[m[1]] = true
	}
	shown, holes, ok := strings.Cut(page, "\n## Holes\n")
	if !ok {
		t.Fatal("the holes are not listed")
	}
	link := regexp.MustCompile(`\[([A-Z][a-z]+ \d+)\]\(cases\.md#`)
	for _, m := range link.FindAllStringSubmatch(page, -1) {
		if !known[m[1]] {
			t.Errorf("cases.md has no %s", m[1])
		}
	}
	for _, h := range hazards {
		for n := h.first; n <= h.last; n++ {
			row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %s%d \|.*$`, h.letter, n))
			lines, missing := row.FindAllString(shown, -1), row.FindAllString(holes, -1)
			if len(lines)+len(missing) != 1 {
				t.Errorf("%s%d has %d lines, and %d among the holes", h.letter, n, len(lines), len(missing))
			}
			for _, l := range lines {
				if !link.MatchString(l) && !testNamed.MatchString(l) {
					t.Errorf("%s%d is shown by nothing: %s", h.letter, n, l)
				}
			}
		}
	}
}
