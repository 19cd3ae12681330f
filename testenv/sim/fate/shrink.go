package fate

// Shrink looks for a part of a trace that fails as well: first halves, then smaller and smaller pieces are taken out for as
// long as what is left still fails. fails is called at most tries times. The result is t itself if nothing can go.
func Shrink(t Trace, tries int, fails func(Trace) bool) Trace {
	for size := (len(t) + 1) / 2; size > 0 && len(t) > 0; {
		gone := false
		for from := 0; from < len(t) && tries > 0; {
			without := append(append(Trace{}, t[:from]...), t[min(from+size, len(t)):]...)
			tries--
			if fails(without) {
				t, gone = without, true
				continue
			}
			from += size
		}
		switch {
		case tries <= 0:
			return t
		case size > 1:
			size = min((size+1)/2, (len(t)+1)/2)
			if size == 0 {
				return t
			}
		case !gone:
			return t
		}
	}
	return t
}
