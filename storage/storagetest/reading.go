package storagetest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sinker-io/sinker/storage"
)

func (s suite) names(t *testing.T) {
	for i, name := range []string{
		"with space/in it", "per%cent/%2F%20", "a+b&c=d;e,f", "ünï/cödé/日本語/🐟", "part=a b/at=2026-11-22 10:00", "que?ry", "ha#sh", "quo'te\"s", "~tilde/*star", "_under/.dot", "back\\slash",
		strings.Repeat("long", 50),
	} {
		data, at := Bytes(uint64(i), 100+i), s.base+"/names/"+name
		if err := s.Put(t.Context(), at, data); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		s.expect(t, at, data)
		if err := s.Remove(t.Context(), at); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, bad := range []string{"", "relative/path", "ftp://host/x", "s3://", "s3://bucket", "s3://bucket/", "file://host/path", "file:relative", "/a/../b", "file:///a/../../b", "file:///folder/", "/with\x00zero"} {
		if err := s.Put(t.Context(), bad, nil); !errors.Is(err, storage.ErrLocation) {
			t.Errorf("location %q: want it refused, got %v", bad, err)
		}
	}
}

func (s suite) reading(t *testing.T) {
	data, at := Bytes(11, 3<<20+17), s.base+"/read"
	s.write(t, at, data, len(data))
	f, err := s.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Size() != int64(len(data)) {
		t.Fatalf("size %d of %d", f.Size(), len(data))
	}
	for _, c := range []struct{ off, n int }{{0, 4}, {len(data) - 8, 8}, {1<<20 - 1, 2}, {5, 2 << 20}, {len(data) - 3, 10}, {len(data), 1}} {
		got := make([]byte, c.n)
		n, err := f.ReadAt(got, int64(c.off))
		want := data[c.off:min(len(data), c.off+c.n)]
		if !bytes.Equal(got[:n], want) || (n < c.n) != (err == io.EOF) || (err != nil && err != io.EOF) {
			t.Errorf("ReadAt(%d bytes at %d): %d, %v", c.n, c.off, n, err)
		}
	}
	if _, err := f.Seek(-5, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	tail, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(tail, data[len(data)-5:]) {
		t.Fatalf("the last 5 bytes: %x, %v", tail, err)
	}
	small := Bytes(12, 300)
	s.write(t, s.base+"/read-small", small, 7)
	g, err := s.Open(t.Context(), s.base+"/read-small")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := iotest.TestReader(g, small); err != nil {
		t.Error(err)
	}
}
