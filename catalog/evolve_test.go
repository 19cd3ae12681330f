package catalog

import (
	"testing"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/schema"
)

// alter changes a table as another team's tool does.
func (w *world) alter(name string, how func(tx *icetable.Transaction) error) {
	w.t.Helper()
	tx := w.foreign(name).NewTransaction()
	if err := how(tx); err != nil {
		w.t.Fatal(err)
	}
	if _, err := tx.Commit(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// widths are the lengths of a file's lower and upper bounds of a column.
func widths(f iceberg.DataFile, id int) [2]int {
	return [2]int{len(f.LowerBoundValues()[id]), len(f.UpperBoundValues()[id])}
}

// Columns get wider while a batch is open: its files stay what they were begun as, bounds included, the next batch is of the new
// schema, and a reader sees all rows in the new types.
func TestEvolve_WidenedUnderAnOpenBatch(t *testing.T) {
	w := newWorld(t)
	tb := w.made("shop.wide", 2, nil, schema.Column{Name: "i", Type: "int"}, schema.Column{Name: "f", Type: "float"}, schema.Column{Name: "d", Type: "decimal(9,2)"})
	open := begin(t, tb, 0)
	add(t, open, 0, `{"i":1,"f":0.5,"d":1.25}`, `{"i":-2147483648,"f":-1.5,"d":-9999999.99}`)
	w.alter("shop.wide", func(tx *icetable.Transaction) error {
		u := tx.UpdateSchema(true, false)
		for name, to := range map[string]iceberg.Type{"i": iceberg.PrimitiveTypes.Int64, "f": iceberg.PrimitiveTypes.Float64, "d": iceberg.DecimalTypeOf(18, 2)} {
			u = u.UpdateColumn([]string{name}, icetable.ColumnUpdate{FieldType: iceberg.Optional[iceberg.Type]{Val: to, Valid: true}})
		}
		return u.Commit()
	})
	add(t, open, 2, `{"i":2147483647,"f":2.5,"d":9999999.99}`)
	old := land(t, tb, open)
	b := begin(t, tb, 3)
	add(t, b, 3, `{"i":9007199254740993,"f":1e300,"d":1234567890123456.78}`)
	young := land(t, tb, b)
	if old.SchemaID == young.SchemaID || old.SchemaID != 0 || len(old.Files) != 1 || len(young.Files) != 1 {
		t.Errorf("schema %d with %d files, then schema %d with %d files", old.SchemaID, len(old.Files), young.SchemaID, len(young.Files))
	}
	for id, want := range map[int][2]int{1: {4, 8}, 2: {4, 8}} {
		if got := [2]int{widths(old.Files[0], id)[0], widths(young.Files[0], id)[0]}; got != want || widths(old.Files[0], id)[1] != want[0] {
			t.Errorf("bounds of column %d have %v bytes, want %v", id, got, want)
		}
	}
	wantRows(t, w.rows("shop.wide"),
		`{"d":"1.25","f":0.5,"i":1}`, `{"d":"-9999999.99","f":-1.5,"i":-2147483648}`, `{"d":"9999999.99","f":2.5,"i":2147483647}`,
		`{"d":"1234567890123456.78","f":1e+300,"i":9007199254740993}`)
}

// The partitioning changes while a batch is open: its files keep their spec, the next batch has the new one.
func TestEvolve_RepartitionedUnderAnOpenBatch(t *testing.T) {
	for _, version := range []int{2, 3} {
		w := newWorld(t)
		tb := w.made("shop.parts", version, []string{"day(at)"}, schema.Column{Name: "id", Type: "long"}, schema.Column{Name: "at", Type: "timestamp"}, schema.Column{Name: "region", Type: "string"})
		open := begin(t, tb, 0)
		add(t, open, 0, `{"id":1,"at":"2024-02-28T00:00:00","region":"eu"}`)
		w.alter("shop.parts", func(tx *icetable.Transaction) error {
			return tx.UpdateSpec(true).AddIdentity("region").RemoveField("at_day").Commit()
		})
		add(t, open, 1, `{"id":2,"at":"2024-02-29T00:00:00","region":"eu"}`)
		old := land(t, tb, open)
		b := begin(t, tb, 2)
		add(t, b, 2, `{"id":3,"at":"2024-02-28T00:00:00","region":"us"}`, `{"id":4,"at":"2024-02-29T00:00:00","region":"us"}`)
		young := land(t, tb, b)
		if old.SpecID != 0 || young.SpecID != 1 || len(old.Files) != 2 || len(young.Files) != 1 {
			t.Errorf("spec %d with %d files, then spec %d with %d files", old.SpecID, len(old.Files), young.SpecID, len(young.Files))
		}
		one, two := `{"at":"2024-02-28T00:00:00","id":1,"region":"eu"}`, `{"at":"2024-02-29T00:00:00","id":2,"region":"eu"}`
		three, four := `{"at":"2024-02-28T00:00:00","id":3,"region":"us"}`, `{"at":"2024-02-29T00:00:00","id":4,"region":"us"}`
		wantRows(t, w.rows("shop.parts"), one, two, three, four)
		wantRows(t, w.rows("shop.parts", icetable.WithRowFilter(iceberg.EqualTo(iceberg.Reference("region"), "us"))), three, four)
		wantRows(t, w.rows("shop.parts", icetable.WithRowFilter(iceberg.EqualTo(iceberg.Reference("region"), "eu"))), one, two)
		if next := w.foreign("shop.parts").Metadata().NextRowID(); version == 3 && next != 4 {
			t.Errorf("the next row id is %d after 4 rows", next)
		}
	}
}

// Columns are known by their ids: another team puts them in another order, renames one and makes a required one optional while a batch is open.
// What the batch holds, and what the next one brings, is under the right names, and a record without the column is a row now.
func TestEvolve_ReorderedRenamedAndMadeOptionalUnderAnOpenBatch(t *testing.T) {
	w := newWorld(t)
	tb := w.made("shop.cols", 2, nil, schema.Column{Name: "id", Type: "long", Required: true}, schema.Column{Name: "region", Type: "string", Required: true}, schema.Column{Name: "n", Type: "int"})
	open := begin(t, tb, 0)
	add(t, open, 0, `{"id":1,"region":"eu","n":10}`)
	w.alter("shop.cols", func(tx *icetable.Transaction) error {
		return tx.UpdateSchema(true, false).MoveFirst([]string{"n"}).MoveAfter([]string{"id"}, []string{"region"}).
			UpdateColumn([]string{"region"}, icetable.ColumnUpdate{Required: iceberg.Optional[bool]{Val: false, Valid: true}}).RenameColumn([]string{"n"}, "amount").Commit()
	})
	add(t, open, 1, `{"id":2,"region":"us","n":20}`)
	old := land(t, tb, open)
	b := begin(t, tb, 2)
	add(t, b, 2, `{"id":3,"amount":30}`, `{"amount":40,"region":null,"id":4}`)
	young := land(t, tb, b)
	if old.SchemaID == young.SchemaID {
		t.Errorf("both batches are of schema %d", old.SchemaID)
	}
	names := ""
	for _, f := range w.foreign("shop.cols").Schema().Fields() {
		names += f.Name + " "
	}
	if names != "amount region id " {
		t.Fatalf("the columns are %s", names)
	}
	wantRows(t, w.rows("shop.cols"), `{"amount":10,"id":1,"region":"eu"}`, `{"amount":20,"id":2,"region":"us"}`, `{"amount":30,"id":3,"region":null}`, `{"amount":40,"id":4,"region":null}`)
	wantRows(t, w.rows("shop.cols", icetable.WithRowFilter(iceberg.GreaterThanEqual(iceberg.Reference("amount"), int32(20)))),
		`{"amount":20,"id":2,"region":"us"}`, `{"amount":30,"id":3,"region":null}`, `{"amount":40,"id":4,"region":null}`)
}
