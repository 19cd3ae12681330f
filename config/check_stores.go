package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

func (r *reader) checkCatalog(c *Config) {
	uri, k := c.Catalog.URI.Reveal(), &c.Catalog
	if uri == "" || !r.valid("catalog.type") || k.Type == "" {
		r.checkWarehouse(k)
		return
	}
	const p = "catalog.uri"
	shown := redactURL(uri)
	if _, ok := r.written[p]; ok || strings.Contains(uri, "@") && shown == uri {
		shown = "the address"
	} else {
		shown = fmt.Sprintf("%q", shown)
	}
	scheme, rest, _ := strings.Cut(uri, ":")
	switch k.Type {
	case "rest":
		switch scheme {
		case "http", "https":
			r.checkREST(p, uri)
		case "sqlite", "postgres", "postgresql":
			r.say(p, shown+" does not fit type rest", "http:// or https://", "did you mean type: sql?")
		default:
			r.say(p, shown+" is not the address of a REST catalog", "http://host:port or https://host/path", restGuess(uri))
		}
	case "sql":
		r.checkSQL(p, shown, scheme, rest)
		if k.Warehouse == "" {
			r.say("catalog.warehouse", "a sql catalog does not know where tables live", "warehouse: s3://bucket/prefix or file:///folder", "")
		}
	}
	r.checkWarehouse(k)
}

func restGuess(uri string) string {
	if strings.Contains(uri, "://") || strings.Contains(uri, "@") {
		return ""
	}
	return didYouMean("http://" + uri)
}

func (r *reader) checkREST(p, uri string) {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Host == "":
		r.say(p, "is not a web address", "http://host:port or https://host/path", "")
	case u.User != nil:
		r.say(p, "the address holds a login", "an address without one", "use properties: {credential: \"${NAME}\"}")
	}
}

func (r *reader) checkSQL(p, shown, scheme, rest string) {
	const want = "sqlite:PATH or postgres://user:password@host/database"
	switch scheme {
	case "sqlite":
		if strings.Trim(rest, "/") == "" {
			r.say(p, "has no path after sqlite:", want, didYouMean("sqlite:catalog.db"))
		} else if strings.Contains(rest, ":memory:") {
			r.say(p, "a catalog in memory is gone after a restart", "a file", didYouMean("sqlite:catalog.db"))
		}
	case "postgres", "postgresql":
		u, err := url.Parse(scheme + ":" + rest)
		if err != nil || !strings.HasPrefix(rest, "//") {
			r.say(p, "is not the address of a PostgreSQL database", "postgres://user:password@host:port/database", "marks such as @ : / ? # in a password are written %40 %3A %2F %3F %23")
		} else if strings.Trim(u.Path, "/") == "" && !u.Query().Has("dbname") {
			r.say(p, "names no database", "postgres://user:password@host:port/database", "")
		}
	case "http", "https":
		r.say(p, shown+" does not fit type sql", want, "did you mean type: rest?")
	case "jdbc":
		if strings.HasPrefix(rest, "sqlite:") {
			r.say(p, "is an address for Java", want, "did you mean sqlite:… without jdbc:?")
			return
		}
		r.say(p, "is an address for Java", want, "did you mean postgres://… without jdbc:?")
	case "mysql", "mariadb", "mssql", "sqlserver", "oracle":
		r.say(p, "this database is not supported", want, "")
	default:
		hint := ""
		if shown != "the address" && (strings.HasSuffix(shown, `.db"`) || strings.HasSuffix(shown, `.sqlite"`)) {
			hint = didYouMean("sqlite:" + strings.Trim(shown, `"`))
		}
		r.say(p, shown+" is not the address of a database", want, hint)
	}
}

func (r *reader) checkWarehouse(k *Catalog) {
	const p = "catalog.warehouse"
	w := k.Warehouse
	scheme, rest, ok := strings.Cut(w, "://")
	const want = "s3://bucket/prefix or file:///folder"
	switch {
	case w == "":
	case !ok && (strings.HasPrefix(w, "/") || strings.HasPrefix(w, "./")):
		abs, _ := filepath.Abs(w)
		if strings.HasPrefix(w, "/") {
			abs = w
		}
		r.say(p, r.quoted(p, w)+" is not a location", want, didYouMean("file://"+abs))
	case !ok && strings.HasPrefix(w, "file:/"):
		r.say(p, r.quoted(p, w)+" is not a location", want, didYouMean("file:///"+strings.TrimLeft(w[5:], "/")))
	case !ok && k.Type == "sql":
		r.say(p, r.quoted(p, w)+" is not a location", want, "")
	case !ok: // a name that the REST catalog knows
	case scheme == "s3" && strings.Trim(rest, "/") == "":
		r.say(p, r.quoted(p, w)+" names no bucket", want, "")
	case scheme == "s3":
	case scheme == "s3a" || scheme == "s3n":
		r.say(p, r.quoted(p, w)+" is Hadoop's spelling", want, didYouMean("s3://"+rest))
	case scheme == "file" && !strings.HasPrefix(rest, "/"):
		r.say(p, r.quoted(p, w)+" has a host where the path should be", want, didYouMean("file:///"+rest))
	case scheme == "file" && strings.Trim(rest, "/") == "":
		r.say(p, r.quoted(p, w)+" is the root folder", want, "")
	case scheme == "file":
	case scheme == "gs" || scheme == "abfs" || scheme == "abfss" || scheme == "wasb" || scheme == "wasbs" || scheme == "hdfs" || scheme == "oss":
		r.say(p, scheme+":// is not supported yet", want, "")
	default:
		r.say(p, r.quoted(p, w)+" is of no kind that sinker knows", want, didYouMean(nearest(scheme, []string{"s3", "file"}, nil)))
	}
}

func (r *reader) checkS3(c *Config) {
	s := c.S3
	if s == nil {
		return
	}
	if (s.AccessKey == "") != (s.SecretKey.Reveal() == "") && r.valid("s3.access_key") && r.valid("s3.secret_key") {
		has, lacks := "access_key", "secret_key"
		if s.AccessKey == "" {
			has, lacks = lacks, has
		}
		r.say("s3."+has, "stands without "+lacks, "both, or neither for the AWS defaults", "add "+lacks)
	}
	if s.Endpoint != "" {
		r.checkHTTP("s3.endpoint", s.Endpoint)
		if u, err := url.Parse(s.Endpoint); err == nil && strings.Trim(u.Path, "/") != "" && u.Host != "" {
			r.say("s3.endpoint", "the address has a path", "http://host:port or https://host; the bucket stands in the warehouse", didYouMean(u.Scheme+"://"+u.Host))
		}
		return
	}
	if s.PathStyle {
		r.say("s3.path_style", "stands without endpoint", "an endpoint; AWS itself does not need path_style", "add endpoint: http://host:port")
	}
	if s.AccessKey != "" && s.Region == "" {
		r.say("s3", "has neither endpoint nor region", "region for AWS, or the endpoint of another store", "add region: us-east-1, or endpoint: http://host:port")
	}
}
