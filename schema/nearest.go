package schema

import "strings"

// nearest says which of known is closest to name, or lists them all where none is close.
func nearest(name string, known []string) string {
	best, at := -1, 3
	for i, k := range known {
		if n := distance(strings.ToLower(name), k, at); n < at {
			best, at = i, n
		}
	}
	if best >= 0 && at*2 <= max(2, len(name)) {
		return "did you mean " + known[best] + "?"
	}
	return "known are " + strings.Join(known, ", ")
}

// distance is how many letters must be added, removed, changed or swapped with their neighbour; at least most if more.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
