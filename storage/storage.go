// Package storage keeps immutable objects: each is written once, under a name of its own, checked, and
// then only read. It knows two kinds of places: S3-compatible stores and local folders.
package storage

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors that callers decide on; everything else is transient or for the operator.
var (
	ErrNotFound = errors.New("object does not exist")
	ErrExists   = errors.New("object exists already")
	ErrDenied   = errors.New("access denied")
)

// Info describes a stored object.
type Info struct {
	Size     int64
	Modified time.Time // by the store's clock
}

// Store reads and writes objects named by full locations (s3://bucket/key, file:///path). It is safe for
// concurrent use, owns its connections, and lives as long as the process. Every call makes its attempts within ctx.
type Store interface {
	// Create begins an object. Nothing is visible under location before Upload.Commit returned.
	Create(ctx context.Context, location string) (Upload, error)
	// Put writes a small object in one request, with the same guarantees as Create and Commit.
	Put(ctx context.Context, location string, data []byte) error
	Stat(ctx context.Context, location string) (Info, error)
	Open(ctx context.Context, location string) (File, error)
	ReadAll(ctx context.Context, location string) ([]byte, error)
	// Remove deletes an object; one that does not exist is no error.
	Remove(ctx context.Context, location string) error
}

// File is an object opened for reading.
type File interface {
	io.ReadSeekCloser
	io.ReaderAt
	Size() int64
}

// Upload is an object being written by one goroutine. It ends in exactly one Commit or Abort; Abort after
// Commit does nothing, so it can be deferred.
type Upload interface {
	io.Writer
	// Commit makes the object durable and visible, and returns its size only after the store itself confirmed
	// it (a HEAD on S3, fsync of file and folder locally). ErrExists if the name was taken.
	Commit(ctx context.Context) (int64, error)
	// Abort throws away what was written and leaves nothing behind that costs.
	Abort()
	// Held is how many bytes of memory the upload holds now.
	Held() int64
}
