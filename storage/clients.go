package storage

import (
	"context"
	"net/http"
	"sync"
)

// Clients keeps one S3 client for each endpoint and set of keys, and one pool of connections for them all.
// The zero value is ready; it is safe for concurrent use.
type Clients struct {
	mu    sync.Mutex
	made  map[clientKey]*S3
	pools map[string]*http.Client // by proxy
}

type clientKey struct {
	endpoint, region, access, secret, token, proxy string
	pathStyle                                      bool
	attempts, parallel                             int
	partSize                                       int64
}

// S3 returns the store for c: the same one for the same configuration. A configuration with a Credentials
// function gets a new one each time, on the shared connections: whoever holds the function keeps it.
func (l *Clients) S3(ctx context.Context, c S3Config) (*S3, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Client == nil {
		if l.pools[c.Proxy] == nil {
			if l.pools == nil {
				l.pools = map[string]*http.Client{}
			}
			pool, err := NewClient(c.Proxy)
			if err != nil {
				return nil, err
			}
			l.pools[c.Proxy] = pool
		}
		c.Client = l.pools[c.Proxy]
	}
	if c.Credentials != nil {
		return NewS3(ctx, c)
	}
	key := clientKey{c.Endpoint, c.Region, c.AccessKey, c.SecretKey, c.SessionToken, c.Proxy, c.PathStyle, c.Attempts, c.Parallel, c.PartSize}
	if s := l.made[key]; s != nil {
		return s, nil
	}
	s, err := NewS3(ctx, c)
	if err != nil {
		return nil, err
	}
	if l.made == nil {
		l.made = map[clientKey]*S3{}
	}
	l.made[key] = s
	return s, nil
}

// Close drops idle connections.
func (l *Clients) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pools {
		p.CloseIdleConnections()
	}
}
