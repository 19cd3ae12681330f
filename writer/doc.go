// Package writer turns the rows of one table into staged Parquet files that nobody sees before a commit names
// them.
//
// A Batch is born with a table's schema, takes runs of records, and ends in exactly one Seal or one
// Abort. Seal gives a manifest: the files, checked against the store, and the offsets they account for.
package writer
