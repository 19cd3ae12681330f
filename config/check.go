package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// check looks at what no single value tells: forms with a meaning, and keys that must fit together.
func (r *reader) check(c *Config) {
	r.checkSink(c)
	r.checkKafka(&c.Kafka, c)
	r.checkCatalog(c)
	r.checkS3(c)
	r.checkAdmin(c)
	r.checkTables(c)
}

// say writes a fault down, unless the value at path, or what holds it, has one already.
func (r *reader) say(path, what, want, hint string) {
	for _, f := range r.faults {
		if f.Path == path || f.Path != "" && strings.HasPrefix(path, f.Path) && strings.ContainsAny(path[len(f.Path):][:1], ".[") && f.Line > 0 && !strings.HasPrefix(f.What, "the ") {
			return
		}
	}
	r.fault(r.where(path), path, what, want, hint)
}

func (r *reader) warn(c *Config, path, what, hint string) {
	p := r.where(path)
	c.Warnings = append(c.Warnings, Warning{File: r.file, Line: p.line, Column: p.column, Path: path, What: what, Hint: hint})
}

// where is the place of path, or of the nearest thing around it that the file has.
func (r *reader) where(path string) position {
	for {
		if p, ok := r.at[path]; ok {
			return p
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return r.at[""]
		}
		path = path[:i]
	}
}

// quoted shows a value, or the variable that it came from.
func (r *reader) quoted(path, value string) string {
	if raw, ok := r.written[path]; ok {
		return raw + " gives a value that"
	}
	return strconv.Quote(value)
}

var sinkForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
var notSink = regexp.MustCompile(`[^a-z0-9_-]+`)

func (r *reader) checkSink(c *Config) {
	if c.Sink == "" || sinkForm.MatchString(c.Sink) {
		return
	}
	guess := strings.Trim(notSink.ReplaceAllString(strings.ToLower(c.Sink), "-"), "-_")
	guess = guess[:min(63, len(guess))]
	if _, ok := r.written["sink"]; ok {
		guess = ""
	}
	r.say("sink", r.quoted("sink", c.Sink)+" is not a sink id", "lower-case letters, digits, _ and -, at most 63, the first a letter or digit", didYouMean(guess))
}

func (r *reader) checkKafka(k *Kafka, c *Config) {
	seen := map[string]bool{}
	for i, b := range k.Brokers {
		path := at("kafka.brokers", i)
		r.checkHostPort(path, b, "host:port", "9092")
		if seen[b] {
			r.say(path, r.quoted(path, b)+" is listed twice", "each broker once", "")
		}
		seen[b] = true
	}
	if strings.TrimSpace(k.Group) != k.Group || len(k.Group) > 255 {
		r.say("kafka.group", r.quoted("kafka.group", k.Group)+" is not a group name", "up to 255 characters without space at its ends", "")
	}
	if strings.HasPrefix(k.Start.String(), "time:") && k.Start.Time.Unix() < 0 {
		r.say("kafka.start", "is before 1970", "a time that Kafka knows", didYouMean("earliest"))
	}
	if k.TLS != nil {
		r.checkTLS(k.TLS)
	}
	if k.SASL != nil {
		r.checkSASL(k.SASL, k.TLS != nil, c)
	}
}

// checkHostPort wants a host and a port, and guesses at what is missing.
func (r *reader) checkHostPort(path, s, want, port string) {
	host, p, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(p)
	if err == nil && perr == nil && n >= 0 && n <= 65535 && !strings.ContainsAny(host, "/ @,") {
		return
	}
	hint := ""
	switch {
	case strings.Contains(s, ","):
		hint = "write a list: [\"a:9092\", \"b:9092\"]"
	case strings.Contains(s, "://"):
		if u, err := url.Parse(s); err == nil && u.Host != "" && u.User == nil {
			hint = didYouMean(u.Host)
		}
	case err != nil && !strings.ContainsAny(s, ": /@"):
		hint = didYouMean(s + ":" + port)
	}
	if _, ok := r.written[path]; ok {
		hint = ""
	}
	if strings.Contains(s, "@") {
		r.say(path, "is not an address", want, "")
		return
	}
	r.say(path, r.quoted(path, s)+" is not an address", want, hint)
}

func (r *reader) checkTLS(t *TLS) {
	if pem, ok := r.readable("kafka.tls.ca_file", t.CAFile); ok && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		r.say("kafka.tls.ca_file", "the file holds no certificate", "a PEM file with BEGIN CERTIFICATE", "")
	}
	if !r.valid("kafka.tls.cert_file") || !r.valid("kafka.tls.key_file") {
		return
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		has, lacks := "cert_file", "key_file"
		if t.CertFile == "" {
			has, lacks = lacks, has
		}
		r.say("kafka.tls."+has, "stands without "+lacks, "both for mutual TLS, or neither", "add "+lacks)
		return
	}
	cert, ok := r.readable("kafka.tls.cert_file", t.CertFile)
	key, ok2 := r.readable("kafka.tls.key_file", t.KeyFile)
	if ok && ok2 {
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			r.say("kafka.tls.cert_file", "certificate and key do not belong together, or are not PEM", "a PEM certificate and its private key", "")
		}
	}
}

