// Package manifest holds what one commit adds to a table: staged files, and the ranges of the log that they
// account for. The two never travel apart: whoever has the files has the offsets.
package manifest

import (
	"fmt"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"

	"github.com/sinker-io/sinker/offsets"
)

// Counts is the fate of the offsets of a range. Every offset is in exactly one of the four.
type Counts struct {
	Rows    int64 // became a row
	Dead    int64 // became a dead letter
	Skipped int64 // counted and skipped: bad records under on_bad_record: skip, tombstones
	Holes   int64 // held no record: control records, aborted or compacted ones
}

// Sum is how many offsets the counts account for.
func (c Counts) Sum() int64 { return c.Rows + c.Dead + c.Skipped + c.Holes }

// Span is the part of one partition that a batch accounts for.
type Span struct {
	offsets.Range
	LeaderEpoch int32 // of the record batch that holds To-1; offsets.NoEpoch if unknown
	Counts
}

// Manifest is a sealed batch. Nobody changes it after Seal; it is shared freely.
type Manifest struct {
	ID        uuid.UUID
	Epoch     uint64 // epoch of the table's state when the batch was born (fences batches older than a re-anchor)
	TableUUID uuid.UUID
	SchemaID  int // the schema that every file was written with
	SpecID    int // the partition spec that every file was written with
	Files     []iceberg.DataFile
	Spans     map[offsets.Partition]Span
	Born      time.Time // when its first upload began, with a monotonic reading; zero if it has no files
	Bytes     int64     // sum of the sizes of Files
}

// Rows is the number of rows in Files.
func (m *Manifest) Rows() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Count()
	}
	return n
}

// Totals is the sum of the counts of all spans.
func (m *Manifest) Totals() Counts {
	var c Counts
	for _, s := range m.Spans {
		c.Rows += s.Rows
		c.Dead += s.Dead
		c.Skipped += s.Skipped
		c.Holes += s.Holes
	}
	return c
}

// Audit is the check that runs before every commit: each offset of each span has one fate, and the rows of
// the spans are the rows of the files. An error means a bug of ours; such a batch must not be committed.
func (m *Manifest) Audit() error {
	var rows int64
	for p, s := range m.Spans {
		if s.From < 0 || s.To < s.From {
			return fmt.Errorf("batch %s: partition %s: impossible range %s", m.ID, p, s.Range)
		}
		if s.Sum() != s.Len() || s.Rows < 0 || s.Dead < 0 || s.Skipped < 0 || s.Holes < 0 {
			return fmt.Errorf("batch %s: partition %s: %s has %d offsets, but %d rows + %d dead + %d skipped + %d without a record",
				m.ID, p, s.Range, s.Len(), s.Rows, s.Dead, s.Skipped, s.Holes)
		}
		rows += s.Rows
	}
	if got := m.Rows(); got != rows {
		return fmt.Errorf("batch %s: its ranges account for %d rows, its files hold %d", m.ID, rows, got)
	}
	for _, f := range m.Files {
		if f.Count() <= 0 {
			return fmt.Errorf("batch %s: file %s holds no rows", m.ID, f.FilePath())
		}
	}
	return nil
}
