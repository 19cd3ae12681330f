package writer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sinker-io/sinker/writer/metrics"
	"github.com/sinker-io/sinker/writer/pages"
	"github.com/sinker-io/sinker/writer/partition"
)

// TargetKey is the table property that Config.TargetFileSize overrides.
const TargetKey = "write.target-file-size-bytes"

const defaultTarget = 128 << 20

// format is all that follows from a table's metadata: how files look and where they lie.
type format struct {
	layout *pages.Layout
	pages  pages.Settings
	modes  []metrics.Mode
	scheme *partition.Scheme
	place  place
	target int64 // bytes of a finished file
}

// newFormat reports all faults of a table at once.
func newFormat(t Table, cfg Config) (*format, error) {
	f := &format{target: cfg.TargetFileSize}
	var faults []error
	add := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	var err error
	if kind := strings.ToLower(t.Properties.Get("write.format.default", "parquet")); kind != "parquet" {
		add(fmt.Errorf("table property write.format.default: %q: only parquet is written", kind))
	}
	if name := t.Properties.Get("write.location-provider.impl", ""); name != "" {
		add(fmt.Errorf("table property write.location-provider.impl: %q is code that only Java can run", name))
	}
	if f.target <= 0 {
		f.target = defaultTarget
		if text, ok := t.Properties[TargetKey]; ok {
			if f.target, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64); err != nil || f.target <= 0 {
				add(fmt.Errorf("table property %s: %q: want a number of bytes above 0", TargetKey, text))
			}
		}
	}
	f.pages, err = pages.ReadSettings(t.Properties)
	add(err)
	f.layout, err = pages.NewLayout(t.Schema, f.pages)
	add(err)
	if err == nil {
		f.modes, err = metrics.Modes(f.layout.Leaves, t.Properties)
		add(err)
		if len(f.layout.Leaves) == 0 {
			add(errors.New("its schema has no columns"))
		}
	}
	f.scheme, err = partition.Compile(t.Schema, t.Spec)
	add(err)
	f.place, err = newPlace(t)
	add(err)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return f, nil
}
