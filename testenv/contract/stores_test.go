package contract

import (
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/storage/storagetest"
	"github.com/sinker-io/sinker/testenv/real"
)

// Every store keeps immutable objects, each whole or not there.
func TestStores_PassTheSuite(t *testing.T) {
	t.Parallel()
	const part = 5 << 20 // the smallest that S3 allows
	s3 := func(open func(t *testing.T) *real.S3) func(*testing.T) {
		return func(t *testing.T) {
			server := open(t)
			c := s3Config(server)
			c.PartSize = part
			s := must(storage.NewS3(t.Context(), c))(t)
			t.Cleanup(s.Close)
			storagetest.Run(t, s, storagetest.Options{Base: "s3://" + server.Bucket + "/suite", PartSize: part})
		}
	}
	t.Run("folder", func(t *testing.T) {
		storagetest.Run(t, storage.NewFiles(), storagetest.Options{Base: "file://" + t.TempDir(), PartSize: 1 << 20, HeldAtMost: 64 << 10})
	})
	t.Run("gofakes3", s3(func(t *testing.T) *real.S3 {
		backend := s3mem.New()
		if err := backend.CreateBucket("lake"); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(gofakes3.New(backend).Server())
		t.Cleanup(server.Close)
		return &real.S3{Endpoint: server.URL, Region: "us-east-1", AccessKey: "key", SecretKey: "secretsecret", Bucket: "lake"}
	}))
	t.Run("versitygw", s3(func(t *testing.T) *real.S3 { return must(servers.VersityGW(t.Context()))(t) }))
	t.Run("MinIO", s3(func(t *testing.T) *real.S3 { return must(servers.MinIO(t.Context()))(t) }))
}
