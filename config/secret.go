package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"sort"
	"strings"
)

// Redacted stands where a secret would.
const Redacted = "(secret)"

// Secret is text that nobody may see: every way of printing, logging or encoding it gives Redacted. The
// text hangs on a pointer, so that even a value in a field that fmt cannot call methods on stays hidden.
type Secret struct{ text *string }

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal is the text itself, for the one who logs in with it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

func (s Secret) String() string {
	if s.Reveal() == "" {
		return ""
	}
	return Redacted
}

// GoString, Format, MarshalText, MarshalJSON, MarshalYAML and LogValue all say Redacted.
func (s Secret) GoString() string             { return s.String() }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(s.String())) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
func (s Secret) MarshalJSON() ([]byte, error) { return jsonText(s.String()) }
func (s Secret) MarshalYAML() (any, error)    { return s.String(), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(s.String()) }
func (Secret) kind() string                   { return "text" }
func (s *Secret) parse(t string) *complaint   { *s = NewSecret(t); return nil }

// URI is an address that may hold a password (postgres://user:password@host/db); printed, it does not.
type URI struct{ text *string }

// NewURI hides the password of text.
func NewURI(text string) URI { return URI{&text} }

// Reveal is the address with its password, for the one who connects.
func (u URI) Reveal() string {
	if u.text == nil {
		return ""
	}
	return *u.text
}

// String is the address without its password.
func (u URI) String() string { return redactURL(u.Reveal()) }

func (u URI) GoString() string             { return u.String() }
func (u URI) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(u.String())) }
func (u URI) MarshalText() ([]byte, error) { return []byte(u.String()), nil }
func (u URI) MarshalJSON() ([]byte, error) { return jsonText(u.String()) }
func (u URI) MarshalYAML() (any, error)    { return u.String(), nil }
func (u URI) LogValue() slog.Value         { return slog.StringValue(u.String()) }
func (URI) kind() string                   { return "address" }
func (u *URI) parse(t string) *complaint   { *u = NewURI(t); return nil }

// redactURL takes passwords out of an address, even of one that does not parse.
func redactURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		if strings.Contains(s, "@") { // a slip of the pen in an address with a login
			return Redacted
		}
		return s
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 { // a password may hold any other mark, even unescaped
		if user, _, has := strings.Cut(rest[:at], ":"); has {
			rest = user + ":" + Redacted + rest[at:]
		}
	}
	authority, query, hasQuery := strings.Cut(rest, "?")
	out := scheme + "://" + authority
	if hasQuery {
		parts := strings.Split(query, "&")
		for i, p := range parts {
			if k, _, has := strings.Cut(p, "="); has && !harmlessQuery[strings.ToLower(k)] {
				parts[i] = k + "=" + Redacted
			}
		}
		out += "?" + strings.Join(parts, "&")
	}
	return out
}

var harmlessQuery = map[string]bool{
	"sslmode": true, "sslrootcert": true, "sslcert": true, "connect_timeout": true, "application_name": true, "search_path": true,
	"pool_max_conns": true, "user": true, "host": true, "port": true, "dbname": true, "target_session_attrs": true, "options": true,
}

// passwords are the secret parts of an address, as written and unescaped.
func passwords(s string) []string {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		if strings.Contains(s, "@") {
			return []string{s}
		}
		return nil
	}
	var out []string
	add := func(t string) {
		out = append(out, t)
		if plain, err := url.PathUnescape(t); err == nil && plain != t {
			out = append(out, plain)
		}
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		if _, pw, has := strings.Cut(rest[:at], ":"); has {
			add(pw)
		}
		rest = rest[at:]
	}
	_, query, _ := strings.Cut(rest, "?")
	for _, p := range strings.Split(query, "&") {
		if k, v, has := strings.Cut(p, "="); has && !harmlessQuery[strings.ToLower(k)] {
			add(v)
		}
	}
	return out
}

// Properties go to the catalog client as they are. Printed, only those are shown that are known to be harmless.
type Properties struct{ m *map[string]string }

// NewProperties hides m.
func NewProperties(m map[string]string) Properties { return Properties{&m} }

func (p Properties) all() map[string]string {
	if p.m == nil {
		return nil
	}
	return *p.m
}

// Reveal is a copy of the properties, for the catalog client.
func (p Properties) Reveal() map[string]string {
	out := make(map[string]string, len(p.all()))
	for k, v := range p.all() {
		out[k] = v
	}
	return out
}

// Names lists the keys in order.
func (p Properties) Names() []string { return sortedKeys(p.all()) }

var harmlessProperty = map[string]bool{
	"prefix": true, "scope": true, "audience": true, "resource": true, "warehouse": true, "rest.sigv4-enabled": true, "rest.signing-region": true,
	"rest.signing-name": true, "client.region": true, "s3.region": true, "s3.endpoint": true, "s3.path-style-access": true,
	"header.x-iceberg-access-delegation": true, "namespace-separator": true, "io-impl": true, "snapshot-loading-mode": true,
}

// shown is the properties as outsiders may see them.
func (p Properties) shown() map[string]string {
	out := map[string]string{}
	for k, v := range p.all() {
		switch {
		case harmlessProperty[strings.ToLower(k)]:
			out[k] = redactURL(v)
		case strings.HasSuffix(k, "uri") || strings.HasSuffix(k, "url"):
			out[k] = redactURL(v)
		case v == "":
			out[k] = ""
		default:
			out[k] = Redacted
		}
	}
	return out
}

func (p Properties) String() string               { return fmt.Sprint(p.shown()) }
func (p Properties) GoString() string             { return p.String() }
func (p Properties) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(p.String())) }
func (p Properties) MarshalJSON() ([]byte, error) { return jsonText(p.shown()) }
func (p Properties) MarshalYAML() (any, error)    { return p.shown(), nil }
func (p Properties) LogValue() slog.Value         { return slog.StringValue(p.String()) }

// Secrets lists every secret text of the configuration, longest first: what an output must not hold.
func (c *Config) Secrets() []string {
	var all []string
	if s := c.Kafka.SASL; s != nil {
		all = append(all, s.Password.Reveal(), s.ClientSecret.Reveal())
	}
	if c.S3 != nil {
		all = append(all, c.S3.SecretKey.Reveal())
	}
	all = append(all, passwords(c.Catalog.URI.Reveal())...)
	shown := c.Catalog.Properties.shown()
	for k, v := range c.Catalog.Properties.all() {
		if shown[k] == Redacted {
			all = append(all, v)
			if _, secret, ok := strings.Cut(v, ":"); ok && k == "credential" { // client id:client secret
				all = append(all, secret)
			}
			continue
		}
		all = append(all, passwords(v)...)
	}
	var out []string
	for _, s := range all {
		if len(s) >= 4 { // shorter ones would tear holes into every line
			out = append(out, s)
		}
	}
	sort.Slice(out, func(i, j int) bool { return len(out[i]) > len(out[j]) })
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
