package judge

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/writer/pagestest"
)

// Whatever the schema and whatever the values, pyarrow and DuckDB find in our files the rows that were written.
func TestFiles_RandomTablesAreTheSameToAllReaders(t *testing.T) {
	cases := 100
	if n, err := strconv.Atoi(os.Getenv("SINKER_PAGES")); err == nil {
		cases = n
	}
	folder := t.TempDir()
	for n := range cases {
		c := pagestest.New(uint64(10_000+n), pagestest.Options{NoNanoseconds: true})
		f, err := os.Create(filepath.Join(folder, strconv.Itoa(n)+".parquet"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(f, nil); err != nil {
			t.Fatalf("file %d: %v", n, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{".rows": strings.Join(c.Truth, "\n") + "\n", ".kinds": pagestest.Spell(c.Kinds())} {
			if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(n)+name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The last file has a truth that is not its own: readers who do not notice would notice nothing.
	liar := filepath.Join(folder, strconv.Itoa(cases))
	other := filepath.Join(folder, "0")
	for _, name := range []string{".parquet", ".kinds", ".rows"} {
		data, err := os.ReadFile(other + name)
		if err != nil {
			t.Fatal(err)
		}
		if name == ".rows" {
			at := strings.LastIndexAny(string(data[:len(data)-3]), "0123456789abcdef")
			data[at] ^= 1
		}
		if err := os.WriteFile(liar+name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	faults, err := Files(t.Context(), folder, cases+1)
	if err != nil {
		t.Fatal(err)
	}
	noticed := 0
	for _, fault := range faults {
		if strings.HasPrefix(fault, "file "+strconv.Itoa(cases)+",") {
			noticed++
			continue
		}
		t.Error(fault)
	}
	if noticed != 2 {
		t.Errorf("%d of 2 readers noticed a wrong row", noticed)
	}
}
