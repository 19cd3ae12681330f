package admin

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestFormat_ReadsWell(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"},
		{count(1234), "1234"},
		{count(12345), "12 345"},
		{count(-1234567), "−1 234 567"},
		{count(math.MaxInt64), "9 223 372 036 854 775 807"},
		{count(math.MinInt64), "−9 223 372 036 854 775 808"},
		{size(0), "0 B"},
		{size(1023), "1023 B"},
		{size(1024), "1 KiB"},
		{size(1<<20 - 1), "1 MiB"},
		{size(123 << 20), "123 MiB"},
		{size(math.MaxInt64), "8 EiB"},
		{rate(0.4), "0.40"},
		{rate(math.NaN()), "0"},
		{rate(12.34), "12.3"},
		{rate(11980.4), "11 980"},
		{duration(0), "0 s"},
		{duration(-time.Hour), "0 s"},
		{duration(250 * time.Microsecond), "250 µs"},
		{duration(348 * time.Millisecond), "348 ms"},
		{duration(2 * time.Second), "2 s"},
		{duration(9940 * time.Millisecond), "9.9 s"},
		{duration(95 * time.Second), "1 min 35 s"},
		{duration(3 * time.Hour), "3 h"},
		{duration(75 * time.Hour), "3 d 3 h"},
		{seconds(math.Inf(1)), "11574 d 1 h"},
		{seconds(math.NaN()), "0 s"},
		{ago(time.Time{}, noon), "never"},
		{ago(noon.Add(time.Minute), noon), "just now"},
		{ago(noon.Add(-time.Minute), noon), "1 min ago"},
		{visible("plain é 漢"), "plain é 漢"},
		{visible("a\nb\x00c\u202ed\u2028\xff"), "a\\u000ab\\u0000c\\u202ed\\u2028\ufffd"},
	} {
		if got := strings.ReplaceAll(c.got, thin, " "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
