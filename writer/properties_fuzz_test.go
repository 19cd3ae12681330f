package writer

import (
	"strings"
	"testing"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/writer/metrics"
	"github.com/sinker-io/sinker/writer/pages"
)

// Table properties hold what anybody wrote into them. Each text is a fault that names its property, or a setting within its bounds.
func FuzzProperties(f *testing.F) {
	keys := []string{TargetKey, pages.CodecKey, pages.LevelKey, pages.PageKey, pages.DictKey, pages.GroupKey, pages.BloomBytesKey, pages.EncodingsKey,
		pages.BloomKey + "id", pages.BloomRateKey + "id", metrics.DefaultKey, metrics.MaxKey, metrics.ColumnKey + "id",
		"write.format.default", "write.location-provider.impl", "write.object-storage.enabled", "write.object-storage.partitioned-paths", "write.data.path"}
	for i, text := range []string{"1", "zstd", "22", "-1", "9223372036854775808", " 64 ", "null", "plain", "true", "0.01", "truncate(16)", "truncate()", "NaN", "1e-9", "s3://b/k", "file:///x/../y", ""} {
		f.Add(uint8(i), text, uint8(i+1), text)
	}
	schema := iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.Int64}, iceberg.NestedField{ID: 2, Name: "name", Type: iceberg.PrimitiveTypes.String})
	f.Fuzz(func(t *testing.T, a uint8, one string, b uint8, two string) {
		props := iceberg.Properties{keys[int(a)%len(keys)]: one, keys[int(b)%len(keys)]: two}
		got, err := newFormat(Table{Location: "file:///t", Schema: schema, Spec: *iceberg.UnpartitionedSpec, FormatVersion: 2, Properties: props}, Config{})
		if err != nil {
			named := false
			for key := range props {
				named = named || strings.Contains(err.Error(), key)
			}
			if !named {
				t.Fatalf("%v is a fault that names no property: %v", props, err)
			}
			return
		}
		p := got.pages
		for name, x := range map[string][3]int64{"target": {got.target, 1, 1<<63 - 1}, "page": {p.PageBytes, 4 << 10, 64 << 20}, "dictionary": {p.DictBytes, 1 << 10, 64 << 20},
			"group": {p.GroupBytes, 64 << 10, 1 << 30}, "bloom": {p.BloomBytes, 64, 128 << 20}, "level": {int64(max(p.Level, 0)), 0, 22}} {
			if x[0] < x[1] || x[0] > x[2] {
				t.Fatalf("%v: %s is %d", props, name, x[0])
			}
		}
		for col, rate := range p.BloomRate {
			if !(rate > 0 && rate < 1) {
				t.Fatalf("%v: rate %v of %s", props, rate, col)
			}
		}
		if len(got.modes) != 2 {
			t.Fatalf("%v: %d modes of 2 columns", props, len(got.modes))
		}
	})
}
