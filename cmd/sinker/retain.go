package main

import (
	"strconv"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/catalog"
	"github.com/sinker-io/sinker/commit"
)

func tableProperties(t *table, v commit.View) iceberg.Properties {
	desc, err := t.Table.Describe(v)
	if err != nil {
		return nil // said when a batch is begun
	}
	return desc.Properties
}

// retain is what our commits keep of a table's past: of tables that sinker made, as the configuration says, where
// the table's own history.expire properties do not say more; of others only what the configuration asks for in so many words.
func (l *lake) retain(created bool, props iceberg.Properties) catalog.Retain {
	h := l.cfg.Commit.History
	out := catalog.Retain{Age: h.Age.Std(), Snapshots: h.Snapshots, Bytes: int64(h.Bytes)}
	set := func(key string) bool { return l.cfg.IsSet("commit.history." + key) }
	if !set("age") {
		if ms, ok := whole(props, "history.expire.max-snapshot-age-ms"); ok {
			out.Age = max(time.Duration(min(ms, int64(1)<<43))*time.Millisecond, time.Hour)
		}
		if !created {
			out.Age = 0
		}
	}
	if !set("snapshots") {
		if n, ok := whole(props, "history.expire.min-snapshots-to-keep"); ok {
			out.Least = int(min(n, 1<<30))
			out.Snapshots = max(out.Snapshots, out.Least)
		}
		if !created {
			out.Snapshots = 0
		}
	}
	if !set("bytes") && !created {
		out.Bytes = 0
	}
	return out
}

func whole(props iceberg.Properties, key string) (int64, bool) {
	n, err := strconv.ParseInt(props[key], 10, 64)
	return n, err == nil && n > 0
}
