package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrLocation says that a location cannot name an object of ours; no attempt was made.
var ErrLocation = errors.New("location cannot be used")

// Error is what went wrong with one object. Its text names the step, the object, the cause and, where there
// is something to do, what the operator can do; it never holds a key, a token or a request's query.
type Error struct {
	Op       string // "put", "upload", "stat", "open", "read", "remove", …
	Location string
	Status   int    // of HTTP; 0 if there was no answer
	Code     string // of S3: "AccessDenied"; empty if there was none
	Attempts int    // how many were made

	class  error // ErrNotFound, ErrExists, ErrDenied, or nil
	detail string
	cause  error
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Op, e.Location)
	if e.class != nil {
		b.WriteString(e.class.Error())
		if e.detail != "" {
			b.WriteString(": ")
		}
	}
	b.WriteString(e.detail)
	var about []string
	if e.Status != 0 {
		about = append(about, "HTTP "+strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		about = append(about, e.Code)
	}
	if e.Attempts > 1 {
		about = append(about, strconv.Itoa(e.Attempts)+" attempts")
	}
	if len(about) > 0 {
		b.WriteString(" (" + strings.Join(about, ", ") + ")")
	}
	if hint := e.hint(); hint != "" {
		b.WriteString("; " + hint)
	}
	return b.String()
}

// Unwrap gives the class for errors.Is, and the cause, so that context errors are found too.
func (e *Error) Unwrap() []error {
	var out []error
	for _, err := range []error{e.class, e.cause} {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

func (e *Error) hint() string {
	switch e.Code {
	case "NoSuchBucket":
		return "create the bucket, or correct the location of the table or warehouse"
	case "SignatureDoesNotMatch":
		return "the secret key or the region is wrong"
	case "InvalidAccessKeyId", "InvalidClientTokenId", "XAdminUserNotFound":
		return "the store does not know the access key"
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return "the session credentials ran out and were not renewed"
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return "the bucket is in another region: set s3.region"
	case "RequestTimeTooSkewed":
		return "set the clock of this machine"
	}
	if v := new(vendorError); errors.As(e.cause, &v) {
		return "the catalog should give them"
	}
	if keys := new(credentialsError); errors.As(e.cause, &keys) {
		return "set s3.access_key and s3.secret_key, or give this process an AWS profile, environment or role"
	}
	if errors.Is(e.class, ErrDenied) {
		if strings.HasPrefix(e.Location, "file:") {
			return "the user that runs sinker needs to read and write there"
		}
		return "the credentials need s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload on the bucket's objects" +
			" and s3:ListBucket on the bucket (without which S3 answers 403 for an object that is missing)"
	}
	if e.Status == 301 || e.Status == 307 {
		return "the bucket is in another region or at another endpoint: check s3.region and s3.endpoint"
	}
	return ""
}

// fault classifies what an S3 call returned. secrets are removed from whatever the store said.
func fault(op string, at place, attempts int, err error, secrets []string) *Error {
	e := &Error{Op: op, Location: at.String(), Attempts: attempts, cause: err}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		e.Status = answer.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		e.Code, e.detail = api.ErrorCode(), api.ErrorMessage()
		if e.Code == "UnknownError" || strings.Contains(e.Code, " ") {
			e.Code = ""
		}
		e.detail = strings.TrimPrefix(e.detail, "UnknownError")
	} else {
		e.detail = plain(err)
	}
	for _, s := range secrets {
		if len(s) >= 4 {
			e.detail = strings.ReplaceAll(e.detail, s, "***")
		}
	}
	switch {
	case e.Code == "NoSuchKey" || e.Code == "NotFound" || e.Status == 404 && e.Code == "": // HEAD's answer has no code of its own
		e.class = ErrNotFound
	case e.Status == 412 || e.Code == "PreconditionFailed":
		e.class = ErrExists
	case e.Status == 401 || e.Status == 403 || e.Code == "XAdminUserNotFound": // a 404 of versitygw
		e.class = ErrDenied
	}
	if e.class != nil && (e.detail == "" || strings.EqualFold(e.detail, "Not Found") || strings.EqualFold(e.detail, "Forbidden")) {
		e.detail = ""
	} else if e.detail == "" {
		e.detail = "the store refused"
	}
	return e
}

// plain is an error's innermost useful text: without the SDK's story of the call and without the URL, whose
// query may be signed.
func plain(err error) string {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if keys := new(credentialsError); errors.As(err, &keys) {
		return keys.Error()
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	var n *net.OpError
	if errors.As(err, &n) {
		return n.Error()
	}
	var op *smithy.OperationError
	if errors.As(err, &op) {
		err = op.Err
	}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) {
		err = answer.Err
	}
	text := err.Error()
	if at := strings.Index(text, "://"); at >= 0 { // a URL from somewhere we do not know: cut its query
		if q := strings.IndexByte(text[at:], '?'); q >= 0 {
			end := strings.IndexAny(text[at+q:], " \"")
			if end < 0 {
				end = len(text) - at - q
			}
			text = text[:at+q] + text[at+q+end:]
		}
	}
	return text
}

// stalled is one attempt that had no whole answer in its time.
type stalled struct{ after time.Duration }

func (s *stalled) Error() string { return "no answer within " + s.after.Round(time.Second).String() }

// credentialsError is a call that was never sent, for want of credentials.
type credentialsError struct{ cause error }

func (e *credentialsError) Error() string {
	if v := new(vendorError); errors.As(e.cause, &v) {
		return "no credentials: " + v.Error()
	}
	return "no credentials: " + plain(e.cause)
}
func (e *credentialsError) Unwrap() error { return e.cause }

// vendorError is what S3Config.Credentials returned.
type vendorError struct{ cause error }

func (e *vendorError) Error() string { return e.cause.Error() }
func (e *vendorError) Unwrap() error { return e.cause }
