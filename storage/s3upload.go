package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var errEnded = errors.New("the upload has ended")

// abortTime bounds the request that throws a multipart upload away; it is made even when everything else
// was cancelled.
const abortTime = 20 * time.Second

// s3Upload collects a part, and sends it while the next one is collected. An object that fits in one part
// goes in one request at Commit.
type s3Upload struct {
	s      *S3
	at     place
	ctx    context.Context // of the parts; ends with Abort, or when one part failed
	cancel context.CancelFunc
	slots  chan struct{}
	sent   sync.WaitGroup

	// Of the writing goroutine.
	part    *blocks
	id      string
	started int // parts
	size    int64
	ended   bool

	mu      sync.Mutex // of what parts and writer share
	done    []types.CompletedPart
	sums    []uint32
	flight  int64 // bytes held by parts on their way
	filling int64 // bytes held by the part being written
	failed  error // of the first part that failed
}

// Create implements Store. ctx must live as long as the upload.
func (s *S3) Create(ctx context.Context, location string) (Upload, error) {
	at, err := s.place(location)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault("create", at, 0, err, nil)
	}
	u := &s3Upload{s: s, at: at, slots: make(chan struct{}, s.parallel), part: &blocks{free: s.free}}
	u.ctx, u.cancel = context.WithCancel(ctx)
	return u, nil
}

// bytesOfPart grows with the number of the part, so that S3's 10,000 parts hold 8 TiB, more than S3's largest
// object. The first 1,000 have one size: a store that wants equal parts gets them up to 8 GiB.
func bytesOfPart(first int64, n int) int64 { return first << (n / 1000) }

// Write implements Upload. It waits while all the parts that may be on their way are.
func (u *s3Upload) Write(p []byte) (int, error) {
	if u.ended {
		return 0, u.fault(errEnded)
	}
	n := 0
	for n < len(p) {
		full := bytesOfPart(u.s.partSize, u.started)
		if u.part.size == full { // only when more comes: what fits in one part is not cut
			if err := u.send(); err != nil {
				u.size += int64(n)
				return n, err
			}
			continue
		}
		n += u.part.write(p[n:], full-u.part.size)
		u.mu.Lock()
		u.filling = u.part.held()
		err := u.failed
		u.mu.Unlock()
		if err != nil {
			u.size += int64(n)
			return n, err
		}
	}
	u.size += int64(n)
	return n, nil
}

func (u *s3Upload) fault(err error) error { return fault("upload", u.at, 0, err, nil) }

// begin opens the multipart upload.
func (u *s3Upload) begin() error {
	_, err := u.s.try(u.ctx, "upload", u.at, 0, func(ctx context.Context) error {
		out, err := u.s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: &u.at.bucket, Key: &u.at.key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
		})
		if err == nil {
			u.id = aws.ToString(out.UploadId)
		}
		return err
	})
	if err == nil && u.id == "" {
		err = u.fault(errors.New("the store began a multipart upload without an id"))
	}
	return err
}

// send hands the full part to a goroutine of its own, which end waits for.
func (u *s3Upload) send() error {
	if u.started == maxParts {
		return u.fault(fmt.Errorf("larger than %d parts", maxParts))
	}
	if u.id == "" {
		if err := u.begin(); err != nil {
			return err
		}
	}
	select {
	case u.slots <- struct{}{}:
	case <-u.ctx.Done():
		return u.why()
	}
	part, n := u.part, u.started
	u.part = &blocks{free: u.s.free}
	u.started++
	u.mu.Lock()
	u.flight, u.filling = u.flight+part.held(), 0
	u.done, u.sums = append(u.done, types.CompletedPart{}), append(u.sums, 0)
	u.mu.Unlock()
	u.sent.Add(1)
	go func() {
		defer u.sent.Done()
		defer func() { <-u.slots }()
		u.upload(n, part)
	}()
	return nil
}

