package config

// Key explains one key of the file. The list below is the only place where a key is explained: the reference,
// the JSON Schema and the messages about wrong values are made from it.
type Key struct {
	Path     string   // lists are written tables[], maps columns.*
	Doc      string   // for the reference: plain sentences
	Required bool     // within the section it belongs to, once that is given
	Values   []string // all that is allowed, if it is one of a few words
	Later    []string // words that will be allowed, and are not yet
	Default  string   // where Defaults does not tell it, because it depends on something; "-" is printed for none
	Example  string   // for the schema and the messages
	Least    string   // smallest value allowed, as the file would write it
	Most     string   // largest value allowed
}

var keys = []Key{
	{Path: "sink", Required: true, Example: "orders", Doc: "Names this sink's offsets inside every table. Lower-case letters, digits, `_` and `-`, at most 63, the first a letter or digit. Never rename it on a live table: under another name sinker knows nothing of what the table holds."},

	{Path: "kafka", Required: true, Doc: "Where records come from."},
	{Path: "kafka.brokers", Required: true, Example: `["127.0.0.1:9092"]`, Doc: "Brokers to begin with, each `host:port`."},
	{Path: "kafka.group", Default: `"sinker-"` + " + `sink`", Doc: "Consumer group. It shares the partitions among instances and shows lag; positions are never read from it."},
	{Path: "kafka.start", Example: "earliest", Doc: "Where a table that holds no offsets yet begins: `earliest`, `latest` (last stable offset) or `time:RFC3339`. New partitions of a known topic always begin at their first record."},
	{Path: "kafka.refresh", Least: "1s", Most: "1h", Doc: "How often new partitions, and new topics that match a pattern, are looked for."},
	{Path: "kafka.session_timeout", Least: "6s", Most: "30m", Doc: "An instance that the group has not heard of for this long, because it was killed, frozen or cut off, loses its partitions to the others. The bounds are those that brokers have by default. A heartbeat goes out every fifth of it, every 3 s at least; a rebalance may take as long, within 1 to 5 minutes, and half of that is the time to commit what leaves."},
	{Path: "kafka.instance_id", Doc: "Static membership: an instance that comes back under this id within `session_timeout` keeps its partitions. Every instance needs its own."},
	{Path: "kafka.tls", Default: "plaintext", Doc: "TLS to the brokers. `{}` trusts the system's roots."},
	{Path: "kafka.tls.ca_file", Doc: "PEM file with the authorities to trust instead of the system's."},
	{Path: "kafka.tls.cert_file", Doc: "PEM file with our certificate, for mutual TLS; together with `key_file`."},
	{Path: "kafka.tls.key_file", Doc: "PEM file with the certificate's private key."},
	{Path: "kafka.sasl", Default: "no authentication", Doc: "How to log in to the brokers."},
	{Path: "kafka.sasl.mechanism", Required: true, Values: []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}, Doc: "How to prove who we are."},
	{Path: "kafka.sasl.username", Doc: "For PLAIN and SCRAM."},
	{Path: "kafka.sasl.password", Example: "${KAFKA_PASSWORD}", Doc: "For PLAIN and SCRAM."},
	{Path: "kafka.sasl.token_file", Doc: "For OAUTHBEARER: a file that holds the token and is read again whenever one is needed."},
	{Path: "kafka.sasl.token_url", Doc: "For OAUTHBEARER: the address that gives tokens for client credentials; instead of `token_file`."},
	{Path: "kafka.sasl.client_id", Doc: "With `token_url`."},
	{Path: "kafka.sasl.client_secret", Example: "${KAFKA_CLIENT_SECRET}", Doc: "With `token_url`."},
	{Path: "kafka.sasl.scope", Doc: "With `token_url`: the scope asked for."},

	{Path: "catalog", Required: true, Doc: "Where tables are found."},
	{Path: "catalog.type", Required: true, Values: []string{"rest", "sql"}, Doc: "`rest`: an Iceberg REST catalog. `sql`: the tables of a JDBC catalog in SQLite or PostgreSQL."},
	{Path: "catalog.uri", Required: true, Example: "http://127.0.0.1:8181", Doc: "rest: `http://` or `https://`. sql: `sqlite:PATH` or `postgres://user:password@host/database`."},
	{Path: "catalog.warehouse", Example: "s3://lake/warehouse", Doc: "Where created tables live: `s3://bucket/prefix` or `file:///folder`; for some REST catalogs a name. Needed for sql."},
	{Path: "catalog.properties", Example: "{credential: \"${CATALOG_CREDENTIAL}\"}", Doc: "Handed to the catalog client as they are: `credential`, `token`, `oauth2-server-uri`, `scope`, `prefix`, `rest.sigv4-enabled`, …"},
	{Path: "catalog.properties.*", Doc: "One property."},

	{Path: "s3", Default: "the AWS defaults", Doc: "How `s3://` locations are reached. Absent: environment, profile and instance role, as the AWS tools do."},
	{Path: "s3.endpoint", Default: "AWS", Example: "http://127.0.0.1:9000", Doc: "Address of an S3-compatible store."},
	{Path: "s3.region", Default: "`us-east-1` with an endpoint, else the AWS defaults", Example: "us-east-1", Doc: "Region to sign for."},
	{Path: "s3.path_style", Doc: "Bucket in the path, not in the host name: most stores that are not AWS need it."},
	{Path: "s3.access_key", Doc: "Together with `secret_key`; absent: the AWS defaults."},
	{Path: "s3.secret_key", Example: "${S3_SECRET}", Doc: "Together with `access_key`."},

	{Path: "tables", Required: true, Doc: "Which topics go where. A topic belongs to one entry."},
	{Path: "tables[].topics", Required: true, Example: "[orders]", Doc: "Names, or `/regular expressions/` (RE2) that match whole names. Records of several topics may share a table."},
	{Path: "tables[].table", Required: true, Example: "shop.orders", Doc: "`namespace.table`. `{topic}` stands for the topic's name and gives every topic a table of its own."},
	{Path: "tables[].branch", Doc: "Branch to write to."},
	{Path: "tables[].format", Required: true, Values: []string{"json", "raw"}, Later: []string{"avro", "protobuf", "json-schema"}, Doc: "`json`: one object a record. `raw`: the value as bytes in the column `value`."},
	{Path: "tables[].create", Default: "the table must exist", Doc: "How a missing table is made."},
	{Path: "tables[].create.columns", Required: true, Doc: "Columns in order."},
	{Path: "tables[].create.columns[].name", Required: true, Example: "id", Doc: "Name, as it is in the record."},
	{Path: "tables[].create.columns[].type", Required: true, Example: "long", Doc: "Iceberg type: boolean, int, long, float, double, decimal(p,s), date, time, timestamp, timestamptz, string, uuid, fixed[n], binary, list<…>, map<…,…>, struct<name:…,…>."},
	{Path: "tables[].create.columns[].required", Doc: "A record without a value for it is a bad record."},
	{Path: "tables[].create.columns[].doc", Doc: "Comment kept in the table's schema."},
	{Path: "tables[].create.partition_by", Default: "not partitioned", Example: "[day(at)]", Doc: "Iceberg transforms: `column`, `identity(c)`, `bucket[n](c)`, `truncate[n](c)`, `year(c)`, `month(c)`, `day(c)`, `hour(c)`."},
	{Path: "tables[].create.properties", Doc: "Iceberg table properties of the new table."},
	{Path: "tables[].create.properties.*", Doc: "One property."},
	{Path: "tables[].columns", Doc: "How to read the values of single columns, of created tables or of others."},
	{Path: "tables[].columns.*", Doc: "One column, by its name (nested: dotted)."},
	{Path: "tables[].columns.*.unit", Default: "days for date, else ms within 1980–2200", Values: []string{"s", "ms", "us", "ns", "days"}, Doc: "What a number means in a date or time column."},
	{Path: "tables[].columns.*.zone", Values: []string{"UTC"}, Doc: "Zone of texts without one in a timestamptz column; without this key they are bad records. Only UTC has no hours that come twice or never."},
	{Path: "tables[].kafka_columns", Values: []string{"topic", "partition", "offset", "timestamp", "key", "headers"}, Doc: "What is kept of the record beside its value, in the columns `_kafka_topic`, `_kafka_partition`, …"},
	{Path: "tables[].on_bad_record", Values: []string{"stop", "dead_letter", "skip"}, Doc: "`stop`: the partition stops before the record until an operator decides. `dead_letter`: the record is kept, as it is, in the table of dead letters. `skip`: the record is counted and left out."},
	{Path: "tables[].max_bad_share", Default: "`10%` for `dead_letter`, off for `skip`", Doc: "With `dead_letter` or `skip`: more bad records than this share of 10,000 among the last 10,000 of the table, counted since the start: STOP. `off`: no bound."},
	{Path: "tables[].dead_letters", Default: "`table` + `__dead_letters`", Doc: "Table for dead letters, with `on_bad_record: dead_letter`. It is made if it is missing. Tables may share one, each with topics of its own; `{topic}` stands for the topic's name where it does so in `table`."},

	{Path: "commit", Doc: "When batches are committed."},
	{Path: "commit.every", Least: "100ms", Most: "1h", Doc: "A batch is committed when its oldest record was received this long ago."},
	{Path: "commit.target_file_size", Default: "the table's `write.target-file-size-bytes`, else `128MiB`", Least: "64KiB", Most: "5GiB", Doc: "A batch is also committed when one of its files is this large."},
	{Path: "commit.history", Doc: "What our commits keep of the past. Applies to tables that sinker created, to others only where a key is given; the table's `history.expire.*` is honoured where this is silent."},
	{Path: "commit.history.age", Least: "1h", Most: "3650d", Doc: "Snapshots of ours younger than this are kept."},
	{Path: "commit.history.snapshots", Least: "2", Most: "100000", Doc: "At most this many snapshots are kept."},
	{Path: "commit.history.bytes", Least: "64KiB", Most: "256MiB", Doc: "The listing of snapshots in the table's metadata is kept below this size. Snapshots of the last hour are removed only where it would come to half as much again, those of the last 3 minutes never."},

	{Path: "policy", Doc: "What to do where the table or the log leaves no certain answer."},
	{Path: "policy.rollback", Values: []string{"replay", "stop"}, Doc: "Somebody rolled the branch back: read again what was rolled back, or stop."},
	{Path: "policy.gap", Values: []string{"stop", "continue"}, Doc: "Retention removed records that were not read yet."},
	{Path: "policy.truncation", Values: []string{"stop", "rewind"}, Doc: "The log lost records that were read (unclean election)."},
	{Path: "policy.topic_recreated", Values: []string{"stop", "continue"}, Doc: "A topic's name belongs to a new topic."},
	{Path: "policy.new_sink", Values: []string{"stop", "allow"}, Doc: "Another sink id has read the same topic into this table."},

	{Path: "delivery", Values: []string{"exactly_once"}, Later: []string{"at_least_once", "at_most_once"}, Doc: "What is promised of every record."},
	{Path: "memory", Least: "128MiB", Most: "1TiB", Doc: "For everything buffered: fetched, decoded, encoded, being uploaded. The process stays under this + 64 MiB."},
	{Path: "shutdown_timeout", Least: "1s", Most: "1h", Doc: "At SIGTERM, what is buffered is committed within this time; what is not will be read again."},
	{Path: "admin", Doc: "Address of the status page `/`, `/metrics`, `/healthz` and `/readyz`; `off` for none."},
}

