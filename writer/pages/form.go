package pages

import (
	"github.com/apache/iceberg-go"

	"github.com/sinker-io/sinker/writer/shred"
)

// class is how the encoder holds values.
type class uint8

const (
	booleans class = iota
	numbers        // of 4 or 8 bytes: whole numbers, floats by their bits, decimals up to 18 digits
	text           // of any length
	fixed          // of one length: uuid, fixed, decimals above 18 digits, big endian
)

// form is what Parquet makes of a leaf.
type form struct {
	class  class
	size   int  // bytes of a number, or of a value of one length
	signed bool // order of the bytes of a decimal
}

func formOf(leaf *shred.Leaf) form {
	switch leaf.Kind {
	case shred.Bool:
		return form{class: booleans}
	case shred.I32, shred.F32:
		return form{class: numbers, size: 4}
	case shred.I64, shred.F64:
		return form{class: numbers, size: 8}
	case shred.Bytes:
		return form{class: text}
	case shred.Fixed:
		return form{class: fixed, size: leaf.Width}
	}
	switch p := leaf.Field.Type.(iceberg.DecimalType).Precision(); {
	case p <= 9:
		return form{class: numbers, size: 4}
	case p <= 18:
		return form{class: numbers, size: 8}
	default:
		return form{class: fixed, size: decimalWidth(p), signed: true}
	}
}
