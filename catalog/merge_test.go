package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

// manifestsOf is the entries of the head's manifest list.
func manifestsOf(t *testing.T, tb *Table) []iceberg.ManifestFile {
	t.Helper()
	l, err := handle(load(t, tb))
	if err != nil {
		t.Fatal(err)
	}
	s := l.snaps[*l.head(tb.branch)]
	tb.lists.put("", nil)
	ms, err := tb.parentEntries(t.Context(), l, &s)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

func TestMerge_ManySmallManifestsBecomeOne(t *testing.T) {
	region := iceberg.NewPartitionSpec(iceberg.PartitionField{SourceIDs: []int{2}, FieldID: 1000, Name: "region", Transform: iceberg.IdentityTransform{}})
	for _, version := range []int{2, 3} {
		t.Run(fmt.Sprint("v", version), func(t *testing.T) {
			w := newWorld(t)
			w.create("shop.orders", &region, version, map[string]string{"commit.manifest.min-count-to-merge": "5"})
			tb := w.table("shop.orders", "", "s1")
			sequences, rowIDs := map[string]int64{}, map[int64]int64{}
			for i := range int64(23) {
				put(t, tb, 1, i*4, i*4+4, "eu", "us")
				if version == 3 {
					keepRowIDs(t, w, rowIDs)
				}
				for _, m := range manifestsOf(t, tb) {
					es := entriesOf(t, w, m)
					for _, e := range es {
						path := e.DataFile().FilePath()
						if was, known := sequences[path]; known && was != e.SequenceNum() {
							t.Fatalf("%s had sequence number %d and has %d", path, was, e.SequenceNum())
						}
						sequences[path] = e.SequenceNum()
					}
				}
			}
			if n := len(manifestsOf(t, tb)); n > 6 {
				t.Errorf("%d manifests after 23 commits", n)
			}
			if len(sequences) != 46 {
				t.Errorf("%d files were seen", len(sequences))
			}
			wantIDs(t, w.ids("shop.orders", ""), 92)
		})
	}
}

func entriesOf(t *testing.T, w *world, m iceberg.ManifestFile) []iceberg.ManifestEntry {
	t.Helper()
	f, err := w.store.Open(t.Context(), m.FilePath())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	es, err := iceberg.ReadManifest(m, f, true)
	if err != nil {
		t.Fatal(err)
	}
	return es
}

// keepRowIDs demands that each row keeps the row id that it had when it was first seen, and has it alone.
func keepRowIDs(t *testing.T, w *world, born map[int64]int64) {
	t.Helper()
	at, err := w.foreign("shop.orders").Scan(icetable.WithSelectedFields("id", "_row_id")).ToArrowTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer at.Release()
	r := array.NewTableReader(at, 0)
	defer r.Release()
	owner := map[int64]int64{}
	for r.Next() {
		ids, rowIDs := r.RecordBatch().Column(0).(*array.Int64), r.RecordBatch().Column(1).(*array.Int64)
		for i := range ids.Len() {
			id, row := ids.Value(i), rowIDs.Value(i)
			if was, known := born[id]; known && was != row {
				t.Fatalf("row %d had the row id %d and has %d", id, was, row)
			}
			born[id] = row
			if other, taken := owner[row]; taken {
				t.Fatalf("rows %d and %d have the row id %d", id, other, row)
			}
			owner[row] = id
		}
	}
}

func TestMerge_WhatCannotBeReadStaysAndCommitsGoOn(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, map[string]string{"commit.manifest.min-count-to-merge": "3"})
	tb := w.table("shop.orders", "", "s1")
	for i := range int64(3) {
		put(t, tb, 1, i, i+1)
	}
	broken := manifestsOf(t, tb)[1].FilePath()
	raw, err := w.store.ReadAll(t.Context(), broken)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range [][]byte{raw[:len(raw)/2], []byte("not avro"), {}} {
		if err := w.store.Remove(t.Context(), broken); err != nil {
			t.Fatal(err)
		}
		if err := w.store.Put(t.Context(), broken, damage); err != nil {
			t.Fatal(err)
		}
		if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, 3)); err != nil {
			t.Fatal(err)
		}
		if n := len(manifestsOf(t, tb)); n != 3 {
			t.Fatalf("%d manifests", n)
		}
	}
	if err := w.store.Remove(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Put(t.Context(), broken, raw); err != nil {
		t.Fatal(err)
	}
	if _, err := tb.Append(t.Context(), load(t, tb), change("s1", 1, 3)); err != nil {
		t.Fatal(err)
	}
	if n := len(manifestsOf(t, tb)); n != 1 {
		t.Errorf("%d manifests once it can be read", n)
	}
	wantIDs(t, w.ids("shop.orders", ""), 3)

	w.update("shop.orders", icetable.NewSetPropertiesUpdate(iceberg.Properties{"commit.manifest-merge.enabled": "false"}))
	for i := int64(3); i < 9; i++ {
		put(t, tb, 1, i, i+1)
	}
	if n := len(manifestsOf(t, tb)); n != 7 {
		t.Errorf("%d manifests where merging is off", n)
	}
}

