package source

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A topic's time may be the producer's, one a record, or the broker's, one a batch: a record has the time that its topic means.
func TestDecode_TimesAreThoseOfTheTopic(t *testing.T) {
	const first, last = 1_700_000_000_000, 1_800_000_000_000 // of the batch that pack writes
	for _, c := range []struct {
		what  string
		attrs int16
		want  func(offset int64) int64 // in ms
	}{
		{"the producer's", 0, func(o int64) int64 { return first + o }},
		{"the broker's", 0x08, func(int64) int64 { return last }},
	} {
		raw := pack(0, 4, c.attrs, -1, []int64{0, 1, 4}, func(o int64) (key, val []byte) { return nil, fmt.Appendf(nil, "%d", o) })
		runs, faults := decodeAlone(t, 0, &kmsg.FetchResponseTopicPartition{RecordBatches: raw, LastStableOffset: 5, HighWatermark: 5}, 1<<20)
		if len(faults) > 0 || len(runs) != 1 || len(runs[0].Recs) != 3 {
			t.Fatalf("%s time: %v, faults %v", c.what, runs, faults)
		}
		for _, r := range runs[0].Recs {
			if got := r.Timestamp.UnixMilli(); got != c.want(r.Offset) {
				t.Errorf("%s time: record %d has %d, want %d", c.what, r.Offset, got, c.want(r.Offset))
			}
		}
	}
}
