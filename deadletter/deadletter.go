// Package deadletter knows the table that dead letters are kept in: its columns, how a record and what is wrong with it become a row
// of it, and how its rows are read back.
//
// A dead letter is the record as it was, byte for byte, with the reason why its table could not take it. The table is written by
// package writer and committed by package commit like any other; when, and what its offsets mean, is theirs to know. Who reads
// it back needs the files of one snapshot (catalog.Table.Files) and Read.
//
// # Not obvious
//
//   - Keys of headers are bytes here, for a dead letter may be dead because its header is no UTF-8.
//   - A topic that was deleted and made again has other records at the same offsets, and an unclean election puts others there too:
//     topic_id and leader_epoch tell them apart.
//   - Rows belong to the sink id that wrote them, since each sink id has its own offsets in the table.
//   - Columns may be added by others. They stay null, and must be optional.
package deadletter

import (
	"fmt"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/offsets"
)

// Letter is one row.
type Letter struct {
	Partition   offsets.Partition
	Offset      int64
	LeaderEpoch int32     // of the record's batch; offsets.NoEpoch if unknown
	Timestamp   time.Time // as Kafka has it; zero: none
	Key, Value  []byte    // nil: null
	Headers     []Header
	Code        string // of the decode.RecordError
	Column      string // dotted path; empty: the record as a whole
	Reason      string
	Sink        string // id of who wrote the letter
	Table       string // that could not take the record
	SchemaID    int32  // of that table, then
	Noted       time.Time
}

// Header is one header of a record, as it was.
type Header struct{ Key, Value []byte } // nil Value: null

// Names of columns, and their field ids in a table that was made from Schema.
const (
	colTopic       = "topic"
	colTopicID     = "topic_id"
	colPartition   = "partition"
	colOffset      = "offset"
	colLeaderEpoch = "leader_epoch"
	colTimestamp   = "timestamp"
	colKey         = "key"
	colValue       = "value"
	colHeaders     = "headers"
	colCode        = "error_code"
	colColumn      = "error_column"
	colReason      = "error"
	colSink        = "sink"
	colTable       = "source_table"
	colSchemaID    = "schema_id"
	colNoted       = "time"
)

// Schema is the columns of a table of dead letters. Ids are for the catalog to replace.
func Schema() *iceberg.Schema {
	id := 0
	next := func() int { id++; return id }
	field := func(name string, typ iceberg.Type, required bool, doc string) iceberg.NestedField {
		return iceberg.NestedField{ID: next(), Name: name, Type: typ, Required: required, Doc: doc}
	}
	fields := []iceberg.NestedField{
		field(colTopic, iceberg.StringType{}, true, "Kafka topic of the record"),
		field(colTopicID, iceberg.StringType{}, false, "id of the topic, as Kafka's tools spell it"),
		field(colPartition, iceberg.Int32Type{}, true, "partition of the topic"),
		field(colOffset, iceberg.Int64Type{}, true, "offset of the record in its partition"),
		field(colLeaderEpoch, iceberg.Int32Type{}, true, "leader epoch of the record's batch, -1 if it was not known"),
		field(colTimestamp, iceberg.TimestampTzType{}, false, "timestamp of the record"),
		field(colKey, iceberg.BinaryType{}, false, "key of the record, byte for byte"),
		field(colValue, iceberg.BinaryType{}, false, "value of the record, byte for byte"),
	}
	list, element := next(), next()
	fields = append(fields, iceberg.NestedField{ID: list, Name: colHeaders, Doc: "headers of the record, in their order, byte for byte",
		Type: &iceberg.ListType{ElementID: element, ElementRequired: true, Element: &iceberg.StructType{FieldList: []iceberg.NestedField{
			field("key", iceberg.BinaryType{}, true, ""), field("value", iceberg.BinaryType{}, false, "")}}}})
	fields = append(fields,
		field(colCode, iceberg.StringType{}, true, "what is wrong with the record: a code of docs/types.md"),
		field(colColumn, iceberg.StringType{}, false, "column of the table that the fault is in; null: the record as a whole"),
		field(colReason, iceberg.StringType{}, true, "what is wrong with the record, for people"),
		field(colSink, iceberg.StringType{}, true, "id of the sink that wrote this row"),
		field(colTable, iceberg.StringType{}, true, "table that the record was for"),
		field(colSchemaID, iceberg.Int32Type{}, true, "schema of that table then"),
		field(colNoted, iceberg.TimestampTzType{}, true, "when the record became a dead letter"))
	return iceberg.NewSchema(0, fields...)
}

// PartitionBy is how a new table of dead letters is partitioned: by the day on which records became dead letters, so that a flood
// can be dropped, and old ones be expired, by partition.
const PartitionBy = "day(" + colNoted + ")"

// Spec is PartitionBy for Schema.
func Spec() iceberg.PartitionSpec {
	f, _ := Schema().FindFieldByName(colNoted)
	return iceberg.NewPartitionSpec(iceberg.PartitionField{SourceIDs: []int{f.ID}, FieldID: 1000, Name: colNoted + "_day", Transform: iceberg.DayTransform{}})
}

// find is where the schema of a table has the columns of Schema, by name; -1: it has not.
func find(sc *iceberg.Schema, names ...string) ([]int, error) {
	out := make([]int, len(names))
	for i, name := range names {
		out[i] = -1
		want, _ := Schema().FindFieldByName(name)
		for at, f := range sc.Fields() {
			if f.Name != name {
				continue
			}
			if !sameType(f.Type, want.Type) {
				return nil, fmt.Errorf("column %s of a table of dead letters is %s, must be %s", name, f.Type, want.Type)
			}
			out[i] = at
		}
		if out[i] < 0 && want.Required {
			return nil, fmt.Errorf("a table of dead letters needs a column %s of type %s", name, want.Type)
		}
	}
	return out, nil
}

// sameType compares types whatever the ids in them.
func sameType(a, b iceberg.Type) bool {
	x, isX := a.(*iceberg.ListType)
	y, isY := b.(*iceberg.ListType)
	if isX != isY {
		return false
	}
	if !isX {
		return a.Equals(b)
	}
	s, isS := x.Element.(*iceberg.StructType)
	w, isW := y.Element.(*iceberg.StructType)
	if !isS || !isW || len(s.FieldList) != len(w.FieldList) {
		return false
	}
	for i := range s.FieldList {
		if s.FieldList[i].Name != w.FieldList[i].Name || !s.FieldList[i].Type.Equals(w.FieldList[i].Type) {
			return false
		}
	}
	return true
}
