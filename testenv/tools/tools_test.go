package tools

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Whoever asks for a part at the same time gets the same folder, and it is fetched once.
func TestPart_AskedForByManyAtOnce(t *testing.T) {
	t.Setenv("SINKER_TOOLS", t.TempDir())
	var mu sync.Mutex
	fetches := 0
	p := Part{Name: "thing", pin: "1", fetch: func(_ context.Context, dir string) error {
		mu.Lock()
		defer mu.Unlock()
		fetches++
		return os.WriteFile(filepath.Join(dir, "thing"), nil, 0o644)
	}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := p.Get(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(dir, "thing")); err != nil {
				t.Errorf("a part that was said to be there is not: %v", err)
			}
		})
	}
	wg.Wait()
	if fetches != 1 {
		t.Errorf("fetched %d times, want once", fetches)
	}
}

// A fetch that was cut off leaves nothing that a later one takes for the part.
func TestPart_HalfFetched(t *testing.T) {
	t.Setenv("SINKER_TOOLS", t.TempDir())
	p := Part{Name: "thing", pin: "1", fetch: func(_ context.Context, dir string) error {
		if _, err := os.Stat(filepath.Join(dir, "half")); err == nil {
			t.Error("the remains of the broken fetch are still there")
		}
		return os.WriteFile(filepath.Join(dir, "thing"), nil, 0o644)
	}}
	root, err := Dir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(p.folder(root), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.folder(root), "half"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Another pin is another folder: two versions of the project can share the cache.
func TestPart_OtherPinOtherFolder(t *testing.T) {
	a, b := Part{Name: "x", pin: "1"}, Part{Name: "x", pin: "2"}
	if a.folder("r") == b.folder("r") {
		t.Errorf("both live in %s", a.folder("r"))
	}
}

// What the machine lacks is named, with how to get it, and is not tried three times.
func TestPart_ProgramMissing(t *testing.T) {
	t.Setenv("SINKER_TOOLS", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	_, err := Kafka.Get(t.Context())
	if !errors.Is(err, errMissing) || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("got %v, want an error that tells how to install Maven", err)
	}
}
