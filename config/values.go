package config

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// value is a scalar of a type of its own. parse leaves the value as it was if it returns a complaint.
type value interface {
	parse(text string) *complaint
	kind() string // for people: "duration"
}

// complaint is what is wrong with a value, before anybody knows where it stands.
type complaint struct {
	what, want string
	guess      string // the value that was probably meant
	hint       string // a whole phrase, instead of a guess
}

// Duration is a span of time, written 10s, 1h30m, 7d.
type Duration time.Duration

// Std is the duration as the standard library knows it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (Duration) kind() string { return "duration" }

var durationForm = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$`)
var durationPart = regexp.MustCompile(`([0-9.]+)d`)

func (d *Duration) parse(text string) *complaint {
	c := &complaint{what: "is not a duration", want: "a number with a unit, as in 500ms, 10s, 5m, 24h or 7d"}
	if !durationForm.MatchString(text) {
		if _, err := strconv.ParseFloat(text, 64); err == nil && !strings.HasPrefix(text, "-") {
			c.what, c.guess = "has no unit", text+"s"
		} else if fixed := lenientUnit(text, durationWords); fixed != "" {
			c.guess = fixed
		}
		return c
	}
	hours := durationPart.ReplaceAllStringFunc(text, func(p string) string {
		days, _ := strconv.ParseFloat(strings.TrimSuffix(p, "d"), 64)
		return strconv.FormatFloat(days*24, 'f', -1, 64) + "h"
	})
	v, err := time.ParseDuration(hours)
	if err != nil {
		c.what = "is too long a duration"
		return c
	}
	*d = Duration(v)
	return nil
}

// String spells the duration as the file would: 10s, 24h, 1h30m.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalJSON spells the duration as String does.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// Size is a number of bytes, written 128MiB, 64KiB, 1GB.
type Size int64

func (Size) kind() string { return "size" }

var sizeForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s?([A-Za-z]+)$`)

var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
}

