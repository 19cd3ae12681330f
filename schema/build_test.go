package schema

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
)

func TestBuild_GivesEachFieldAnID(t *testing.T) {
	sc, spec, errs := Build([]Column{
		{Name: "id", Type: "long", Required: true, Doc: "the order"},
		{Name: "at", Type: "timestamptz"},
		{Name: "tags", Type: "list<string>"},
		{Name: "who", Type: "struct<name: string, seen: map<string,long>>"},
	}, []string{"headers", "topic", "offset"}, []string{"day(at)", "bucket[16](id)", "truncate(4, who.name)", "_kafka_topic"}, 2)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := []string{"1 id", "2 at", "3 tags", "4 who", "5 _kafka_topic", "6 _kafka_offset", "7 _kafka_headers", "8 tags.element", "9 who.name", "10 who.seen", "11 who.seen.key",
		"12 who.seen.value", "13 _kafka_headers.element", "14 _kafka_headers.element.key", "15 _kafka_headers.element.value"}
	for i, w := range want {
		_, path, _ := strings.Cut(w, " ")
		f, ok := sc.FindFieldByName(path)
		if !ok || f.ID != i+1 {
			t.Errorf("%s: found %v with id %d", w, ok, f.ID)
		}
	}
	if id, _ := sc.FindFieldByName("id"); !id.Required || id.Doc != "the order" {
		t.Errorf("id: %v", id)
	}
	var got []string
	for _, f := range spec.Fields() {
		got = append(got, f.String())
	}
	if s := strings.Join(got, "; "); s != "1000: at_day: day(2); 1001: id_bucket_16: bucket[16](1); 1002: who_name_trunc_4: truncate[4](9); 1003: _kafka_topic: identity(5)" {
		t.Errorf("spec: %s", s)
	}
	if _, err := table.NewMetadata(sc, &spec, table.UnsortedSortOrder, "file:///t", nil); err != nil {
		t.Errorf("the library refuses what was built: %v", err)
	}
	if err := Writable(sc); err != nil {
		t.Error(err)
	}
}

