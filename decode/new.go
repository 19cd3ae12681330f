package decode

import (
	"fmt"
	"strings"

	"github.com/apache/iceberg-go"
)

// Options are how records of one table are read. The zero value is what most tables want.
type Options struct {
	KafkaColumns   []string                 // which of schema.KafkaColumnNames are filled: topic, partition, offset, timestamp, key, headers
	Columns        map[string]ColumnOptions // by dotted path of the column: "at", "user.seen", "days.element"
	MaxDepth       int                      // nesting of arrays and objects in one record; 0: 128
	MaxRecordBytes int                      // largest value of a record in bytes; 0: 16 MiB
	Tally          *Tally                   // where what was noticed is counted; may be shared by decoders; nil: nowhere
}

// ColumnOptions is how the values of one column are read, where the type alone leaves a choice.
type ColumnOptions struct {
	Unit string // of numbers in date, time and timestamp columns: s, ms, us, ns, days; empty: days for date, ms otherwise, within 1980–2199
	Zone string // "UTC": what a timestamptz without a zone is in; empty: such a value is bad
}

// Limits of one record.
const (
	DefaultMaxDepth       = 128
	DefaultMaxRecordBytes = 16 << 20
	MaxDepth              = 1000    // the most that Options.MaxDepth may be
	MaxKeys               = 1 << 18 // keys of one record that must be told apart: those of maps and those without a column
	maxSpread             = 16 << 20
)

// Formats are the formats that New knows.
var Formats = []string{"json", "raw"}

// New compiles a decoder for records of the given format and the table's schema. The error names every fault of
// the options and every column that the format cannot fill.
func New(format string, schema *iceberg.Schema, opts Options) (Decoder, error) {
	if opts.MaxDepth == 0 {
		opts.MaxDepth = DefaultMaxDepth
	}
	if opts.MaxRecordBytes == 0 {
		opts.MaxRecordBytes = DefaultMaxRecordBytes
	}
	if opts.Tally == nil {
		opts.Tally = new(Tally)
	}
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if opts.MaxDepth < 1 || opts.MaxDepth > MaxDepth {
		fault("depth limit %d: must be from 1 to %d", opts.MaxDepth, MaxDepth)
	}
	if opts.MaxRecordBytes < 0 || opts.MaxRecordBytes > maxVolume/4 {
		fault("record limit %d bytes: must be from 1 to %d", opts.MaxRecordBytes, maxVolume/4)
	}
	var d Decoder
	switch format {
	case "json":
		d = newJSON(schema, opts, fault)
	case "raw":
		d = newRaw(schema, opts, fault)
	default:
		fault("format %q: sinker reads %s", format, strings.Join(Formats, ", "))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("decoder: %s", strings.Join(faults, "; "))
	}
	return d, nil
}
