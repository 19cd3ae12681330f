package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
)

// Files is a Store in local folders, for one machine: every object is durable, and its name too, before
// Commit returns.
//
// The order is the argument: the folders' own names are synced before anything is written in them; the bytes
// are synced under a temporary name before the object's name exists; the folder is synced before Commit
// returns. So whatever happens in between, a name stands for whole bytes or is not there.
type Files struct {
	fs fsys

	mu    sync.Mutex
	known map[string]bool // folders whose names are durable, as far as we know
}

// NewFiles returns the store of the machine's own file system.
func NewFiles() *Files { return newFiles(disk{}) }

func newFiles(fs fsys) *Files { return &Files{fs: fs, known: map[string]bool{"/": true}} }

func (s *Files) place(location string) (place, error) {
	at, err := parse(location)
	if err == nil && !at.local() {
		err = refuse(location, "is not a local path")
	}
	return at, err
}

func localFault(op string, at place, err error) error {
	e := &Error{Op: op, Location: at.String(), cause: err, detail: err.Error()}
	var p *fs.PathError
	if errors.As(err, &p) {
		e.detail = p.Err.Error()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.class, e.detail = ErrNotFound, ""
	case errors.Is(err, fs.ErrExist):
		e.class, e.detail = ErrExists, ""
	case errors.Is(err, fs.ErrPermission):
		e.class = ErrDenied
	}
	return e
}

// Stat implements Store.
func (s *Files) Stat(ctx context.Context, location string) (Info, error) {
	at, err := s.place(location)
	if err != nil {
		return Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return Info{}, localFault("stat", at, err)
	}
	info, err := s.fs.Stat(at.path)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist // a folder is no object
	}
	if err != nil {
		return Info{}, localFault("stat", at, err)
	}
	return Info{Size: info.Size(), Modified: info.ModTime()}, nil
}

// Open implements Store.
func (s *Files) Open(ctx context.Context, location string) (File, error) {
	at, err := s.place(location)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, localFault("open", at, err)
	}
	f, err := s.fs.Open(at.path)
	if err != nil {
		return nil, localFault("open", at, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, localFault("open", at, err)
	}
	return &localFile{readable: f, size: info.Size()}, nil
}

type localFile struct {
	readable
	size int64
}

func (f *localFile) Size() int64 { return f.size }

// ReadAll implements Store.
func (s *Files) ReadAll(ctx context.Context, location string) ([]byte, error) {
	f, err := s.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, f.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		at, _ := s.place(location)
		return nil, localFault("read", at, err)
	}
	return data, nil
}

// Remove implements Store. Folders stay.
func (s *Files) Remove(ctx context.Context, location string) error {
	at, err := s.place(location)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return localFault("remove", at, err)
	}
	info, err := s.fs.Stat(at.path)
	if err == nil && info.IsDir() {
		err = errors.New("is a folder, not an object")
	}
	if err == nil {
		err = s.fs.Remove(at.path)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return localFault("remove", at, err)
}

// Put implements Store.
func (s *Files) Put(ctx context.Context, location string, data []byte) error {
	u, err := s.Create(ctx, location)
	if err != nil {
		return err
	}
	defer u.Abort()
	if _, err := u.Write(data); err != nil {
		return err
	}
	_, err = u.Commit(ctx)
	return err
}

// Create implements Store.
func (s *Files) Create(ctx context.Context, location string) (Upload, error) {
	at, err := s.place(location)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, localFault("create", at, err)
	}
	u := &fileUpload{s: s, ctx: ctx, at: at, folder: path.Dir(at.path)}
	for again := false; ; again = true {
		if err := s.ensure(u.folder); err != nil {
			return nil, localFault("create", at, err)
		}
		u.temp = path.Join(u.folder, tempName(path.Base(at.path)))
		u.file, err = s.fs.Create(u.temp)
		if err == nil {
			return u, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || again {
			return nil, localFault("create", at, err)
		}
		s.forget(u.folder) // somebody removed a folder that was there
	}
}

// tempName has no dot in front: whoever looks for orphans in a table's folder must see what a crash left.
func tempName(base string) string {
	var random [8]byte
	rand.Read(random[:])
	for len(base) > 200 {
		base = base[:200]
	}
	return base + "." + hex.EncodeToString(random[:]) + ".tmp"
}

// ensure makes a folder whose name, and whose parents' names, survive a crash. A folder that is there already
// may be the unsynced work of a process that died: it is synced once in our life too.
func (s *Files) ensure(folder string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ensureLocked(folder)
}

