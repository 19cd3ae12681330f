package storage

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// fsys is what the file store asks of an operating system. Tests put a file system in its place that forgets
// what was not synced.
type fsys interface {
	Create(name string) (writable, error) // fails with fs.ErrExist if the name is taken
	Link(old, new string) error           // likewise
	Rename(old, new string) error
	Remove(name string) error
	Mkdir(name string) error
	SyncDir(name string) error
	Stat(name string) (fs.FileInfo, error)
	Open(name string) (readable, error)
}

type writable interface {
	io.WriteCloser
	Sync() error
}

type readable interface {
	io.ReadSeekCloser
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// disk is the file system of the machine.
type disk struct{}

func (disk) Create(name string) (writable, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}
func (disk) Link(old, new string) error            { return os.Link(old, new) }
func (disk) Rename(old, new string) error          { return os.Rename(old, new) }
func (disk) Remove(name string) error              { return os.Remove(name) }
func (disk) Mkdir(name string) error               { return os.Mkdir(name, 0o755) }
func (disk) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }
func (disk) Open(name string) (readable, error)    { return os.Open(name) }

func (disk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // this file system has no such thing, and nothing better to offer
	}
	if closed := d.Close(); err == nil {
		err = closed
	}
	return err
}

// noLinks tells whether a file system has no hard links.
func noLinks(err error) bool {
	for _, code := range []error{syscall.EPERM, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EMLINK} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
