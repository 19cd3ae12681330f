package sink_test

import (
	"testing"

	"github.com/sinker-io/sinker/commit/committest"
)

// Brokers go and come back, one after the other, partitions and coordinators move each time, and the catalog loses answers: at no
// time is the group ahead of the table, and in the end each record is in it once.
func TestSink_GroupIsNeverAheadWhileBrokersRestart(t *testing.T) {
	w := newWorld(t, 6, "orders")
	for range 2 {
		if _, _, err := w.cluster.AddNode(-1, 0); err != nil {
			t.Fatal(err)
		}
	}
	stop := w.watchGroup("shop.orders")
	n := 0
	w.table("shop.orders").Faults(func(step committest.Step) committest.Fault {
		if step != committest.OnAppend {
			return committest.None
		}
		n++
		return []committest.Fault{committest.None, committest.LoseReply, committest.Refuse}[n%3]
	})
	r := w.start(nil, w.entry("orders", "shop.orders"))
	for round := range int64(6) {
		w.produce("orders", 6, 30)
		gone := int32(round % 3)
		if err := w.cluster.RemoveNode(gone); err != nil {
			t.Fatal(err)
		}
		w.produce("orders", 6, 30)
		w.until("it reads on from those that are left", func() bool { return sum(w.state("shop.orders")) > round*60 })
		if _, _, err := w.cluster.AddNode(gone, 0); err != nil {
			t.Fatal(err)
		}
		w.cluster.RehashCoordinators()
	}
	w.table("shop.orders").Faults(nil)
	w.until("all of it is in", func() bool { return sum(w.state("shop.orders")) == 360 })
	stop()
	w.end(r)
	w.exact("shop.orders", 360)
}
