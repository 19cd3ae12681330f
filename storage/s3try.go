package storage

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// effort is what the attempts of one request came to.
type effort struct {
	attempts  int
	ambiguous bool // an attempt before the last may have been carried out although it failed
}

const (
	attemptTime = 30 * time.Second // of one attempt, and
	slowest     = 128 << 10        // one second more for each of so many bytes that it carries
	longestWait = 5 * time.Second
)

// try makes attempts of one request, within ctx and at most s.attempts, with full jitter between them. size
// is how many bytes an attempt may carry. call must be repeatable.
func (s *S3) try(ctx context.Context, op string, at place, size int64, call func(ctx context.Context) error) (effort, error) {
	limit := s.patience + time.Duration(size/slowest)*time.Second
	var e effort
	for {
		e.attempts++
		err := s.once(ctx, limit, call)
		if err == nil {
			return e, nil
		}
		if ctx.Err() != nil {
			return e, fault(op, at, e.attempts, ctx.Err(), nil)
		}
		verdict := judge(err)
		if verdict.renew && !s.keys.invalidate() {
			verdict.again = false
		}
		bound := s.attempts
		if verdict.few {
			bound = min(bound, 3)
		}
		if !verdict.again || e.attempts >= bound {
			return e, fault(op, at, e.attempts, err, s.keys.secrets())
		}
		e.ambiguous = e.ambiguous || verdict.ambiguous
		wait := min(longestWait, s.pause<<min(e.attempts-1, 16))
		select {
		case <-ctx.Done():
			return e, fault(op, at, e.attempts, ctx.Err(), nil)
		case <-time.After(time.Duration(rand.Int64N(int64(wait) + 1))):
		}
	}
}

func (s *S3) once(ctx context.Context, limit time.Duration, call func(ctx context.Context) error) error {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.AfterFunc(limit, cancel)
	defer timer.Stop()
	err := call(context.WithValue(bounded, moving{}, func() { timer.Reset(limit) }))
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return &stalled{after: limit}
	}
	return err
}

// moving is the key of what a reader calls to say that an attempt goes on.
type moving struct{}

// patient reads an answer of any length: an attempt then has its time anew after each piece.
func patient(ctx context.Context, body io.Reader) io.Reader {
	alive, _ := ctx.Value(moving{}).(func())
	return readerFunc(func(p []byte) (int, error) {
		n, err := body.Read(p)
		if n > 0 && alive != nil {
			alive()
		}
		return n, err
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// verdict is what a failed attempt calls for.
type verdict struct {
	again     bool // another attempt may do better
	ambiguous bool // the store may have done what was asked
	renew     bool // with other credentials
	few       bool // but not many times
}

var passing = map[string]bool{
	"SlowDown": true, "SlowDownRead": true, "SlowDownWrite": true, "InternalError": true, "ServiceUnavailable": true,
	"RequestTimeout": true, "RequestTimeoutException": true, "Throttling": true, "ThrottlingException": true,
	"RequestThrottled": true, "TooManyRequests": true, "TooManyRequestsException": true, "OperationAborted": true,
	"ConditionalRequestConflict": true, "BadDigest": true, "XAmzContentSHA256Mismatch": true, "XAmzContentChecksumMismatch": true,
	"IncompleteBody": true, "PriorRequestNotComplete": true, "BandwidthLimitExceeded": true, "LimitExceededException": true,
}

func judge(err error) verdict {
	var keys *credentialsError
	if errors.As(err, &keys) {
		return verdict{again: true, few: true}
	}
	var api smithy.APIError
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	if strings.HasPrefix(code, "ExpiredToken") || code == "TokenRefreshRequired" {
		return verdict{again: true, renew: true, few: true}
	}
	if code == "RequestTimeTooSkewed" { // the client has learned the store's time from this answer
		return verdict{again: true, few: true}
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.HTTPStatusCode() != 0 {
		status := answer.HTTPStatusCode()
		late := status >= 500 && status != http.StatusNotImplemented
		if passing[code] || late || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
			return verdict{again: true, ambiguous: true}
		}
		if status < 300 { // an answer of success whose body could not be read to its end, or was an error
			return verdict{again: true, ambiguous: true}
		}
		return verdict{}
	}
	if api != nil {
		// An error inside a 200 has lost its status on the way; one that we do not know is not worth repeating.
		return verdict{again: passing[code], ambiguous: true}
	}
	var serialization *smithy.SerializationError
	var params smithy.InvalidParamsError
	if errors.As(err, &serialization) || errors.As(err, &params) {
		return verdict{}
	}
	return verdict{again: true, ambiguous: true} // no whole answer: refused, reset, cut, timed out
}

// keyring gives the client its credentials, renews them, and remembers the last ones to keep them out of
// error texts.
type keyring struct {
	cache aws.CredentialsProvider
	last  atomic.Pointer[aws.Credentials]
}

// renewEarly is how long before their end vended credentials are renewed.
const renewEarly = 5 * time.Minute

func newKeyring(c S3Config) *keyring {
	if c.Credentials == nil {
		return &keyring{cache: credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, c.SessionToken)}
	}
	ask := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		k, err := c.Credentials(ctx)
		if err != nil {
			return aws.Credentials{}, &vendorError{err}
		}
		if k.AccessKey == "" || k.SecretKey == "" {
			return aws.Credentials{}, &vendorError{errors.New("the answer holds none")}
		}
		if !k.Expires.IsZero() { // renew early, but not over and over where they live only minutes
			k.Expires = k.Expires.Add(-min(renewEarly, max(0, time.Until(k.Expires)/4)))
		}
		return aws.Credentials{
			AccessKeyID: k.AccessKey, SecretAccessKey: k.SecretKey, SessionToken: k.SessionToken,
			CanExpire: !k.Expires.IsZero(), Expires: k.Expires, Source: "catalog",
		}, nil
	})
	return &keyring{cache: aws.NewCredentialsCache(ask)}
}

// Retrieve implements aws.CredentialsProvider.
func (k *keyring) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if k.cache == nil {
		return aws.Credentials{}, &credentialsError{cause: errors.New("none are configured")}
	}
	c, err := k.cache.Retrieve(ctx)
	if err != nil {
		return c, &credentialsError{cause: err}
	}
	k.last.Store(&c)
	return c, nil
}

// invalidate makes the next call ask for new credentials; false if there are no others to be had.
func (k *keyring) invalidate() bool {
	cache, ok := k.cache.(*aws.CredentialsCache)
	if ok {
		cache.Invalidate()
	}
	return ok
}

func (k *keyring) secrets() []string {
	c := k.last.Load()
	if c == nil {
		return nil
	}
	return []string{c.SecretAccessKey, c.SessionToken, c.AccessKeyID}
}

// whole reads exactly len(p) bytes of an answer and nothing less.
func whole(body io.Reader, p []byte) error {
	if _, err := io.ReadFull(body, p); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}
