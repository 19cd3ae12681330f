package catalog

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/commit"
)

// What anybody may have written into a table or an answer is thrown at every parser of it: none may panic, what is read is written back
// the same, and what is damaged says nothing.

func stateSeeds(f *testing.F) {
	for _, s := range badLedgers {
		f.Add(s)
	}
	f.Add(`{"cluster":"c","t":{"orders#BwcHAAAAAAAAAAAAAAAAAA":{"o":[1,-1,9007199254740993],"e":[0,-1,2147483647],"u":[-1,-1,9223372036854775807]}}}`)
	f.Add(`{"y2":{"carrier":1,"epoch":18446744073709551615,"offsets":"{\"cluster\":\"\",\"t\":{}}"}}`)
	f.Add(`{"orders#":{"0":"1-2"}}`)
	f.Add(pack([]byte(`{"cluster":"` + strings.Repeat("x", packAbove) + `","t":{}}`)))
}

// FuzzState reads a text as each kind of state string.
func FuzzState(f *testing.F) {
	stateSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		text, err := unpack(s)
		if err != nil || len(text) > 32<<10 { // what is larger only takes longer
			return
		}
		s = string(text)
		if l, err := decodeLedger(s); err == nil {
			again, err := encodeLedger(l)
			if err != nil {
				t.Fatalf("%q was read and cannot be written: %v", s, err)
			}
			if back, err := decodeLedger(again); err != nil || !back.Equal(l) {
				t.Fatalf("%q became %q", s, again)
			}
		}
		if o, err := decodeOthers(s); err == nil && len(o) > 0 {
			again, err := encodeOthers(o)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := decodeOthers(again); err != nil || !reflect.DeepEqual(back, o) {
				t.Fatalf("%q became %q", s, again)
			}
		}
		if rs, err := DecodeRanges(s); err == nil {
			for p, r := range rs {
				if r.From < 0 || r.To < r.From || p.Num < 0 || p.Topic == "" {
					t.Fatalf("%q was read as %s %s", s, p, r)
				}
			}
		}
		if m := decodeMirror(s, uuid.Nil); !m.Sound && !reflect.DeepEqual(m, commit.Mirror{}) {
			t.Fatal("a mirror that is not sound says something")
		}
	})
}

// FuzzMirror spells a mirror of anything with a checksum that holds, so that fuzzing gets past it, and then damages it.
func FuzzMirror(f *testing.F) {
	f.Add(int64(7), uint64(1)<<63+1, `{"cluster":"c","t":{"orders#BwcHAAAAAAAAAAAAAAAAAA":{"o":[1,-1,3]}}}`, uint16(20), byte(1))
	f.Add(int64(-7), uint64(0), `{"cluster":"","t":{}}`, uint16(0), byte(0))
	f.Add(int64(1), uint64(9), "AAAA\xff", uint16(3), byte(0x20))
	id := uuid.UUID{1, 2, 3}
	f.Fuzz(func(t *testing.T, snapshot int64, epoch uint64, ledger string, at uint16, flip byte) {
		if len(ledger) > 4<<10 || ledger != "" && ledger[0] != '{' {
			return
		}
		text := encodeMirror(snapshot, id, epoch, ledger)
		want, err := decodeLedger(ledger)
		m := decodeMirror(text, id)
		if m.Sound != (err == nil) {
			t.Fatalf("ledger %q (%v) in a mirror: sound is %v", ledger, err, m.Sound)
		}
		if m.Sound && (m.Snapshot != snapshot || m.Epoch != epoch || !m.Ledger.Equal(want)) {
			t.Fatalf("%q was read as %+v", text, m)
		}
		if decodeMirror(text, uuid.UUID{1, 2, 4}).Sound {
			t.Fatal("the mirror of another table is sound")
		}
		bad := []byte(text)
		bad[int(at)%len(bad)] ^= flip
		if d := decodeMirror(string(bad), id); d.Sound && !reflect.DeepEqual(d, m) || !d.Sound && !reflect.DeepEqual(d, commit.Mirror{}) {
			t.Fatalf("damaged to %q it says %+v", bad, d)
		}
	})
}

