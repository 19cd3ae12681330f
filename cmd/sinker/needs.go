package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/sinker-io/sinker/config"
)

// needs are the permissions that run needs for one configuration; docs/permissions.md explains each.
type needs struct {
	Kafka   []string `json:"kafka"`
	Storage []string `json:"storage"`
	Catalog []string `json:"catalog"`
}

func needsOf(c *config.Config) needs {
	return needs{Kafka: kafkaNeeds(c), Storage: storageNeeds(c), Catalog: catalogNeeds(c)}
}

func kafkaNeeds(c *config.Config) []string {
	var out []string
	for _, t := range c.Tables {
		for _, topic := range t.Topics {
			if topic.Pattern == nil {
				out = append(out, fmt.Sprintf("READ, DESCRIBE on topic %s (DESCRIBE_CONFIGS: optional)", topic.Name))
				continue
			}
			prefix, _ := plainPrefix(topic.Text)
			on := "every topic that matches " + topic.Text
			if prefix != "" {
				on = fmt.Sprintf("topics with the prefix %s, for %s", prefix, topic.Text)
			}
			out = append(out, fmt.Sprintf("READ, DESCRIBE on %s (DESCRIBE_CONFIGS: optional)", on))
		}
	}
	out = append(out, fmt.Sprintf("READ, DESCRIBE on group %s", c.Kafka.Group))
	return append(out, "nothing on the cluster")
}

// plainPrefix is what every name that matches the /pattern/ begins with.
func plainPrefix(pattern string) (string, bool) {
	body := strings.Trim(pattern, "/")
	end := strings.IndexAny(body, `\.+*?()|[]{}^$`)
	if end < 0 {
		return body, true
	}
	if end > 0 && strings.ContainsAny(body[end:end+1], "*?{") {
		end-- // the letter before it may be missing
	}
	if strings.Contains(body, "|") {
		return "", false
	}
	return body[:end], end > 0
}

func storageNeeds(c *config.Config) []string {
	w := c.Catalog.Warehouse
	switch {
	case strings.HasPrefix(w, "s3://"):
		u, err := url.Parse(w)
		if err != nil {
			return nil
		}
		prefix := strings.Trim(u.Path, "/")
		if prefix != "" {
			prefix += "/"
		}
		objects := "arn:aws:s3:::" + u.Host + "/" + prefix + "*"
		out := []string{
			"s3:GetObject, s3:PutObject, s3:AbortMultipartUpload, s3:ListMultipartUploadParts on " + objects,
			"s3:ListBucket on arn:aws:s3:::" + u.Host + " (without it a missing object looks like a denied one)",
			"s3:DeleteObject on " + objects + ": optional, to clear away files of batches that were given up",
		}
		if c.Catalog.Type == "sql" {
			out[2] += ", and old metadata files where write.metadata.delete-after-commit.enabled is set"
		}
		return append(out, "the same on the locations of tables that lie elsewhere")
	case strings.HasPrefix(w, "file://"):
		return []string{"read, write and make folders under " + strings.TrimPrefix(w, "file://")}
	}
	return []string{"read and write of objects under the locations of the tables, or credentials that the catalog hands out"}
}

func catalogNeeds(c *config.Config) []string {
	creates, letters := false, ""
	for _, t := range c.Tables {
		creates = creates || t.Create != nil || keepsLetters(t)
		if keepsLetters(t) {
			letters = ", and the tables of dead letters"
		}
	}
	if c.Catalog.Type == "sql" {
		out := []string{"SELECT, UPDATE on iceberg_tables; SELECT on iceberg_namespace_properties"}
		if creates {
			out = append(out, "INSERT on both, to create tables")
		}
		return append(out, "CREATE TABLE once, where the two catalog tables are missing", "INSERT, DELETE on both for check --probe")
	}
	out := []string{"load and commit the tables named in the configuration" + letters}
	if creates {
		out = append(out, "create tables, and namespaces where they are missing")
	}
	return append(out, "create and drop a table and a namespace for check --probe")
}
