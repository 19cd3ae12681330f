package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
)

// crashFS is a file system that forgets at a crash what was not synced: bytes of files that had no Sync,
// names in folders that had no SyncDir. At the call crashAt it stops answering.
type crashFS struct {
	log     []string
	crashAt int // number of the call that is not carried out; 0: none
	noLinks bool

	nodes map[string]*node // live names; folders end in nothing, like files
	// durable names, as of each folder's last SyncDir
	durable map[string]map[string]*node // folder → base → node
	pending []change                    // names made and removed since, in order
}

type node struct {
	dir    bool
	data   []byte
	synced int // how many bytes are safe
}

type change struct {
	name string
	to   *node // nil: removed
}

var ctx = context.Background()

var errCrashed = errors.New("the machine stopped")

func newCrashFS(folders ...string) *crashFS {
	c := &crashFS{nodes: map[string]*node{"/": {dir: true}}, durable: map[string]map[string]*node{"/": {}}}
	for _, f := range folders {
		n := &node{dir: true}
		c.nodes[f] = n
		c.durable[path.Dir(f)][path.Base(f)] = n
		c.durable[f] = map[string]*node{}
	}
	return c
}

func (c *crashFS) call(format string, args ...any) error {
	if c.crashAt > 0 && len(c.log) >= c.crashAt {
		return errCrashed
	}
	c.log = append(c.log, fmt.Sprintf(format, args...))
	if len(c.log) == c.crashAt {
		return errCrashed
	}
	return nil
}

func (c *crashFS) put(name string, n *node) error {
	if p := c.nodes[path.Dir(name)]; p == nil || !p.dir {
		return &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	if c.nodes[name] != nil {
		return &fs.PathError{Op: "open", Path: name, Err: syscall.EEXIST}
	}
	c.nodes[name] = n
	c.pending = append(c.pending, change{name, n})
	return nil
}

// tidy hides the random part of temporary names.
func tidy(name string) string {
	if strings.HasSuffix(name, ".tmp") {
		return strings.Split(name, ".")[0] + ".tmp"
	}
	return name
}

func (c *crashFS) Create(name string) (writable, error) {
	if err := c.call("create %s", tidy(name)); err != nil {
		return nil, err
	}
	n := &node{}
	if err := c.put(name, n); err != nil {
		return nil, err
	}
	return &crashFile{c, n, name}, nil
}

func (c *crashFS) Link(old, new string) error {
	if err := c.call("link %s %s", tidy(old), new); err != nil {
		return err
	}
	if c.noLinks {
		return &fs.PathError{Op: "link", Path: old, Err: syscall.ENOTSUP}
	}
	return c.put(new, c.nodes[old])
}

func (c *crashFS) Rename(old, new string) error {
	if err := c.call("rename %s %s", tidy(old), new); err != nil {
		return err
	}
	n := c.nodes[old]
	delete(c.nodes, old)
	c.nodes[new] = n
	c.pending = append(c.pending, change{new, n}, change{old, nil})
	return nil
}

func (c *crashFS) Remove(name string) error {
	if err := c.call("remove %s", tidy(name)); err != nil {
		return err
	}
	if c.nodes[name] == nil {
		return fs.ErrNotExist
	}
	delete(c.nodes, name)
	c.pending = append(c.pending, change{name, nil})
	return nil
}

func (c *crashFS) Mkdir(name string) error {
	if err := c.call("mkdir %s", name); err != nil {
		return err
	}
	return c.put(name, &node{dir: true})
}

func (c *crashFS) SyncDir(name string) error {
	if err := c.call("syncdir %s", name); err != nil {
		return err
	}
	if c.durable[name] == nil {
		c.durable[name] = map[string]*node{}
	}
	c.pending = slices.DeleteFunc(c.pending, func(ch change) bool {
		if path.Dir(ch.name) != name {
			return false
		}
		c.settle(ch)
		return true
	})
	return nil
}

func (c *crashFS) settle(ch change) {
	d := c.durable[path.Dir(ch.name)]
	if d == nil {
		d = map[string]*node{}
		c.durable[path.Dir(ch.name)] = d
	}
	if ch.to == nil {
		delete(d, path.Base(ch.name))
	} else {
		d[path.Base(ch.name)] = ch.to
	}
}

type crashInfo struct {
	name string
	n    *node
}

func (i crashInfo) Name() string       { return path.Base(i.name) }
func (i crashInfo) Size() int64        { return int64(len(i.n.data)) }
func (i crashInfo) ModTime() time.Time { return time.Time{} }
func (i crashInfo) IsDir() bool        { return i.n.dir }
func (i crashInfo) Sys() any           { return nil }
func (i crashInfo) Mode() fs.FileMode {
	if i.n.dir {
		return fs.ModeDir
	}
	return 0
}

func (c *crashFS) Stat(name string) (fs.FileInfo, error) {
	if n := c.nodes[name]; n != nil {
		return crashInfo{name, n}, nil
	}
	return nil, fs.ErrNotExist
}

func (c *crashFS) Open(name string) (readable, error) {
	n := c.nodes[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return struct {
		*bytes.Reader
		closeStat
	}{bytes.NewReader(n.data), closeStat{crashInfo{name, n}}}, nil
}

type closeStat struct{ info fs.FileInfo }

func (closeStat) Close() error                 { return nil }
func (c closeStat) Stat() (fs.FileInfo, error) { return c.info, nil }

type crashFile struct {
	c    *crashFS
	n    *node
	name string
}

func (f *crashFile) Write(p []byte) (int, error) {
	if err := f.c.call("write %s", tidy(f.name)); err != nil {
		return 0, err
	}
	f.n.data = append(f.n.data, p...)
	return len(p), nil
}

func (f *crashFile) Sync() error {
	if err := f.c.call("sync %s", tidy(f.name)); err != nil {
		return err
	}
	f.n.synced = len(f.n.data)
	return nil
}

func (f *crashFile) Close() error { return nil }

// crash returns the disk as the next boot finds it. Of what was not synced, chance decides what survives:
// each name by itself, each file's bytes up to any length, in place of the lost ones zeros.
func (c *crashFS) crash(rng *rand.Rand) *crashFS {
	for _, ch := range c.pending {
		if rng != nil && rng.IntN(2) == 0 {
			c.settle(ch)
		}
	}
	next := newCrashFS()
	copies := map[*node]*node{}
	var walk func(folder string)
	walk = func(folder string) {
		next.durable[folder] = map[string]*node{}
		bases := make([]string, 0)
		for base := range c.durable[folder] {
			bases = append(bases, base)
		}
		sort.Strings(bases)
		for _, base := range bases {
			n, name := c.durable[folder][base], path.Join(folder, base)
			if copies[n] == nil {
				after := &node{dir: n.dir, data: slices.Clone(n.data[:n.synced]), synced: n.synced}
				if rng != nil && !n.dir && len(n.data) > n.synced {
					after.data = append(after.data, make([]byte, rng.IntN(len(n.data)-n.synced+1))...)
					after.synced = len(after.data)
				}
				copies[n] = after
			}
			next.nodes[name], next.durable[folder][base] = copies[n], copies[n]
			if n.dir {
				walk(name)
			}
		}
	}
	walk("/")
	return next
}