// readable reads a file that the configuration names.
func (r *reader) readable(path, file string) ([]byte, bool) {
	if file == "" {
		return nil, false
	}
	data, err := os.ReadFile(file)
	if err != nil {
		hint := ""
		if errors.Is(err, os.ErrNotExist) {
			hint = "relative names count from the folder sinker is started in"
		}
		r.say(path, r.quoted(path, file)+" cannot be read: "+cause(err), "a readable file", hint)
		return nil, false
	}
	return data, true
}

func (r *reader) checkSASL(s *SASL, secure bool, c *Config) {
	const p = "kafka.sasl"
	token := map[string]string{"token_file": s.TokenFile, "token_url": s.TokenURL, "client_id": s.ClientID, "client_secret": s.ClientSecret.Reveal(), "scope": s.Scope}
	login := map[string]string{"username": s.Username, "password": s.Password.Reveal()}
	need := func(have map[string]string, names ...string) {
		for _, n := range names {
			if have[n] == "" {
				r.say(p+"."+n, s.Mechanism+" needs "+n, n+" under kafka.sasl", "")
			}
		}
	}
	not := func(have map[string]string, why string, names ...string) {
		for _, n := range names {
			if have[n] != "" {
				r.say(p+"."+n, n+" does not go with "+why, "only what "+s.Mechanism+" uses", "take it away, or change mechanism")
			}
		}
	}
	switch {
	case s.Mechanism == "" || !r.valid(p+".mechanism"):
	case s.Mechanism == "OAUTHBEARER":
		not(login, s.Mechanism, "username", "password")
		switch {
		case s.TokenFile != "" && s.TokenURL != "":
			r.say(p+".token_url", "token_file and token_url are both given", "one of the two", "")
		case s.TokenFile != "":
			r.readable(p+".token_file", s.TokenFile)
			not(token, "token_file", "client_id", "client_secret", "scope")
		case s.TokenURL != "":
			need(token, "client_id", "client_secret")
			r.checkHTTP(p+".token_url", s.TokenURL)
		default:
			r.say(p, "OAUTHBEARER needs a token", "token_file, or token_url with client_id and client_secret", "")
		}
	default:
		need(login, "username", "password")
		not(token, s.Mechanism, "token_file", "token_url", "client_id", "client_secret", "scope")
		if !secure && s.Mechanism == "PLAIN" {
			r.warn(c, p+".mechanism", "PLAIN without kafka.tls sends the password in the clear", "add tls: {}")
		}
	}
}

// valid tells whether the value at path has no fault so far.
func (r *reader) valid(path string) bool {
	for _, f := range r.faults {
		if f.Path == path {
			return false
		}
	}
	return true
}

// checkHTTP wants a web address without a login in it.
func (r *reader) checkHTTP(path, s string) {
	u, err := url.Parse(s)
	_, fromEnv := r.written[path]
	switch {
	case err == nil && u.User != nil:
		r.say(path, "the address holds a login", "an address without one", "use the keys for it instead")
	case err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	case strings.Contains(s, "@") || fromEnv:
		r.say(path, "is not an address", "http://host:port or https://host", "")
	case !strings.Contains(s, "://"):
		r.say(path, fmt.Sprintf("%q has no http:// or https://", s), "http://host:port or https://host", didYouMean("http://"+s))
	default:
		r.say(path, fmt.Sprintf("%q is not a web address", redactURL(s)), "http://host:port or https://host", "")
	}
}

func (r *reader) checkAdmin(c *Config) {
	if c.Admin == "off" {
		return
	}
	if guess := nearest(c.Admin, nil, map[string]string{"none": "off", "false": "off", "disabled": "off", "no": "off"}); guess != "" {
		r.say("admin", strconv.Quote(c.Admin)+" is not an address", "host:port, or off", didYouMean(guess))
		return
	}
	if _, err := strconv.Atoi(c.Admin); err == nil {
		r.say("admin", strconv.Quote(c.Admin)+" is not an address", "host:port, or off", didYouMean("127.0.0.1:"+c.Admin))
		return
	}
	r.checkHostPort("admin", c.Admin, "host:port, or off", "9400")
	if host, _, err := net.SplitHostPort(c.Admin); err == nil && (host == "" || host == "0.0.0.0" || host == "::") {
		r.warn(c, "admin", "the status page can be reached from every network this machine is on, without a login", "")
	}
}
