// Package tools brings the programs that the real test world is made of onto this machine: servers, catalogs and the readers
// that judge.
//
// Every version is pinned here or in pins/. Everything that is downloaded lands in one folder, named by the environment variable
// SINKER_TOOLS (default: "sinker-tools" in the user's cache folder), one folder inside it for each [Part] and version. A test
// asks for the parts it uses and for no others, so a test that needs a broker never waits for Spark. What is there already is
// used at once; test processes that run at the same time wait for each other. What cannot be had is an error that says what to
// install: nothing is ever skipped.
package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// complete marks a folder whose part was fetched to the end.
const complete = ".complete"

// Dir is the folder that holds everything downloaded. It is made if it is not there.
func Dir() (string, error) {
	dir := os.Getenv("SINKER_TOOLS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("tools: no folder to keep downloads in (set SINKER_TOOLS to one): %w", err)
		}
		dir = filepath.Join(cache, "sinker-tools")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("tools: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("tools: make the folder for downloads (set SINKER_TOOLS to another one): %w", err)
	}
	return dir, nil
}

// Part is something that is fetched as a whole.
type Part struct {
	Name  string
	pin   string // everything that decides what is fetched: another pin is another folder
	fetch func(ctx context.Context, dir string) error
}

// folder of this part and pin, inside root.
func (p Part) folder(root string) string {
	sum := sha256.Sum256([]byte(p.pin))
	return filepath.Join(root, p.Name+"-"+hex.EncodeToString(sum[:5]))
}

// Get returns the part's folder, having fetched the part first if it is not there. It is safe to call from many
// processes at once.
func (p Part) Get(ctx context.Context) (string, error) {
	root, err := Dir()
	if err != nil {
		return "", err
	}
	dir := p.folder(root)
	if fetched(dir) {
		return dir, nil
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("tools: %s: %w", p.Name, err)
	}
	defer unlock()
	if fetched(dir) { // by another process, while this one waited
		return dir, nil
	}
	fmt.Fprintf(os.Stderr, "tools: fetching %s into %s\n", p.Name, dir)
	began := time.Now()
	if err := p.attempt(ctx, dir); err != nil {
		return "", fmt.Errorf("tools: fetch %s: %w", p.Name, err)
	}
	fmt.Fprintf(os.Stderr, "tools: %s is there after %s\n", p.Name, time.Since(began).Round(time.Second))
	return dir, nil
}

// attempt fetches into an empty folder, three times at most: registries hiccup.
func (p Part) attempt(ctx context.Context, dir string) error {
	var err error
	for try := range 3 {
		if try > 0 {
			select {
			case <-time.After(time.Duration(5*try) * time.Second):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if e := os.RemoveAll(dir); e != nil {
			return e
		}
		if e := os.MkdirAll(dir, 0o755); e != nil {
			return e
		}
		if err = p.fetch(ctx, dir); err == nil {
			return os.WriteFile(filepath.Join(dir, complete), []byte(p.pin), 0o644)
		}
		if errors.Is(err, errMissing) {
			return err
		}
	}
	return err
}

func fetched(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, complete))
	return err == nil
}

// lock waits until no other process holds the file, and returns what gives it back. A process that dies gives it back too.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another process that holds %s: %w", path, context.Cause(ctx))
		}
	}
}

// errMissing is in the chain of an error about a program that this package does not bring itself.
var errMissing = errors.New("not on this machine")

// need finds a program that the machine must have; install says how to get it.
func need(program, install string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is %w: %s", program, errMissing, install)
	}
	return path, nil
}

// run executes one command in dir and, if it fails, tells the end of what it printed.
func run(ctx context.Context, dir string, env []string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, tail(out, 3000))
	}
	return nil
}

func tail(out []byte, n int) string {
	if len(out) > n {
		out = out[len(out)-n:]
	}
	return strings.TrimSpace(string(out))
}
