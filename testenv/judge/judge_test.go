package judge

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/testenv/real"
)

// What the tests of this package share: the servers and one Spark session.
var (
	set   *real.Set
	spark *Spark
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sinker-judge-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer Close()
	set = real.NewSet(dir)
	defer set.Stop()
	if spark, err = StartSpark(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer spark.Close()
	return m.Run()
}

var kinds = []real.Kind{real.RESTVersityGW, real.SQLiteFile, real.PostgresMinIO, real.NessieVersity}

var everyKind = Question{
	Columns: []Column{{"id", "int"}, {"small", "int"}, {"price", "decimal"}, {"ratio", "float"}, {"name", "string"}, {"raw", "binary"},
		{"ok", "bool"}, {"day", "date"}, {"at", "timestamp"}, {"tags", "list"}, {"attrs", "map"}, {"geo.zip", "int"}},
	Distinct: []string{"id", "name"},
	Spans:    &Spans{By: []string{"_kafka_topic", "_kafka_partition"}, Of: "_kafka_offset"},
	Filter:   &Filter{Column: "at", Kind: "timestamp", Op: ">=", Value: "2026-11-02 00:00:00"},
}

// All readers give the same answer, in every world, and it is the right one.
func TestReaders_Agree(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			w, err := set.World(t.Context(), kind)
			if err != nil {
				t.Fatal(err)
			}
			table := create(t, w, "agree.t")
			answers := map[string]Answer{}
			for _, r := range []Reader{DuckDB, PyIceberg, ClickHouse} {
				if answers[string(r)], err = r.Ask(t.Context(), table, everyKind); err != nil {
					t.Fatal(err)
				}
			}
			if answers["spark"], err = spark.Ask(t.Context(), table, everyKind); err != nil {
				t.Fatal(err)
			}
			first := answers["duckdb"]
			for name, a := range answers {
				for _, d := range Differ("duckdb", first, name, a) {
					t.Error(d)
				}
			}
			if first.Rows != 4 || *first.Columns["price"].Sum != "6.75" || *first.Columns["name"].Nulls != 1 || *first.Filtered != 3 {
				t.Errorf("the facts are wrong: %+v", first)
			}
			if s := first.Spans["orders/1"]; s != (Span{Rows: 2, Distinct: 2, Min: 5, Max: 6}) {
				t.Errorf("partition 1: %+v", s)
			}
			for _, name := range []string{"duckdb", "pyiceberg"} {
				if n := answers[name].FilesRead; n == nil || *n != 2 {
					t.Errorf("%s: files read under the filter: %v, want 2", name, text(show(n)))
				}
			}
			count, err := Recount(t.Context(), table, "nobody")
			if err != nil {
				t.Fatal(err)
			}
			if len(count.Faults) != 0 || count.Files != 3 {
				t.Errorf("recount of a sound table: %+v", count)
			}
		})
	}
}

func show(n *int) *string {
	if n == nil {
		return nil
	}
	s := fmt.Sprint(*n)
	return &s
}

// create makes a table by Spark, three files, one per day.
func create(t *testing.T, w *real.World, name string) Table {
	t.Helper()
	table := Through(w, name)
	_, err := spark.SQL(t.Context(), table,
		"CREATE NAMESPACE IF NOT EXISTS ice."+strings.Split(name, ".")[0],
		"CREATE TABLE ice."+name+` (id BIGINT NOT NULL, small INT, price DECIMAL(12,2), ratio DOUBLE, name STRING, raw BINARY, ok BOOLEAN,
			day DATE, at TIMESTAMP, tags ARRAY<STRING>, attrs MAP<STRING, INT>, geo STRUCT<city: STRING, zip: INT>,
			_kafka_topic STRING, _kafka_partition INT, _kafka_offset BIGINT) USING iceberg PARTITIONED BY (days(at))`,
		"INSERT INTO ice."+name+` VALUES
			(1, -2147483648, 1.50, 0.5, 'größe', X'00ff', true, DATE'1969-12-31', TIMESTAMP'2026-11-01 10:00:00', array('a', 'b'), map('k', 1), named_struct('city', 'B', 'zip', 10115), 'orders', 0, 7),
			(9007199254740993, 2147483647, 2.25, -1e300, '', X'', false, DATE'2026-11-02', TIMESTAMP'2026-11-02 00:00:00', array(), map(), named_struct('city', null, 'zip', null), 'orders', 0, 8),
			(3, null, 3.00, null, null, null, null, null, TIMESTAMP'2026-11-02 23:59:59.999999', array('c', null), map('x', null, 'y', 2), named_struct('city', 'K', 'zip', 50667), 'orders', 1, 5),
			(4, 0, null, 0.25, '😎', X'80', true, DATE'0001-01-01', TIMESTAMP'2026-11-03 12:00:00', array('d'), map('z', 3), named_struct('city', 'H', 'zip', 20095), 'orders', 1, 6)`)
	if err != nil {
		t.Fatal(err)
	}
	table, err = Of(t.Context(), w, name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// A recount names a file that is missing, one that was cut, and ranges that leave a hole.
func TestRecount_FindsDamage(t *testing.T) {
	w, err := set.World(t.Context(), real.RESTVersityGW)
	if err != nil {
		t.Fatal(err)
	}
	table := create(t, w, "damage.t")
	for i, ranges := range []string{"0-2", "2-4", "5-7"} { // 4 is in the hole
		from, to, _ := strings.Cut(ranges, "-")
		state, err := Write(t.Context(), table, Order{Do: "append", Rows: []map[string]any{{"id": 10 * i}, {"id": 10*i + 1}}, Properties: map[string]string{
			"sinker.sink": "x", "sinker.v": "1", "sinker.ranges": `{"orders#AAAA":{"0":"` + from + "-" + to + `"}}`,
			"sinker.offsets.x": `{"cluster":"c","t":{"orders#AAAA":{"o":[` + to + `],"d":[0],"k":[0],"h":[0]}}}`}})
		if err != nil {
			t.Fatal(err)
		}
		table.Metadata = state.Metadata
	}
	files, err := w.S3.Files("rest/damage/t/data/")
	if err != nil || len(files) < 3 {
		t.Fatalf("files %v: %v", files, err)
	}
	if err := os.Remove(filepath.Join(w.S3.Folder, files[0])); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(w.S3.Folder, files[1]), 100); err != nil {
		t.Fatal(err)
	}
	count, err := Recount(t.Context(), table, "x")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(count.Faults, "\n")
	for _, want := range []string{files[0], files[1], "begins at 5, the one before ended at 4"} {
		if !strings.Contains(all, want) {
			t.Errorf("no fault tells of %q in\n%s", want, all)
		}
	}
	if len(count.Faults) != 3 {
		t.Errorf("%d faults, want 3:\n%s", len(count.Faults), all)
	}
}
