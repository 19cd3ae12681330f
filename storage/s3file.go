package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// window is how much a sequential reader fetches at once.
const window = 1 << 20

// s3File reads an object by ranges; it holds no connection between calls.
type s3File struct {
	s    *S3
	ctx  context.Context // of Open: a File belongs to the call that opened it
	at   place
	size int64

	mu     sync.Mutex // of the sequential reader
	pos    int64
	buf    []byte // what lies at bufAt
	bufAt  int64
	closed bool
}

// Open implements Store. ctx must live as long as the file is read.
func (s *S3) Open(ctx context.Context, location string) (File, error) {
	at, err := s.place(location)
	if err != nil {
		return nil, err
	}
	h, err := s.head(ctx, "open", at, false)
	if err != nil {
		return nil, err
	}
	return &s3File{s: s, ctx: ctx, at: at, size: aws.ToInt64(h.ContentLength)}, nil
}

func (f *s3File) Size() int64 { return f.size }

// ReadAt implements io.ReaderAt: one request, repeated as a whole if it is cut.
func (f *s3File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fault("read", f.at, 0, errors.New("offset before the beginning"), nil)
	}
	if off >= f.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), f.size-off)]
	if len(want) > 0 {
		if err := f.fetch(want, off); err != nil {
			return 0, err
		}
	}
	if len(want) < len(p) {
		return len(want), io.EOF
	}
	return len(want), nil
}

func (f *s3File) fetch(p []byte, off int64) error {
	asked := fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1)
	_, err := f.s.try(f.ctx, "read", f.at, int64(len(p)), func(ctx context.Context) error {
		out, err := f.s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.at.bucket, Key: &f.at.key, Range: &asked})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		got := aws.ToString(out.ContentRange)
		if off > 0 && !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", off)) {
			return fmt.Errorf("the store answered %s with %q", asked, got)
		}
		return whole(out.Body, p)
	})
	return err
}

// Read implements io.Reader.
func (f *s3File) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, fault("read", f.at, 0, errors.New("the file is closed"), nil)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if f.pos >= f.size {
		return 0, io.EOF
	}
	if f.pos < f.bufAt || f.pos >= f.bufAt+int64(len(f.buf)) {
		if len(p) >= window { // straight into the caller's memory
			n, err := f.ReadAt(p, f.pos)
			f.pos += int64(n)
			if n > 0 {
				err = nil
			}
			return n, err
		}
		n := min(int64(window), f.size-f.pos)
		if int64(cap(f.buf)) < n {
			f.buf = make([]byte, n)
		}
		f.buf, f.bufAt = f.buf[:n], f.pos
		if err := f.fetch(f.buf, f.pos); err != nil {
			f.buf = f.buf[:0]
			return 0, err
		}
	}
	n := copy(p, f.buf[f.pos-f.bufAt:])
	f.pos += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (f *s3File) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return f.pos, fault("seek", f.at, 0, errors.New("offset before the beginning"), nil)
	}
	f.pos = offset
	return offset, nil
}

// Close implements io.Closer.
func (f *s3File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.buf = true, nil
	return nil
}
