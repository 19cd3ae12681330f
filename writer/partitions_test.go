package writer

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/manifest"
	"github.com/sinker-io/sinker/offsets"
)

func identityOn(sc *iceberg.Schema, ids ...int) iceberg.PartitionSpec {
	var fields []iceberg.PartitionField
	for i, id := range ids {
		name, _ := sc.FindColumnName(id)
		fields = append(fields, iceberg.PartitionField{SourceIDs: []int{id}, FieldID: 1000 + i, Name: strings.ReplaceAll(name, ".", "_"), Transform: iceberg.IdentityTransform{}})
	}
	return iceberg.NewPartitionSpecID(2, fields...)
}

func TestPartitions_NullAndItsNamesakesAreApart(t *testing.T) {
	w := newWorld(t, simple(), identityOn(simple(), 2), nil)
	b := w.batch()
	w.append(b, run(100, `{"id":1,"name":null}`, `{"id":2,"name":"null"}`, `{"id":3,"name":""}`, `{"id":4,"name":"/"}`, `{"id":5}`, `{"id":6,"name":"../x"}`, `{"id":7,"name":"null"}`))
	m := w.seal(b)
	got := map[string]string{}
	for _, f := range m.Files {
		got[fmt.Sprintf("%#v", f.Partition()[1000])] = strings.Join(w.rows(f.FilePath()), " ")
		if f.SpecID() != 2 {
			t.Errorf("spec %d", f.SpecID())
		}
		if rest := strings.TrimPrefix(f.FilePath(), "file:///warehouse/shop/orders/data/"); strings.Count(rest, "/") != 1 || strings.Contains(rest, "=..") {
			t.Errorf("path %s", f.FilePath())
		}
	}
	want := map[string]string{
		`<nil>`:  `{"id":1,"name":null} {"id":5,"name":null}`,
		`"null"`: `{"id":2,"name":"null"} {"id":7,"name":"null"}`,
		`""`:     `{"id":3,"name":""}`,
		`"/"`:    `{"id":4,"name":"/"}`,
		`"../x"`: `{"id":6,"name":"../x"}`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("files by partition value:\n%v\nwant\n%v", got, want)
	}
}

// everyType has a column of each type that can be a partition's source.
func everyType() *iceberg.Schema {
	return schemaOf(
		col(1, "b", iceberg.BooleanType{}), col(2, "i", iceberg.Int32Type{}), col(3, "l", iceberg.Int64Type{}),
		col(4, "f", iceberg.Float32Type{}), col(5, "d", iceberg.Float64Type{}),
		col(6, "d9", iceberg.DecimalTypeOf(9, 2)), col(7, "d18", iceberg.DecimalTypeOf(18, 3)), col(8, "d38", iceberg.DecimalTypeOf(38, 10)),
		col(9, "day", iceberg.DateType{}), col(10, "tm", iceberg.TimeType{}), col(11, "ts", iceberg.TimestampType{}),
		col(12, "tz", iceberg.TimestampTzType{}), col(13, "s", iceberg.StringType{}), col(14, "u", iceberg.UUIDType{}),
		col(15, "fx", iceberg.FixedTypeOf(4)), col(16, "bin", iceberg.BinaryType{}),
	)
}

const (
	full = `{"b":true,"i":-34,"l":9007199254740993,"f":-0.5,"d":1e300,"d9":-12.34,"d18":14.200,"d38":-1234567890123456789012345678.0123456789,` +
		`"day":"1969-12-31","tm":"22:31:08.000001","ts":"1969-12-31T23:59:59.999999","tz":"2017-11-16T14:31:08-08:00","s":"iceberg",` +
		`"u":"f79c3e09-677c-4bbd-a479-3f349cb785e7","fx":"AAECAw==","bin":"AAECAw=="}`
	empty = `{}`
)

