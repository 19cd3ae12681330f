package storage

import (
	"context"
	"sync"
)

// Config is every place that sinker can store to.
type Config struct{ S3 S3Config }

// Open returns one Store for all kinds of locations. The S3 client is made when the first S3 location is met,
// so a configuration without one needs no AWS settings.
func Open(c Config) (*Router, error) {
	if err := c.S3.validate(); err != nil {
		return nil, err
	}
	l := &lazyS3{config: c.S3}
	return &Router{Files: NewFiles(), S3: func(ctx context.Context, _ string) (Store, error) { return l.get(ctx) }, close: l.close}, nil
}

// lazyS3 is the client that the first S3 location makes. A failure to make it is not remembered.
type lazyS3 struct {
	config S3Config
	mu     sync.Mutex
	made   *S3
}

func (l *lazyS3) get(ctx context.Context) (Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made == nil {
		s, err := NewS3(ctx, l.config)
		if err != nil {
			return nil, err
		}
		l.made = s
	}
	return l.made, nil
}

func (l *lazyS3) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made != nil {
		l.made.Close()
	}
}

// Router is a Store that hands each location to the store of its scheme.
type Router struct {
	Files Store
	S3    func(ctx context.Context, bucket string) (Store, error) // the store of a bucket: the same one each time

	close func()
}

// Close drops idle connections of a router that Open made.
func (r *Router) Close() {
	if r.close != nil {
		r.close()
	}
}

func (r *Router) route(ctx context.Context, location string) (Store, error) {
	at, err := parse(location)
	if err != nil {
		return nil, err
	}
	if at.local() {
		if r.Files == nil {
			return nil, refuse(location, "is a local path, and this store has none")
		}
		return r.Files, nil
	}
	if r.S3 == nil {
		return nil, refuse(location, "is an S3 location, and this store has no S3")
	}
	return r.S3(ctx, at.bucket)
}

// Create implements Store.
func (r *Router) Create(ctx context.Context, location string) (Upload, error) {
	s, err := r.route(ctx, location)
	if err != nil {
		return nil, err
	}
	return s.Create(ctx, location)
}

// Put implements Store.
func (r *Router) Put(ctx context.Context, location string, data []byte) error {
	s, err := r.route(ctx, location)
	if err != nil {
		return err
	}
	return s.Put(ctx, location, data)
}

// Stat implements Store.
func (r *Router) Stat(ctx context.Context, location string) (Info, error) {
	s, err := r.route(ctx, location)
	if err != nil {
		return Info{}, err
	}
	return s.Stat(ctx, location)
}

// Open implements Store.
func (r *Router) Open(ctx context.Context, location string) (File, error) {
	s, err := r.route(ctx, location)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, location)
}

// ReadAll implements Store.
func (r *Router) ReadAll(ctx context.Context, location string) ([]byte, error) {
	s, err := r.route(ctx, location)
	if err != nil {
		return nil, err
	}
	return s.ReadAll(ctx, location)
}

// Remove implements Store.
func (r *Router) Remove(ctx context.Context, location string) error {
	s, err := r.route(ctx, location)
	if err != nil {
		return err
	}
	return s.Remove(ctx, location)
}
