package decode

import (
	"github.com/apache/iceberg-go"
)

// Rows are decoded records as columns. A Rows belongs to one goroutine; Reset keeps its memory.
type Rows struct {
	Schema  *iceberg.Schema
	Columns []*Column // one per top-level field of Schema, in its order
	N       int       // rows; every top-level column has exactly N entries
}

// Column is the values of one field of a schema. Which slice holds them follows from Field.Type:
//
//	boolean                         Bytes, one byte per entry, 0 or 1
//	int, date                       I32 (date: days since 1970-01-01)
//	long, time, timestamp[tz]       I64 (time: µs since midnight; timestamps: µs since 1970-01-01T00:00:00)
//	timestamp[tz]_ns                I64 (ns)
//	float / double                  F32 / F64
//	decimal(p,s)                    Bytes, 16 bytes per entry: the unscaled value, two's complement, little endian
//	uuid, fixed[n]                  Bytes, 16 or n bytes per entry
//	string, binary                  Bytes and Offsets (entry i is Bytes[Offsets[i]:Offsets[i+1]])
//	struct                          Children, one per field, each with the entries of the parent
//	list                            Offsets into Children[0]
//	map                             Offsets into Children[0] (keys) and Children[1] (values)
//
// A null entry takes its place in every fixed-width slice (with zeros), in Offsets (empty) and in the
// children of a struct (null, or zeros where the child is required).
type Column struct {
	Field    iceberg.NestedField // Field.ID is the Iceberg field id
	Len      int                 // entries
	Valid    []byte              // bitmap, least significant bit first, 1 = value; nil while no entry is null
	Nulls    int
	Bytes    []byte
	Offsets  []int32 // Len+1 entries for string, binary, list, map; starts with 0
	I32      []int32
	I64      []int64
	F32      []float32
	F64      []float64
	Children []*Column
}