// The values of partitions go through the library's manifest writer and back, for every type, null and transform.
func TestPartitions_ManifestsHoldEveryValue(t *testing.T) {
	sc := everyType()
	transforms := map[string]iceberg.Transform{
		"identity": iceberg.IdentityTransform{}, "bucket": iceberg.BucketTransform{NumBuckets: 16}, "truncate": iceberg.TruncateTransform{Width: 3},
		"year": iceberg.YearTransform{}, "month": iceberg.MonthTransform{}, "day": iceberg.DayTransform{}, "hour": iceberg.HourTransform{}, "void": iceberg.VoidTransform{},
	}
	for name, tr := range transforms {
		for _, src := range sc.Fields() {
			if !tr.CanTransform(src.Type) {
				continue
			}
			// One field a spec: the library's manifest writer cannot have two decimals of different size in one.
			pf := iceberg.PartitionField{SourceIDs: []int{src.ID}, FieldID: 1000, Name: src.Name + "_" + name, Transform: tr}
			spec := iceberg.NewPartitionSpecID(1, pf)
			w := newWorld(t, sc, spec, nil)
			b := w.batch()
			w.append(b, run(100, full, empty, full))
			m := w.seal(b)
			if want := map[bool]int{true: 1, false: 2}[name == "void"]; len(m.Files) != want {
				t.Fatalf("%s: %d files, want %d", pf.Name, len(m.Files), want)
			}
			for _, f := range throughManifest(t, m, sc, spec) {
				want := expected(t, tr, src, f.Count() == 2)
				if got := f.Partition()[pf.FieldID]; fmt.Sprintf("%T %v", got, got) != want {
					t.Errorf("%s: %T %v, want %s", pf.Name, got, got, want)
				}
			}
		}
	}
}

// expected computes the value with the library's transforms, from the text of the literals.
func expected(t *testing.T, tr iceberg.Transform, src iceberg.NestedField, isFull bool) string {
	texts := map[string]string{"b": "true", "i": "-34", "l": "9007199254740993", "f": "-0.5", "d": "1e300", "d9": "-12.34", "d18": "14.200",
		"d38": "-1234567890123456789012345678.0123456789", "day": "1969-12-31", "tm": "22:31:08.000001", "ts": "1969-12-31T23:59:59.999999",
		"tz": "2017-11-16T14:31:08-08:00", "s": "iceberg", "u": "f79c3e09-677c-4bbd-a479-3f349cb785e7"}
	if _, void := tr.(iceberg.VoidTransform); void || !isFull {
		return "<nil> <nil>"
	}
	var lit iceberg.Literal
	var err error
	switch src.Name {
	case "fx":
		lit = iceberg.FixedLiteral([]byte{0, 1, 2, 3})
	case "bin":
		lit = iceberg.BinaryLiteral([]byte{0, 1, 2, 3})
	case "d":
		lit = iceberg.Float64Literal(1e300)
	case "b":
		lit = iceberg.BoolLiteral(true)
	default:
		lit, err = iceberg.StringLiteral(texts[src.Name]).To(src.Type)
	}
	if err != nil {
		t.Fatalf("%s: %v", src.Name, err)
	}
	out := tr.Apply(iceberg.Optional[iceberg.Literal]{Val: lit, Valid: true})
	v := out.Val.Any()
	if _, day := tr.(iceberg.DayTransform); day {
		if n, ok := v.(int32); ok {
			v = iceberg.Date(n)
		}
	}
	switch d := v.(type) {
	case iceberg.Decimal:
		v = iceberg.DecimalLiteral(d)
	case iceberg.UUIDLiteral:
		v = uuid.UUID(d)
	}
	return fmt.Sprintf("%T %v", v, v)
}

func throughManifest(t *testing.T, m *manifest.Manifest, sc *iceberg.Schema, spec iceberg.PartitionSpec) []iceberg.DataFile {
	t.Helper()
	var entries []iceberg.ManifestEntry
	id := int64(1)
	for _, f := range m.Files {
		entries = append(entries, iceberg.NewManifestEntryBuilder(iceberg.EntryStatusADDED, &id, f).Build())
	}
	var buf bytes.Buffer
	mf, err := iceberg.WriteManifest("m.avro", &buf, 2, spec, sc, id, entries)
	if err != nil {
		t.Fatal(err)
	}
	back, err := iceberg.ReadManifest(mf, bytes.NewReader(buf.Bytes()), false)
	if err != nil {
		t.Fatal(err)
	}
	var out []iceberg.DataFile
	for _, e := range back {
		out = append(out, e.DataFile())
	}
	return out
}