// FuzzSnapshot reads a summary that a foreigner may have filled in any way.
func FuzzSnapshot(f *testing.F) {
	f.Add("s1", "1", "7", "00000000-0000-0000-0000-000000000001", `{"cluster":"c","t":{}}`, `{"y2":{"carrier":1,"epoch":1,"offsets":"{\"cluster\":\"\",\"t\":{}}"}}`, "12")
	f.Add("s1", "2", "-1", ",", "AAAA", "{", "x")
	f.Add("S", "", "18446744073709551616", "z", "", "", "-0")
	f.Fuzz(func(t *testing.T, sink, version, epoch, batches, ledger, others, source string) {
		for _, s := range []string{ledger, others} {
			if len(s) > 4<<10 || s != "" && s[0] != '{' { // FuzzState unpacks
				return
			}
		}
		d := decodeSnapshot(table.Snapshot{SnapshotID: 1, Summary: &table.Summary{Properties: map[string]string{
			keySink: sink, keyVersion: version, keyEpoch: epoch, keyBatches: batches, keyOffsets + sink: ledger, keyOthers: others, keySource: source}}})
		if d.Sink != sink || d.Source == 0 {
			t.Fatalf("%+v", d)
		}
		switch {
		case (d.Broken == "") != (d.Ledger != nil):
			t.Fatalf("broken %q, ledger %v", d.Broken, d.Ledger)
		case d.Ledger != nil && (d.Version < 1 || d.Version > stateVersion || !ValidSink(sink)):
			t.Fatalf("the state of sink %q in format %d was believed", sink, d.Version)
		}
		for id, o := range d.Others {
			if !ValidSink(id) || o.Carrier <= 0 {
				t.Fatalf("of %q: %+v", id, o)
			}
		}
	})
}

// FuzzProperties gives values of any kind to the table properties that the rules read.
func FuzzProperties(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "0", "9223372036854775807", "18446744073710", "1e3", " 5", "432000000"} {
		f.Add(s, s, s)
	}
	meta := emptyTable(f)
	tb := &Table{cat: &Catalog{}, id: ident{[]string{"a"}, "b"}, branch: mainBranch, sink: "s1"}
	f.Fuzz(func(t *testing.T, age, least, most string) {
		l := newLoaded(withProperties{meta, iceberg.Properties{table.MaxSnapshotAgeMsKey: age, table.CommitMinRetryWaitMsKey: least, table.CommitMaxRetryWaitMsKey: most}}, "x", 1, nil)
		v := tb.view(l)
		for key, d := range map[string]struct {
			text string
			got  int64
		}{"age": {age, v.Retention.Milliseconds()}, "least": {least, v.RetryMin.Milliseconds()}, "most": {most, v.RetryMax.Milliseconds()}} {
			want := max(iceberg.Properties{"k": d.text}.GetInt64("k", 0), 0)
			if d.got < 0 || d.got > want || d.got < min(want, 1<<40) { // 35 years are as good as for ever
				t.Fatalf("%s %q was read as %d ms", key, d.text, d.got)
			}
		}
	})
}

type withProperties struct {
	table.Metadata
	props iceberg.Properties
}

func (m withProperties) Properties() iceberg.Properties { return m.props }

func emptyTable(t testing.TB) table.Metadata {
	t.Helper()
	meta, err := table.NewMetadata(ordersSchema, iceberg.UnpartitionedSpec, table.UnsortedSortOrder, "file:///t", iceberg.Properties{})
	if err != nil {
		t.Fatal(err)
	}
	return meta
}

// FuzzMetadata reads a metadata file as anybody may have left it, and looks at it as the rules do.
func FuzzMetadata(f *testing.F) {
	_, raw, err := formatMetadata(emptyTable(f), 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"format-version":2}`))
	f.Add([]byte(`{"format-version":1,"location":"x","last-updated-ms":1,"last-column-id":1,"schema":{"type":"struct","fields":[]},"snapshots":[{"snapshot-id":1,"timestamp-ms":1,"summary":null}],"current-snapshot-id":-1}`))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"))
	tb := &Table{cat: &Catalog{}, id: ident{[]string{"a"}, "b"}, branch: mainBranch, sink: "s1"}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 8<<10 || len(raw) > 4 && raw[0] != '{' && raw[3] != 0x08 {
			return // a decompressor of ours meets FuzzInflate
		}
		meta, _, err := parseMetadata(raw)
		if err != nil {
			return
		}
		v := tb.view(newLoaded(meta, "x", int64(len(raw)), nil))
		if st, err := commit.Resolve(v, "s1"); err == nil && st.Ledger.Marks == nil {
			t.Fatalf("%q has state %+v", raw, st)
		}
	})
}

// FuzzAnswer reads a refusal: what is told of it is one line of bounded length, whatever the server sent.
func FuzzAnswer(f *testing.F) {
	f.Add(409, []byte(`{"error":{"message":"requirement failed","type":"CommitFailedException"}}`), "")
	f.Add(302, []byte("<html>\n"), "http://user:secret@h/x?q=1")
	f.Add(404, []byte("no \xff\n\x00 such"), ":")
	f.Add(323, []byte("0"), "Mq\x01http:")
	f.Add(333, []byte("{"), "http:sMus\x80")
	f.Fuzz(func(t *testing.T, status int, body []byte, location string) {
		if len(body) > 4<<10 || len(location) > 1<<10 {
			return
		}
		r := &http.Response{StatusCode: status, Header: http.Header{"Location": {location}}, Request: &http.Request{URL: &url.URL{Path: "/v1/namespaces/a/tables/b"}}}
		said := answerError(r, body).Error()
		if len(said) > 1000+6*len(location) || !utf8.ValidString(said) || strings.ContainsFunc(said, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("said of %q: %q", body, said)
		}
		_ = statusClass(r).String()
	})
}
