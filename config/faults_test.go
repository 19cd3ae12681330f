package config

import (
	"strings"
	"testing"
)

// env is the environment of all tests here.
func env(name string) (string, bool) {
	v, ok := map[string]string{
		"SECRET": "tops3cret", "EMPTY": "", "MEM": "512MiB", "BAD_SIZE": "hunter2hunter2", "KAFKA_PASSWORD": "pw-0123456789",
		"HOST": "broker.example:9092", "DOLLAR": "${SECRET}",
	}[name]
	return v, ok
}

func envNames() []string {
	return []string{"SECRET", "EMPTY", "MEM", "BAD_SIZE", "KAFKA_PASSWORD", "HOST"}
}

func parse(text string) (*Config, error) {
	return Parse("sinker.yaml", []byte(text), env, envNames)
}

// sound is a file without faults; each case below changes lines of it. Its line numbers are those that cases expect.
const sound = `sink: orders
kafka:
  brokers: ["127.0.0.1:9092"]
catalog:
  type: rest
  uri: http://127.0.0.1:8181
tables:
  - topics: [orders]
    table: shop.orders
    format: json
`

func TestParse_SoundFile(t *testing.T) {
	c, err := parse(sound)
	if err != nil {
		t.Fatalf("the file that all cases are made from has faults:\n%v", err)
	}
	if c.Kafka.Group != "sinker-orders" || c.Memory != 256<<20 || c.Tables[0].Branch != "main" || c.Tables[0].OnBadRecord != "stop" {
		t.Errorf("defaults are not filled in: group %q memory %s branch %q on_bad_record %q", c.Kafka.Group, c.Memory, c.Tables[0].Branch, c.Tables[0].OnBadRecord)
	}
}

// faultCase is a change to the sound file and the one fault that it makes.
type faultCase struct {
	name     string
	old, new string // replaced in sound; old empty: new is added at the end; old "*": new is the whole file
	line     int
	words    string // must be in the fault
	hint     string // must be in the fault's hint
}

