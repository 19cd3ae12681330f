package catalog

import (
	"strings"
	"testing"

	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/sinker-io/sinker/offsets"
)

func genLedger(t *rapid.T) offsets.Ledger {
	l := offsets.Ledger{Cluster: rapid.String().Draw(t, "cluster"), Marks: map[offsets.Partition]offsets.Mark{}}
	for range rapid.IntRange(0, 20).Draw(t, "n") {
		var id offsets.TopicID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "id"))
		p := offsets.Partition{TopicID: id, Topic: rapid.StringMatching(`[a-zA-Z0-9._-]{1,12}`).Draw(t, "topic"), Num: rapid.Int32Range(0, 300).Draw(t, "p")}
		origin := rapid.Int64Range(0, 1<<62).Draw(t, "s")
		m := offsets.Mark{
			Origin: origin, Next: rapid.Int64Range(origin, 1<<63-1).Draw(t, "o"), LeaderEpoch: rapid.Int32Min(-1).Draw(t, "e"), Upper: offsets.Unbounded,
			Dead: rapid.Int64Min(0).Draw(t, "d"), Skipped: rapid.Int64Min(0).Draw(t, "k"), Holes: rapid.Int64Min(0).Draw(t, "h"),
		}
		if rapid.Bool().Draw(t, "bounded") {
			m.Upper = rapid.Int64Range(origin, 1<<63-1).Draw(t, "u")
		}
		l.Marks[p] = m
	}
	return l
}

func TestLedger_ComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := genLedger(t)
		l.Cluster = strings.ToValidUTF8(l.Cluster, "")
		s, err := encodeLedger(l)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeLedger(s)
		if err != nil {
			t.Fatalf("%v of %s", err, s)
		}
		if !back.Equal(l) {
			t.Fatalf("%+v became %+v", l, back)
		}
		table := uuid.New()
		if m := decodeMirror(encodeMirror(77, table, 1<<63+1, s), table); !m.Sound || m.Snapshot != 77 || m.Epoch != 1<<63+1 || !m.Ledger.Equal(l) {
			t.Fatalf("mirror %+v", m)
		}
		if decodeMirror(encodeMirror(77, table, 1, s), uuid.New()).Sound {
			t.Fatal("the mirror of another table is sound")
		}
	})
}

// badLedgers are texts that are nearly a ledger. Each must be refused: a state that is read wrongly is worse than one that
// is not read.
var badLedgers = map[string]string{
	"empty":              ``,
	"nothing":            `{}`,
	"no cluster":         `{"t":{}}`,
	"no topics":          `{"cluster":"c"}`,
	"unknown key":        `{"cluster":"c","t":{},"x":1}`,
	"key twice":          `{"cluster":"c","cluster":"d","t":{}}`,
	"topic twice":        `{"cluster":"c","t":{"a#":{"o":[1]},"a#":{"o":[2]}}}`,
	"list twice":         `{"cluster":"c","t":{"a#":{"o":[1],"o":[2]}}}`,
	"tail":               `{"cluster":"c","t":{}} {}`,
	"cut":                `{"cluster":"c","t":{`,
	"no #":               `{"cluster":"c","t":{"a":{"o":[1]}}}`,
	"no name":            `{"cluster":"c","t":{"#":{"o":[1]}}}`,
	"bad id":             `{"cluster":"c","t":{"a#zz":{"o":[1]}}}`,
	"no o":               `{"cluster":"c","t":{"a#":{"e":[1]}}}`,
	"length":             `{"cluster":"c","t":{"a#":{"o":[1,2],"e":[1]}}}`,
	"unknown list":       `{"cluster":"c","t":{"a#":{"o":[1],"z":[1]}}}`,
	"fraction":           `{"cluster":"c","t":{"a#":{"o":[1.5]}}}`,
	"exponent":           `{"cluster":"c","t":{"a#":{"o":[1e3]}}}`,
	"overflow":           `{"cluster":"c","t":{"a#":{"o":[9223372036854775808]}}}`,
	"text for number":    `{"cluster":"c","t":{"a#":{"o":["1"]}}}`,
	"null":               `{"cluster":"c","t":{"a#":{"o":[null]}}}`,
	"below none":         `{"cluster":"c","t":{"a#":{"o":[-2]}}}`,
	"below origin":       `{"cluster":"c","t":{"a#":{"o":[1],"s":[2]}}}`,
	"bound below origin": `{"cluster":"c","t":{"a#":{"o":[3],"s":[2],"u":[1]}}}`,
	"epoch too large":    `{"cluster":"c","t":{"a#":{"o":[3],"e":[2147483648]}}}`,
	"negative count":     `{"cluster":"c","t":{"a#":{"o":[3],"d":[-1]}}}`,
	"none with origin":   `{"cluster":"c","t":{"a#":{"o":[-1],"s":[2]}}}`,
	"not UTF-8":          "{\"cluster\":\"\xff\",\"t\":{}}",
	"base64 of nothing":  `AAAA`,
	"list":               `[]`,
	"number":             `17`,
}

func TestLedger_RefusesWhatIsNotOne(t *testing.T) {
	for name, s := range badLedgers {
		if l, err := decodeLedger(s); err == nil {
			t.Errorf("%s was read as %+v", name, l)
		}
	}
	bomb := pack([]byte(`{"cluster":"` + strings.Repeat("x", maxState) + `","t":{}}`))
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb is %d bytes", len(bomb))
	}
	if _, err := decodeLedger(bomb); err == nil {
		t.Error("a state of more than the limit was read")
	}
}

func TestLedger_DoesNotWriteWhatItWouldNotRead(t *testing.T) {
	for name, m := range map[string]offsets.Mark{
		"negative": {Next: -1, Upper: -1}, "below origin": {Next: 1, Origin: 2, Upper: -1}, "bound": {Next: 5, Origin: 4, Upper: 3}, "count": {Upper: -1, Dead: -1},
	} {
		if s, err := encodeLedger(offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{part(0): m}}); err == nil {
			t.Errorf("%s was written as %s", name, s)
		}
	}
	for _, p := range []offsets.Partition{{Topic: "a#b"}, {Topic: ""}, {Topic: "a", Num: -1}, {Topic: "a", Num: maxPartition}} {
		if s, err := encodeLedger(offsets.Ledger{Marks: map[offsets.Partition]offsets.Mark{p: {Upper: -1}}}); err == nil {
			t.Errorf("%+v was written as %s", p, s)
		}
	}
}

func TestSnapshot_StateOfANewerSinkerIsNotGuessedAt(t *testing.T) {
	s := table.Snapshot{SnapshotID: 1, Summary: &table.Summary{Properties: map[string]string{keySink: "s1", keyVersion: "2", keyOffsets + "s1": `{"cluster":"c","t":{}}`}}}
	if d := decodeSnapshot(s); d.Sink != "s1" || d.Version != 2 || d.Ledger != nil || d.Broken == "" {
		t.Errorf("%+v", d)
	}
}
