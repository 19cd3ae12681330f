package decode

import (
	"unicode/utf8"

	"github.com/apache/iceberg-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// RawColumn is the column that format raw puts the payload into.
const RawColumn = "value"

// rawDecoder takes a record's value as it is.
type rawDecoder struct {
	at       int // column of the payload
	text     bool
	kafka    kafkaColumns
	others   []int // columns that stay null
	maxBytes int
}

func newRaw(sc *iceberg.Schema, opts Options, fault func(string, ...any)) *rawDecoder {
	d := &rawDecoder{at: -1, maxBytes: opts.MaxRecordBytes}
	var taken map[int]bool
	d.kafka, taken = planKafka(sc, opts.KafkaColumns, fault)
	for i, f := range sc.Fields() {
		switch {
		case taken[i]:
		case f.Name == RawColumn:
			d.at = i
			_, d.text = f.Type.(iceberg.StringType)
			if _, ok := f.Type.(iceberg.BinaryType); !ok && !d.text {
				fault("column %s: is %s, format raw needs binary or string", f.Name, f.Type)
			}
		case f.Required:
			fault("column %s: is required, and format raw fills none but %s and the kafka columns", f.Name, RawColumn)
		default:
			if k, _ := kindOf(f.Type); k == kindNone {
				fault("column %s: type %s cannot be written yet", f.Name, f.Type)
			}
			d.others = append(d.others, i)
		}
	}
	if d.at < 0 {
		fault("format raw: the table has no column %s of type binary or string", RawColumn)
	}
	for name := range opts.Columns {
		fault("column %s: has options, and format raw has no use for them", name)
	}
	return d
}

// Append implements Decoder.
func (d *rawDecoder) Append(rows *Rows, rec *kgo.Record) error {
	if rec.Value == nil {
		return ErrTombstone
	}
	if len(rec.Value) > d.maxBytes {
		return tooLarge(len(rec.Value), d.maxBytes)
	}
	size := weight(rec)
	if rows.volume+size > maxVolume {
		return ErrFull
	}
	if d.text && !utf8.Valid(rec.Value) {
		return &RecordError{Code: CodeBadUTF8, Column: RawColumn, Reason: "the payload is not UTF-8; a column of type binary takes any bytes"}
	}
	if err := d.kafka.check(rows.Columns, rec); err != nil {
		return err
	}
	rows.Columns[d.at].appendBytes(rec.Value)
	for _, i := range d.others {
		rows.Columns[i].appendNull()
	}
	d.kafka.append(rows.Columns, rec)
	rows.N++
	rows.volume += size
	return nil
}