// foreignWords are keys of other tools, and ours that were spelled in another way, by what they mean here.
var foreignWords = map[string]string{
	"bootstrap_servers": "kafka.brokers", "bootstrap": "kafka.brokers", "seeds": "kafka.brokers", "seed_brokers": "kafka.brokers", "servers": "kafka.brokers",
	"group_id": "kafka.group", "consumer_group": "kafka.group", "auto_offset_reset": "kafka.start", "offset_reset": "kafka.start",
	"group_instance_id": "kafka.instance_id", "session_timeout_ms": "kafka.session_timeout", "user": "kafka.sasl.username", "ssl": "kafka.tls", "ca": "kafka.tls.ca_file", "cert": "kafka.tls.cert_file", "key": "kafka.tls.key_file",
	"access_key_id": "s3.access_key", "secret_access_key": "s3.secret_key", "force_path_style": "s3.path_style", "path_style_access": "s3.path_style",
	"url": "catalog.uri", "destination": "tables[].table", "on_error": "tables[].on_bad_record", "dlq": "tables[].dead_letters",
	"interval": "commit.every", "commit_interval": "commit.every", "flush_interval": "commit.every", "file_size": "commit.target_file_size",
	"memory_limit": "memory", "http": "admin", "listen": "admin", "name": "sink", "id": "sink", "schema": "tables[].create.columns", "partition": "tables[].create.partition_by",
}

