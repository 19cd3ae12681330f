package judge

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Differ lists how two answers to the same question differ, in words; what either cannot tell is not compared. No
// difference is an empty list.
func Differ(wantFrom string, want Answer, gotFrom string, got Answer) []string {
	var out []string
	tell := func(what string, a, b any) {
		out = append(out, fmt.Sprintf("%s: %s says %v, %s says %v", what, wantFrom, a, gotFrom, b))
	}
	if want.Rows != got.Rows {
		tell("rows", want.Rows, got.Rows)
	}
	for _, name := range slices.Sorted(maps.Keys(want.Columns)) {
		w, g := want.Columns[name], got.Columns[name]
		if w.Nulls != nil && g.Nulls != nil && *w.Nulls != *g.Nulls {
			tell(name+" nulls", *w.Nulls, *g.Nulls)
		}
		for _, f := range []struct {
			what string
			w, g *string
		}{{"sum", w.Sum, g.Sum}, {"min", w.Min, g.Min}, {"max", w.Max, g.Max}} {
			if (f.w == nil) != (f.g == nil) || f.w != nil && *f.w != *f.g && !sameFloat(*f.w, *f.g) {
				tell(name+" "+f.what, text(f.w), text(f.g))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want.Distinct)) {
		if want.Distinct[name] != got.Distinct[name] {
			tell(name+" distinct", want.Distinct[name], got.Distinct[name])
		}
	}
	if want.Spans != nil && got.Spans != nil {
		keys := slices.Sorted(maps.Keys(want.Spans))
		for k := range got.Spans {
			if _, ok := want.Spans[k]; !ok {
				keys = append(keys, k)
			}
		}
		for _, k := range keys {
			if want.Spans[k] != got.Spans[k] {
				tell("partition "+k, want.Spans[k], got.Spans[k])
			}
		}
	}
	if want.Filtered != nil && got.Filtered != nil && *want.Filtered != *got.Filtered {
		tell("filtered rows", *want.Filtered, *got.Filtered)
	}
	return out
}

// sameFloat tells whether both are sums of floating point that differ only by the order of adding.
func sameFloat(a, b string) bool {
	if !strings.Contains(a, "e") || !strings.Contains(b, "e") {
		return false
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 1e-6*math.Max(math.Abs(x), math.Abs(y))
}

func text(s *string) string {
	if s == nil {
		return "nothing"
	}
	return *s
}
