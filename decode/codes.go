package decode

// Codes of a RecordError. They are stable: counters, alerts and dead letters carry them.
const (
	CodeNotJSON         = "not_json"         // the payload is not JSON as RFC 8259 has it
	CodeNotObject       = "not_object"       // JSON, or nothing at all, but not one object
	CodeFramed          = "framed"           // begins with the magic byte and schema id of Confluent's framing
	CodeBadUTF8         = "bad_utf8"         // bytes that are not UTF-8
	CodeLoneSurrogate   = "lone_surrogate"   // an escape \ud800–\udfff without its other half
	CodeDuplicateKey    = "duplicate_key"    // a key twice in one object
	CodeTooDeep         = "too_deep"         // nested deeper than the limit
	CodeTooLarge        = "too_large"        // more bytes, keys or values than a record may have
	CodeWrongType       = "wrong_type"       // another kind of JSON value than the column takes
	CodeBadValue        = "bad_value"        // a string that does not read as the column's type
	CodeOutOfRange      = "out_of_range"     // a value that the column's type cannot hold
	CodeInexact         = "inexact"          // a fraction where the column has no place for it
	CodeUnclearUnit     = "unclear_unit"     // a number in a temporal column, outside 1980–2199, without a declared unit
	CodeZone            = "zone"             // an offset in a column without zone, or none in one with
	CodeMissingRequired = "missing_required" // a required field that the record lacks
	CodeNullRequired    = "null_required"    // null in a required field
)

// Codes lists them all, in the order of docs/types.md.
var Codes = []string{
	CodeNotJSON, CodeNotObject, CodeFramed, CodeBadUTF8, CodeLoneSurrogate, CodeDuplicateKey, CodeTooDeep, CodeTooLarge,
	CodeWrongType, CodeBadValue, CodeOutOfRange, CodeInexact, CodeUnclearUnit, CodeZone, CodeMissingRequired, CodeNullRequired,
}
