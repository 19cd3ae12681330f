package admin

import (
	"testing"

	"github.com/sinker-io/sinker/sink"
)

func TestUnknownFields_FrequentFirstNamelessLast(t *testing.T) {
	fields := unknownFields(sink.TableStatus{Unknown: map[string]int64{"a": 1, "b": 5, "": 100, "c": 5}})
	if got, want := tellUnknown(fields), "b (5), c (5), a (1), others (100)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	many := map[string]int64{}
	for _, c := range "abcdefghijklmnop" {
		many[string(c)] = 1
	}
	if got, want := tellUnknown(unknownFields(sink.TableStatus{Unknown: many})), "a (1), b (1), c (1), d (1), e (1), f (1), g (1), h (1), and 8 more"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := tellUnknown(unknownFields(sink.TableStatus{})); got != "" {
		t.Errorf("%q where there is none", got)
	}
}
