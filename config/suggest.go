package config

import "strings"

// nearest is the candidate that was probably meant by word, or empty. also maps words of other tools to ours.
func nearest(word string, candidates []string, also map[string]string) string {
	plain := func(s string) string {
		return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(s))
	}
	w := plain(word)
	if w == "" || len(w) > 64 {
		return ""
	}
	for _, c := range candidates {
		if plain(c) == w {
			return c
		}
	}
	for k, v := range also {
		if plain(k) == w {
			return v
		}
	}
	best, bestAt := "", 1+max(1, len(w)/3)
	for _, c := range candidates {
		d := distance(w, plain(c))
		if d < bestAt && d < len(plain(c)) {
			best, bestAt = c, d
		}
	}
	if best == "" && len(w) >= 4 {
		for _, c := range candidates { // an abbreviation, or a longer word
			if p := plain(c); strings.HasPrefix(p, w) || len(p) >= 4 && strings.HasPrefix(w, p) {
				return c
			}
		}
	}
	return best
}

// distance is how many single-letter edits, swaps of neighbours included, make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
