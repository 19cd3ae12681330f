package writer

import (
	"errors"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sinker-io/sinker/budget"
	"github.com/sinker-io/sinker/decode"
	"github.com/sinker-io/sinker/offsets"
	"github.com/sinker-io/sinker/storage"
)

// Table is what a batch must know of the table that it is written for, as of one load of its metadata.
// Files keep this schema and this spec whatever happens to the table meanwhile.
type Table struct {
	Name          string // for errors: "shop.orders"
	UUID          uuid.UUID
	Location      string // of the table
	Schema        *iceberg.Schema
	Spec          iceberg.PartitionSpec
	FormatVersion int
	Properties    iceberg.Properties
	Store         storage.Store
}

// Config is how batches of one table are written.
type Config struct {
	Sink           string // sink id: data file names begin with it
	Decoder        decode.Decoder
	Budget         *budget.Budget
	Spares         *Spares // keeps buffers from one batch to the next; nil: each batch begins with none
	TargetFileSize int64   // bytes of a finished file; 0: the table's write.target-file-size-bytes, else 128 MiB
	// Greedy takes memory from the budget whatever is free, and never waits: for a batch that grows beside another one of the same
	// goroutine, which could not give way to it. Its owner seals it in time.
	Greedy bool
	// OnBad decides the fate of a record that cannot be decoded: nil = counted skip, ErrDead = counted as a dead letter, another
	// error = stop before it. nil OnBad stops.
	OnBad func(p offsets.Partition, rec *kgo.Record, err *decode.RecordError) error
	// OnSkip, if set, hears of every counted skip: why is decode.ErrTombstone or the *decode.RecordError that OnBad let
	// pass. It must not keep rec.
	OnSkip func(p offsets.Partition, rec *kgo.Record, why error)
	// Known, if set, is asked of each record below Settled of its partition, before it is decoded: ErrDead = it is a dead letter
	// already and is counted as one, another error is the batch's end.
	Known   func(p offsets.Partition, rec *kgo.Record) error
	Settled offsets.Position
}

// ErrDead is the answer of OnBad, or of Known, to a record that is a dead letter.
var ErrDead = errors.New("the record is a dead letter")

// Run is a run of one partition's records, as a source delivers it: Range is what it accounts for, Records
// are the readable ones in it, in order.
type Run struct {
	Partition   offsets.Partition
	Range       offsets.Range
	LeaderEpoch int32
	Records     []*kgo.Record
}
