package decode

// Seconds of the first and the last instant that a column takes: the years 0001 to 9999.
const (
	minSecond = -62135596800
	maxSecond = 253402300799
	daySecond = 86400
)

// clock is a moment as it was written: a date, a time of day, and how far its zone is ahead of UTC.
type clock struct {
	days   int64 // since 1970-01-01
	second int64 // of the day
	nano   int64 // of the second
	ahead  int64 // seconds
	zoned  bool
}

// unix is the second since 1970-01-01T00:00:00 UTC.
func (c clock) unix() int64 { return c.days*daySecond + c.second - c.ahead }

// parseDate reads YYYY-MM-DD, and nothing more, of the years 0001 to 9999.
func parseDate(s []byte) (days int64, ok bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	y1, ok1 := two(s, 0)
	y2, ok2 := two(s, 2)
	m, ok3 := two(s, 5)
	d, ok4 := two(s, 8)
	y := y1*100 + y2
	if !ok1 || !ok2 || !ok3 || !ok4 || y < 1 || m < 1 || m > 12 || d < 1 || d > monthDays(y, m) {
		return 0, false
	}
	return civilDays(y, m, d), true
}

// parseClock reads HH:MM:SS with up to nine digits of a second, and gives what follows it.
func parseClock(s []byte) (second, nano int64, rest []byte, ok bool) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return 0, 0, nil, false
	}
	h, ok1 := two(s, 0)
	m, ok2 := two(s, 3)
	sec, ok3 := two(s, 6)
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || sec > 59 {
		return 0, 0, nil, false
	}
	rest = s[8:]
	if len(rest) > 0 && rest[0] == '.' {
		i := 1
		for i < len(rest) && rest[i]-'0' < 10 {
			if i > 9 {
				return 0, 0, nil, false
			}
			nano = nano*10 + int64(rest[i]-'0')
			i++
		}
		if i == 1 {
			return 0, 0, nil, false
		}
		for j := i; j < 10; j++ {
			nano *= 10
		}
		rest = rest[i:]
	}
	return h*3600 + m*60 + sec, nano, rest, true
}

// parseZone reads Z, ±hh, ±hhmm or ±hh:mm.
func parseZone(s []byte) (ahead int64, ok bool) {
	if len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	if len(s) == 6 && s[3] == ':' {
		s = append(append(make([]byte, 0, 8), s[:3]...), s[4:]...)
	}
	if len(s) != 3 && len(s) != 5 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, ok := two(s, 1)
	m := int64(0)
	if ok && len(s) == 5 {
		m, ok = two(s, 3)
	}
	if !ok || h > 23 || m > 59 {
		return 0, false
	}
	if s[0] == '-' {
		return -(h*3600 + m*60), true
	}
	return h*3600 + m*60, true
}

// parseTimestamp reads a date, T or a space, a time and perhaps a zone.
func parseTimestamp(s []byte) (c clock, ok bool) {
	if len(s) < 19 || s[10] != 'T' && s[10] != ' ' {
		return c, false
	}
	if c.days, ok = parseDate(s[:10]); !ok {
		return c, false
	}
	var rest []byte
	if c.second, c.nano, rest, ok = parseClock(s[11:]); !ok {
		return c, false
	}
	if len(rest) == 0 {
		return c, true
	}
	c.zoned = true
	c.ahead, ok = parseZone(rest)
	return c, ok
}

func two(s []byte, i int) (int64, bool) {
	a, b := s[i]-'0', s[i+1]-'0'
	return int64(a)*10 + int64(b), a < 10 && b < 10
}

func monthDays(y, m int64) int64 {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// civilDays counts the days from 1970-01-01 to a date of the proleptic Gregorian calendar, y being at least 1. The year is taken to
// begin in March, so that the leap day is its last one.
func civilDays(y, m, d int64) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 719468
}

// units are the units that numbers in temporal columns may have, as a power of ten per second; days have none.
var units = map[string]int{"s": 0, "ms": 3, "us": 6, "ns": 9, "days": unitDays}

const unitDays = -1

// The window in which a number without a declared unit must fall: 1980-01-01 to the end of 2199, as seconds.
const (
	firstSecond = 315532800
	lastSecond  = 7258118399
)

// floorDiv divides toward the past.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// nanos is second and nano as one count of nanoseconds; fits is false outside of what 64 bits hold (1677 to 2262).
func nanos(second, nano int64) (v int64, fits bool) {
	const lo, loNano, hi, hiNano = -9223372037, 145224192, 9223372036, 854775807
	if second < lo || second > hi || second == lo && nano < loNano || second == hi && nano > hiNano {
		return 0, false
	}
	if second < 0 {
		return (second+1)*1e9 + (nano - 1e9), true
	}
	return second*1e9 + nano, true
}
