package config

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// planted are secrets; each is found by its letters wherever it leaks.
var planted = map[string]string{
	"KAFKA": "plantedkafka", "CLIENT": "plantedclient", "S3": "planteds3key", "TOKEN": "plantedtoken", "CRED": "me:plantedcred", "PG": "plantedpg",
}

func plantedEnv(name string) (string, bool) { v, ok := planted[name]; return v, ok }

const secretive = `sink: orders
kafka:
  brokers: ["127.0.0.1:9092"]
  sasl: {mechanism: SCRAM-SHA-512, username: u, password: "${KAFKA}"}
catalog:
  type: sql
  uri: "postgres://sinker:${PG}@db.example:5432/iceberg?sslmode=require&password=plantedquery"
  warehouse: s3://lake/warehouse
  properties: {token: "${TOKEN}", credential: "${CRED}", oauth2-server-uri: "https://u:plantedoauth@h/token", prefix: lake}
s3: {endpoint: "http://127.0.0.1:9000", access_key: minio, secret_key: "${S3}"}
tables:
  - {topics: [orders], table: shop.orders, format: json}
`

func TestSecrets_AppearInNoFormOfAConfig(t *testing.T) {
	c, err := Parse("f", []byte(secretive), plantedEnv, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Kafka.SASL.Password.Reveal() != "plantedkafka" || c.Catalog.Properties.Reveal()["token"] != "plantedtoken" || !strings.Contains(c.Catalog.URI.Reveal(), "plantedpg@") {
		t.Fatal("the secrets did not arrive at all")
	}
	hidden := struct{ inner any }{*c} // fmt cannot call methods of what is in here
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "password", c.Kafka.SASL.Password, "uri", c.Catalog.URI, "props", c.Catalog.Properties, "sasl", c.Kafka.SASL, "catalog", c.Catalog)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "password", c.Kafka.SASL.Password, "uri", c.Catalog.URI, "props", c.Catalog.Properties, "sasl", c.Kafka.SASL, "catalog", c.Catalog)
	forms := map[string]string{
		"json": string(asJSON), "yaml": string(asYAML), "log": log.String(),
		"%v": fmt.Sprintf("%v %+v %#v %s", c, c, c, c), "value": fmt.Sprintf("%v %+v %#v", *c, *c, *c),
		"parts":  fmt.Sprintf("%+v %#v %+v %#v %+v %x %q", c.Kafka.SASL, *c.Kafka.SASL, c.Catalog, c.Catalog, c.S3, c.Kafka.SASL.Password, c.Catalog.Properties),
		"hidden": fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden),
	}
	for name, text := range forms {
		if strings.Contains(text, "planted") {
			t.Errorf("the form %s holds a secret:\n%s", name, text)
		}
	}
	if !strings.Contains(forms["json"], "postgres://sinker:(secret)@db.example:5432/iceberg?sslmode=require&password=(secret)") {
		t.Errorf("the address is not readable any more:\n%s", forms["json"])
	}
	if got := strings.Join(c.Secrets(), " "); !strings.Contains(got, "plantedcred") || !strings.Contains(got, "plantedpg") || !strings.Contains(got, "planteds3key") {
		t.Errorf("Secrets does not list them all: %d found", len(c.Secrets()))
	}
}

// Whatever is wrong with a file, its secrets are not quoted: each line of the file is broken in turn, in several ways.
func TestSecrets_AppearInNoFault(t *testing.T) {
	text := strings.NewReplacer("${KAFKA}", "plantedkafka", "${PG}", "plantedpg", "${TOKEN}", "plantedtoken", "${CRED}", "me:plantedcred", "${S3}", "planteds3key").Replace(secretive)
	broken := []string{text, secretive}
	for i, l := range strings.Split(text, "\n") {
		lines := strings.Split(text, "\n")
		for _, to := range []string{strings.ReplaceAll(l, `"`, ""), strings.ReplaceAll(l, ": ", ":"), strings.Replace(l, `"`, "", 1), strings.ReplaceAll(l, "}", ""), l + ": x",
			strings.ReplaceAll(l, "planted", `\planted`), strings.ReplaceAll(l, "://", ":/"), strings.ReplaceAll(l, "@", "@@ %zz"), strings.ReplaceAll(l, "sql", "rest"), strings.ReplaceAll(l, "{", "["),
			strings.ReplaceAll(l, "SCRAM-SHA-512", "OAUTHBEARER"), strings.ReplaceAll(l, "${", "$"), strings.ReplaceAll(l, "postgres:", "mysql:"), strings.ReplaceAll(l, `"planted`, `"${`), "\t" + l} {
			lines[i] = to
			broken = append(broken, strings.Join(lines, "\n"))
		}
	}
	faults := 0
	for _, b := range broken {
		c, err := Parse("f", []byte(b), plantedEnv, nil)
		if err == nil {
			if strings.Contains(c.String(), "planted") {
				t.Errorf("a changed file prints a secret:\n%s\n%s", b, c)
			}
			continue
		}
		faults++
		if strings.Contains(err.Error(), "planted") {
			t.Errorf("a fault quotes a secret: %v", err)
		}
	}
	if faults < 50 {
		t.Errorf("only %d of %d broken files have faults: the test breaks too little", faults, len(broken))
	}
}
