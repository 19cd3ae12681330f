package deep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

const bucket = "lake"

// store is an S3 store in memory, and the way around its front door for those whose faults are not the matter.
type store struct{ back *s3mem.Backend }

func newStore() (*store, error) {
	s := &store{back: s3mem.New()}
	return s, s.back.CreateBucket(bucket)
}

func (s *store) handler() http.Handler { return gofakes3.New(s.back).Server() }

func key(location string) string { return strings.TrimPrefix(location, "s3://"+bucket+"/") }

func (s *store) put(location string, data []byte) error {
	_, err := s.back.PutObject(bucket, key(location), map[string]string{}, bytes.NewReader(data), int64(len(data)), nil)
	return err
}

func (s *store) get(location string) ([]byte, error) {
	o, err := s.back.GetObject(bucket, key(location), nil)
	if err != nil {
		return nil, err
	}
	defer o.Contents.Close()
	return io.ReadAll(o.Contents)
}

func (s *store) remove(location string) error {
	_, err := s.back.DeleteObject(bucket, key(location))
	return err
}

// sizes are all objects, by location.
func (s *store) sizes() (map[string]int64, error) {
	out := map[string]int64{}
	list, err := s.back.ListBucket(bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, err
	}
	for _, o := range list.Contents {
		out["s3://"+bucket+"/"+o.Key] = o.Size
	}
	return out, nil
}

func (s *store) putMetadata(meta table.Metadata, n int) (string, error) {
	raw, err := json.Marshal(meta)
	if err != nil {
		return "", err
	}
	at := fmt.Sprintf("%s/metadata/%05d-%s.metadata.json", strings.TrimRight(meta.Location(), "/"), n, uuid.New())
	return at, s.put(at, raw)
}

// shelf is a catalog as somebody sees it who does not go through its client.
type shelf interface {
	newest(name string) (version, error)
	swap(name string, base version, meta table.Metadata) error // errMoved: it is no longer at base
}

var (
	errNoTable = errors.New("no such table")
	errMoved   = errors.New("somebody was faster")
)
