package judge

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/sinker-io/sinker/testenv/real"
)

// locate asks a catalog, in its own words, for the metadata file of a table.
func locate(ctx context.Context, c real.Catalog, name string) (string, error) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return "", fmt.Errorf("locate %s: want namespace.table", name)
	}
	find := locateREST
	if c.Type == "sql" {
		find = locateSQL
	}
	location, err := find(ctx, c, name[:dot], name[dot+1:])
	if err != nil {
		return "", fmt.Errorf("locate %s: %w", name, err)
	}
	return location, nil
}

func locateREST(ctx context.Context, c real.Catalog, namespace, table string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	address := fmt.Sprintf("%s/v1/namespaces/%s/tables/%s", c.URI, url.PathEscape(namespace), url.PathEscape(table))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("GET %s: %s: %s", address, resp.Status, end(body, 500))
	}
	var loaded struct {
		Location string `json:"metadata-location"`
	}
	if err := json.Unmarshal(body, &loaded); err != nil {
		return "", err
	}
	return loaded.Location, nil
}

func locateSQL(ctx context.Context, c real.Catalog, namespace, table string) (string, error) {
	driver, address := "pgx", c.URI
	if path, ok := strings.CutPrefix(c.URI, "sqlite:"); ok {
		driver, address = "sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var location string
	err = db.QueryRowContext(ctx, "SELECT metadata_location FROM iceberg_tables WHERE catalog_name = 'ice' AND table_namespace = $1 AND table_name = $2",
		namespace, table).Scan(&location)
	return location, err
}
