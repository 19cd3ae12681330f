package admin

import (
	"testing"

	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/sink"
)

func TestTellDead_FrequentFirstWithTheFirstRecord(t *testing.T) {
	p := offsets.Partition{Topic: "orders", Num: 3}
	st := sink.TableStatus{Letters: "shop.dead", Dead: map[string]sink.DeadStatus{
		"not_json": {Count: 2, Partition: p, Offset: 7, Reason: "the value is no JSON"}, "bad_value": {Count: 9000, Partition: p, Offset: 5, Reason: "column id: no number"}}}
	want := "in shop.dead, as read by this process: bad_value 9000 (first: orders-3 offset 5, column id: no number); not_json 2 (first: orders-3 offset 7, the value is no JSON)"
	if got := tellDead(st); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := tellDead(sink.TableStatus{Letters: "shop.dead"}); got != "" {
		t.Errorf("without any: %q", got)
	}
}