func (u *s3Upload) upload(n int, part *blocks) {
	crc := part.crc()
	sum, number := encodeSum(crc), int32(n+1)
	var etag string
	_, err := u.s.try(u.ctx, "upload", u.at, part.size, func(ctx context.Context) error {
		out, err := u.s.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &u.at.bucket, Key: &u.at.key, UploadId: &u.id, PartNumber: &number,
			Body: part.reader(), ContentLength: &part.size, ChecksumCRC32C: &sum,
		})
		if err != nil {
			return err
		}
		etag = aws.ToString(out.ETag)
		if got := aws.ToString(out.ChecksumCRC32C); got != "" && got != sum {
			return fmt.Errorf("the store took part %d with CRC32C %s, not %s", number, got, sum)
		}
		return nil
	})
	held := part.held()
	part.release()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.flight -= held
	if err != nil {
		if u.failed == nil {
			u.failed = err
			u.cancel() // the other parts are of no use
		}
		return
	}
	u.done[n] = types.CompletedPart{ETag: &etag, PartNumber: &number, ChecksumCRC32C: &sum}
	u.sums[n] = crc
}

// why is the cause of what ended the upload early.
func (u *s3Upload) why() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.failed != nil {
		return u.failed
	}
	return u.fault(context.Cause(u.ctx))
}

// Commit implements Upload.
func (u *s3Upload) Commit(ctx context.Context) (int64, error) {
	if u.ended {
		return 0, u.fault(errEnded)
	}
	stop := context.AfterFunc(ctx, u.cancel)
	defer stop()
	err := u.finish(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = u.fault(ctx.Err())
		}
		u.Abort()
		return 0, err
	}
	u.ended = true
	u.letGo()
	return u.size, nil
}

func (u *s3Upload) finish(ctx context.Context) error {
	if u.id == "" {
		if u.ctx.Err() != nil {
			return u.why()
		}
		return u.s.put(ctx, "upload", u.at, u.part.reader, u.size, u.part.crc())
	}
	if err := u.send(); err != nil {
		return err
	}
	u.sent.Wait()
	if u.ctx.Err() != nil {
		return u.why()
	}
	if err := u.s.vacant(ctx, "upload", u.at); err != nil { // many stores do not look at If-None-Match here
		return err
	}
	// S3's sum of an object made of parts is the sum of the parts' sums.
	var sums []byte
	for _, crc := range u.sums {
		sums = binary.BigEndian.AppendUint32(sums, crc)
	}
	sum := fmt.Sprintf("%s-%d", encodeSum(crc32.Checksum(sums, castagnoli)), len(u.done))
	complete := func(conditional bool) (effort, error) {
		in := &s3.CompleteMultipartUploadInput{
			Bucket: &u.at.bucket, Key: &u.at.key, UploadId: &u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: u.done},
		}
		if conditional {
			in.IfNoneMatch = aws.String("*")
		}
		return u.s.try(ctx, "upload", u.at, u.size/16, func(ctx context.Context) error {
			_, err := u.s.client.CompleteMultipartUpload(ctx, in)
			return err
		})
	}
	if err := u.s.publish(ctx, "upload", u.at, complete, u.size, sum); err != nil {
		return err
	}
	return u.s.confirm(ctx, "upload", u.at, u.size, sum)
}

// Abort implements Upload. It waits for the parts on their way to end.
func (u *s3Upload) Abort() {
	if u.ended {
		return
	}
	u.ended = true
	u.letGo()
	if u.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), abortTime)
	defer cancel()
	_, err := u.s.try(ctx, "abort", u.at, 0, func(ctx context.Context) error {
		_, err := u.s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &u.at.bucket, Key: &u.at.key, UploadId: &u.id})
		return err
	})
	var f *Error
	if err != nil && !(errors.As(err, &f) && (f.Code == "NoSuchUpload" || f.Status == 404)) {
		u.s.log.Warn("parts of an upload stay in the store until its lifecycle rule removes them", "location", u.at.String(), "error", err.Error())
	}
}

// letGo ends the parts and gives all memory back.
func (u *s3Upload) letGo() {
	u.cancel()
	u.sent.Wait()
	u.part.release()
	u.mu.Lock()
	u.filling = 0
	u.mu.Unlock()
}

// Held implements Upload: the part being written, and those on their way.
func (u *s3Upload) Held() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.flight + u.filling
}
