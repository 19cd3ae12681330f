package contract

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what was measured into docs/catalogs.md")

const catalogsDoc = "../../docs/catalogs.md"

// document holds a part of docs/catalogs.md, between two marks, against what was measured just now; with -update it writes it.
func document(t *testing.T, part, measured string) {
	t.Helper()
	t.Logf("%s:\n%s", part, measured)
	raw, err := os.ReadFile(catalogsDoc)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- measured: "+part+" -->\n", "<!-- end of "+part+" -->"
	before, rest, ok := strings.Cut(string(raw), begin)
	if !ok {
		t.Fatalf("%s has no place for %s", catalogsDoc, part)
	}
	said, after, ok := strings.Cut(rest, end)
	switch {
	case !ok:
		t.Fatalf("the part %s of %s has no end", part, catalogsDoc)
	case said == measured:
	case *update:
		if err := os.WriteFile(catalogsDoc, []byte(before+begin+measured+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s says something else; with -update it is written anew:\n%s", catalogsDoc, said)
	}
}
