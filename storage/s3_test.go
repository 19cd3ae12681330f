package storage_test

import (
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/storage/storagetest"
)

const (
	testKey    = "AKIATESTTESTTEST"
	testSecret = "a-secret-that-must-not-be-seen"
	part       = 5 << 20 // the smallest that S3 allows
)

// memoryS3 is a whole S3 server in this process, behind its HTTP interface.
func memoryS3(t *testing.T) *httptest.Server {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("lake"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return server
}

func open(t *testing.T, c storage.S3Config) *storage.S3 {
	t.Helper()
	c.PathStyle, c.PartSize = true, part
	if c.Credentials == nil {
		c.AccessKey, c.SecretKey = testKey, testSecret
	}
	s, err := storage.NewS3(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s.Hasten()
	t.Cleanup(s.Close)
	return s
}

func TestS3_Contract(t *testing.T) {
	s := open(t, storage.S3Config{Endpoint: memoryS3(t).URL})
	storagetest.Run(t, s, storagetest.Options{Base: "s3://lake/suite", PartSize: part})
}

func TestPartSizes_HoldS3sLargestObject(t *testing.T) {
	total, before := int64(0), int64(0)
	for n := range 10_000 {
		size := storage.BytesOfPart(8<<20, n)
		if size < before {
			t.Fatalf("part %d is smaller than the one before", n)
		}
		if size > 5<<30 {
			t.Fatalf("part %d is larger than S3 takes", n)
		}
		total, before = total+size, size
	}
	if total < 5<<40 {
		t.Errorf("10,000 parts hold %d bytes, less than S3's largest object", total)
	}
}