var faultCases = []faultCase{
	// the file as such
	{"empty file", "*", "", 0, "the file is empty", "docs/configuration.md"},
	{"only comments", "*", "# nothing\n", 0, "the file is empty", ""},
	{"two documents", "", "---\nsink: other\n", 12, "a second document", "another one"},
	{"tab", "*", "sink: a\nkafka:\n\tbrokers: []\n", 3, "a tab in the indentation; want spaces", ""},
	{"utf-16", "*", "\xff\xfes\x00i\x00", 0, "UTF-16", "UTF-8"},
	{"not utf-8", "sink: orders", "sink: ord\xffers", 1, "not UTF-8", ""},
	{"control character", "sink: orders", "sink: ord\x00ers", 1, "control character", ""},
	{"open quote", "sink: orders", "sink: \"orders", 1, "a quote that is not closed", ""},
	{"open bracket", "topics: [orders]", "topics: [orders", 8, "a bracket that is not closed", ""},
	{"bare variable in braces", "type: rest", "properties: {token: ${SECRET}}", 5, "a bracket that is not closed", `"${NAME}"`},
	{"bad indentation", "    table: shop.orders", "   table: shop.orders", 9, "does not fit what stands above it", ""},
	{"a list instead of a file", "*", "- a\n- b\n", 1, "is a list", "take the dash away"},
	{"a word instead of a file", "*", "hello\n", 1, "is a text", ""},
	{"alias without anchor", "sink: orders", "sink: *name", 1, "alias *name stands for nothing", ""},
	{"alias of itself", "topics: [orders]", "topics: &t [*t]", 8, "is a list; want a text", ""},
	{"key twice", "  type: rest", "  type: rest\n  type: sql", 6, "this key is here twice, first in line 5", "keep one"},

	// keys
	{"unknown key", "sink: orders", "sink: orders\nmemmory: 1GiB", 2, "unknown key", "did you mean memory?"},
	{"unknown nested key", "  brokers:", "  broker:", 3, "unknown key", "did you mean brokers?"},
	{"key of another tool", "  brokers:", "  bootstrap.servers:", 3, "unknown key", "did you mean brokers?"},
	{"key in the wrong section", "  type: rest", "  type: rest\n  every: 10s", 6, "unknown key", "did you mean commit.every?"},
	{"top-level key in a section", "  type: rest", "  type: rest\n  delivery: exactly_once", 6, "unknown key", "take it out of catalog"},
	{"camel case", "    format: json", "    format: json\n    onBadRecord: skip", 11, "unknown key", "did you mean on_bad_record?"},
	{"no sink", "sink: orders\n", "", 1, "the file has no key sink", "sink: orders"},
	{"no tables", "*", strings.Split(sound, "tables:")[0], 1, "the file has no key tables", ""},
	{"empty tables", "*", strings.Split(sound, "tables:")[0] + "tables: []\n", 7, "empty list; want at least one", ""},
	{"no format", "    format: json\n", "", 8, "the entry tables[0] has no key format", ""},
	{"key without a value", "  type: rest", "  type:", 5, "has no value; want rest or sql", ""},

	// types
	{"text for a list", "topics: [orders]", "topics: orders", 8, "is a text; want a list", "did you mean [orders]?"},
	{"list for a text", "sink: orders", "sink: [orders]", 1, "is a list; want a text", ""},
	{"number for a text", "sink: orders", "sink: 42", 1, "is a number to YAML", `"42"`},
	{"section for a text", "sink: orders", "sink: {a: b}", 1, "is a section", ""},
	{"tls without braces", "kafka:", "kafka:\n  tls:", 3, "has no value; want a section, {} for an empty one", ""},
	{"yes for true", "", "s3: {endpoint: http://h:1, path_style: yes}\n", 11, "neither true nor false", "did you mean true?"},
	{"text for a number", "", "commit: {history: {snapshots: many}}\n", 11, "not a whole number", ""},

	// values with a form
	{"duration without unit", "", "commit: {every: 10}\n", 11, `"10" has no unit`, "did you mean 10s?"},
	{"duration in words", "", "commit: {every: 10 seconds}\n", 11, "not a duration", "did you mean 10s?"},
	{"negative duration", "", "commit: {every: -10s}\n", 11, "not a duration", ""},
	{"endless duration", "", "commit: {every: 99999999999h}\n", 11, "too long a duration", ""},
	{"duration too small", "", "commit: {every: 1ms}\n", 11, "too small; want 100ms to 1h", "100ms"},
	{"duration too large", "", "kafka2: 1\n", 11, "unknown key", "kafka"},
	{"young history", "", "commit: {history: {age: 30m}}\n", 11, "too small; want 1h to", "1h"},
	{"size without unit", "", "memory: 256\n", 11, "has no unit", "did you mean 256MiB?"},
	{"size in bytes", "", "memory: 268435456\n", 11, "has no unit", "did you mean 256MiB?"},
	{"size in Kubernetes' spelling", "", "memory: 256Mi\n", 11, "not a size", "did you mean 256MiB?"},
	{"too little memory", "", "memory: 64MiB\n", 11, "too small; want 128MiB to 1TiB", "128MiB"},
	{"share without percent", "    format: json", "    format: json\n    on_bad_record: skip\n    max_bad_share: 0.1", 12, "no percent sign", "did you mean 10%?"},
	{"share above all", "    format: json", "    format: json\n    on_bad_record: skip\n    max_bad_share: 101%", 12, "out of range", ""},
	{"start unknown", "  brokers:", "  start: beginning\n  brokers:", 3, "not a start", "did you mean earliest?"},
	{"start without time:", "  brokers:", "  start: 2026-01-01T00:00:00Z\n  brokers:", 3, "not a start", "did you mean time:2026-01-01T00:00:00Z?"},
	{"start with a day", "  brokers:", "  start: time:2026-01-01\n  brokers:", 3, "RFC 3339", "did you mean time:2026-01-01T00:00:00Z?"},
	{"sink id in capitals", "sink: orders", "sink: My Orders", 1, "not a sink id", "did you mean my-orders?"},
	{"sink id too long", "sink: orders", "sink: " + strings.Repeat("a", 64), 1, "not a sink id", ""},

	// variables
	{"variable not set", "sink: orders", "sink: \"${SECERT}\"", 1, "environment variable SECERT is not set", "did you mean ${SECRET}?"},
	{"variable empty", "sink: orders", "sink: \"${EMPTY}\"", 1, "environment variable EMPTY is empty", ""},
	{"variable with default", "sink: orders", "sink: \"${SINK:-orders}\"", 1, "not the name of an environment variable", "no defaults here"},
	{"variable not closed", "sink: orders", "sink: \"${SINK\"", 1, "${ without its }", ""},
	{"variable of the wrong kind", "", "memory: ${BAD_SIZE}\n", 11, "${BAD_SIZE} gives a value that is not a size", ""},

	// Kafka
	{"broker without port", `["127.0.0.1:9092"]`, "[kafka.example]", 3, "not an address; want host:port", "did you mean kafka.example:9092?"},
	{"broker with scheme", `["127.0.0.1:9092"]`, `["kafka://h:9092"]`, 3, "not an address", "did you mean h:9092?"},
	{"brokers in one text", `["127.0.0.1:9092"]`, `["a:9092,b:9092"]`, 3, "not an address", "write a list"},
	{"broker twice", `["127.0.0.1:9092"]`, `["a:1", "a:1"]`, 3, "listed twice", ""},
	{"session shorter than brokers allow", "  brokers:", "  session_timeout: 5s\n  brokers:", 3, "too small; want 6s to 30m", "6s"},
	{"session longer than brokers allow", "  brokers:", "  session_timeout: 31m\n  brokers:", 3, "too large; want 6s to 30m", "30m"},
	{"session in milliseconds", "  brokers:", "  session.timeout.ms: 45000\n  brokers:", 3, "unknown key", "did you mean session_timeout?"},
	{"certificate without key", "  brokers:", "  tls: {cert_file: c.pem}\n  brokers:", 3, "stands without key_file", "add key_file"},
	{"authority file missing", "  brokers:", "  tls: {ca_file: nowhere.pem}\n  brokers:", 3, "cannot be read: it does not exist", "relative names"},
	{"mechanism in small letters", "  brokers:", "  sasl: {mechanism: scram-sha-512, username: u, password: pass}\n  brokers:", 3, "is not known here", "did you mean SCRAM-SHA-512?"},
	{"password missing", "  brokers:", "  sasl: {mechanism: PLAIN, username: u}\n  brokers:", 3, "PLAIN needs password", ""},
	{"password as number", "  brokers:", "  sasl: {mechanism: PLAIN, username: u, password: 12345678}\n  brokers:", 3, "is a number to YAML", "put it in quotes"},
	{"token with scram", "  brokers:", "  sasl: {mechanism: SCRAM-SHA-256, username: u, password: pass, token_file: t}\n  brokers:", 3, "token_file does not go with SCRAM-SHA-256", "take it away"},
	{"oauth without token", "  brokers:", "  sasl: {mechanism: OAUTHBEARER}\n  brokers:", 3, "OAUTHBEARER needs a token", ""},
	{"oauth without client", "  brokers:", "  sasl: {mechanism: OAUTHBEARER, token_url: https://h/t, client_id: c}\n  brokers:", 3, "OAUTHBEARER needs client_secret", ""},

	// catalog and storage
	{"catalog type unknown", "type: rest", "type: jdbc", 5, "is not known here; want rest or sql", "did you mean sql?"},
	{"catalog without scheme", "http://127.0.0.1:8181", "127.0.0.1:8181", 6, "not the address of a REST catalog", "http://127.0.0.1:8181"},
	{"database under rest", "http://127.0.0.1:8181", "sqlite:catalog.db", 6, "does not fit type rest", "type: sql"},
	{"rest address under sql", "type: rest", "type: sql\n  warehouse: file:///w", 7, "does not fit type sql", "type: rest"},
	{"sql without warehouse", "type: rest\n  uri: http://127.0.0.1:8181", "type: sql\n  uri: sqlite:c.db", 4, "does not know where tables live", ""},
	{"jdbc address", "type: rest\n  uri: http://127.0.0.1:8181", "type: sql\n  uri: jdbc:postgresql://h/d\n  warehouse: file:///w", 6, "an address for Java", "without jdbc:"},
	{"database without name", "type: rest\n  uri: http://127.0.0.1:8181", "type: sql\n  uri: postgres://u:hunter22@h\n  warehouse: file:///w", 6, "names no database", ""},
	{"login in the address", "http://127.0.0.1:8181", "http://me:hunter22@h", 6, "the address holds a login", "credential"},
	{"warehouse as a path", "  type: rest", "  type: rest\n  warehouse: /data", 6, "is not a location", "did you mean file:///data?"},
	{"warehouse for Hadoop", "  type: rest", "  type: rest\n  warehouse: s3a://b/p", 6, "Hadoop's spelling", "did you mean s3://b/p?"},
	{"warehouse of another cloud", "  type: rest", "  type: rest\n  warehouse: gs://b/p", 6, "gs:// is not supported yet", ""},
	{"endpoint without scheme", "", "s3: {endpoint: \"127.0.0.1:9000\"}\n", 11, "has no http://", "did you mean http://127.0.0.1:9000?"},
	{"access key alone", "", "s3: {endpoint: http://h:1, access_key: a}\n", 11, "stands without secret_key", "add secret_key"},
	{"path style alone", "", "s3: {path_style: true}\n", 11, "stands without endpoint", "add endpoint"},
	{"keys without a place", "", "s3: {access_key: a, secret_key: bbbb}\n", 11, "neither endpoint nor region", "region"},

	// tables
	{"topic with a space", "[orders]", "[my orders]", 8, "not a topic name", ""},
	{"topic as a glob", "[orders]", "[\"orders-*\"]", 8, "not a topic name", "did you mean /orders-.*/?"},
	{"half a pattern", "[orders]", "[/orders]", 8, "half a regular expression", "did you mean /orders/?"},
	{"broken pattern", "[orders]", "[\"/ord(ers/\"]", 8, "not a regular expression: missing closing )", ""},
	{"topic twice in an entry", "[orders]", "[orders, orders]", 8, "listed twice", ""},
	{"topic in two entries", "", "  - {topics: [orders], table: shop.other, format: json}\n", 11, "topic orders belongs to another entry already, in line 8", ""},
	{"topic matched by two entries", "", "  - {topics: [/ord.*/], table: shop.other, format: json}\n", 8, "topic orders is also matched by /ord.*/ in line 11", ""},
	{"table in two entries", "", "  - {topics: [other], table: shop.orders, format: json}\n", 11, "has an entry already, in line 9", "one entry"},
	{"table in two entries, by placeholder", "", "  - {topics: [more, orders2], table: \"shop.{topic}\", format: json}\n  - {topics: [x], table: shop.more, format: json}\n", 12, "table shop.more has an entry already, in line 11", ""},
	{"table without namespace", "shop.orders", "orders", 9, "has no namespace", "did you mean default.orders?"},
	{"table with an empty part", "shop.orders", "shop..orders", 9, "empty part", "did you mean shop.orders?"},
	{"table with a space", "shop.orders", "shop.my orders", 9, "a character that table names do not have", "did you mean shop.my_orders?"},
	{"placeholder unknown", "shop.orders", `"shop.{Topic}"`, 9, "{Topic} is no placeholder", "{topic}"},
	{"format not yet", "format: json", "format: avro", 10, "is not supported yet; want json or raw", ""},
	{"format unknown", "format: json", "format: jsn", 10, "is not known here; want json or raw", "did you mean json?"},
	{"dead letters into the table itself", "    format: json", "    format: json\n    on_bad_record: dead_letter\n    dead_letters: shop.orders", 12, "is the table itself", ""},
	{"dead letters into another's table", "", "  - {topics: [other], table: shop.other, format: json, on_bad_record: dead_letter, dead_letters: shop.orders}\n", 11, "dead letters would go to shop.orders, to which records go already, in line 9", ""},
	{"dead letters by default into another's table", "    format: json", "    format: json\n    on_bad_record: dead_letter\n  - {topics: [other], table: shop.orders__dead_letters, format: json}", 9, "to which records go already, in line 12", ""},
	{"dead letters shared under two names", "    format: json", "    format: json\n    on_bad_record: dead_letter\n  - {topics: [a], table: \"x.{topic}\", format: json, on_bad_record: dead_letter, dead_letters: \"shop.{topic}\"}\n  - {topics: [b], table: x.c, format: json, on_bad_record: dead_letter, dead_letters: shop.a}", 13, "which line 12 names in another way", ""},
	{"dead letters of a topic for a table of many", "    format: json", "    format: json\n    on_bad_record: dead_letter\n    dead_letters: \"shop.{topic}_dead\"", 12, "has {topic}, and the table has not", ""},
	{"dead letter table alone", "    format: json", "    format: json\n    dead_letters: shop.dead", 11, "stands without on_bad_record: dead_letter", ""},
	{"share with stop", "    format: json", "    format: json\n    max_bad_share: 10%", 11, "stops at the first", "take it away"},
	{"kafka column unknown", "    format: json", "    format: json\n    kafka_columns: [_kafka_offset]", 11, "is not known here", "did you mean offset?"},
	{"kafka column twice", "    format: json", "    format: json\n    kafka_columns: [key, key]", 11, "listed twice", ""},
	{"unit unknown", "    format: json", "    format: json\n    columns: {at: {unit: millis}}", 11, "is not known here", "did you mean ms?"},
	{"zone unknown", "    format: json", "    format: json\n    columns: {at: {zone: Europe/Berlin}}", 11, "is not known here; want UTC", ""},
	{"column says nothing", "    format: json", "    format: json\n    columns: {at: {}}", 11, "says nothing", ""},
	{"branch with a space", "    format: json", "    format: json\n    branch: my branch", 11, "not a branch name", "main"},

	// the rest
	{"delivery not yet", "", "delivery: at_least_once\n", 11, "is not supported yet; want exactly_once", ""},
	{"policy unknown", "", "policy: {gap: skip}\n", 11, "is not known here; want stop or continue", "did you mean continue?"},
	{"admin as a port", "", "admin: 9400\n", 11, "is a number to YAML", `"9400"`},
	{"admin as a word", "", "admin: none\n", 11, "not an address", "did you mean off?"},
}

