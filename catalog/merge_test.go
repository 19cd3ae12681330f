package catalog

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"
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
