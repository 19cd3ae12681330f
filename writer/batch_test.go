package writer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

func TestBatch_EveryOffsetHasOneFate(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	w.cfg.OnBad = func(offsets.Partition, *kgo.Record, *decode.RecordError) error { return nil }
	var skipped []string
	w.cfg.OnSkip = func(p offsets.Partition, rec *kgo.Record, why error) {
		skipped = append(skipped, fmt.Sprintf("%s %d %v", p, rec.Offset, errors.Is(why, decode.ErrTombstone)))
	}
	b := w.batch()
	if !b.Empty() || !b.Started().IsZero() || b.StagedBytes() != 0 {
		t.Error("a new batch is not empty")
	}
	w.append(b, run(100, `{"id":1,"name":"a"}`, "-", `{"id":"x"}`, "null!", `{"id":2}`, "-"))
	w.append(b, run(106, "-", `{"id":3,"name":null}`))
	if b.Empty() || b.Rows() != 3 || b.Started().IsZero() || b.OldestRecord().UnixMilli() != 1_700_000_000_000 || b.Held() == 0 {
		t.Errorf("rows %d, started %v, oldest %v, held %d", b.Rows(), b.Started(), b.OldestRecord(), b.Held())
	}
	m := w.seal(b)
	want := manifest.Span{Range: offsets.Range{From: 100, To: 108}, LeaderEpoch: 4, Counts: manifest.Counts{Rows: 3, Skipped: 2, Holes: 3}}
	if got := m.Spans[orders]; got != want {
		t.Errorf("span %+v, want %+v", got, want)
	}
	if got := lines(skipped...); got != "orders-3 102 false\norders-3 103 true" {
		t.Errorf("skipped: %s", got)
	}
	if m.Epoch != 7 || m.SchemaID != 3 || m.SpecID != 0 || m.TableUUID != w.table.UUID || m.ID != b.ID() {
		t.Errorf("manifest %+v", m)
	}
	got := lines(w.all(m)...)
	if got != lines(`{"id":1,"name":"a"}`, `{"id":2,"name":null}`, `{"id":3,"name":null}`) {
		t.Errorf("rows:\n%s", got)
	}
	if !strings.HasPrefix(m.Files[0].FilePath(), "file:///warehouse/shop/orders/data/orders-"+b.ID().String()+"-0.parquet") {
		t.Errorf("path %s", m.Files[0].FilePath())
	}
}

func TestBatch_WithoutRowsHasNoFilesButMoves(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	b := w.batch()
	w.append(b, run(100, "-", "null!", "-"))
	m := w.seal(b)
	if len(m.Files) != 0 || m.Spans[orders].To != 103 || m.Spans[orders].Holes != 2 {
		t.Errorf("files %d, span %+v", len(m.Files), m.Spans[orders])
	}
	if m := w.seal(w.batch()); len(m.Files) != 0 || len(m.Spans) != 0 {
		t.Errorf("a batch of nothing: %+v", m)
	}
}

func TestBatch_StopsRightBeforeABadRecord(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []string
		at     int64
		span   manifest.Span
	}{
		{"in the middle", []string{`{"id":1}`, "-", `{"id":2}`, `{"id":[]}`, `{"id":4}`}, 103,
			manifest.Span{Range: offsets.Range{From: 100, To: 103}, LeaderEpoch: 4, Counts: manifest.Counts{Rows: 2, Holes: 1}}},
		{"behind a hole", []string{`{"id":1}`, "-", `[]`}, 102,
			manifest.Span{Range: offsets.Range{From: 100, To: 102}, LeaderEpoch: offsets.NoEpoch, Counts: manifest.Counts{Rows: 1, Holes: 1}}},
		{"at once", []string{`7`, `{"id":1}`}, 100, manifest.Span{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, simple(), none, nil)
			b := w.batch()
			err := b.Append(context.Background(), run(100, tc.values...))
			var bad *BadRecord
			var why *decode.RecordError
			if !errors.As(err, &bad) || bad.Offset != tc.at || bad.Partition != orders || !errors.As(err, &why) {
				t.Fatalf("error %v", err)
			}
			// The run may go on from there, once somebody has decided what becomes of the record.
			m := w.seal(b)
			if got := m.Spans[orders]; got != tc.span {
				t.Errorf("span %+v, want %+v", got, tc.span)
			}
			if got := int64(len(w.all(m))); got != tc.span.Rows {
				t.Errorf("%d rows, want %d", got, tc.span.Rows)
			}
		})
	}
}

