package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sinker-io/sinker/sink"
)

// fieldsEvery is how often new fields without a column are looked for.
const fieldsEvery = 10 * time.Second

// fieldLog tells of fields that records have and the table has no column for: each once, in one line for those of a table
// that are new at a look.
type fieldLog struct {
	log  *slog.Logger
	told map[string]map[string]bool // by table and dotted path
}

func newFieldLog(log *slog.Logger) *fieldLog {
	return &fieldLog{log: log, told: map[string]map[string]bool{}}
}

// watch looks until ctx ends, and once more then.
func (f *fieldLog) watch(ctx context.Context, status func() sink.Status) {
	look := time.NewTicker(fieldsEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			f.look(status())
			return
		case <-look.C:
			f.look(status())
		}
	}
}

func (f *fieldLog) look(st sink.Status) {
	for _, t := range st.Tables {
		told := f.told[t.Table]
		if told == nil {
			told = map[string]bool{}
			f.told[t.Table] = told
		}
		var fresh []string
		others := false
		for path := range t.Unknown {
			if told[path] {
				continue
			}
			told[path] = true
			if path == "" {
				others = true
				continue
			}
			fresh = append(fresh, path)
		}
		slices.Sort(fresh)
		if others {
			fresh = append(fresh, "and others, which are not named")
		}
		if len(fresh) > 0 {
			f.log.Warn("records have fields that the table has no column for; their values are left out", "table", t.Table, "fields", strings.Join(fresh, ", "))
		}
	}
}
