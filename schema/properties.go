package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Fate is what sinker does about a table property.
type Fate string

const (
	Honoured Fate = "honoured" // files and commits follow it
	Ignored  Fate = "ignored"  // it has no bearing on what sinker writes, or sinker does it another way; the reason says which
	Refused  Fate = "refused"  // the table is not written: doing so would break what its owner asks for
)

// Property is one table property that concerns writing. A Key that ends in * stands for all that begin so.
type Property struct {
	Key    string
	Fate   Fate
	Values string // those that the fate is of; empty: all
	Reason string
	Else   Fate // fate of other values; empty: the same for all
	is     func(value string) bool
}

// Verdict is what a property that a table has means.
type Verdict struct {
	Key, Value string
	Fate       Fate
	Reason     string
}

func (v Verdict) String() string {
	return fmt.Sprintf("table property %s = %q is %s: %s", v.Key, v.Value, v.Fate, v.Reason)
}

// Properties judges the properties of a table, in the order of their names.
func Properties(props map[string]string) []Verdict {
	var out []Verdict
	for key, value := range props {
		out = append(out, judge(key, value))
	}
	slices.SortFunc(out, func(a, b Verdict) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// RefusedProperties is the verdicts that keep sinker from writing a table.
func RefusedProperties(props map[string]string) []Verdict {
	return slices.DeleteFunc(Properties(props), func(v Verdict) bool { return v.Fate != Refused })
}

func judge(key, value string) Verdict {
	for _, p := range PropertyTable {
		if prefix, many := strings.CutSuffix(p.Key, "*"); p.Key != key && !(many && strings.HasPrefix(key, prefix)) {
			continue
		}
		v := Verdict{Key: key, Value: value, Fate: p.Fate, Reason: p.Reason}
		if p.is != nil && !p.is(strings.ToLower(strings.TrimSpace(value))) {
			v.Fate = p.Else
			if v.Fate == Refused {
				v.Reason = "sinker takes " + p.Values
			}
		}
		return v
	}
	return Verdict{Key: key, Value: value, Fate: Ignored, Reason: "no property that sinker knows to concern writing"}
}

// oneOf is the test that a value is among values.
func oneOf(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

// PropertyTable is every table property of Iceberg that concerns writing, with what sinker does about it. The first entry that
// matches counts. docs/table-properties.md is made from it.
var PropertyTable = []Property{
	{Key: "write.format.default", Fate: Honoured, Values: "parquet", Else: Refused, is: oneOf("parquet", ""),
		Reason: "sinker writes Parquet only; a table that asks for another format is not written rather than mixed"},
	{Key: "write.target-file-size-bytes", Fate: Honoured, Reason: "size of a finished file where the configuration sets no commit.target_file_size"},
	{Key: "write.data.path", Fate: Honoured, Reason: "folder of data files instead of <table location>/data"},
	{Key: "write.metadata.path", Fate: Honoured, Reason: "folder of metadata files instead of <table location>/metadata"},
	{Key: "write.folder-storage.path", Fate: Ignored, Reason: "retired name of write.data.path, which newer Iceberg libraries do not read either"},
	{Key: "write.object-storage.path", Fate: Ignored, Reason: "retired name of write.data.path, which newer Iceberg libraries do not read either"},
	{Key: "write.object-storage.enabled", Fate: Honoured, Reason: "true puts a hash before the folders of partitions, which spreads load over prefixes"},
	{Key: "write.object-storage.partitioned-paths", Fate: Honoured, Reason: "false leaves partition values out of paths; only with write.object-storage.enabled"},
	{Key: "write.location-provider.impl", Fate: Refused, Reason: "it names a Java class that decides where files go, which cannot run here; files elsewhere could break rules of access or cost"},
	{Key: "encryption.*", Fate: Refused, Reason: "sinker cannot encrypt data files; plain files in an encrypted table would break its owner's promise"},
	{Key: "write.upsert.enabled", Fate: Refused, Values: "true", Else: Ignored, is: oneOf("true"),
		Reason: "the table's owner expects rows to be replaced by key, and sinker appends"},

	{Key: "write.parquet.compression-codec", Fate: Honoured, Values: "zstd, snappy, gzip, brotli, lz4, lz4_raw, uncompressed, none", Else: Refused,
		is: oneOf("zstd", "snappy", "gzip", "brotli", "lz4", "lz4_raw", "uncompressed", "none"), Reason: "codec of pages; default zstd"},
	{Key: "write.parquet.compression-level", Fate: Honoured, Reason: "level of the codec, if it has levels"},
	{Key: "write.parquet.row-group-size-bytes", Fate: Honoured, Reason: "size of a row group; never larger than memory allows"},
	{Key: "write.parquet.page-size-bytes", Fate: Honoured, Reason: "size of a page before compression"},
	{Key: "write.parquet.page-row-limit", Fate: Ignored, Reason: "pages are cut by bytes"},
	{Key: "write.parquet.page-version", Fate: Ignored, Reason: "the page version is the one that every reader takes"},
	{Key: "write.parquet.dict-size-bytes", Fate: Honoured, Reason: "size of a dictionary, beyond which a column goes on without"},
	{Key: "write.parquet.bloom-filter-enabled.column.*", Fate: Honoured, Reason: "a bloom filter for the column"},
	{Key: "write.parquet.bloom-filter-fpp.column.*", Fate: Honoured, Reason: "its rate of false hits"},
	{Key: "write.parquet.bloom-filter-ndv.column.*", Fate: Ignored, Reason: "filters are sized by the values that were written"},
	{Key: "write.parquet.bloom-filter-max-bytes", Fate: Honoured, Reason: "the largest bloom filter"},
	{Key: "write.parquet.row-group-check-*", Fate: Ignored, Reason: "sizes are known at every append, so there is nothing to sample"},
	{Key: "write.parquet.stats-enabled.column.*", Fate: Ignored, Reason: "statistics are always written; readers prune by them"},
	{Key: "write.parquet.shred-variants", Fate: Ignored, Reason: "sinker does not write variant columns"},
	{Key: "write.parquet.variant-*", Fate: Ignored, Reason: "sinker does not write variant columns"},
	{Key: "write.parquet.batch-size", Fate: Ignored, Reason: "a detail of another library's writer"},
	{Key: "sinker.parquet.encodings", Fate: Honoured, Values: "compact, plain", Else: Refused, is: oneOf("compact", "plain"),
		Reason: "sinker's own: plain keeps to dictionary and plain encodings, for readers that cannot read delta encodings"},
	{Key: "write.avro.*", Fate: Ignored, Reason: "sinker writes no Avro data files"},
	{Key: "write.orc.*", Fate: Ignored, Reason: "sinker writes no ORC files"},

	{Key: "write.metadata.metrics.default", Fate: Honoured, Reason: "which metrics of columns go into manifests: none, counts, truncate(n), full"},
	{Key: "write.metadata.metrics.column.*", Fate: Honoured, Reason: "the same for one column"},
	{Key: "write.metadata.metrics.max-inferred-column-defaults", Fate: Honoured, Reason: "how many columns get metrics where nothing is set"},
	{Key: "write.metadata.compression-codec", Fate: Honoured, Values: "none, gzip, zstd", Else: Refused, is: oneOf("none", "gzip", "zstd"),
		Reason: "codec of metadata files, where sinker writes them (SQL catalogs)"},
	{Key: "write.metadata.delete-after-commit.enabled", Fate: Honoured, Reason: "whether old metadata files are deleted, where sinker writes them (SQL catalogs)"},
	{Key: "write.metadata.previous-versions-max", Fate: Honoured, Reason: "how many old metadata files are kept, where sinker writes them (SQL catalogs)"},
	{Key: "write.summary.partition-limit", Fate: Ignored, Reason: "summaries of snapshots hold totals and offsets, not single partitions"},
	{Key: "write.manifest-lists.enabled", Fate: Ignored, Reason: "format version 2 and 3 have manifest lists always"},
	{Key: "schema.name-mapping.default", Fate: Ignored, Reason: "files carry field ids, so that no mapping of names is needed"},

	{Key: "commit.manifest-merge.enabled", Fate: Honoured, Reason: "whether small manifests are merged in a commit"},
	{Key: "commit.manifest.min-count-to-merge", Fate: Honoured, Reason: "how many manifests make a merge"},
	{Key: "commit.manifest.target-size-bytes", Fate: Honoured, Reason: "size of a merged manifest"},
	{Key: "commit.manifest-merge.max-concurrency", Fate: Ignored, Reason: "a detail of another library"},
	{Key: "commit.retry.min-wait-ms", Fate: Honoured, Reason: "shortest wait between attempts of a commit"},
	{Key: "commit.retry.max-wait-ms", Fate: Honoured, Reason: "longest wait between attempts of a commit"},
	{Key: "commit.retry.num-retries", Fate: Ignored, Reason: "each attempt reads the table again and decides again; there is no number after which data may be dropped"},
	{Key: "commit.retry.total-timeout-ms", Fate: Ignored, Reason: "see commit.retry.num-retries"},
	{Key: "commit.status-check.*", Fate: Ignored, Reason: "the outcome of a commit is always read from the table, however long that takes"},
	{Key: "history.expire.max-snapshot-age-ms", Fate: Honoured, Reason: "age at which our commits expire snapshots, where the configuration lets them and sets no commit.history; an hour at least, unless commit.history.bytes is exceeded by half"},
	{Key: "history.expire.min-snapshots-to-keep", Fate: Honoured, Reason: "snapshots that are kept whatever their age"},
	{Key: "history.expire.max-ref-age-ms", Fate: Ignored, Reason: "sinker never removes the branches and tags of others"},
	{Key: "gc.enabled", Fate: Ignored, Reason: "a running sink deletes no file that a snapshot refers to or referred to, whatever is set"},
	{Key: "compatibility.snapshot-id-inheritance.enabled", Fate: Ignored, Reason: "format version 1 only"},

	{Key: "write.distribution-mode", Fate: Ignored, Reason: "rows are sorted into partitions within a batch; there is no shuffle between writers"},
	{Key: "write.delete.*", Fate: Ignored, Reason: "sinker appends and writes no deletes"},
	{Key: "write.update.*", Fate: Ignored, Reason: "sinker appends and updates nothing"},
	{Key: "write.merge.*", Fate: Ignored, Reason: "sinker appends and merges nothing"},
	{Key: "write.wap.enabled", Fate: Ignored, Reason: "commits go to the configured branch; to audit before publishing, write to a branch of its own"},
	{Key: "write.spark.*", Fate: Ignored, Reason: "for Spark"},
	{Key: "engine.hive.*", Fate: Ignored, Reason: "for Hive"},
	{Key: "read.*", Fate: Ignored, Reason: "for readers"},
	{Key: "sinker.mirror.*", Fate: Ignored, Reason: "sinker's own copy of its offsets; not to be set by hand"},
}

// PropertiesDoc is the text of docs/table-properties.md.
func PropertiesDoc() string {
	var b strings.Builder
	b.WriteString(`# Table properties

What sinker does about the properties that a table has, or is created with under ` + "`create.properties`" + `. This page is made from the
table in the code that decides (` + "`schema.PropertyTable`" + `); a test compares the two.

- **honoured**: files and commits follow it.
- **ignored**: it has no bearing on what sinker writes, or sinker does it another way; the reason says which.
- **refused**: ` + "`sinker check`" + ` and ` + "`sinker run`" + ` name the property and do not write the table.

A property that is not listed is ignored. What the configuration file sets itself comes before a property.
`)
	for _, fate := range []Fate{Honoured, Refused, Ignored} {
		fmt.Fprintf(&b, "\n## %s\n\n| property | values | reason |\n|---|---|---|\n", strings.ToUpper(string(fate[:1]))+string(fate[1:]))
		for _, p := range PropertyTable {
			if p.Fate != fate {
				continue
			}
			values := "any"
			if p.Values != "" {
				values = p.Values + "; others are " + string(p.Else)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Key, values, p.Reason)
		}
	}
	return b.String()
}
