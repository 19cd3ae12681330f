package schema

import (
	"fmt"

	"github.com/apache/iceberg-go"
)

// KafkaColumnNames are the columns that can be kept beside the payload, as the configuration names them. In a
// table their names begin with KafkaPrefix.
var KafkaColumnNames = []string{"topic", "partition", "offset", "timestamp", "key", "headers"}

// KafkaPrefix begins the name of each of our columns.
const KafkaPrefix = "_kafka_"

// KafkaColumn is the definition of one of KafkaColumnNames. Its ids begin at 1 and are for the caller to replace.
func KafkaColumn(name string) (iceberg.NestedField, bool) {
	f := iceberg.NestedField{ID: 1, Name: KafkaPrefix + name}
	switch name {
	case "topic":
		f.Type, f.Required, f.Doc = iceberg.StringType{}, true, "Kafka topic that the record was read from"
	case "partition":
		f.Type, f.Required, f.Doc = iceberg.Int32Type{}, true, "Kafka partition of the topic"
	case "offset":
		f.Type, f.Required, f.Doc = iceberg.Int64Type{}, true, "offset of the record in its partition"
	case "timestamp":
		f.Type, f.Doc = iceberg.TimestampTzType{}, "timestamp of the record, as the producer or the broker set it"
	case "key":
		f.Type, f.Doc = iceberg.BinaryType{}, "key of the record, byte for byte"
	case "headers":
		f.Type, f.Doc = headersType(), "headers of the record, in their order; a key may come more than once"
	default:
		return f, false
	}
	return f, true
}

func headersType() iceberg.Type {
	return &iceberg.ListType{ElementID: 2, ElementRequired: true, Element: &iceberg.StructType{FieldList: []iceberg.NestedField{
		{ID: 3, Name: "key", Type: iceberg.StringType{}, Required: true},
		{ID: 4, Name: "value", Type: iceberg.BinaryType{}},
	}}}
}

// UnknownKafkaColumn says what name could have meant.
func UnknownKafkaColumn(name string) string {
	return "no such column; " + nearest(name, KafkaColumnNames)
}

// KafkaColumnFits says why a table's column cannot hold one of KafkaColumnNames; empty if it can. Whether it is required
// is its own affair: a record without a key or a timestamp is then a bad record.
func KafkaColumnFits(name string, have iceberg.NestedField) string {
	want, ok := KafkaColumn(name)
	if !ok {
		return UnknownKafkaColumn(name)
	}
	if name == "headers" {
		if !headersFit(have.Type) {
			return fmt.Sprintf("column %s is %s, must be list<struct<key: string, value: binary>> with an optional value", have.Name, Describe(have.Type))
		}
		return ""
	}
	if !have.Type.Equals(want.Type) {
		return fmt.Sprintf("column %s is %s, must be %s", have.Name, Describe(have.Type), Describe(want.Type))
	}
	return ""
}

func headersFit(t iceberg.Type) bool {
	list, ok := t.(*iceberg.ListType)
	if !ok {
		return false
	}
	pair, ok := list.Element.(*iceberg.StructType)
	if !ok || len(pair.FieldList) != 2 {
		return false
	}
	key, value := pair.FieldList[0], pair.FieldList[1]
	return key.Name == "key" && key.Type.Equals(iceberg.StringType{}) &&
		value.Name == "value" && value.Type.Equals(iceberg.BinaryType{}) && !value.Required
}