func TestParse_EachFaultIsNamedWhereItStands(t *testing.T) {
	for _, c := range faultCases {
		t.Run(c.name, func(t *testing.T) { checkFaultCase(t, c) })
	}
}

func checkFaultCase(t *testing.T, c faultCase) {
	t.Helper()
	text := c.new
	switch {
	case c.old == "":
		text = sound + c.new
	case c.old != "*":
		if text = strings.Replace(sound, c.old, c.new, 1); text == sound {
			t.Fatalf("the case changes nothing: %q is not in the file", c.old)
		}
	}
	_, err := parse(text)
	faults, ok := err.(Faults)
	if !ok {
		t.Fatalf("no fault was found in:\n%s", text)
	}
	for _, f := range faults {
		if f.Line == c.line && strings.Contains(f.String(), c.words) && strings.Contains(f.Hint, c.hint) {
			return
		}
	}
	t.Errorf("want a fault in line %d with %q and the hint %q, got:\n%v", c.line, c.words, c.hint, err)
}

// declare is the sound file with a table to be made.
func declare(create string) string {
	return strings.Replace(sound, "    format: json\n", "    format: json\n    create:\n"+create, 1)
}

func TestParse_EachFaultOfATableToBeMade(t *testing.T) {
	for _, c := range []faultCase{
		{"type unknown", "*", declare("      columns:\n        - {name: id, type: lnog}\n"), 13, "lnog", "long"},
		{"type of SQL", "*", declare("      columns:\n        - {name: id, type: bigint}\n"), 13, "bigint", "long"},
		{"decimal without scale", "*", declare("      columns:\n        - {name: id, type: decimal(12)}\n"), 13, "decimal", ""},
		{"list without element", "*", declare("      columns:\n        - {name: id, type: long}\n        - {name: tags, type: list}\n"), 14, "list", ""},
		{"no columns", "*", declare("      columns: []\n"), 12, "empty list", ""},
		{"no type", "*", declare("      columns:\n        - {name: id}\n"), 13, "has no key type", ""},
		{"column twice", "*", declare("      columns:\n        - {name: id, type: long}\n        - {name: id, type: string}\n"), 14, "declared twice", ""},
		{"column twice but for case", "*", declare("      columns:\n        - {name: id, type: long}\n        - {name: ID, type: string}\n"), 14, "case only", ""},
		{"reserved column", "*", declare("      columns:\n        - {name: _file, type: long}\n"), 13, "_file", ""},
		{"transform unknown", "*", declare("      columns:\n        - {name: at, type: date}\n      partition_by: [daily(at)]\n"), 14, "daily", "day"},
		{"partition by a column that is not there", "*", declare("      columns:\n        - {name: at, type: date}\n      partition_by: [day(art)]\n"), 14, "art", ""},
		{"hour of a date", "*", declare("      columns:\n        - {name: at, type: date}\n      partition_by: [hour(at)]\n"), 14, "hour", ""},
		{"bucket without number", "*", declare("      columns:\n        - {name: at, type: date}\n      partition_by: [bucket(at)]\n"), 14, "bucket", ""},
		{"format version 1", "*", declare("      columns:\n        - {name: at, type: date}\n      properties: {format-version: \"1\"}\n"), 14, "format version 2 and 3", ""},
		{"property as a number", "*", declare("      columns:\n        - {name: at, type: date}\n      properties: {format-version: 3}\n"), 14, "is a number to YAML", `"3"`},
		{"unit of a text", "*", declare("      columns:\n        - {name: at, type: string}\n    columns: {at: {unit: ms}}\n"), 14, "which has no unit", ""},
	} {
		t.Run(c.name, func(t *testing.T) { checkFaultCase(t, c) })
	}
}