func TestBatch_GoesOnBehindABadRecord(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	fatal := true
	w.cfg.OnBad = func(offsets.Partition, *kgo.Record, *decode.RecordError) error {
		if fatal {
			return errors.New("policy: stop")
		}
		return nil
	}
	b := w.batch()
	r := run(100, `{"id":1}`, `bad`, `{"id":2}`)
	if err := b.Append(context.Background(), r); err == nil || !strings.Contains(err.Error(), "table shop.orders: partition orders-3 offset 101: policy: stop") {
		t.Fatalf("error %v", err)
	}
	fatal = false
	w.append(b, Run{Partition: orders, Range: offsets.Range{From: 101, To: 103}, LeaderEpoch: 5, Records: r.Records[1:]})
	m := w.seal(b)
	if got := m.Spans[orders]; got.Rows != 2 || got.Skipped != 1 || got.To != 103 || got.LeaderEpoch != 5 {
		t.Errorf("span %+v", got)
	}
}

// panicky fails on one record after it has left half a row behind.
type panicky struct{ decode.Decoder }

func (p panicky) Append(rows *decode.Rows, rec *kgo.Record) error {
	if rec.Offset == 101 {
		rows.Columns[0].I64 = append(rows.Columns[0].I64, 666)
		_ = make([]int, 1)[rec.Offset]
	}
	return p.Decoder.Append(rows, rec)
}

func TestBatch_SurvivesADecoderThatPanics(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	w.cfg.Decoder = panicky{w.cfg.Decoder}
	var code string
	w.cfg.OnBad = func(_ offsets.Partition, _ *kgo.Record, err *decode.RecordError) error { code = err.Code; return nil }
	b := w.batch()
	w.append(b, run(100, `{"id":1}`, `{"id":2}`, `{"id":3,"name":"c"}`))
	if got := lines(w.all(w.seal(b))...); got != lines(`{"id":1,"name":null}`, `{"id":3,"name":"c"}`) || code != "panic" {
		t.Errorf("code %q, rows:\n%s", code, got)
	}
}

