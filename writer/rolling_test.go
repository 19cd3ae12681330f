package writer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
)

// Files are as large as they should be, but for the last, whatever the rows come to.
func TestRolling_FilesMeetTheTarget(t *testing.T) {
	targets := []int64{1 << 20, 4 << 20}
	if os.Getenv("SINKER_HEAVY") != "" {
		targets = append(targets, 16<<20)
	}
	for _, target := range targets {
		for _, kind := range []string{"random", "repeated"} {
			t.Run(fmt.Sprintf("%s/%d", kind, target), func(t *testing.T) {
				w := newWorld(t, simple(), none, iceberg.Properties{"write.target-file-size-bytes": fmt.Sprint(target)})
				b := w.batch()
				rng := rand.New(rand.NewPCG(1, 2))
				next := int64(100)
				for b.shipping.bytes() < 4*target {
					values := make([]string, 1000)
					for i := range values {
						name := fmt.Sprintf("%x%x%x%x", rng.Uint64(), rng.Uint64(), rng.Uint64(), rng.Uint64())
						if kind == "repeated" {
							name = strings.Repeat(name[:8], 8)
						}
						values[i] = fmt.Sprintf(`{"id":%d,"name":%q}`, rng.Int64(), name)
					}
					r := run(next, values...)
					w.append(b, r)
					next = r.Range.To
				}
				if !b.Full() || b.Stats().Rolled < 4 {
					t.Errorf("full %v, %+v", b.Full(), b.Stats())
				}
				m := w.seal(b)
				for _, f := range m.Files[:len(m.Files)-1] {
					if size := f.FileSizeBytes(); size < target*8/10 || size > target*12/10 {
						t.Errorf("a file of %d bytes, the target is %d", size, target)
					}
				}
				t.Logf("%d files, %+v", len(m.Files), b.Stats())
			})
		}
	}
}

func TestLocation_HonoursTheTablesProperties(t *testing.T) {
	id := uuid.MustParse("f79c3e09-677c-4bbd-a479-3f349cb785e7")
	name := "my%2Fsink-" + id.String() + "-4.parquet"
	for _, tc := range []struct {
		props iceberg.Properties
		want  string
	}{
		{nil, "s3://lake/shop/orders/data/day=2024-01-01/" + name},
		{iceberg.Properties{"write.data.path": "s3://other/files/"}, "s3://other/files/day=2024-01-01/" + name},
		{iceberg.Properties{"write.object-storage.enabled": "true"}, "s3://lake/shop/orders/data/HASH/day=2024-01-01/" + name},
		{iceberg.Properties{"write.object-storage.enabled": "true", "write.object-storage.partitioned-paths": "false"}, "s3://lake/shop/orders/data/HASH-" + name},
		{iceberg.Properties{"write.object-storage.enabled": "true", "write.data.path": "s3://other/files"}, "s3://other/files/HASH/shop/orders/day=2024-01-01/" + name},
	} {
		p, err := newPlace(Table{Location: "s3://lake/shop/orders/", Properties: tc.props})
		if err != nil {
			t.Fatal(err)
		}
		got := p.file("my/sink", id, 4, "day=2024-01-01")
		hashed := name
		if p.partitions {
			hashed = "day=2024-01-01/" + name
		}
		if want := strings.Replace(tc.want, "HASH", spread(hashed), 1); got != want {
			t.Errorf("%v:\n%s\n%s", tc.props, got, want)
		}
		if len(spread(hashed)) != 23 {
			t.Errorf("folders %s", spread(hashed))
		}
	}
	if _, err := newPlace(Table{}); err == nil {
		t.Error("a table without a location was accepted")
	}
}
