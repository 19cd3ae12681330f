package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
)

// Who only looks makes nothing: not the file, not the tables in it.
func TestOpen_LookMakesNothing(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	path := filepath.Join(dir, "catalog.db")
	cfg := Config{Type: "sql", URI: "sqlite:" + path, Warehouse: "file://" + dir, Store: storage.NewFiles(), Look: true}
	missing := func() {
		t.Helper()
		c, err := Open(ctx, cfg)
		if err == nil {
			c.Close()
		}
		if classOf(err) != commit.Missing {
			t.Errorf("open to look: %v, want an error of class missing", err)
		}
	}
	missing()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking made the file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	missing()
	for _, look := range []bool{false, true} {
		cfg.Look = look
		c, err := Open(ctx, cfg)
		if err != nil {
			t.Fatalf("look %v: %v", look, err)
		}
		c.Close()
	}
}
