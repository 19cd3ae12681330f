package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sinker-io/sinker/config"
)

// scrubber replaces secrets in what is written through it. It is the last line of defence: errors of
// servers and libraries may repeat what was sent to them. Each Write must be a whole line or more.
type scrubber struct {
	mu      sync.Mutex
	to      io.Writer
	replace *strings.Replacer // nil: nothing to hide
}

// hide adds the secrets to those that are replaced.
func (s *scrubber) hide(secrets []string) {
	var pairs []string
	for _, secret := range secrets {
		for _, form := range spellings(secret) {
			pairs = append(pairs, form, config.Redacted)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(pairs) > 0 {
		s.replace = strings.NewReplacer(pairs...)
	}
}

// spellings are the ways in which a text is written into JSON, Go's quotes and addresses.
func spellings(text string) []string {
	out := []string{text}
	quoted := strconv.Quote(text)
	inJSON, _ := json.Marshal(text)
	for _, form := range []string{quoted[1 : len(quoted)-1], string(inJSON[1 : len(inJSON)-1]), url.QueryEscape(text), url.PathEscape(text), (&url.URL{Path: text}).EscapedPath()} {
		if !slices.Contains(out, form) {
			out = append(out, form)
		}
	}
	return out
}

func (s *scrubber) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := p
	if s.replace != nil {
		out = []byte(s.replace.Replace(string(p)))
	}
	if _, err := s.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// startLog makes the log that the global flags ask for.
func (a *app) startLog() error {
	if err := oneOfFlag("--log-level", a.logLevel, "debug", "info", "warn", "error"); err != nil {
		return err
	}
	if err := oneOfFlag("--log-format", a.logFormat, "text", "json"); err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return usage("--log-level: %w", err)
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: durationsAsText}
	if a.logFormat == "json" {
		a.log = slog.New(slog.NewJSONHandler(a.err, opts))
	} else {
		a.log = slog.New(slog.NewTextHandler(a.err, opts))
	}
	slog.SetDefault(a.log) // for libraries
	return nil
}

// durationsAsText spells durations in JSON as in text, "417ms": a bare number of nanoseconds tells nobody its unit.
func durationsAsText(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
