package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// thin is a narrow space that does not break: the group separator of ISO 80000.
const thin = "\u202f"

// count spells n exactly, with its digits in groups of three.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "\u2212", s[1:]
	}
	if len(s) <= 4 { // 1234 reads well as it is
		return sign + s
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteString(thin)
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// size spells bytes with three digits that matter.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + thin + "B"
	}
	f, u := float64(n)/1024, 0
	for f >= 999.5 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	return digits(f) + thin + units[u:u+1] + "iB"
}

// rate spells a number of things per second.
func rate(f float64) string {
	switch {
	case f <= 0 || f != f: // nothing, or not a number
		return "0"
	case f < 100:
		return digits(f)
	default:
		return count(int64(f + 0.5))
	}
}

func digits(f float64) string {
	switch {
	case f < 9.995:
		return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 2, 64), ".00")
	case f < 99.95:
		return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0")
	default:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
}

// duration spells d in at most two units.
func duration(d time.Duration) string {
	sp := func(n int64, unit string) string { return strconv.FormatInt(n, 10) + thin + unit }
	switch {
	case d <= 0:
		return "0" + thin + "s" // or clocks that disagree
	case d < time.Millisecond:
		return sp(d.Microseconds(), "µs")
	case d < time.Second:
		return sp(d.Milliseconds(), "ms")
	case d < 10*time.Second:
		return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + thin + "s"
	case d < time.Minute:
		return sp(int64(d.Seconds()+0.5), "s")
	case d < time.Hour:
		return two(sp(int64(d/time.Minute), "min"), int64(d%time.Minute/time.Second), "s")
	case d < 48*time.Hour:
		return two(sp(int64(d/time.Hour), "h"), int64(d%time.Hour/time.Minute), "min")
	default:
		return two(sp(int64(d/(24*time.Hour)), "d"), int64(d%(24*time.Hour)/time.Hour), "h")
	}
}

func two(big string, n int64, unit string) string {
	if n == 0 {
		return big
	}
	return big + " " + strconv.FormatInt(n, 10) + thin + unit
}

// seconds is duration for the gauges, which are floats.
func seconds(f float64) string {
	if f != f || f <= 0 {
		return "0" + thin + "s"
	}
	return duration(time.Duration(min(f, 1e9) * float64(time.Second)))
}

// ago tells how long before now t was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	if d := now.Sub(t); d >= time.Second {
		return duration(d.Truncate(time.Second)) + " ago"
	}
	return "just now"
}

// visible makes a name or message safe to look at: control characters, line ends and marks that turn the
// direction of writing are spelt out, so that a hostile name can neither forge a line nor hide one.
func visible(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	bad := func(r rune) bool { return unicode.Is(unicode.C, r) || r == '\u2028' || r == '\u2029' }
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if bad(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