var keyByPath = func() map[string]*Key {
	m := make(map[string]*Key, len(keys))
	for i := range keys {
		m[keys[i].Path] = &keys[i]
	}
	return m
}()

// Defaults is a configuration in which only those things are missing that have no default.
func Defaults() Config {
	return Config{
		Kafka: Kafka{Start: Start{At: "earliest"}, Refresh: 30e9, SessionTimeout: 45e9},
		Commit: Commit{
			Every:          10e9,
			TargetFileSize: 128 << 20,
			History:        History{Age: 24 * 3600e9, Snapshots: 1000, Bytes: 4 << 20},
		},
		Policy:          Policy{Rollback: "replay", Gap: "stop", Truncation: "stop", TopicRecreated: "stop", NewSink: "stop"},
		Delivery:        "exactly_once",
		Memory:          256 << 20,
		ShutdownTimeout: 25e9,
		Admin:           "127.0.0.1:9400",
	}
}

// defaultTable is an entry of tables before the file has its say.
func defaultTable() Table {
	return Table{Branch: "main", OnBadRecord: "stop", MaxBadShare: Off}
}

// fillDependent sets the defaults that follow from other values.
func (c *Config) fillDependent() {
	if c.Kafka.Group == "" && c.Sink != "" {
		c.Kafka.Group = "sinker-" + c.Sink
	}
	if c.S3 != nil && c.S3.Endpoint != "" && c.S3.Region == "" {
		c.S3.Region = "us-east-1"
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		if t.DeadLetters == "" && t.OnBadRecord == "dead_letter" {
			t.DeadLetters = t.Table + "__dead_letters"
		}
		if t.MaxBadShare == Off && t.OnBadRecord == "dead_letter" && !c.IsSet(at("tables", i)+".max_bad_share") {
			t.MaxBadShare = 0.10
		}
	}
}
