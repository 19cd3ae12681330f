package storage

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// deed is what a process does before it is struck: some objects, in folders old and new.
func deed(s *Files, committed map[string][]byte) error {
	for i, at := range []string{"/lake/t/data/a.parquet", "/lake/t/data/day=1/b.parquet", "/lake/t/metadata/c.json", "/lake/t/data/day=1/d.parquet"} {
		data := bytes.Repeat([]byte{byte('a' + i)}, 50_000*(i+1))
		u, err := s.Create(ctx, "file://"+at)
		if err != nil {
			return err
		}
		if _, err := u.Write(data[:10]); err != nil {
			u.Abort()
			return err
		}
		if _, err := u.Write(data[10:]); err != nil {
			u.Abort()
			return err
		}
		if _, err := u.Commit(ctx); err != nil {
			u.Abort()
			return err
		}
		committed[at] = data
	}
	return nil
}

// The order is the whole argument, so it is written down.
func TestFiles_OrderOfCalls(t *testing.T) {
	c := newCrashFS("/lake")
	s := newFiles(c)
	if err := s.Put(ctx, "file:///lake/t/data/a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, "file:///lake/t/data/b", []byte("y")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"mkdir /lake", "syncdir /", "mkdir /lake/t", "syncdir /lake", "mkdir /lake/t/data", "syncdir /lake/t",
		"create /lake/t/data/a.tmp", "write /lake/t/data/a.tmp", "sync /lake/t/data/a.tmp", "link /lake/t/data/a.tmp /lake/t/data/a", "remove /lake/t/data/a.tmp", "syncdir /lake/t/data",
		"create /lake/t/data/b.tmp", "write /lake/t/data/b.tmp", "sync /lake/t/data/b.tmp", "link /lake/t/data/b.tmp /lake/t/data/b", "remove /lake/t/data/b.tmp", "syncdir /lake/t/data",
	}
	if !slices.Equal(c.log, want) {
		t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(c.log, "\n"), strings.Join(want, "\n"))
	}
}

// After a crash at any call: what was committed is there, whole; what is there under an object's name is
// whole; and the next process can go on.
func TestFiles_CrashAtEveryCall(t *testing.T) {
	for _, noLinks := range []bool{false, true} {
		dry := newCrashFS("/lake")
		dry.noLinks = noLinks
		if err := deed(newFiles(dry), map[string][]byte{}); err != nil {
			t.Fatal(err)
		}
		calls := len(dry.log)
		if calls < 20 {
			t.Fatalf("only %d calls", calls)
		}
		for at := 1; at <= calls+1; at++ {
			for seed := range uint64(20) {
				var rng *rand.Rand // nil: nothing survives but what was synced
				if seed > 0 {
					rng = rand.New(rand.NewPCG(seed, uint64(at)))
				}
				c := newCrashFS("/lake")
				c.crashAt, c.noLinks = at, noLinks
				committed := map[string][]byte{}
				if err := deed(newFiles(c), committed); (err == nil) != (at > calls) {
					t.Fatalf("crash at call %d of %d: %v", at, calls, err)
				}
				next := c.crash(rng)
				next.noLinks = noLinks
				s := newFiles(next)
				for name, data := range committed {
					got, err := s.ReadAll(ctx, "file://"+name)
					if err != nil || !bytes.Equal(got, data) {
						t.Fatalf("crash at call %d (%s), seed %d: %s was committed with %d bytes, has %d, %v", at, lastOf(c.log), seed, name, len(data), len(got), err)
					}
				}
				for name, n := range next.nodes {
					if n.dir || strings.HasSuffix(name, ".tmp") {
						continue
					}
					if len(n.data) == 0 || len(n.data)%50_000 != 0 || bytes.Contains(n.data, []byte{0}) {
						t.Fatalf("crash at call %d (%s), seed %d: %s is there, but not whole", at, lastOf(c.log), seed, name)
					}
				}
				for name := range committed {
					if err := s.Put(ctx, "file://"+name, nil); !errors.Is(err, ErrExists) {
						t.Fatalf("%s is taken, but: %v", name, err)
					}
				}
			}
		}
	}
}

func lastOf(log []string) string { return log[len(log)-1] }

// A folder that a process made, and did not live to sync, is synced by the next one.
func TestFiles_FolderOfADeadProcessIsSynced(t *testing.T) {
	c := newCrashFS("/lake")
	if err := errors.Join(c.Mkdir("/lake/t"), c.Mkdir("/lake/t/data")); err != nil {
		t.Fatal(err)
	}
	if err := newFiles(c).Put(ctx, "/lake/t/data/x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if got, err := newFiles(c.crash(nil)).ReadAll(ctx, "/lake/t/data/x"); err != nil || string(got) != "x" {
		t.Errorf("after the crash: %q, %v", got, err)
	}
}

// A folder that somebody removed (an orphan cleaner does) is made again.
func TestFiles_RemovedFolderIsMadeAgain(t *testing.T) {
	c := newCrashFS("/lake")
	s := newFiles(c)
	if err := s.Put(ctx, "/lake/t/x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Remove(ctx, "/lake/t/x"), c.Remove("/lake/t"), c.SyncDir("/lake")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, "/lake/t/y", []byte("y")); err != nil {
		t.Fatal(err)
	}
	if got, err := newFiles(c.crash(nil)).ReadAll(ctx, "/lake/t/y"); err != nil || string(got) != "y" {
		t.Errorf("after the crash: %q, %v", got, err)
	}
}

// A file system that takes fewer bytes than it says is found out.
func TestFiles_ShortFileIsNotAccepted(t *testing.T) {
	c := newCrashFS("/lake")
	s := newFiles(&shortFS{c})
	if err := s.Put(ctx, "/lake/x", make([]byte, 1000)); err == nil {
		t.Error("accepted")
	}
	if len(c.nodes) != 2 {
		t.Errorf("something is left: %v", c.nodes)
	}
}

type shortFS struct{ *crashFS }

func (s *shortFS) Create(name string) (writable, error) {
	w, err := s.crashFS.Create(name)
	return shortFile{w}, err
}

type shortFile struct{ writable }

func (f shortFile) Write(p []byte) (int, error) {
	_, err := f.writable.Write(p[:len(p)/2])
	return len(p), err
}

var _ io.Writer = shortFile{}
