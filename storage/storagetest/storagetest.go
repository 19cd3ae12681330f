// Package storagetest is what every storage.Store must do, as tests that any store can be put through.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sinker-io/sinker/storage"
)

// Options say what a store is like.
type Options struct {
	// Base is a location under which the suite may write anything: "s3://lake/suite", "file:///somewhere".
	Base string
	// PartSize is what the store sends at once; objects are made that fit in one part, just, and not. 0: 8 MiB.
	PartSize int
	// HeldAtMost bounds the memory of one upload. 0: three parts.
	HeldAtMost int64
	// LooseNames says that of two writers that commit one name at the very same time both may win.
	LooseNames bool
}

// Run puts a store through the suite.
func Run(t *testing.T, store storage.Store, o Options) {
	t.Helper()
	if o.PartSize == 0 {
		o.PartSize = 8 << 20
	}
	if o.HeldAtMost == 0 {
		o.HeldAtMost = 3 * int64(o.PartSize)
	}
	s := suite{Store: store, o: o, base: fmt.Sprintf("%s/%x", strings.TrimSuffix(o.Base, "/"), rand.Uint64())}
	t.Run("an object is what was written", s.wholeness)
	t.Run("nothing is seen before commit", s.invisible)
	t.Run("abort leaves nothing", s.abort)
	t.Run("a name is taken once", s.taken)
	t.Run("of many at once one gets the name", s.race)
	t.Run("what does not exist", s.absent)
	t.Run("any name", s.names)
	t.Run("reading here and there", s.reading)
	t.Run("many goroutines", s.many)
	t.Run("a cancelled call", s.cancelled)
	t.Run("an upload's memory", s.memory)
}

type suite struct {
	storage.Store
	o    Options
	base string
}

// Bytes are n bytes that differ everywhere, the same for the same seed.
func Bytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	rand.NewChaCha8(key).Read(b)
	return b
}

func (s suite) write(t *testing.T, location string, data []byte, chunk int) {
	t.Helper()
	if err := s.tryWrite(t.Context(), location, data, chunk); err != nil {
		t.Fatal(err)
	}
}

func (s suite) tryWrite(ctx context.Context, location string, data []byte, chunk int) error {
	u, err := s.Create(ctx, location)
	if err != nil {
		return err
	}
	defer u.Abort()
	for rest := data; len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
		if n, err := u.Write(rest[:min(chunk, len(rest))]); err != nil {
			return err
		} else if n != min(chunk, len(rest)) {
			return io.ErrShortWrite
		}
	}
	n, err := u.Commit(ctx)
	if err == nil && n != int64(len(data)) {
		err = fmt.Errorf("commit of %d bytes said %d", len(data), n)
	}
	return err
}

func (s suite) expect(t *testing.T, location string, data []byte) {
	t.Helper()
	got, err := s.ReadAll(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatalf("%s: read %d bytes, wrote %d, and they differ", location, len(got), len(data))
	}
	info, err := s.Stat(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size != int64(len(data)) {
		t.Fatalf("%s: stat says %d bytes, wrote %d", location, info.Size, len(data))
	}
	if age := time.Since(info.Modified); age > time.Hour || age < -time.Hour {
		t.Fatalf("%s: modified at %v", location, info.Modified)
	}
}

func (s suite) wholeness(t *testing.T) {
	part := s.o.PartSize
	for i, c := range []struct{ size, chunk int }{
		{0, 1}, {1, 1}, {70_000, 1000}, {part - 1, 65_537}, {part, part}, {part + 1, 1 << 20}, {2 * part, 300_000}, {3*part + 12_345, 3*part + 12_345},
	} {
		t.Run(fmt.Sprintf("%d bytes by %d", c.size, c.chunk), func(t *testing.T) {
			data, at := Bytes(uint64(i), c.size), fmt.Sprintf("%s/whole/%d.bin", s.base, i)
			s.write(t, at, data, c.chunk)
			s.expect(t, at, data)
		})
	}
	data := Bytes(99, 12_345)
	if err := s.Put(t.Context(), s.base+"/whole/put", data); err != nil {
		t.Fatal(err)
	}
	s.expect(t, s.base+"/whole/put", data)
}

func (s suite) invisible(t *testing.T) {
	at := s.base + "/unseen"
	u, err := s.Create(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	for _, data := range [][]byte{Bytes(1, 1000), Bytes(2, 2*s.o.PartSize)} {
		if _, err := u.Write(data); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stat(t.Context(), at); !errors.Is(err, storage.ErrNotFound) {
			t.Fatalf("before commit stat says %v", err)
		}
	}
	if _, err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), at); err != nil {
		t.Fatalf("after commit stat says %v", err)
	}
	u.Abort()
	if _, err := s.Stat(t.Context(), at); err != nil {
		t.Fatalf("abort after commit must do nothing, but stat says %v", err)
	}
	if _, err := u.Commit(t.Context()); err == nil {
		t.Error("a second commit must fail")
	}
	if _, err := u.Write([]byte("x")); err == nil {
		t.Error("a write after commit must fail")
	}
}

