// Package config turns one YAML file into a Config, or into the list of everything that is wrong with it.
//
// Every fault is found in one reading, and each says where it stands, what is wrong, what is expected, and what
// was probably meant. Keys, defaults and explanations are written once, in this package: docs/configuration.md,
// docs/sinker.schema.json and `sinker check --output json` are made from them. Secrets never leave a Config except
// through Secret.Reveal, URI.Reveal and Properties.Reveal.
package config

import (
	"regexp"
	"strings"
)

// Config is a configuration without faults, every default filled in. It is shared read-only.
type Config struct {
	Sink            string    `yaml:"sink"`
	Kafka           Kafka     `yaml:"kafka"`
	Catalog         Catalog   `yaml:"catalog"`
	S3              *S3       `yaml:"s3"` // nil: the AWS defaults
	Tables          []Table   `yaml:"tables"`
	Commit          Commit    `yaml:"commit"`
	Policy          Policy    `yaml:"policy"`
	Delivery        string    `yaml:"delivery"`
	Memory          Size      `yaml:"memory"`
	ShutdownTimeout Duration  `yaml:"shutdown_timeout"`
	Admin           string    `yaml:"admin"` // host:port, or "off"
	Warnings        []Warning `yaml:"-"`     // legal, but probably not wanted

	file string
	at   map[string]position // of what the file says, by path
}

// Kafka is where records come from.
type Kafka struct {
	Brokers        []string `yaml:"brokers"`
	Group          string   `yaml:"group"`
	Start          Start    `yaml:"start"`
	Refresh        Duration `yaml:"refresh"`
	SessionTimeout Duration `yaml:"session_timeout"`
	InstanceID     string   `yaml:"instance_id"`
	TLS            *TLS     `yaml:"tls"`  // nil: plaintext
	SASL           *SASL    `yaml:"sasl"` // nil: no authentication
}

// TLS is how the brokers are trusted, and how we prove who we are. The zero value trusts the system's roots.
type TLS struct {
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// SASL is how we log in to the brokers.
type SASL struct {
	Mechanism    string `yaml:"mechanism"` // PLAIN | SCRAM-SHA-256 | SCRAM-SHA-512 | OAUTHBEARER
	Username     string `yaml:"username"`
	Password     Secret `yaml:"password"`
	TokenFile    string `yaml:"token_file"`
	TokenURL     string `yaml:"token_url"`
	ClientID     string `yaml:"client_id"`
	ClientSecret Secret `yaml:"client_secret"`
	Scope        string `yaml:"scope"`
}

// Catalog is where tables are found.
type Catalog struct {
	Type       string     `yaml:"type"` // rest | sql
	URI        URI        `yaml:"uri"`
	Warehouse  string     `yaml:"warehouse"`
	Properties Properties `yaml:"properties"`
}

// S3 is how s3:// locations are reached.
type S3 struct {
	Endpoint  string `yaml:"endpoint"`
	Region    string `yaml:"region"`
	PathStyle bool   `yaml:"path_style"`
	AccessKey string `yaml:"access_key"`
	SecretKey Secret `yaml:"secret_key"`
}

// Table is one entry of tables: which topics go where, and how.
type Table struct {
	Topics       []Topic           `yaml:"topics"`
	Table        string            `yaml:"table"` // may hold {topic}
	Branch       string            `yaml:"branch"`
	Format       string            `yaml:"format"`
	Create       *Create           `yaml:"create"` // nil: the table must exist
	Columns      map[string]Column `yaml:"columns"`
	KafkaColumns []string          `yaml:"kafka_columns"`
	OnBadRecord  string            `yaml:"on_bad_record"`
	MaxBadShare  Share             `yaml:"max_bad_share"`
	DeadLetters  string            `yaml:"dead_letters"`
}

// TopicPlaceholder is replaced by the topic's name in Table.Table and Table.DeadLetters.
const TopicPlaceholder = "{topic}"

// NameFor is the table that records of topic go to.
func (t Table) NameFor(topic string) string {
	return strings.ReplaceAll(t.Table, TopicPlaceholder, topic)
}

// LettersFor is the table that dead letters of topic go to.
func (t Table) LettersFor(topic string) string {
	return strings.ReplaceAll(t.DeadLetters, TopicPlaceholder, topic)
}

// PerTopic tells whether every topic has a table of its own.
func (t Table) PerTopic() bool { return strings.Contains(t.Table, TopicPlaceholder) }

// Claims tells whether records of topic belong to this entry.
func (t Table) Claims(topic string) bool {
	for _, w := range t.Topics {
		if w.Matches(topic) {
			return true
		}
	}
	return false
}

// Topic is a name, or a pattern that whole names match.
type Topic struct {
	Name    string         // empty if it is a pattern
	Pattern *regexp.Regexp // anchored at both ends; nil if it is a name
	Text    string         // as written: orders, /orders-.*/
}

// Matches tells whether the topic is meant.
func (t Topic) Matches(topic string) bool {
	if t.Pattern != nil {
		return t.Pattern.MatchString(topic)
	}
	return t.Name == topic
}

func (t Topic) String() string { return t.Text }

// Create is how a missing table is made.
type Create struct {
	Columns     []CreateColumn    `yaml:"columns"`
	PartitionBy []string          `yaml:"partition_by"`
	Properties  map[string]string `yaml:"properties"`
}

// CreateColumn is one column of a table to be made.
type CreateColumn struct {
	Name     string `yaml:"name"`
	Type     string `yaml:"type"`
	Required bool   `yaml:"required"`
	Doc      string `yaml:"doc"`
}

// Column is how the values of one column are read.
type Column struct {
	Unit string `yaml:"unit"`
	Zone string `yaml:"zone"`
}

// Commit is when batches are committed, and what is kept of the past.
type Commit struct {
	Every          Duration `yaml:"every"`
	TargetFileSize Size     `yaml:"target_file_size"`
	History        History  `yaml:"history"`
}

// History is what our commits keep of a table's snapshots.
type History struct {
	Age       Duration `yaml:"age"`
	Snapshots int      `yaml:"snapshots"`
	Bytes     Size     `yaml:"bytes"`
}

// Policy is what to do where the table or the log leaves no certain answer.
type Policy struct {
	Rollback       string `yaml:"rollback"`
	Gap            string `yaml:"gap"`
	Truncation     string `yaml:"truncation"`
	TopicRecreated string `yaml:"topic_recreated"`
	NewSink        string `yaml:"new_sink"`
}

// IsSet tells whether the file itself gives the key, as in "commit.history.age" or "tables[0].branch"; false
// means that the value is a default.
func (c *Config) IsSet(path string) bool { _, ok := c.at[path]; return ok }

// File is the name of the file that was read.
func (c *Config) File() string { return c.file }
