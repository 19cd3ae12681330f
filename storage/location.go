package storage

import (
	"fmt"
	"strings"
)

// place is a location taken apart. Nothing in a location is ever decoded: "%20" is three characters of a
// name, as it is for every other Iceberg engine.
type place struct {
	bucket, key string // of an S3 location
	path        string // of a local one, absolute
}

func (p place) local() bool { return p.path != "" }

// String is the location in its usual spelling, for errors and logs.
func (p place) String() string {
	if p.local() {
		return "file://" + p.path
	}
	return "s3://" + p.bucket + "/" + p.key
}

// parse accepts s3://bucket/key (also s3a, s3n), file:///path, file:/path, file://localhost/path and /path.
func parse(location string) (place, error) {
	scheme, rest, found := strings.Cut(location, ":")
	if strings.HasPrefix(location, "/") {
		scheme, rest, found = "file", location, true
	}
	if !found {
		return place{}, refuse(location, "is neither a URI nor an absolute path")
	}
	if strings.ContainsRune(location, 0) {
		return place{}, refuse(location, "has a zero byte in it")
	}
	switch strings.ToLower(scheme) {
	case "s3", "s3a", "s3n":
		bucket, key, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
		if !strings.HasPrefix(rest, "//") || bucket == "" || key == "" {
			return place{}, refuse(location, "names no object: want s3://bucket/key")
		}
		if strings.ContainsAny(bucket, "?#@:\\ ") {
			return place{}, refuse(location, "has no valid bucket name")
		}
		if len(key) > 1024 {
			return place{}, refuse(location, "has a key longer than 1024 bytes")
		}
		return place{bucket: bucket, key: key}, nil
	case "file":
		path := rest
		if after, ok := strings.CutPrefix(rest, "//"); ok {
			path = strings.TrimPrefix(after, "localhost")
			if !strings.HasPrefix(path, "/") {
				return place{}, refuse(location, "names a host: want file:///path, with three slashes")
			}
		}
		return parsePath(location, path)
	}
	return place{}, refuse(location, "has a scheme that sinker cannot store to: want s3, s3a, s3n or file")
}

func parsePath(location, path string) (place, error) {
	if !strings.HasPrefix(path, "/") {
		return place{}, refuse(location, "is a relative path: want file:///path, from the root")
	}
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.") {
		return place{}, refuse(location, "names a folder, not an object")
	}
	parts := make([]string, 0, 8)
	for _, part := range strings.Split(path, "/") {
		switch part {
		case "", ".": // the same place
		case "..":
			return place{}, refuse(location, `climbs with ".."`)
		default:
			parts = append(parts, part)
		}
	}
	return place{path: "/" + strings.Join(parts, "/")}, nil
}

func refuse(location, why string) error {
	return fmt.Errorf("location %q %s: %w", location, why, ErrLocation)
}