// TestMerge_PartitionValuesOfEveryKindStay writes files whose partitions are of each type, nulls among them, and compares what manifests
// say of them before and after they were merged.
func TestMerge_PartitionValuesOfEveryKindStay(t *testing.T) {
	types := []struct {
		typ     iceberg.Type
		trans   iceberg.Transform
		logical string
		value   any
	}{
		{iceberg.PrimitiveTypes.Int64, iceberg.IdentityTransform{}, "", int64(1<<53 + 1)},
		{iceberg.PrimitiveTypes.Int32, iceberg.BucketTransform{NumBuckets: 16}, "", int32(7)},
		{iceberg.PrimitiveTypes.Bool, iceberg.IdentityTransform{}, "", true},
		{iceberg.PrimitiveTypes.Float64, iceberg.IdentityTransform{}, "", 1.5},
		{iceberg.PrimitiveTypes.String, iceberg.TruncateTransform{Width: 3}, "", "ä😎/"},
		{iceberg.PrimitiveTypes.Binary, iceberg.IdentityTransform{}, "", []byte{0, 255}},
		{iceberg.PrimitiveTypes.Date, iceberg.IdentityTransform{}, "date", iceberg.Date(-1)},
		{iceberg.PrimitiveTypes.TimestampTz, iceberg.DayTransform{}, "date", iceberg.Date(-3)},
		{iceberg.PrimitiveTypes.TimestampTz, iceberg.HourTransform{}, "", int32(-25)},
		{iceberg.PrimitiveTypes.Date, iceberg.YearTransform{}, "", int32(-2)},
		{iceberg.PrimitiveTypes.TimestampTz, iceberg.IdentityTransform{}, "timestamp-micros", iceberg.Timestamp(-1)},
		{iceberg.DecimalTypeOf(20, 2), iceberg.IdentityTransform{}, "decimal", iceberg.Decimal{Val: decimal128.FromI64(-12345), Scale: 2}},
		{iceberg.PrimitiveTypes.UUID, iceberg.IdentityTransform{}, "uuid", uuid.MustParse("00000000-0000-4000-8000-0000000000ff")},
	}
	var fields []iceberg.NestedField
	var parts []iceberg.PartitionField
	values, nulls, logical := map[int]any{}, map[int]any{}, map[int]string{}
	for i, c := range types {
		fields = append(fields, iceberg.NestedField{ID: i + 1, Name: fmt.Sprint("c", i), Type: c.typ})
		parts = append(parts, iceberg.PartitionField{SourceIDs: []int{i + 1}, FieldID: 1000 + i, Name: fmt.Sprint("p", i), Transform: c.trans})
		values[1000+i], nulls[1000+i] = c.value, nil
		if c.logical != "" {
			logical[1000+i] = c.logical
		}
	}
	spec := iceberg.NewPartitionSpec(parts...)
	for _, version := range []int{2, 3} {
		w := newWorld(t)
		if _, err := w.cat.Create(t.Context(), "shop.orders", iceberg.NewSchema(0, fields...), &spec, version, map[string]string{"commit.manifest.min-count-to-merge": "4"}); err != nil {
			t.Fatal(err)
		}
		tb := w.table("shop.orders", "", "s1")
		seen := map[string]string{}
		for i := range int64(9) {
			v := load(t, tb)
			d, err := tb.Describe(v)
			if err != nil {
				t.Fatal(err)
			}
			vals := values
			if i%3 == 2 {
				vals = nulls
			}
			b, err := iceberg.NewDataFileBuilder(d.Spec, iceberg.EntryContentData, fmt.Sprintf("%s/data/%d.parquet", d.Location, i), iceberg.ParquetFile, vals, logical, nil, 1, 100)
			if err != nil {
				t.Fatal(err)
			}
			b.LowerBoundValues(map[int][]byte{1: {1, 0, 0, 0, 0, 0, 0, 0}}).NullValueCounts(map[int]int64{1: 0}).SplitOffsets([]int64{4}).SortOrderID(0)
			m := &manifest.Manifest{ID: uuid.New(), Epoch: 1, SchemaID: d.Schema.ID, SpecID: d.Spec.ID(), Files: []iceberg.DataFile{b.Build()},
				Spans: map[offsets.Partition]manifest.Span{part(0): {Range: offsets.Range{From: i, To: i + 1}, Counts: manifest.Counts{Rows: 1}}}}
			if _, err := tb.Append(t.Context(), v, change("s1", 1, i+1, m)); err != nil {
				t.Fatal(err)
			}
			for _, mf := range manifestsOf(t, tb) {
				for _, e := range entriesOf(t, w, mf) {
					f := e.DataFile()
					said := fmt.Sprintf("%#v %v %v %v %d %v", f.Partition(), f.LowerBoundValues(), f.NullValueCounts(), f.SplitOffsets(), e.SequenceNum(), deref(f.FirstRowID()))
					if was, known := seen[f.FilePath()]; known && was != said {
						t.Fatalf("v%d: %s was %s and is %s", version, f.FilePath(), was, said)
					}
					seen[f.FilePath()] = said
				}
			}
		}
		if len(seen) != 9 || len(manifestsOf(t, tb)) > 4 {
			t.Errorf("v%d: %d files in %d manifests", version, len(seen), len(manifestsOf(t, tb)))
		}
		first := map[int]any{}
		for _, mf := range manifestsOf(t, tb) {
			for _, e := range entriesOf(t, w, mf) {
				if strings.HasSuffix(e.DataFile().FilePath(), "/0.parquet") {
					first = e.DataFile().Partition()
				}
			}
		}
		for id, want := range values {
			if got := first[id]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("v%d: partition field %d is %#v, was %#v", version, id, got, want)
			}
		}
	}
}
