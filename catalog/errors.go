package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sinker-io/sinker/commit"
	"github.com/sinker-io/sinker/storage"
)

// wrap puts the step before an error and keeps its class; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &commit.Error{Class: classOf(err), Err: fmt.Errorf(format+": %w", append(args, err)...)}
}

// classed gives an error its class.
func classed(class commit.Class, format string, args ...any) error {
	return &commit.Error{Class: class, Err: fmt.Errorf(format, args...)}
}

// classOf is the class that was given to an error below, or what an error of storage says.
func classOf(err error) commit.Class {
	var e *commit.Error
	switch {
	case errors.As(err, &e):
		return e.Class
	case errors.Is(err, storage.ErrDenied):
		return commit.Denied
	}
	return commit.Unknown
}

// requirementFailed gives the class to what iceberg-go says of a requirement that does not hold: it has no type of
// its own there. Only call it on errors of Requirement.Validate.
func requirementFailed(err error) error {
	return &commit.Error{Class: commit.Conflict, Err: err}
}

// updateFailed gives the class to what iceberg-go says of updates that cannot be applied to the metadata. A sequence number or
// row id that somebody else has taken since is a conflict; the rest is a request that no base will take.
func updateFailed(err error) error {
	class := commit.Rejected
	text := err.Error()
	for _, moved := range []string{"must be > than last sequence number", "is behind table next-row-id", "already exists"} {
		if strings.Contains(text, moved) {
			class = commit.Conflict
		}
	}
	return &commit.Error{Class: class, Err: err}
}

// ended says which of a caller's or our own deadline ended a request, or nil if neither did.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer in time: %w", err)
	}
	return nil
}

// plainURI is a URI without what may be secret in it: user information and query.
func plainURI(uri string) string {
	if rest, ok := strings.CutPrefix(uri, "sqlite:"); ok {
		path, _, _ := strings.Cut(rest, "?")
		return "sqlite:" + path
	}
	u, err := url.Parse(uri)
	if err != nil {
		scheme, _, ok := strings.Cut(uri, ":")
		if !ok || strings.ContainsFunc(scheme, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "(unreadable address)"
		}
		return scheme + ":…"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.ToValidUTF8(u.String(), "?")
}
