package storage

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// S3Config is how to reach an S3-compatible store. The zero value asks the AWS default chain for everything.
type S3Config struct {
	Endpoint  string // http(s)://host:port; empty: AWS
	Region    string // empty: the environment's or profile's, else us-east-1 where Endpoint is set
	PathStyle bool   // http://host/bucket/key in place of http://bucket.host/key

	AccessKey, SecretKey, SessionToken string // all empty: the AWS default chain
	// Credentials, if not nil, is asked instead, again whenever what it gave is about to run out or was refused:
	// for credentials that a catalog vends.
	Credentials func(ctx context.Context) (Credentials, error)

	Proxy    string       // URL of an HTTP proxy; empty: from the environment
	Attempts int          // of each request, at most; 0: 8
	Parallel int          // parts of one upload that are on their way at once; 0: 2
	PartSize int64        // bytes, at least 5 MiB; 0: 8 MiB. A smaller object goes in one request
	Client   *http.Client // to share connections between stores; nil: one of its own
	Log      *slog.Logger // told what an abort left behind; nil: nobody
}

// Credentials are keys that may end.
type Credentials struct {
	AccessKey, SecretKey, SessionToken string
	Expires                            time.Time // zero: never
}

const (
	defaultPartSize = 8 << 20
	minPartSize     = 5 << 20 // S3's rule
	maxParts        = 10_000  // S3's rule
)

// S3 is a Store of one endpoint, with one pooled client.
type S3 struct {
	client *s3.Client
	http   *http.Client
	keys   *keyring
	free   *freeBlocks
	log    *slog.Logger

	attempts, parallel int
	partSize           int64
	pause              time.Duration // before the second attempt, at most; doubles
	patience           time.Duration // with one attempt, beside the time that its bytes may take

	noConditions atomic.Bool // the store does not know If-None-Match
}

// NewS3 makes the client. It sends nothing but what the AWS default chain needs to find a region; credentials
// are asked for by the first request.
func NewS3(ctx context.Context, c S3Config) (*S3, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("s3 configuration: %w", err)
	}
	s := &S3{http: c.Client, free: newFreeBlocks(32), log: c.Log, attempts: c.Attempts, parallel: c.Parallel, partSize: c.PartSize, pause: 100 * time.Millisecond, patience: attemptTime}
	if s.attempts <= 0 {
		s.attempts = 8
	}
	if s.parallel <= 0 {
		s.parallel = 2
	}
	if s.partSize == 0 {
		s.partSize = defaultPartSize
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.http == nil {
		var err error
		if s.http, err = NewClient(c.Proxy); err != nil {
			return nil, fmt.Errorf("s3 configuration: %w", err)
		}
	}
	region := c.Region
	if region == "" && c.Endpoint != "" {
		region = firstOf(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1")
	}
	settings := aws.Config{Region: region}
	own := c.AccessKey != "" || c.Credentials != nil
	if !own || region == "" {
		var err error
		var opts []func(*config.LoadOptions) error
		if region != "" {
			opts = append(opts, config.WithRegion(region))
		}
		if settings, err = config.LoadDefaultConfig(ctx, opts...); err != nil {
			return nil, fmt.Errorf("s3 configuration: the AWS defaults: %w", err)
		}
		if settings.Region == "" {
			return nil, errors.New("s3 configuration: no region: set s3.region or AWS_REGION")
		}
	}
	if own {
		s.keys = newKeyring(c)
	} else {
		s.keys = &keyring{cache: settings.Credentials}
	}
	settings.Credentials, settings.HTTPClient = s.keys, s.http
	s.client = s3.NewFromConfig(settings, func(o *s3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
		o.UsePathStyle = c.PathStyle
		o.Retryer = aws.NopRetryer{} // the one loop is S3.try, which must know what each attempt came to
		// Sums are computed here, once, and sent as headers: a trailer needs a chunked encoding that not every store reads.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
		o.ContinueHeaderThresholdBytes = -1
	})
	return s, nil
}

func (c S3Config) validate() error {
	var faults []error
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			faults = append(faults, errors.New("s3.endpoint must be a URL such as http://127.0.0.1:9000"))
		case u.User != nil:
			faults = append(faults, errors.New("s3.endpoint must not hold a user or password: use s3.access_key and s3.secret_key"))
		case u.RawQuery != "" || u.Fragment != "":
			faults = append(faults, errors.New("s3.endpoint must end with its path: no ? and no #"))
		}
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		faults = append(faults, errors.New("s3.access_key and s3.secret_key belong together: one is missing"))
	}
	if c.SessionToken != "" && c.AccessKey == "" {
		faults = append(faults, errors.New("a session token needs s3.access_key and s3.secret_key"))
	}
	if c.Proxy != "" {
		if u, err := url.Parse(c.Proxy); err != nil || u.Host == "" {
			faults = append(faults, errors.New("the proxy must be a URL such as http://proxy:3128"))
		}
	}
	if c.PartSize != 0 && c.PartSize < minPartSize {
		faults = append(faults, errors.New("parts must have at least 5 MiB"))
	}
	return errors.Join(faults...)
}