func TestBatch_RefusesWhatDoesNotFollow(t *testing.T) {
	other := offsets.Partition{Topic: "orders", Num: 4}
	outside := run(100, `{"id":1}`)
	outside.Records[0].Offset = 101
	twice := run(100, `{"id":1}`, `{"id":2}`)
	twice.Records[1].Offset = 100
	foreign := run(100, `{"id":1}`)
	foreign.Partition = other
	backwards := Run{Partition: orders, Range: offsets.Range{From: 100, To: 99}}
	for name, r := range map[string]Run{
		"gap": run(101, `{"id":1}`), "overlap": run(99, `{"id":1}`), "outside": outside, "twice": twice, "foreign": foreign, "backwards": backwards,
	} {
		w := newWorld(t, simple(), none, nil)
		b := w.batch()
		if err := b.Append(context.Background(), r); err == nil || !strings.Contains(err.Error(), "bug") {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := b.Seal(context.Background()); err == nil {
			t.Errorf("%s: a batch with a gap was sealed", name)
		}
		w.nothingLeft(b)
	}
}

func TestBatch_EndsOnce(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	b := w.batch()
	w.append(b, run(100, numbered(0, 10)...))
	m := w.seal(b)
	b.Abort()
	if _, err := b.Seal(context.Background()); !errors.Is(err, ErrEnded) {
		t.Errorf("second Seal: %v", err)
	}
	if err := b.Append(context.Background(), run(110, `{"id":1}`)); !errors.Is(err, ErrEnded) {
		t.Errorf("Append after Seal: %v", err)
	}
	if len(w.all(m)) != 10 {
		t.Error("Abort after Seal took files away")
	}
	w = newWorld(t, simple(), none, nil)
	b = w.batch()
	w.append(b, run(100, numbered(0, 10)...))
	b.Abort()
	b.Abort()
	w.nothingLeft(b)
	if _, err := b.Seal(context.Background()); !errors.Is(err, ErrEnded) || len(w.store.objects) != 0 {
		t.Errorf("Seal after Abort: %v, %d objects", err, len(w.store.objects))
	}
}

// Whatever call of the store fails, nothing is left: no memory, no upload, no object, no manifest.
func TestBatch_StoreFailsAtEachCall(t *testing.T) {
	sc := simple()
	spec := identityOn(sc, 2)
	for failAt := 1; ; failAt++ {
		w := newWorld(t, sc, spec, map[string]string{"write.parquet.compression-codec": "none"})
		w.cfg.TargetFileSize = 2 * streamFrom
		w.store.failAt = failAt
		b := w.batch()
		long := strings.Repeat("x", 1000)
		var err error
		for k := 0; k < 12 && err == nil; k++ { // one large partition, which streams and rolls, and small ones
			values := make([]string, 0, 1000)
			for i := range 1000 {
				id := k*1000 + i
				name := long
				if i%100 == 0 {
					name = fmt.Sprint("n", i/100)
				}
				values = append(values, fmt.Sprintf(`{"id":%d,"name":%q}`, id, name))
			}
			err = b.Append(context.Background(), run(100+int64(k)*1000, values...))
		}
		if err == nil {
			_, err = b.Seal(context.Background())
		}
		calls := w.store.calls
		if err != nil {
			b.Abort()
		}
		w.nothingLeft(b)
		if calls < failAt {
			if err != nil || len(w.store.objects) < 10 {
				t.Errorf("without a fault: %v, %d objects", err, len(w.store.objects))
			}
			if failAt < 20 {
				t.Errorf("only %d calls of the store", calls)
			}
			return
		}
		if !errors.Is(err, errStore) {
			t.Errorf("call %d failed, and the batch says %v", failAt, err)
		}
		if n := len(w.store.objects); n != 0 {
			t.Errorf("call %d failed: %d objects are left", failAt, n)
		}
	}
}

func TestBatch_StoreThatLosesBytes(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	w.store.short = 1
	b := w.batch()
	w.append(b, run(100, numbered(0, 10)...))
	if _, err := b.Seal(context.Background()); err == nil || !strings.Contains(err.Error(), "the store has") {
		t.Errorf("error %v", err)
	}
	w.nothingLeft(b)
}

func TestBatch_SealEndsWithItsContext(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	w.store.stuck = true
	b := w.batch()
	w.append(b, run(100, numbered(0, 10)...))
	ctx, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(b.ctx, func() {})
	defer stop()
	go cancel()
	if _, err := b.Seal(ctx); err == nil {
		t.Error("sealed on a store that never answers")
	}
	w.nothingLeft(b)
}

// A source may have spent the whole budget on the very records that are to be written: the batch goes on all the
// same, with little.
func TestBatch_WorksWhenOthersHoldTheBudget(t *testing.T) {
	w := newWorld(t, simple(), identityOn(simple(), 2), nil)
	w.budget = budget.New(8<<20, nil)
	w.cfg.Budget = w.budget
	if !w.budget.TryAcquire(8 << 20) {
		t.Fatal("the budget is not free")
	}
	b := w.batch()
	for k := range 40 {
		w.append(b, run(100+int64(k)*1000, numbered(k*1000, 1000)...))
	}
	if peak := w.budget.Peak() - 8<<20; peak > 3<<20 {
		t.Errorf("%d bytes were taken past the budget", peak)
	}
	if b.Stats().Forced == 0 {
		t.Error("the batch never made itself smaller")
	}
	w.budget.Release(8 << 20)
	if n := len(w.all(w.seal(b))); n != 40_000 {
		t.Errorf("%d rows", n)
	}
}

// Memory that a written pool still has goes before the batch waits for that of others.
func TestBatch_GivesUpAnEmptyPoolBeforeItWaits(t *testing.T) {
	w := newWorld(t, simple(), none, nil)
	w.budget = budget.New(32<<20, nil)
	w.cfg.Budget = w.budget
	b := w.batch()
	long := fmt.Sprintf(`{"id":1,"name":%q}`, strings.Repeat("x", 10_000))
	next := int64(100)
	for ; b.Stats().Groups == 0; next++ { // until the pool has been written out once
		w.append(b, run(next, long))
	}
	if b.Held() <= floor {
		t.Fatalf("the batch holds %d bytes only", b.Held())
	}
	rest := w.budget.Limit() - w.budget.Used()
	if !w.budget.TryAcquire(rest) {
		t.Fatal("the budget is not free")
	}
	for range 50 {
		w.append(b, run(next, long))
		next++
	}
	if b.Held() > 2*floor {
		t.Errorf("the batch holds %d bytes while others wait", b.Held())
	}
	w.budget.Release(rest)
	if n := int64(len(w.all(w.seal(b)))); n != next-100 {
		t.Errorf("%d rows", n)
	}
}
