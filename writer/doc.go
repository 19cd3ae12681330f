// Package writer turns the rows of one table into staged Parquet files that nobody sees before a commit names
// them.
//
// A Batch is born with a table's schema, takes runs of records, and ends in exactly one Seal or one
// Abort. Seal gives a manifest: the files, checked against the store, and the offsets they account for.
//
// The rooms below it each know one thing: partition computes partitions of rows, shred turns columns into Parquet's
// levels and values, pages encodes row groups (the only one that knows the Parquet library, which makes schema and footer),
// metrics makes a file's bounds of those of its chunks, pagestest knows random tables and the truth about them.
// A row goes decode.Rows -> pool -> row group of its partition's file -> store.
//
// # Not obvious
//
//   - Rows of all partitions wait in one pool, as columns, and not in an open writer per partition: a writer with an
//     open row group costs some ten KiB per column, the pool costs four bytes per row, so ten thousand partitions fit.
//   - A row group is written in one go, one column after the other. Row groups are therefore as large as the pool (an
//     eighth of the budget, at most 64 MiB of columns), which compresses as well as larger ones.
//   - Sizes of files are met by cutting row groups by what earlier rows came to, since a file's size is only known
//     at the border of a row group.
//   - Files below 4 MiB stay in memory and are stored with one request, eight at a time; larger ones stream.
//   - Bounds in manifests come from the encoder, chunk by chunk. Those of the footers leave out some long values, and who
//     took them for the file's would lose rows.
//   - Files have no sort order: rows are in the order of the log within a partition, and nothing more is claimed.
package writer
