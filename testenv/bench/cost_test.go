package bench

import (
	"runtime"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/writer"
)

// What a row may cost in a stage. These do not depend on how busy the machine is: when one of them grows, the code has changed. They are
// above what was measured by as much as it moves from run to run (an encoder that the collector took away is a hundred bytes a row),
// the size of files by a hundredth; lower them when the stage gets cheaper.
var bounds = map[string]struct {
	decodeAllocs float64 // allocations a row, from a record to columns
	allocs       float64 // allocations a row, from a record to a staged file
	bytes        float64 // allocated bytes a row, likewise
	file         float64 // bytes a row in the file
}{
	Events: {0.001, 0.02, 600, 36},
	Six:    {0.001, 0.02, 250, 15.1},
}

const costRows = 100_000

// A row costs what it did. Time is not looked at: it says more about the machine than about the code.
func TestCost_OfARowDoesNotGrow(t *testing.T) {
	for name, most := range bounds {
		t.Run(name, func(t *testing.T) {
			table, recs := costTable(t, name)
			decoder, err := decode.New("json", table.Schema, decode.Options{})
			if err != nil {
				t.Fatal(err)
			}
			rows := decode.NewRows(table.Schema)
			decodeAll := func() {
				rows.Reset()
				for i, rec := range recs {
					if i%10_000 == 0 {
						rows.Reset()
					}
					if err := decoder.Append(rows, rec); err != nil {
						t.Fatal(err)
					}
				}
			}
			decodeAll() // columns have their size now, and keys and dates are known
			decoded := allocated(decodeAll)

			var spares writer.Spares
			cfg := writer.Config{Sink: "bench", Decoder: decoder, Spares: &spares}
			var m *manifest.Manifest
			stageAll := func() {
				if m, err = stage(t, table, cfg, recs); err != nil {
					t.Fatal(err)
				}
			}
			stageAll() // likewise
			staged := allocated(stageAll)

			t.Logf("a row: %.4f allocations to decode; %.4f allocations, %.1f bytes to stage; %.2f bytes in the file", decoded.number, staged.number, staged.bytes, float64(m.Bytes)/costRows)
			for _, c := range []struct {
				what      string
				got, most float64
			}{
				{"allocations to decode a row", decoded.number, most.decodeAllocs},
				{"allocations to stage a row", staged.number, most.allocs},
				{"bytes allocated to stage a row", staged.bytes, most.bytes},
				{"bytes of a row in the file", float64(m.Bytes) / costRows, most.file},
			} {
				if c.got > c.most {
					t.Errorf("%s: %.4f, want at most %.4f", c.what, c.got, c.most)
				}
			}
		})
	}
}

// costTable is a table in a folder, and the records of a shape.
func costTable(t *testing.T, name string) (writer.Table, []*kgo.Record) {
	t.Helper()
	shape, err := shapeOf(name)
	if err != nil {
		t.Fatal(err)
	}
	sc, spec, err := shape.schema()
	if err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(storage.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	recs := make([]*kgo.Record, costRows)
	for i := range recs {
		recs[i] = &kgo.Record{Offset: int64(i), Value: shape.append(nil, int64(i))}
	}
	return writer.Table{Name: "bench.cost", UUID: uuid.New(), Location: "file://" + t.TempDir(), Schema: sc, Spec: spec, FormatVersion: 2, Store: store}, recs
}

// stage puts the records into one file, in runs as a source delivers them.
func stage(t *testing.T, table writer.Table, cfg writer.Config, recs []*kgo.Record) (*manifest.Manifest, error) {
	p := offsets.Partition{TopicID: offsets.TopicID{1}, Topic: "bench"}
	b := writer.NewBatch(table, cfg, 0, offsets.Position{p: 0})
	defer b.Abort()
	const perRun = 2000
	for at := 0; at < len(recs); at += perRun {
		end := min(at+perRun, len(recs))
		if err := b.Append(t.Context(), writer.Run{Partition: p, Range: offsets.Range{From: int64(at), To: int64(end)}, Records: recs[at:end]}); err != nil {
			return nil, err
		}
	}
	return b.Seal(t.Context())
}

// perRow is what something allocated, by the number of rows.
type perRow struct{ number, bytes float64 }

func allocated(work func()) perRow {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return perRow{float64(after.Mallocs-before.Mallocs) / costRows, float64(after.TotalAlloc-before.TotalAlloc) / costRows}
}
