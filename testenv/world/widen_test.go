package world

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/apache/iceberg-go"
	sqlcat "github.com/apache/iceberg-go/catalog/sql"
	"github.com/apache/iceberg-go/table"

	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/schema"
	"github.com/sinker-io/sinker/testenv/judge"
)

// Files written before a column got wider have narrow bounds: readers leave them unread, or read them, as is right.
func TestTypes_ReadersPruneFilesOfBeforeAWidening(t *testing.T) {
	f := newFiles(t)
	const name = "types.wide"
	columns := []schema.Column{{Name: "i", Type: "int"}, {Name: "f", Type: "float"}, {Name: "d", Type: "decimal(9,2)"}}
	sc, spec, errs := schema.Build(columns, nil, nil, 2)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	f.fill(name, 2, sc, spec, decode.Options{}, []string{`{"i":-5,"f":0.5,"d":1.25}`, `{"i":2147483647,"f":2.5,"d":-9999999.99}`})
	f.widen("types", "wide", map[string]iceberg.Type{"i": iceberg.PrimitiveTypes.Int64, "f": iceberg.PrimitiveTypes.Float64, "d": iceberg.DecimalTypeOf(18, 2)})
	f.add(name, 2, decode.Options{}, []string{`{"i":9007199254740993,"f":1e300,"d":1234567890123456.78}`})
	at := must(judge.Of(t.Context(), f.world, name))(t)
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		op, value   string
		rows, files int
	}{{">", "2147483647", 1, 1}, {"<", "0", 1, 1}, {"=", "2147483647", 1, 1}, {">=", "-5", 3, 2}} {
		q := judge.Question{Columns: []judge.Column{{Name: "i", Kind: "int"}, {Name: "d", Kind: "decimal"}},
			Filter: &judge.Filter{Column: "i", Kind: "int", Op: c.op, Value: c.value}}
		for _, r := range []judge.Reader{judge.DuckDB, judge.PyIceberg} {
			a := must(r.Ask(t.Context(), at, q))(t)
			zero, found, read := int64(0), int64(c.rows), c.files
			want := judge.Answer{Rows: 3, Filtered: &found, FilesRead: &read, Columns: map[string]judge.Facts{
				"i": {Nulls: &zero, Sum: text("9007201402224635"), Min: text("-5"), Max: text("9007199254740993")},
				"d": {Nulls: &zero, Sum: text("1234567880123458.04"), Min: text("-9999999.99"), Max: text("1234567890123456.78")}}}
			for _, d := range judge.Differ("sinker", want, string(r), a) {
				t.Errorf("i %s %s: %s", c.op, c.value, d)
			}
			if a.FilesRead == nil || *a.FilesRead != c.files {
				t.Errorf("i %s %s: %s reads %s files, want %d", c.op, c.value, r, count(a.FilesRead), c.files)
			}
		}
	}
}

// widen changes types of columns, as another team's job would.
func (f *files) widen(namespace, name string, to map[string]iceberg.Type) {
	t := f.t
	t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(f.world.Dir, "catalog.db")+"?_pragma=busy_timeout(5000)&_txlock=immediate"))(t)
	defer db.Close()
	cat := must(sqlcat.NewCatalog("ice", db, sqlcat.SQLite, iceberg.Properties{"warehouse": f.world.Catalog.Warehouse}))(t)
	tx := must(cat.LoadTable(t.Context(), []string{namespace, name}))(t).NewTransaction()
	u := tx.UpdateSchema(true, false)
	for column, typ := range to {
		u = u.UpdateColumn([]string{column}, table.ColumnUpdate{FieldType: iceberg.Optional[iceberg.Type]{Val: typ, Valid: true}})
	}
	noError(t, u.Commit())
	must(tx.Commit(t.Context()))(t)
}
