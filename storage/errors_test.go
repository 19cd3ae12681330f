package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/storage"
)

func TestS3_ErrorsAreClassedAndTellNoSecrets(t *testing.T) {
	l := newLiar(t, func(kind string, n int, r *http.Request) trick {
		switch {
		case strings.Contains(r.URL.Path, "denied"):
			return says(403, "AccessDenied", "not with "+testKey+" and "+testSecret)
		case strings.Contains(r.URL.Path, "stranger"):
			return says(404, "XAdminUserNotFound", "no user has this key")
		case strings.Contains(r.URL.Path, "elsewhere"):
			return says(301, "PermanentRedirect", "other region")
		}
		return nil
	})
	s := open(t, storage.S3Config{Endpoint: l.URL})
	for _, c := range []struct {
		err   error
		class error
		want  []string
	}{
		{s.Put(t.Context(), location("denied"), little), storage.ErrDenied, []string{"put s3://lake/denied: access denied", "HTTP 403, AccessDenied", "s3:PutObject"}},
		{second(s.Stat(t.Context(), location("denied"))), storage.ErrDenied, []string{"stat s3://lake/denied", "s3:ListBucket"}},
		{second(s.ReadAll(t.Context(), location("missing"))), storage.ErrNotFound, []string{"read s3://lake/missing: object does not exist"}},
		{s.Put(t.Context(), "s3://nobucket/x", little), nil, []string{"put s3://nobucket/x", "NoSuchBucket", "create the bucket"}},
		{second(s.ReadAll(t.Context(), location("stranger"))), storage.ErrDenied, []string{"does not know the access key"}},
		{s.Put(t.Context(), location("elsewhere"), little), nil, []string{"s3.region"}},
	} {
		if c.err == nil {
			t.Errorf("no error where %q was due", c.want)
			continue
		}
		if c.class != nil && !errors.Is(c.err, c.class) {
			t.Errorf("%v: not classed as %v", c.err, c.class)
		}
		for _, want := range c.want {
			if !strings.Contains(c.err.Error(), want) {
				t.Errorf("%v: does not say %q", c.err, want)
			}
		}
		for _, secret := range []string{testKey, testSecret, "X-Amz", "Signature", "uploadId", "?"} {
			if strings.Contains(c.err.Error(), secret) {
				t.Errorf("%v: tells %q", c.err, secret)
			}
		}
	}
	gone := open(t, storage.S3Config{Endpoint: "http://127.0.0.1:1"})
	err := gone.Put(t.Context(), location("x"), little)
	if err == nil || strings.Contains(err.Error(), "?") || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "8 attempts") {
		t.Errorf("no server: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestS3_VendedCredentialsAreRenewed(t *testing.T) {
	asked := 0
	l := newLiar(t, func(kind string, n int, r *http.Request) trick {
		if strings.Contains(r.Header.Get("Authorization"), "Credential=vended-1/") {
			return says(400, "ExpiredToken", "the token vended-token-1 has expired")
		}
		return nil
	})
	s := open(t, storage.S3Config{Endpoint: l.URL, Credentials: func(context.Context) (storage.Credentials, error) {
		asked++
		return storage.Credentials{AccessKey: fmt.Sprintf("vended-%d", asked), SecretKey: "s3cr3t", SessionToken: fmt.Sprintf("vended-token-%d", asked), Expires: time.Now().Add(time.Hour)}, nil
	}})
	for range 3 {
		if err := s.Put(t.Context(), location(fmt.Sprint("x", rand.Uint64())), little); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 2 {
		t.Errorf("credentials were asked for %d times, want once and once more after their end", asked)
	}

	refused := open(t, storage.S3Config{Endpoint: l.URL, Credentials: func(context.Context) (storage.Credentials, error) {
		return storage.Credentials{}, errors.New("the catalog is away")
	}})
	if err := refused.Put(t.Context(), location("y"), little); err == nil || !strings.Contains(err.Error(), "no credentials: the catalog is away") {
		t.Errorf("no credentials: %v", err)
	}
}
