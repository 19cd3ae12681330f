package sim

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/testenv/sim/fate"
)

// store keeps objects in memory, as an S3 store does: each appears whole, under a name that is taken once.
type store struct {
	w       *world
	mu      sync.Mutex
	objects map[string]object
	removed map[string]string // who removed what
}

type object struct {
	data []byte
	at   time.Time
	by   string
}

func newStore(w *world) *store {
	return &store{w: w, objects: map[string]object{}, removed: map[string]string{}}
}

func (s *store) put(by, location string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.objects[location]; taken {
		return fmt.Errorf("put %s: %w", location, storage.ErrExists)
	}
	s.objects[location] = object{data, time.Now(), by}
	return nil
}

func (s *store) get(location string) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[location]
	if !ok {
		return object{}, fmt.Errorf("get %s: %w", location, storage.ErrNotFound)
	}
	return o, nil
}

func (s *store) remove(by, location string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[location]; ok {
		delete(s.objects, location)
		s.removed[location] = by
		s.w.tell(by, "removes %s", location)
	}
}

// sizes lists all objects.
func (s *store) sizes() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int64{}
	for l, o := range s.objects {
		out[l] = int64(len(o.data))
	}
	return out
}

// bucket is the store as one process reaches it.
type bucket struct {
	s *store
	e *wire
}

var _ storage.Store = bucket{}

func (b bucket) Put(ctx context.Context, location string, data []byte) error {
	data = slices.Clone(data) // it may arrive when the caller has done with it
	_, err := call(ctx, b.e, "put", func(k fate.Kind, amount int64) (none struct{}, err error) {
		switch k {
		case Torn: // a store that says yes to half an object
			return none, b.s.put(b.e.actor, location, data[:int64(len(data))*amount/100])
		case Taken: // a retry that meets what the first try has done
			_ = b.s.put(b.e.actor, location, data)
			return none, fmt.Errorf("put %s: %w", location, storage.ErrExists)
		}
		return none, b.s.put(b.e.actor, location, data)
	})
	return err
}

func (b bucket) Stat(ctx context.Context, location string) (storage.Info, error) {
	return call(ctx, b.e, "stat", func(k fate.Kind, amount int64) (storage.Info, error) {
		o, err := b.s.get(location)
		if err != nil {
			return storage.Info{}, err
		}
		i := storage.Info{Size: int64(len(o.data)), Modified: o.at}
		if k == Misread {
			i.Size += amount
		}
		return i, nil
	})
}

func (b bucket) ReadAll(ctx context.Context, location string) ([]byte, error) {
	return call(ctx, b.e, "get", func(fate.Kind, int64) ([]byte, error) {
		o, err := b.s.get(location)
		return o.data, err
	})
}

func (b bucket) Open(ctx context.Context, location string) (storage.File, error) {
	data, err := b.ReadAll(ctx, location)
	if err != nil {
		return nil, err
	}
	return opened{bytes.NewReader(data)}, nil
}

type opened struct{ *bytes.Reader }

func (opened) Close() error { return nil }

func (b bucket) Remove(ctx context.Context, location string) error {
	_, err := call(ctx, b.e, "remove", func(fate.Kind, int64) (struct{}, error) {
		b.s.remove(b.e.actor, location)
		return struct{}{}, nil
	})
	return err
}

func (b bucket) Create(_ context.Context, location string) (storage.Upload, error) {
	return &upload{b: b, location: location}, nil
}

// upload is an object that is written in pieces and sent as one.
type upload struct {
	b        bucket
	location string
	data     []byte
}

func (u *upload) Write(p []byte) (int, error) { u.data = append(u.data, p...); return len(p), nil }
func (u *upload) Held() int64                 { return int64(cap(u.data)) }
func (u *upload) Abort()                      { u.data = nil }

func (u *upload) Commit(ctx context.Context) (int64, error) {
	if err := u.b.Put(ctx, u.location, u.data); err != nil {
		return 0, err
	}
	i, err := u.b.Stat(ctx, u.location)
	return i.Size, err
}
