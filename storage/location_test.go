package storage

import (
	"errors"
	"strings"
	"testing"
)

// Whatever a location is, it is refused with ErrLocation, or names one place that its usual spelling names too.
func FuzzLocation(f *testing.F) {
	for _, s := range []string{"s3://b/k", "s3a://b/k%20/ü?x#y", "file:///a/b", "file:/a//b/./c", "file://localhost/a", "/a/../b", "s3://", "file://host/x", "C:\\x", "s3:/b/k", "file:", "\x00", "s3://b//k", "/", "/."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parse(s)
		if err != nil {
			if !errors.Is(err, ErrLocation) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		again, err := parse(at.String())
		if err != nil || again != at {
			t.Fatalf("%q is %+v, whose spelling %q is %+v, %v", s, at, at.String(), again, err)
		}
		if at.local() {
			if !strings.HasPrefix(at.path, "/") || at.path == "/" || strings.HasSuffix(at.path, "/") || strings.ContainsRune(at.path, 0) {
				t.Fatalf("%q names %q", s, at.path)
			}
			for _, part := range strings.Split(at.path[1:], "/") {
				if part == "" || part == "." || part == ".." {
					t.Fatalf("%q names %q", s, at.path)
				}
			}
		} else if at.bucket == "" || at.key == "" || strings.Contains(at.bucket, "/") {
			t.Fatalf("%q names bucket %q, key %q", s, at.bucket, at.key)
		}
	})
}
