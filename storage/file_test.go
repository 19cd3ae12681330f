package storage_test

import (
	"testing"

	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/storage/storagetest"
)

func TestFiles_Contract(t *testing.T) {
	storagetest.Run(t, storage.NewFiles(), storagetest.Options{Base: "file://" + t.TempDir(), PartSize: 1 << 20, HeldAtMost: 64 << 10})
}
