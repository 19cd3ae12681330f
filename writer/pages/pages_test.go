package pages_test

import (
	"bytes"
	"os"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/sinker-io/sinker/writer/pagestest"
)

// Whatever the schema and whatever the values, a reader that is not ours finds the rows that were written, and footers
// that tell the truth about them.
func TestPages_RandomTablesComeBack(t *testing.T) {
	cases := uint64(150)
	if n, err := strconv.ParseUint(os.Getenv("SINKER_PAGES"), 10, 64); err == nil {
		cases = n
	}
	for seed := range cases {
		c := pagestest.New(seed, pagestest.Options{})
		var out bytes.Buffer
		if err := c.Write(&out); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		pf, err := file.NewParquetReader(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if pf.NumRowGroups() != c.Groups() || pf.NumRows() != int64(len(c.Truth)) {
			t.Fatalf("seed %d: %d rows in %d groups", seed, pf.NumRows(), pf.NumRowGroups())
		}
		rows, err := pagestest.Rows(pf)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, row := range rows {
			if row != c.Truth[i] {
				t.Fatalf("seed %d, %v, %s: row %d is\n%.2000s\nwant\n%.2000s", seed, c.Props, c.Schema, i, row, c.Truth[i])
			}
		}
		if err := honest(pf); err != nil {
			t.Fatalf("seed %d, %v: %v", seed, c.Props, err)
		}
	}
}
