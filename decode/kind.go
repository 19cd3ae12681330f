package decode

import "github.com/apache/iceberg-go"

// kind is which slice of a Column holds its values.
type kind uint8

const (
	kindNone   kind = iota // no column can hold it
	kindFixed              // Bytes, width bytes per entry
	kindI32                // I32
	kindI64                // I64
	kindF32                // F32
	kindF64                // F64
	kindBytes              // Bytes and Offsets
	kindStruct             // Children
	kindList               // Offsets, one child
	kindMap                // Offsets, two children
)

func (k kind) hasOffsets() bool { return k == kindBytes || k == kindList || k == kindMap }

// kindOf is where a column of type t keeps its values, and, for kindFixed, the bytes per entry.
func kindOf(t iceberg.Type) (k kind, width int) {
	switch t := t.(type) {
	case iceberg.BooleanType:
		return kindFixed, 1
	case iceberg.Int32Type, iceberg.DateType:
		return kindI32, 0
	case iceberg.Int64Type, iceberg.TimeType, iceberg.TimestampType, iceberg.TimestampTzType,
		iceberg.TimestampNsType, iceberg.TimestampTzNsType:
		return kindI64, 0
	case iceberg.Float32Type:
		return kindF32, 0
	case iceberg.Float64Type:
		return kindF64, 0
	case iceberg.DecimalType, iceberg.UUIDType:
		return kindFixed, 16
	case iceberg.FixedType:
		return kindFixed, t.Len()
	case iceberg.StringType, iceberg.BinaryType:
		return kindBytes, 0
	case *iceberg.StructType:
		return kindStruct, 0
	case *iceberg.ListType:
		return kindList, 0
	case *iceberg.MapType:
		return kindMap, 0
	}
	return kindNone, 0
}
