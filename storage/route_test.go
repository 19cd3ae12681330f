package storage_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/storage/storagetest"
)

func TestRouter_ServesEverySpelling(t *testing.T) {
	dir := t.TempDir()
	r, err := storage.Open(storage.Config{S3: storage.S3Config{Endpoint: memoryS3(t).URL, PathStyle: true, AccessKey: testKey, SecretKey: testSecret}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, same := range [][]string{
		{"s3://lake/a b/x", "s3a://lake/a b/x", "s3n://lake/a b/x", "S3://lake/a b/x"},
		{"file://" + dir + "/a%20b/x", "file:" + dir + "/a%20b/x", "file://localhost" + dir + "/a%20b/x", dir + "/a%20b/x", "file://" + dir + "//a%20b/./x"},
	} {
		if err := r.Put(t.Context(), same[0], little); err != nil {
			t.Fatal(err)
		}
		for _, at := range same {
			if got, err := r.ReadAll(t.Context(), at); err != nil || len(got) != len(little) {
				t.Errorf("%s: %d bytes, %v", at, len(got), err)
			}
			if err := r.Put(t.Context(), at, little); !errors.Is(err, storage.ErrExists) {
				t.Errorf("%s: %v", at, err)
			}
			f, err := r.Open(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		if err := r.Remove(t.Context(), same[len(same)-1]); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Stat(t.Context(), same[0]); !errors.Is(err, storage.ErrNotFound) {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "a%20b")); err != nil {
		t.Errorf("a name was decoded: %v", err)
	}
	storagetest.Run(t, r, storagetest.Options{Base: dir + "/suite", PartSize: 1 << 20, HeldAtMost: 64 << 10})
}

func TestFiles_FoldersAreNotObjects(t *testing.T) {
	dir, s := t.TempDir(), storage.NewFiles()
	if err := os.Mkdir(dir+"/folder", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), dir+"/folder"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("stat: %v", err)
	}
	if _, err := s.Open(t.Context(), dir+"/folder"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if err := s.Put(t.Context(), dir+"/folder", nil); !errors.Is(err, storage.ErrExists) {
		t.Errorf("put: %v", err)
	}
	if err := s.Remove(t.Context(), dir+"/folder"); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("remove: %v", err)
	}
	if err := s.Put(t.Context(), dir+"/file", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), dir+"/file/x", nil); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a file as a folder: %v", err)
	}
	left, _ := filepath.Glob(dir + "/*.tmp")
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestS3Config_FaultsAreToldAtOnceWithoutSecrets(t *testing.T) {
	_, err := storage.NewS3(t.Context(), storage.S3Config{Endpoint: "http://user:hidden@host", SecretKey: "hidden", Proxy: "::hidden", PartSize: 1})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"user or password", "belong together", "proxy", "5 MiB"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v: tells a secret", err)
	}
}

func TestClients_OneForEachEndpointAndKeys(t *testing.T) {
	var clients storage.Clients
	defer clients.Close()
	c := storage.S3Config{Endpoint: memoryS3(t).URL, PathStyle: true, AccessKey: testKey, SecretKey: testSecret}
	a, err := clients.S3(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := clients.S3(t.Context(), c)
	c.SecretKey += "2"
	d, _ := clients.S3(t.Context(), c)
	if a != b || a == d {
		t.Errorf("same configuration, same client: %v; other keys, other client: %v", a == b, a != d)
	}
}

func TestS3_DefaultChainIsUsedWithoutKeys(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", testKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", testSecret)
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	s, err := storage.NewS3(t.Context(), storage.S3Config{Endpoint: memoryS3(t).URL, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Put(t.Context(), location("x"), little); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := storage.NewS3(t.Context(), storage.S3Config{}); err == nil || !strings.Contains(err.Error(), "s3.region") {
		t.Errorf("no region anywhere: %v", err)
	}
}

func TestS3_GoesThroughTheProxy(t *testing.T) {
	seen := 0
	inner := memoryS3(t)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen++
		if r.URL.Host != "store.example:9000" {
			t.Errorf("the proxy was asked for %q", r.URL.Host)
		}
		inner.Config.Handler.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	s := open(t, storage.S3Config{Endpoint: "http://store.example:9000", Proxy: proxy.URL})
	if err := s.Put(t.Context(), location("x"), little); err != nil || seen != 2 {
		t.Errorf("%d requests, %v", seen, err)
	}
}