func (s *Files) ensureLocked(folder string) error {
	if s.known[folder] {
		return nil
	}
	parent := path.Dir(folder)
	if err := s.ensureLocked(parent); err != nil {
		return err
	}
	made := true
	if err := s.fs.Mkdir(folder); err != nil {
		info, statErr := s.fs.Stat(folder)
		if statErr != nil {
			return err
		}
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: folder, Err: errors.New(folder + " is not a folder")}
		}
		made = false
	}
	if err := s.fs.SyncDir(parent); err != nil && (made || !errors.Is(err, fs.ErrPermission)) {
		return err // a parent that we may not read is not one that we, or one like us, made a folder in
	}
	s.known[folder] = true
	return nil
}

func (s *Files) forget(folder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; folder != "/"; folder = path.Dir(folder) {
		delete(s.known, folder)
	}
}

const fileBuffer = 64 << 10

// fileUpload writes under a temporary name in the object's own folder.
type fileUpload struct {
	s            *Files
	ctx          context.Context
	at           place
	folder, temp string
	file         writable

	buf   []byte
	held  atomic.Int64 // of buf
	size  int64
	ended bool
}

// Write implements Upload.
func (u *fileUpload) Write(p []byte) (int, error) {
	if u.ended {
		return 0, localFault("upload", u.at, errEnded)
	}
	if err := u.ctx.Err(); err != nil {
		return 0, localFault("upload", u.at, err)
	}
	if len(u.buf)+len(p) > fileBuffer {
		if err := u.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) >= fileBuffer {
		n, err := u.file.Write(p)
		u.size += int64(n)
		if err != nil {
			return n, localFault("upload", u.at, err)
		}
		return n, nil
	}
	if u.buf == nil {
		u.buf = make([]byte, 0, fileBuffer)
		u.held.Store(fileBuffer)
	}
	u.buf = append(u.buf, p...)
	u.size += int64(len(p))
	return len(p), nil
}

func (u *fileUpload) flush() error {
	if len(u.buf) == 0 {
		return nil
	}
	if _, err := u.file.Write(u.buf); err != nil {
		return localFault("upload", u.at, err)
	}
	u.buf = u.buf[:0]
	return nil
}

// Commit implements Upload.
func (u *fileUpload) Commit(ctx context.Context) (int64, error) {
	if u.ended {
		return 0, localFault("upload", u.at, errEnded)
	}
	if err := u.finish(ctx); err != nil {
		u.Abort()
		return 0, err
	}
	u.ended = true
	u.drop()
	return u.size, nil
}

func (u *fileUpload) finish(ctx context.Context) error {
	if err := u.flush(); err != nil {
		return err
	}
	for _, c := range []context.Context{u.ctx, ctx} {
		if err := c.Err(); err != nil {
			return localFault("upload", u.at, err)
		}
	}
	if err := u.file.Sync(); err != nil {
		return localFault("upload", u.at, err)
	}
	err := u.file.Close()
	u.file = nil
	if err != nil {
		return localFault("upload", u.at, err)
	}
	if info, err := u.s.fs.Stat(u.temp); err != nil {
		return localFault("upload", u.at, err)
	} else if info.Size() != u.size {
		return localFault("upload", u.at, errors.New("the file is shorter or longer than what was written; it was not accepted"))
	}
	if err := u.name(); err != nil {
		return localFault("upload", u.at, err)
	}
	if err := u.s.fs.SyncDir(u.folder); err != nil {
		return localFault("upload", u.at, err)
	}
	return nil
}

// name gives the synced bytes their name, unless it is taken.
func (u *fileUpload) name() error {
	err := u.s.fs.Link(u.temp, u.at.path)
	if err == nil {
		// What is left of the temporary name costs nothing but an entry: no reason to fail.
		_ = u.s.fs.Remove(u.temp)
		u.temp = ""
		return nil
	}
	if !noLinks(err) {
		return err
	}
	if _, err := u.s.fs.Stat(u.at.path); err == nil {
		return fs.ErrExist
	}
	err = u.s.fs.Rename(u.temp, u.at.path)
	if err == nil {
		u.temp = ""
	}
	return err
}

// Abort implements Upload.
func (u *fileUpload) Abort() {
	if u.ended {
		return
	}
	u.ended = true
	u.drop()
	if u.file != nil {
		u.file.Close()
	}
	if u.temp != "" {
		_ = u.s.fs.Remove(u.temp)
	}
}

func (u *fileUpload) drop() {
	u.buf = nil
	u.held.Store(0)
}

// Held implements Upload.
func (u *fileUpload) Held() int64 { return u.held.Load() }
