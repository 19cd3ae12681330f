package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sinker-io/sinker/testenv/tools"
)

// Keys and names that all stores of the tests share.
const (
	s3Key    = "sinkertest"
	s3Secret = "sinkertestsecret"
	s3Region = "us-east-1"
	s3Bucket = "lake"
)

// S3 is an S3-compatible store with one bucket.
type S3 struct {
	*Server
	Endpoint  string // http://host:port
	Region    string
	AccessKey string
	SecretKey string
	Bucket    string
	// Folder is where the store keeps the bucket. With versitygw each object is a file of its key's name in it, which a
	// test may damage or remove; MinIO has a format of its own.
	Folder string
}

// At returns the same store behind another endpoint, such as a proxy.
func (s S3) At(endpoint string) S3 { s.Endpoint = endpoint; return s }

// StartVersityGW starts an S3 server whose objects are plain files in dir.
func StartVersityGW(ctx context.Context, dir string) (*S3, error) {
	program, err := tools.Program(ctx, tools.VersityGW)
	if err != nil {
		return nil, err
	}
	s, addr, err := newStore(dir, "versitygw")
	if err != nil {
		return nil, err
	}
	root := filepath.Dir(s.Folder)
	// No --keep-alive: with it the server now and then takes the trailing checksum of an upload for the next request.
	argv := []string{"--access", s3Key, "--secret", s3Secret, "--region", s3Region, "--quiet", "--port", addr, "--health", "/health", "posix"}
	if plain, err := keepsAttributes(root); err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	} else if !plain {
		side := filepath.Join(dir, "versitygw-attributes")
		if err := os.MkdirAll(side, 0o755); err != nil {
			return nil, fmt.Errorf("start versitygw: %w", err)
		}
		argv = append(argv, "--sidecar", side)
	}
	s.command = func() *exec.Cmd { return exec.Command(program, append(argv, root)...) }
	s.ready = answers(s.Endpoint + "/health")
	return s, s.start(ctx)
}

// StartMinIO starts the second implementation of S3.
func StartMinIO(ctx context.Context, dir string) (*S3, error) {
	program, err := tools.Program(ctx, tools.MinIO)
	if err != nil {
		return nil, err
	}
	s, addr, err := newStore(dir, "minio")
	if err != nil {
		return nil, err
	}
	console, err := FreePort()
	if err != nil {
		return nil, err
	}
	root := filepath.Dir(s.Folder)
	s.command = func() *exec.Cmd {
		cmd := exec.Command(program, "server", "--quiet", "--address", addr, "--console-address", loopback(console), root)
		cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+s3Key, "MINIO_ROOT_PASSWORD="+s3Secret, "MINIO_REGION="+s3Region,
			"MINIO_UPDATE=off", "MINIO_BROWSER=off", "MINIO_CI_CD=1")
		return cmd
	}
	s.ready = answers(s.Endpoint + "/minio/health/ready")
	return s, s.start(ctx)
}

// newStore makes the folder of the bucket and finds a port.
func newStore(dir, name string) (*S3, string, error) {
	bucket := filepath.Join(dir, name, s3Bucket)
	if err := os.MkdirAll(bucket, 0o755); err != nil {
		return nil, "", fmt.Errorf("start %s: %w", name, err)
	}
	port, err := FreePort()
	if err != nil {
		return nil, "", err
	}
	return &S3{Server: &Server{Name: name, dir: dir}, Endpoint: "http://" + loopback(port), Region: s3Region,
		AccessKey: s3Key, SecretKey: s3Secret, Bucket: s3Bucket, Folder: bucket}, loopback(port), nil
}

// keepsAttributes tells whether files in dir can carry extended attributes, where versitygw keeps what it knows of an object.
func keepsAttributes(dir string) (bool, error) {
	err := syscall.Setxattr(dir, "user.sinker", []byte("1"), 0)
	if errors.Is(err, syscall.ENOTSUP) {
		return false, nil
	}
	return err == nil, err
}

// Files lists the objects whose key begins with prefix, by their paths below the bucket.
func (s *S3) Files(prefix string) ([]string, error) {
	var keys []string
	err := filepath.WalkDir(s.Folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(s.Folder, path)
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", strconv.Quote(prefix), err)
	}
	return keys, nil
}
