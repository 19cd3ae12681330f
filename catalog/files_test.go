package catalog

import (
	"errors"
	"slices"
	"testing"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/commit"
)

// The files of a load are those of its snapshot, ours and those of others, whatever is committed after it.
func TestFiles_AreThoseOfTheLoad(t *testing.T) {
	w := newWorld(t)
	w.create("shop.orders", nil, 2, nil)
	tb := w.table("shop.orders", "", "s1")
	list := func(v commit.View) (paths []string) {
		t.Helper()
		if err := tb.Files(t.Context(), v, func(f iceberg.DataFile) error { paths = append(paths, f.FilePath()); return nil }); err != nil {
			t.Fatal(err)
		}
		slices.Sort(paths)
		return paths
	}
	if got := list(load(t, tb)); len(got) != 0 {
		t.Errorf("an empty table has %v", got)
	}
	put(t, tb, 1, 0, 10)
	one := load(t, tb)
	first := list(one)
	w.foreignAppend("shop.orders", 1000, 1005)
	put(t, tb, 1, 10, 20)
	all := list(load(t, tb))
	if len(first) == 0 || len(all) != 2*len(first)+1 || !slices.Equal(list(one), first) {
		t.Errorf("first %v, then %v, and the first load now %v", first, all, list(one))
	}
	for _, path := range all {
		f, err := tb.Open(t.Context(), one, path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Size() == 0 {
			t.Errorf("%s is empty", path)
		}
		f.Close()
	}
	enough := errors.New("enough")
	if err := tb.Files(t.Context(), one, func(iceberg.DataFile) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the reader's word is lost: %v", err)
	}
}
