// Package decode appends records to columns, or says what is wrong with a record.
//
// A record's bytes go straight into column buffers by a plan that is compiled once per schema: no maps, no
// boxed values, no allocation per record. What each Iceberg type accepts is decided in docs/types.md.
package decode

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Decoder turns records into rows. It belongs to one goroutine.
type Decoder interface {
	// Append adds rec to rows as one row. On a *RecordError, or ErrTombstone, rows is as before the call, and this record, no
	// other, is at fault. Append keeps no reference to rec.
	Append(rows *Rows, rec *kgo.Record) error
}

// ErrTombstone is a record with a null value: nothing to append in append mode, counted by the caller.
var ErrTombstone = errors.New("tombstone: the record's value is null")

// RecordError says what is wrong with one record.
type RecordError struct {
	Code   string // stable, for counters: not_json, wrong_type, out_of_range, missing_required, ... (docs/types.md)
	Column string // dotted path of the column, empty if the fault is of the record as a whole
	Reason string // for people: the kind of fault, where it is and how long, and never a byte of what the producer wrote
}

func (e *RecordError) Error() string {
	if e.Column == "" {
		return e.Reason
	}
	return fmt.Sprintf("column %s: %s", e.Column, e.Reason)
}