func (s suite) abort(t *testing.T) {
	for _, size := range []int{0, 10, 2*s.o.PartSize + 1} {
		at := fmt.Sprintf("%s/aborted/%d", s.base, size)
		u, err := s.Create(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(Bytes(3, size)); err != nil {
			t.Fatal(err)
		}
		u.Abort()
		u.Abort()
		if _, err := u.Write([]byte("x")); err == nil {
			t.Error("a write after abort must fail")
		}
		if _, err := u.Commit(t.Context()); err == nil {
			t.Error("a commit after abort must fail")
		}
		if _, err := s.Stat(t.Context(), at); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("after abort stat says %v", err)
		}
	}
}

func (s suite) taken(t *testing.T) {
	at, first := s.base+"/taken/once", Bytes(4, 1000)
	if err := s.Put(t.Context(), at, first); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func() error{
		"put":          func() error { return s.Put(t.Context(), at, Bytes(5, 1000)) },
		"put the same": func() error { return s.Put(t.Context(), at, first) },
		"small upload": func() error { return s.tryWrite(t.Context(), at, Bytes(6, 100), 100) },
		"large upload": func() error { return s.tryWrite(t.Context(), at, Bytes(7, 2*s.o.PartSize), 1<<20) },
	} {
		if err := write(); !errors.Is(err, storage.ErrExists) {
			t.Errorf("%s to a name that is taken: %v", name, err)
		}
	}
	s.expect(t, at, first)
	if err := s.Remove(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), at, Bytes(8, 50)); err != nil {
		t.Errorf("the name is free again: %v", err)
	}
}

func (s suite) race(t *testing.T) {
	if s.o.LooseNames {
		t.Log("this store does not promise it; sinker's names are unique")
		return
	}
	const writers = 8
	at := s.base + "/race"
	var wait sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wait.Go(func() { errs[i] = s.tryWrite(t.Context(), at, Bytes(uint64(i), 5000+i), 1000) })
	}
	wait.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("writers %d and %d both got the name", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, storage.ErrExists):
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody got the name")
	}
	s.expect(t, at, Bytes(uint64(winner), 5000+winner))
}

func (s suite) absent(t *testing.T) {
	at := s.base + "/no/such/object"
	if _, err := s.Stat(t.Context(), at); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("stat: %v", err)
	}
	if _, err := s.Open(t.Context(), at); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.ReadAll(t.Context(), at); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	if err := s.Remove(t.Context(), at); err != nil {
		t.Errorf("remove: %v", err)
	}
	if err := s.Put(t.Context(), s.base+"/gone", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Remove(t.Context(), s.base+"/gone"); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
	if _, err := s.Stat(t.Context(), s.base+"/gone"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("stat after remove: %v", err)
	}
}

func (s suite) many(t *testing.T) {
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			size := 1000 * (i + 1)
			if i%8 == 0 {
				size = s.o.PartSize + i
			}
			data, at := Bytes(uint64(i), size), fmt.Sprintf("%s/many/%d/%d", s.base, i%3, i)
			if err := s.tryWrite(t.Context(), at, data, 50_000); err != nil {
				t.Error(err)
				return
			}
			got, err := s.ReadAll(t.Context(), at)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes of %d, %v", at, len(got), len(data), err)
			}
		})
	}
	wait.Wait()
}

func (s suite) cancelled(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	at := s.base + "/cancelled"
	if err := s.Put(over, at, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.Stat(over, at); !errors.Is(err, context.Canceled) {
		t.Errorf("stat: %v", err)
	}
	for _, size := range []int{10, 2 * s.o.PartSize} {
		u, err := s.Create(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(Bytes(1, size)); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Commit(over); !errors.Is(err, context.Canceled) {
			t.Errorf("commit of %d bytes: %v", size, err)
		}
		u.Abort()
		if _, err := s.Stat(t.Context(), at); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("after a cancelled commit stat says %v", err)
		}
	}
}

func (s suite) memory(t *testing.T) {
	u, err := s.Create(t.Context(), s.base+"/memory")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Abort()
	if u.Held() != 0 {
		t.Errorf("an upload that was given nothing holds %d bytes", u.Held())
	}
	chunk := Bytes(1, 100_000)
	for written := 0; written < 4*s.o.PartSize; written += len(chunk) {
		if _, err := u.Write(chunk); err != nil {
			t.Fatal(err)
		}
		if held := u.Held(); held > s.o.HeldAtMost {
			t.Fatalf("after %d bytes the upload holds %d, more than %d", written, held, s.o.HeldAtMost)
		}
	}
	if _, err := u.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u.Held() != 0 {
		t.Errorf("after commit the upload holds %d bytes", u.Held())
	}
}