// When the budget is short over and over, files are closed early and the batch goes on; it never waits for memory
// that only it could give back.
func TestPartitions_CloseEarlyWhenMemoryIsShort(t *testing.T) {
	sc := schemaOf(required(col(1, "id", iceberg.Int64Type{})), col(2, "p", iceberg.Int32Type{}), col(3, "text", iceberg.StringType{}))
	w := newWorld(t, sc, identityOn(sc, 2), nil)
	w.budget = budget.New(16<<20, nil)
	w.cfg.Budget = w.budget
	b := w.batch()
	pad := strings.Repeat("x", 400)
	const rows, partitions = 60_000, 1000
	for at := 0; at < rows; at += 1000 {
		values := make([]string, 1000)
		for i := range values {
			values[i] = fmt.Sprintf(`{"id":%d,"p":%d,"text":"%x%s"}`, at+i, (at+i)*7919%partitions, uint64(at+i)*0x9e3779b97f4a7c15, pad)
		}
		w.append(b, run(100+int64(at), values...))
	}
	s := b.Stats()
	m := w.seal(b)
	if s.Early == 0 || len(m.Files) <= partitions || m.Rows() != rows {
		t.Errorf("%+v, %d files, %d rows", s, len(m.Files), m.Rows())
	}
	if peak := w.budget.Peak(); peak > 18<<20 {
		t.Errorf("%d KiB of a budget of 16 MiB", peak>>10)
	}
	t.Logf("%+v, peak %d KiB", s, w.budget.Peak()>>10)
}

// Ten thousand partitions at once, in a budget of 256 MiB, with more data than the pool takes.
func TestPartitions_TenThousandInOneBatch(t *testing.T) {
	sc := schemaOf(required(col(1, "id", iceberg.Int64Type{})), col(2, "p", iceberg.Int32Type{}), col(3, "at", iceberg.TimestampTzType{}),
		col(4, "a", iceberg.StringType{}), col(5, "b", iceberg.StringType{}), col(6, "c", iceberg.Float64Type{}), col(7, "d", iceberg.Int64Type{}),
		col(8, "e", iceberg.StringType{}), col(9, "f", iceberg.StringType{}), col(10, "g", iceberg.DateType{}), col(11, "h", iceberg.BooleanType{}), col(12, "i", iceberg.StringType{}))
	w := newWorld(t, sc, identityOn(sc, 2), nil)
	b := w.batch()
	rows, partitions := 60_000, 10_000
	switch {
	case os.Getenv("SINKER_HEAVY") != "":
		rows = 400_000
	case raceDetector:
		rows, partitions = 6_000, 1_000
	}
	pad := strings.Repeat("0123456789abcdef", 4)
	at := int64(100)
	for id := 0; id < rows; {
		var values []string
		for ; len(values) < 1000; id++ {
			values = append(values, fmt.Sprintf(`{"id":%d,"p":%d,"at":"2024-01-01T00:00:00Z","a":"%x-%s","b":"%s","c":%d.5,"d":%d,"e":"e","f":"%d","g":"2024-01-01","h":true,"i":"%s"}`,
				id, id*7919%partitions, uint64(id)*0x9e3779b97f4a7c15, pad, pad, id, id, id%17, pad))
		}
		w.append(b, run(at, values...))
		at += int64(len(values))
	}
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	held := b.Held()
	if live := int64(mem.HeapAlloc) - stored(w.store); live > held+48<<20 && !raceDetector {
		t.Errorf("the heap has %d MiB alive, of which the batch has taken only %d MiB from the budget", live>>20, held>>20)
	}
	m := w.seal(b)
	if peak := w.budget.Peak(); peak > 256<<20 {
		t.Errorf("%d MiB of the budget at once", peak>>20)
	}
	if len(m.Files) < partitions || m.Rows() != int64(rows) {
		t.Errorf("%d files, %d rows", len(m.Files), m.Rows())
	}
	if s := m.Spans[orders]; s.Rows != int64(rows) || s.Range != (offsets.Range{From: 100, To: at}) {
		t.Errorf("span %+v", s)
	}
	t.Logf("peak %d MiB, %+v", w.budget.Peak()>>20, b.Stats())
}

func stored(s *shelf) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	for _, o := range s.objects {
		n += int64(cap(o))
	}
	return n
}