func TestBuild_ReportsEveryFault(t *testing.T) {
	_, _, errs := Build([]Column{
		{Name: "", Type: "long"},
		{Name: "a", Type: "lnog"},
		{Name: "a", Type: "int"},
		{Name: "A", Type: "int"},
		{Name: "_pos", Type: "long"},
		{Name: "_kafka_offset", Type: "long"},
		{Name: "s", Type: "struct<x: int, X: int, b: string, b: int>"},
		{Name: "s.b", Type: "int"},
		{Name: "n", Type: "timestamp_ns"},
		{Name: "f", Type: "double"},
		{Name: " pad", Type: "int"},
		{Name: "ctrl\x01", Type: "int"},
		{Name: "l", Type: "list<struct<z:int>>"},
	}, []string{"offset", "offst", "key", "key"}, []string{"day(a)", "f", "nosuch", "bucket(id)", "bucket[0](n)", "week(n)", "day(n)", "hour(n)", "s", "l.element.z", "truncate[3](f)", "bucket[4](s.x)", "bucket[4](s.x)"}, 2)
	text := errors.Join(errs...).Error()
	for _, want := range []string{
		"column 1: has no name", "did you mean long?", "column a: declared twice", "column A: differs from a in case only", "column _pos: the name is reserved",
		"column _kafka_offset: declared twice; kafka_columns", "column s.X: differs from s.x in case only", "column s.b: declared twice", "column s.b: the name, its dots included, is also the path",
		"nanoseconds need format version 3", "white space", "control character U+0001", `kafka column "offst": no such column; did you mean offset?`, "kafka column key: named twice",
		`partition_by "f": a column of type double cannot be partitioned by`, `partition_by "nosuch": no column nosuch`, `partition_by "bucket(id)": bucket needs a width`,
		`width "0" of bucket`, "no transform week; known are", `partition_by "hour(n)": says the same of the column as "day(n)"`, `partition_by "s": a column of type struct`,
		"lies inside a list", `partition_by "truncate[3](f)": truncate[3] does not go with type double`, `partition_by "bucket[4](s.x)": says the same`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestBuild_PartitionFieldsHaveAvroNames(t *testing.T) {
	names := []string{"order-date", "order_date", "a.b", "1st", "größe", "😎", "with space", "plain"}
	var cols []Column
	var by []string
	for _, n := range names {
		cols = append(cols, Column{Name: n, Type: "string"})
		by = append(by, "`"+n+"`", "bucket[4](`"+n+"`)")
	}
	sc, spec, errs := Build(cols, nil, by, 2)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	seen := map[string]bool{}
	for _, f := range spec.Fields() {
		if AvroName(f.Name) != f.Name || seen[f.Name] {
			t.Errorf("partition field %q", f.Name)
		}
		seen[f.Name] = true
	}
	if len(seen) != 2*len(names) {
		t.Errorf("%d partition fields", len(seen))
	}
	if _, err := table.NewMetadata(sc, &spec, table.UnsortedSortOrder, "file:///t", nil); err != nil {
		t.Error(err)
	}
}

func TestParsePartitionField_BothSpellings(t *testing.T) {
	for text, want := range map[string]string{
		"a": "identity a", "identity(a)": "identity a", "bucket[16](a)": "bucket[16] a", "bucket(16, a)": "bucket[16] a", "Truncate( 4 , a.b )": "truncate[4] a.b",
		"truncate[4](a)": "truncate[4] a", "year(a)": "year a", "months(a)": "month a", "day( a )": "day a", "hour(a)": "hour a", "void(a)": "void a", "`a(b`": "identity a(b", "day(`a,b`)": "day a,b",
	} {
		f, err := ParsePartitionField(text)
		if err != nil || f.Transform.String()+" "+f.Column != want {
			t.Errorf("%s: %v %v, want %s", text, f, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "is empty", "day()": "column is missing", "day(a": "must stand in ( )", "bucket[16](a": "must stand in ( )", "bucket[16 (a)": "] is missing", "bucket[x](a)": "whole number", "day[3](a)": "takes no width",
		"dya(a)": "did you mean day?", "bucket[99999999999](a)": "whole number", "a b(c)": "no transform", "day(a,b)": "no name of a column", "day(a)x": "must stand in ( )", "`a": "backquote", "`a`b": "after the column",
	} {
		if f, err := ParsePartitionField(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v, want mention of %q", text, f, err, want)
		}
	}
}

func TestWritable_RefusesWhatWouldBeLost(t *testing.T) {
	field := func(name string, typ iceberg.Type) iceberg.NestedField {
		return iceberg.NestedField{ID: 1, Name: name, Type: typ}
	}
	sc := iceberg.NewSchema(0, field("v", iceberg.VariantType{}),
		iceberg.NestedField{ID: 2, Name: "g", Type: &iceberg.ListType{ElementID: 3, Element: iceberg.GeometryType{}}},
		iceberg.NestedField{ID: 4, Name: "d", Type: iceberg.Int32Type{}, WriteDefault: int32(1)},
		iceberg.NestedField{ID: 5, Name: "m", Type: &iceberg.MapType{KeyID: 6, KeyType: &iceberg.StructType{FieldList: []iceberg.NestedField{{ID: 8, Name: "x", Type: iceberg.Int32Type{}}}}, ValueID: 7, ValueType: iceberg.Int32Type{}}},
		iceberg.NestedField{ID: 9, Name: "e", Type: &iceberg.StructType{}},
		iceberg.NestedField{ID: 10, Name: "ok", Type: iceberg.TimestampNsType{}})
	err := Writable(sc)
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"column v: sinker does not write type variant", "column g.element: ", "column d: has a write default", "column m: sinker does not fill maps", "column e: a struct without fields"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "column ok") {
		t.Error(err)
	}
}

func TestFit_TakesWhatAlteringMakes(t *testing.T) {
	build := func(cols ...Column) *iceberg.Schema {
		sc, _, errs := Build(cols, nil, nil, 2)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		return sc
	}
	declared := build(Column{Name: "a", Type: "int", Required: true}, Column{Name: "b", Type: "decimal(9,2)"}, Column{Name: "c", Type: "struct<x: float, y: list<int>>"})
	if errs := Fit(declared, declared); len(errs) > 0 {
		t.Error(errs)
	}
	altered := build(Column{Name: "c", Type: "struct<y: list<long>, z: string, x: double>"}, Column{Name: "new", Type: "string"}, Column{Name: "b", Type: "decimal(18,2)"}, Column{Name: "a", Type: "long"})
	if errs := Fit(altered, declared); len(errs) > 0 {
		t.Error(errs)
	}
	other := build(Column{Name: "a", Type: "string"}, Column{Name: "b", Type: "decimal(9,3)", Required: true}, Column{Name: "c", Type: "struct<x: float, y: int>"}, Column{Name: "r", Type: "int", Required: true})
	text := errors.Join(Fit(other, declared)...).Error()
	for _, want := range []string{"column a: string in the table, declared as int", "column b: decimal(9,3) in the table", "column b: required in the table", "column c.y: int in the table, declared as list<int>", "column r: required in the table, and not declared"} {
		if !strings.Contains(text, want) {
			t.Errorf("not reported: %s in %s", want, text)
		}
	}
	if text := errors.Join(Fit(build(Column{Name: "z", Type: "int"}), declared)...).Error(); !strings.Contains(text, "column a: declared as int, and the table does not have it; the table has z") {
		t.Error(text)
	}
}