// NewClient makes a pool of connections that several stores can share. proxy is a URL; empty means the
// environment's. As with AWS's own tools, AWS_CA_BUNDLE names a file of further roots to trust.
func NewClient(proxy string) (*http.Client, error) {
	var trust *tls.Config
	if file := os.Getenv("AWS_CA_BUNDLE"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: %w", err)
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("AWS_CA_BUNDLE: no certificate in %s", file)
		}
		trust = &tls.Config{RootCAs: roots}
	}
	via := http.ProxyFromEnvironment
	if u, err := url.Parse(proxy); err == nil && proxy != "" {
		via = http.ProxyURL(u)
	}
	dial := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: via, TLSClientConfig: trust, DialContext: dial.DialContext, TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConns: 128, MaxIdleConnsPerHost: 64, IdleConnTimeout: 60 * time.Second, ForceAttemptHTTP2: true,
			WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Close drops idle connections. Calls under way go on.
func (s *S3) Close() { s.http.CloseIdleConnections() }

func (s *S3) place(location string) (place, error) {
	at, err := parse(location)
	if err == nil && at.local() {
		err = refuse(location, "is not an S3 location")
	}
	return at, err
}

// Stat implements Store.
func (s *S3) Stat(ctx context.Context, location string) (Info, error) {
	at, err := s.place(location)
	if err != nil {
		return Info{}, err
	}
	h, err := s.head(ctx, "stat", at, false)
	if err != nil {
		return Info{}, err
	}
	return Info{Size: aws.ToInt64(h.ContentLength), Modified: aws.ToTime(h.LastModified)}, nil
}

func (s *S3) head(ctx context.Context, op string, at place, sums bool) (out *s3.HeadObjectOutput, err error) {
	in := &s3.HeadObjectInput{Bucket: &at.bucket, Key: &at.key}
	if sums {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	_, err = s.try(ctx, op, at, 0, func(ctx context.Context) error {
		out, err = s.client.HeadObject(ctx, in)
		return err
	})
	return out, err
}

// ReadAll implements Store.
func (s *S3) ReadAll(ctx context.Context, location string) ([]byte, error) {
	at, err := s.place(location)
	if err != nil {
		return nil, err
	}
	var data []byte
	_, err = s.try(ctx, "read", at, 0, func(ctx context.Context) error {
		out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &at.bucket, Key: &at.key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		size := aws.ToInt64(out.ContentLength)
		buf := bytes.NewBuffer(make([]byte, 0, min(max(size, 0)+bytes.MinRead, 64<<20)))
		if _, err := io.Copy(buf, patient(ctx, out.Body)); err != nil {
			return err
		}
		if out.ContentLength != nil && int64(buf.Len()) != size {
			return fmt.Errorf("the store sent %d bytes of %d: %w", buf.Len(), size, io.ErrUnexpectedEOF)
		}
		data = buf.Bytes()
		return nil
	})
	return data, err
}

// Remove implements Store.
func (s *S3) Remove(ctx context.Context, location string) error {
	at, err := s.place(location)
	if err != nil {
		return err
	}
	_, err = s.try(ctx, "remove", at, 0, func(ctx context.Context) error {
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &at.bucket, Key: &at.key})
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, location string, data []byte) error {
	at, err := s.place(location)
	if err != nil {
		return err
	}
	return s.put(ctx, "put", at, func() io.ReadSeeker { return bytes.NewReader(data) }, int64(len(data)), crc32.Checksum(data, castagnoli))
}

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}
