package storage

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// put sends a whole object in one request and has it confirmed.
func (s *S3) put(ctx context.Context, op string, at place, body func() io.ReadSeeker, size int64, crc uint32) error {
	sum := encodeSum(crc)
	send := func(conditional bool) (effort, error) {
		in := &s3.PutObjectInput{Bucket: &at.bucket, Key: &at.key, ContentLength: &size, ChecksumCRC32C: &sum}
		if conditional {
			in.IfNoneMatch = aws.String("*")
		}
		return s.try(ctx, op, at, size, func(ctx context.Context) error {
			in.Body = body()
			_, err := s.client.PutObject(ctx, in)
			return err
		})
	}
	if err := s.publish(ctx, op, at, send, size, sum); err != nil {
		return err
	}
	return s.confirm(ctx, op, at, size, sum)
}

// publish makes an object visible unless the name is taken: on the store's word where it knows
// If-None-Match, else after a look.
//
// A repeated request can be refused because its first copy, whose answer was lost, was carried out. Names
// are unique, so an object of our size and sum is ours then.
func (s *S3) publish(ctx context.Context, op string, at place, send func(conditional bool) (effort, error), size int64, sum string) error {
	conditional := !s.noConditions.Load()
	if !conditional {
		if err := s.vacant(ctx, op, at); err != nil {
			return err
		}
	}
	e, err := send(conditional)
	if conditional && unimplemented(err) {
		if err := s.vacant(ctx, op, at); err != nil {
			return err
		}
		if e, err = send(false); err == nil {
			s.noConditions.Store(true)
		}
	}
	if err == nil {
		return nil
	}
	var f *Error
	if e.ambiguous && errors.As(err, &f) && (errors.Is(err, ErrExists) || f.Code == "NoSuchUpload") {
		if s.confirm(ctx, op, at, size, sum) == nil {
			return nil
		}
	}
	return err
}

func unimplemented(err error) bool {
	var f *Error
	return errors.As(err, &f) && (f.Status == http.StatusNotImplemented || f.Code == "NotImplemented")
}

// vacant looks whether the name is free. Credentials that may not list the bucket, as those that a catalog hands out
// for one table often are, get "denied" for an object that is not there: that is no reason to refuse, names are unique.
func (s *S3) vacant(ctx context.Context, op string, at place) error {
	_, err := s.head(ctx, op, at, false)
	switch {
	case err == nil:
		return &Error{Op: op, Location: at.String(), class: ErrExists}
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrDenied):
		return nil
	}
	return err
}

// confirm accepts an object only if the store itself says that it is there, in full.
func (s *S3) confirm(ctx context.Context, op string, at place, size int64, sum string) error {
	h, err := s.head(ctx, op, at, true)
	if errors.Is(err, ErrNotFound) {
		return &Error{Op: op, Location: at.String(), detail: "the store said that it took the object, but does not have it; it was not accepted"}
	}
	if err != nil {
		return err
	}
	if got := aws.ToInt64(h.ContentLength); h.ContentLength == nil || got != size {
		return &Error{Op: op, Location: at.String(), detail: fmt.Sprintf("the store holds %d bytes of the %d that were written; the object was not accepted", got, size)}
	}
	if got := aws.ToString(h.ChecksumCRC32C); got != "" && sum != "" && got != sum {
		return &Error{Op: op, Location: at.String(), detail: fmt.Sprintf("the store holds other bytes than were written (CRC32C %s, not %s); the object was not accepted", got, sum)}
	}
	return nil
}

func encodeSum(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}
