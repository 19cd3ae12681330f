package schema

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/table-properties.md anew")

func TestPropertiesDoc_IsWhatTheTableSays(t *testing.T) {
	const path = "../docs/table-properties.md"
	if *update {
		if err := os.WriteFile(path, []byte(PropertiesDoc()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != PropertiesDoc() {
		t.Errorf("%s is not what the code says; run go test ./schema -run PropertiesDoc -update", path)
	}
}

func TestProperties_EachHasItsFate(t *testing.T) {
	for _, c := range []struct {
		key, value string
		want       Fate
	}{
		{"write.format.default", "parquet", Honoured},
		{"write.format.default", "PARQUET", Honoured},
		{"write.format.default", "orc", Refused},
		{"write.format.default", "avro", Refused},
		{"write.location-provider.impl", "com.example.Provider", Refused},
		{"encryption.key-id", "k1", Refused},
		{"write.upsert.enabled", "true", Refused},
		{"write.upsert.enabled", "false", Ignored},
		{"write.parquet.compression-codec", "zstd", Honoured},
		{"write.parquet.compression-codec", "lzo", Refused},
		{"write.metadata.metrics.column.a.b", "counts", Honoured},
		{"write.object-storage.enabled", "true", Honoured},
		{"commit.retry.num-retries", "10", Ignored},
		{"commit.retry.min-wait-ms", "10", Honoured},
		{"owner", "me", Ignored},
	} {
		v := Properties(map[string]string{c.key: c.value})
		if len(v) != 1 || v[0].Fate != c.want || v[0].Reason == "" {
			t.Errorf("%s = %s: %+v, want %s", c.key, c.value, v, c.want)
		}
		if refused := len(RefusedProperties(map[string]string{c.key: c.value, "owner": "x"})); refused == 1 != (c.want == Refused) {
			t.Errorf("%s = %s: %d refused", c.key, c.value, refused)
		}
	}
}

func TestPropertyTable_NoEntryHidesAnother(t *testing.T) {
	for _, p := range PropertyTable {
		if p.Reason == "" {
			t.Errorf("%s: no reason", p.Key)
		}
		if (p.is == nil) != (p.Else == "") || (p.is == nil) != (p.Values == "") {
			t.Errorf("%s: values, test and other fate do not go together", p.Key)
		}
		key := p.Key
		if v := judge(key, "a value that no list has"); v.Fate != p.Fate && v.Fate != p.Else {
			t.Errorf("%s: hidden by an earlier entry", key)
		}
	}
}