func TestParse_TellsAllFaultsAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := parse(`sink: My Sink
kafka: {brokers: [nowhere], refresh: 10}
catalog: {type: rset, uri: http://h}
tables:
  - {topics: orders, table: orders, format: avro, colour: red}
memory: lots
`)
	faults, ok := err.(Faults)
	if !ok || len(faults) != 9 {
		t.Fatalf("want 9 faults, got %d:\n%v", len(faults), err)
	}
	for i := 1; i < len(faults); i++ {
		if faults[i].Line < faults[i-1].Line {
			t.Errorf("fault %d stands before fault %d:\n%v", i, i-1, err)
		}
	}
}

func TestParse_WarnsOfWhatIsLegalAndProbablyNotMeant(t *testing.T) {
	text := strings.Replace(declare("      columns:\n        - {name: at, type: date}\n    columns: {att: {unit: days}}\n"), "  brokers:", "  sasl: {mechanism: PLAIN, username: u, password: pass}\n  brokers:", 1) + "admin: 0.0.0.0:9400\n"
	c, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"create has no such column; did you mean at?", "sends the password in the clear", "can be reached from every network"} {
		found := false
		for _, w := range c.Warnings {
			found = found || strings.Contains(w.String(), want) && w.Line > 0
		}
		if !found {
			t.Errorf("no warning with a line says %q: %v", want, c.Warnings)
		}
	}
}

// A value that has a fault of its own does not count as missing beside others.
func TestParse_NoFaultsThatFollowFromOthers(t *testing.T) {
	_, err := parse(sound + "s3: {endpoint: http://h:1, access_key: a, secret_key: \"${UNSET}\"}\n")
	if faults, ok := err.(Faults); !ok || len(faults) != 1 {
		t.Errorf("one variable is not set, and the faults are:\n%v", err)
	}
}
