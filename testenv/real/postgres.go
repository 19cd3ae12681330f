package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sinker-io/sinker/testenv/tools"
)

// PostgreSQL is a database server with one database, for catalogs.
type PostgreSQL struct {
	*Server
	Addr string // host:port
	User string // has no password
	Name string // of the database
}

// URI is how Go programs name the database.
func (p *PostgreSQL) URI() string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", p.User, p.Addr, p.Name)
}

// StartPostgreSQL starts a database server that keeps its data in dir. PostgreSQL refuses to run as root: then it runs as the
// user of Debian's package.
func StartPostgreSQL(ctx context.Context, dir string) (*PostgreSQL, error) {
	bin, err := tools.PostgreSQL(ctx)
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "postgresql")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("start postgresql: %w", err)
	}
	as, err := unprivileged(data)
	if err != nil {
		return nil, fmt.Errorf("start postgresql: %w", err)
	}
	p := &PostgreSQL{Addr: loopback(port), User: "sinker", Name: "catalog"}
	program := func(name string, argv ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), argv...)
		cmd.Dir = data
		cmd.Env = append(os.Environ(), "HOME="+data)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		return cmd
	}
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err != nil {
		init := program("initdb", "-D", data, "-U", p.User, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
		if out, err := init.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("start postgresql: initdb: %w\n%s", err, out)
		}
	}
	ping := func(context.Context) error {
		return program("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port)).Run()
	}
	// SIGINT ends the sessions first; SIGTERM would wait until all clients have left.
	p.Server = &Server{Name: "postgresql", dir: dir, stop: syscall.SIGINT, ready: ping, command: func() *exec.Cmd {
		// No socket file: the paths of a test's folder are longer than one may be.
		return program("postgres", "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories=", "-c", "fsync=off")
	}}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	create := program("createdb", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", p.User, p.Name)
	if out, err := create.CombinedOutput(); err != nil && !strings.Contains(string(out), "already exists") {
		return nil, errors.Join(fmt.Errorf("start postgresql: createdb: %w\n%s", err, out), p.Kill())
	}
	return p, nil
}

// unprivileged returns whom to run as, nil for the user of this process, and makes the folder that user's.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("it does not run as root, and its own user is missing: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, letThrough(dir)
}

// letThrough lets every user enter the folders that lead from the system's folder for temporary files to dir: a test's own
// are closed to others.
func letThrough(dir string) error {
	temp := filepath.Clean(os.TempDir())
	for parent := filepath.Dir(dir); strings.HasPrefix(parent, temp+string(filepath.Separator)); parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return err
		}
		if err := os.Chmod(parent, info.Mode().Perm()|0o011); err != nil {
			return err
		}
	}
	return nil
}