func (s *Size) parse(text string) *complaint {
	c := &complaint{what: "is not a size", want: "a number with a unit, as in 64KiB, 128MiB or 1GiB"}
	m := sizeForm.FindStringSubmatch(text)
	if m == nil {
		if _, err := strconv.ParseFloat(text, 64); err == nil && !strings.HasPrefix(text, "-") {
			c.what = "has no unit"
			if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 1<<20 {
				c.guess = Size(n).String()
			} else {
				c.guess = text + "MiB"
			}
		}
		return c
	}
	for _, u := range sizeUnits {
		if m[2] != u.name {
			continue
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		if n*u.bytes >= math.MaxInt64 {
			c.what = "is too large a size"
			return c
		}
		*s = Size(n * u.bytes)
		return nil
	}
	if fixed := lenientUnit(text, sizeWords); fixed != "" {
		c.guess = fixed
	}
	return c
}

// String spells the size in the largest binary unit that gives a whole number.
func (s Size) String() string {
	for _, u := range []struct {
		name string
		n    int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if int64(s) >= u.n && int64(s)%u.n == 0 {
			return fmt.Sprintf("%d%s", int64(s)/u.n, u.name)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// MarshalJSON spells the size as String does.
func (s Size) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

var durationWords = map[string]string{
	"sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"hour": "h", "hours": "h", "hr": "h", "day": "d", "days": "d", "msec": "ms", "millis": "ms", "w": "", "S": "s", "M": "m", "H": "h", "D": "d",
	"s": "s", "m": "m", "h": "h", "d": "d", "ms": "ms",
}

var sizeWords = map[string]string{
	"k": "KiB", "kb": "KiB", "kib": "KiB", "m": "MiB", "mb": "MiB", "mib": "MiB", "g": "GiB", "gb": "GiB", "gib": "GiB", "t": "TiB",
	"K": "KiB", "M": "MiB", "G": "GiB", "Ki": "KiB", "Mi": "MiB", "Gi": "GiB", "ki": "KiB", "mi": "MiB", "gi": "GiB", "T": "TiB",
	"Mb": "MiB", "Kb": "KiB", "Gb": "GiB", "MIB": "MiB", "GIB": "GiB", "KIB": "KiB", "b": "B", "bytes": "B",
}

var numberWithWord = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)$`)

// lenientUnit is the value that was probably meant by one whose unit is spelled in another way.
func lenientUnit(text string, words map[string]string) string {
	m := numberWithWord.FindStringSubmatch(text)
	if m == nil || words[m[2]] == "" {
		return ""
	}
	return m[1] + words[m[2]]
}

// Share is a part of a whole, 0 to 1, written 10%; Off means that there is no bound.
type Share float64

// Off is a Share without a bound.
const Off Share = -1

func (Share) kind() string { return "percentage" }

func (s *Share) parse(text string) *complaint {
	c := &complaint{what: "is not a percentage", want: "0% to 100%, or off"}
	if text == "off" {
		*s = Off
		return nil
	}
	number, ok := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	switch {
	case err != nil || math.IsNaN(n):
		return c
	case !ok:
		c.what, c.guess = "has no percent sign", text+"%"
		if n > 0 && n < 1 {
			c.guess = strconv.FormatFloat(n*100, 'f', -1, 64) + "%"
		}
		return c
	case n < 0 || n > 100:
		c.what = "is out of range"
		return c
	}
	*s = Share(n / 100)
	return nil
}

func (s Share) String() string {
	if s == Off {
		return "off"
	}
	return strconv.FormatFloat(float64(s)*100, 'f', -1, 64) + "%"
}

// MarshalJSON spells the share as String does.
func (s Share) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// Start is where a table without offsets begins.
type Start struct {
	At   string    // earliest | latest | time
	Time time.Time // if At is time
}

func (Start) kind() string { return "start" }

func (s *Start) parse(text string) *complaint {
	c := &complaint{what: "is not a start", want: "earliest, latest or time:2026-01-31T00:00:00Z"}
	if text == "earliest" || text == "latest" {
		*s = Start{At: text}
		return nil
	}
	stamp, ok := strings.CutPrefix(text, "time:")
	if !ok {
		if _, err := time.Parse(time.RFC3339, text); err == nil {
			c.guess = "time:" + text
		} else {
			c.guess = nearest(text, []string{"earliest", "latest"}, map[string]string{"beginning": "earliest", "end": "latest", "oldest": "earliest", "newest": "latest", "first": "earliest", "last": "latest"})
		}
		return c
	}
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		c.what = "does not hold an RFC 3339 time after time:"
		if d, err := time.Parse("2006-01-02", stamp); err == nil {
			c.guess = "time:" + d.Format(time.RFC3339)
		} else if d, err := time.Parse("2006-01-02T15:04:05", strings.Replace(stamp, " ", "T", 1)); err == nil {
			c.guess = "time:" + d.Format(time.RFC3339)
		}
		return c
	}
	*s = Start{At: "time", Time: t}
	return nil
}

func (s Start) String() string {
	if s.At == "time" {
		return "time:" + s.Time.Format(time.RFC3339Nano)
	}
	return s.At
}

// MarshalJSON spells the start as String does.
func (s Start) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

func (Topic) kind() string { return "topic" }

var topicForm = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func (t *Topic) parse(text string) *complaint {
	c := &complaint{what: "is not a topic name", want: "1 to 249 of letters, digits, '.', '_' and '-', or a /regular expression/"}
	if strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/") {
		body, ok := strings.CutPrefix(text, "/")
		body, ok2 := strings.CutSuffix(body, "/")
		if !ok || !ok2 || body == "" {
			c.what, c.guess = "is half a regular expression", "/"+strings.Trim(text, "/")+"/"
			if strings.Trim(text, "/") == "" {
				c.guess = ""
			}
			return c
		}
		re, err := regexp.Compile(`\A(?:` + body + `)\z`)
		if err != nil {
			c.what, c.want = "is not a regular expression: "+plainRegexpError(err), "RE2 syntax, matched against the whole name"
			return c
		}
		*t = Topic{Pattern: re, Text: text}
		return nil
	}
	if text == "." || text == ".." || !topicForm.MatchString(text) {
		if strings.ContainsAny(text, "*[]()|+?^$\\") {
			if guess := strings.ReplaceAll(text, "*", ".*"); strings.HasSuffix(text, "*") && !strings.HasSuffix(text, ".*") {
				c.guess = "/" + guess + "/"
			} else {
				c.guess = "/" + text + "/"
			}
		}
		return c
	}
	*t = Topic{Name: text, Text: text}
	return nil
}

func plainRegexpError(err error) string {
	s := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	if i := strings.Index(s, ": `"); i >= 0 {
		s = s[:i]
	}
	return s
}

// MarshalJSON gives the topic as it was written.
func (t Topic) MarshalJSON() ([]byte, error) { return json.Marshal(t.Text) }
