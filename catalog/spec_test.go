package catalog

import (
	"strings"
	"testing"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/commit"
)

func TestAppend_PartitionedTables(t *testing.T) {
	w := newWorld(t)
	plain := iceberg.NewPartitionSpec(iceberg.PartitionField{SourceIDs: []int{2}, FieldID: 1000, Name: "region", Transform: iceberg.IdentityTransform{}})
	w.create("shop.orders", &plain, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	put(t, tb, 1, 0, 30, "eu", "us", "jp")
	wantIDs(t, w.ids("shop.orders", ""), 30)
	if got := w.foreign("shop.orders").CurrentSnapshot().Summary.Properties["changed-partition-count"]; got != "3" {
		t.Errorf("changed-partition-count is %s", got)
	}

	t.Run("batches of two specs in one commit", func(t *testing.T) {
		v := load(t, tb)
		old := stage(t, tb, v, 1, 30, 40, "eu")
		w.update("shop.orders", icetable.NewAddPartitionSpecUpdate(iceberg.UnpartitionedSpec, false), icetable.NewSetDefaultSpecUpdate(-1))
		v = load(t, tb)
		id, err := tb.Append(t.Context(), v, change("s1", 1, 50, old, stage(t, tb, v, 1, 40, 50)))
		if err != nil {
			t.Fatal(err)
		}
		wantIDs(t, w.ids("shop.orders", ""), 50)
		l, _ := handle(load(t, tb))
		s := l.snaps[id]
		entries, err := tb.parentEntries(t.Context(), l, &s)
		if err != nil || len(entries) != 3 {
			t.Errorf("%d manifests, %v", len(entries), err)
		}
	})
	t.Run("a batch of a schema that is gone", func(t *testing.T) {
		v := load(t, tb)
		b := stage(t, tb, v, 1, 50, 60)
		b.SchemaID = 99
		_, err := tb.Append(t.Context(), v, change("s1", 1, 60, b))
		wantClass(t, err, commit.Rejected)
	})
	t.Run("field names that are no Avro names", func(t *testing.T) {
		odd := iceberg.NewPartitionSpec(iceberg.PartitionField{SourceIDs: []int{2}, FieldID: 1000, Name: "1st größe-😎", Transform: iceberg.IdentityTransform{}})
		_, err := w.cat.Create(t.Context(), "shop.odd", ordersSchema, &odd, 2, nil)
		wantClass(t, err, commit.Rejected)
		// A table that somebody else made so is written to all the same.
		id, _ := parseIdent("shop.odd")
		if err := w.cat.back.create(t.Context(), id, newTable{schema: ordersSchema, spec: &odd, formatVersion: 2, props: iceberg.Properties{}}); err != nil {
			t.Fatal(err)
		}
		tb := w.table("shop.odd", "", "s1")
		put(t, tb, 1, 0, 10, "eu", "us")
		wantIDs(t, w.ids("shop.odd", ""), 10)
	})
}

func TestAvroName_AsJavaSpellsIt(t *testing.T) {
	for in, want := range map[string]string{"ok_1": "ok_1", "1st": "_1st", "order-date": "order_x2Ddate", "a.b": "a_x2Eb", "😎": "_xD83D_xDE0E"} {
		if got := avroName(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestSpec_WhatCannotBeWrittenIsRefused(t *testing.T) {
	field := func(source int, name string, tr iceberg.Transform) iceberg.PartitionField {
		return iceberg.PartitionField{SourceIDs: []int{source}, FieldID: 1000 + len(name), Name: name, Transform: tr}
	}
	unknown, err := iceberg.ParseTransform("zorder[3]")
	if err != nil {
		t.Fatal(err)
	}
	for what, spec := range map[string]iceberg.PartitionSpec{
		"zorder":        iceberg.NewPartitionSpec(field(1, "z", unknown)),
		"is gone":       iceberg.NewPartitionSpec(field(77, "x", iceberg.IdentityTransform{})),
		"is void":       iceberg.NewPartitionSpec(field(77, "v", iceberg.VoidTransform{})),
		"does not take": iceberg.NewPartitionSpec(field(2, "h", iceberg.HourTransform{})),
		"the same name": iceberg.NewPartitionSpec(field(1, "a-b", iceberg.IdentityTransform{}), field(2, "a_x2Db", iceberg.IdentityTransform{})),
	} {
		if err := writableSpec(spec, ordersSchema); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := writableSpec(iceberg.NewPartitionSpec(field(1, "v", iceberg.VoidTransform{}), field(2, "größe", iceberg.TruncateTransform{Width: 3})), ordersSchema); err != nil {
		t.Error(err)
	}
}
